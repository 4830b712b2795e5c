"""The folder ``seal/``: a statement, its signature, the signer's key, and their sums.

``statement.cbor`` and ``seal.cose`` carry the meaning.  ``signer.pub`` lets a reader
without greenlight see which key it would have to trust; ``SHA256SUMS`` is against bit
rot only.  See ``docs/spec/seal.md``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final

from greenlight.model.statement import Statement
from greenlight.primitives import cose
from greenlight.primitives.ed25519 import PublicKey, Signer
from greenlight.primitives.openssh import format_public

STATEMENT: Final = "statement.cbor"
SEAL: Final = "seal.cose"
SIGNER: Final = "signer.pub"
SUMS: Final = "SHA256SUMS"
SEAL_FILES: Final = (SUMS, SEAL, SIGNER, STATEMENT)  # bytewise order

CONTENT_TYPE: Final = "application/vnd.greenlight.statement+cbor"


def make_seal(statement: bytes, signer: Signer) -> dict[str, bytes]:
    """Seal the bytes of a statement: all files of ``seal/`` by name.

    Raises:
        MalformedError: The bytes are no statement.
    """
    cose_bytes = cose.sign1(
        statement,
        signer,
        content_type=CONTENT_TYPE,
        subject=Statement.decode(statement).subject,
        detached=True,
    )
    files = {STATEMENT: statement, SEAL: cose_bytes, SIGNER: format_signer(signer.public)}
    return {**files, SUMS: format_sums(files)}


def format_signer(key: PublicKey) -> bytes:
    """Write ``signer.pub``: one OpenSSH line without a comment."""
    return f"{format_public(key)}\n".encode("ascii")


def format_sums(files: Mapping[str, bytes]) -> bytes:
    """Write ``SHA256SUMS`` over ``files``: what ``sha256sum -c --strict`` reads."""
    lines = (f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files))
    return "".join(lines).encode("ascii")
