"""Checking out: a folder that is whole or not there, and never more than a folder."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path

import pytest

from greenlight.codes import Code
from greenlight.errors import RefusedError, RejectedError, StoreError
from greenlight.model.packet import Packet
from greenlight.services import checkout as module
from greenlight.services.checkout import checkout
from greenlight.services.packets import Located
from greenlight.store.durable import Sink


def located(files: dict[str, bytes]) -> Located:
    return Located("here", Packet.of(files, {"statement.cbor": b"x"}), files, {"head": b"h"})


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("../outside", Code.PATH_DOTS),
        ("/etc/passwd", Code.PATH_ABSOLUTE),
        ("a/../../b", Code.PATH_DOTS),
        ("a\\b", Code.PATH_BACKSLASH),
        (".git/config", Code.PATH_DOTGIT),
    ],
)
def test_names_do_not_lead_out(tmp_path: Path, path: str, code: Code) -> None:
    """A packet with such a name is rejected before anything is written."""
    with pytest.raises(RejectedError) as caught:
        checkout(located({"good": b"", path: b"x"}), tmp_path / "out", store=None)
    assert caught.value.code is code
    assert list(tmp_path.iterdir()) == []


def test_names_that_fold_to_one_are_rejected(tmp_path: Path) -> None:
    """On another disk one of them would be lost."""
    with pytest.raises(RejectedError) as caught:
        checkout(located({"a": b"1", "A": b"2"}), tmp_path / "out", store=None)
    assert caught.value.code is Code.PATH_COLLISION


def test_an_empty_folder_is_filled_and_a_full_one_refused(tmp_path: Path) -> None:
    """The second time the folder is not empty any more."""
    out = tmp_path / "out"
    out.mkdir()
    made = checkout(located({"a/b": b"1"}), out, store=None)
    assert (out / "packet" / "a" / "b").read_bytes() == b"1"
    assert (out / "ledger" / "head").read_bytes() == b"h"
    assert made.packet_tree == located({"a/b": b"1"}).packet.tree
    with pytest.raises(RefusedError) as caught:
        checkout(located({"a/b": b"1"}), out, store=None)
    assert caught.value.code is Code.CHECKOUT_EXISTS


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    """An empty folder behind a link is somebody's other place."""
    (tmp_path / "place").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "place")
    with pytest.raises(RefusedError):
        checkout(located({"a": b"1"}), tmp_path / "link", store=None)


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither half a folder nor the one it was made in."""
    write = module.write_new_by

    def full(path: Path, fill: Callable[[Sink], object]) -> None:
        if path.name == "statement.cbor":
            raise OSError(errno.ENOSPC, "No space left on device")
        write(path, fill)

    monkeypatch.setattr(module, "write_new_by", full)
    with pytest.raises(StoreError) as caught:
        checkout(located({"a": b"1"}), tmp_path / "out", store=None)
    assert caught.value.code is Code.IO_NOSPACE
    assert list(tmp_path.iterdir()) == []


def test_what_is_read_back_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that stores something else is noticed before the folder is there."""
    write = module.write_new_by

    def more(path: Path, fill: Callable[[Sink], object]) -> None:
        write(path, lambda sink: (fill(sink), sink(b"!")))

    monkeypatch.setattr(module, "write_new_by", more)
    with pytest.raises(StoreError) as caught:
        checkout(located({"a": b"1"}), tmp_path / "out", store=None)
    assert caught.value.code is Code.IO_FAILED
    assert list(tmp_path.iterdir()) == []
