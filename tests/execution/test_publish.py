"""Publishing changes exactly what was agreed, or nothing, and says what is there then."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import threading
from pathlib import Path

import pytest

from greenlight.codes import Code
from greenlight.errors import MalformedError, RefusedError, StoreError
from greenlight.execution import publish as module
from greenlight.execution.publish import PublishedState, publish_file
from greenlight.execution.snapshot import take
from greenlight.model.snapshot import ABSENT, FileState
from greenlight.model.surface import Change


def state(data: bytes, mode: str = "0644") -> FileState:
    return FileState("file", mode, len(data), "sha256:" + hashlib.sha256(data).hexdigest())


def put(path: Path, data: bytes, mode: int = 0o644) -> FileState:
    path.write_bytes(data)
    path.chmod(mode)
    return state(data, f"{mode:04o}")


def test_a_file_is_created(tmp_path: Path):
    """With its mode, and with the folders on the way, which are named."""
    old = os.umask(0o077)
    try:
        done = publish_file(
            b"new", "0640", tmp_path, "a/b/f", change=Change.CREATE, expected_before=ABSENT
        )
    finally:
        os.umask(old)
    assert done == PublishedState("a/b/f", ABSENT, state(b"new", "0640"), ("a", "a/b"))
    assert take(tmp_path).get("a/b/f") == done.read_back
    assert take(tmp_path).get("a").mode == "0755"


def test_a_file_is_modified_and_deleted(tmp_path: Path):
    """Where what stands there is what was expected."""
    before = put(tmp_path / "f", b"one", 0o600)
    done = publish_file(b"two", "0644", tmp_path, "f", change="modify", expected_before=before)
    assert (done.before, done.read_back) == (before, state(b"two"))
    done = publish_file(
        b"", "0644", tmp_path, "f", change=Change.DELETE, expected_before=done.read_back
    )
    assert done.read_back == ABSENT
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_created_over_anything(tmp_path: Path):
    """A file, a folder, a link, a dangling link: the surface exists."""
    put(tmp_path / "file", b"old")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "dangling").symlink_to("nowhere")
    before = take(tmp_path)
    for name in ("file", "folder", "link", "dangling"):
        with pytest.raises(RefusedError) as caught:
            publish_file(
                b"new", "0644", tmp_path, name, change=Change.CREATE, expected_before=ABSENT
            )
        assert caught.value.code is Code.SURFACE_EXISTS
    assert take(tmp_path) == before


@pytest.mark.parametrize("change", [Change.MODIFY, Change.DELETE])
@pytest.mark.parametrize("now", ["content", "mode", "gone", "link", "folder"])
def test_what_changed_since_is_not_touched(tmp_path: Path, change: Change, now: str):
    """Another content, mode or kind than the run saw: refused, and left as it is."""
    path = tmp_path / "f"
    expected = put(path, b"old")
    if now == "content":
        path.write_bytes(b"odl")
    elif now == "mode":
        path.chmod(0o600)
    else:
        path.unlink()
    if now == "link":
        put(tmp_path / "g", b"old")
        path.symlink_to("g")
    elif now == "folder":
        path.mkdir()
    before = take(tmp_path)
    with pytest.raises(RefusedError) as caught:
        publish_file(b"new", "0644", tmp_path, "f", change=change, expected_before=expected)
    assert caught.value.code is Code.PUBLICATION_REFUSED
    assert take(tmp_path) == before


def test_change_and_expectation_must_agree(tmp_path: Path):
    """Creating what should be there, or modifying what should not, is a contradiction."""
    there = put(tmp_path / "f", b"old")
    for change, expected in ((Change.CREATE, there), (Change.MODIFY, ABSENT), ("delete", ABSENT)):
        with pytest.raises(RefusedError) as caught:
            publish_file(b"", "0644", tmp_path, "f", change=change, expected_before=expected)
        assert caught.value.code is Code.PUBLICATION_REFUSED


def test_no_link_leads_out_of_the_target(tmp_path: Path):
    """Neither as a folder on the way, nor as the root itself."""
    outside, root = tmp_path / "outside", tmp_path / "root"
    outside.mkdir()
    root.mkdir()
    expected = put(outside / "f", b"old")
    (root / "way").symlink_to(outside)
    (tmp_path / "alias").symlink_to(root)
    before = take(tmp_path)
    for top, path in ((root, "way/f"), (root, "way/new/f"), (tmp_path / "alias", "f")):
        for change, state_there in ((Change.CREATE, ABSENT), (Change.MODIFY, expected)):
            with pytest.raises(StoreError):
                publish_file(b"new", "0644", top, path, change=change, expected_before=state_there)
    for path in ("../outside/f", "/etc/passwd", "a/../../outside/f"):
        with pytest.raises(MalformedError):
            publish_file(b"", "0644", root, path, change=Change.DELETE, expected_before=expected)
    assert take(tmp_path) == before


def test_a_missing_folder_is_only_made_for_a_new_file(tmp_path: Path):
    """To modify below a missing folder is an error; after a refusal no folder is left."""
    with pytest.raises(StoreError):
        publish_file(
            b"", "0644", tmp_path, "a/f", change=Change.DELETE, expected_before=state(b"x")
        )
    (tmp_path / "taken").touch()
    with pytest.raises(StoreError):
        publish_file(b"", "0644", tmp_path, "taken/f", change=Change.CREATE, expected_before=ABSENT)
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_a_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """No half file under the name, no temporary one, no folder that was made for it."""
    old = put(tmp_path / "f", b"old")

    def full(_descriptor: int, _data: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    for path, change, expected in (("f", Change.MODIFY, old), ("a/b", Change.CREATE, ABSENT)):
        with pytest.raises(StoreError) as caught:
            publish_file(b"new", "0644", tmp_path, path, change=change, expected_before=expected)
        assert caught.value.code is Code.IO_NOSPACE
    assert dict(take(tmp_path).states) == {"f": old}


def test_a_change_during_the_write_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Somebody writes between the first look and the rename: the second look refuses."""
    path = tmp_path / "f"
    expected = put(path, b"old")
    original = module.write_file

    def meddling(directory: int, name: str, data: bytes, mode: int) -> None:
        original(directory, name, data, mode)
        path.write_bytes(b"somebody else's")

    monkeypatch.setattr(module, "write_file", meddling)
    with pytest.raises(RefusedError) as caught:
        publish_file(b"new", "0644", tmp_path, "f", change="modify", expected_before=expected)
    assert caught.value.code is Code.PUBLICATION_REFUSED
    assert path.read_bytes() == b"somebody else's"
    path.unlink()
    with pytest.raises(RefusedError) as caught:
        publish_file(b"new", "0644", tmp_path, "f", change="create", expected_before=ABSENT)
    assert caught.value.code is Code.SURFACE_EXISTS
    assert [entry.name for entry in tmp_path.iterdir()] == ["f"]


