"""What held a secret is kept for its owner alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from greenlight.errors import StoreError
from greenlight.execution.quarantine import keep


def test_material_is_kept_privately(tmp_path: Path):
    """Numbers for names, an index, and rights for nobody else, whatever the umask."""
    where = tmp_path / "greenlight" / "quarantine"
    old = os.umask(0)
    try:
        folder = keep({"b\n/../x": b"two", "a": b"one"}, where, "SECRET_IN_EVIDENCE: step S1\n")
    finally:
        os.umask(old)
    assert folder.parent == where
    assert where.stat().st_mode & 0o777 == 0o700
    assert folder.stat().st_mode & 0o777 == 0o700
    files = sorted(folder.iterdir())
    assert [path.name for path in files] == ["0001", "0002", "index.txt"]
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    assert [path.read_bytes() for path in files[:2]] == [b"one", b"two"]
    assert files[2].read_text() == ("SECRET_IN_EVIDENCE: step S1\\n\n0001  a\n0002  b\\n/../x\n")


def test_each_run_has_a_folder_of_its_own(tmp_path: Path):
    """Nothing kept is ever written over, and an open folder is closed again."""
    where = tmp_path / "quarantine"
    where.mkdir(mode=0o755)
    assert keep({"a": b"1"}, where, "x") != keep({"a": b"2"}, where, "x")
    assert where.stat().st_mode & 0o777 == 0o700


def test_a_quarantine_that_is_a_link_is_refused(tmp_path: Path):
    """Nobody can have the material sent elsewhere."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "quarantine").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError):
        keep({"a": b"1"}, tmp_path / "quarantine", "x")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_foreign_quarantine_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A folder that somebody else prepared is not private."""
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    with pytest.raises(StoreError):
        keep({"a": b"1"}, tmp_path, "x")
