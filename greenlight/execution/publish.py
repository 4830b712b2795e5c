"""Publish one staged file to its target: never over something unexpected, and read back.

* create: a finished file is linked to the name, which fails where anything stands.
* modify: what stands there must be what the run saw before; a finished file takes
  its place in one rename.
* delete: likewise, then the name goes.

The file is synced before it gets its name, the folder after.  No folder on the
way is entered through a link.  Publishers of greenlight wait for each other; a
foreign writer that replaces a file between the last look and the rename, some
microseconds, is not noticed: no file system offers a compare-and-swap.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from greenlight.codes import Code
from greenlight.errors import GreenlightError, MalformedError, RefusedError
from greenlight.execution.copying import write_file
from greenlight.execution.reading import fault, open_beneath, open_root
from greenlight.execution.snapshot import state_at
from greenlight.model.snapshot import ABSENT, FileState
from greenlight.model.surface import Change
from greenlight.primitives.packet_path import path_problem
from greenlight.primitives.text import escape

DIRECTORY_MODE: Final = 0o755  # of folders made on the way

_FRESH: Final = re.compile(r"\.greenlight-[0-9a-f]{32}\.tmp")
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class PublishedState:
    """What became of one target.

    Attributes:
        path: Where, below the target's root.
        before: What stood there.
        read_back: What stands there now, read from disk again.
        directories: Folders that were made for it, outermost first.
    """

    path: str
    before: FileState
    read_back: FileState
    directories: tuple[str, ...] = ()


def publish_file(  # noqa: PLR0913 - every one decides what may happen
    data: bytes,
    mode: str,
    root: Path,
    path: str,
    *,
    change: Change | str,
    expected_before: FileState,
) -> PublishedState:
    """Carry out one change of one file, and return what is there afterwards.

    Args:
        data: The new content; not used where it is deleted.
        mode: Permission bits as ``0644``.
        root: Folder that the target is in.
        path: Target, relative to ``root``.
        change: ``create``, ``modify`` or ``delete``.
        expected_before: What the run saw there when it began.

    Raises:
        RefusedError: SURFACE_EXISTS where something stands that was to be created;
            PUBLICATION_REFUSED where something else stands than expected. Nothing was written.
        MalformedError: ``path`` is none that a packet can hold.
        StoreError: A folder is missing or a link; the system refuses.
    """
    problem = path_problem(path)
    if problem is not None:
        raise MalformedError(problem, f"{escape(path)}: {problem.meaning}")
    change = Change(change)
    if (change is Change.CREATE) != (expected_before == ABSENT):
        raise RefusedError(
            Code.PUBLICATION_REFUSED,
            f"{escape(path)}: cannot {change.value} where {expected_before.kind} is expected",
        )
    made: list[str] = []
    try:
        with _folder_of(root, path, change, made) as directory:
            name = path.rpartition("/")[2]
            before = _require_expected(directory, name, path, change, expected_before)
            if change is Change.DELETE:
                _delete(directory, name)
            else:
                _write(directory, path, data, int(mode, 8), before)
            _drop_cache(directory, name)
            return PublishedState(path, before, state_at(directory, name), tuple(made))
    except OSError as error:
        _take_back(root, made)
        raise fault(error, path) from error
    except GreenlightError:
        _take_back(root, made)
        raise


@contextmanager
def _folder_of(root: Path, path: str, change: Change, made: list[str]) -> Iterator[int]:
    """Open the folder that holds ``path``, alone among greenlight's publishers."""
    top = open_root(root)
    try:
        create = DIRECTORY_MODE if change is Change.CREATE else None
        directory = open_beneath(top, path.split("/")[:-1], create=create, created=made)
        try:
            with contextlib.suppress(OSError):  # NFS cannot lock a folder: a courtesy, no proof
                fcntl.flock(directory, fcntl.LOCK_EX)
                _remove_stale(directory)
            yield directory
            _sync_made(top, made)
        finally:
            os.close(directory)
    finally:
        os.close(top)


def _remove_stale(directory: int) -> None:
    """Remove what a killed publisher left: who holds the lock is the only one at work."""
    for name in os.listdir(directory):
        if _FRESH.fullmatch(name):
            os.unlink(name, dir_fd=directory)


def _require_expected(
    directory: int, name: str, path: str, change: Change, expected: FileState
) -> FileState:
    found = state_at(directory, name)
    if found == expected and found.kind in ("absent", "file"):
        return found
    code = Code.SURFACE_EXISTS if change is Change.CREATE else Code.PUBLICATION_REFUSED
    raise RefusedError(
        code,
        f"{escape(path)}: expected {_show(expected)}, found {_show(found)}; nothing was written",
    )


def _write(directory: int, path: str, data: bytes, mode: int, before: FileState) -> None:
    """Give the name a finished file; where nothing stood before, only if still nothing does."""
    name = path.rpartition("/")[2]
    fresh = f".greenlight-{secrets.token_hex(16)}.tmp"  # as in _FRESH
    try:
        write_file(directory, fresh, data, mode)
        _sync(directory, fresh)
        if before == ABSENT:
            os.link(fresh, name, src_dir_fd=directory, dst_dir_fd=directory, follow_symlinks=False)
        else:
            # Again, because writing and syncing took time.
            _require_expected(directory, name, path, Change.MODIFY, before)
            os.rename(fresh, name, src_dir_fd=directory, dst_dir_fd=directory)
    except FileExistsError as error:
        raise RefusedError(
            Code.SURFACE_EXISTS, f"{escape(path)}: something stands there already"
        ) from error
    except OSError as error:
        raise fault(error, path) from error
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(fresh, dir_fd=directory)
    os.fsync(directory)


def _delete(directory: int, name: str) -> None:
    try:
        os.unlink(name, dir_fd=directory)
        os.fsync(directory)
    except OSError as error:
        raise fault(error, name) from error


def _sync(directory: int, name: str) -> None:
    descriptor = os.open(name, _FILE, dir_fd=directory)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_made(top: int, made: list[str]) -> None:
    """Sync the folder of each folder that was made: a lost folder loses the file."""
    for path in made:
        parent = open_beneath(top, path.split("/")[:-1])
        try:
            os.fsync(parent)
        finally:
            os.close(parent)


def _drop_cache(directory: int, name: str) -> None:
    """Ask the system to read the device, and not its memory, for what is read back."""
    if not hasattr(os, "posix_fadvise"):
        return
    with contextlib.suppress(OSError):
        descriptor = os.open(name, _FILE, dir_fd=directory)
        try:
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(descriptor)


def _take_back(root: Path, made: list[str]) -> None:
    """Remove the folders that were made for a file that did not come."""
    for path in reversed(made):
        with contextlib.suppress(OSError):
            (root / path).rmdir()


def _show(state: FileState) -> str:
    return " ".join(part for part in (state.kind, state.mode, state.digest, state.target) if part)
