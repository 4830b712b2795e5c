"""Read what a lane file stands beside: files and folders, followed by no link, read once."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from greenlight.codes import Code
from greenlight.errors import StoreError
from greenlight.execution.reading import fault, open_beneath, open_root, read_stable
from greenlight.primitives.limits import MAX_FILE_BYTES
from greenlight.primitives.packet_path import MAX_DEPTH, path_problem
from greenlight.primitives.text import escape


@dataclass(frozen=True, slots=True)
class Gathered:
    """A file or folder that was read.

    Attributes:
        path: Relative to the folder that was given, ``/``-separated.
        mode: Permission bits in octal, as ``0644``.
        data: Content; None for a folder.
    """

    path: str
    mode: str
    data: bytes | None


def gather(folder: Path, source: str) -> Iterator[Gathered]:
    """Read the file or folder ``source`` below ``folder``, depth first, sorted.

    Raises:
        StoreError: It is absent or unreadable, is or holds a link or a special file,
            has a name that no packet can hold, or changed while it was read.
    """
    root = open_root(folder)
    try:
        yield from _at(root, source)
    finally:
        os.close(root)


def _at(root: int, path: str) -> Iterator[Gathered]:
    if (problem := path_problem(path)) is not None:
        raise StoreError(problem, f"{escape(path)}: {problem.meaning}")
    *above, name = path.split("/")
    if len(above) >= MAX_DEPTH:
        raise StoreError(Code.PATH_TOO_DEEP, f"{escape(path)}: at most {MAX_DEPTH} levels")
    parent = open_beneath(root, above)
    try:
        status = os.stat(name, dir_fd=parent, follow_symlinks=False)
        mode = f"{stat.S_IMODE(status.st_mode):04o}"
        if stat.S_ISREG(status.st_mode):
            yield Gathered(path, mode, _read(parent, name))
            return
        if not stat.S_ISDIR(status.st_mode):
            raise StoreError(Code.FILE_TYPE_REFUSED, f"{escape(path)}: neither a file nor a folder")
        names = _names(parent, name, path)
    except OSError as error:
        raise fault(error, path) from error
    finally:
        os.close(parent)
    yield Gathered(path, mode, None)
    for child in names:
        yield from _at(root, f"{path}/{child}")


def _names(parent: int, name: str, path: str) -> list[str]:
    descriptor = open_beneath(parent, [name])
    try:
        with os.scandir(descriptor) as entries:
            names = [entry.name for entry in entries]
    finally:
        os.close(descriptor)
    for child in names:
        try:
            child.encode("utf-8")
        except UnicodeEncodeError:
            shown = f"{path}/{os.fsencode(child)!r}"
            raise StoreError(Code.PATH_NOT_UTF8, f"{escape(shown)}: not UTF-8") from None
    return sorted(names)


def _read(parent: int, name: str) -> bytes:
    pieces = bytearray()
    read_stable(parent, name, pieces.extend, max_bytes=MAX_FILE_BYTES)
    return bytes(pieces)


def read_file(folder: Path, path: str) -> Gathered:
    """Read one file below ``folder``.

    Raises:
        StoreError: As ``gather``; FILE_TYPE_REFUSED where it is a folder.
    """
    first = next(gather(folder, path))
    if first.data is None:
        raise StoreError(Code.FILE_TYPE_REFUSED, f"{escape(path)}: a folder, not a file")
    return first
