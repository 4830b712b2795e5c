"""Bring one path of a workspace back to what it was, following no link on the way."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path
from typing import Final

from greenlight.codes import Code
from greenlight.errors import StoreError
from greenlight.execution.reading import fault, open_beneath, open_root, write_all
from greenlight.execution.removal import remove_at
from greenlight.model.snapshot import FileState
from greenlight.primitives.text import escape

_OWNER_ALL: Final = 0o700


def put_back(folder: Path, path: str, state: FileState, data: bytes | None) -> None:
    """Make ``path`` below ``folder`` what ``state`` says.

    Args:
        folder: The workspace.
        path: Relative, ``/``-separated.
        state: absent, file or directory; a workspace starts with nothing else.
        data: Content, for a file.

    Raises:
        StoreError: The operating system refused, or a link stands where a folder was.
    """
    root = open_root(folder)
    try:
        _put_back(root, path, state, data)
    except OSError as error:
        raise fault(error, path) from error
    finally:
        os.close(root)


def _put_back(root: int, path: str, state: FileState, data: bytes | None) -> None:
    *above, name = path.split("/")
    if name in {"", ".", ".."}:
        raise StoreError(Code.PATH_DOTS, f"{escape(path)}: {Code.PATH_DOTS.meaning}")
    parent = open_beneath(root, above, create=0o755 if state.kind != "absent" else None)
    try:
        _open_up(parent)
        if state.kind != "directory" or not _is_directory(parent, name):
            _remove(parent, name)
        if state.kind == "file" and data is not None:
            _write(parent, name, data, int(state.mode, 8))
        elif state.kind == "directory":
            _make(parent, name, int(state.mode, 8))
    finally:
        os.close(parent)


def _open_up(folder: int) -> None:
    """Let the owner write in a folder that a step has closed.

    Workspaces start with open folders, so a closed one is a change itself, which is taken
    back after what is in it.
    """
    mode = stat.S_IMODE(os.fstat(folder).st_mode)
    if mode & _OWNER_ALL != _OWNER_ALL:
        os.fchmod(folder, mode | _OWNER_ALL)


def _is_directory(parent: int, name: str) -> bool:
    try:
        return stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return False


def _remove(parent: int, name: str) -> None:
    if _is_directory(parent, name):
        # However deep or closed a step made it; what the system keeps shows in the next snapshot.
        remove_at(parent, name)
        return
    with contextlib.suppress(FileNotFoundError):
        os.unlink(name, dir_fd=parent)


def _write(parent: int, name: str, data: bytes, mode: int) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(name, flags, 0o600, dir_fd=parent)
    try:
        write_all(descriptor, data)
        os.fchmod(descriptor, mode)
    finally:
        os.close(descriptor)


def _make(parent: int, name: str, mode: int) -> None:
    if not _is_directory(parent, name):
        os.mkdir(name, 0o700, dir_fd=parent)
    inside = open_beneath(parent, [name])
    try:
        os.fchmod(inside, mode)
    finally:
        os.close(inside)
