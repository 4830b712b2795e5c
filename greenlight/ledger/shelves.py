"""A local table of what the shelves hold: from a packet's tree or commit to its commit.

``greenlight/shelves.sqlite``, bound to the tip of each shelf; only what is new is
read.  Like the snapshot it is never evidence: it can be deleted at any time, and
the packet that it leads to is verified by its bytes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass

from greenlight.errors import StoreError
from greenlight.model.finding import Finding
from greenlight.model.words import run_of
from greenlight.store.repository import Store
from greenlight.store.shelf import PREFIX, ShelfEntry, read_shelf

_SCHEMA = """
CREATE TABLE IF NOT EXISTS tips (ref TEXT PRIMARY KEY, tip TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS shelved (
    ref TEXT NOT NULL,
    place INTEGER NOT NULL,
    tree TEXT NOT NULL,
    packet TEXT NOT NULL,
    run TEXT NOT NULL,
    packet_commit TEXT NOT NULL,
    PRIMARY KEY (ref, place)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS by_tree ON shelved (tree);
CREATE INDEX IF NOT EXISTS by_packet ON shelved (packet);
CREATE INDEX IF NOT EXISTS by_run ON shelved (run);
CREATE INDEX IF NOT EXISTS by_commit ON shelved (packet_commit);
"""
# A look into each index: of one condition with OR, the order would make a walk of the whole table.
_FIND = """
WITH found (ref, place) AS (
    SELECT ref, place FROM shelved WHERE tree >= ? AND tree < ?
    UNION SELECT ref, place FROM shelved WHERE packet >= ? AND packet < ?
    UNION SELECT ref, place FROM shelved WHERE run >= ? AND run < ?
    UNION SELECT ref, place FROM shelved WHERE packet_commit >= ? AND packet_commit < ?
)
SELECT tree, packet, packet_commit FROM found JOIN shelved USING (ref, place)
ORDER BY ref DESC, place DESC
"""
_END = chr(0x10FFFF)  # after every character that can follow a prefix


@dataclass(frozen=True, slots=True)
class Shelved:
    """What a search of the shelves gave.

    Attributes:
        entries: What fits, newest first; more than one where a packet was shelved again.
        problems: Shelves that hold something else: SHELF_MALFORMED.
    """

    entries: tuple[ShelfEntry, ...]
    problems: tuple[Finding, ...]


def find_shelved(store: Store, prefix: str) -> Shelved:
    """Return what the shelves hold whose tree, id, run or commit begins with ``prefix``.

    A tree may be given with or without ``sha256:``.

    Raises:
        StoreError: A ref cannot be read.
    """
    return find_each(store, [prefix])[0]


def find_each(store: Store, prefixes: Sequence[str]) -> list[Shelved]:
    """Return what ``find_shelved`` would for each of these, from one look at the shelves.

    Raises:
        StoreError: A ref cannot be read.
    """
    path = store.own_dir / "shelves.sqlite"
    for _ in range(2):
        with suppress(sqlite3.Error):
            return _find(store, str(path), prefixes)
        with suppress(OSError, StoreError):
            path.unlink(missing_ok=True)  # damaged: it holds nothing that cannot be read again
            store.make_own_dir()
    # Nothing can be written here, as in an archive mounted to be read: answer all the same.
    return _find(store, ":memory:", prefixes)


def _find(store: Store, path: str, prefixes: Sequence[str]) -> list[Shelved]:
    with closing(sqlite3.connect(path, timeout=5.0)) as base:
        base.execute("PRAGMA synchronous = OFF")  # what a power cut tears is built again
        base.executescript(_SCHEMA)
        with base:
            # One reader at a time brings it up to date.
            base.execute("BEGIN IMMEDIATE")
            problems = _refresh(store, base)
        found = []
        for prefix in prefixes:
            tree = prefix if prefix.startswith("sha256:") else f"sha256:{prefix}"
            rows = base.execute(_FIND, (tree, tree + _END, *3 * (prefix, prefix + _END)))
            found.append(Shelved(tuple(ShelfEntry(*row) for row in rows), tuple(problems)))
        return found


def _refresh(store: Store, base: sqlite3.Connection) -> list[Finding]:
    problems: list[Finding] = []
    tips = store.refs.list(PREFIX)
    known = dict(base.execute("SELECT ref, tip FROM tips").fetchall())
    for ref in known.keys() - tips.keys():
        _forget(base, ref)
    for ref, tip in tips.items():
        if known.get(ref) != tip:
            problems += _read_on(store, base, ref, tip, known.get(ref))
    return problems


def _read_on(
    store: Store, base: sqlite3.Connection, ref: str, tip: str, known: str | None
) -> list[Finding]:
    """Read a shelf from its tip to what is known of it, or to its end."""
    shelf = read_shelf(store, ref, tip, stop=known)
    if not shelf.stopped:
        _forget(base, ref)  # a shelf may be rewritten: what was known is no part of it
    (place,) = base.execute(
        "SELECT coalesce(max(place), 0) FROM shelved WHERE ref = ?", (ref,)
    ).fetchone()
    base.executemany(
        "INSERT INTO shelved VALUES (?, ?, ?, ?, ?, ?)",
        (
            (
                ref,
                place + number,
                entry.packet_tree,
                entry.packet_id,
                run_of(entry.packet_id),
                entry.commit,
            )
            for number, entry in enumerate(reversed(shelf.entries), 1)
        ),
    )
    if not shelf.problems:  # an odd shelf is read again each time, so that it is said each time
        base.execute("INSERT OR REPLACE INTO tips VALUES (?, ?)", (ref, tip))
    return list(shelf.problems)


def _forget(base: sqlite3.Connection, ref: str) -> None:
    base.execute("DELETE FROM shelved WHERE ref = ?", (ref,))
    base.execute("DELETE FROM tips WHERE ref = ?", (ref,))
