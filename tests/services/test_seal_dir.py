"""Evidence from elsewhere: its slug, what is read of it, what is refused."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from greenlight.codes import Code
from greenlight.errors import RefusedError, StoreError, UsageError
from greenlight.execution import evidence
from greenlight.execution.evidence import list_evidence
from greenlight.execution.reading import read_whole
from greenlight.services import seal_dir
from greenlight.services.large_file import LARGE_BYTES
from greenlight.services.seal_dir import Outside, require_slug, slug_of
from greenlight.services.verifying import Integrity, Trust, verify_all
from tests.execution.unprivileged import unprivileged
from tests.lanes_helper import OWNER, Bench, contents


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Nightly Build #7", "nightly-build-7"),
        ("--", "evidence"),
        ("grün", "gr-n"),
        ("a" * 200, "a" * 128),
        ("证据", "evidence"),
    ],
)
def test_a_folders_name_becomes_a_slug(name: str, slug: str) -> None:
    """A slug whatever the folder is called."""
    assert slug_of(Path("/some") / name) == slug
    assert require_slug(slug) == slug


@pytest.mark.parametrize("lane", ["", "A", "a b", "-a", "a-", "a/b", "a" * 129, "a\n"])
def test_what_is_no_slug_is_refused(lane: str) -> None:
    """A slug stands in ids, claims and paths."""
    with pytest.raises(UsageError):
        require_slug(lane)


def test_every_file_is_listed(tmp_path: Path) -> None:
    """Folders inside folders too, in the order of their paths."""
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "c").write_bytes(b"\r\n\x00")
    (tmp_path / "header.json").write_bytes(b"mine")
    assert list_evidence(tmp_path).files == (("a/b/c", 3), ("header.json", 4))


def test_more_files_than_a_packet_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit is asked while listing, not after."""
    monkeypatch.setattr(evidence, "MAX_PACKET_FILES", 2)
    for name in "abc":
        (tmp_path / name).touch()
    with pytest.raises(StoreError) as caught:
        list_evidence(tmp_path)
    assert caught.value.code is Code.LIMIT_EXCEEDED


def test_an_empty_folder_among_others_is_named(tmp_path: Path) -> None:
    """It cannot be sealed, and it is not left out in silence."""
    (tmp_path / "full" / "deep").mkdir(parents=True)
    (tmp_path / "full" / "deep" / "file").touch()
    (tmp_path / "full" / "empty").mkdir()
    with pytest.raises(StoreError, match="full/empty") as caught:
        list_evidence(tmp_path)
    assert caught.value.code is Code.DIRECTORY_EMPTY


def test_a_file_of_twenty_gibibytes(tmp_path: Path) -> None:
    """Refused by its size, sparse as it is, before a byte is read."""
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(20 * 2**30)
    with pytest.raises(StoreError, match="huge") as caught:
        list_evidence(tmp_path)
    assert caught.value.code is Code.LIMIT_EXCEEDED


def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    """An ordinary user is told which file it is; reading goes on with no other one."""
    (tmp_path / "secret").write_bytes(b"x")
    for folder in (*list(tmp_path.parents)[:4], tmp_path):
        folder.chmod(folder.stat().st_mode | 0o055)
    (tmp_path / "secret").chmod(0)

    def read() -> str:
        with pytest.raises(StoreError, match="secret") as caught, evidence.opened(tmp_path) as find:
            read_whole(*find("secret"), expected=1)
        return caught.value.code.name

    assert unprivileged(read) == "FILE_UNREADABLE"


@pytest.mark.parametrize("files", [3, 700], ids=["whole", "in pieces"])
@pytest.mark.parametrize("change", ["grows", "shrinks", "longer", "shorter"])
def test_a_folder_that_changes_meanwhile(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: int, change: str
) -> None:
    """What came, went or changed between listing and reading is refused, and nothing is sealed."""
    folder = tmp_path / "evidence"
    folder.mkdir()
    for number in range(files):
        (folder / f"{number:04}").write_bytes(b"some bytes")
    listing = seal_dir.list_evidence

    def then_change(where: Path) -> evidence.Listed:
        listed = listing(where)
        match change:
            case "grows":
                (folder / "new").touch()
            case "shrinks":
                (folder / "0001").unlink()
            case "longer":
                (folder / "0001").write_bytes(b"some bytes more")
            case _:
                (folder / "0001").write_bytes(b"some")
        return listed

    before = contents(bench.store.git_dir / "refs")
    with monkeypatch.context() as patched:
        patched.setattr(seal_dir, "list_evidence", then_change)
        with pytest.raises(StoreError) as caught:
            seal_dir.seal_dir(folder, Outside(bench.store, OWNER, bench.clock))
    assert caught.value.code is Code.FILE_CHANGED
    assert contents(bench.store.git_dir / "refs") == before
    assert not list((bench.store.git_dir / "objects" / "pack").glob("tmp_*"))


