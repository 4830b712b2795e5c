"""A disposable workspace: a private folder that is gone when the run is over.

::

    greenlight-workspace-<random>/        0700
        root/      what steps see as their working directory; the only part that is snapshotted
        tmp/       TMPDIR of the steps
    greenlight-workspace-<random>.lock    process id and boot id, for people; locked while in use

The lock of the system (``flock``) dies with its process, so a workspace that a
killed process left is told from one in use without guessing: no process id is
used again by another, no container is mistaken.  The lock file is made before the
folder and removed after it, so that no folder is ever without one.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import secrets
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from greenlight.codes import Code
from greenlight.errors import MalformedError, StoreError
from greenlight.execution.copying import copy_file, copy_folder, write_file
from greenlight.execution.reading import fault, open_beneath, open_root
from greenlight.execution.removal import remove_tree
from greenlight.primitives.packet_path import path_problem
from greenlight.primitives.text import escape

# Not TMPDIR: only the command line reads the environment.
DEFAULT_PARENT: Final = Path("/tmp")  # noqa: S108 - the folder made in it is private and unguessable
DIRECTORY_MODE: Final = 0o755  # of folders made on the way to a file, whatever the umask

_PREFIX: Final = "greenlight-workspace-"
_MODE: Final = re.compile(r"[0-7]{4}")
_LOCK_NAME: Final = re.compile(_PREFIX + r"[0-9a-f]{32}\.lock")
_LOCK_FLAGS: Final = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file to put into a workspace.

    Attributes:
        path: Where, relative to its root.
        source: Its bytes, or a regular file that has them.
        mode: Permission bits as ``0644``.

    Raises:
        MalformedError: The path is one that no packet can hold, or the mode is no mode.
    """

    path: str
    source: bytes | Path
    mode: str = "0644"

    def __post_init__(self) -> None:
        _require_path(self.path)
        if not _MODE.fullmatch(self.mode):
            raise MalformedError(
                Code.MALFORMED, f"expected a mode of four octal digits, found {self.mode[:80]!a}"
            )


@dataclass(frozen=True, slots=True)
class Sweep:
    """What ``sweep`` did.

    Attributes:
        removed: Names of the workspaces that dead processes had left.
        left: What could not be removed, escaped, with the reason.
    """

    removed: tuple[str, ...]
    left: tuple[str, ...]


