"""Read files and open folders so that nobody can lead the reader elsewhere.

Every name is opened relative to a directory that is already open, without
following a link (``O_NOFOLLOW``), and a regular file is asked for its identity,
size and times before and after it is read: what changed meanwhile is refused, not
hashed.  (Two writes of one length within one tick of the file system's clock are
not told apart: nothing but a copy-on-write file system could.)
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from greenlight.codes import Code
from greenlight.errors import StoreError
from greenlight.primitives.limits import KIB, MAX_FILE_BYTES
from greenlight.primitives.text import escape

BUFFER_BYTES: Final = 64 * KIB  # larger gave nothing here; smaller costs system calls

_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Without O_NONBLOCK a FIFO that was put in a file's place would hang the reader.
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_GONE: Final = frozenset({errno.ENOENT, errno.ELOOP, errno.ENOTDIR, errno.ENXIO, errno.ESTALE})


def fault(error: OSError, what: str) -> StoreError:
    """Return the error to raise for one of the operating system's, about ``what``."""
    code = Code.IO_NOSPACE if error.errno in _FULL else Code.IO_FAILED
    reason = (error.strerror or str(error)).lower()
    return StoreError(code, f"{escape(what)}: {reason}")


def open_root(folder: Path) -> int:
    """Open a folder that the caller names; links above it are the caller's own business.

    Raises:
        StoreError: It is absent, no folder, or a link.
    """
    try:
        return os.open(folder, _DIRECTORY)
    except OSError as error:
        raise fault(error, str(folder)) from error


def open_beneath(
    root: int,
    segments: Iterable[str],
    *,
    create: int | None = None,
    created: list[str] | None = None,
) -> int:
    """Open the folder ``segments`` below the open folder ``root``, following no link.

    Args:
        root: Descriptor of a folder; stays open.
        segments: Names, one a level; none gives ``root`` itself in a new descriptor.
        create: Mode of folders to make where they are missing; None makes none.
        created: Gets the path of each folder that was made.

    Raises:
        StoreError: A segment is absent, a link, no folder, or none: empty, ``.`` or ``..``.
    """
    path: list[str] = []
    segments = tuple(segments)
    if not {"", ".", ".."}.isdisjoint(segments):
        raise StoreError(Code.PATH_DOTS, f"{escape('/'.join(segments))}: {Code.PATH_DOTS.meaning}")
    current = os.open(".", _DIRECTORY, dir_fd=root)
    try:
        for segment in segments:
            path.append(segment)
            if create is not None and _make(current, segment, create) and created is not None:
                created.append("/".join(path))
            following = os.open(segment, _DIRECTORY, dir_fd=current)
            os.close(current)
            current = following
    except OSError as error:
        os.close(current)
        raise fault(error, "/".join(path)) from error
    return current


def _make(parent: int, name: str, mode: int) -> bool:
    try:
        os.mkdir(name, 0o700, dir_fd=parent)
    except FileExistsError:
        return False
    fresh = os.open(name, _DIRECTORY, dir_fd=parent)
    try:
        os.fchmod(fresh, mode)  # whatever the umask is
    finally:
        os.close(fresh)
    return True


def read_stable(  # noqa: PLR0913 - a file, and how it is read
    directory: int,
    name: str,
    sink: Callable[[memoryview], object],
    *,
    max_bytes: int = MAX_FILE_BYTES,
    expected: int | None = None,
    block_bytes: int = BUFFER_BYTES,
) -> os.stat_result:
    """Hand the bytes of a regular file to ``sink``, once, and return what it is.

    Args:
        directory: Descriptor of the folder that holds it.
        name: One name, no path.
        sink: Called with each piece; the piece is only valid during the call.
        max_bytes: More is refused before anything is read.
        expected: The size it had when it was listed; another is refused likewise.
        block_bytes: Size of the pieces: larger ones are for work that is handed to threads.

    Raises:
        StoreError: FILE_UNREADABLE; FILE_CHANGED while it was read; FILE_TYPE_REFUSED;
            LIMIT_EXCEEDED.
    """
    try:
        descriptor = os.open(name, _FILE, dir_fd=directory)
    except OSError as error:
        code = Code.FILE_CHANGED if error.errno in _GONE else Code.FILE_UNREADABLE
        raise StoreError(code, f"{escape(name)}: {(error.strerror or '').lower()}") from error
    try:
        before = os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode):
            raise StoreError(Code.FILE_TYPE_REFUSED, f"{escape(name)}: not a regular file")
        if before.st_size > max_bytes:
            raise StoreError(
                Code.LIMIT_EXCEEDED,
                f"{escape(name)}: expected at most {max_bytes} bytes, found {before.st_size}",
            )
        if expected is not None and before.st_size != expected:
            said = f"had {expected} bytes when it was listed, and has {before.st_size}"
            raise StoreError(Code.FILE_CHANGED, f"{escape(name)}: {said}")
        length = _pour(descriptor, name, sink, before.st_size, block_bytes)
        after = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    if length != before.st_size or identity(before) != identity(after):
        raise StoreError(Code.FILE_CHANGED, f"{escape(name)}: changed while it was read")
    return after


def read_whole(directory: int, name: str, *, expected: int) -> bytes:
    """Return the bytes of a small regular file; as ``read_stable``."""
    pieces: list[bytes] = []
    read_stable(directory, name, lambda piece: pieces.append(bytes(piece)), expected=expected)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def identity(status: os.stat_result) -> tuple[int, ...]:
    """Return what must stay as it is while a file is read."""
    return (
        status.st_dev,
        status.st_ino,
        status.st_mode,
        status.st_size,
        status.st_mtime_ns,
        # The system sets it alone, so a writer that puts mtime back is seen too.
        status.st_ctime_ns,
    )


def _pour(
    descriptor: int,
    name: str,
    sink: Callable[[memoryview], object],
    expected: int,
    block_bytes: int,
) -> int:
    """Read to the end, but no more than one byte beyond what was announced."""
    buffer = memoryview(bytearray(min(block_bytes, expected + 1)))
    total = 0
    while total <= expected:
        piece = buffer[: expected + 1 - total]
        try:
            count = os.readv(descriptor, [piece])
        except OSError as error:
            reason = (error.strerror or "").lower()
            raise StoreError(Code.FILE_UNREADABLE, f"{escape(name)}: {reason}") from error
        if count == 0:
            break
        sink(buffer[:count])
        total += count
    return total


def write_all(descriptor: int, data: bytes | memoryview) -> None:
    """Write all of ``data``: one call of the system may take less."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
