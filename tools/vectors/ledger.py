"""Vectors of the ledger: a good history, and each fault broken into it.

A folder under ``tests/vectors/ledger/`` holds what ``ledger/`` in a packet folder
holds, ``records/<n>.cbor``, ``head`` and ``frontier.cbor``, and ``expected.json``: the
pinned digest, a head seen before, and the findings.  Faults that a chain of records
cannot carry are stores, as the ``git fast-import`` stream ``store.fi``.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from greenlight.codes import Code
from greenlight.model.entry import Body, sign_entry
from greenlight.model.grant import Grant
from greenlight.model.head import Head
from greenlight.model.kinds import ClockCorrected, PacketSealed, RunOpened
from greenlight.model.trust import KeyRoles, Role, TrustRoot
from greenlight.primitives import cbor
from greenlight.primitives.digest import Digest
from greenlight.primitives.ed25519 import SeedSigner
from greenlight.primitives.timestamp import format_micros
from greenlight.verify.ledger import Tip

# Published, and good for nothing else: the seeds are 32 times one byte.
OWNER, EXECUTOR, STRANGER = (SeedSigner(bytes([number]) * 32) for number in range(3))
START = datetime(2026, 1, 31, 23, 59, 59, 123456, tzinfo=UTC)
LANE = "kb-note"
RUN = "0b5c1d2e-3f40-4152-8364-75869708a9ba"
OTHER_RUN = "1b5c1d2e-3f40-4152-8364-75869708a9ba"
TREE = "sha256:6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321"


def trust_root() -> TrustRoot:
    """One owner, one executor."""
    return TrustRoot.make(
        KeyRoles.of(OWNER.public, Role.OWNER), KeyRoles.of(EXECUTOR.public, Role.EXECUTOR)
    )


def grant() -> Grant:
    """Two uses for the executor."""
    return Grant(
        grant="first",
        lane=LANE,
        executor=EXECUTOR.public.uri,
        authority="IMPLEMENTATION_EXECUTION_NO_PRODUCTION",
        delegation="OWNER_TO_EXECUTOR",
        operations=("upload_document",),
        modes=("staging",),
        not_before="",
        expires="2027-01-01T00:00:00Z",
        max_uses=2,
    )


def run_opened(run: str = RUN, use: int = 1) -> RunOpened:
    """A run under the grant, with one ticket."""
    return RunOpened(
        run=run,
        packet=f"{LANE}-{run}",
        lane=LANE,
        mode="staging",
        grant="first",
        use=use,
        lane_digest=str(Digest.of(b"")),
        tickets=("TKT-OBJ-442",),
    )


def packet_sealed(tree: str = TREE) -> PacketSealed:
    """The packet of that run."""
    return PacketSealed(
        packet=f"{LANE}-{RUN}",
        run=RUN,
        lane=LANE,
        mode="staging",
        status="APPLIED_NOT_CLEAN",
        packet_tree=tree,
        statement=str(Digest.of(b"statement")),
        seal=str(Digest.of(b"seal")),
    )


@dataclass(frozen=True)
class Told:
    """A history: its records and what it says of itself."""

    records: tuple[bytes, ...]
    tip: Tip
    head: bytes
    frontier: bytes
    seen: Head | None = None
    pin: Digest | None = None

    def files(self, codes: Sequence[str], voids: Sequence[str]) -> dict[str, bytes]:
        """The files of a vector's folder."""
        seen = self.seen
        expected = {
            "findings": list(codes),
            "pin": str(self.pin or self.tip.head.pin),
            "seen": None if seen is None else base64.b64encode(seen.encode()).decode(),
            "voids": list(voids),
        }
        records = {f"records/{n}.cbor": raw for n, raw in enumerate(self.records)}
        said = {"head": self.head, "frontier.cbor": self.frontier}
        text = json.dumps(expected, indent=2, sort_keys=True) + "\n"
        return {**records, **said, "expected.json": text.encode()}


def tell(*acts: tuple[Body | bytes, SeedSigner], times: Sequence[datetime] = ()) -> Told:
    """Place signed bodies, or bytes as they are, one after the other, a second apart."""
    tip, records = Tip(), []
    for number, (body, signer) in enumerate(acts):
        time = times[number] if times else START + timedelta(seconds=number)
        entry = body
        if not isinstance(entry, bytes):
            uuid = f"{number:08x}-0000-4000-8000-000000000000"
            entry = sign_entry(entry, uuid=uuid, signer=signer)
        raw, tip = tip.place(entry, time)
        records.append(raw)
    return Told(tuple(records), tip, tip.head.encode(), tip.frontier_bytes)


def life() -> Told:
    """Trust, a grant, a run, its packet."""
    return tell(*LIFE)


LIFE: tuple[tuple[Body, SeedSigner], ...] = (
    (trust_root(), OWNER),
    (grant(), OWNER),
    (run_opened(), EXECUTOR),
    (packet_sealed(), EXECUTOR),
)


