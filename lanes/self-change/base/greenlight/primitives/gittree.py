"""Git's blob and tree ids, computed without Git; ``packet_tree`` is the SHA-256 one.

A packet is its tree.  Its identity is the id that this prints in a repository of
SHA-256 object format, whatever format the surrounding repository has::

    git add -A -f && git write-tree

A blob is hashed as ``blob <size>NUL<content>``, a tree as ``tree <size>NUL`` and one
entry a name: ``100644 <name>NUL<id>`` for a file, ``40000 <name>NUL<id>`` for a
directory, sorted as if a directory's name ended in a slash (Git's technical document
hash-function-transition).  There is no other mode: packets hold regular files.

SHA-1 ids are how a SHA-1 repository stores the same bytes, never evidence.  Which
names a packet may have is the business of ``packet_path``; here only that is refused
which has no tree at all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Final, Protocol

from greenlight.codes import Code
from greenlight.errors import MalformedError

ID_BYTES: Final = {"sha1": 20, "sha256": 32}
EMPTY_TREE: Final = "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321"

_FILE: Final = b"100644 "
_DIRECTORY: Final = b"40000 "


class Hasher(Protocol):
    """What is used of a ``hashlib`` object."""

    def update(self, data: bytes | bytearray | memoryview, /) -> None: ...
    def digest(self) -> bytes: ...


def blob_hasher(size: int, algorithm: str = "sha256") -> Hasher:
    """Return a hasher that has read a blob's header and waits for its ``size`` bytes."""
    return _hasher(b"blob %d\0" % size, algorithm)


def blob_id(data: bytes, algorithm: str = "sha256") -> bytes:
    """Return the raw id of a blob; as ``git hash-object --stdin --no-filters``."""
    hasher = blob_hasher(len(data), algorithm)
    hasher.update(data)
    return hasher.digest()


def tree_id(blobs: Mapping[str, bytes], algorithm: str = "sha256") -> bytes:
    """Return the raw id of the tree that has the blob ``blobs[path]`` at each ``path``.

    Raises:
        MalformedError: As ``tree_objects``.
    """
    root = b""
    for root, _body in tree_objects(blobs, algorithm):  # noqa: B007 - the last one is wanted
        pass
    return root


def tree_objects(
    blobs: Mapping[str, bytes], algorithm: str = "sha256"
) -> Iterator[tuple[bytes, bytes]]:
    """Give every tree object once, as raw id and body, children before parents, the root last.

    The paths are sorted once; then one pass holds only the directories that lead to
    the current path.

    Raises:
        MalformedError: A path has an empty segment, a dot segment or a NUL, is not
            UTF-8, or is a file where another path needs a directory.
    """
    id_bytes = ID_BYTES[algorithm]
    given: set[bytes] = set()
    # The open directories, each with its path (ending in a slash, but for the root) and body.
    stack: list[tuple[str, bytearray]] = [("", bytearray())]
    # By whole paths `a.b` < `a/b` < `a0`: exactly Git's order within each tree. Code points
    # sort as their UTF-8 bytes do.
    for path in sorted(blobs):
        blob = blobs[path]
        if len(blob) != id_bytes:
            raise ValueError(f"a {algorithm} id has {id_bytes} bytes, not {len(blob)}")
        name = path.rpartition("/")[2]
        prefix = path[: len(path) - len(name)]
        while not prefix.startswith(stack[-1][0]):
            yield from _close(stack, given, algorithm)
        while stack[-1][0] != prefix:
            _open(stack, prefix, blobs)
        stack[-1][1].extend(_FILE + _checked(name) + b"\0" + blob)
    while stack:
        yield from _close(stack, given, algorithm)


def _open(stack: list[tuple[str, bytearray]], prefix: str, blobs: Mapping[str, bytes]) -> None:
    """Push the next directory on the way to ``prefix``."""
    outer = stack[-1][0]
    directory = prefix[: prefix.index("/", len(outer))]
    if directory in blobs:
        raise MalformedError(
            Code.PATH_COLLISION, f"expected a file or a directory, found both: {directory!a}"
        )
    stack.append((directory + "/", bytearray()))


def _close(
    stack: list[tuple[str, bytearray]], given: set[bytes], algorithm: str
) -> Iterator[tuple[bytes, bytes]]:
    """Pop a finished directory, enter it into its parent, give it if it is new."""
    path, body = stack.pop()
    hasher = _hasher(b"tree %d\0" % len(body), algorithm)
    hasher.update(body)
    value = hasher.digest()
    if stack:
        outer, parent = stack[-1]
        name = path[len(outer) : -1]
        parent.extend(_DIRECTORY + _checked(name) + b"\0" + value)
    if value not in given:
        given.add(value)
        yield value, bytes(body)


def _checked(name: str) -> bytes:
    if name in {"", ".", ".."}:
        raise MalformedError(Code.PATH_DOTS, f"expected the name of a file, found {name!a}")
    if "\0" in name:
        raise MalformedError(Code.PATH_CONTROL, f"expected a name without NUL, found {name!a}")
    try:
        return name.encode("utf-8")
    except UnicodeEncodeError as error:
        raise MalformedError(
            Code.PATH_NOT_UTF8, f"expected a name in UTF-8, found {name!a}"
        ) from error


def _hasher(header: bytes, algorithm: str) -> Hasher:
    if algorithm == "sha256":
        return hashlib.sha256(header)
    if algorithm == "sha1":
        return hashlib.sha1(header, usedforsecurity=False)
    raise ValueError(f"Git has no object format {algorithm!r}")
