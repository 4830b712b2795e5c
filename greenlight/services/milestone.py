"""A milestone: a signed tag with its proof pack (requirement C8).

The proof pack is a packet of its own, sealed like any evidence: the release notes, the
artifacts that are archived with it, and for each packet of the milestone what was verified
just now: identity, status, countersignatures, operations, open blockers, and the ledger
records about it, each proven to be in the ledger that the summary names.  The tag names the
proof pack by its tree, so whoever trusts the tag's key can check all of it.
"""

from __future__ import annotations

import base64
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from greenlight.codes import Code
from greenlight.errors import (
    ConflictError,
    GreenlightError,
    MalformedError,
    RefusedError,
    StoreError,
    UsageError,
)
from greenlight.ledger.append import AUTHOR
from greenlight.ledger.read import Ledger
from greenlight.model.state import LedgerState, PacketState
from greenlight.primitives import cjson
from greenlight.primitives.digest import Digest
from greenlight.primitives.ed25519 import Signer
from greenlight.primitives.limits import MIB
from greenlight.primitives.text import escape, find_control
from greenlight.primitives.timestamp import format_micros
from greenlight.services.blockers import blockers_of
from greenlight.services.ledgers import prove_record
from greenlight.services.packets import find_commit, ledger_of, read_commit
from greenlight.services.reading import read_bounded
from greenlight.services.seal_dir import Outside, seal_dir
from greenlight.services.sealing import Sealed
from greenlight.services.verifying import Integrity, Trust, verify_located
from greenlight.store.reach import commit_named
from greenlight.store.repository import Store
from greenlight.store.tags import BEGIN, PREFIX, encode_tag, write_tag

SUMMARY: Final = "proof-pack/summary.json"
NOTES: Final = "release-notes.md"
MAX_NOTES_BYTES: Final = MIB
MAX_PACKETS: Final = 1000  # of one milestone: each is verified

