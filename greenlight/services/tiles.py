"""Export a ledger as static tiles (C2SP tlog-tiles), to any place that fsspec can write to.

``checkpoint``; ``tile/<L>/<N>`` with 256 hashes each, partial ones as ``….p/<W>``;
``tile/entries/<N>`` with the records, each behind its length in two bytes.  A tile that is full
never changes: what is there already is compared, and never written over with something
else.  The checkpoint comes last, so that whoever reads while an export goes on sees a tree
that is all there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import fsspec  # type: ignore[import-untyped]  # it has no types

from greenlight.codes import Code
from greenlight.errors import MalformedError, RefusedError, StoreError
from greenlight.ledger.read import Ledger, read_records
from greenlight.model.checkpoint import Checkpoint
from greenlight.primitives.limits import MAX_NOTE_BYTES
from greenlight.primitives.merkle import HASH_BYTES
from greenlight.primitives.text import escape
from greenlight.services.checkpointing import checkpoints_in, root_of
from greenlight.services.packets import ledger_of
from greenlight.store.repository import Store
from greenlight.verify.checkpoint import check_contained

WIDTH: Final = 256  # hashes of a tile
LEVELS: Final = 8  # of the tree, that a tile spans
MAX_ENTRY: Final = 65_535  # bytes of one record in a bundle: its length takes two


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export did.

    Attributes:
        url: Where to.
        checkpoint: What the export vouches by.
        written: Tiles that were written.
        there: Tiles that were there.
    """

    url: str
    checkpoint: Checkpoint
    written: int
    there: int


def export_tiles(store: Store, url: str) -> Exported:
    """Export the ledger up to its last signed checkpoint.

    Raises:
        RefusedError: CHECKPOINT_UNSIGNED: no log key vouched for it yet; TILES_DIFFER:
            something else is there: nothing more is written.
        MalformedError: A record is larger than a bundle holds.
        RejectedError: The ledger is broken.
        StoreError: The place cannot be written.
    """
    ledger = ledger_of(store)
    ledger.require()
    known = checkpoints_in(ledger.state)
    if not known:
        raise RefusedError(
            Code.CHECKPOINT_UNSIGNED,
            "nobody signed this ledger yet: a static host serves a signed checkpoint",
            hint="greenlight ledger checkpoint, with a log key",
        )
    checkpoint = known[-1][1]
    for finding in check_contained(checkpoint.head, ledger.tip.size, root_of(ledger)):
        raise RefusedError(finding.code, f"expected {finding.expected}, found {finding.found}")
    try:
        place = _Place(url)
        before = place.read("checkpoint", MAX_NOTE_BYTES)
        if before is not None:
            _require_grows(before, checkpoint, ledger)
        written = there = 0
        for path, data in _tiles(store, ledger, checkpoint.head.size):
            if place.put(path, data):
                written += 1
            else:
                there += 1
        place.replace("checkpoint", checkpoint.encode())
    except (OSError, ValueError, ImportError, NotImplementedError) as error:
        raise StoreError(
            Code.IO_FAILED, f"cannot write to {escape(url)}: {escape(str(error))[:300]}"
        ) from error
    return Exported(url, checkpoint, written, there)


def _require_grows(before: bytes, checkpoint: Checkpoint, ledger: Ledger) -> None:
    """Refuse a place that has another ledger's tiles, or a later or other state of this one."""
    try:
        old = Checkpoint.decode(before).head
    except MalformedError as error:
        raise RefusedError(Code.TILES_DIFFER, f"the checkpoint that is there: {error}") from error
    if old.origin != ledger.head.origin or old.size > checkpoint.head.size:
        raise RefusedError(
            Code.TILES_DIFFER,
            f"there is a checkpoint of {old.size} records of {old.origin}",
        )
    for finding in check_contained(old, ledger.tip.size, root_of(ledger)):
        raise RefusedError(
            Code.TILES_DIFFER, f"there: {finding.expected}; in this ledger: {finding.found}"
        )


def _tiles(store: Store, ledger: Ledger, size: int) -> Iterator[tuple[str, bytes]]:
    """Yield the tiles and bundles of a tree of ``size`` leaves, full and partial."""
    level, count = 0, size
    while count:
        for number in range((count + WIDTH - 1) // WIDTH):
            width = min(WIDTH, count - number * WIDTH)
            hashes = b"".join(
                ledger.hashes.subtree(level * LEVELS, number * WIDTH + place)
                for place in range(width)
            )
            if len(hashes) != width * HASH_BYTES:
                raise StoreError(Code.STORE_DAMAGED, "the hashes that are kept here are short")
            yield _path(f"tile/{level}", number, width), hashes
        level, count = level + 1, count // WIDTH
    for number in range((size + WIDTH - 1) // WIDTH):
        first = number * WIDTH
        stop = min(size, first + WIDTH)
        bundle = b"".join(_entry(raw) for raw in read_records(store, ledger, first, stop))
        yield _path("tile/entries", number, stop - first), bundle


def _entry(raw: bytes) -> bytes:
    if len(raw) > MAX_ENTRY:
        raise MalformedError(
            Code.LIMIT_EXCEEDED, f"a record of {len(raw)} bytes does not go into a bundle"
        )
    return len(raw).to_bytes(2, "big") + raw


def _path(prefix: str, number: int, width: int) -> str:
    """Spell a tile's path: three digits a segment, all but the last with an x before them."""
    digits = f"{number % 1000:03d}"
    while number >= 1000:  # noqa: PLR2004 - three digits
        number //= 1000
        digits = f"x{number % 1000:03d}/{digits}"
    partial = f".p/{width}" if width < WIDTH else ""
    return f"{prefix}/{digits}{partial}"


class _Place:
    """A folder anywhere."""

    def __init__(self, url: str) -> None:
        found: tuple[Any, Any] = fsspec.core.url_to_fs(url)
        self._files, self._root = found

    def read(self, path: str, limit: int) -> bytes | None:
        try:
            with self._files.open(f"{self._root}/{path}", "rb") as file:
                data: bytes = file.read(limit + 1)
        except FileNotFoundError:
            return None
        return data

    def put(self, path: str, data: bytes) -> bool:
        """Write a tile that is not there; report whether it was written.

        Raises:
            RefusedError: TILES_DIFFER: something else is there.
        """
        there = self.read(path, len(data) + 1)
        if there == data:
            return False
        if there is not None:
            raise RefusedError(Code.TILES_DIFFER, f"{path} is there, and holds something else")
        self.replace(path, data)
        return True

    def replace(self, path: str, data: bytes) -> None:
        name = f"{self._root}/{path}"
        self._files.makedirs(name.rpartition("/")[0], exist_ok=True)
        with self._files.open(name, "wb") as file:
            file.write(data)
