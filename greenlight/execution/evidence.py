"""A folder of evidence: what is in it, and its files, each read once through open folders.

The walk lists names and sizes and holds no content; reading comes later, perhaps in another
process, and starts from the folder again, following no link.  A folder that changed between
the two is refused (FILE_CHANGED): what came or went meanwhile would be neither in nor out.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from greenlight.codes import Code
from greenlight.errors import StoreError, UsageError
from greenlight.execution.reading import fault, open_beneath, open_root
from greenlight.model.packet import ARTIFACTS
from greenlight.primitives.limits import MAX_FILE_BYTES, MAX_PACKET_BYTES, MAX_PACKET_FILES
from greenlight.primitives.packet_path import MAX_DEPTH, collisions, path_problem
from greenlight.primitives.text import escape

Identity = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Listed:
    """What the walk through a folder found.

    Attributes:
        folder: The folder, without links in its path.
        files: Path below it and size of each file, in the order of their paths.
        folders: Path of each folder (empty for the first) and what it must stay.
    """

    folder: Path
    files: tuple[tuple[str, int], ...]
    folders: tuple[tuple[str, Identity], ...]

    @property
    def byte_count(self) -> int:
        return sum(size for _, size in self.files)


def list_evidence(folder: Path) -> Listed:
    """Walk through a folder.

    Raises:
        UsageError: There is no such folder, or nothing in it.
        StoreError: What is there cannot be read, or cannot be in a packet: FILE_UNREADABLE,
            FILE_TYPE_REFUSED, DIRECTORY_EMPTY, LIMIT_EXCEEDED, or a code of its path.
    """
    if not folder.is_dir():
        raise UsageError(Code.USAGE, f"{escape(str(folder))}: no such folder")
    folder = folder.resolve()
    walk = _Walk()
    root = open_root(folder)
    try:
        walk.go(root, "", 0)
    finally:
        os.close(root)
    if not walk.files:
        # Empty means no: a seal over nothing would say that something was looked at.
        raise UsageError(Code.USAGE, f"{escape(str(folder))} holds no file: nothing to seal")
    listed = Listed(folder, tuple(sorted(walk.files)), tuple(walk.folders))
    _require_sealable(listed, walk.empty)
    return listed


class _Walk:
    def __init__(self) -> None:
        self.files: list[tuple[str, int]] = []
        self.folders: list[tuple[str, Identity]] = []
        self.empty: list[str] = []

    def go(self, descriptor: int, prefix: str, depth: int) -> None:
        """List one open folder, and those in it."""
        self.folders.append((prefix, _identity(descriptor)))
        before = len(self.files)
        try:
            with os.scandir(descriptor) as entries:
                found = [(entry.name, entry.stat(follow_symlinks=False)) for entry in entries]
        except OSError as error:
            raise _unreadable(error, prefix) from error
        for name, status in sorted(found):
            path = prefix + name
            _require_path(path)
            if stat.S_ISDIR(status.st_mode):
                self._go_into(descriptor, name, path, depth)
            elif stat.S_ISREG(status.st_mode):
                self._note(path, status.st_size)
            else:
                said = "neither a file nor a folder"
                raise StoreError(Code.FILE_TYPE_REFUSED, f"{escape(path)}: {said}")
        if len(self.files) == before and prefix:
            self.empty.append(prefix.rstrip("/"))

    def _go_into(self, descriptor: int, name: str, path: str, depth: int) -> None:
        if depth + 1 >= MAX_DEPTH:
            raise StoreError(Code.PATH_TOO_DEEP, f"{escape(path)}: at most {MAX_DEPTH} levels")
        try:
            inner = open_beneath(descriptor, [name])
        except StoreError as error:
            raise StoreError(
                Code.FILE_UNREADABLE, f"cannot read {escape(path)}: {error}"
            ) from error
        try:
            self.go(inner, f"{path}/", depth + 1)
        finally:
            os.close(inner)

    def _note(self, path: str, size: int) -> None:
        if size > MAX_FILE_BYTES:
            said = f"expected at most {MAX_FILE_BYTES} bytes, found {size}"
            raise StoreError(Code.LIMIT_EXCEEDED, f"{escape(path)}: {said}")
        self.files.append((path, size))
        if len(self.files) > MAX_PACKET_FILES:
            raise StoreError(Code.LIMIT_EXCEEDED, f"more than {MAX_PACKET_FILES} files")


def _require_path(path: str) -> None:
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        # A name that is not UTF-8 shall be refused, not guessed at.
        shown = escape(repr(os.fsencode(path)))
        raise StoreError(Code.PATH_NOT_UTF8, f"{shown}: a name that is not UTF-8") from None
    if (problem := path_problem(f"{ARTIFACTS}{path}")) is not None:
        raise StoreError(problem, f"{escape(path)}: {problem.meaning}")


def _require_sealable(listed: Listed, empty: Iterable[str]) -> None:
    for path in sorted(empty):
        raise StoreError(
            Code.DIRECTORY_EMPTY,
            f"{escape(path)}: an empty folder, which a packet cannot hold",
            hint="remove it, or put a file into it",
        )
    if listed.byte_count > MAX_PACKET_BYTES:
        said = f"expected at most {MAX_PACKET_BYTES} bytes, found {listed.byte_count}"
        raise StoreError(Code.LIMIT_EXCEEDED, f"{escape(str(listed.folder))}: {said}")
    paths = [path for path, _ in listed.files]
    for one, other in collisions(paths):
        raise StoreError(
            Code.PATH_COLLISION,
            f"{escape(one)} and {escape(other)}: {Code.PATH_COLLISION.meaning}",
        )


def _unreadable(error: OSError, path: str) -> StoreError:
    reason = (error.strerror or "").lower()
    return StoreError(Code.FILE_UNREADABLE, f"cannot read {escape(path) or '.'}: {reason}")


def _identity(descriptor: int) -> Identity:
    """Return what stays as it is in a folder where no name comes or goes."""
    status = os.fstat(descriptor)
    return (status.st_dev, status.st_ino, status.st_mtime_ns, status.st_ctime_ns)


# --- reading


@contextmanager
def opened(folder: Path) -> Iterator[Callable[[str], tuple[int, str]]]:
    """Give a function that opens the folder of a path, and keeps it open for the next path.

    It returns a descriptor, for ``read_stable``, and the file's name in it.
    """
    root = open_root(folder)
    current, current_path = root, ""

    def find(path: str) -> tuple[int, str]:
        nonlocal current, current_path
        above, _, name = path.rpartition("/")
        if above != current_path:
            if current != root:
                os.close(current)
                current, current_path = root, ""
            try:
                current = open_beneath(root, above.split("/")) if above else root
            except StoreError as error:
                raise StoreError(Code.FILE_CHANGED, f"{error}, and was there before") from error
            current_path = above
        return current, name

    try:
        yield find
    finally:
        if current != root:
            os.close(current)
        os.close(root)


def require_unchanged(listed: Listed) -> None:
    """Refuse a folder in which a name came or went since the walk.

    Raises:
        StoreError: FILE_CHANGED.
    """
    root = open_root(listed.folder)
    try:
        for path, identity in listed.folders:
            _require_same(root, path, identity)
    finally:
        os.close(root)


def _require_same(root: int, path: str, identity: Identity) -> None:
    shown = escape(path.rstrip("/")) or "the folder"
    try:
        descriptor = open_beneath(root, path.rstrip("/").split("/") if path else ())
    except StoreError as error:
        raise StoreError(Code.FILE_CHANGED, f"{shown}: went while it was sealed") from error
    try:
        same = _identity(descriptor) == identity
    except OSError as error:
        raise fault(error, shown) from error
    finally:
        os.close(descriptor)
    if not same:
        raise StoreError(
            Code.FILE_CHANGED,
            f"{shown}: changed while it was sealed: a file came or went",
            hint="seal it when nobody writes to it",
        )
