"""Put files and folders into a workspace: exactly what was read, nothing written over.

Hard links become files of their own.  A link is copied as it is where it stays in
the folder that is copied: it is relative, and climbs only at its beginning, from
the folder that really holds it, so no chain of links can lead out either.
"""

from __future__ import annotations

import os
import stat
from functools import partial
from pathlib import Path
from typing import Final

from greenlight.codes import Code
from greenlight.errors import MalformedError, StoreError
from greenlight.execution.reading import fault, open_beneath, read_stable, write_all
from greenlight.primitives.packet_path import MAX_DEPTH, name_problem
from greenlight.primitives.text import escape

_CREATE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def write_file(directory: int, name: str, data: bytes, mode: int) -> None:
    """Make the file ``name`` in an open folder.

    Raises:
        StoreError: It is there already, or the system refuses.
    """
    try:
        descriptor = os.open(name, _CREATE, 0o600, dir_fd=directory)
        try:
            write_all(descriptor, data)
            os.fchmod(descriptor, mode)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise fault(error, name) from error


def copy_file(source: Path, directory: int, name: str, mode: int) -> None:
    """Copy a regular file; links above it are followed, it itself must not be one.

    Raises:
        StoreError: It cannot be read, changes meanwhile, or ``name`` is there already.
    """
    try:
        parent = os.open(source.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise fault(error, str(source)) from error
    try:
        _copy(parent, source.name, directory, name, mode)
    finally:
        os.close(parent)


def copy_folder(origin: int, target: int, path: str = "", depth: int = 0) -> None:
    """Copy everything in one open folder into another.

    Raises:
        MalformedError: A link that leaves, a special file, a name or depth that is refused.
        StoreError: Something cannot be read, changes meanwhile, or is there already.
    """
    if depth >= MAX_DEPTH:
        raise MalformedError(Code.PATH_TOO_DEEP, f"{path}: {Code.PATH_TOO_DEEP.meaning}")
    try:
        names = sorted(os.listdir(origin))
    except OSError as error:
        raise fault(error, path or ".") from error
    for name in names:
        here = f"{path}/{name}" if path else name
        problem = name_problem(name)
        if problem is not None:
            raise MalformedError(problem, f"{escape(here)}: {problem.meaning}")
        try:
            status = os.stat(name, dir_fd=origin, follow_symlinks=False)
        except OSError as error:
            raise StoreError(
                Code.FILE_CHANGED, f"{escape(here)}: gone while its folder was read"
            ) from error
        if stat.S_ISREG(status.st_mode):
            _copy(origin, name, target, name, stat.S_IMODE(status.st_mode))
        elif stat.S_ISLNK(status.st_mode):
            _copy_link(origin, name, target, here, depth)
        elif stat.S_ISDIR(status.st_mode):
            _copy_below(origin, target, here, depth, stat.S_IMODE(status.st_mode))
        else:
            raise MalformedError(
                Code.FILE_TYPE_REFUSED, f"{escape(here)}: expected a file, folder or link"
            )


def _copy_below(origin: int, target: int, here: str, depth: int, mode: int) -> None:
    name = here.rpartition("/")[2]
    inner = open_beneath(origin, (name,))
    try:
        try:
            os.mkdir(name, 0o700, dir_fd=target)
        except OSError as error:
            raise fault(error, here) from error
        outer = open_beneath(target, (name,))
        try:
            copy_folder(inner, outer, here, depth + 1)
            os.fchmod(outer, mode)  # last: a folder may be read-only
        finally:
            os.close(outer)
    finally:
        os.close(inner)


def _copy_link(origin: int, name: str, target: int, here: str, depth: int) -> None:
    try:
        destination = os.readlink(name, dir_fd=origin)
    except OSError as error:
        raise fault(error, here) from error
    if not _stays_inside(destination, depth):
        raise MalformedError(
            Code.LANE_PATH_ESCAPES, f"{escape(here)}: a link that may leave its folder"
        )
    try:
        os.symlink(destination, name, dir_fd=target)
    except OSError as error:
        raise fault(error, here) from error


def _stays_inside(destination: str, depth: int) -> bool:
    """Report whether a link in a folder ``depth`` levels down cannot lead above the top."""
    if destination.startswith("/"):
        return False
    segments = [segment for segment in destination.split("/") if segment not in ("", ".")]
    climbs = 0
    while climbs < len(segments) and segments[climbs] == "..":
        climbs += 1
    # A later ".." would climb from wherever another link has led.
    return climbs <= depth and ".." not in segments[climbs:]


def _copy(origin: int, name: str, target: int, new_name: str, mode: int) -> None:
    try:
        descriptor = os.open(new_name, _CREATE, 0o600, dir_fd=target)
        try:
            read_stable(origin, name, partial(write_all, descriptor))
            os.fchmod(descriptor, mode)
        finally:
            os.close(descriptor)
    except OSError as error:  # of the new file; what the source does is told by read_stable
        raise fault(error, new_name) from error
