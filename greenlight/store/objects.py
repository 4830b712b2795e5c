"""Objects of a store: written durably, read back, believed only by their hash.

Writing (docs/adr/0009-own-durable-writer.md): loose, as a temporary file in the
fan-out directory, synced and moved into place; or many at once into one pack, by
``store.packwriter`` (docs/adr/0018-one-pack-a-packet.md).  Every loose object is read
back and verified by ``flush``, a pack when it is finished; ``flush`` syncs the names.
A loose object that is there already is read and compared, not assumed: a torn file of a
crash is replaced.

Reading: loose objects here, packs by ``store.packs``.  Every object is hashed on
every read, and inflated no further than the size it declares.
"""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from threading import Lock

from greenlight.codes import Code
from greenlight.errors import StoreError
from greenlight.primitives.limits import MAX_FILE_BYTES
from greenlight.store.deflate import compress
from greenlight.store.durable import (
    at_once,
    failed,
    make_directories,
    refresh,
    sync_directory,
    unique_name,
    wrapped,
    write_new,
)
from greenlight.store.gitobjects import object_id, require_hash, require_oid, require_size
from greenlight.store.keep import Keep
from greenlight.store.packs import Packs
from greenlight.store.packwriter import PackWriter

Objects = Mapping[str, tuple[str, bytes]]

_HEADER = re.compile(rb"(blob|tree|commit|tag) (0|[1-9][0-9]{0,18})")
_MAX_HEADER_BYTES = 32  # "commit " and 19 digits and a NUL
_READ_ONLY = 0o444  # as git writes them
_TRIES = 8  # a gc moves a folder away from under a writer once, not all the time


