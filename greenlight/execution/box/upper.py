"""The upper directory of an overlay: exactly what a step changed, and putting it into place.

The kernel writes there (Documentation/filesystems/overlayfs.rst): a file that was changed or
made, whole; a device 0:0 where something was deleted; a folder marked opaque where an old one
was replaced.  Nobody else writes, and nothing of the box is left when it is read.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from greenlight.codes import Code
from greenlight.errors import StoreError
from greenlight.execution.reading import fault
from greenlight.execution.removal import remove_tree

_MARKS: Final = "user.overlay."
_OPAQUE: Final = "user.overlay.opaque"
_WHITEOUT: Final = "user.overlay.whiteout"


def put_into_place(upper: Path, root: Path) -> None:
    """Make ``root`` what the step saw when it ended; ``upper`` is empty afterwards.

    What is new as a whole is moved in one rename.

    Raises:
        StoreError: The system refuses; what was done by then is done.
    """
    try:
        _merge(upper, root)
    except OSError as error:
        raise fault(error, "the changes of a step") from error


def _merge(upper: Path, root: Path) -> None:
    with os.scandir(upper) as entries:
        found = [(entry.name, entry.stat(follow_symlinks=False)) for entry in entries]
    for name, status in found:
        new, old = upper / name, root / name
        if is_whiteout(new, status):
            _remove(old)
            new.unlink()
        elif stat.S_ISDIR(status.st_mode) and is_folder(old) and not is_opaque(new):
            os.chmod(new, 0o700)
            with _writable(old):
                _merge(new, old)
            os.chmod(old, stat.S_IMODE(status.st_mode))
            new.rmdir()
        else:
            if stat.S_ISDIR(status.st_mode) or is_folder(old):
                _remove(old)  # anything else gives way to the new name
            if stat.S_ISDIR(status.st_mode):
                os.chmod(new, 0o700)  # else its parent's name in it cannot be changed
                _unmark(new)
                new.rename(old)
                os.chmod(old, stat.S_IMODE(status.st_mode))
            else:
                new.rename(old)
                if stat.S_ISREG(status.st_mode):
                    _unmark(old)


@contextlib.contextmanager
def _writable(folder: Path) -> Iterator[None]:
    if os.geteuid() != 0:
        os.chmod(folder, 0o700)
    yield


def is_folder(path: Path) -> bool:
    """Report whether a folder stands at a path, and no link to one."""
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except FileNotFoundError:
        return False


def is_whiteout(path: Path, status: os.stat_result) -> bool:
    """Report whether an entry of the upper directory says that something was deleted."""
    if stat.S_ISCHR(status.st_mode):
        return status.st_rdev == 0
    return stat.S_ISREG(status.st_mode) and status.st_size == 0 and _WHITEOUT in _names(path)


def is_opaque(path: Path) -> bool:
    """Report whether a folder of the upper directory stands in the place of the old one."""
    try:
        return os.getxattr(path, _OPAQUE, follow_symlinks=False) == b"y"
    except OSError:
        return False


def _names(path: Path) -> list[str]:
    try:
        return os.listxattr(path, follow_symlinks=False)
    except OSError:
        return []


def _unmark(path: Path) -> None:
    """Take the kernel's marks away: below another overlay they would mean something."""
    marks = [name for name in _names(path) if name.startswith(_MARKS)]
    if not marks:
        return
    mode = stat.S_IMODE(os.lstat(path).st_mode)
    if not mode & 0o200:
        os.chmod(path, mode | 0o200)
    for name in marks:
        with contextlib.suppress(OSError):
            os.removexattr(path, name, follow_symlinks=False)
    if not mode & 0o200:
        os.chmod(path, mode)


def _remove(path: Path) -> None:
    if not os.path.lexists(path):
        return
    if not is_folder(path):
        path.unlink()
        return
    if left := remove_tree(path):
        raise StoreError(Code.IO_FAILED, f"{path.name} could not be removed: {left[0]}")
