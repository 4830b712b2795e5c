"""What an overlay holds, told as changes: before and after, each with its digest.

Exact: the kernel wrote the list.  A file that was written with the bytes it had is on it too,
as ``rewritten``; one that was made and taken away again is not, for nothing of it is left.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from greenlight.codes import Code
from greenlight.errors import StoreError
from greenlight.execution.box.upper import is_folder, is_opaque, is_whiteout
from greenlight.execution.forked import fork_map
from greenlight.execution.reading import fault, open_root
from greenlight.execution.snapshot import state_at, take
from greenlight.model.snapshot import (
    FileState,
    Mutation,
    Snapshot,
    change_word,
    diff,
    spell_name,
)

_State = tuple[str, str, int, str, str]
_Row = tuple[str, str, _State, _State]
_ABSENT: Final[_State] = ("absent", "", 0, "", "")
_FILES: Final = ("file", "file")
# Names that are spelt as they are; what else there is, spell_name says.
_PLAIN: Final = re.compile(r"[A-Za-z0-9_.-]+").fullmatch
_SMALL_BYTES: Final = 1 << 20  # read at once
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class _Pair:
    """One path that is to be looked at, before and after.

    Attributes:
        path: As it is spelt in the list.
        below: Where it was; None where nothing was.
        above: Where it is; None where nothing is any more.
        whole: Whether what is below the two is to be compared as well.
    """

    path: str
    below: str | None
    above: str | None
    whole: bool = True


def changes(lower: Path, upper: Path) -> tuple[Mutation, ...]:
    """Return everything that ``upper`` changes of ``lower``, sorted by path.

    Folders are looked at by several processes: where a change is small, looking is all there is.

    Raises:
        StoreError: Something cannot be read, or changes meanwhile.
    """
    folders: list[tuple[str, str, str]] = []
    found = list(_rows(_pairs(str(lower), str(upper), "", folders)))
    for rows in fork_map(_look, folders):
        found += rows
    found.sort()
    return tuple(
        Mutation(path, word, FileState(*before), FileState(*after))
        for path, word, before, after in found
    )


def _look(folder: tuple[str, str, str]) -> list[_Row]:
    """Look at all that is below a folder of both trees."""
    waiting = [folder]
    rows: list[_Row] = []
    while waiting:
        rows += _rows(_pairs(*waiting.pop(), waiting))
    return rows


def _pairs(
    lower: str, upper: str, prefix: str, below: list[tuple[str, str, str]]
) -> Iterator[_Pair]:
    """Yield the pairs of one folder; folders of both trees are put into ``below``."""
    with os.scandir(upper) as entries:
        found = [(entry.name, entry.stat(follow_symlinks=False)) for entry in entries]
    for name, status in found:
        path = prefix + (name if _PLAIN(name) else spell_name(os.fsencode(name))[0])
        new, old = f"{upper}/{name}", f"{lower}/{name}"
        marked = not stat.S_ISREG(status.st_mode) or not status.st_size
        if marked and is_whiteout(Path(new), status):
            yield _Pair(path, old, None)
        elif stat.S_ISDIR(status.st_mode) and is_folder(Path(old)) and not is_opaque(Path(new)):
            yield _Pair(path, old, new, whole=False)
            below.append((old, new, f"{path}/"))
        else:
            yield _Pair(path, old, new)


def _rows(pairs: Iterable[_Pair]) -> Iterator[_Row]:
    """Yield the changes of pairs as plain tuples: what crosses processes is that, by thousands."""
    for pair in pairs:
        old = _ABSENT if pair.below is None else _state(pair.below)
        new = _ABSENT if pair.above is None else _state(pair.above)
        kinds = (old[0], new[0])
        # Where nothing was and nothing is, the step made it and took it away again.
        if old != new:
            word = "modified" if kinds == _FILES and old[3] != new[3] else _word(old, new)
            yield pair.path, word, old, new
        elif old[0] not in ("directory", "absent"):
            yield pair.path, "rewritten", old, new
        if pair.whole and "directory" in kinds:
            for each in diff(_below(pair.below, old[0]), _below(pair.above, new[0])):
                path = f"{pair.path}/{each.path}"
                yield path, each.change, _plain(each.before), _plain(each.after)


def _word(old: _State, new: _State) -> str:
    return change_word(FileState(*old), FileState(*new))


def _plain(state: FileState) -> _State:
    return state.kind, state.mode, state.bytes, state.digest, state.target


def _below(path: str | None, kind: str) -> Snapshot:
    if path is None or kind != "directory":
        return Snapshot({})
    return take(Path(path), keep_going=True)


def _state(path: str) -> _State:
    """Return what stands at a path whose folders nobody changes any more."""
    try:
        descriptor = os.open(path, _READ)
    except FileNotFoundError:
        return _ABSENT
    except OSError:
        return _by_descriptor(path)  # a link, or something that says so
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size > _SMALL_BYTES:
            return _by_descriptor(path)
        data = os.read(descriptor, status.st_size + 1)
    except OSError as error:
        raise fault(error, os.path.basename(path)) from error
    finally:
        os.close(descriptor)
    if len(data) != status.st_size:
        name = os.path.basename(path)
        raise StoreError(Code.FILE_CHANGED, f"{name!a}: changed while it was read")
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    return "file", _mode(stat.S_IMODE(status.st_mode)), len(data), digest, ""


@cache
def _mode(bits: int) -> str:
    return f"{bits:04o}"


def _by_descriptor(path: str) -> _State:
    folder = open_root(Path(path).parent)
    try:
        return _plain(state_at(folder, os.path.basename(path)))
    finally:
        os.close(folder)
