"""The multi-pack-index: one table of where the objects of many packs lie.

Format version 1 as git writes it (``gitformat-pack``, "multi-pack-index files"): a table of
chunks, of which PNAM (names of packs), OIDF (fanout), OIDL (object ids), OOFF (pack and
offset) and LOFF (long offsets) are read and written; others are passed over.  One of them,
GRLT, says that greenlight wrote the file and may replace it; git passes it over, too.

It is a help and never a truth.  What it says is only where to look: the object found there
is hashed, and an object that it does not name is still looked for in every pack.
"""

from __future__ import annotations

import hashlib
import heapq
import struct
import sys
from array import array
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Final

from greenlight.codes import Code
from greenlight.errors import StoreError
from greenlight.store.durable import sync_directory, unique_name, wrapped, write_new_from
from greenlight.store.gitobjects import OID_DIGITS
from greenlight.store.packindex import FAR, Pack, contents, find_name

NAME: Final = "multi-pack-index"
_MAGIC: Final = b"MIDX"
_HEADER: Final = struct.Struct(">4sBBBBI")  # version, hash, chunks, base files, packs
_CHUNK: Final = struct.Struct(">4sQ")
_PLACE: Final = struct.Struct(">II")
_HASH_NUMBERS: Final = {"sha1": 1, "sha256": 2}
_OURS: Final = b"GRLT"
_READ_ONLY: Final = 0o444


class MultiPack:
    """A multi-pack-index that was read.

    Attributes:
        packs: The names of the packs' indexes, sorted.
        is_ours: Whether greenlight wrote it.

    Raises:
        FileNotFoundError: There is none.
        StoreError: STORE_DAMAGED: not one of version 1, or not whole; IO_FAILED.
    """

    def __init__(self, path: Path, object_format: str) -> None:
        self._path = path
        self._width = OID_DIGITS[object_format] // 2
        data = self._data = contents(path)
        if len(data) < _HEADER.size + self._width:
            raise self._damaged("it is cut")
        magic, version, number, chunks, bases, packs = _HEADER.unpack_from(data)
        if (magic, version, number) != (_MAGIC, 1, _HASH_NUMBERS[object_format]) or bases:
            raise self._damaged("it is not one of version 1")
        places = self._chunks(chunks)
        self.is_ours = _OURS in places
        try:
            names, fanout, self._names, offsets = (
                places[key] for key in (b"PNAM", b"OIDF", b"OIDL", b"OOFF")
            )
        except KeyError as error:
            raise self._damaged(f"it has no {error.args[0].decode()}") from None
        self._offsets = offsets.start
        self._far = places.get(b"LOFF", range(0))
        self.packs = self._pack_names(data[names.start : names.stop], packs)
        if len(fanout) != 256 * 4:
            raise self._damaged("its fanout has another length")
        self._fanout = struct.unpack_from(">256I", data, fanout.start)
        self.count = self._fanout[-1]
        if (
            list(self._fanout) != sorted(self._fanout)
            or len(self._names) != self.count * self._width
            or len(offsets) != self.count * _PLACE.size
        ):
            raise self._damaged("its tables are not as long as it says")

    def find(self, oid: str) -> tuple[str, int] | None:
        """Return in which pack an object lies and where; None where it names none.

        Raises:
            StoreError: STORE_DAMAGED: it has no true place for it.
        """
        place = find_name(self._data, self._names.start, bytes.fromhex(oid), self._fanout)
        if place is None:
            return None
        pack, offset = _PLACE.unpack_from(self._data, self._offsets + place * _PLACE.size)
        if pack >= len(self.packs):
            raise self._damaged(f"{oid} is in a pack that it does not name")
        if offset >= FAR and self._far:
            at = self._far.start + (offset - FAR) * 8
            if at + 8 > self._far.stop:
                raise self._damaged(f"it has no place for {oid}")
            offset = int.from_bytes(self._data[at : at + 8])
        return self.packs[pack], offset

    def is_whole(self) -> bool:
        """Report whether its bytes have the checksum that ends them."""
        with memoryview(self._data)[: -self._width] as body:
            found = hashlib.new(self._hash, body, usedforsecurity=False).digest()
        return found == self._data[-self._width :]

    @property
    def _hash(self) -> str:
        return "sha1" if self._width == OID_DIGITS["sha1"] // 2 else "sha256"

    def _chunks(self, count: int) -> dict[bytes, range]:
        """Return where each chunk lies."""
        end = len(self._data) - self._width
        last = _HEADER.size + count * _CHUNK.size
        if last + _CHUNK.size > end:
            raise self._damaged("it is cut")
        table = [
            _CHUNK.unpack_from(self._data, _HEADER.size + at * _CHUNK.size)
            for at in range(count + 1)
        ]
        found = {}
        before = last + _CHUNK.size
        for (key, start), (_, stop) in pairwise(table):
            if not before <= start <= stop <= end or key in found:
                raise self._damaged("its chunks are not one behind the other")
            found[key] = range(start, stop)
            before = stop
        return found

    def _pack_names(self, data: bytes, count: int) -> tuple[str, ...]:
        names = data.rstrip(b"\0").decode("ascii", "replace").split("\0")
        plain = all(
            name.startswith("pack-") and name.endswith(".idx") and "/" not in name for name in names
        )
        if len(names) != count or not plain or names != sorted(set(names)):
            raise self._damaged("it does not name its packs")
        return tuple(names)

    def _damaged(self, what: str) -> StoreError:
        return StoreError(Code.STORE_DAMAGED, f"{self._path} is damaged: {what}")


