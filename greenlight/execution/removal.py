"""Remove a folder whatever is in it.

A step may leave folders of mode 000, and folders nested deeper than any stack or
descriptor limit.  So nothing recurses: each folder found below is moved up to the
top under a fresh name, and only ever emptied there.  No link is followed.
"""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path
from typing import Final

from greenlight.execution.reading import fault
from greenlight.primitives.text import escape

_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_PASSES: Final = 3  # a process that is still writing gets no more chances than this
_OWNER_ALL: Final = 0o700


def remove_tree(folder: Path) -> tuple[str, ...]:
    """Remove ``folder`` with all that is in it, and return what is left, escaped.

    Nothing left is the empty tuple.  What can be left is what the system protects:
    immutable files, mount points, files that somebody keeps on making.

    Raises:
        StoreError: ``folder`` itself cannot be opened.
    """
    try:
        parent = os.open(folder.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise fault(error, str(folder)) from error
    try:
        return remove_at(parent, folder.name)
    finally:
        os.close(parent)


def remove_at(parent: int, name: str) -> tuple[str, ...]:
    """Remove the folder ``name`` of an open folder, as ``remove_tree`` does.

    Raises:
        StoreError: It cannot be opened: absent, a link, or no folder.
    """
    try:
        top = _open(parent, name)
    except OSError as error:
        raise fault(error, name) from error
    left: tuple[str, ...] = ()
    try:
        for _ in range(_PASSES):
            left = _Remover(top).empty()
            if not left:
                break
    finally:
        os.close(top)
    try:
        os.rmdir(name, dir_fd=parent)
    except OSError as error:
        return left or (f"{escape(name)}: {(error.strerror or '').lower()}",)
    return ()


class _Remover:
    """One pass over the folder ``top``."""

    def __init__(self, top: int) -> None:
        self._top = top
        self._prefix = secrets.token_hex(8)
        self._moved = 0
        self._left: list[str] = []

    def empty(self) -> tuple[str, ...]:
        pending = self._clear(self._top, is_top=True)
        while pending:
            name = pending.pop()
            try:
                child = _open(self._top, name)
            except OSError as error:
                self._keep(name, error)
                continue
            try:
                pending += self._clear(child, is_top=False)
            finally:
                os.close(child)
            try:
                os.rmdir(name, dir_fd=self._top)
            except OSError as error:
                self._keep(name, error)
        return tuple(self._left)

    def _clear(self, directory: int, *, is_top: bool) -> list[str]:
        """Unlink the files of ``directory``; return its folders, by their names in the top."""
        folders = []
        for name in os.listdir(directory):
            try:
                status = os.stat(name, dir_fd=directory, follow_symlinks=False)
                if not stat.S_ISDIR(status.st_mode):
                    os.unlink(name, dir_fd=directory)
                else:
                    folders.append(name if is_top else self._move_up(directory, name))
            except FileNotFoundError:
                continue
            except OSError as error:
                self._keep(name, error)
        return folders

    def _move_up(self, directory: int, name: str) -> str:
        fresh = f"{self._prefix}-{self._moved}"
        self._moved += 1
        try:
            os.rename(name, fresh, src_dir_fd=directory, dst_dir_fd=self._top)
        except PermissionError:
            # A folder that moves gets another "..", so it must be writable itself.
            os.close(_open(directory, name))
            os.rename(name, fresh, src_dir_fd=directory, dst_dir_fd=self._top)
        return fresh

    def _keep(self, name: str, error: OSError) -> None:
        self._left.append(f"{escape(name)}: {(error.strerror or '').lower()}")


def _open(parent: int, name: str) -> int:
    """Open a folder for emptying, with all rights of its owner, following no link."""
    try:
        descriptor = os.open(name, _DIRECTORY, dir_fd=parent)
    except PermissionError:
        _unlock(parent, name)
        descriptor = os.open(name, _DIRECTORY, dir_fd=parent)
    status = os.fstat(descriptor)
    if status.st_mode & _OWNER_ALL != _OWNER_ALL:
        try:
            os.fchmod(descriptor, _OWNER_ALL)
        except OSError:
            os.close(descriptor)
            raise
    return descriptor


def _unlock(parent: int, name: str) -> None:
    """Give the owner of a folder its rights back where even opening is denied."""
    if os.chmod in os.supports_follow_symlinks:
        os.chmod(name, _OWNER_ALL, dir_fd=parent, follow_symlinks=False)
        return
    # Linux cannot change a mode without following links; a descriptor that is only a
    # place (O_PATH) needs no right to read, and /proc names what it stands for.
    place = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    try:
        Path(f"/proc/self/fd/{place}").chmod(_OWNER_ALL)
    finally:
        os.close(place)
