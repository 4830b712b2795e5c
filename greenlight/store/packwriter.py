"""A pack that is being written: objects of any size and number, none held in memory.

Pack version 2 and index version 2 (git's ``gitformat-pack``), without deltas.  The
pack grows under a temporary name that git prunes.  ``finish`` reads it back whole: each
entry must have the CRC that it was made with, and the same pass gives the checksum that
ends the pack.  Pack and index are synced, the pack is moved into place first and the
index last, so that no index ever names what is not there.

A ``.keep`` file, as ``git receive-pack`` makes it, holds the pack until a ref keeps
its objects alive: a gc between the two would unpack them into loose files, unsynced.
The temporary file is locked, so that one without a writer is known as left by a crash.
"""

from __future__ import annotations

import hashlib
import os
import struct
import sys
from array import array
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from threading import Thread
from typing import Final

from isal import isal_zlib

from greenlight.codes import Code
from greenlight.errors import StoreError
from greenlight.store.deflate import Buffer, Compressed, Stored, deflater
from greenlight.store.durable import (
    refresh,
    sync_file,
    try_lock,
    unique_name,
    write_all,
    write_new_from,
)
from greenlight.store.gitobjects import OID_DIGITS, raw_id
from greenlight.store.keep import Keep, hold
from greenlight.store.ownpacks import note_own
from greenlight.store.packentry import Segment, entry, entry_header
from greenlight.store.packindex import (
    FAR,
    INDEX_MAGIC,
    PACK_HEADER_BYTES,
    PACK_MAGIC,
    Pack,
)

TEMPORARY: Final = "tmp_pack_"  # git prunes such files, too
_NEAR_BYTES: Final = FAR  # an offset from here on has eight bytes
_READ_ONLY: Final = 0o444  # as git writes them
_BUFFER_BYTES: Final = 256 * 1024
_DIRECT_BYTES: Final = 32 * 1024  # from here on a copy costs more than a call of the system
_CHUNK_BYTES: Final = 64 * 1024
_PLACE: Final = struct.Struct(">QI")  # an offset and a CRC
_TRIES: Final = 8  # a gc takes a temporary file away once, not all the time


@dataclass(frozen=True, slots=True)
class WrittenPack:
    """A pack whose files are synced, and whose names are not yet.

    Attributes:
        index: Its index; the pack lies beside it.
        count: How many objects are in it.
        keep: What holds it until it is released; None where somebody else does.
    """

    index: Path
    count: int
    keep: Keep | None


