"""What verification needs of a packet's files: sizes and digests, and the bytes of the texts.

Each blob is read once, in pieces, and hashed three ways at once: as the manifest names
it, as the packet's tree names it, and as this repository names it.  A packet of many
files, or of large ones, is read by worker processes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from greenlight.codes import Code
from greenlight.errors import MalformedError, StoreError
from greenlight.execution.forked import fork_map, worker_count
from greenlight.model.packet import FileFact
from greenlight.primitives.gittree import Hasher, blob_hasher
from greenlight.primitives.limits import MAX_PACKET_BYTES
from greenlight.store.gitobjects import object_hasher
from greenlight.store.objects import ObjectStore

_BATCH_FILES: Final = 256  # that one worker reads at a time
_BATCH_BYTES: Final = 8 * 1024 * 1024
_MAX_SIZED: Final = 1024  # files whose sizes are asked first: more are many small ones

Read = tuple[str, int, bytes, bytes, bytes | None]  # path, a fact's three, and bytes if wanted


def read_facts(
    objects: ObjectStore, names: Mapping[str, str], keep: Callable[[str], bool]
) -> tuple[dict[str, FileFact], dict[str, bytes]]:
    """Read blobs: a fact a file, and the bytes of those that ``keep`` says.

    Args:
        objects: Where they are.
        names: Object id by path.
        keep: Given a path, whether its bytes are wanted.

    Raises:
        StoreError: STORE_DAMAGED: one is missing or is not what its name says; IO_FAILED.
        MalformedError: LIMIT_EXCEEDED: more bytes than a packet has.
    """

    def work(batch: list[tuple[str, str]]) -> list[Read]:
        return [_read(objects, path, oid, keep=keep(path)) for path, oid in batch]

    facts: dict[str, FileFact] = {}
    kept: dict[str, bytes] = {}
    size = 0
    for batch in fork_map(work, _batches(objects, names)):
        for path, length, sha256, blob, data in batch:
            facts[path] = FileFact(length, sha256, blob)
            size += length
            if data is not None:
                kept[path] = data
        if size > MAX_PACKET_BYTES:
            raise MalformedError(Code.LIMIT_EXCEEDED, f"more than {MAX_PACKET_BYTES} bytes")
    return facts, kept


def _batches(objects: ObjectStore, names: Mapping[str, str]) -> Iterator[list[tuple[str, str]]]:
    if worker_count() == 1:
        yield list(names.items())
        return
    sized = len(names) <= _MAX_SIZED
    batch: list[tuple[str, str]] = []
    total = 0
    for path, oid in names.items():
        batch.append((path, oid))
        total += objects.stream(oid)[1] if sized else 0
        if len(batch) == _BATCH_FILES or total > _BATCH_BYTES:
            yield batch
            batch, total = [], 0
    if batch:
        yield batch


def _read(objects: ObjectStore, path: str, oid: str, *, keep: bool) -> Read:
    try:
        return _hashed(objects, path, oid, objects.stream(oid), keep=keep)
    except StoreError as error:
        if error.code is not Code.STORE_DAMAGED:
            raise
        # Another pack may have it whole; that is looked for with the object in memory.
        kind, body = objects.read(oid)
        return _hashed(objects, path, oid, (kind, len(body), iter((body,))), keep=keep)


def _hashed(
    objects: ObjectStore,
    path: str,
    oid: str,
    found: tuple[str, int, Iterator[bytes]],
    *,
    keep: bool,
) -> Read:
    kind, size, pieces = found
    if kind != "blob":
        raise StoreError(Code.STORE_DAMAGED, f"object {oid} is a {kind}, not a blob")
    sha256, blob = hashlib.sha256(), blob_hasher(size)
    hashers: list[Hasher] = [sha256, blob]
    if objects.object_format != "sha256":  # there the blob's hash is its name
        hashers.append(object_hasher("blob", size, objects.object_format))
    kept: list[bytes] = []
    for piece in pieces:
        for hasher in hashers:
            hasher.update(piece)
        if keep:
            kept.append(piece)
    name = hashers[-1].digest().hex()
    if name != oid:
        raise StoreError(Code.STORE_DAMAGED, f"object {oid} holds what hashes to {name}")
    return path, size, sha256.digest(), blob.digest(), b"".join(kept) if keep else None