class ObjectStore(AbstractContextManager["ObjectStore"]):
    """The objects of one repository; one for each thread.

    Args:
        directory: The repository's ``objects``.
        object_format: ``sha1`` or ``sha256``.
    """

    def __init__(self, directory: Path, object_format: str) -> None:
        self.directory = directory
        self.object_format = object_format
        self._packs = Packs(directory, object_format)
        self._written = Lock()  # held to note what was written; writing is not serialised
        self._unsynced: set[Path] = set()
        self._unread: dict[str, str] = {}
        self._kept: list[Keep] = []

    # --- writing

    def write(self, kind: str, body: bytes) -> str:
        """Write one object and return its id; durable only after ``flush``.

        Raises:
            StoreError: IO_NOSPACE or IO_FAILED; nothing is left behind but whole objects.
        """
        oid = object_id(kind, body, self.object_format)
        if oid in self._unread:
            return oid
        path = self._path(oid)
        header = f"{kind} {len(body)}\0".encode("ascii")
        for attempt in range(_TRIES):
            try:
                if not self._is_there(path, kind, body):
                    self._put(path, compress(header + body))
            except OSError as error:
                # A gc running now may have packed the object, or removed the empty folder.
                if isinstance(error, FileNotFoundError) and attempt < _TRIES - 1:
                    continue
                raise failed(error, f"write object {oid}") from error
            break
        with self._written:
            self._unsynced.add(path.parent)
            self._unread[oid] = kind
        return oid

    def write_many(self, objects: Sequence[tuple[str, bytes]]) -> list[str]:
        """Write objects, given as kind and body, and return their ids; as ``write``.

        Raises:
            StoreError: IO_NOSPACE or IO_FAILED; nothing is left behind but whole objects.
        """
        return at_once(lambda each: self.write(*each), objects)

    @contextmanager
    def packing(self) -> Iterator[PackWriter]:
        """Give a pack to put objects into; at the end of the block it is read back and in place.

        A block that raises leaves nothing behind; a pack of nothing is none.  The pack's name is
        durable after ``flush``, and it is held against a gc until ``release``.

        Raises:
            StoreError: IO_NOSPACE or IO_FAILED; STORE_DAMAGED: what was read is not what was
                written.
        """
        directory = self.directory / "pack"
        self._unsynced.update(make_directories(directory))
        with wrapped(f"write a pack into {directory}"):
            pack = PackWriter(directory, self.object_format)
            try:
                yield pack
                if not pack.count:
                    return
                written = pack.finish()
            finally:
                pack.abandon()
        self._unsynced.add(directory)
        if written.keep is not None:
            self._kept.append(written.keep)

    def write_pack(self, objects: Objects) -> None:
        """Write objects, given as kind and body by name, into one pack; as ``packing``.

        Raises:
            StoreError: IO_NOSPACE or IO_FAILED; STORE_DAMAGED: also where a name is not true.
        """
        with self.packing() as pack:
            for oid, (kind, body) in objects.items():
                if pack.add(kind, body).hex() != oid:
                    raise StoreError(Code.STORE_DAMAGED, f"{oid} is not the name of that {kind}")

    def release(self) -> None:
        """Let a repack have what ``write_pack`` wrote: a ref keeps the objects alive by now.

        Raises:
            StoreError: IO_FAILED.
        """
        while self._kept:
            keep = self._kept.pop()
            with wrapped(f"remove {keep.path}"):
                keep.release()

    def flush(self) -> None:
        """Verify what was written since the last flush, and make its names durable.

        Raises:
            StoreError: STORE_DAMAGED: what was read is not what was written; IO_FAILED.
        """
        packs = self.directory / "pack"
        for oid, kind in self._unread.items():
            if self._read_back(oid)[0] != kind:
                raise StoreError(Code.STORE_DAMAGED, f"object {oid} was not written as a {kind}")
            if not self._path(oid).exists():
                self._unsynced.add(packs)  # a gc packed it meanwhile, and synced no directory
        # In turn: the first commits the file system's journal, and leaves little to the others.
        gone = [path for path in sorted(self._unsynced) if not sync_directory(path)]
        if gone:
            sync_directory(packs)
        if self._unsynced:
            sync_directory(self.directory)  # fan-out directories, ours or another writer's
        self._unread.clear()
        self._unsynced.clear()

    def _read_back(self, oid: str) -> tuple[str, bytes]:
        try:
            return self._read_loose(self._path(oid), oid, MAX_FILE_BYTES)
        except FileNotFoundError:
            return self._packs.read(oid, MAX_FILE_BYTES)

    def _is_there(self, path: Path, kind: str, body: bytes) -> bool:
        """Report whether the object lies there whole; if so, make it durable and young."""
        try:
            found = _inflate(path.read_bytes(), path.name)
        except FileNotFoundError:
            return False
        except StoreError:
            return False  # torn by a crash: replaced, never counted as there
        if found != (kind, body):
            return False
        refresh(path)
        return True

    def _put(self, path: Path, data: bytes) -> None:
        made = make_directories(path.parent)
        with self._written:
            self._unsynced.update(made)
        # git prune removes old files of this name that a crash left behind.
        temporary = path.with_name(unique_name("tmp_obj_"))
        write_new(temporary, data, mode=_READ_ONLY)
        try:
            # A rename, since whatever lies there by now says the same: the name is its hash.
            temporary.replace(path)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise

    # --- reading

    def read(self, oid: str, *, max_bytes: int = MAX_FILE_BYTES) -> tuple[str, bytes]:
        """Return kind and body of an object, verified by its hash.

        Raises:
            MalformedError: ``oid`` is not an object id.
            StoreError: STORE_DAMAGED: missing, torn, or not what its name says;
                LIMIT_EXCEEDED: larger than ``max_bytes``, or than its kind may be; IO_FAILED.
        """
        require_oid(oid, self.object_format)
        if self._packs.holds(oid):
            # As for git, a pack comes first; damage in it may be mended by a loose file.
            with suppress(StoreError):
                found = self._packs.find(oid, max_bytes)
                if found is not None:
                    return found
        path = self._path(oid)
        try:
            return self._read_loose(path, oid, max_bytes)
        except FileNotFoundError:
            return self._packs.read(oid, max_bytes)
        except StoreError as error:
            # Git reads packs first, so for git a torn loose file beside a pack is no damage.
            found = self._packs.find(oid, max_bytes) if error.code is Code.STORE_DAMAGED else None
            if found is None:
                raise
            return found

    def read_as(self, kind: str, oid: str, *, max_bytes: int = MAX_FILE_BYTES) -> bytes:
        """Return the body of an object that must be of this kind.

        Raises:
            MalformedError: ``oid`` is not an object id.
            StoreError: STORE_DAMAGED: missing, unreadable, or of another kind;
                LIMIT_EXCEEDED: larger than ``max_bytes``, or than its kind may be; IO_FAILED.
        """
        quick = self._packs.quick(kind, oid, max_bytes)
        if quick is not None:
            return quick
        found, body = self.read(oid, max_bytes=max_bytes)
        if found != kind:
            raise StoreError(Code.STORE_DAMAGED, f"object {oid} is a {found}, not a {kind}")
        return body

    def read_run(
        self, kind: str, oids: Iterable[str], *, max_bytes: int = MAX_FILE_BYTES
    ) -> Iterator[bytes]:
        """Yield the bodies of objects of one kind, in the order asked; as ``read_as`` for each.

        Faster for small ones that were written one after the other into a pack.

        Raises:
            MalformedError: As ``read_as``.
            StoreError: As ``read_as``.
        """
        for oid, body in self._packs.read_run(kind, oids, max_bytes):
            yield self.read_as(kind, oid, max_bytes=max_bytes) if body is None else body

    def stream(
        self, oid: str, *, max_bytes: int = MAX_FILE_BYTES
    ) -> tuple[str, int, Iterator[bytes]]:
        """Return kind, size and pieces of an object; the last piece raises where it is not whole.

        That the pieces hash to ``oid`` is for the caller to find: they are hashed only once.

        Raises:
            MalformedError: ``oid`` is not an object id.
            StoreError: As ``read``.
        """
        require_oid(oid, self.object_format)
        found = self._packs.likely(oid, max_bytes)
        if found is None and not self._path(oid).exists():
            found = self._packs.stream(oid, max_bytes)
        if found is not None:
            return found
        # Loose, or a delta: both are small where greenlight wrote, and read whole.
        kind, body = self.read(oid, max_bytes=max_bytes)
        return kind, len(body), iter((body,))

    def read_loose(self, oid: str) -> tuple[str, bytes]:
        """Return kind and body of an object that lies loose, verified by its hash.

        Raises:
            FileNotFoundError: It does not lie loose.
            StoreError: STORE_DAMAGED; IO_FAILED.
        """
        return self._read_loose(self._path(oid), oid, MAX_FILE_BYTES)

    def _read_loose(self, path: Path, oid: str, max_bytes: int) -> tuple[str, bytes]:
        try:
            with path.open("rb") as file:
                # zlib adds under a thousandth to what cannot be compressed.
                most = max_bytes + max_bytes // 1000 + 1024
                # All that is asked for is set aside before it is read.
                data = file.read(min(most, os.fstat(file.fileno()).st_size + 1))
        except FileNotFoundError:
            raise
        except OSError as error:
            raise failed(error, f"read object {oid}") from error
        kind, body = _inflate(data, oid, max_bytes)
        require_hash(oid, kind, body, self.object_format)
        return kind, body

    def _path(self, oid: str) -> Path:
        return self.directory / oid[:2] / oid[2:]

    def close(self) -> None:
        """Give the packs' file handles back, and packs that no ref came to name to git's gc."""
        self._packs.close()
        with suppress(StoreError):  # a keep file that stays costs a repack, and nothing else
            self.release()

    def __exit__(self, *_: object) -> None:
        self.close()