class PackWriter:
    """One pack under way; ``finish`` it or ``abandon`` it.

    Args:
        directory: ``objects/pack``.
        object_format: ``sha1`` or ``sha256``.

    Attributes:
        end: How many bytes it has so far.
        written: What it became, after ``finish``.

    Raises:
        OSError: The system refused; no temporary file is left.
    """

    def __init__(self, directory: Path, object_format: str) -> None:
        self.object_format = object_format
        self._directory = directory
        self._width = OID_DIGITS[object_format] // 2
        self._seen: set[bytes] = set()
        self._places = bytearray()  # raw id, offset and CRC of each entry, in their order
        self._held = bytearray()  # written, but not given to the system yet
        self.end = PACK_HEADER_BYTES
        self.written: WrittenPack | None = None
        self._path = directory / unique_name(TEMPORARY)
        self._fd = _open_new(self._path)
        self._held += bytes(PACK_HEADER_BYTES)  # the count is known in the end

    @property
    def count(self) -> int:
        """How many objects are in it."""
        return len(self._seen)

    # --- writing

    def add(self, kind: str, body: bytes) -> bytes:
        """Put a small object in where it is not yet; return its raw id.

        Raises:
            OSError: The system refused.
            StoreError: STORE_DAMAGED: it does not compress truly.
        """
        oid = raw_id(kind, body, self.object_format)
        if oid not in self:
            packed = entry(kind, body)
            self.note(oid, self.end, isal_zlib.crc32(packed))
            self.put(packed)
        return oid

    def add_segment(self, segment: Segment) -> None:
        """Put entries in that were made beside it, but for objects that are here already.

        Raises:
            OSError: The system refused.
        """
        starts = [start for start, _ in segment.places.values()]
        ends = [*starts[1:], len(segment.data)]
        with memoryview(segment.data) as data:
            for (oid, (start, crc)), end in zip(segment.places.items(), ends, strict=True):
                if oid not in self:
                    self.note(oid, self.end, crc)
                    self.put(data[start:end])

    def add_entry(self, oid: bytes, crc: int, pieces: Iterable[bytes]) -> None:
        """Put an entry of another pack in where its object is not yet.

        Raises:
            OSError: The system refused.
            FileNotFoundError, StoreError: What ``pieces`` raises; nothing of the entry stays.
        """
        if oid in self:
            return
        start = self.end
        try:
            for piece in pieces:
                self.put(piece)
        except (FileNotFoundError, StoreError):  # the other pack's; ours ends the whole pack
            self.take_back(start)
            raise
        self.note(oid, start, crc)

    def blob(self, size: int, sample: Buffer) -> BlobEntry:
        """Begin a blob of ``size`` bytes, whose first are ``sample``; it comes piece by piece."""
        return BlobEntry(self, size, deflater(sample))

    def __contains__(self, oid: bytes) -> bool:
        return oid in self._seen

    def note(self, oid: bytes, start: int, crc: int) -> None:
        """Say that the entry from ``start`` on, with this CRC, is that of ``oid``."""
        self._seen.add(oid)
        self._places += oid + _PLACE.pack(start, crc)

    def put(self, data: Buffer) -> None:
        """Write the next bytes of an entry.

        Raises:
            OSError: The system refused.
        """
        self.end += len(data)
        if len(data) < _DIRECT_BYTES:
            self._held += data
            if len(self._held) >= _BUFFER_BYTES:
                self._give()
        else:
            self._give()
            write_all(self._fd, data)

    def take_back(self, end: int) -> None:
        """Forget what was written from ``end`` on.

        Raises:
            OSError: The system refused.
        """
        self._give()
        os.ftruncate(self._fd, end)
        os.lseek(self._fd, end, os.SEEK_SET)
        self.end = end

    def _give(self) -> None:
        if not self._held:
            return
        write_all(self._fd, self._held)
        self._held = bytearray()

    # --- the end

    def finish(self) -> WrittenPack:
        """Read the pack back, make it durable and move it into place.

        A pack of the same bytes that is there whole is kept and synced; torn, it is replaced.

        Raises:
            OSError: The system refused; no temporary file is left.
            StoreError: STORE_DAMAGED: what was read is not what was written.
        """
        keep = None
        index = self._directory / unique_name("tmp_idx_")
        try:
            self._give()
            os.pwrite(self._fd, PACK_MAGIC + self.count.to_bytes(4), 0)
            self._seen.clear()
            checksum = self._read_back()
            os.pwrite(self._fd, checksum, self.end)
            sync_file(self._fd)
            final = self._directory / f"pack-{checksum.hex()}.idx"
            keep = hold(final.with_suffix(".keep"))
            if _is_whole(final, self.object_format):
                self._path.unlink(missing_ok=True)
                refresh(final.with_suffix(".pack"))
                refresh(final)
            else:
                write_new_from(index, self.index(checksum), mode=_READ_ONLY)
                note_own(self._directory.parent.parent, final)  # first: a crash must not lose whose
                self._move(final.with_suffix(".pack"))
                index.replace(final)
        except BaseException:
            index.unlink(missing_ok=True)
            if keep is not None:
                keep.release()
            self.abandon()
            raise
        self._close()
        count = len(self._places) // (self._width + _PLACE.size)
        self.written = WrittenPack(final, count, keep)
        return self.written

    def abandon(self) -> None:
        """Leave nothing behind; after ``finish`` there is nothing to leave."""
        if self._fd >= 0:
            with suppress(OSError):
                self._path.unlink(missing_ok=True)
            self._close()

    def _close(self) -> None:
        fd, self._fd = self._fd, -1
        os.close(fd)  # not a second time, whatever it says: the number may be another's by then

    def _read_back(self) -> bytes:
        """Return the checksum of the pack as the system gives it back.

        Raises:
            StoreError: STORE_DAMAGED: an entry has another CRC.
        """
        # The disk begins while the processor reads; only what comes after is synced again.
        early = _Sync(self._fd)
        with suppress(RuntimeError):  # no more threads: then the sync that comes after does it all
            early.start()
        try:
            checksum = self._check_entries()
        finally:
            if early.ident is not None:
                early.join()
        if early.error is not None:
            raise early.error  # for good: the kernel may report a second try as a success
        return checksum

    def _check_entries(self) -> bytes:
        hasher = hashlib.new(self.object_format, usedforsecurity=False)
        reader = _Chunks(self._fd)
        hasher.update(reader.take(PACK_HEADER_BYTES))
        places = (_PLACE.unpack(place[self._width :]) for place in self._records())
        start, crc = next(places, (self.end, 0))
        while start < self.end:
            following, next_crc = next(places, (self.end, 0))
            found, left = 0, following - start
            while left and (chunk := reader.take(left)):
                hasher.update(chunk)
                found = isal_zlib.crc32(chunk, found)
                left -= len(chunk)
            if found != crc or left:
                said = f"the entry at byte {start} was not written as it was made"
                raise StoreError(Code.STORE_DAMAGED, f"{self._path}: {said}")
            start, crc = following, next_crc
        return hasher.digest()

    def _records(self) -> Iterator[bytes]:
        """Yield raw id, offset and CRC of each entry, as they stand in the pack."""
        step = self._width + _PLACE.size
        return (bytes(self._places[at : at + step]) for at in range(0, len(self._places), step))

    def _move(self, final: Path) -> None:
        """Give the pack its name, though a gc that prunes all may take it away."""
        for _ in range(_TRIES):
            try:
                self._path.replace(final)
            except FileNotFoundError:
                self._write_again()
            else:
                return
        self._path.replace(final)

    def _write_again(self) -> None:
        """Make the temporary file again, of the open one that lost its name."""
        self._path = self._directory / unique_name(TEMPORARY)
        again = _open_new(self._path)
        try:
            reader = _Chunks(self._fd)
            while chunk := reader.take(_CHUNK_BYTES):
                write_all(again, chunk)
            sync_file(again)
        except OSError:
            os.close(again)
            raise
        os.close(self._fd)
        self._fd = again

    def index(self, checksum: bytes) -> Iterator[bytes]:
        """Yield the bytes of the index of what was noted, of the pack of this checksum."""
        records = sorted(self._records())
        fanout = [0] * 256
        near = array("I")
        far: list[int] = []
        crcs = array("I")
        for record in records:
            offset, crc = _PLACE.unpack_from(record, self._width)
            fanout[record[0]] += 1
            crcs.append(crc)
            near.append(offset if offset < _NEAR_BYTES else FAR | len(far))
            if offset >= _NEAR_BYTES:
                far.append(offset)
        if sys.byteorder == "little":
            near.byteswap()
            crcs.byteswap()
        parts = (
            INDEX_MAGIC,
            struct.pack(">256I", *accumulate(fanout)),
            b"".join(record[: self._width] for record in records),
            crcs.tobytes(),
            near.tobytes(),
            struct.pack(f">{len(far)}Q", *far),
            checksum,
        )
        hasher = hashlib.new(self.object_format, usedforsecurity=False)
        for part in parts:
            hasher.update(part)
            yield part
        yield hasher.digest()


