"""Files that are there after a power cut, or were never acknowledged.

Rules, each from a store that was lost (docs/adr/0009-own-durable-writer.md):

* A file is written under a temporary name, synced, and moved or linked into place;
  then its directory is synced, and every directory that was made for it.
* A sync that failed is an error for good.  It is never tried again: the kernel may
  have dropped the pages and would report success (PostgreSQL's "fsyncgate").
* A lock belongs to a process, not to a file: ``flock`` ends with whoever held it.

Every ``OSError`` leaves this layer as a ``StoreError``.
"""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Final, TypeAlias, TypeVar, cast

from greenlight.codes import Code
from greenlight.errors import StoreError

if sys.platform != "win32":
    import fcntl

LOCK_WAIT_SECONDS = 30.0  # sixteen writers that queue for one ref need under a second
MAX_AT_ONCE: Final = 4  # writers of one seal; more gain nothing where a journal commits in turn
_FIRST_PAUSE_SECONDS = 0.001
_LONGEST_PAUSE_SECONDS = 0.01
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})

Sink: TypeAlias = Callable[[bytes | memoryview], object]
Item = TypeVar("Item")
Result = TypeVar("Result")


def failed(error: OSError, what: str) -> StoreError:
    """Return the error that says that the system refused to do ``what``."""
    code = Code.IO_NOSPACE if error.errno in _FULL else Code.IO_FAILED
    return StoreError(code, f"cannot {what}: {error.strerror or error}")


@contextmanager
def wrapped(what: str) -> Iterator[None]:
    """Let out a refusal of the operating system as a ``StoreError``, once.

    Raises:
        StoreError: IO_NOSPACE or IO_FAILED.
    """
    try:
        yield
    except OSError as error:
        raise failed(error, what) from error


def unique_name(prefix: str) -> str:
    """Return a name that no other writer uses."""
    return f"{prefix}{os.urandom(8).hex()}"


def write_all(fd: int, data: bytes | bytearray | memoryview) -> None:
    """Write all of ``data``: one call may write less than it was given."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def sync_file(fd: int) -> None:
    """Make the bytes of an open file durable."""
    if sys.platform == "darwin":
        fcntl.fcntl(fd, fcntl.F_FULLFSYNC)  # fsync stops at the drive's cache there
    else:
        os.fsync(fd)


def sync_directory(path: Path) -> bool:
    """Make the names in a directory durable; report whether it is there.

    Raises:
        StoreError: IO_FAILED; nothing may be acknowledged then.
    """
    if sys.platform == "win32":
        return True  # directories cannot be opened there; greenlight only verifies on Windows
    with wrapped(f"sync {path}"):
        try:
            fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            return False
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
    return True


def refresh(path: Path) -> None:
    """Make a file that somebody wrote durable, and young.

    Raises:
        OSError: The system refused; for the caller to name what it wanted.
    """
    with suppress(PermissionError):  # somebody else's file, in a shared repository
        os.utime(path)  # a prune running now spares what is young
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        sync_file(fd)  # git does not sync loose objects by default
    finally:
        os.close(fd)


def write_new(path: Path, data: bytes, *, mode: int = 0o666) -> None:
    """Write a file that must not be there yet, and sync it; its directory is not synced.

    Nothing is left behind where it fails.

    Raises:
        OSError: The system refused; for the caller to name what it wanted.
    """
    write_new_from(path, (data,), mode=mode)


def write_new_from(path: Path, chunks: Iterable[bytes], *, mode: int = 0o666) -> None:
    """Write a file piece by piece, as ``write_new`` does.

    Raises:
        OSError: The system refused; for the caller to name what it wanted.
    """

    def fill(sink: Sink) -> None:
        for data in chunks:
            sink(data)

    write_new_by(path, fill, mode=mode)


def write_new_by(path: Path, fill: Callable[[Sink], object], *, mode: int = 0o666) -> None:
    """Write a file by a function that hands its pieces over, as ``write_new`` does.

    Raises:
        OSError: The system refused; for the caller to name what it wanted.
    """
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        try:
            fill(partial(write_all, fd))
            sync_file(fd)
        finally:
            os.close(fd)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def replace_file(path: Path, data: bytes) -> None:
    """Put a file into place, atomically and durably; readers see the old or the new.

    Raises:
        StoreError: IO_NOSPACE or IO_FAILED; the file is as it was.
    """
    temporary = path.with_name(unique_name("tmp-"))
    with wrapped(f"write {path}"):
        write_new(temporary, data)
        try:
            temporary.replace(path)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
    sync_directory(path.parent)


def make_directories(path: Path) -> list[Path]:
    """Make a directory and what is missing above it; return the directories to sync.

    Raises:
        StoreError: IO_NOSPACE or IO_FAILED.
    """
    missing = []
    with wrapped(f"look at {path}"):
        while not path.is_dir():
            missing.append(path)
            path = path.parent
    changed = []
    for directory in reversed(missing):
        with wrapped(f"make {directory}"):
            directory.mkdir(exist_ok=True)
        changed.append(directory.parent)
    return changed


def at_once(work: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """Call ``work`` for each item, several at a time, and return what they gave, in order.

    For work that waits for the disk: what is synced together costs the disk one wait.

    Raises:
        BaseException: The first that any call raised, after all threads have ended.
    """
    found: list[Result | None] = [None] * len(items)
    errors: list[BaseException] = []

    def run(first: int) -> None:
        try:
            for index in range(first, len(items), MAX_AT_ONCE):
                if errors:
                    return
                found[index] = work(items[index])
        except BaseException as error:  # noqa: BLE001 - raised again below, in the caller's thread
            errors.append(error)

    threads = [Thread(target=run, args=(first,)) for first in range(min(MAX_AT_ONCE, len(items)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return cast("list[Result]", found)


@contextmanager
def locked(path: Path, *, wait_seconds: float = LOCK_WAIT_SECONDS) -> Iterator[None]:
    """Hold the lock of a file that stays; it ends with the process, however that ends.

    Raises:
        StoreError: STORE_BUSY: another process held it all the time; IO_FAILED.
    """
    with wrapped(f"open {path}"):
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        for pause in pauses(wait_seconds):
            if try_lock(fd, path):
                break
            time.sleep(pause)
        else:
            raise StoreError(Code.STORE_BUSY, f"another greenlight holds {path}")
        yield
    finally:
        os.close(fd)  # and with it the lock


def try_lock(fd: int, path: Path) -> bool:
    """Lock an open file, whose name is ``path``, unless another process has; say whether.

    Raises:
        StoreError: IO_FAILED.
    """
    with wrapped(f"lock {path}"):
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def pauses(wait_seconds: float) -> Iterator[float]:
    """Yield how long to sleep before each next try, until the time is over."""
    end = time.monotonic() + wait_seconds
    pause = _FIRST_PAUSE_SECONDS
    yield pause
    while time.monotonic() < end:
        pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
        yield pause
