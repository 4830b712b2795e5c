"""Public key lines and allowed_signers files."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenlight.codes import Code
from greenlight.errors import MalformedError
from greenlight.primitives.ed25519 import PublicKey, SeedSigner
from greenlight.primitives.openssh import (
    AllowedSigner,
    format_public,
    parse_allowed_signers,
    parse_public,
)

KEY = SeedSigner(bytes(32)).public
LINE = format_public(KEY)
BASE64 = LINE.split()[1]
RSA = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQ=="


@given(st.binary(min_size=32, max_size=32), st.sampled_from(["", "me@host", "two words", "Zoë"]))
def test_round_trip(raw: bytes, comment: str) -> None:
    """A line gives back its key and its comment, with and without a line end."""
    line = format_public(PublicKey(raw), comment)
    assert parse_public(line) == (PublicKey(raw), comment)
    assert parse_public(line + "\n") == (PublicKey(raw), comment)


def test_the_line() -> None:
    """The line is what ssh-keygen prints for this key."""
    assert LINE == (
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
    )


@pytest.mark.parametrize(
    "line",
    [
        "",
        "\n",
        BASE64,
        "ssh-ed25519",
        "ssh-ed25519 ",
        f"ssh-ed25519  {BASE64}",
        f" {LINE}",
        f"{LINE}\n\n",
        f"{LINE} a\nb",
        f"{LINE}\n{LINE}",
        f"ssh-ed25519 {BASE64[:-4]}",
        f"ssh-ed25519 {BASE64}AAAA",
        f"ssh-ed25519 {BASE64[:-1]}=",
        f"ssh-ed25519 {BASE64[:20]}={BASE64[20:]}",
        f"ssh-rsa {BASE64}",
        f"sk-ssh-ed25519@openssh.com {BASE64}",
        RSA,
        "ssh-ed25519 " + base64.b64encode(base64.b64decode(BASE64)[:-1]).decode(),
        "ssh-ed25519 " + base64.b64encode(KEY.raw).decode(),
        f"{LINE} {'x' * 2000}",
        "-----BEGIN OPENSSH PRIVATE KEY-----",
    ],
)
def test_what_is_no_key_line(line: str) -> None:
    """Other kinds of keys, other spellings and other texts are refused with one code."""
    with pytest.raises(MalformedError) as raised:
        parse_public(line)
    assert raised.value.code is Code.KEY_UNREADABLE


@pytest.mark.parametrize("comment", ["a\nb", " a", "a ", "\x1b[0m"])
def test_a_comment_stays_on_its_line(comment: str) -> None:
    """A comment that would not come back is not written."""
    with pytest.raises(MalformedError):
        format_public(KEY, comment)


def test_no_signers() -> None:
    """Comments and empty lines are nobody."""
    assert parse_allowed_signers("") == ()
    assert parse_allowed_signers("# me\n\n   \n  # you\n") == ()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (f"me@example.org {LINE}", AllowedSigner(("me@example.org",), "ssh-ed25519", KEY)),
        (f'me {LINE} a " comment', AllowedSigner(("me",), "ssh-ed25519", KEY)),
        (f"me,you {LINE} a comment", AllowedSigner(("me", "you"), "ssh-ed25519", KEY)),
        (f'"me,you you" {LINE}', AllowedSigner(("me", "you you"), "ssh-ed25519", KEY)),
        (f"  *@example.org\t{LINE}  ", AllowedSigner(("*@example.org",), "ssh-ed25519", KEY)),
        (
            f'me namespaces="git,greenlight" {LINE}',
            AllowedSigner(("me",), "ssh-ed25519", KEY, ("git", "greenlight")),
        ),
        (
            f"me cert-authority {LINE}",
            AllowedSigner(("me",), "ssh-ed25519", KEY, cert_authority=True),
        ),
        (
            f'me Namespaces="git",VALID-AFTER="20260131Z",valid-before="202602011530" {LINE}',
            AllowedSigner(
                ("me",),
                "ssh-ed25519",
                KEY,
                ("git",),
                datetime(2026, 1, 31, tzinfo=UTC),
                datetime(2026, 2, 1, 15, 30, tzinfo=UTC),
            ),
        ),
        (
            f'me valid-after="20260131235958Z" {LINE}',
            AllowedSigner(
                ("me",),
                "ssh-ed25519",
                KEY,
                valid_after=datetime(2026, 1, 31, 23, 59, 58, tzinfo=UTC),
            ),
        ),
        (f"me {RSA}", AllowedSigner(("me",), "ssh-rsa", None)),
        (
            f"me sk-ssh-ed25519@openssh.com {BASE64} c",
            AllowedSigner(("me",), "sk-ssh-ed25519@openssh.com", None),
        ),
        (f"me ecdsa-sha2-nistp256 {BASE64}", AllowedSigner(("me",), "ecdsa-sha2-nistp256", None)),
    ],
)
def test_one_line(line: str, expected: AllowedSigner) -> None:
    """Principals, options, key and comment; a key of another kind is kept without its value."""
    assert parse_allowed_signers(line) == (expected,)
    assert parse_allowed_signers(f"# one\n{line}\r\n") == (expected,)


@pytest.mark.parametrize(
    "line",
    [
        "me",
        LINE,
        "me ssh-ed25519",
        f"me ssh-ed25519 {BASE64[:-4]}",
        f"me no-such-option {LINE}",
        f"me namespaces {LINE}",
        f'me namespaces="" {LINE}',
        f'me namespaces="git {LINE}',
        f'me namespaces="a",namespaces="b" {LINE}',
        f'me cert-authority="yes" {LINE}',
        f"me valid-after=20260131 {LINE}",
        f'me valid-after="2026-01-31" {LINE}',
        f'me valid-after="20260231" {LINE}',
        f'me valid-after="202601312" {LINE}',
        f'me valid-after="\uff120260131" {LINE}',
        f"me,,you {LINE}",
        f'"me {LINE}',
        f"me {LINE[:11]}\0 {BASE64}",
    ],
)
def test_a_line_that_cannot_be_read(line: str) -> None:
    """A line is never skipped in silence: its number is named."""
    with pytest.raises(MalformedError, match="line 3") as raised:
        parse_allowed_signers(f"# first\nyou {LINE}\n{line}\n")
    assert raised.value.code is Code.ALLOWED_SIGNERS_MALFORMED


def test_a_file_has_a_size() -> None:
    """A file of megabytes is refused before it is taken apart."""
    with pytest.raises(MalformedError, match="at most"):
        parse_allowed_signers("#" * (2**20 + 1))
