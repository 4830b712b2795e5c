"""Git's ``<file>.lock``, held so that no crash leaves it behind.

Git's lock is a file; whoever is killed while holding it wedges every later writer.  Here
a ``flock`` is held first, by the caller, and ends with the process.  ``<file>.lock`` is then
made as a hard link to a file of ours that stays, the anchor.  So, under the flock, a
``<file>.lock`` with the anchor's inode is our own and left by a crash: it is taken over.
Any other is git's, and is waited for.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from greenlight.codes import Code
from greenlight.errors import StoreError
from greenlight.store.durable import (
    failed,
    make_directories,
    pauses,
    sync_directory,
    wrapped,
    write_new,
)

FOREIGN_LOCK_WAIT_SECONDS: Final = 10.0  # git holds a ref's lock for milliseconds
_TRIES: Final = 8  # git may remove an empty directory between our making and our using it


@contextmanager
def git_lock(
    path: Path, anchor: Path, *, wait_seconds: float = FOREIGN_LOCK_WAIT_SECONDS
) -> Iterator[None]:
    """Hold ``<path>.lock`` against git; a flock that belongs to ``anchor`` is held already.

    Raises:
        StoreError: STORE_BUSY: another program held it all the time; IO_NOSPACE, IO_FAILED.
    """
    lock = path.with_name(path.name + ".lock")
    if not anchor.exists():
        with wrapped(f"write {anchor}"):
            write_new(anchor, b"greenlight links git's .lock files to this one; leave it here\n")
        sync_directory(anchor.parent)  # first: a power cut must not keep only the link
    _take(lock, anchor, wait_seconds)
    try:
        yield
    finally:
        with wrapped(f"remove {lock}"):
            lock.unlink(missing_ok=True)


def clear_git_lock(path: Path, anchor: Path) -> None:
    """Remove ``<path>.lock`` where a crash of ours left it; the anchor's flock is held.

    Raises:
        StoreError: IO_FAILED.
    """
    lock = path.with_name(path.name + ".lock")
    with wrapped(f"remove {lock}"):
        if _is_same_file(lock, anchor):
            lock.unlink(missing_ok=True)


def _take(lock: Path, anchor: Path, wait_seconds: float) -> None:
    vanished = 0
    for pause in pauses(wait_seconds):
        for directory in make_directories(lock.parent):
            sync_directory(directory)
        try:
            os.link(anchor, lock)
        except FileExistsError:
            if _is_same_file(lock, anchor):
                return  # ours, left by a crash: nobody else can hold it under the flock
        except FileNotFoundError:  # the directory was just removed
            vanished += 1
            if vanished == _TRIES:
                said = f"{lock.parent} is removed again and again"
                raise StoreError(Code.STORE_BUSY, said) from None
        except OSError as error:
            raise failed(error, f"make {lock}") from error
        else:
            return
        time.sleep(pause)
    raise StoreError(
        Code.STORE_BUSY,
        f"another program holds {lock}{_age(lock)}",
        hint=f"if no git is running, a killed one left it: rm {lock}",
    )


def _is_same_file(lock: Path, anchor: Path) -> bool:
    try:
        return lock.samefile(anchor)
    except FileNotFoundError:
        return False  # its holder has just let go


def _age(lock: Path) -> str:
    try:
        made = lock.stat()[stat.ST_MTIME]
    except OSError:
        return ""
    return f" for {max(0, int(time.time() - made))} s"
