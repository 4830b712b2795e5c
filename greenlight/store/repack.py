"""Join packs: which, so that few are left and no byte is copied often; and how, byte by byte.

Geometric repacking, as ``git repack --geometric=2``: after it, each pack has at least twice
the bytes of all smaller ones together.  So their number grows with the logarithm of what is
stored, and a byte is copied again only when its pack has doubled.

Entries are copied as they are, held against the CRCs of the index they come from.  A source
that turns out damaged keeps its place, with what could be read of it copied beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from greenlight.codes import Code
from greenlight.errors import StoreError
from greenlight.store.durable import wrapped
from greenlight.store.packindex import Pack, wrapped_but_missing
from greenlight.store.packwriter import PackWriter

FACTOR: Final = 2
MAX_OBJECTS: Final = 1_000_000  # in a pack that is joined: their names are held in memory
_HELD: Final = (".keep", ".promisor", ".mtimes")  # by somebody, by a remote, for a gc
_SUFFIXES: Final = (".rev", ".bitmap", ".pack")  # the index went before: without it, no pack


@dataclass(frozen=True, slots=True)
class Source:
    """A pack that may be joined with others.

    Attributes:
        pack: It.
        size: Bytes of its file.
    """

    pack: Pack
    size: int


def sources(indexes: Iterable[Path], object_format: str) -> tuple[list[Source], dict[Path, str]]:
    """Return the packs that may be joined, smallest first, and what is wrong with which.

    A ``.keep``, ``.promisor`` or ``.mtimes`` file takes a pack out.

    Raises:
        StoreError: IO_FAILED.
    """
    found: list[Source] = []
    damaged: dict[Path, str] = {}
    for index in indexes:
        pack = Pack(index, object_format)
        try:
            with wrapped_but_missing(f"look at {pack.path}"):
                if any(index.with_suffix(kind).exists() for kind in _HELD):
                    continue
                pack.load()
                size = pack.path.stat().st_size
        except FileNotFoundError:
            continue  # repacked meanwhile
        except StoreError as error:
            if error.code is not Code.STORE_DAMAGED:
                raise
            damaged[index] = str(error)
            continue
        if pack.count < MAX_OBJECTS:
            found.append(Source(pack, size))
    found.sort(key=lambda source: (source.size, source.pack.index.name))
    return found, damaged


def to_join(found: Sequence[Source], loose_bytes: int) -> list[Source]:
    """Return which packs become one, with what lies loose: a beginning of ``found``.

    Args:
        found: Packs, smallest first.
        loose_bytes: What lies loose and becomes packed.
    """
    joined = 0
    below = loose_bytes
    for number, source in enumerate(found):
        if below and source.size < FACTOR * below:
            joined = number + 1
        below += source.size
    if joined == 1 and not loose_bytes:
        return []
    chosen: list[Source] = []
    objects = 0
    for source in found[:joined]:
        objects += source.pack.count
        if objects > MAX_OBJECTS:
            break
        chosen.append(source)
    return chosen if loose_bytes or len(chosen) > 1 else []


def copy_pack(source: Pack, into: PackWriter) -> None:
    """Copy all entries of a pack.  Where this raises, what was copied is whole.

    Raises:
        FileNotFoundError: A repack has just removed it.
        OSError: The system refused to write.
        StoreError: STORE_DAMAGED: a byte of the source is not as it was written; IO_FAILED.
    """
    try:
        for entry in source.entries():
            into.add_entry(entry.oid, entry.crc, source.raw(entry))
    finally:
        source.close()


def remove_pack(index: Path) -> None:
    """Remove a pack whose objects are elsewhere; the index first, as git does.

    Raises:
        StoreError: IO_FAILED.
    """
    with wrapped(f"remove {index}"):
        index.unlink(missing_ok=True)
        for suffix in _SUFFIXES:
            index.with_suffix(suffix).unlink(missing_ok=True)
