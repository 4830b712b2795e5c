"""What a snapshot sees of a folder, hostile ones included."""

from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from greenlight.codes import Code
from greenlight.errors import StoreError
from greenlight.execution import reading
from greenlight.execution.snapshot import state_at, take
from greenlight.model.snapshot import ABSENT, FileState, Snapshot, diff
from tests.execution.unprivileged import unprivileged


def digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def problems(snapshot: Snapshot) -> list[tuple[str, str]]:
    return [(problem.path, problem.code) for problem in snapshot.problems]


def test_files_folders_and_links_have_their_states(tmp_path: Path):
    """Kind, mode, length, digest, target; nothing is followed."""
    (tmp_path / "a").mkdir(mode=0o750)
    (tmp_path / "a" / "file").write_bytes(b"content")
    (tmp_path / "a" / "file").chmod(0o4711)
    (tmp_path / "empty").touch(0o600)
    (tmp_path / "link").symlink_to("../outside")
    (tmp_path / "to-folder").symlink_to("a")
    snapshot = take(tmp_path)
    assert dict(snapshot.states) == {
        "a": FileState("directory", "0750"),
        "a/file": FileState("file", "4711", 7, digest(b"content")),
        "empty": FileState("file", "0600", 0, digest(b"")),
        "link": FileState("link", "", 10, digest(b"../outside"), "../outside"),
        "to-folder": FileState("link", "", 1, digest(b"a"), "a"),
    }
    assert snapshot.problems == ()
    assert snapshot.get("absent") == ABSENT


def test_an_empty_folder_is_an_empty_snapshot(tmp_path: Path):
    """The folder itself is no row."""
    assert take(tmp_path) == Snapshot()


def test_a_file_larger_than_one_read_is_digested_whole(tmp_path: Path):
    """64 KiB are the piece, not the file."""
    data = os.urandom(reading.BUFFER_BYTES * 3 + 1)
    (tmp_path / "big").write_bytes(data)
    assert take(tmp_path).get("big") == FileState("file", "0644", len(data), digest(data))


CHANGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "content": (lambda top: (top / "f").write_bytes(b"other"), "f modified"),
    "same length": (lambda top: (top / "f").write_bytes(b"2"), "f modified"),
    "mode only": (lambda top: (top / "f").chmod(0o755), "f mode"),
    "folder mode": (lambda top: (top / "d").chmod(0o700), "d mode"),
    "link target": (
        lambda top: ((top / "l").unlink(), (top / "l").symlink_to("d")),
        "l modified",
    ),
    "new empty folder": (lambda top: (top / "e").mkdir(), "e created"),
    "folder gone": (lambda top: (top / "d").rmdir(), "d deleted"),
    "file by folder": (lambda top: ((top / "f").unlink(), (top / "f").mkdir()), "f type"),
    "file by link": (lambda top: ((top / "f").unlink(), (top / "f").symlink_to("h")), "f type"),
    "hard link": (lambda top: (top / "h2").hardlink_to(top / "h"), "h2 created"),
    "through a hard link": (
        lambda top: (top / "h").write_bytes(b"new"),
        "h modified, twin modified",
    ),
    "times only": (lambda top: os.utime(top / "f", (1, 1)), ""),
}


@pytest.mark.parametrize("name", CHANGES)
def test_every_change_is_seen(tmp_path: Path, name: str):
    """Content, mode, links, folders; times are no part of it."""
    (tmp_path / "f").write_bytes(b"1")
    (tmp_path / "d").mkdir(mode=0o755)
    (tmp_path / "l").symlink_to("f")
    (tmp_path / "h").write_bytes(b"old")
    (tmp_path / "twin").hardlink_to(tmp_path / "h")
    before = take(tmp_path)
    change, expected = CHANGES[name]
    change(tmp_path)
    after = take(tmp_path)
    assert ", ".join(f"{m.path} {m.change}" for m in diff(before, after)) == expected
    assert (before.digest == after.digest) == (not expected)


