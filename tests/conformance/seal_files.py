"""A seal as an outsider meets it, and the ways to break it that everybody must notice."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from greenlight.model.seal import make_seal
from greenlight.primitives.ed25519 import SeedSigner
from tests.model.test_statement import GOOD

SIGNER = SeedSigner(bytes(32))
FILES = make_seal(GOOD.encode(), SIGNER)
PEM = Ed25519PublicKey.from_public_bytes(SIGNER.public.raw).public_bytes(
    Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
)

_SEAL = FILES["seal.cose"]
BROKEN_SEALS = {
    "signature": _SEAL[:-1] + bytes([_SEAL[-1] ^ 1]),
    "subject": _SEAL.replace(b"sha256:6e", b"sha256:6f"),
    "content type": _SEAL.replace(b"vnd.greenlight", b"vnd.greenlighT"),
    "kid": _SEAL.replace(SIGNER.public.thumbprint, bytes(32)),
}


def write(folder: Path, files: dict[str, bytes]) -> Path:
    """Write the files of a seal and the key in PEM."""
    for name, data in {**files, "signer.pem": PEM}.items():
        (folder / name).write_bytes(data)
    return folder
