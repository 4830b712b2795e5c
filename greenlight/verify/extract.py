"""The part of a ledger that travels with a packet: ``ledger/`` of a folder.

It has the head, and the records about one packet: the trust root's versions, the grant,
the run, the seal.  So a whole chain can seldom be checked; what is here must fit:

1. nothing but ``head`` and ``records/<index>.cbor``;
2. record 0 is the trust root that was given, and the origin of a head that is here;
3. each record parses and stands under its index, below the head's size;
4. a record carries the digests of the one before, where that one is here; time does not fall
   but by an owner's correction;
5. where every record is here, the head's root is theirs.

Who made the folder chose which records to leave out: a later trust root that takes a key
away, another packet's earlier claim.  Only a ledger itself can say that there is none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from greenlight.codes import Code
from greenlight.errors import MalformedError
from greenlight.model.finding import Finding
from greenlight.model.head import Head
from greenlight.model.record import Links, Record, decode_record
from greenlight.model.state import LedgerState
from greenlight.primitives.digest import Digest
from greenlight.primitives.text import escape
from greenlight.primitives.timestamp import format_micros
from greenlight.verify.fold import fold
from greenlight.verify.ledger import verify_chain

HEAD: Final = "head"
_FOLDER: Final = "records/"


@dataclass(frozen=True, slots=True)
class Extract:
    """What came along.

    Attributes:
        state: The fold of the records that are here.
        records: Their bytes, by index.
    """

    state: LedgerState
    records: Mapping[int, bytes]


def verify_extract(
    files: Mapping[str, bytes], root: Digest
) -> tuple[Extract | None, list[Finding]]:
    """Read the files of ``ledger/`` under a trust root; None where they are of another one."""
    records, findings = _read(files)
    first = records.get(0)
    if first is None or Digest.of(first[1]) != root:
        found = "none" if first is None else str(Digest.of(first[1]))
        wrong = Finding(Code.TRUST_ROOT_MISMATCH, "ledger/records/0.cbor", str(root), found)
        return None, [*findings, wrong]
    ordered = [records[index] for index in sorted(records)]
    state = fold(LedgerState(), (record for record, _ in ordered))
    findings += _follow(ordered, state)
    findings += _head(files.get(HEAD), [raw for _, raw in ordered], max(records), root)
    return Extract(state, {record.index: raw for record, raw in ordered}), findings


def _read(files: Mapping[str, bytes]) -> tuple[dict[int, tuple[Record, bytes]], list[Finding]]:
    records: dict[int, tuple[Record, bytes]] = {}
    findings: list[Finding] = []
    for path, data in sorted(files.items()):
        where = f"ledger/{escape(path)}"
        if path == HEAD:
            continue
        if not path.startswith(_FOLDER):
            wanted = "head and records/ alone"
            findings.append(Finding(Code.FOLDER_MALFORMED, where, wanted, "this"))
            continue
        try:
            record = decode_record(data)
        except MalformedError as error:
            wanted = "records that can be read"
            findings.append(Finding(error.code, where, wanted, escape(str(error))))
            continue
        name = f"{_FOLDER}{record.index}.cbor"
        if path == name:
            records[record.index] = (record, data)
        else:
            findings.append(Finding(Code.LEDGER_INDEX, where, f"ledger/{name}", "another name"))
    return records, findings


def _follow(records: list[tuple[Record, bytes]], state: LedgerState) -> Iterator[Finding]:
    for (one, raw), (other, _) in pairwise(records):
        where = f"ledger/records/{other.index}.cbor"
        if other.index == one.index + 1 and other.previous != Links.of(raw):
            wanted = f"the digests of record {one.index}"
            yield Finding(Code.LEDGER_LINK_BROKEN, where, wanted, "others")
        if other.time < one.time and other.index not in state.corrections:
            last, found = format_micros(one.time), format_micros(other.time)
            yield Finding(Code.LEDGER_TIME_BACKWARDS, where, f"{last} or later", found)


def _head(data: bytes | None, records: list[bytes], last: int, root: Digest) -> list[Finding]:
    if data is None:
        return []  # nothing rests on it: it says how far the ledger was when this was taken
    where = "ledger/head"
    try:
        head = Head.decode(data)
    except MalformedError as error:
        return [Finding(Code.LEDGER_HEAD_MISMATCH, where, "a head", escape(str(error)))]
    if head.pin != root or head.size <= last:
        wanted = f"a head of {root} beyond record {last}"
        found = f"{head.pin}, size {head.size}"
        return [Finding(Code.LEDGER_HEAD_MISMATCH, where, wanted, found)]
    if head.size == len(records):
        return list(verify_chain(records, head=data, pin=root).findings)
    return []