@pytest.mark.parametrize(
    ("raw", "path", "code"),
    [
        (b"\xff\xfe", "\\xff\\xfe", "PATH_NOT_UTF8"),
        ("u\u0308".encode(), "u\\xcc\\x88", "PATH_NOT_NFC"),
        (b"line\nbreak", "line\\x0abreak", "PATH_CONTROL"),
        (b"back\\slash", "back\\x5cslash", "PATH_BACKSLASH"),
        (b".git", ".git", "PATH_DOTGIT"),
        (b"aux.txt", "aux.txt", "PATH_WINDOWS"),
    ],
)
def test_a_name_that_no_packet_can_hold_is_seen_and_reported(
    tmp_path: Path, raw: bytes, path: str, code: str
):
    """Its state is there under an escaped name, so that its changes are too."""
    target = tmp_path / os.fsdecode(raw)
    target.write_bytes(b"1")
    before = take(tmp_path)
    assert problems(before) == [(path, code)]
    assert before.get(path).digest == digest(b"1")
    target.write_bytes(b"2")
    assert [m.path for m in diff(before, take(tmp_path))] == [path]


def test_a_refused_folder_is_looked_into(tmp_path: Path):
    """A .git of a step's making hides nothing."""
    (tmp_path / ".git" / "hooks").mkdir(parents=True)
    (tmp_path / ".git" / "hooks" / "post-commit").write_bytes(b"#!")
    snapshot = take(tmp_path)
    assert list(snapshot.states) == [".git", ".git/hooks", ".git/hooks/post-commit"]
    assert problems(snapshot) == [(".git", "PATH_DOTGIT")]


def test_a_link_whose_target_is_no_text_is_reported(tmp_path: Path):
    """The digest is of the target's bytes, whatever can be shown of them."""
    (tmp_path / "link").symlink_to(os.fsdecode(b"\xff"))
    snapshot = take(tmp_path)
    assert snapshot.get("link") == FileState("link", "", 1, digest(b"\xff"), "\\xff")
    assert problems(snapshot) == [("link", "PATH_CONTROL")]


def test_special_files_are_reported_and_never_opened(tmp_path: Path, monkeypatch):
    """A FIFO would hang its reader, a device would answer for ever."""
    os.mkfifo(tmp_path / "fifo", 0o600)
    monkeypatch.chdir(tmp_path)  # a socket's path must be short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        snapshot = take(tmp_path)
    assert problems(snapshot) == [("fifo", "FILE_TYPE_REFUSED"), ("socket", "FILE_TYPE_REFUSED")]
    assert snapshot.get("fifo") == FileState("other", "0600", target="fifo")
    assert snapshot.get("socket").target == "socket"


def test_a_device_is_named_by_its_numbers(tmp_path: Path):
    """The null device made anew is a device still."""
    try:
        os.mknod(tmp_path / "null", 0o020600, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("only the superuser can make a device")
    assert take(tmp_path).get("null") == FileState("other", "0600", target="character 1:3")


def test_a_folder_below_the_deepest_level_is_reported(tmp_path: Path):
    """Nothing below it is looked at, and the problem says where that begins."""
    deepest = tmp_path.joinpath(*["d"] * 33)
    deepest.mkdir(parents=True)
    (deepest / "below").write_bytes(b"x")
    snapshot = take(tmp_path)
    assert problems(snapshot) == [("/".join(["d"] * 33), "PATH_TOO_DEEP")]
    assert len(snapshot.states) == 33


@pytest.mark.parametrize(
    "meddle",
    [
        lambda path: path.write_bytes(b"longer than before"),
        lambda path: path.write_bytes(b"z" * 10),
        lambda path: path.write_bytes(b""),
        lambda path: path.chmod(0o600),
    ],
    ids=["longer", "same length", "truncated", "mode"],
)
def test_a_file_that_changes_while_it_is_hashed_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, meddle: Callable[[Path], object]
):
    """A digest of two moments would be evidence of neither."""
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    os.utime(path, (1, 1))
    original = os.readv

    def readv(descriptor: int, buffers: list[memoryview]) -> int:
        count = original(descriptor, buffers)
        monkeypatch.setattr(reading.os, "readv", original)
        meddle(path)
        return count

    monkeypatch.setattr(reading.os, "readv", readv)
    with pytest.raises(StoreError) as caught:
        take(tmp_path)
    assert caught.value.code is Code.FILE_CHANGED

    monkeypatch.setattr(reading.os, "readv", readv)
    snapshot = take(tmp_path, keep_going=True)
    assert problems(snapshot) == [("file", "FILE_CHANGED")]
    assert snapshot.get("file").unread


