"""Take a snapshot of a folder: one look at each name, one read of each file.

The walk holds a descriptor for each level and follows no link.  A name that no
packet can hold, a special file and a folder below the deepest level are problems
in the snapshot, not errors: a hostile step must not be able to keep its own deeds
out of the evidence.  Below a folder that is too deep nothing is looked at, and the
problem says so.
"""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path
from typing import Final

from greenlight.codes import Code
from greenlight.errors import StoreError
from greenlight.execution.reading import fault, identity, open_beneath, open_root, read_stable
from greenlight.model.snapshot import (
    FileState,
    Snapshot,
    SnapshotProblem,
    shorten,
    spell_name,
    spell_target,
)
from greenlight.primitives.limits import (
    MAX_FILE_BYTES,
    MAX_PATH_BYTES,
    MAX_WORKSPACE_BYTES,
    MAX_WORKSPACE_FILES,
)
from greenlight.primitives.packet_path import MAX_DEPTH

# What a snapshot can go on without, when it may: the state then has no digest.
_UNREAD: Final = frozenset({Code.FILE_CHANGED, Code.FILE_UNREADABLE, Code.LIMIT_EXCEEDED})


def take(
    root: Path,
    *,
    keep_going: bool = False,
    max_files: int = MAX_WORKSPACE_FILES,
    max_bytes: int = MAX_WORKSPACE_BYTES,
) -> Snapshot:
    """Return what stands below ``root``.

    Args:
        root: A folder; itself no part of the snapshot.
        keep_going: Make a problem of a file that cannot be read, that changes while it is
            hashed, or that is too large, instead of an error; its state has no digest.
        max_files: More names than this are an error either way.
        max_bytes: Sum of the contents that are read.

    Raises:
        StoreError: FILE_CHANGED, FILE_UNREADABLE, LIMIT_EXCEEDED, or the system's refusal.
    """
    walk = _Walk(keep_going=keep_going, files_left=max_files, bytes_left=max_bytes)
    descriptor = open_root(root)
    try:
        walk.directory(descriptor, "", b"", 1)
    finally:
        os.close(descriptor)
    return Snapshot(walk.states, tuple(walk.problems))


def state_at(directory: int, name: str) -> FileState:
    """Return what stands at one name of an open folder; ABSENT where nothing does.

    Raises:
        StoreError: FILE_CHANGED or FILE_UNREADABLE.
    """
    try:
        status = os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return FileState("absent")
    except OSError as error:
        raise fault(error, name) from error
    if stat.S_ISREG(status.st_mode):
        return _file(directory, name, status, MAX_FILE_BYTES)
    return _other_than_file(directory, name, status)[0]


class _Walk:
    """The states found so far, and what may still be read."""

    def __init__(self, *, keep_going: bool, files_left: int, bytes_left: int) -> None:
        self.states: dict[str, FileState] = {}
        self.problems: list[SnapshotProblem] = []
        self._keep_going = keep_going
        self._files_left = files_left
        self._bytes_left = bytes_left

    def directory(self, descriptor: int, prefix: str, raw_prefix: bytes, depth: int) -> None:
        for name in self._names(descriptor):
            raw_name = os.fsencode(name)
            spelled, problem = spell_name(raw_name)
            raw = raw_prefix + raw_name
            path = shorten(prefix + spelled, raw)
            if problem is None and len(raw) > MAX_PATH_BYTES:
                problem = Code.PATH_TOO_LONG
            if problem is None and depth > MAX_DEPTH:
                problem = Code.PATH_TOO_DEEP
            if problem is not None:
                self._report(path, problem)
            try:
                status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
            except OSError:
                gone = StoreError(Code.FILE_CHANGED, f"{path}: gone while its folder was read")
                self._give_up(path, gone)
                continue
            self._enter(descriptor, name, path, status)
            if stat.S_ISDIR(status.st_mode) and depth <= MAX_DEPTH:
                self._below(descriptor, name, path, raw, depth)

    def _names(self, descriptor: int) -> list[str]:
        try:
            with os.scandir(descriptor) as entries:
                names = []
                for entry in entries:
                    self._files_left -= 1
                    if self._files_left < 0:
                        raise StoreError(
                            Code.LIMIT_EXCEEDED, "more names below the folder than allowed"
                        )
                    names.append(entry.name)
        except OSError as error:
            raise fault(error, "a folder") from error
        return names

    def _enter(self, descriptor: int, name: str, path: str, status: os.stat_result) -> None:
        if stat.S_ISREG(status.st_mode):
            try:
                state = _file(descriptor, name, status, min(MAX_FILE_BYTES, self._bytes_left))
            except StoreError as error:
                self._give_up(path, error)
                state = FileState("file", _mode(status), status.st_size)
            else:
                self._bytes_left -= state.bytes
        else:
            state, problem = _other_than_file(descriptor, name, status)
            if problem is not None:
                self._report(path, problem)
        self.states[path] = state

    def _below(self, descriptor: int, name: str, path: str, raw: bytes, depth: int) -> None:
        try:
            child = open_beneath(descriptor, (name,))
        except StoreError as error:
            self._give_up(path, StoreError(Code.FILE_UNREADABLE, str(error)))
            return
        try:
            self.directory(child, path + "/", raw + b"/", depth + 1)
        finally:
            os.close(child)

    def _give_up(self, path: str, error: StoreError) -> None:
        if not self._keep_going or error.code not in _UNREAD:
            raise error
        self._report(path, error.code)

    def _report(self, path: str, code: Code) -> None:
        self.problems.append(SnapshotProblem.of(path, code))


def _file(directory: int, name: str, status: os.stat_result, max_bytes: int) -> FileState:
    hasher = hashlib.sha256()
    read = read_stable(directory, name, hasher.update, max_bytes=max_bytes)
    if identity(read) != identity(status):
        raise StoreError(Code.FILE_CHANGED, f"{name!a}: changed before it was read")
    return FileState("file", _mode(read), read.st_size, f"sha256:{hasher.hexdigest()}")


def _other_than_file(
    directory: int, name: str, status: os.stat_result
) -> tuple[FileState, Code | None]:
    kind = status.st_mode
    if stat.S_ISDIR(kind):
        return FileState("directory", _mode(status)), None
    if stat.S_ISLNK(kind):
        try:
            raw = os.fsencode(os.readlink(name, dir_fd=directory))
        except OSError as error:
            raise StoreError(Code.FILE_CHANGED, f"{name!a}: was a link") from error
        target, problem = spell_target(raw)
        digest = f"sha256:{hashlib.sha256(raw).hexdigest()}"
        return FileState("link", "", len(raw), digest, target), problem
    state = FileState("other", _mode(status), target=_special(status))
    return state, Code.FILE_TYPE_REFUSED


def _special(status: os.stat_result) -> str:
    if stat.S_ISFIFO(status.st_mode):
        return "fifo"
    if stat.S_ISSOCK(status.st_mode):
        return "socket"
    word = "block" if stat.S_ISBLK(status.st_mode) else "character"
    return f"{word} {os.major(status.st_rdev)}:{os.minor(status.st_rdev)}"


def _mode(status: os.stat_result) -> str:
    return f"{stat.S_IMODE(status.st_mode):04o}"
