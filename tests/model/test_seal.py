"""The four files of seal/."""

from __future__ import annotations

import hashlib

import pytest

from greenlight.errors import MalformedError
from greenlight.model.seal import CONTENT_TYPE, SEAL_FILES, make_seal
from greenlight.primitives import cose
from greenlight.primitives.ed25519 import SeedSigner
from tests.model.test_statement import GOOD

SIGNER = SeedSigner(bytes(32))


def test_the_four_files() -> None:
    """A seal is the statement's own bytes, a detached signature, the key and the sums."""
    files = make_seal(GOOD.encode(), SIGNER)
    assert tuple(sorted(files)) == SEAL_FILES
    assert files["statement.cbor"] == GOOD.encode()
    message = cose.open_sign1(
        files["seal.cose"], key=SIGNER.public, payload=GOOD.encode(), content_type=CONTENT_TYPE
    )
    assert message.payload is None
    assert message.subject == GOOD.subject
    assert files["signer.pub"].decode() == (
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop\n"
    )
    assert files["SHA256SUMS"].decode() == "".join(
        f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n"
        for name in ("seal.cose", "signer.pub", "statement.cbor")
    )


def test_a_seal_has_one_length() -> None:
    """Nothing in seal.cose varies in length, so that sh can cut it by position."""
    lengths = {
        len(make_seal(GOOD.encode(), SeedSigner(bytes([number]) * 32))["seal.cose"])
        for number in range(20)
    }
    assert lengths == {310}


def test_the_same_seal_twice() -> None:
    """Sealing is deterministic."""
    assert make_seal(GOOD.encode(), SIGNER) == make_seal(GOOD.encode(), SIGNER)


def test_only_a_statement_is_sealed() -> None:
    """Other bytes are not signed."""
    with pytest.raises(MalformedError):
        make_seal(b"\xa0", SIGNER)