def test_a_file_that_is_swapped_before_it_is_opened_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Neither a link nor another file gets read in its place."""
    (tmp_path / "file").write_bytes(b"one")
    original = os.open
    for swap in (
        lambda path: path.symlink_to("/etc/passwd"),
        os.mkfifo,
        lambda path: path.write_bytes(b"two"),
    ):

        def swapping(name, flags, *args, swap=swap, **options):
            if name == "file":
                (tmp_path / "file").unlink()
                swap(tmp_path / "file")
            return original(name, flags, *args, **options)

        monkeypatch.setattr(reading.os, "open", swapping)
        with pytest.raises(StoreError) as caught:
            take(tmp_path)
        assert caught.value.code in (Code.FILE_CHANGED, Code.FILE_TYPE_REFUSED)
        monkeypatch.setattr(reading.os, "open", original)
        (tmp_path / "file").unlink()
        (tmp_path / "file").write_bytes(b"one")


def test_an_unreadable_file_or_folder(tmp_path: Path):
    """An error that names it; where the walk may go on, a problem and no digest."""
    top = tmp_path / "top"
    (top / "locked").mkdir(parents=True)
    (top / "file").write_bytes(b"x")

    def look() -> str:
        with pytest.raises(StoreError) as caught:
            take(top)
        assert caught.value.code is Code.FILE_UNREADABLE
        return str(problems(take(top, keep_going=True)))

    for folder in (*list(top.parents)[:4], top):
        folder.chmod(folder.stat().st_mode | 0o055)
    (top / "file").chmod(0)
    (top / "locked").chmod(0)
    try:
        printed = unprivileged(look)
    finally:
        (top / "locked").chmod(0o700)
    assert printed == str([("file", "FILE_UNREADABLE"), ("locked", "FILE_UNREADABLE")])


def test_names_and_bytes_are_limited(tmp_path: Path):
    """A bomb of names is an error; too many bytes are, unless the walk may go on."""
    for number in range(5):
        (tmp_path / str(number)).write_bytes(b"12345678")
    assert len(take(tmp_path, max_files=5, max_bytes=40).states) == 5
    for limits in ({"max_files": 4}, {"max_bytes": 39}):
        with pytest.raises(StoreError) as caught:
            take(tmp_path, **limits)
        assert caught.value.code is Code.LIMIT_EXCEEDED
    snapshot = take(tmp_path, keep_going=True, max_bytes=39)
    assert [code for _, code in problems(snapshot)] == ["LIMIT_EXCEEDED"]


def test_a_sparse_file_of_a_tebibyte_is_refused_before_it_is_read(tmp_path: Path):
    """Its length costs its maker nothing, and its reader neither."""
    with (tmp_path / "sparse").open("wb") as stream:
        stream.truncate(2**40)
    with pytest.raises(StoreError) as caught:
        take(tmp_path)
    assert caught.value.code is Code.LIMIT_EXCEEDED


def test_a_root_that_is_no_folder_is_refused(tmp_path: Path):
    """Absent, a file, or a link to a folder."""
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path)
    for name in ("absent", "file", "link"):
        with pytest.raises(StoreError):
            take(tmp_path / name)


def test_the_state_at_one_name(tmp_path: Path):
    """The same states as in a snapshot, and ABSENT."""
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "link").symlink_to("file")
    descriptor = reading.open_root(tmp_path)
    try:
        snapshot = take(tmp_path)
        for name in ("file", "link", "absent"):
            assert state_at(descriptor, name) == snapshot.get(name)
    finally:
        os.close(descriptor)
