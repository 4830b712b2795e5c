"""Read a large file once: into the pack, into three hashes and past the search for secrets.

In threads, since all of this is done by libraries that let Python's lock go: the hashes
run beside compressing and writing, and no more than a few blocks are in memory.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from queue import Queue
from threading import Thread
from types import TracebackType
from typing import Final, Self

from greenlight.execution.reading import read_stable
from greenlight.model.packet import FileFact
from greenlight.primitives.gittree import Hasher, blob_hasher
from greenlight.store.deflate import SAMPLE_BYTES
from greenlight.store.gitobjects import object_hasher
from greenlight.store.packwriter import BlobEntry, PackWriter
from greenlight.verify.secrets import Hit, Scanner

LARGE_BYTES: Final = 1024 * 1024  # from here on a file is worth its threads, and is never held
_BLOCK_BYTES: Final = 256 * 1024  # large enough that handing over costs nothing
_AHEAD: Final = 4  # blocks that a hash may lag behind


def add_large(  # noqa: PLR0913, PLR0917 - a file, and all that is done with it
    pack: PackWriter,
    folder: int,
    name: str,
    size: int,
    where: str,
    scanner: Scanner,
) -> tuple[FileFact, bytes, list[Hit]]:
    """Put a file into ``pack``; return what is known of it, its raw object id, and its secrets.

    Args:
        pack: Where to.
        folder: Descriptor of its folder.
        name: Its name there.
        size: As listed; a file of another size is refused.
        where: Its path, for hits.
        scanner: What to search it for.

    Raises:
        StoreError: FILE_CHANGED, FILE_UNREADABLE and others of ``read_stable``; IO_NOSPACE.
        OSError: The pack cannot be written.
    """
    hashers: list[Hasher] = [hashlib.sha256(), blob_hasher(size)]
    if pack.object_format != "sha256":  # there the blob's hash is its name
        hashers.append(object_hasher("blob", size, pack.object_format))
    search = scanner.search(where)
    blob = _Blob(pack, size)

    def take(piece: memoryview) -> None:
        block = bytes(piece)
        beside.give(block)
        search.feed(block)

    with _Beside([blob.write, *(hasher.update for hasher in hashers)]) as beside:
        read_stable(folder, name, take, expected=size, block_bytes=_BLOCK_BYTES)
    sha256, tree_blob, oid = (hashers[at].digest() for at in (0, 1, -1))
    blob.finish(oid)
    return FileFact(size, sha256, tree_blob), oid, search.finish()


class _Blob:
    """The blob in the pack; its first block says whether it is compressed."""

    def __init__(self, pack: PackWriter, size: int) -> None:
        self._pack = pack
        self._size = size
        self._entry: BlobEntry | None = None

    def write(self, block: bytes) -> None:
        if self._entry is None:
            self._entry = self._pack.blob(self._size, block[:SAMPLE_BYTES])
        self._entry.write(block)

    def finish(self, oid: bytes) -> None:
        if self._entry is None:
            self._entry = self._pack.blob(self._size, b"")
        self._entry.finish(oid)


class _Beside:
    """Threads that each take every block, in its order."""

    def __init__(self, work: list[Callable[[bytes], None]]) -> None:
        self._threads = [_Taker(each) for each in work]

    def give(self, block: bytes) -> None:
        """Hand a block to all of them.

        Raises:
            Exception: What one of them raised before.
        """
        for thread in self._threads:
            thread.take(block)

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.begin()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        for thread in self._threads:
            thread.end()
        errors = [thread.error for thread in self._threads if thread.error is not None]
        if errors and error is None:
            raise errors[0]


class _Taker(Thread):
    """One of them; where the system gives no more threads, the work is done by who hands it out.

    Attributes:
        error: What its work raised; from then on it takes blocks and does nothing.
    """

    def __init__(self, work: Callable[[bytes], None]) -> None:
        super().__init__(daemon=True)
        self.error: Exception | None = None
        self._blocks: Queue[bytes | None] = Queue(_AHEAD)
        self._work = work

    def begin(self) -> None:
        """Start, if the system lets it."""
        with suppress(RuntimeError):  # memory is short, or there are too many threads
            self.start()

    def take(self, block: bytes) -> None:
        """Take the next block.

        Raises:
            Exception: What its work raised before.
        """
        if self.ident is None:
            self._work(block)
            return
        self._blocks.put(block)
        if self.error is not None:
            raise self.error

    def end(self) -> None:
        """Do what is left."""
        if self.ident is not None:
            self._blocks.put(None)
            self.join()

    def run(self) -> None:
        while (block := self._blocks.get()) is not None:
            if self.error is None:
                try:
                    self._work(block)
                except Exception as error:  # noqa: BLE001 - raised in the caller's thread
                    self.error = error