def read_multipack(directory: Path, object_format: str) -> MultiPack | None:
    """Return the multi-pack-index of ``objects/pack``; None where there is none.

    Raises:
        StoreError: As ``MultiPack``.
    """
    with suppress(FileNotFoundError):
        return MultiPack(directory / NAME, object_format)
    return None


def write_multipack(directory: Path, packs: Sequence[Pack], object_format: str) -> None:
    """Put a multi-pack-index of these packs into place, durably.

    Who calls holds git's lock of it.

    Raises:
        FileNotFoundError: One of the packs is gone.
        StoreError: STORE_DAMAGED: one of the packs; IO_NOSPACE, IO_FAILED.
    """
    packs = sorted(packs, key=lambda pack: pack.index.name)
    parts = [*_parts(packs, object_format)]
    hasher = hashlib.new(object_format, usedforsecurity=False)
    for part in parts:
        hasher.update(part)
    final = directory / NAME
    temporary = directory / unique_name("tmp_midx_")
    with wrapped(f"write {final}"):
        write_new_from(temporary, (*parts, hasher.digest()), mode=_READ_ONLY)
        try:
            temporary.replace(final)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
    sync_directory(directory)


def _parts(packs: Sequence[Pack], object_format: str) -> Iterator[bytes]:
    """Yield header, table and chunks."""
    names, places = bytearray(), bytearray()
    fanout = [0] * 256
    far = array("Q")
    before = b""
    # Twice in two packs is once in the table: the first of them serves.
    for oid, pack, offset in heapq.merge(*map(_numbered, range(len(packs)), packs)):
        if oid == before:
            continue
        before = oid
        names += oid
        fanout[oid[0]] += 1
        if offset >= FAR:
            far.append(offset)
            offset = FAR | len(far) - 1  # noqa: PLW2901 - the place where it stands
        places += _PLACE.pack(pack, offset)
    if sys.byteorder == "little":
        far.byteswap()
    listed = b"".join(pack.index.name.encode("ascii") + b"\0" for pack in packs)
    chunks = [
        (b"PNAM", listed + bytes(-len(listed) % 4)),
        (b"OIDF", struct.pack(">256I", *accumulate(fanout))),
        (b"OIDL", bytes(names)),
        (b"OOFF", bytes(places)),
        *([(b"LOFF", far.tobytes())] if far else []),
        (_OURS, bytes(4)),
    ]
    yield _HEADER.pack(_MAGIC, 1, _HASH_NUMBERS[object_format], len(chunks), 0, len(packs))
    at = _HEADER.size + (len(chunks) + 1) * _CHUNK.size
    for key, data in chunks:
        yield _CHUNK.pack(key, at)
        at += len(data)
    yield _CHUNK.pack(bytes(4), at)
    for _, data in chunks:
        yield data


def _numbered(number: int, pack: Pack) -> Iterator[tuple[bytes, int, int]]:
    return ((oid, number, offset) for oid, offset in pack.names())
