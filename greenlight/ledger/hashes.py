"""Hashes of a ledger's Merkle tree, kept: any full subtree of it in a few bounded reads.

Kept are the leaf hashes (level 0) and the roots of the full subtrees of 256, 65,536 and
16,777,216 records (levels 8, 16 and 24: the tiles of C2SP tlog-tiles).  A level between is
computed from at most 128 of the level below it that is kept.

A row holds a run of hashes that follow each other and do not cross a tile, so that what is
appended adds a row, and what is read from the beginning takes one row for 256 hashes.  Rows
are only added: a reader at one size asks for no subtree that was not whole at that size.

What comes out is what this machine kept (``ledger.snapshot``), and proves nothing: a proof made
of it is checked against the ledger's root before it is believed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from typing import Final, Protocol, cast

from greenlight.ledger.base import Base, Row, checksum
from greenlight.primitives.merkle import HASH_BYTES, root_of

TILE_LEVELS: Final = 8  # C2SP tlog-tiles: a tile is 256 hashes wide
TILE: Final = 1 << TILE_LEVELS
KEPT_LEVELS: Final = (0, 8, 16, 24)
_MAX_TILES: Final = 16  # held in memory by one reader, 8 KiB each: what one proof takes

HASH_SCHEMA: Final = """
CREATE TABLE hashes (
    level INTEGER NOT NULL,
    first INTEGER NOT NULL,
    hashes BLOB NOT NULL,
    checksum INTEGER NOT NULL,
    PRIMARY KEY (level, first)
) WITHOUT ROWID;
"""


class Earlier(Protocol):
    """Hashes of the first records of a ledger, kept elsewhere; the same for ever."""

    @property
    def size(self) -> int:
        """How many records they are of."""

    def tile(self, level: int, number: int) -> bytes:
        """Return the hashes of one tile of a level that is kept: those that are whole."""


class Hashes:
    """The Merkle tree of a ledger: hashes on a base, and the leaf hashes that came since.

    Args:
        base: Of the first records, or None.
        new: Leaf hashes of the records that follow.
    """

    __slots__ = ("_tiles", "base", "new")

    def __init__(self, base: Earlier | None = None, new: Iterable[bytes] = ()) -> None:
        self.base = base
        self.new = b"".join(new)
        self._tiles: dict[tuple[int, int], bytes] = {}

    @property
    def first(self) -> int:
        """Index of the first record that is not of the base."""
        return 0 if self.base is None else self.base.size

    @property
    def size(self) -> int:
        """Records of the ledger."""
        return self.first + len(self.new) // HASH_BYTES

    def followed_by(self, leaves: Iterable[bytes]) -> Hashes:
        """Return the tree with more leaf hashes behind these."""
        return Hashes(self.base, (self.new, *leaves))

    def subtree(self, level: int, index: int) -> bytes:
        """Return the root of a full subtree.

        Args:
            level: It is over ``2**level`` records; 0 is a leaf hash.
            index: Which one of its level, from 0: its first record is ``index * 2**level``.

        Returns:
            32 bytes (RFC 9162 section 2.1.1).

        Raises:
            IndexError: The ledger has no such subtree, or not all of it.
            StoreError: The tables are damaged, and the ledger cannot be read anew.
        """
        if level < 0 or index < 0 or (index + 1) << level > self.size:
            raise IndexError(f"no subtree {index} of level {level} in {self.size} records")
        below = max(kept for kept in KEPT_LEVELS if kept <= level)
        width = 1 << (level - below)
        return root_of(self._run(below, index * width, width))

    def _run(self, level: int, first: int, count: int) -> Iterator[bytes]:
        """Yield hashes of a level that is kept, which are all whole."""
        at, end = first, first + count
        while at < end:
            number, offset = divmod(at, TILE)
            tile = self._tile(level, number)
            stop = min(end - number * TILE, TILE)
            for place in range(offset * HASH_BYTES, stop * HASH_BYTES, HASH_BYTES):
                yield tile[place : place + HASH_BYTES]
            at = (number + 1) * TILE

    def _tile(self, level: int, number: int) -> bytes:
        found = self._tiles.get((level, number))
        if found is None:
            found = self._make_tile(level, number)
            if len(self._tiles) >= _MAX_TILES:
                self._tiles.pop(next(iter(self._tiles)), None)
            self._tiles[level, number] = found
        return found

    def _make_tile(self, level: int, number: int) -> bytes:
        start = number * TILE
        stop = min(start + TILE, self.size >> level)  # those that are whole
        kept = min(stop, self.first >> level)  # those of the base
        tile = b""
        if self.base is not None and start < kept:
            tile = self.base.tile(level, number)[: (kept - start) * HASH_BYTES]
        at = max(start, kept)
        if level == 0:
            offset = (at - self.first) * HASH_BYTES
            return tile + self.new[offset : offset + (stop - at) * HASH_BYTES]
        roots = (root_of(self._run(level - TILE_LEVELS, n * TILE, TILE)) for n in range(at, stop))
        return tile + b"".join(roots)


class HashTable:
    """Hashes in a snapshot's tables."""

    def __init__(self, base: Base) -> None:
        self._base = base

    @property
    def size(self) -> int:
        return self._base.size

    def tile(self, level: int, number: int) -> bytes:
        start = number * TILE
        whole = min(TILE, (self.size >> level) - start) * HASH_BYTES
        while True:
            rows = self._base.rows(
                "SELECT level, first, hashes, checksum FROM hashes"
                " WHERE level = ? AND first >= ? AND first < ? ORDER BY first",
                level,
                start,
                start + TILE,
            )
            tile = b""
            for _, first, hashes in rows:
                if first == start + len(tile) // HASH_BYTES:
                    tile += cast("bytes", hashes)
            if len(tile) >= whole:
                return tile[:whole]
            self._base.distrust("a hash is missing")  # once; the second time it raises


def insert_hashes(connection: sqlite3.Connection, hashes: Hashes) -> None:
    """Write down what is new in a tree: leaf hashes, and the subtrees that these complete."""
    connection.executemany("INSERT INTO hashes VALUES (?, ?, ?, ?)", list(_rows(hashes)))


def _rows(hashes: Hashes) -> Iterator[Row]:
    for level in KEPT_LEVELS:
        at, end = hashes.first >> level, hashes.size >> level
        while at < end:
            stop = min(end, (at // TILE + 1) * TILE)
            row = (level, at, b"".join(hashes._run(level, at, stop - at)))  # noqa: SLF001 - its own module
            yield *row, checksum(row)
            at = stop
