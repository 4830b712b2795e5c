"""A key in two halves: Ed25519, by which people are named, and ML-DSA-44 beside it."""

from __future__ import annotations

from dataclasses import dataclass

from greenlight.primitives.ed25519 import PublicKey, Signer
from greenlight.primitives.mldsa import PostQuantumSigner


@dataclass(frozen=True, slots=True)
class HybridSigner:
    """A signer that can sign by both halves; wherever one signature is wanted, by the first.

    Attributes:
        classical: Signs by Ed25519.
        post_quantum: Signs by ML-DSA-44.
    """

    classical: Signer
    post_quantum: PostQuantumSigner

    @property
    def public(self) -> PublicKey:
        return self.classical.public

    def sign(self, message: bytes) -> bytes:
        """Return the 64 bytes of an Ed25519 signature over ``message``."""
        return self.classical.sign(message)


def half_of(signer: Signer) -> PostQuantumSigner | None:
    """Return the post-quantum half of a signer, where it has one."""
    return signer.post_quantum if isinstance(signer, HybridSigner) else None
