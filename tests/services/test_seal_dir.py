"""Evidence from elsewhere: its slug, what is read of it, what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from greenlight.codes import Code
from greenlight.errors import StoreError, UsageError
from greenlight.services import seal_dir
from greenlight.services.seal_dir import read_evidence, require_slug, slug_of


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


def test_every_file_is_an_artifact(tmp_path: Path) -> None:
    """Bytes as they are, under artifacts/, folders inside folders too."""
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "c").write_bytes(b"\r\n\x00")
    (tmp_path / "header.json").write_bytes(b"mine")
    assert read_evidence(tmp_path) == {
        "artifacts/a/b/c": b"\r\n\x00",
        "artifacts/header.json": b"mine",
    }


def test_more_files_than_a_packet_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit is asked while reading, not after."""
    monkeypatch.setattr(seal_dir, "MAX_PACKET_FILES", 2)
    for name in "abc":
        (tmp_path / name).touch()
    with pytest.raises(StoreError) as caught:
        read_evidence(tmp_path)
    assert caught.value.code is Code.LIMIT_EXCEEDED


def test_an_empty_folder_among_others_is_named(tmp_path: Path) -> None:
    """It cannot be sealed, and it is not left out in silence."""
    (tmp_path / "full" / "deep").mkdir(parents=True)
    (tmp_path / "full" / "deep" / "file").touch()
    (tmp_path / "full" / "empty").mkdir()
    with pytest.raises(StoreError, match="full/empty") as caught:
        read_evidence(tmp_path)
    assert caught.value.code is Code.DIRECTORY_EMPTY
