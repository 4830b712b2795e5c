"""A local table of packets, for look-ups; never evidence (docs/adr/0010).

``greenlight/projection.sqlite`` is bound to the head it was built from.  Where that is
not the ledger's head, or the file is absent or damaged, it is built again from the
fold; deleting it loses nothing.  It answers "which packet begins with these
characters", and what it answers is then read and verified from the ledger.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import astuple, dataclass
from pathlib import Path

from greenlight.errors import StoreError
from greenlight.ledger.read import Ledger
from greenlight.model.head import Head
from greenlight.model.state import PacketState
from greenlight.primitives.timestamp import format_micros
from greenlight.store.durable import unique_name
from greenlight.store.repository import Store

VERSION = "1"
_SCHEMA = """
CREATE TABLE bound (version TEXT NOT NULL, head BLOB NOT NULL);
CREATE TABLE packets (
    record INTEGER PRIMARY KEY,
    packet TEXT NOT NULL,
    tree TEXT NOT NULL,
    run TEXT NOT NULL,
    lane TEXT NOT NULL,
    mode TEXT NOT NULL,
    status TEXT NOT NULL,
    state TEXT NOT NULL,
    time TEXT NOT NULL,
    ledger_commit TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX by_packet ON packets (packet);
CREATE INDEX by_run ON packets (run);
CREATE INDEX by_tree ON packets (tree);
"""
_COLUMNS = "record, packet, tree, run, lane, mode, status, state, time, ledger_commit"


@dataclass(frozen=True, slots=True)
class Row:
    """A packet as the projection has it.

    Attributes:
        record: Index of its packet.sealed record.
        packet: Id.
        tree: ``sha256:<hex>``.
        run: UUID.
        lane: Slug.
        mode: As sealed.
        status: As sealed.
        state: SEALED or CONFLICT.
        time: Ledger time.
        ledger_commit: The ledger commit that added its record.
    """

    record: int
    packet: str
    tree: str
    run: str
    lane: str
    mode: str
    status: str
    state: str
    time: str
    ledger_commit: str


def update(store: Store, ledger: Ledger, *, before: Head | None) -> None:
    """Bring the projection from ``before`` to ``ledger``; what cannot be done is left out.

    The append is durable by now, so nothing here may make it look failed: a
    projection that could not be written is stale, and built again when it is needed.
    """
    with suppress(sqlite3.Error, OSError, StoreError):
        path = _path(store)
        if before is None or not path.exists():
            _build(path, ledger)
            return
        with closing(_connect(path)) as base:
            if _is_bound(base, before):
                with base:
                    _insert(base, _rows(ledger, before.size))
                    base.execute("UPDATE bound SET head = ?", (ledger.head.encode(),))


def find(store: Store, ledger: Ledger, prefix: str) -> list[Row]:
    """Return the packets whose id, run or tree begins with ``prefix``, by record.

    A tree may be given with or without ``sha256:``.
    """
    end = prefix + chr(0x10FFFF)
    tree = prefix if prefix.startswith("sha256:") else f"sha256:{prefix}"
    return _select(
        store,
        ledger,
        "(packet >= ? AND packet < ?) OR (run >= ? AND run < ?) OR (tree >= ? AND tree < ?)",
        (prefix, end, prefix, end, tree, tree + chr(0x10FFFF)),
    )


def rows(store: Store, ledger: Ledger) -> list[Row]:
    """Return all packets, by record."""
    return _select(store, ledger, "1", ())


def _select(store: Store, ledger: Ledger, where: str, values: tuple[str, ...]) -> list[Row]:
    query = f"SELECT {_COLUMNS} FROM packets WHERE {where} ORDER BY record"  # noqa: S608 - ours
    path = _path(store)
    with suppress(sqlite3.Error), closing(_connect(path)) as base:
        if _is_bound(base, ledger.head):
            return [Row(*row) for row in base.execute(query, values)]
    with suppress(sqlite3.Error, OSError, StoreError):
        store.make_own_dir()
        _build(path, ledger)
        with closing(_connect(path)) as base:
            return [Row(*row) for row in base.execute(query, values)]
    # Nothing can be written here, as in an archive mounted to be read: answer all the same.
    with closing(sqlite3.connect(":memory:")) as base:
        _fill(base, ledger)
        return [Row(*row) for row in base.execute(query, values)]


def _path(store: Store) -> Path:
    return store.own_dir / "projection.sqlite"


def _connect(path: Path) -> sqlite3.Connection:
    base = sqlite3.connect(path, timeout=5.0)
    # Nothing in it is worth a sync: what a power cut tears is built again.
    base.execute("PRAGMA synchronous = OFF")
    return base


def _is_bound(base: sqlite3.Connection, head: Head) -> bool:
    bound = base.execute("SELECT version, head FROM bound").fetchall()
    return bound == [(VERSION, head.encode())]


def _build(path: Path, ledger: Ledger) -> None:
    """Make the file anew, beside, and move it into place."""
    temporary = path.with_name(unique_name("tmp-projection-"))
    try:
        with closing(_connect(temporary)) as base:
            _fill(base, ledger)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _fill(base: sqlite3.Connection, ledger: Ledger) -> None:
    base.executescript(_SCHEMA)
    with base:
        base.execute("INSERT INTO bound VALUES (?, ?)", (VERSION, ledger.head.encode()))
        _insert(base, _rows(ledger, 0))


def _insert(base: sqlite3.Connection, new: Iterator[Row]) -> None:
    marks = ", ".join("?" * len(_COLUMNS.split(", ")))
    base.executemany(
        f"INSERT INTO packets ({_COLUMNS}) VALUES ({marks})",  # noqa: S608 - our own columns
        map(astuple, new),
    )


def _rows(ledger: Ledger, first: int) -> Iterator[Row]:
    for packet in ledger.state.packets.values():
        if packet.index >= first:
            yield _row(ledger, packet, "SEALED")
    for packet in ledger.state.conflicts:
        if packet.index >= first:
            yield _row(ledger, packet, "CONFLICT")


def _row(ledger: Ledger, packet: PacketState, state: str) -> Row:
    sealed = packet.sealed
    return Row(
        record=packet.index,
        packet=sealed.packet,
        tree=sealed.packet_tree,
        run=sealed.run,
        lane=sealed.lane,
        mode=sealed.mode,
        status=sealed.status,
        state=state,
        time=format_micros(packet.time),
        ledger_commit=ledger.place_of(packet.index).commit,
    )