def edited(told: Told, index: int, change: Callable[[bytes], bytes]) -> Told:
    """Change the bytes of one record and nothing else."""
    records = list(told.records)
    records[index] = change(records[index])
    return replace(told, records=tuple(records))


def _set(key: int, value: object) -> Callable[[bytes], bytes]:
    def change(raw: bytes) -> bytes:
        fields = cbor.decode(raw)
        if not isinstance(fields, dict):
            raise TypeError("a record is a map")
        return cbor.encode({**fields, key: value})

    return change


def _flip(raw: bytes) -> bytes:
    """Flip the last bit: it lies in the entry's signature."""
    return raw[:-1] + bytes([raw[-1] ^ 1])


def _forged() -> tuple[bytes, SeedSigner]:
    raw = sign_entry(grant(), uuid="00000001-0000-4000-8000-000000000000", signer=OWNER)
    return _flip(raw), OWNER


_TWO_LINKS = (Code.LEDGER_LINK_BROKEN, Code.LEDGER_LINK_BROKEN)  # both digests
_BROKEN = (Code.LEDGER_HEAD_MISMATCH, Code.LEDGER_FRONTIER_MISMATCH)


def chains() -> dict[str, dict[str, bytes]]:
    """Every vector that is a chain of records, by folder."""
    good = life()
    tip = good.tip
    past = START - timedelta(days=1)
    fork = tell(*LIFE[:2], (run_opened(OTHER_RUN), EXECUTOR))
    back = tell(*LIFE[:2], times=(START, past))
    not_owner = ClockCorrected(time=format_micros(past))
    shuffled = replace(good, records=(*good.records[:1], *good.records[2:0:-1], good.records[3]))
    cases: list[tuple[str, Told, tuple[Code, ...], tuple[str, ...]]] = [
        ("GOOD__life", good, (), ()),
        (
            "GOOD__clock_corrected_by_an_owner",
            tell(LIFE[0], (not_owner, OWNER), times=(START, past)),
            (),
            (),
        ),
        (
            "LEDGER_RECORD_MALFORMED__trailing_byte",
            edited(good, 3, lambda raw: raw + b"\0"),
            (Code.LEDGER_RECORD_MALFORMED, *_BROKEN),
            (),
        ),
        (
            "LEDGER_RECORD_MALFORMED__short_link",
            edited(good, 3, _set(3, bytes(32))),
            (Code.LEDGER_RECORD_MALFORMED, *_BROKEN),
            (),
        ),
        (
            "UNSUPPORTED_VERSION__record_of_version_2",
            edited(good, 3, _set(1, 2)),
            (Code.UNSUPPORTED_VERSION, *_BROKEN),
            (),
        ),
        (
            "LEDGER_INDEX__index_skipped",
            edited(good, 3, _set(2, 4)),
            (Code.LEDGER_INDEX, *_BROKEN),
            (),
        ),
        (
            "LEDGER_INDEX__two_records_exchanged",
            shuffled,
            (
                *2 * (Code.LEDGER_INDEX, *_TWO_LINKS),
                Code.LEDGER_TIME_BACKWARDS,
                *_TWO_LINKS,
                *_BROKEN,
            ),
            ("ENTRY_VOID:DELEGATION_MISSING", "ENTRY_VOID:RUN_NOT_OPENED"),
        ),
        (
            "LEDGER_LINK_BROKEN__sha512",
            edited(good, 3, _set(3, bytes(64))),
            (Code.LEDGER_LINK_BROKEN, *_BROKEN),
            (),
        ),
        (
            "LEDGER_LINK_BROKEN__blake2b",
            edited(good, 3, _set(4, bytes(32))),
            (Code.LEDGER_LINK_BROKEN, *_BROKEN),
            (),
        ),
        (
            "LEDGER_LINK_BROKEN__bit_of_an_older_record",
            edited(good, 2, _flip),
            (*_TWO_LINKS, *_BROKEN),
            ("ENTRY_VOID", "ENTRY_VOID:RUN_NOT_OPENED"),
        ),
        ("LEDGER_TIME_BACKWARDS__no_correction", back, (Code.LEDGER_TIME_BACKWARDS,), ()),
        (
            "LEDGER_TIME_BACKWARDS__correction_by_no_owner",
            tell(LIFE[0], (not_owner, EXECUTOR), times=(START, past)),
            (Code.LEDGER_TIME_BACKWARDS,),
            ("ENTRY_VOID:TRUST_REFUSED",),
        ),
        (
            "LEDGER_HEAD_MISMATCH__other_root",
            replace(good, head=Head(tip.origin, tip.size, bytes(32)).encode()),
            (Code.LEDGER_HEAD_MISMATCH,),
            (),
        ),
        (
            "LEDGER_HEAD_MISMATCH__other_spelling",
            replace(good, head=good.head.replace(b"\n4\n", b"\n04\n")),
            (Code.LEDGER_HEAD_MISMATCH,),
            (),
        ),
        (
            "LEDGER_HEAD_MISMATCH__last_record_dropped",
            replace(good, records=good.records[:-1]),
            _BROKEN,
            (),
        ),
        (
            "LEDGER_FRONTIER_MISMATCH__of_an_older_size",
            replace(good, frontier=life_of(3).frontier),
            (Code.LEDGER_FRONTIER_MISMATCH,),
            (),
        ),
        (
            "LEDGER_REWOUND__shorter",
            replace(life_of(3), seen=tip.head),
            (Code.LEDGER_REWOUND,),
            (),
        ),
        (
            "LEDGER_REWOUND__another_history",
            replace(fork, seen=life_of(3).tip.head),
            (Code.LEDGER_REWOUND,),
            (),
        ),
        (
            "TRUST_ROOT_MISMATCH__another_ledger",
            replace(good, pin=Digest.of(b"another record 0")),
            (Code.TRUST_ROOT_MISMATCH,),
            (),
        ),
        ("ENTRY_VOID__forged_signature", tell(LIFE[0], _forged()), (), ("ENTRY_VOID",)),
        ("ENTRY_VOID__no_entry", tell(LIFE[0], (b"rubbish", OWNER)), (), ("ENTRY_VOID",)),
        (
            "ENTRY_VOID__unknown_key",
            tell(LIFE[0], (grant(), STRANGER)),
            (),
            ("ENTRY_VOID:TRUST_REFUSED",),
        ),
        (
            "ENTRY_VOID__wrong_role",
            tell(LIFE[0], (grant(), EXECUTOR)),
            (),
            ("ENTRY_VOID:TRUST_REFUSED",),
        ),
        (
            "ENTRY_VOID__ticket_taken",
            tell(*LIFE[:3], (run_opened(OTHER_RUN, use=2), EXECUTOR)),
            (),
            ("ENTRY_VOID:TICKETS_TAKEN",),
        ),
        (
            "ENTRY_VOID__use_beyond_the_grant",
            tell(*LIFE[:2], (run_opened(use=3), EXECUTOR)),
            (),
            ("ENTRY_VOID:GRANT_USED_UP",),
        ),
        (
            "ENTRY_VOID__second_packet_of_a_run",
            tell(*LIFE, (packet_sealed("sha256:" + "9" * 64), EXECUTOR)),
            (),
            ("ENTRY_VOID:PACKET_CONFLICT",),
        ),
    ]
    return {
        name: told.files([code.name for code in codes], voids) for name, told, codes, voids in cases
    }


