"""Reading whom the user trusts."""

from __future__ import annotations

from pathlib import Path

import pytest

from greenlight.codes import Code
from greenlight.errors import MalformedError, RefusedError, StoreError
from greenlight.primitives.ed25519 import SeedSigner
from greenlight.primitives.hybrid import half_of
from greenlight.primitives.mldsa import MldsaSigner
from greenlight.primitives.openssh import AllowedSigner, format_public
from greenlight.primitives.openssh_private import format_private
from greenlight.services.keys import load_key, new_key, read_public, read_trusted

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


# --- the post-quantum half

SEED, HALF_SEED, WORD = bytes(range(32)), bytes(range(1, 33)), b"correct horse"


def made(folder: Path, passphrase: bytes | None = None) -> Path:
    path = folder / "key"
    new_key(path, seed=SEED, half_seed=HALF_SEED, passphrase=passphrase, comment="ours")
    return path


def test_a_hybrid_key_is_four_files(tmp_path: Path) -> None:
    """Two private ones for their owner alone, two public ones."""
    path = made(tmp_path)
    modes = {each.name: each.stat().st_mode & 0o777 for each in tmp_path.iterdir()}
    private, public = ("key", "key.mldsa44"), ("key.pub", "key.mldsa44.pub")
    assert modes == dict.fromkeys(private, 0o600) | dict.fromkeys(public, 0o644)
    for file in (path, tmp_path / "key.pub"):
        assert read_public(file).post_quantum == MldsaSigner(HALF_SEED).public
        assert read_public(file).comment == "ours"


@pytest.mark.parametrize("name", ["key", "key.pub", "key.mldsa44", "key.mldsa44.pub"])
@pytest.mark.parametrize("hybrid", [False, True])
def test_no_file_of_a_key_is_overwritten(tmp_path: Path, name: str, hybrid: bool) -> None:
    """Nor is a new key given the half of another, which lies there."""
    (tmp_path / name).write_text("mine")
    half_seed = HALF_SEED if hybrid else None
    with pytest.raises(RefusedError) as caught:
        new_key(tmp_path / "key", seed=SEED, half_seed=half_seed)
    assert caught.value.code is Code.KEY_EXISTS
    assert [each.name for each in tmp_path.iterdir()] == [name]


def test_a_key_signs_by_both_halves(tmp_path: Path) -> None:
    """What one signature is wanted for is signed by Ed25519, as ever."""
    signer = load_key(made(tmp_path), pytest.fail)
    half = half_of(signer)
    assert half is not None
    assert signer.public.verify(signer.sign(b"x"), b"x")
    assert half.public.verify(half.sign(b"x"), b"x")
    assert half_of(SeedSigner(SEED)) is None


def test_the_passphrase_is_asked_once_and_when_it_is_needed(tmp_path: Path) -> None:
    """One question for both halves, and the second half is not opened before it signs."""
    asked: list[Path] = []
    signer = load_key(made(tmp_path, WORD), lambda file: asked.append(file) or WORD)
    half = half_of(signer)
    assert half is not None
    assert half.public.verify(half.sign(b"x"), b"x")
    assert asked == [tmp_path / "key"]


def test_a_half_with_another_passphrase_is_asked_for(tmp_path: Path) -> None:
    """Somebody changed that of the Ed25519 file alone, as ssh-keygen does."""
    path = made(tmp_path, WORD)
    path.write_bytes(format_private(SEED, b"another", "ours"))
    words = {path: b"another", tmp_path / "key.mldsa44": WORD}
    half = half_of(load_key(path, words.__getitem__))
    assert half is not None
    assert half.public.verify(half.sign(b"x"), b"x")
    shut = half_of(load_key(path, lambda _: b"another"))
    assert shut is not None
    with pytest.raises(MalformedError) as caught:
        shut.sign(b"x")
    assert caught.value.code is Code.KEY_PASSPHRASE


@pytest.mark.parametrize("name", ["key.mldsa44", "key.mldsa44.pub"])
def test_a_half_of_another_kind_is_refused(tmp_path: Path, name: str) -> None:
    """An Ed25519 key under the name of a post-quantum one."""
    path = made(tmp_path)
    (tmp_path / name).write_bytes((tmp_path / name.replace(".mldsa44", "")).read_bytes())
    with pytest.raises(MalformedError) as caught:
        load_key(path, pytest.fail) if name == "key.mldsa44" else read_public(path)
    assert caught.value.code is Code.KEY_TYPE_WRONG
    assert name in str(caught.value)