def test_what_a_killed_publisher_left_is_removed(tmp_path: Path):
    """By the next one, who is alone while it holds the lock; nothing else is touched."""
    stale = tmp_path / f".greenlight-{'0' * 32}.tmp"
    for path in (stale, tmp_path / ".greenlight-notes.tmp", tmp_path / ".greenlight-1.tmp"):
        path.touch()
    publish_file(b"1", "0644", tmp_path, "f", change="create", expected_before=ABSENT)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        ".greenlight-1.tmp",
        ".greenlight-notes.tmp",
        "f",
    ]


def test_a_sync_that_fails_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """What may not be on disk is never reported as published."""

    def broken(_descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(StoreError) as caught:
        publish_file(b"1", "0644", tmp_path, "d/f", change="create", expected_before=ABSENT)
    assert caught.value.code is Code.IO_FAILED
    assert list(tmp_path.iterdir()) == []


def test_what_was_synced_comes_before_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """File, link, folder: a crash leaves the old state or the new one, never an empty file."""
    order: list[str] = []
    for name in ("fsync", "link", "rename"):
        original = getattr(os, name)

        def noted(*args, name=name, original=original, **options):
            order.append(name)
            return original(*args, **options)

        monkeypatch.setattr(os, name, noted)
    publish_file(b"1", "0644", tmp_path, "d/f", change="create", expected_before=ABSENT)
    assert order == ["fsync", "link", "fsync", "fsync"]  # file, name, its folder, d's folder
    order.clear()
    publish_file(b"2", "0644", tmp_path, "d/f", change="modify", expected_before=state(b"1"))
    assert order == ["fsync", "rename", "fsync"]


def _race(root: Path, number: int, expected: FileState, barrier, results) -> None:
    change = "create" if expected == ABSENT else "modify"
    barrier.wait()
    try:
        publish_file(b"%d" % number, "0644", root, "f", change=change, expected_before=expected)
        results.put(number)
    except RefusedError as error:
        results.put(error.code.name)


@pytest.mark.parametrize("change", ["create", "modify"])
def test_of_racing_publishers_one_wins(tmp_path: Path, change: str):
    """The others are refused, and the file is the winner's."""
    context = multiprocessing.get_context("fork")
    racers, rounds = 6, 5
    for number in range(rounds):
        root = tmp_path / str(number)
        root.mkdir()
        expected = put(root / "f", b"old") if change == "modify" else ABSENT
        barrier, results = context.Barrier(racers), context.Queue()
        processes = [
            context.Process(target=_race, args=(root, n, expected, barrier, results))
            for n in range(racers)
        ]
        for process in processes:
            process.start()
        outcomes = [results.get(timeout=20) for _ in processes]
        for process in processes:
            process.join()
        winners = [outcome for outcome in outcomes if isinstance(outcome, int)]
        assert len(winners) == 1
        assert (root / "f").read_bytes() == b"%d" % winners[0]
        refused = "SURFACE_EXISTS" if change == "create" else "PUBLICATION_REFUSED"
        assert outcomes.count(refused) == racers - 1
        assert [path.name for path in root.iterdir()] == ["f"]


def test_a_reader_never_sees_half_a_file(tmp_path: Path):
    """While a file is replaced fifty times, every read is one of the versions, whole."""
    versions = [bytes([65 + n % 26]) * 200_000 for n in range(50)]
    expected = put(tmp_path / "f", versions[0])
    torn: list[int] = []
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            data = (tmp_path / "f").read_bytes()
            if len(data) != 200_000 or data != data[:1] * 200_000:
                torn.append(len(data))

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for data in versions[1:]:
            done = publish_file(
                data, "0644", tmp_path, "f", change="modify", expected_before=expected
            )
            expected = done.read_back
    finally:
        stop.set()
        reader.join()
    assert torn == []
