"""A path of a workspace is brought back exactly, whatever a step put in its place."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from greenlight.errors import StoreError
from greenlight.execution.snapshot import take
from greenlight.execution.undo import put_back
from greenlight.model.snapshot import ABSENT, FileState
from tests.execution.unprivileged import unprivileged


def _nest(top: Path, depth: int) -> None:
    here = os.open(top, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)


@pytest.mark.parametrize("instead", ["other", "mode", "gone", "link", "folder", "deep", "fifo"])
def test_a_file_is_put_back(tmp_path: Path, instead: str):
    """Content and mode, in the place of whatever stands there."""
    path = tmp_path / "a" / "f"
    path.parent.mkdir()
    path.write_bytes(b"content")
    path.chmod(0o640)
    before = take(tmp_path)
    path.unlink()
    if instead == "other":
        path.write_bytes(b"other")
    elif instead == "mode":
        path.write_bytes(b"content")
    elif instead == "link":
        path.symlink_to("/etc/passwd")
    elif instead in ("folder", "deep"):
        path.mkdir()
        (path / "inside").touch()
        _nest(path, 2000 if instead == "deep" else 2)
    elif instead == "fifo":
        os.mkfifo(path)
    put_back(tmp_path, "a/f", before.get("a/f"), b"content")
    assert take(tmp_path) == before


def test_what_was_not_there_goes(tmp_path: Path):
    """A file, a folder with all that is in it, a link; nothing is no error."""
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "folder").mkdir()
    _nest(tmp_path / "folder", 1500)
    (tmp_path / "folder").chmod(0)
    for name in ("link", "file", "folder", "absent"):
        put_back(tmp_path, name, ABSENT, None)
    assert take(tmp_path).states == {}


def test_a_folder_keeps_what_is_in_it(tmp_path: Path):
    """Only its mode is put back, or the folder made anew."""
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "kept").touch()
    (tmp_path / "d").chmod(0o777)
    (tmp_path / "e").symlink_to("d")
    for name in ("d", "e"):
        put_back(tmp_path, name, FileState("directory", "0750"), None)
    states = take(tmp_path).states
    assert [(path, state.kind, state.mode) for path, state in states.items()] == [
        ("d", "directory", "0750"),
        ("d/kept", "file", "0644"),
        ("e", "directory", "0750"),
    ]


def test_no_link_on_the_way_is_followed(tmp_path: Path):
    """A folder that became a link leads nowhere."""
    outside = tmp_path / "outside"
    outside.mkdir()
    root = tmp_path / "root"
    root.mkdir()
    (root / "way").symlink_to(outside)
    with pytest.raises(StoreError):
        put_back(root, "way/f", FileState("file", "0644", 1), b"x")
    assert list(outside.iterdir()) == []


def test_a_folder_that_a_step_closed_is_no_hindrance():
    """Its owner may open it: without that no ordinary user could take the change back."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    folder.chmod(0o777)

    def close_and_undo() -> str:
        (folder / "d").mkdir()
        (folder / "d" / "new").touch()
        (folder / "d").chmod(0o500)
        put_back(folder, "d/new", ABSENT, None)
        put_back(folder, "d", ABSENT, None)
        return str(len(take(folder).states))

    try:
        assert unprivileged(close_and_undo) == "0"
    finally:
        shutil.rmtree(folder)
