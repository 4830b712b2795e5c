"""Many small objects in one pack: two files and one directory to sync, however many they are.

Pack version 2 and index version 2 (git's ``gitformat-pack``), without deltas.  Both
files are written under temporary names that git prunes, and synced; the pack is moved
into place first and the index last, so that no index ever names what is not there.

A ``.keep`` file, as ``git receive-pack`` makes it, holds the pack until a ref keeps
its objects alive: a gc between the two would unpack them into loose files, unsynced.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Final

from greenlight.errors import StoreError
from greenlight.store.durable import refresh, unique_name, write_new, write_new_from
from greenlight.store.packindex import FAR, INDEX_MAGIC, KINDS, PACK_MAGIC, Pack

LEVEL: Final = 1  # a repack compresses again; level 6 takes three times as long for a fifth less
_NUMBERS = {kind: number for number, kind in KINDS.items()}
_NEAR_BYTES = FAR  # an offset from here on has eight bytes
_READ_ONLY = 0o444  # as git writes them

Objects = Mapping[str, tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class WrittenPack:
    """A pack whose files are synced, and whose names are not yet.

    Attributes:
        index: Its index; the pack lies beside it.
        oids: What is in it.
        keep: The file that holds it until ``release``; None where somebody else does.
    """

    index: Path
    oids: tuple[str, ...]
    keep: Path | None


def write_pack(directory: Path, objects: Objects, object_format: str) -> WrittenPack:
    """Write objects, given as kind and body by name, as one pack.

    A pack of the same bytes that is there whole is kept and synced; torn, it is replaced.

    Args:
        directory: ``objects/pack``.
        objects: What is to be in it; that the names are true is for ``Pack.verify`` to find.
        object_format: ``sha1`` or ``sha256``.

    Raises:
        OSError: The system refused; no temporary file is left.
    """
    content = Content(objects, object_format)
    pack = directory / unique_name("tmp_pack_")
    index = directory / unique_name("tmp_idx_")
    keep = None
    try:
        write_new_from(pack, content.pack(), mode=_READ_ONLY)
        final = directory / f"pack-{content.checksum.hex()}.idx"
        keep = _hold(final.with_suffix(".keep"))
        if _is_whole(final, objects, object_format):
            pack.unlink()
            refresh(final.with_suffix(".pack"))
            refresh(final)
        else:
            write_new(index, content.index(), mode=_READ_ONLY)
            pack.replace(final.with_suffix(".pack"))
            index.replace(final)
    except OSError:
        for path in (pack, index, keep):
            if path is not None:
                path.unlink(missing_ok=True)
        raise
    return WrittenPack(final, tuple(objects), keep)


def _hold(keep: Path) -> Path | None:
    try:
        keep.touch(exist_ok=False)
    except FileExistsError:
        return None
    return keep


def _is_whole(index: Path, objects: Objects, object_format: str) -> bool:
    try:
        Pack(index, object_format).verify(objects)
    except (FileNotFoundError, StoreError):
        return False
    return True


class Content:
    """The bytes of both files; the index is known once all of the pack was taken.

    Attributes:
        checksum: Of the pack.
        entries: Offset and CRC by name.
    """

    def __init__(self, objects: Objects, object_format: str) -> None:
        self.objects = objects
        self.object_format = object_format
        self.checksum = b""
        self.entries: dict[str, tuple[int, int]] = {}

    def pack(self) -> Iterator[bytes]:
        hasher = hashlib.new(self.object_format, usedforsecurity=False)
        chunk = PACK_MAGIC + len(self.objects).to_bytes(4)
        hasher.update(chunk)
        yield chunk
        offset = len(chunk)
        for oid, (kind, body) in self.objects.items():
            chunk = _entry_header(_NUMBERS[kind], len(body)) + zlib.compress(body, LEVEL)
            self.entries[oid] = (offset, zlib.crc32(chunk))
            hasher.update(chunk)
            yield chunk
            offset += len(chunk)
        self.checksum = hasher.digest()
        yield self.checksum

    def index(self) -> bytes:
        found = sorted((bytes.fromhex(oid), *entry) for oid, entry in self.entries.items())
        fanout = [0] * 256
        for name, _, _ in found:
            fanout[name[0]] += 1
        near: list[int] = []
        far: list[int] = []
        for _, offset, _ in found:
            near.append(offset if offset < _NEAR_BYTES else FAR | len(far))
            if offset >= _NEAR_BYTES:
                far.append(offset)
        data = b"".join(
            (
                INDEX_MAGIC,
                struct.pack(">256I", *accumulate(fanout)),
                *(name for name, _, _ in found),
                struct.pack(f">{len(found)}I", *(crc for _, _, crc in found)),
                struct.pack(f">{len(found)}I", *near),
                struct.pack(f">{len(far)}Q", *far),
                self.checksum,
            )
        )
        return data + hashlib.new(self.object_format, data, usedforsecurity=False).digest()


def _entry_header(number: int, size: int) -> bytes:
    """Return an entry's type and size: four bits of the size, then seven a byte."""
    header = bytearray([number << 4 | size & 15])
    size >>= 4
    while size:
        header[-1] |= 0x80
        header.append(size & 0x7F)
        size >>= 7
    return bytes(header)
