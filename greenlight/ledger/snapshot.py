"""What this machine read and checked of its ledger, kept: reading goes on from here.

``greenlight/ledger-<hex>.sqlite`` holds the fold up to one ledger commit, and is bound
to it (docs/adr/0021-reading-goes-on.md).  It is never evidence.  Absent, damaged, of another
version or of another ledger, it is made again from the records; nothing is lost with it.

It is made beside and moved into place under a name of its own, so that no journal of
another file is ever taken for its own; what is added later is added in one synced
transaction, after the ref moved.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

from greenlight.errors import GreenlightError, StoreError
from greenlight.ledger.base import Base, Row, Tables, checksum, connect
from greenlight.ledger.hashes import HASH_SCHEMA, Hashes, HashTable, insert_hashes
from greenlight.ledger.peek import PATTERN
from greenlight.ledger.places import Place, Places
from greenlight.ledger.sieve import Sieve
from greenlight.ledger.tables import (
    PACKET_COLUMNS,
    SCHEMA,
    PlaceTable,
    fact_rows,
    packet_rows,
    place_row,
    state_on,
)
from greenlight.model.head import decode_frontier
from greenlight.model.record import Links
from greenlight.model.state import LedgerState
from greenlight.model.trust import TrustRoot
from greenlight.primitives.limits import MAX_INT64
from greenlight.primitives.timestamp import format_micros, parse_micros
from greenlight.store.durable import locked, sync_directory, sync_file, unique_name
from greenlight.store.repository import Store
from greenlight.verify.ledger import Tip

VERSION: Final = "5"
_BOUND_COLUMNS: Final = 10
_CHUNK: Final = 512  # places written at a time
_CACHE_KIB: Final = 32 * 1024  # of tables in the making: rows go in at any place of them


class UnkeptError(Exception):
    """Tables cannot be written here: the disk is full, or it is mounted to be read."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A ledger as it was read up to one commit.

    Attributes:
        ref: Where it lay.
        commit: The last commit that was read.
        tip: Where the next record goes.
        state: The fold of its records, on the tables.
        places: Its commits, on the tables.
        hashes: Its Merkle tree, on the tables.
        base: The tables.
    """

    ref: str
    commit: str
    tip: Tip
    state: LedgerState
    places: Places
    hashes: Hashes
    base: Base


def open_snapshot(store: Store, again: Callable[[str, str], Base]) -> Kept | None:
    """Return what is kept of the store's ledger, or None.

    Args:
        store: Where the ledger lies.
        again: Reads a ledger anew, given its ref and the commit where it ends.
    """
    for path in _newest_first(store):
        with suppress(sqlite3.Error, GreenlightError, ValueError, OSError):
            connection = connect(path)
            try:
                (row,) = connection.execute("SELECT * FROM bound").fetchall()
                found = _read_bound(row, connection, path, again)
            except (sqlite3.Error, GreenlightError, ValueError):
                connection.close()
                raise
            # Its journal goes after it: whoever still finds it has read it whole.
            if path.exists():
                return found
    return None


def _newest_first(store: Store) -> list[Path]:
    try:
        found = [(path.stat().st_mtime_ns, path) for path in store.own_dir.glob(PATTERN)]
    except OSError:
        return []
    return [path for _, path in sorted(found, reverse=True)]


def _read_bound(
    row: Row,
    connection: sqlite3.Connection,
    path: Path,
    again: Callable[[str, str], Base],
) -> Kept:
    if len(row) != _BOUND_COLUMNS + 1 or row[0] != VERSION or row[-1] != checksum(row[:-1]):
        raise ValueError(VERSION)
    _, ref, commit, _, origin, _, _, _, time, trust = map(str, row[:-1])
    size, frontier, sha512, blake2b = row[3], *row[5:8]
    tip = Tip(
        origin=origin,
        frontier=decode_frontier(cast("bytes", frontier)),
        links=Links(cast("bytes", sha512), cast("bytes", blake2b)),
        time=parse_micros(time),
    )
    if tip.size != size:
        raise ValueError(size)
    base = Base(Tables(connection, path), tip.size, lambda: again(ref, commit))
    state = state_on(base, time=tip.time, trust=_trust(trust))
    return Kept(ref, commit, tip, state, Places(PlaceTable(base)), Hashes(HashTable(base)), base)


def _trust(text: str) -> TrustRoot | None:
    return TrustRoot.from_body(json.loads(text)) if text else None


def _bound_row(ref: str, commit: str, tip: Tip, trust: TrustRoot | None) -> Row:
    row = (
        VERSION,
        ref,
        commit,
        tip.size,
        tip.origin,
        tip.frontier_bytes,
        tip.links.sha512,
        tip.links.blake2b,
        format_micros(tip.time) if tip.time is not None else "",
        "" if trust is None else json.dumps(trust.to_body()),
    )
    return *row, checksum(row)


def extend(before: Kept, after: Kept) -> None:
    """Add to a snapshot what was read or appended since; what cannot be done is left out.

    Args:
        before: What is kept, unless somebody else has added to it.
        after: The ledger, on the tables of ``before``.
    """
    path = before.base.tables.path
    if path is None:
        return
    with suppress(sqlite3.Error, OSError, StoreError), _dropping(path):
        connection = before.base.tables.connection
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("BEGIN IMMEDIATE")
        try:
            bound = connection.execute("SELECT ledger_commit, size FROM bound").fetchall()
            if bound == [(before.commit, before.tip.size)]:
                _insert_places(connection, after.places.new)
                _insert_state(connection, after.state)
                insert_hashes(connection, after.hashes)
                _bind(connection, after.ref, after.commit, after.tip, after.state.trust)
                connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")


@contextmanager
def _dropping(path: Path) -> Iterator[None]:
    """Remove tables of which the system refused a write or a sync.

    What SQLite rolls back it syncs again, and the kernel may report the second try as a success
    with pages that are lost.  Nobody needs such tables: the records are read again.
    """
    try:
        yield
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_IOERR:
            path.unlink(missing_ok=True)
            path.with_name(f"{path.name}-journal").unlink(missing_ok=True)
        raise


def _insert_places(connection: sqlite3.Connection, places: Iterable[Place]) -> None:
    connection.executemany("INSERT INTO places VALUES (?, ?, ?, ?, ?, ?)", map(place_row, places))


def _insert_state(
    connection: sqlite3.Connection, state: LedgerState, sieve: Sieve | None = None
) -> None:
    facts = sorted(fact_rows(state))  # in the order of their table, which grows faster so
    packets = list(packet_rows(state))
    if sieve is not None:
        for kind, key, *_ in facts:
            sieve.add(str(kind), str(key))
        for _, packet, tree, *_ in packets:
            sieve.add("packet", str(packet))
            sieve.add("tree", str(tree))
    connection.executemany("INSERT INTO facts VALUES (?, ?, ?, ?, ?)", facts)
    marks = ", ".join("?" * len(PACKET_COLUMNS.split(", ")))
    connection.executemany(
        f"INSERT INTO packets ({PACKET_COLUMNS}) VALUES ({marks})",  # noqa: S608 - our own columns
        packets,
    )


def _bind(
    connection: sqlite3.Connection, ref: str, commit: str, tip: Tip, trust: TrustRoot | None
) -> None:
    connection.execute("DELETE FROM bound")
    row = _bound_row(ref, commit, tip, trust)
    connection.execute(f"INSERT INTO bound VALUES ({', '.join('?' * len(row))})", row)  # noqa: S608 - marks alone


class Making(AbstractContextManager["Making"]):
    """Tables in the making, for a ledger that is read from its beginning.

    They go away with this, unless they were kept; what stands on them can be read on.

    Attributes:
        path: Where they are until they are kept; None in a temporary file.
        hashes: The Merkle tree so far.
        records: How many there will be.

    Args:
        store: Whose ledger it is.
        beside: Whether they are made where they can be kept; else in a temporary file that
            SQLite makes where the system has such files.

    Raises:
        UnkeptError: They cannot be written there; so does every method.
    """

    def __init__(self, store: Store, *, beside: bool) -> None:
        self._store = store
        self.path: Path | None = None
        with _writing():
            if beside:
                self.path = store.own_dir / unique_name("tmp-ledger-")
            self.connection = sqlite3.connect(
                "" if self.path is None else self.path,
                isolation_level=None,
                check_same_thread=False,
            )
            try:
                # A file that is not whole is never seen, so nothing can be torn here.
                self.connection.execute("PRAGMA journal_mode = OFF")
                self.connection.execute("PRAGMA synchronous = OFF")
                self.connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
                self.connection.executescript(SCHEMA + HASH_SCHEMA)
                self.connection.execute("BEGIN")
            except sqlite3.Error:
                self._discard()
                raise
        self._tables = Tables(self.connection, None)
        self.hashes = Hashes()
        self.records = 0
        self._sieve = Sieve(0)

    def add_places(self, places: Iterable[Place]) -> None:
        """Write down where records lie, all of them, in any order."""
        chunk: list[Place] = []
        for place in places:
            chunk.append(place)
            self.records += place.count
            if len(chunk) == _CHUNK:
                self._add(chunk)
                chunk.clear()
        self._add(chunk)
        self._sieve = Sieve(self.records)

    def _add(self, places: list[Place]) -> None:
        with _writing():
            _insert_places(self.connection, places)

    @property
    def places(self) -> Places:
        """What was written down of where records lie."""
        return self._places(Base(self._tables, MAX_INT64))

    def _places(self, base: Base) -> Places:
        return Places(PlaceTable(base))

    def hash_in(self, leaves: Iterable[bytes]) -> None:
        """Write down the leaf hashes of the records that follow."""
        hashes = self.hashes.followed_by(leaves)
        with _writing():
            insert_hashes(self.connection, hashes)
        self.hashes = Hashes(HashTable(Base(self._tables, hashes.size)))

    def fold_in(self, state: LedgerState) -> LedgerState:
        """Write down what is new in a state; return the same state, on the tables."""
        with _writing():
            _insert_state(self.connection, state, self._sieve)
        base = Base(self._tables, state.size, sieve=self._sieve)
        return state_on(base, time=state.time, trust=state.trust)

    def stopped(self, ref: str, commit: str, tip: Tip, state: LedgerState) -> Kept:
        """Return a ledger that is broken, on the tables; it is not kept."""
        base = Base(self._tables, state.size)
        return Kept(ref, commit, tip, state, self.places, self.hashes, base)

    def finish(
        self, ref: str, commit: str, tip: Tip, state: LedgerState, again: Callable[[str, str], Base]
    ) -> Kept:
        """Write down the end; return the ledger on the tables, kept where that can be."""
        with _writing():
            _bind(self.connection, ref, commit, tip, state.trust)
            self.connection.execute("COMMIT")
            self.connection.execute("PRAGMA journal_mode = DELETE")
        tables = self._tables
        path = self._keep()
        if path is not None:
            with suppress(sqlite3.Error):  # under the name by which others know it
                tables = Tables(connect(path), path)
        base = Base(tables, tip.size, lambda: again(ref, commit))
        state = state_on(base, time=state.time, trust=state.trust)
        hashes = Hashes(HashTable(base))
        return Kept(ref, commit, tip, state, self._places(base), hashes, base)

    def _keep(self) -> Path | None:
        """Move the file into place; all others give way."""
        if self.path is None:
            return None
        final = self.path.with_name(f"{unique_name('ledger-')}.sqlite")
        with suppress(OSError, StoreError):
            fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                sync_file(fd)
            finally:
                os.close(fd)
            with locked(self._store.own_dir / "snapshot.lock"):
                self.path.replace(final)
                self.path = None
                forget(self._store, but=final)
            sync_directory(final.parent)
            return final
        return None

    def _discard(self) -> None:
        if self.path is not None:
            with suppress(OSError):
                self.path.unlink(missing_ok=True)

    def __exit__(self, *_: object) -> None:
        self._discard()


def forget(store: Store, *, but: Path | None = None) -> None:
    """Remove the snapshots of a store, each before its journal.

    Raises:
        OSError: The system refused.
    """
    for path in store.own_dir.glob(PATTERN):
        if path != but:
            path.unlink(missing_ok=True)
            path.with_name(f"{path.name}-journal").unlink(missing_ok=True)


@contextmanager
def _writing() -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise UnkeptError(str(error)) from error
