"""Loose objects of a store: which there are, which greenlight's refs reach, and their removal.

What no ref of greenlight's reaches is somebody else's, or waits for a ref: it stays.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from greenlight.codes import Code
from greenlight.errors import MalformedError, StoreError
from greenlight.store.durable import wrapped
from greenlight.store.gitobjects import OID_DIGITS, parse_commit, parse_tree
from greenlight.store.repository import Store

REFS: Final = "refs/greenlight/"
_FOLDER = re.compile(r"[0-9a-f]{2}")
_SAMPLED: Final = "17"  # one of 256 folders, which tells how full the others are, as for git gc


def loose_objects(store: Store) -> dict[bytes, int]:
    """Return the raw ids of all loose objects, and the bytes of their files.

    Raises:
        StoreError: IO_FAILED.
    """
    found: dict[bytes, int] = {}
    with wrapped(f"list {store.objects.directory}"):
        folders = sorted(path.name for path in store.objects.directory.iterdir())
    for folder in filter(_FOLDER.fullmatch, folders):
        for name, size in _files(store, folder):
            found[bytes.fromhex(folder + name)] = size
    return found


def estimate_loose(store: Store) -> int:
    """Return about how many loose objects there are, from one folder of them."""
    with suppress(StoreError):
        return 256 * sum(1 for _ in _files(store, _SAMPLED))
    return 0


def _files(store: Store, folder: str) -> Iterator[tuple[str, int]]:
    path = store.objects.directory / folder
    digits = OID_DIGITS[store.object_format] - 2
    with wrapped(f"list {path}"):
        try:
            with os.scandir(path) as entries:
                for entry in entries:
                    if re.fullmatch(f"[0-9a-f]{{{digits}}}", entry.name):
                        with suppress(FileNotFoundError):  # a gc has just packed it
                            yield entry.name, entry.stat(follow_symlinks=False).st_size
        except FileNotFoundError:
            return


def reached(store: Store, wanted: Iterable[bytes], tips: Iterable[str]) -> list[bytes]:
    """Return which of these objects are reached, in the order in which they are found.

    The walk ends when all are found.  What cannot be read ends it in that place: what lies
    below may stay loose, and whoever verifies the packet says what is wrong.

    Args:
        store: Where.
        wanted: Raw ids.
        tips: Commits to begin with; the newest should come last.

    Raises:
        StoreError: IO_FAILED.
    """
    left = set(wanted)
    found: list[bytes] = []
    seen: set[bytes] = set()
    waiting = [(bytes.fromhex(tip), "commit") for tip in tips]
    while waiting and left:
        oid, kind = waiting.pop()
        if oid in seen:
            continue
        seen.add(oid)
        if oid in left:
            left.discard(oid)
            found.append(oid)
        for below, what in _below(store, oid.hex(), kind):
            if what != "blob":
                waiting.append((below, what))
            elif below in left:
                left.discard(below)
                found.append(below)
    return found


def _below(store: Store, oid: str, kind: str) -> list[tuple[bytes, str]]:
    try:
        body = store.objects.read_as(kind, oid)
        if kind == "tree":
            return [
                (bytes.fromhex(entry.oid), "tree" if entry.is_directory else "blob")
                for entry in parse_tree(body, store.object_format)
            ]
        commit = parse_commit(body, store.object_format)
    except MalformedError:
        return []
    except StoreError as error:
        if error.code is Code.IO_FAILED:
            raise
        return []
    parents = [(bytes.fromhex(parent), "commit") for parent in commit.parents]
    return [*parents, (bytes.fromhex(commit.tree), "tree")]


def remove_loose(directory: Path, oid: bytes) -> None:
    """Remove a loose object that lies in a pack by now.

    Raises:
        StoreError: IO_FAILED.
    """
    name = oid.hex()
    path = directory / name[:2] / name[2:]
    with wrapped(f"remove {path}"):
        path.unlink(missing_ok=True)
