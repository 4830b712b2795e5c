"""What an overlay holds, told as changes: before and after, each with its digest.

Exact: the kernel wrote the list.  A file that was written with the bytes it had is on it too,
as ``rewritten``; one that was made and taken away again is not, for nothing of it is left.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from greenlight.execution.box.upper import is_folder, is_opaque, is_whiteout
from greenlight.execution.reading import open_root
from greenlight.execution.snapshot import state_at, take
from greenlight.model.snapshot import (
    ABSENT,
    FileState,
    Mutation,
    Snapshot,
    change_word,
    diff,
    spell_name,
)


def changes(lower: Path, upper: Path) -> tuple[Mutation, ...]:
    """Return everything that ``upper`` changes of ``lower``, sorted by path.

    Raises:
        StoreError: Something cannot be read.
    """
    return tuple(sorted(_changes(lower, upper, ""), key=lambda each: each.path))


def _changes(lower: Path, upper: Path, prefix: str) -> Iterator[Mutation]:
    with os.scandir(upper) as entries:
        found = [(entry.name, entry.stat(follow_symlinks=False)) for entry in entries]
    above, below = open_root(upper), open_root(lower)
    try:
        for name, status in found:
            path = prefix + spell_name(os.fsencode(name))[0]
            old = state_at(below, name)
            if is_whiteout(upper / name, status):
                yield from _gone(lower / name, path, old)
                continue
            new = state_at(above, name)
            merged = (
                stat.S_ISDIR(status.st_mode)
                and is_folder(lower / name)
                and not is_opaque(upper / name)
            )
            if merged:
                if old != new:
                    yield _changed(path, old, new)
                yield from _changes(lower / name, upper / name, f"{path}/")
                continue
            if old.kind != "directory" or new.kind != "directory" or old != new:
                yield _changed(path, old, new)
            yield from _replaced(lower / name, upper / name, path, old, new)
    finally:
        os.close(above)
        os.close(below)


def _gone(folder: Path, path: str, old: FileState) -> Iterator[Mutation]:
    if old == ABSENT:
        return  # made by the step, and taken away by it: the kernel's mark is all there is
    yield _changed(path, old, ABSENT)
    yield from _replaced(folder, folder, path, old, ABSENT)


def _replaced(
    lower: Path, upper: Path, path: str, old: FileState, new: FileState
) -> Iterator[Mutation]:
    """Yield what is below a folder that went, came, or took the place of another."""
    nothing = Snapshot({})
    before = take(lower, keep_going=True) if old.kind == "directory" else nothing
    after = take(upper, keep_going=True) if new.kind == "directory" else nothing
    for each in diff(before, after):
        yield Mutation(f"{path}/{each.path}", each.change, each.before, each.after)


def _changed(path: str, old: FileState, new: FileState) -> Mutation:
    word = "rewritten" if old == new else change_word(old, new)
    return Mutation(path, word, old, new)
