"""One pack, read without a library: its index, and the objects that are no deltas.

What is read is index version 2 (git's ``gitformat-pack``), which is what greenlight
and git write.  Nothing of it is believed: an offset must lie in the pack, an object
is inflated no further than the size it declares and its kind may have, and its hash
must be its name.  Whatever else a file holds is STORE_DAMAGED.

A small index is held in memory and a large one mapped, when it is first asked.  The pack's
file is opened when it is first read; ``Packs`` keeps only a few open, so that a store may
have any number.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import struct
from array import array
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

from isal import isal_zlib
from isal.igzip_lib import IsalError

from greenlight.codes import Code
from greenlight.errors import StoreError
from greenlight.primitives.limits import MAX_FILE_BYTES
from greenlight.store.durable import failed
from greenlight.store.gitobjects import OID_DIGITS, object_id, require_hash, require_size

INDEX_MAGIC: Final = b"\xfftOc\0\0\0\x02"
PACK_MAGIC: Final = b"PACK\0\0\0\x02"
PACK_HEADER_BYTES: Final = len(PACK_MAGIC) + 4
KINDS: Final = {1: "commit", 2: "tree", 3: "blob", 4: "tag"}
FAR: Final = 1 << 31  # an offset with this bit is a place in the table of long ones
_DELTAS = (6, 7)  # by offset, by name
_FANOUT_END = len(INDEX_MAGIC) + 256 * 4
_HELD_BYTES = 2**20  # some 20,000 objects; what is larger was made by a gc, and there are few
_CHUNK_BYTES = 64 * 1024
_FIRST_BYTES = 8 * 1024  # read at once for an object: most are whole in it
_FIRST_INFLATED = 4 * _FIRST_BYTES  # tried at once: text shrinks to a fourth
_PIECE_BYTES = 256 * 1024  # of a large object, inflated at a time
_SEARCHED = 256  # names: fewer are looked through faster than they are halved
_WINDOW_BYTES = 64 * 1024  # read at once of a pack that is read from one object to the next
_NEAR_BYTES = 4 * _WINDOW_BYTES  # what is asked for from farther away, comes alone
_MAX_SHIFT = 63  # of a size; what declares more is no object of this world


def find_name(
    data: bytes | mmap.mmap, start: int, name: bytes, fanout: tuple[int, ...]
) -> int | None:
    """Return which of the sorted names from ``start`` on is ``name``; None where none is.

    Args:
        data: An index.
        start: Where its table of names begins.
        name: The raw object id.
        fanout: How many names begin with this byte or a smaller one.
    """
    width = len(name)
    first = name[0]
    low, high = fanout[first - 1] if first else 0, fanout[first]
    while high - low > _SEARCHED:
        middle = (low + high) // 2
        at = start + middle * width
        found = data[at : at + width]
        if found == name:
            return middle
        if found < name:
            low = middle + 1
        else:
            high = middle
    # The last of it in C; what is found across two names is no name.
    at, end = start + low * width, start + high * width
    while (at := data.find(name, at, end)) >= 0:
        place, across = divmod(at - start, width)
        if not across:
            return place
        at += 1
    return None


class Entry(NamedTuple):
    """Where an object lies in its pack.

    Attributes:
        start: Its first byte.
        end: The byte after its last.
        oid: Raw.
        crc: CRC-32 of its bytes as the index has it.
    """

    start: int
    end: int
    oid: bytes
    crc: int


class Pack:
    """One pack and its index.

    Args:
        index: The index's file; the pack lies beside it.
        object_format: ``sha1`` or ``sha256``.
    """

    def __init__(self, index: Path, object_format: str) -> None:
        self.index = index
        self.path = index.with_suffix(".pack")
        self.loaded = False
        self._fd = -1
        self._format = object_format
        self._width = OID_DIGITS[object_format] // 2
        self._data: bytes | mmap.mmap = b""
        self._fanout: tuple[int, ...] = ()
        self._window, self._window_at = b"", 0

    def load(self) -> None:
        """Read the index, where it has not been read.

        Raises:
            FileNotFoundError: A repack has just removed it.
            StoreError: STORE_DAMAGED: not an index of version 2, or not whole; IO_FAILED.
        """
        if self.loaded:
            return
        data = self._data = contents(self.index)
        if len(data) < _FANOUT_END or data[: len(INDEX_MAGIC)] != INDEX_MAGIC:
            raise self._damaged("its index is not one of version 2")
        fanout = self._fanout = struct.unpack_from(">256I", data, len(INDEX_MAGIC))
        count = fanout[-1]
        # Names, CRCs, offsets, long offsets, and two checksums.
        self._crcs = _FANOUT_END + count * self._width
        self._near = self._crcs + count * 4
        self._far = self._near + count * 4
        far_bytes = len(data) - 2 * self._width - self._far
        if far_bytes not in range(0, 8 * count + 1, 8) or list(fanout) != sorted(fanout):
            raise self._damaged("its index is not as long as it says")
        if isinstance(data, bytes):  # to read all of a large one for one object is too dear
            self._require_index()
        self.loaded = True

    @property
    def count(self) -> int:
        """How many objects are in it, once ``load`` was called."""
        return self._fanout[-1]

    def find(self, oid: str) -> int | None:
        """Return where in the pack the object stands, or None where it is not in it.

        Raises:
            FileNotFoundError: A repack has just removed it.
            StoreError: STORE_DAMAGED: the index is not one, or has no true place for it.
        """
        if not self.loaded:
            self.load()
        place = find_name(self._data, _FANOUT_END, bytes.fromhex(oid), self._fanout)
        return None if place is None else self._offset(place)

    def _offset(self, place: int) -> int:
        (offset,) = struct.unpack_from(">I", self._data, self._near + place * 4)
        if offset < FAR:
            return int(offset)
        at = self._far + (offset - FAR) * 8
        if at + 8 > len(self._data) - 2 * self._width:
            raise self._damaged(f"its index has no place for object {place}")
        return int.from_bytes(self._data[at : at + 8])

    def names(self) -> Iterator[tuple[bytes, int]]:
        """Yield raw id and offset of each object, by id.

        Raises:
            FileNotFoundError: A repack has just removed it.
            StoreError: STORE_DAMAGED.
        """
        self.load()
        for place in range(self.count):
            yield self._name(place), self._offset(place)

    def entries(self) -> Iterator[Entry]:
        """Yield what the index says of each entry, in the order of the pack.

        Raises:
            FileNotFoundError: A repack has just removed the pack.
            StoreError: STORE_DAMAGED: the index is not whole, or entries overlap; IO_FAILED.
        """
        self.load()
        self._require_index()
        with wrapped_but_missing(f"read {self.path}"):
            last = self._end()
            start = os.pread(self._fd, PACK_HEADER_BYTES, 0)
        if start != PACK_MAGIC + self.count.to_bytes(4):
            raise self._damaged("it has another number of objects than its index")
        offsets = array("Q", (self._offset(place) for place in range(self.count)))
        order = sorted(range(self.count), key=offsets.__getitem__)
        before = PACK_HEADER_BYTES
        for at, place in enumerate(order):
            offset = offsets[place]
            end = offsets[order[at + 1]] if at + 1 < len(order) else last
            if offset != before or not offset < end:
                raise self._damaged("its entries are not one behind the other")
            before = end
            (crc,) = struct.unpack_from(">I", self._data, self._crcs + place * 4)
            yield Entry(offset, end, self._name(place), crc)

    def raw(self, entry: Entry) -> Iterator[bytes]:
        """Yield the bytes of an entry; the end raises where their CRC is another.

        Raises:
            FileNotFoundError: A repack has just removed the pack.
            StoreError: STORE_DAMAGED; IO_FAILED.
        """
        crc, at = 0, entry.start
        while at < entry.end:
            with wrapped_but_missing(f"read {self.path}"):
                self._end()
                data = os.pread(self._fd, min(_CHUNK_BYTES, entry.end - at), at)
            if not data:
                raise self._damaged(f"{entry.oid.hex()} is cut")
            if at == entry.start and data[0] >> 4 & 7 not in KINDS:
                raise self._damaged(f"{entry.oid.hex()} is a delta")
            crc = isal_zlib.crc32(data, crc)
            at += len(data)
            yield data
        if crc != entry.crc:
            raise self._damaged(f"{entry.oid.hex()} has another CRC than its index says")

    def read(self, oid: str, offset: int, max_bytes: int) -> tuple[str, bytes] | None:
        """Return kind and body of an object, verified by its hash, or None where it is a delta.

        Args:
            oid: Its name.
            offset: Where it stands, as ``find`` said.
            max_bytes: How large it may be.

        Raises:
            FileNotFoundError: A repack has just removed the pack.
            StoreError: STORE_DAMAGED; LIMIT_EXCEEDED; IO_FAILED.
        """
        found = self.stream(oid, offset, max_bytes)
        if found is None:
            return None
        kind, _, pieces = found
        body = b"".join(pieces)
        require_hash(oid, kind, body, self._format)
        return kind, body

    def stream(
        self, oid: str, offset: int, max_bytes: int
    ) -> tuple[str, int, Iterator[bytes]] | None:
        """Return kind, size and the pieces of an object, or None where it is a delta.

        The pieces are exactly as many bytes as it declares, or the last of them raises; that
        they hash to its name is for the caller to find.

        Raises:
            FileNotFoundError: A repack has just removed the pack.
            StoreError: STORE_DAMAGED; LIMIT_EXCEEDED; IO_FAILED.
        """
        try:  # no context manager: this is where reading spends its time
            if not PACK_HEADER_BYTES <= offset < self._end():
                raise self._damaged(f"{oid} would stand outside of it")
            data = os.pread(self._fd, _FIRST_BYTES, offset)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise failed(error, f"read {self.path}") from error
        number, size, start = self._entry_header(data, oid)
        if number in _DELTAS:
            return None
        if number not in KINDS:
            raise self._damaged(f"{oid} has the unknown type {number}")
        kind = KINDS[number]
        require_size(oid, kind, size, max_bytes)
        if size <= _FIRST_INFLATED:
            # Most objects are whole in what was read: one call, and no generator.
            with suppress(IsalError):  # type: ignore[arg-type]  # the stub calls it no exception
                stream = isal_zlib.decompressobj()
                body = stream.decompress(data[start:], size + 1)
                if stream.eof and len(body) == size:
                    return kind, size, iter((body,) if body else ())
        return kind, size, self._inflate(data[start:], offset + len(data), oid, size)

    def read_at(self, oid: str, kind: str, offset: int, max_bytes: int) -> tuple[bytes, int] | None:
        """Return the body of a small object that may stand at a place, and where the next begins.

        None says that it does not stand there, or that it is not small, whole and of this kind:
        then ``read`` says what there is.  What is returned hashes to its name.

        Raises:
            FileNotFoundError: A repack has just removed the pack.
            StoreError: IO_FAILED.
        """
        data = self._behind(offset)
        byte = data[0] if data else 0
        if KINDS.get(byte >> 4 & 7) != kind:
            return None
        _, size, start = self._entry_header(data, oid)
        if size > min(max_bytes, _FIRST_INFLATED):
            return None
        try:
            stream = isal_zlib.decompressobj()
            body = stream.decompress(data[start:], size + 1)
        except IsalError:  # type: ignore[misc]  # the stub calls it no exception
            return None
        if not stream.eof or len(body) != size or object_id(kind, body, self._format) != oid:
            return None
        return body, offset + len(data) - len(stream.unused_data)

    def _behind(self, offset: int) -> bytes:
        """Return some bytes from a place on, out of a window that is read at once."""
        at = offset - self._window_at
        if not 0 <= at <= len(self._window) - _FIRST_BYTES:
            near = abs(at) < _NEAR_BYTES
            first, size = offset, _WINDOW_BYTES if near else _FIRST_BYTES
            if near and at < 0:  # from the end back, as commits lead to their parents
                first = max(offset + _FIRST_BYTES - _WINDOW_BYTES, PACK_HEADER_BYTES)
            with wrapped_but_missing(f"read {self.path}"):
                end = self._end()
                if not PACK_HEADER_BYTES <= offset < end:
                    return b""
                self._window = os.pread(self._fd, min(size, end - first), first)
            self._window_at, at = first, offset - first
        return self._window[at : at + _FIRST_BYTES]

    def _end(self) -> int:
        """Open the pack where it is not, and return where its entries end."""
        if self._fd < 0:
            self._fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        return os.fstat(self._fd).st_size - self._width

    def close(self) -> None:
        """Give the pack's file handle back; the next read opens it again."""
        self._window = b""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)

    def __del__(self) -> None:
        self.close()

    def verify(self, oids: Iterable[str]) -> None:
        """Read all of the pack, and these objects through the index.

        Raises:
            FileNotFoundError: It is gone.
            StoreError: STORE_DAMAGED: a byte is not as it was written; IO_FAILED.
        """
        self.load()
        self._require_index()
        hasher = hashlib.new(self._format, usedforsecurity=False)
        with wrapped_but_missing(f"read {self.path}"), self.path.open("rb") as file:
            left = file.seek(0, os.SEEK_END) - self._width
            file.seek(0)
            start = file.read(PACK_HEADER_BYTES)
            hasher.update(start)
            left -= len(start)
            while left > 0 and (chunk := file.read(min(left, _CHUNK_BYTES))):
                hasher.update(chunk)
                left -= len(chunk)
            trailer = file.read()
        named = self._data[-2 * self._width : -self._width]
        if start != PACK_MAGIC + self.count.to_bytes(4) or trailer != hasher.digest():
            raise self._damaged("its checksum is another")
        if trailer != named:
            raise self._damaged("its index is that of another pack")
        for oid in oids:
            offset = self.find(oid)
            if offset is None or self.read(oid, offset, MAX_FILE_BYTES) is None:
                raise self._damaged(f"{oid} is not in it")

    def _name(self, place: int) -> bytes:
        at = _FANOUT_END + place * self._width
        return self._data[at : at + self._width]

    def _require_index(self) -> None:
        body = memoryview(self._data)[: -self._width]
        with body:
            found = hashlib.new(self._format, body, usedforsecurity=False).digest()
        if found != self._data[-self._width :]:
            raise self._damaged("its index has another checksum")

    def _entry_header(self, data: bytes, oid: str) -> tuple[int, int, int]:
        """Return an entry's type, the size that it declares, and where its stream begins."""
        byte = data[0] if data else 0
        number, size, shift, at = byte >> 4 & 7, byte & 15, 4, 1
        while byte & 0x80:
            byte = data[at] if at < len(data) else 0
            size |= (byte & 0x7F) << shift
            shift += 7
            at += 1
            if shift > _MAX_SHIFT:
                raise self._damaged(f"{oid} declares no size")
        return number, size, at

    def _inflate(self, data: bytes, at: int, oid: str, size: int) -> Iterator[bytes]:
        """Yield what the stream that begins with ``data``, and goes on at ``at``, inflates to."""
        stream = isal_zlib.decompressobj()
        left = size
        while not stream.eof:
            if not data:
                try:
                    data = os.pread(self._fd, _CHUNK_BYTES, at)
                except OSError as error:
                    raise failed(error, f"read {self.path}") from error
                at += len(data)
            if not data:
                raise self._damaged(f"{oid} is cut")
            try:
                # One byte more than declared, so that a bomb is seen and not inflated.
                piece = stream.decompress(data, min(left + 1, _PIECE_BYTES))
            except IsalError as error:  # type: ignore[misc]  # the stub calls it no exception
                raise self._damaged(f"{oid} is torn: {error}") from error
            data = stream.unconsumed_tail
            left -= len(piece)
            if left < 0:
                break
            if piece:
                yield piece
        if left:
            raise self._damaged(f"{oid} is not as long as it declares")

    def _damaged(self, what: str) -> StoreError:
        return StoreError(Code.STORE_DAMAGED, f"{self.path} is damaged: {what}")


def contents(path: Path) -> bytes | mmap.mmap:
    """Return a small index as its bytes and a large one as a map.

    Raises:
        FileNotFoundError: It is gone.
        StoreError: IO_FAILED.
    """
    with wrapped_but_missing(f"read {path}"), path.open("rb") as file:
        if os.fstat(file.fileno()).st_size > _HELD_BYTES:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        return file.read()


@contextmanager
def wrapped_but_missing(what: str) -> Iterator[None]:
    """Let out a refusal of the system as a ``StoreError``, but that a file is gone as it is.

    Raises:
        FileNotFoundError: A repack has just removed the file; for the caller to look again.
        StoreError: IO_FAILED.
    """
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise failed(error, what) from error
