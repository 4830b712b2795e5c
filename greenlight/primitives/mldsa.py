"""ML-DSA-44 signatures (FIPS 204), in hedged mode, over whole messages, with no context.

The post-quantum half of a key: whoever signs by it signs by an Ed25519 key too, so neither
a break of the new lattice scheme nor a quantum computer is enough to forge both.

The library, ``cryptography``, is imported when a signature is made or verified, and by
nothing else: reading a trust root does not pay for it.  Sizes are checked before it sees
anything.

A key is named by its COSE key thumbprint (RFC 9679): SHA-256 of the deterministic COSE_Key
``{1: 7, 3: -48, -1: pub}`` with only the required members (RFC 9964 sections 3 and 6).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Final, Protocol

from greenlight.codes import Code
from greenlight.errors import MalformedError, StoreError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

# FIPS 204 tables 1 and 2, ML-DSA-44; the seed is xi of algorithm 1
PUBLIC_BYTES: Final = 1312
SIGNATURE_BYTES: Final = 2420
SEED_BYTES: Final = 32

ALGORITHM: Final = -48  # COSE algorithm ML-DSA-44: RFC 9964
# {1: 7 (kty AKP), 3: -48 (alg), -1: 1312 bytes} up to the bytes; RFC 9964
_COSE_KEY_HEAD: Final = bytes.fromhex("a3 0107 03382f 20590520")


def verify(public: bytes, message: bytes, signature: bytes) -> bool:
    """Report whether ``signature`` is by ``public`` over ``message``.

    Args:
        public: 1,312 bytes.
        message: Any length.
        signature: 2,420 bytes; what has another length is not one.

    Raises:
        StoreError: TOOL_MISSING: this ``cryptography`` has no ML-DSA, so nothing can be told.
    """
    if len(public) != PUBLIC_BYTES or len(signature) != SIGNATURE_BYTES:
        return False
    from cryptography.exceptions import (  # noqa: PLC0415  # the import costs 30 ms
        InvalidSignature,
        UnsupportedAlgorithm,
    )
    from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey  # noqa: PLC0415

    try:
        MLDSA44PublicKey.from_public_bytes(public).verify(signature, message)
    except InvalidSignature:
        return False
    except UnsupportedAlgorithm as error:
        raise _unsupported() from error
    return True


@dataclass(frozen=True, slots=True, order=True)
class PostQuantumKey:
    """A public key as its 1,312 bytes; all of them are one (FIPS 204 algorithm 23).

    Raises:
        MalformedError: KEY_TYPE_WRONG: another length.
    """

    raw: bytes

    def __post_init__(self) -> None:
        if len(self.raw) != PUBLIC_BYTES:
            raise MalformedError(
                Code.KEY_TYPE_WRONG,
                f"an ML-DSA-44 public key has {PUBLIC_BYTES} bytes, not {len(self.raw)}",
            )

    @classmethod
    def parse(cls, text: str) -> PostQuantumKey:
        """Read a key from its base64, in its one spelling.

        Raises:
            MalformedError: KEY_TYPE_WRONG.
        """
        try:
            raw = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError) as error:
            raise MalformedError(Code.KEY_TYPE_WRONG, "not the base64 of a key") from error
        key = cls(raw)
        if key.text != text:
            raise MalformedError(Code.KEY_TYPE_WRONG, "not the one base64 of a key")
        return key

    @property
    def text(self) -> str:
        """The key in base64, 1,752 characters."""
        return base64.b64encode(self.raw).decode("ascii")

    def verify(self, signature: bytes, message: bytes) -> bool:
        """Report whether ``signature`` is this key's over ``message``."""
        return verify(self.raw, message, signature)

    @property
    def thumbprint(self) -> bytes:
        """RFC 9679 thumbprint, 32 bytes: the ``kid`` of post-quantum signatures."""
        return hashlib.sha256(_COSE_KEY_HEAD + self.raw).digest()


class PostQuantumSigner(Protocol):
    """Somebody who can sign by ML-DSA-44."""

    @property
    def public(self) -> PostQuantumKey:
        """The key that verifies what ``sign`` returns."""

    def sign(self, message: bytes) -> bytes:
        """Return the 2,420 bytes of a signature over ``message``."""


@dataclass(frozen=True)
class MldsaSigner:
    """A signer with its 32-byte seed in memory; the public key is computed from it.

    Raises:
        MalformedError: KEY_TYPE_WRONG: not 32 bytes.
    """

    seed: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.seed) != SEED_BYTES:
            raise MalformedError(
                Code.KEY_TYPE_WRONG,
                f"an ML-DSA-44 seed has {SEED_BYTES} bytes, not {len(self.seed)}",
            )

    @cached_property
    def _key(self) -> MLDSA44PrivateKey:
        from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415  # as in verify
        from cryptography.hazmat.primitives.asymmetric.mldsa import (  # noqa: PLC0415
            MLDSA44PrivateKey,
        )

        try:
            return MLDSA44PrivateKey.from_seed_bytes(self.seed)
        except UnsupportedAlgorithm as error:
            raise _unsupported() from error

    @cached_property
    def public(self) -> PostQuantumKey:
        """The key that verifies what ``sign`` returns."""
        return PostQuantumKey(self._key.public_key().public_bytes_raw())

    def sign(self, message: bytes) -> bytes:
        """Return a signature; two over one message differ (FIPS 204 section 3.4, hedged).

        Raises:
            StoreError: TOOL_MISSING.
        """
        return self._key.sign(message)


def _unsupported() -> StoreError:
    return StoreError(
        Code.TOOL_MISSING, "the installed cryptography does not support ML-DSA-44 (FIPS 204)"
    )