_NAME: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,98}[A-Za-z0-9_-])?")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a milestone shall be.

    Attributes:
        name: Of the tag.
        packets: Names of its packets; all packets of executed runs where there is none.
        notes: File with the release notes, or None.
        artifacts: Files to archive in the proof pack.
        commit: What the tag points to: a revision; HEAD where empty.
    """

    name: str
    packets: tuple[str, ...] = ()
    notes: Path | None = None
    artifacts: tuple[Path, ...] = ()
    commit: str = ""


@dataclass(frozen=True, slots=True)
class Milestone:
    """A milestone that was made.

    Attributes:
        name: Of the tag.
        tag: Object id of the tag.
        target: Object id of the commit it points to.
        pack: The sealed proof pack.
        packets: Ids of its packets.
    """

    name: str
    tag: str
    target: str
    pack: Sealed
    packets: tuple[str, ...] = field(default=())


def make_milestone(
    store: Store, signer: Signer, wanted: Wanted, *, clock: Callable[[], datetime]
) -> Milestone:
    """Verify the packets, seal the proof pack, and tag.

    Raises:
        UsageError: The name is no tag's; no such packet or commit; none at all.
        RefusedError: MILESTONE_EXISTS; MILESTONE_NOT_INTACT: a packet does not verify;
            TRUST_REFUSED: the key is no executor's, who alone seals.
        MalformedError: The notes are no text.
        StoreError: The store does not serve.
    """
    _require_name(store, wanted.name)
    notes = _read_notes(wanted)
    ledger = ledger_of(store)
    ledger.require()
    packets = _packets(store, ledger, wanted.packets)
    summary = _summary(store, ledger, wanted.name, packets)
    target = commit_named(store, wanted.commit or "HEAD")
    if target is None and wanted.commit:
        raise UsageError(Code.USAGE, f"no commit {escape(wanted.commit)} here")
    with tempfile.TemporaryDirectory(prefix="greenlight-") as folder:
        root = Path(folder) / wanted.name
        _lay_out(root, notes, summary, wanted.artifacts)
        _write_records(root, store, ledger, packets)
        around = Outside(store, signer, clock)
        pack = seal_dir(root, around, lane=_lane(wanted.name))
    target = target or pack.commit  # a store of its own has no history to tag but the pack
    message = _message(wanted.name, notes, pack, ledger, packets)
    body = encode_tag(
        target=target,
        name=wanted.name,
        tagger=AUTHOR,
        time=clock(),
        message=message,
        signer=signer,
    )
    try:
        tag = write_tag(store, wanted.name, body)
    except ConflictError as error:
        raise _exists(wanted.name) from error
    names = tuple(packet.sealed.packet for packet in packets)
    return Milestone(wanted.name, tag, target, pack, names)


def _require_name(store: Store, name: str) -> None:
    if not _NAME.fullmatch(name) or ".." in name or name.endswith(".lock"):
        raise UsageError(Code.USAGE, f"not a tag name: {escape(name[:80])}")
    if store.refs.read(f"{PREFIX}{name}") is not None:
        raise _exists(name)


def _exists(name: str) -> RefusedError:
    return RefusedError(Code.MILESTONE_EXISTS, f"there is a tag {name} already; nothing was moved")


def _read_notes(wanted: Wanted) -> str:
    if wanted.notes is None:
        return f"# {wanted.name}\n"
    data = read_bounded(wanted.notes, MAX_NOTES_BYTES)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedError(Code.MALFORMED, "release notes are UTF-8") from error
    if find_control(text, allowed="\n\t") or BEGIN in text or not text.strip():
        raise MalformedError(Code.MALFORMED, "release notes are plain text, and hold no signature")
    return text


def _lane(name: str) -> str:
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    return f"milestone-{slug}"[:128].strip("-")


# --- what it is about


def _packets(store: Store, ledger: Ledger, names: Sequence[str]) -> list[PacketState]:
    state = ledger.state
    if names:
        found = []
        for name in names:
            tree = read_commit(store, find_commit(store, name)).packet.tree
            packet = state.packets.get(state.trees.get(tree, ""))
            if packet is None:
                raise RefusedError(
                    Code.PACKET_NOT_RECORDED, f"{escape(name)} is not in this ledger"
                )
            found.append(packet)
    else:
        found = [
            packet
            for packet in state.packets.values()
            if packet.sealed.packet_tree not in state.purged and packet.sealed.mode != "none"
        ]
    if not 1 <= len(found) <= MAX_PACKETS:
        raise UsageError(
            Code.USAGE, f"1 to {MAX_PACKETS} packets are a milestone, not {len(found)}"
        )
    return sorted({packet.index: packet for packet in found}.values(), key=lambda p: p.index)


def _summary(
    store: Store, ledger: Ledger, name: str, packets: Sequence[PacketState]
) -> dict[str, object]:
    rows = []
    for packet in packets:
        located = read_commit(store, find_commit(store, packet.sealed.packet_tree))
        verdict = verify_located(located, Trust(), store=store)
        if verdict.integrity is not Integrity.INTACT:
            raise RefusedError(
                Code.MILESTONE_NOT_INTACT,
                f"{packet.sealed.packet} is {verdict.integrity}: no milestone stands on it",
                hint=f"greenlight verify {packet.sealed.packet}",
            )
        rows.append(_row(store, ledger.state, packet))
    head = ledger.head
    return {
        "format": 1,
        "kind": "proof-pack-summary",
        "milestone": name,
        "ledger": {
            "origin": head.origin,
            "size": head.size,
            "root": base64.b64encode(head.root).decode("ascii"),
        },
        "trust_root": str(head.pin),
        "packets": rows,
    }


def _row(store: Store, state: LedgerState, packet: PacketState) -> dict[str, object]:
    sealed = packet.sealed
    reviews = [said for (name, _), said in state.countersignatures.items() if name == sealed.packet]
    operations = [s for s in state.operations.values() if s.body.run_id == sealed.run]
    try:
        open_: int | None = sum(each.is_open for each in blockers_of(store, state, packet))
    except GreenlightError:
        open_ = None  # evidence from outside has no map: not known is not none
    return {
        "packet_id": sealed.packet,
        "packet_tree": sealed.packet_tree,
        "statement": sealed.statement,
        "lane": sealed.lane,
        "mode": sealed.mode,
        "status": sealed.status,
        "integrity": Integrity.INTACT.value,
        "record": packet.index,
        "time": format_micros(packet.time),
        "executor": packet.executor,
        "countersignatures": [
            {
                "reviewer": s.actor,
                "verdict": s.body.verdict,
                "replayed": s.body.replayed,
                "record": s.index,
            }
            for s in sorted(reviews, key=lambda said: said.index)
        ],
        "operations": [s.body.to_record() for s in sorted(operations, key=lambda said: said.index)],
        "open_blockers": open_,
    }


# --- the proof pack


def _lay_out(root: Path, notes: str, summary: dict[str, object], artifacts: Iterable[Path]) -> None:
    for name in ("records", "proofs"):
        (root / "proof-pack" / name).mkdir(parents=True)
    (root / NOTES).write_text(notes if notes.endswith("\n") else f"{notes}\n", encoding="utf-8")
    (root / SUMMARY).write_bytes(cjson.encode(summary))
    for path in artifacts:
        target = root / "archived" / path.name
        target.parent.mkdir(exist_ok=True)
        if target.exists():
            raise UsageError(Code.USAGE, f"two artifacts are called {escape(path.name)}")
        try:
            shutil.copyfile(path, target, follow_symlinks=False)
        except OSError as error:
            reason = (error.strerror or "").lower()
            raise StoreError(
                Code.FILE_UNREADABLE, f"cannot read {escape(str(path))}: {reason}"
            ) from error


def _write_records(
    root: Path, store: Store, ledger: Ledger, packets: Sequence[PacketState]
) -> None:
    wanted = {0}  # the trust root that all of it begins with
    for packet in packets:
        wanted.add(packet.index)
        run = ledger.state.runs.get(packet.sealed.run)
        if run is not None:
            wanted.add(run.index)
        wanted |= {
            said.index
            for (name, _), said in ledger.state.countersignatures.items()
            if name == packet.sealed.packet
        }
    for index in sorted(wanted):
        proven = prove_record(store, ledger, index, ledger.tip.size)
        (root / "proof-pack" / "records" / f"{index}.cbor").write_bytes(proven.record)
        said = cjson.encode(proven.to_dict())
        (root / "proof-pack" / "proofs" / f"{index}.json").write_bytes(said)


def _message(
    name: str, notes: str, pack: Sealed, ledger: Ledger, packets: Sequence[PacketState]
) -> str:
    head = ledger.head
    listed = [
        f"{packet.sealed.packet}  {packet.sealed.status}  {packet.sealed.packet_tree}"
        for packet in packets
    ]
    trailers = (
        f"Milestone: {name}",
        f"Proof-Pack: {pack.statement.packet_id}",
        f"Packet-Tree: {pack.packet_tree}",
        f"Statement: {Digest.of(pack.statement.encode())}",
        f"Ledger: {head.origin} {head.size} {base64.b64encode(head.root).decode('ascii')}",
    )
    body = "\n".join((f"{len(packets)} packets, each verified INTACT:", *listed))
    return f"{notes.strip()}\n\n{body}\n\n" + "\n".join(trailers) + "\n"
