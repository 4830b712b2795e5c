"""The example of docs/spec/ledger.md, read by nothing of greenlight's."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "tests/vectors/ledger/GOOD__life"
SPEC = (ROOT / "docs/spec/ledger.md").read_text(encoding="utf-8")
RECORDS = [(FOLDER / f"records/{n}.cbor").read_bytes() for n in range(4)]


def key(seed: int) -> Ed25519PublicKey:
    return Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32).public_key()


def merkle_root(records: list[bytes]) -> bytes:
    """RFC 9162 section 2.1.1, as it stands there."""
    if len(records) == 1:
        return hashlib.sha256(b"\0" + records[0]).digest()
    split = 1 << (len(records) - 1).bit_length() - 1
    return hashlib.sha256(
        b"\1" + merkle_root(records[:split]) + merkle_root(records[split:])
    ).digest()


@pytest.mark.parametrize("name", ["records/3.cbor", "head", "frontier.cbor"])
def test_the_example_of_the_specification(name: str) -> None:
    """The bytes in docs/spec/ledger.md are those of the vector."""
    text = SPEC.split(f"<!-- vector: {name} -->\n```\n")[1].split("```")[0]
    found = text.encode() if name == "head" else bytes.fromhex(text)

    assert found == (FOLDER / name).read_bytes()


def test_links() -> None:
    """Index and links, by cbor2 and hashlib alone."""
    before = (bytes(64), bytes(32))
    for index, raw in enumerate(RECORDS):
        record = cbor2.loads(raw)
        assert (record[1], record[2], record[3], record[4]) == (1, index, *before)
        before = (
            hashlib.sha512(raw).digest(),
            hashlib.blake2b(raw, digest_size=32).digest(),
        )


def test_head_and_frontier() -> None:
    """Origin, size and root, by the definition of RFC 9162."""
    origin = f"greenlight/{hashlib.sha256(RECORDS[0]).hexdigest()}"
    root = merkle_root(RECORDS)
    head = f"{origin}\n4\n{base64.b64encode(root).decode()}\n"

    assert (FOLDER / "head").read_text() == head
    assert cbor2.loads((FOLDER / "frontier.cbor").read_bytes()) == [4, [root]]


def test_signatures() -> None:
    """Each entry verifies by its actor's key, with another library, as RFC 9052 says."""
    for raw, seed in zip(RECORDS, (0, 0, 1, 1), strict=True):
        message = cbor2.loads(cbor2.loads(raw)[6])
        protected, unprotected, payload, signature = message.value
        assert message.tag == 18
        assert unprotected == {}
        signed = cbor2.dumps(["Signature1", protected, b"", payload])
        key(seed).verify(signature, signed)