class Workspace:
    """A folder of one's own, as long as the ``with`` block lasts.

    Attributes:
        folder: The private folder.
        root: Where the lane's files stand.
        tmp: For the steps' temporary files, which are nobody's evidence.
    """

    def __init__(self, folder: Path, lock: int) -> None:
        self.folder = folder
        self.root = folder / "root"
        self.tmp = folder / "tmp"
        self._lock = lock

    @classmethod
    def create(cls, parent: Path | None = None) -> Self:
        """Make an empty workspace in ``parent``, or in /tmp.

        Raises:
            StoreError: The system refuses.
        """
        folder = (parent or DEFAULT_PARENT) / (_PREFIX + secrets.token_hex(16))
        try:
            workspace = cls(folder, _make_lock(_lock_of(folder)))
        except OSError as error:
            raise fault(error, str(folder)) from error
        try:
            folder.mkdir(mode=0o700)
            for below in (workspace.root, workspace.tmp):
                below.mkdir()
                below.chmod(DIRECTORY_MODE)
        except OSError as error:
            workspace.remove()
            raise fault(error, str(folder)) from error
        return workspace

    def populate(self, files: Iterable[SourceFile]) -> None:
        """Put files in, each of which must be new.

        Raises:
            StoreError: A path is taken or leads through a link; a source cannot be read.
        """
        root = open_root(self.root)
        try:
            for file in files:
                *folders, name = file.path.split("/")
                directory = open_beneath(root, folders, create=DIRECTORY_MODE)
                try:
                    if isinstance(file.source, bytes):
                        write_file(directory, name, file.source, int(file.mode, 8))
                    else:
                        copy_file(file.source, directory, name, int(file.mode, 8))
                finally:
                    os.close(directory)
        finally:
            os.close(root)

    def copy_tree(self, source: Path, to: str = "") -> None:
        """Copy what is in the folder ``source`` to ``to``, with modes and links that stay inside.

        Raises:
            MalformedError: LANE_PATH_ESCAPES for a link that is absolute or leaves the folder;
                FILE_TYPE_REFUSED for what is no file, folder or link; the code of a refused name.
            StoreError: Something cannot be read, changes meanwhile, or is there already.
        """
        if to:
            _require_path(to)
        root = open_root(self.root)
        try:
            target = open_beneath(root, to.split("/") if to else (), create=DIRECTORY_MODE)
        finally:
            os.close(root)
        try:
            origin = open_root(source)
        except StoreError:
            os.close(target)
            raise
        try:
            copy_folder(origin, target)
        finally:
            os.close(origin)
            os.close(target)

    def remove(self) -> tuple[str, ...]:
        """Remove the workspace and return what is left of it; again does nothing."""
        if self._lock < 0:
            return ()
        left = remove_tree(self.folder) if self.folder.exists() else ()
        if not left:
            _lock_of(self.folder).unlink(missing_ok=True)
        # What is left stays with its lock file, so that a later sweep tries again.
        os.close(self._lock)
        self._lock = -1
        return left

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        left = self.remove()
        if left:
            message = f"{self.folder} could not be removed: {'; '.join(left[:3])}"
            if error is None:
                raise StoreError(Code.IO_FAILED, message)
            error.add_note(message)  # never in the place of what really went wrong


def sweep(parent: Path | None = None) -> Sweep:
    """Remove the workspaces that killed processes of this user have left in ``parent``.

    Raises:
        StoreError: ``parent`` cannot be read.
    """
    folder = parent or DEFAULT_PARENT
    try:
        names = sorted(path.name for path in folder.iterdir() if _LOCK_NAME.fullmatch(path.name))
    except OSError as error:
        raise fault(error, str(folder)) from error
    removed: list[str] = []
    left: list[str] = []
    for name in names:
        lock = _claim(folder / name)
        if lock is None:
            continue
        leftover = folder / name.removesuffix(".lock")
        try:
            rest: tuple[str, ...] = ()
            if _is_own(leftover):
                rest = remove_tree(leftover)
                left += [f"{leftover.name}: {line}" for line in rest]
                removed += [] if rest else [leftover.name]
            if not rest:
                (folder / name).unlink(missing_ok=True)
        finally:
            os.close(lock)
    return Sweep(tuple(removed), tuple(left))


def _make_lock(path: Path) -> int:
    """Make and lock a lock file; start over where a sweep took it in between."""
    while True:
        descriptor = os.open(path, _LOCK_FLAGS | os.O_CREAT | os.O_EXCL, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            break
        os.close(descriptor)
    with contextlib.suppress(OSError):  # only for people; not every system has one
        boot_id = _BOOT_ID.read_text(encoding="ascii").strip()
        os.write(descriptor, f"pid {os.getpid()}\nboot {boot_id}\n".encode("ascii"))
    return descriptor


def _claim(path: Path) -> int | None:
    """Lock the lock file of a workspace that nobody uses; None where somebody does."""
    try:
        descriptor = os.open(path, _LOCK_FLAGS)
    except OSError:
        return None
    status = os.fstat(descriptor)
    if stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid():
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
    os.close(descriptor)
    return None


def _is_own(folder: Path) -> bool:
    try:
        status = folder.lstat()
    except FileNotFoundError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()


def _lock_of(folder: Path) -> Path:
    return folder.with_name(folder.name + ".lock")


def _require_path(path: str) -> None:
    problem = path_problem(path)
    if problem is not None:
        raise MalformedError(problem, f"{escape(path)}: {problem.meaning}")