def _inflate(data: bytes, name: str, max_bytes: int = MAX_FILE_BYTES) -> tuple[str, bytes]:
    """Return kind and body of a loose object's file.

    Raises:
        StoreError: STORE_DAMAGED: torn, trailing bytes, or larger than it declares;
            LIMIT_EXCEEDED.
    """
    stream = zlib.decompressobj()
    try:
        start = stream.decompress(data, _MAX_HEADER_BYTES)
        header, null, rest = start.partition(b"\0")
        match = _HEADER.fullmatch(header)
        if not null or match is None:
            raise StoreError(Code.STORE_DAMAGED, f"object {name} is torn")
        kind, size = match[1].decode("ascii"), int(match[2])
        require_size(name, kind, size, max_bytes)
        if len(rest) > size:
            raise StoreError(Code.STORE_DAMAGED, f"object {name} is longer than it declares")
        # One byte more than declared is asked for, so that a bomb is seen and not inflated.
        body = rest + stream.decompress(stream.unconsumed_tail, size - len(rest) + 1)
    except (zlib.error, ValueError) as error:
        raise StoreError(Code.STORE_DAMAGED, f"object {name} is torn: {error}") from error
    if len(body) != size or not stream.eof or stream.unused_data:
        raise StoreError(Code.STORE_DAMAGED, f"object {name} is not as long as it declares")
    return kind, body