def life_of(size: int) -> Told:
    """The good history when it had ``size`` records."""
    return tell(*LIFE[:size])


_COMMITTER = "committer A Stranger <stranger@example.org> 1769903999 +0000"


def _stream(*commits: str) -> bytes:
    return "".join(commits).encode()


def _commit(ref: str, mark: int, lines: str = "", message: str = "Say hello") -> str:
    return f"commit {ref}\nmark :{mark}\n{_COMMITTER}\ndata {len(message)}\n{message}\n{lines}\n"


_HELLO = "M 100644 inline hello\ndata 6\nhello\n"
_SHELF = "refs/greenlight/shelf/2026-01"
_LEDGER = "refs/greenlight/ledger"


def stores() -> dict[str, dict[str, bytes]]:
    """Every vector that is a store, by folder."""
    shelf = f"Shelve it\n\nPacket-Tree: {TREE}\nPacket-Id: {LANE}-{RUN}"
    cases = {
        "LEDGER_MALFORMED__an_ordinary_commit": _stream(_commit(_LEDGER, 1, _HELLO)),
        "LEDGER_MALFORMED__records_missing": _stream(
            _commit(
                _LEDGER,
                1,
                "M 100644 inline head\ndata 2\nx\n\nM 100644 inline frontier.cbor\ndata 2\nx\n",
            )
        ),
        "SHELF_MALFORMED__an_ordinary_commit": _stream(_commit(_SHELF, 1, _HELLO)),
        "SHELF_MALFORMED__files_on_a_shelf": _stream(
            _commit("refs/greenlight/aside", 1, _HELLO),
            _commit(_SHELF, 2, f"from :1\n{_HELLO}", shelf),
        ),
        "SHELF_MALFORMED__not_a_packet": _stream(
            _commit("refs/greenlight/aside", 1, _HELLO),
            _commit(_SHELF, 2, "from :1\ndeleteall\n", shelf),
        ),
    }
    return {
        name: {
            "store.fi": stream,
            "expected.json": (
                json.dumps({"findings": [name.partition("__")[0]]}, indent=2) + "\n"
            ).encode(),
        }
        for name, stream in cases.items()
    }


def make() -> dict[str, dict[str, bytes]]:
    """Return the files of every vector of this area, by folder and path."""
    return chains() | stores()
