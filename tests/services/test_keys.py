"""Reading whom the user trusts."""

from __future__ import annotations

from pathlib import Path

import pytest

from greenlight.codes import Code
from greenlight.errors import MalformedError, StoreError
from greenlight.primitives.ed25519 import SeedSigner
from greenlight.primitives.openssh import AllowedSigner, format_public
from greenlight.services.keys import read_trusted

KEY = SeedSigner(bytes(32)).public
LINE = format_public(KEY)


def test_one_option_takes_a_key_or_a_file_of_them(tmp_path: Path) -> None:
    """What a reviewer gives to RERUN.sh, `--key` takes too."""
    path = tmp_path / "trusted"
    path.write_text(f"{LINE} a comment\n")
    assert read_trusted(path) == (KEY,)
    path.write_text(f"# ours\none@example.com {LINE}\ntwo@example.com {LINE}\n")
    found = read_trusted(path)
    assert [one.key for one in found if isinstance(one, AllowedSigner)] == [KEY, KEY]


def test_what_is_neither_is_unreadable(tmp_path: Path) -> None:
    """Nothing is trusted by a guess."""
    path = tmp_path / "trusted"
    path.write_text("ssh-rsa AAAA\n")
    with pytest.raises(MalformedError) as caught:
        read_trusted(path)
    assert caught.value.code is Code.KEY_UNREADABLE
    with pytest.raises(StoreError):
        read_trusted(tmp_path / "absent")
