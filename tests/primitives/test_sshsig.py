"""SSH signatures: one spelling, for one namespace."""

from __future__ import annotations

import base64
import textwrap

import pytest

from greenlight.codes import Code
from greenlight.errors import MalformedError
from greenlight.primitives import sshsig
from greenlight.primitives.ed25519 import SeedSigner

SIGNER = SeedSigner(bytes(32))
MESSAGE = b"tree 0\nauthor me\n\nsubject\n"
GOOD = sshsig.sign(MESSAGE, SIGNER)
BLOB = base64.b64decode("".join(GOOD.splitlines()[1:-1]))


def armour(blob: bytes) -> str:
    lines = "\n".join(textwrap.wrap(base64.b64encode(blob).decode(), 70))
    return f"-----BEGIN SSH SIGNATURE-----\n{lines}\n-----END SSH SIGNATURE-----\n"


def refused(armoured: str, namespace: str = "git", message: bytes = MESSAGE) -> bool:
    with pytest.raises(MalformedError) as raised:
        sshsig.verify(message, armoured, namespace)
    return raised.value.code is Code.SSHSIG_MALFORMED


def test_round_trip() -> None:
    """A signature verifies and names its key; the last line end may be missing."""
    assert armour(BLOB) == GOOD
    assert sshsig.verify(MESSAGE, GOOD, "git") == SIGNER.public
    assert sshsig.verify(MESSAGE, GOOD.rstrip("\n"), "git") == SIGNER.public
    other = sshsig.sign(MESSAGE, SIGNER, "greenlight")
    assert sshsig.verify(MESSAGE, other, "greenlight") == SIGNER.public


def test_a_signature_is_for_one_namespace() -> None:
    """What was signed for one purpose verifies for no other."""
    assert refused(GOOD, "greenlight")
    assert refused(sshsig.sign(MESSAGE, SIGNER, "greenlight"))
    assert refused(armour(BLOB.replace(b"\0\0\0\3git", b"\0\0\0\4file")), "file")


def test_every_flipped_bit_is_refused() -> None:
    """No bit of the signature can change."""
    for bit in range(8 * len(BLOB)):
        bad = bytearray(BLOB)
        bad[bit // 8] ^= 1 << bit % 8
        assert refused(armour(bytes(bad)))


def test_every_cut_is_refused() -> None:
    """No part of the blob is a signature."""
    for length in range(len(BLOB)):
        assert refused(armour(BLOB[:length]))


def test_another_message() -> None:
    """The message is signed."""
    assert refused(GOOD, message=MESSAGE + b"\n")


@pytest.mark.parametrize(
    "armoured",
    [
        "",
        "\n",
        GOOD + "\n",
        "\n" + GOOD,
        GOOD.replace("SSH", "PGP"),
        GOOD.replace("\n", "\r\n"),
        GOOD.replace("\n", " \n"),
        GOOD.replace("-----\n", "-----\n\n", 1),
        GOOD.replace("-----\n", "-----\n!", 1),
        GOOD + GOOD,
        armour(BLOB + b"\0"),
        armour(BLOB.replace(b"sha512", b"sha256")),
        armour(BLOB.replace(b"SSHSIG\0\0\0\1", b"SSHSIG\0\0\0\2")),
        armour(BLOB.replace(b"ssh-ed25519", b"ssh-ed25518")),
        "-----BEGIN SSH SIGNATURE-----\n" + base64.b64encode(BLOB).decode()
        + "\n-----END SSH SIGNATURE-----\n",
        GOOD[:-1] + " " * 20_000,
        "é" + GOOD,
    ],
)  # fmt: skip
def test_another_spelling(armoured: str) -> None:
    """Other armour, version, hash or kind of key is refused with one code."""
    assert refused(armoured)
