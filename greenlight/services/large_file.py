"""Read a large file once: into the pack, into three hashes and past the search for secrets.

In threads, since all of this is done by libraries that let Python's lock go: the hashes
run beside compressing and writing, and no more than a few blocks are in memory.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
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
_AHEAD: Final = 16  # blocks of 64 KiB that a hash may lag behind


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
    blob: BlobEntry | None = None

    def take(piece: memoryview) -> None:
        nonlocal blob
        block = bytes(piece)
        beside.give(block)
        search.feed(block)
        if blob is None:
            blob = pack.blob(size, block[:SAMPLE_BYTES])
        blob.write(block)

    with _Beside([hasher.update for hasher in hashers]) as beside:
        read_stable(folder, name, take, expected=size)
    sha256, tree_blob, oid = (hashers[at].digest() for at in (0, 1, -1))
    if blob is None:
        blob = pack.blob(size, b"")
    blob.finish(oid)
    return FileFact(size, sha256, tree_blob), oid, search.finish()


class _Beside:
    """Threads that each take every block, in its order."""

    def __init__(self, work: list[Callable[[bytes], None]]) -> None:
        self._queues: list[Queue[bytes | None]] = [Queue(_AHEAD) for _ in work]
        self._threads = [
            Thread(target=_run, args=(each, queue), daemon=True)
            for each, queue in zip(work, self._queues, strict=True)
        ]

    def give(self, block: bytes) -> None:
        for queue in self._queues:
            queue.put(block)

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        for queue in self._queues:
            queue.put(None)
        for thread in self._threads:
            thread.join()


def _run(work: Callable[[bytes], None], queue: Queue[bytes | None]) -> None:
    while (block := queue.get()) is not None:
        work(block)
