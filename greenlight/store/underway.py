"""Seals that are under way, and those that were broken off, by a note for each.

A packet stands on a shelf before the ledger lists it.  Whoever seals notes that first, in
``greenlight/sealing/<hex>``, a line a packet: commit, tree, id.  The note is locked (``flock``) as
long as its process lives, and goes when the ledger lists the packets.  So one that
nobody has locked is what a killed seal left, and says exactly what to look after; without
it, nobody could tell a packet that will be listed in a moment from one that never will.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from greenlight.store.durable import (
    make_directories,
    sync_directory,
    sync_file,
    try_lock,
    unique_name,
    wrapped,
    write_all,
)
from greenlight.store.repository import Store
from greenlight.store.shelf import ShelfEntry

FOLDER: Final = "sealing"
_TEMPORARY: Final = "tmp-"  # as leftovers are called
_NAME: Final = re.compile(r"[0-9a-f]{16}")
_LINE: Final = re.compile(r"([0-9a-f]{40}|[0-9a-f]{64}) (sha256:[0-9a-f]{64}) ([a-z0-9-]{1,255})")
_MAX_NOTE_BYTES: Final = 64 * 2**20  # a hundred thousand packets, sealed in one call


@dataclass(frozen=True, slots=True)
class Note:
    """What somebody began to seal.

    Attributes:
        path: Where the note lies.
        entries: The packets.
    """

    path: Path
    entries: tuple[ShelfEntry, ...]


@contextmanager
def under_way(store: Store, entries: Sequence[ShelfEntry]) -> Iterator[None]:
    """Note, durably, that packets are being sealed; the note stays where the block raises.

    Raises:
        StoreError: IO_NOSPACE or IO_FAILED; nothing is noted.
    """
    folder = store.make_own_dir() / FOLDER
    for directory in make_directories(folder):
        sync_directory(directory)
    text = "".join(f"{each.commit} {each.packet_tree} {each.packet_id}\n" for each in entries)
    name = unique_name("")
    temporary, path = folder / f"{_TEMPORARY}{name}", folder / name
    with wrapped(f"write {path}"):
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        try:
            with wrapped(f"write {path}"):
                try_lock(fd, temporary)  # first: under its own name it is locked or left
                write_all(fd, text.encode("ascii"))
                sync_file(fd)
                temporary.replace(path)
        except BaseException:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise
        sync_directory(folder)
        yield
        with suppress(OSError):  # one that stays is looked at by the next seal, and goes
            path.unlink(missing_ok=True)
    finally:
        with suppress(OSError):
            os.close(fd)


def notes(store: Store) -> list[Note]:
    """Return all notes, of the living and of the dead.

    Raises:
        StoreError: IO_FAILED.
    """
    found = []
    for path in _paths(store):
        with wrapped(f"read {path}"):
            try:
                with path.open("rb") as file:
                    data = file.read(_MAX_NOTE_BYTES)
            except FileNotFoundError:
                continue
        found.append(Note(path, _entries(data)))
    return found


@contextmanager
def left(store: Store) -> Iterator[list[Note]]:
    """Give the notes that killed seals left; the block has them alone, and they go after it.

    Raises:
        StoreError: IO_FAILED.
    """
    held: list[int] = []
    found = []
    try:
        for path in _paths(store):
            with wrapped(f"read {path}"):
                try:
                    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
                except FileNotFoundError:
                    continue
            held.append(fd)
            if try_lock(fd, path):
                with wrapped(f"read {path}"):
                    found.append(Note(path, _entries(os.pread(fd, _MAX_NOTE_BYTES, 0))))
        yield found
        for note in found:
            with wrapped(f"remove {note.path}"):
                note.path.unlink(missing_ok=True)
    finally:
        for fd in held:
            with suppress(OSError):
                os.close(fd)


def _paths(store: Store) -> list[Path]:
    folder = store.own_dir / FOLDER
    with wrapped(f"list {folder}"):
        try:
            return sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name))
        except FileNotFoundError:
            return []


def _entries(data: bytes) -> tuple[ShelfEntry, ...]:
    lines = map(_LINE.fullmatch, data.decode("ascii", "replace").splitlines())
    return tuple(ShelfEntry(line[2], line[3], line[1]) for line in lines if line)
