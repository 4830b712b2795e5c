"""A user's file: its bytes, once, and never more than were asked for."""

from __future__ import annotations

import pytest

from greenlight.codes import Code
from greenlight.errors import MalformedError, StoreError
from greenlight.services.reading import read_bounded, read_if_there

BOTH = pytest.mark.parametrize("read", [read_bounded, read_if_there])


@BOTH
@pytest.mark.parametrize("size", [0, 1, 7, 8])
def test_what_fits_comes_whole(tmp_path, read, size):
    """Up to the last byte that is allowed."""
    path = tmp_path / "file"
    path.write_bytes(b"x" * size)
    assert read(path, 8) == b"x" * size


@BOTH
@pytest.mark.parametrize("code", [Code.MALFORMED, Code.SETTINGS_MALFORMED])
def test_one_byte_more_is_refused(tmp_path, read, code):
    """By the code of whoever reads."""
    path = tmp_path / "file"
    path.write_bytes(b"x" * 9)
    with pytest.raises(MalformedError, match="file: more than 8 bytes") as caught:
        read(path, 8, code)
    assert caught.value.code is code


def test_what_is_not_there(tmp_path):
    """None, or an error, as was asked; a link that leads nowhere is not there either."""
    (tmp_path / "link").symlink_to("nowhere")
    for name in ("absent", "link"):
        assert read_if_there(tmp_path / name, 8) is None
        with pytest.raises(StoreError, match="no such file") as caught:
            read_bounded(tmp_path / name, 8)
        assert caught.value.code is Code.FILE_UNREADABLE


@BOTH
def test_what_cannot_be_read_is_not_absent(tmp_path, read):
    """A folder, a file in a file, a link to itself."""
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "loop").symlink_to("loop")
    for path in (tmp_path, tmp_path / "file" / "below", tmp_path / "loop"):
        with pytest.raises(StoreError) as caught:
            read(path, 8)
        assert caught.value.code is Code.FILE_UNREADABLE
