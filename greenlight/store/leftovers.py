"""Temporary files of greenlight that a killed process left in a store.

Their names are ours: git's have six random characters, and ours sixteen hex digits.  A pack
under way is locked by its writer; the others live for milliseconds, so that age tells.  So does
a pack of ours without an index, which lies there between two renames.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from greenlight.errors import StoreError
from greenlight.store.durable import try_lock, wrapped
from greenlight.store.ownpacks import noted_packs
from greenlight.store.packwriter import TEMPORARY

_UNLOCKED_SECONDS: Final = 3600.0  # far longer than a file, an index or a ref is under way
_LOCKED_SECONDS: Final = 60.0  # between making a file and locking it lies no time at all
_FAN_OUT = re.compile(r"[0-9a-f]{2}")
_HEX = r"[0-9a-f]{16}"
_OURS = re.compile(rf"(?:{TEMPORARY}|tmp_idx_|tmp_midx_|tmp_obj_|tmp-ref-|tmp-){_HEX}")


def remove_leftovers(git_dir: Path) -> int:
    """Remove what was left; return how many files that were.

    Raises:
        StoreError: IO_FAILED.
    """
    removed = 0
    with wrapped(f"look through {git_dir}"):
        now = time.time()
        for path in (*_candidates(git_dir), *_unindexed(git_dir)):
            try:
                age = now - path.lstat().st_mtime
            except FileNotFoundError:
                continue
            if path.name.startswith(TEMPORARY):
                is_left = age > _LOCKED_SECONDS and _is_unlocked(path)
            else:
                is_left = age > _UNLOCKED_SECONDS
            if is_left:
                path.unlink(missing_ok=True)
                removed += 1
    return removed


def _candidates(git_dir: Path) -> Iterator[Path]:
    objects = git_dir / "objects"
    folders = [git_dir / "greenlight", git_dir / "greenlight" / "sealing", objects / "pack"]
    folders += sorted(path for path in objects.iterdir() if _FAN_OUT.fullmatch(path.name))
    for folder in folders:
        if not folder.is_dir():
            continue
        with os.scandir(folder) as entries:
            for entry in entries:
                if _OURS.fullmatch(entry.name):
                    yield Path(entry.path)


def _unindexed(git_dir: Path) -> Iterator[Path]:
    """Yield packs of ours that have no index, and what lies beside them."""
    for name in noted_packs(git_dir):
        pack = git_dir / "objects" / "pack" / f"{name}.pack"
        if pack.exists() and not pack.with_suffix(".idx").exists():
            yield pack


def _is_unlocked(path: Path) -> bool:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        return try_lock(fd, path)
    except StoreError:
        return False  # a file system without locks: nobody knows
    finally:
        os.close(fd)
