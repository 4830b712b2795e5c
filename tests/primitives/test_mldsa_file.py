"""Files of the post-quantum half: one spelling, read back as they were written."""

from __future__ import annotations

import base64
from contextlib import suppress

import pytest

from greenlight.codes import Code
from greenlight.errors import MalformedError
from greenlight.primitives.ed25519 import SeedSigner
from greenlight.primitives.limits import MAX_POST_QUANTUM_PUBLIC_BYTES, MAX_PRIVATE_KEY_BYTES
from greenlight.primitives.mldsa import MldsaSigner
from greenlight.primitives.mldsa_file import (
    format_half,
    format_half_private,
    parse_half,
    parse_half_private,
    public_of_half,
)
from greenlight.primitives.openssh import format_public, unpack_string
from greenlight.primitives.openssh_private import dearmour, format_private

SEED = bytes(range(32))
KEY = MldsaSigner(SEED).public
WORD = b"correct horse"
PLAIN = format_half_private(SEED, comment="ours")
LOCKED = format_half_private(SEED, WORD, "ours")


@pytest.mark.parametrize(("data", "word"), [(PLAIN, None), (LOCKED, WORD)], ids=["plain", "locked"])
def test_a_private_file_reads_back(data: bytes, word: bytes | None) -> None:
    """Its public key is there for everybody, its seed for who has the passphrase."""
    assert parse_half_private(data, word).seed == SEED
    assert public_of_half(data) == KEY
    assert parse_half_private(data.replace(b"\n", b"\r\n"), word).seed == SEED
    assert (SEED in dearmour(data)) is (word is None)


def test_files_share_a_salt_only_with_themselves() -> None:
    """No key stream covers two texts, and the same file is the same bytes."""
    assert format_half_private(SEED, WORD, "ours") == LOCKED
    others = [format_half_private(SEED, b"other"), format_half_private(bytes(32), WORD)]
    salts = {_salt(data) for data in (LOCKED, *others, format_private(SEED, WORD, "ours"))}
    assert len(salts) == 4


def _salt(data: bytes) -> bytes:
    blob = dearmour(data)
    _, at = unpack_string(blob, 15)
    _, at = unpack_string(blob, at)
    options, _ = unpack_string(blob, at)
    return unpack_string(options, 0)[0]


@pytest.mark.parametrize("word", [None, b"", b"wrong"])
def test_without_its_passphrase_it_stays_shut(word: bytes | None) -> None:
    """Wrong and missing are one code: what is needed is the passphrase."""
    with pytest.raises(MalformedError) as caught:
        parse_half_private(LOCKED, word)
    assert caught.value.code is Code.KEY_PASSPHRASE


def test_an_empty_passphrase_is_refused() -> None:
    with pytest.raises(MalformedError) as caught:
        format_half_private(SEED, b"")
    assert caught.value.code is Code.KEY_PASSPHRASE


def test_no_flipped_byte_of_a_private_file_gives_another_key() -> None:
    """It is refused, or the byte lies in what is for people: the check number, the comment."""
    blob = bytearray(dearmour(PLAIN))
    for at in range(len(blob)):
        blob[at] ^= 1
        with suppress(MalformedError):
            assert parse_half_private(_armour(bytes(blob)), None).seed == SEED, at
        blob[at] ^= 1


def _armour(blob: bytes) -> bytes:
    text = base64.b64encode(blob)
    lines = b"\n".join(text[at : at + 70] for at in range(0, len(text), 70))
    head, tail = b"-----BEGIN OPENSSH PRIVATE KEY-----\n", b"\n-----END OPENSSH PRIVATE KEY-----\n"
    return head + lines + tail


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", Code.KEY_UNREADABLE),
        (PLAIN[:-1], Code.KEY_UNREADABLE),
        (PLAIN[: len(PLAIN) // 2], Code.KEY_UNREADABLE),
        (format_private(SEED), Code.KEY_TYPE_WRONG),
        (b"x" * (MAX_PRIVATE_KEY_BYTES + 1), Code.KEY_UNREADABLE),
        (format_half(KEY).encode(), Code.KEY_UNREADABLE),
    ],
    ids=["empty", "no-end", "half", "ed25519", "too-large", "public"],
)
def test_what_is_no_private_file(data: bytes, code: Code) -> None:
    for read in (public_of_half, lambda data: parse_half_private(data, None)):
        with pytest.raises(MalformedError) as caught:
            read(data)
        assert caught.value.code is code


def test_a_public_line_reads_back() -> None:
    """With a comment, without one, with a line end."""
    for comment in ("", "ours and theirs"):
        line = format_half(KEY, comment)
        assert parse_half(line) == parse_half(f"{line}\n") == (KEY, comment)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", Code.KEY_UNREADABLE),
        (format_public(SeedSigner(SEED).public), Code.KEY_TYPE_WRONG),
        ("ssh-rsa AAAA", Code.KEY_TYPE_WRONG),
        (format_half(KEY)[:-8], Code.KEY_UNREADABLE),
        (format_half(KEY).replace("A", "-", 20), Code.KEY_UNREADABLE),
        (f" {format_half(KEY)}", Code.KEY_UNREADABLE),
        ("ssh-mldsa-44 " + "A" * MAX_POST_QUANTUM_PUBLIC_BYTES, Code.KEY_UNREADABLE),
    ],
    ids=["empty", "ed25519", "rsa", "cut", "not-base64", "blank", "too-large"],
)
def test_what_is_no_public_line(text: str, code: Code) -> None:
    with pytest.raises(MalformedError) as caught:
        parse_half(text)
    assert caught.value.code is code


def test_a_comment_is_one_line() -> None:
    with pytest.raises(MalformedError):
        format_half(KEY, "two\nlines")