class BlobEntry:
    """A large blob on its way into a pack."""

    def __init__(self, pack: PackWriter, size: int, stream: Compressed | Stored) -> None:
        self._pack = pack
        self._start = pack.end
        self._stream = stream
        self._crc = 0
        self._put((entry_header("blob", size),))

    def write(self, data: Buffer) -> None:
        """Write the next piece.

        Raises:
            OSError: The system refused.
        """
        self._put(self._stream.add(data))

    def finish(self, oid: bytes) -> None:
        """End the blob, whose raw id is ``oid``; one that is in the pack already is taken back.

        Raises:
            OSError: The system refused.
        """
        self._put(self._stream.finish())
        if oid in self._pack:
            self._pack.take_back(self._start)
        else:
            self._pack.note(oid, self._start, self._crc)

    def _put(self, pieces: Iterable[Buffer]) -> None:
        for piece in pieces:
            self._crc = isal_zlib.crc32(piece, self._crc)
            self._pack.put(piece)


class _Chunks:
    """An open file read from its beginning, whatever its position is."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._at = 0
        self._held = b""
        self._from = 0

    def take(self, most: int) -> memoryview:
        """Return up to ``most`` bytes; none at the end."""
        if self._from == len(self._held):
            self._held = os.pread(self._fd, _CHUNK_BYTES, self._at)
            self._at += len(self._held)
            self._from = 0
        piece = memoryview(self._held)[self._from : self._from + most]
        self._from += len(piece)
        return piece


class _Sync(Thread):
    """A sync that goes on beside other work.

    Attributes:
        error: Why the system refused; known after ``join``.
    """

    def __init__(self, fd: int) -> None:
        super().__init__()
        self.error: OSError | None = None
        self._fd = fd

    def run(self) -> None:
        try:
            sync_file(self._fd)
        except OSError as error:
            self.error = error


def _open_new(path: Path) -> int:
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _READ_ONLY)
    with suppress(StoreError):  # a file system without locks: then only its age says whose it is
        try_lock(fd, path)
    return fd


def _is_whole(index: Path, object_format: str) -> bool:
    try:
        Pack(index, object_format).verify(())
    except (FileNotFoundError, StoreError):
        return False
    return True
