"""Which packs greenlight wrote: a file for each in ``greenlight/packs``.

A pack does not say who made it.  Maintenance joins only packs that are named here; one that
is not, because the note could not be written, stays as it is until the next ``git gc``.  The file
is empty, or says what is wrong with the pack: then it is left where it is.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Final

from greenlight.errors import StoreError
from greenlight.store.durable import make_directories, replace_file, wrapped

_FOLDER: Final = "greenlight/packs"
_MAX_NOTE_BYTES: Final = 4096  # a path and a sentence


def note_own(git_dir: Path, index: Path) -> None:
    """Note that greenlight wrote the pack of an index; where that fails, it is not noted."""
    folder = git_dir / _FOLDER
    with suppress(OSError, StoreError):
        if not folder.is_dir():
            make_directories(folder)
        (folder / index.stem).touch()


def own_packs(git_dir: Path) -> dict[Path, str]:
    """Return the indexes of the packs that greenlight wrote and that are there, by name.

    With each comes what is wrong with it; nothing, as far as anybody knows, where that is empty.

    Raises:
        StoreError: IO_FAILED.
    """
    packs = git_dir / "objects" / "pack"
    found = {}
    with wrapped(f"list {packs}"):
        there = {path.stem: path for path in packs.glob("pack-*.idx")}
        for name in sorted(noted_packs(git_dir)):
            if name in there:
                with (git_dir / _FOLDER / name).open("rb") as file:
                    found[there[name]] = file.read(_MAX_NOTE_BYTES).decode("utf-8", "replace")
    return found


def note_damage(git_dir: Path, index: Path, what: str) -> None:
    """Note what is wrong with a pack; it is not joined any more.

    Raises:
        StoreError: IO_NOSPACE or IO_FAILED.
    """
    replace_file(git_dir / _FOLDER / index.stem, what.encode("utf-8")[:_MAX_NOTE_BYTES])


def forget_gone(git_dir: Path) -> None:
    """Remove the notes of packs that are gone.

    Raises:
        StoreError: IO_FAILED.
    """
    folder = git_dir / _FOLDER
    with wrapped(f"list {folder}"):
        for name in noted_packs(git_dir):
            # Without an index it is no pack, and yet to be removed.
            if not (git_dir / "objects" / "pack" / f"{name}.pack").exists():
                (folder / name).unlink(missing_ok=True)


def count_noted(git_dir: Path) -> int:
    """Return how many packs are noted, there or not; none where nobody can tell."""
    with suppress(StoreError):
        return len(noted_packs(git_dir))
    return 0


def noted_packs(git_dir: Path) -> list[str]:
    """Return the names, without an ending, of the packs that are noted, there or not.

    Raises:
        StoreError: IO_FAILED.
    """
    folder = git_dir / _FOLDER
    with wrapped(f"list {folder}"):
        try:
            return [path.name for path in folder.iterdir() if path.name.startswith("pack-")]
        except FileNotFoundError:
            return []