def test_sizes_of_all_kinds_in_one_packet(bench: Bench, tmp_path: Path, git: Any) -> None:
    """Empty, small and large, text and noise, sparse, twice the same: git reads all of it."""
    folder = tmp_path / "evidence"
    (folder / "deep" / "er").mkdir(parents=True)
    large = b"all work and no play\n" * 100_000
    files = {
        "empty": b"",
        "small": b"1",
        "noise": os.urandom(LARGE_BYTES + 1),
        "deep/text": large,
        "deep/er/again": large,
        "zeros": bytes(LARGE_BYTES),
        **{f"deep/{number}": os.urandom(number) for number in range(600)},
    }
    for path, data in files.items():
        (folder / path).write_bytes(data)
    sealed = seal_dir.seal_dir(folder, Outside(bench.store, OWNER, bench.clock))
    git("fsck", "--full", "--strict", cwd=bench.store.git_dir)
    for path, data in files.items():
        name = f"{sealed.commit}:packet/artifacts/{path}"
        assert git("cat-file", "blob", name, cwd=bench.store.git_dir) == data
    verdict = verify_all(bench.store, Trust()).packets[-1]
    assert verdict.integrity is Integrity.INTACT


def test_many_folders_share_one_write(bench: Bench, tmp_path: Path) -> None:
    """A packet a folder, in their order, in one pack, one shelf and one append."""
    folders = [tmp_path / f"e{number:03}" for number in range(120)]
    for number, folder in enumerate(folders):
        folder.mkdir()
        for name in range(4 if number != 7 else 400):
            (folder / str(name)).write_bytes(b"%d" % (number * name))
    packs = bench.store.git_dir / "objects" / "pack"
    before = len(list(packs.glob("*.pack")))
    sealed = seal_dir.seal_dirs(folders, Outside(bench.store, OWNER, bench.clock))
    assert [each.statement.lane for each in sealed] == [folder.name for folder in folders]
    first = sealed[0].index
    assert [each.index for each in sealed] == list(range(first, first + 120))
    assert len(list(packs.glob("*.pack"))) <= before + 2
    found = verify_all(bench.store, Trust())
    assert len(found.packets) == 120
    assert found.integrity is Integrity.INTACT


def test_one_bad_folder_among_many(bench: Bench, tmp_path: Path) -> None:
    """All or none: a secret in one, and no ref has moved."""
    folders = [tmp_path / f"e{number:03}" for number in range(80)]
    for folder in folders:
        folder.mkdir()
        (folder / "log").write_bytes(b"fine" * 10)
    (folders[50] / "log").write_bytes(b"token ghp_" + b"a" * 36)
    before = contents(bench.store.git_dir / "refs")
    with pytest.raises(RefusedError, match="log byte 6") as caught:
        seal_dir.seal_dirs(folders, Outside(bench.store, OWNER, bench.clock))
    assert caught.value.code is Code.SECRET_IN_EVIDENCE
    assert contents(bench.store.git_dir / "refs") == before


def test_a_secret_in_a_large_file(bench: Bench, tmp_path: Path) -> None:
    """Found wherever it stands, across the pieces it is read in."""
    (tmp_path / "e").mkdir()
    data = bytearray(os.urandom(LARGE_BYTES + 100_000))
    at = 64 * 1024 - 10
    data[at - 1 : at + 40] = b" ghp_" + b"a" * 36
    (tmp_path / "e" / "log").write_bytes(data)
    with pytest.raises(RefusedError, match=f"log byte {at}: github-token"):
        seal_dir.seal_dir(tmp_path / "e", Outside(bench.store, OWNER, bench.clock))
