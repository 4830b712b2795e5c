"""Take a packet out of the store as plain files: ``packet/``, ``seal/`` and ``ledger/``.

The folder is written beside its place, read back and compared, and renamed into place:
it is there whole, or not at all.  ``ledger/`` holds the records about the packet and the
head, unsealed: what a stranger needs who was given the trust root's digest.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from greenlight.codes import Code
from greenlight.errors import MalformedError, RefusedError, StoreError
from greenlight.execution.packet_folder import read_folder
from greenlight.ledger.read import Ledger, read_records
from greenlight.model.doubled import SealDoubled
from greenlight.model.entry import Entry, decode_entry
from greenlight.model.finding import Finding, Report
from greenlight.model.grant import Grant
from greenlight.model.kinds import ClockCorrected, PacketSealed, RunOpened
from greenlight.model.record import decode_record
from greenlight.model.state import LedgerState, RunState
from greenlight.model.statement import Statement
from greenlight.model.trust import TrustRoot
from greenlight.model.words import run_of
from greenlight.primitives.packet_path import collisions, path_problem
from greenlight.primitives.text import escape
from greenlight.services.packets import Located, ledger_of
from greenlight.store.durable import (
    Sink,
    make_directories,
    sync_directory,
    unique_name,
    wrapped,
    write_new_by,
)
from greenlight.store.private import read_private
from greenlight.store.repository import Store


@dataclass(frozen=True, slots=True)
class CheckedOut:
    """A packet as plain files.

    Attributes:
        folder: Where.
        packet_tree: What was read back from there.
        files: Number of files of ``packet/``.
        records: Indexes of the records in ``ledger/``.
    """

    folder: Path
    packet_tree: str
    files: int
    records: tuple[int, ...]

    def to_dict(self) -> dict[str, object]:
        """Return the object that ``--json`` prints."""
        return {
            "folder": str(self.folder),
            "packet_tree": self.packet_tree,
            "files": self.files,
            "records": list(self.records),
        }


def checkout(located: Located, folder: Path, *, store: Store | None) -> CheckedOut:
    """Write a packet into ``folder``, which is new or empty; no file is held in memory.

    Raises:
        RefusedError: CHECKOUT_EXISTS.
        RejectedError: The packet holds what no folder may; the ledger is broken.
        StoreError: IO_NOSPACE, IO_FAILED; nothing is left behind.
    """
    folder = folder.absolute()
    _require_free(folder)
    _require_safe(located)
    ledger = _ledger_files(located, store)
    with _staged(folder) as staged:
        _write(staged / "packet", located.packet.files, located.hand_over)
        for name, files in (("seal", located.packet.seal), ("ledger", ledger)):
            _write_all(staged / name, files)
        _require_same(staged, located, ledger)
    records = sorted(int(Path(path).stem) for path in ledger if path != "head")
    return CheckedOut(folder, located.packet.tree, len(located.packet.files), tuple(records))


def checkout_private(located: Located, folder: Path, *, store: Store | None) -> int:
    """Write what a packet withholds, as far as the store has it, into a new or empty folder.

    Returns:
        Number of files: two for each output, its bytes and its salt.

    Raises:
        RefusedError: CHECKOUT_EXISTS.
        StoreError: PRIVATE_MISSING: nothing of it is here; IO_NOSPACE, IO_FAILED.
        RejectedError: It holds what no folder may.
    """
    folder = folder.absolute()
    _require_free(folder)
    packet_id = _packet_id(located)
    files = read_private(store, packet_id) if store is not None and packet_id else {}
    if not files:
        raise StoreError(
            Code.PRIVATE_MISSING,
            f"what {escape(located.where)} withholds is not here, if it withholds anything",
            hint="git fetch it from where it was made: its ref is refs/greenlight/private/<packet>",
        )
    _require_paths(files)
    with _staged(folder) as staged:
        _write_all(staged, files)
    return len(files)


@contextmanager
def _staged(folder: Path) -> Iterator[Path]:
    """Give a folder beside ``folder`` that takes its place, whole, or leaves nothing."""
    made = make_directories(folder.parent)
    staged = folder.with_name(unique_name(f".{folder.name[:200]}-"))
    try:
        yield staged
        with wrapped(f"write {folder}"):
            staged.replace(folder)  # an empty folder gives way
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    for directory in (*made, folder.parent):
        sync_directory(directory)


def _require_free(folder: Path) -> None:
    with wrapped(f"look at {folder}"):
        taken = os.path.lexists(folder) and (
            folder.is_symlink() or not folder.is_dir() or any(folder.iterdir())
        )
    if taken:
        raise RefusedError(
            Code.CHECKOUT_EXISTS, f"{escape(str(folder))} is there and is not an empty folder"
        )


def _require_safe(located: Located) -> None:
    """Refuse names that would lead out of the folder, before anything is written."""
    Report.of(located.packet.refused).require()
    _require_paths(located.packet.seal)
    _require_paths(located.packet.files)


def _require_paths(paths: Iterable[str]) -> None:
    findings = [
        Finding(problem, escape(path), "a path that every file system can hold", problem.meaning)
        for path in sorted(paths)
        if (problem := path_problem(path)) is not None
    ]
    findings += [
        Finding(Code.PATH_COLLISION, escape(one), "paths that stay two", escape(other))
        for one, other in collisions(paths)
    ]
    Report.of(findings).require()


def _write_all(folder: Path, files: Mapping[str, bytes]) -> None:
    _write(folder, files, lambda path, sink: sink(files[path]))


def _write(folder: Path, paths: Collection[str], copy: Callable[[str, Sink], object]) -> None:
    if not paths:
        return
    with wrapped(f"write {folder}"):
        for path in paths:
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            write_new_by(target, partial(copy, path))
        for directory, _, _ in os.walk(folder):
            sync_directory(Path(directory))


def _require_same(staged: Path, located: Located, ledger: Mapping[str, bytes]) -> None:
    found = read_folder(staged, lambda _: False)
    facts = {path: fact.sha256 for path, fact in found.packet.files.items()}
    wanted = {path: fact.sha256 for path, fact in located.packet.files.items()}
    if (facts, found.packet.seal, found.ledger) != (wanted, dict(located.packet.seal), ledger):
        raise StoreError(
            Code.IO_FAILED, f"{escape(str(staged))}: what was read back is not what was written"
        )


# --- ledger/


def _ledger_files(located: Located, store: Store | None) -> dict[str, bytes]:
    """Return what is recorded about the packet: from the store, or what came along."""
    if not located.commit or store is None:
        return dict(located.ledger)
    ledger = ledger_of(store)
    ledger.require()
    if ledger.commit is None:
        return {}
    records = dict(_about(store, ledger, _packet_id(located)))
    files = {f"records/{index}.cbor": raw for index, raw in records.items()}
    return files | {"head": ledger.head.encode()}


def _packet_id(located: Located) -> str:
    try:
        return Statement.decode(located.packet.seal["statement.cbor"]).packet_id
    except (KeyError, MalformedError):
        return ""  # the packet's own verification says what is wrong with it


def _about(store: Store, ledger: Ledger, packet_id: str) -> Iterator[tuple[int, bytes]]:
    """Yield the records about a packet: trust and clock, the grant of its run, opened, sealed."""
    run = ledger.state.runs.get(run_of(packet_id))
    opened = run if run is not None and run.opened.packet == packet_id else None
    grants = set() if opened is None else {opened.opened.grant}
    for index in sorted(_candidates(ledger.state, packet_id, opened)):
        raw = next(read_records(store, ledger, index, index + 1))
        try:
            entry = decode_entry(decode_record(raw).entry)
        except MalformedError:
            continue
        if _is_about(entry, packet_id, grants):
            yield index, raw


def _candidates(state: LedgerState, packet_id: str, opened: RunState | None) -> Iterator[int]:
    """Yield the indexes of records that may be about a packet: those without effect as well."""
    version = 0 if state.trust is None else state.trust.version
    yield from (state.claims[f"trust/{number}"] for number in range(1, version + 1))
    yield from state.corrections
    yield from (void.index for void in state.voids)
    if packet_id in state.packets:
        packet = state.packets[packet_id]
        yield packet.index
        doubled = state.doubled.get(packet.sealed.packet_tree)
        if doubled is not None:
            yield doubled.index
    if opened is not None:
        yield opened.index
        yield state.grants[opened.opened.grant].index


def _is_about(entry: Entry, packet_id: str, grants: set[str]) -> bool:
    match entry.kind:
        case TrustRoot.KIND | ClockCorrected.KIND:
            return True
        case Grant.KIND:
            return entry.body.get("grant") in grants
        case RunOpened.KIND | PacketSealed.KIND | SealDoubled.KIND:
            return entry.body.get("packet") == packet_id
    return False
