"""Private key files: read, written, and refused with the code that says what to do."""

from __future__ import annotations

import base64
import struct
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenlight.codes import Code
from greenlight.errors import MalformedError
from greenlight.primitives.ed25519 import SeedSigner
from greenlight.primitives.openssh import format_public
from greenlight.primitives.openssh_private import format_private, parse_private

SEED = bytes(range(32))
PLAIN = format_private(SEED, comment="me@host")
LOCKED = format_private(SEED, b"correct horse", "me@host")
BEGIN, END = b"-----BEGIN OPENSSH PRIVATE KEY-----\n", b"\n-----END OPENSSH PRIVATE KEY-----\n"


def blob_of(data: bytes) -> bytes:
    return base64.b64decode(data.removeprefix(BEGIN).removesuffix(END).replace(b"\n", b""))


def armour(blob: bytes) -> bytes:
    return BEGIN + base64.b64encode(blob) + END


def code_of(data: bytes, passphrase: bytes | None = None) -> Code:
    with pytest.raises(MalformedError) as raised:
        parse_private(data, passphrase)
    return raised.value.code


@given(st.binary(min_size=32, max_size=32), st.text(st.characters(codec="utf-8"), max_size=30))
def test_round_trip(seed: bytes, comment: str) -> None:
    """A file without a passphrase gives its key back, whatever the comment's length."""
    assert parse_private(format_private(seed, None, comment), None) == SeedSigner(seed)


def test_round_trip_with_a_passphrase() -> None:
    """A file with a passphrase opens with it."""
    assert parse_private(LOCKED, b"correct horse") == SeedSigner(SEED)


def test_a_passphrase_for_a_file_without_one() -> None:
    """A passphrase that is not needed does no harm."""
    assert parse_private(PLAIN, b"unneeded") == SeedSigner(SEED)


def test_line_ends_of_windows() -> None:
    """A file that went through Windows is read."""
    assert parse_private(PLAIN.replace(b"\n", b"\r\n"), None) == SeedSigner(SEED)


@pytest.mark.parametrize("passphrase", [None, b"", b"wrong", b"correct horse "])
def test_a_wrong_or_missing_passphrase(passphrase: bytes | None) -> None:
    """A passphrase that does not fit has a code of its own."""
    assert code_of(LOCKED, passphrase) is Code.KEY_PASSPHRASE


def test_an_empty_passphrase_is_not_written() -> None:
    """An empty passphrase would look like protection."""
    with pytest.raises(MalformedError) as raised:
        format_private(SEED, b"")
    assert raised.value.code is Code.KEY_PASSPHRASE


def test_writing_is_deterministic_and_salts_differ() -> None:
    """The salt depends on everything that is written, and on nothing else."""
    assert format_private(SEED, b"correct horse", "me@host") == LOCKED
    files = [
        LOCKED,
        format_private(SEED, b"correct horse", "me@other"),
        format_private(SEED, b"another horse", "me@host"),
        format_private(bytes(32), b"correct horse", "me@host"),
    ]
    at = len(b"openssh-key-v1\0") + 4 + 10 + 4 + 6 + 4 + 4
    assert len({blob_of(data)[at : at + 16] for data in files}) == len(files)
    assert SEED not in blob_of(LOCKED)


@pytest.mark.parametrize("data", [PLAIN, LOCKED], ids=["plain", "locked"])
def test_damage_never_gives_another_key(data: bytes) -> None:
    """A flipped bit is refused, or lies in what names no key (check number, comment)."""
    blob = blob_of(data)
    passphrase = b"correct horse" if data is LOCKED else None
    step = 7 if passphrase is None else 401  # a passphrase costs 0.1 s a try
    for bit in range(0, 8 * len(blob), step):
        bad = bytearray(blob)
        bad[bit // 8] ^= 1 << bit % 8
        try:
            signer = parse_private(armour(bytes(bad)), passphrase)
        except MalformedError as error:
            assert error.code in {Code.KEY_UNREADABLE, Code.KEY_PASSPHRASE}  # noqa: PT017
        else:
            assert signer == SeedSigner(SEED)


PUBLIC = SeedSigner(SEED).public.raw
OTHER = SeedSigner(bytes(32)).public.raw
BLOB = blob_of(PLAIN)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"garbage",
        format_public(SeedSigner(SEED).public).encode(),
        b"-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n",
        PLAIN[:-1],
        PLAIN + PLAIN,
        BEGIN + b"?" + END,
        BEGIN + END[1:],
        armour(b""),
        armour(b"openssh-key-v2\0" + BLOB[15:]),
        armour(BLOB[:100]),
        armour(BLOB + b"\0"),
        # two keys in one file
        armour(BLOB.replace(b"\0\0\0\0\0\0\0\1", b"\0\0\0\0\0\0\0\2", 1)),
        # the public key of another seed: in front, inside, and everywhere
        armour(BLOB.replace(PUBLIC, OTHER, 1)),
        armour(OTHER.join(BLOB.rsplit(PUBLIC, 1))),
        armour(BLOB.replace(PUBLIC, OTHER)),
        armour(BLOB.replace(b"ssh-ed25519", b"ssh-ed448!!")),
        armour(BLOB[:-1] + b"\0"),
        armour(BLOB.replace(b"\0\0\0\4none\0\0\0\4none", b"\0\0\0\4none\0\0\0\4rot3")),
        b"\xff" * 70_000,
    ],
)
def test_what_is_no_key_file(data: bytes) -> None:
    """Public halves, other formats, contradictions and rubbish are unreadable."""
    assert code_of(data) is Code.KEY_UNREADABLE


def test_rounds_are_limited() -> None:
    """A file cannot make its reader work for hours."""
    blob = blob_of(LOCKED).replace(struct.pack(">I", 24), struct.pack(">I", 2**31), 1)
    assert code_of(armour(blob), b"correct horse") is Code.KEY_UNREADABLE


def test_the_public_half_gives_a_hint() -> None:
    """Who names the .pub file by mistake is told so."""
    with pytest.raises(MalformedError) as raised:
        parse_private(format_public(SeedSigner(SEED).public).encode(), None)
    assert raised.value.hint == "this is the public half"


def test_a_plain_key_costs_no_foreign_import() -> None:
    """Without a passphrase neither cryptography nor bcrypt is loaded."""
    script = (
        "import sys\n"
        "from greenlight.primitives.openssh_private import parse_private\n"
        "parse_private(sys.stdin.buffer.read(), None)\n"
        "sys.exit('cryptography' in sys.modules or 'bcrypt' in sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", script], input=PLAIN, check=True)
