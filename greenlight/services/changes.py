"""What a change is: the paths in which two commits differ."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from greenlight.codes import Code
from greenlight.errors import MalformedError
from greenlight.primitives.limits import MAX_PATH_DEPTH
from greenlight.store.gitobjects import TreeEntry, parse_tree
from greenlight.store.repository import Store
from greenlight.store.worktree import tree_of

MAX_CHANGED: Final = 100_000  # paths; who changed more knows that it was something


def changed_paths(store: Store, base: str, head: str) -> list[str]:
    """Return the paths of files that are in one commit and not the same in the other, sorted.

    Raises:
        MalformedError: Trees that readers may differ about; LIMIT_EXCEEDED.
        StoreError: A commit cannot be read.
    """
    found: list[str] = []
    for path in _differ(store, tree_of(store, base), tree_of(store, head), "", MAX_PATH_DEPTH):
        found.append(path)
        if len(found) >= MAX_CHANGED:
            break
    return sorted(found)


def _differ(store: Store, one: str, other: str, prefix: str, left: int) -> Iterator[str]:
    if one == other:
        return
    if not left:
        raise MalformedError(Code.LIMIT_EXCEEDED, f"{prefix} is nested too deep")
    before, after = _entries(store, one), _entries(store, other)
    for name in sorted(before.keys() | after.keys()):
        path = f"{prefix}{name.decode('utf-8', 'backslashreplace')}"
        a, b = before.get(name), after.get(name)
        if a == b:
            continue
        old, new = (each.oid if each is not None and each.is_directory else "" for each in (a, b))
        if old or new:
            yield from _differ(store, old, new, f"{path}/", left - 1)
        if any(each is not None and not each.is_directory for each in (a, b)):
            yield path


def _entries(store: Store, tree: str) -> dict[bytes, TreeEntry]:
    if not tree:
        return {}
    body = store.objects.read_as("tree", tree)
    return {entry.name: entry for entry in parse_tree(body, store.object_format)}
