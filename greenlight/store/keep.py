"""A ``.keep`` file beside a pack: no gc and no maintenance has the pack until it is released.

Git makes such files when it receives a pack, and never removes one that a killed process
left.  Ours are locked (``flock``) by whoever holds them, so that one without a holder is
known for what it is.  Files of others, which are not locked, say nothing but that they are
there, and are left alone.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from greenlight.errors import StoreError
from greenlight.store.durable import try_lock, write_all

_OURS: Final = b"greenlight holds this pack until a ref names its objects\n"
_TRIES: Final = 8  # a holder that lets go removes the file; then there is another to make


class Keep:
    """A pack that is held; ``release`` it."""

    def __init__(self, path: Path, fd: int) -> None:
        self.path = path
        self._fd = fd

    def release(self) -> None:
        """Let the pack go.

        Raises:
            OSError: The system refused to remove the file.
        """
        if self._fd < 0:
            return
        fd, self._fd = self._fd, -1
        try:
            self.path.unlink(missing_ok=True)
        finally:
            with suppress(OSError):
                os.close(fd)  # the lock last: what is there and not locked is nobody's


def hold(path: Path) -> Keep | None:
    """Make a pack's ``.keep`` file; None where another one holds the pack.

    Raises:
        OSError: The system refused to make it.
        StoreError: IO_FAILED: it refused to lock it.
    """
    for _ in range(_TRIES):
        try:
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        except FileExistsError:
            return take_over(path)
        try:
            if try_lock(fd, path) and _lies_at(path, fd):
                write_all(fd, _OURS)  # last: with it, the file counts as one of ours
                return Keep(path, fd)
        except BaseException:
            path.unlink(missing_ok=True)
            os.close(fd)
            raise
        os.close(fd)
    return None


def take_over(path: Path) -> Keep | None:
    """Hold a pack whose ``.keep`` file a killed greenlight left; None where it is another's."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return None
    with suppress(OSError, StoreError):
        is_ours = os.pread(fd, len(_OURS) + 1, 0) == _OURS
        if is_ours and try_lock(fd, path) and _lies_at(path, fd):
            return Keep(path, fd)
    os.close(fd)
    return None


def _lies_at(path: Path, fd: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(fd))
    except FileNotFoundError:
        return False
