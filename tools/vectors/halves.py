"""Keys in two halves for vectors: signed by dilithium-py, which can do so without chance."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from dilithium_py.ml_dsa import ML_DSA_44

from greenlight.primitives.ed25519 import SeedSigner
from greenlight.primitives.hybrid import HybridSigner
from greenlight.primitives.mldsa import PostQuantumKey


@dataclass(frozen=True)
class KnownHalf:
    """A half whose signature over one message is always the same (FIPS 204, deterministic).

    Attributes:
        seed: 32 bytes, published.
    """

    seed: bytes = field(repr=False)

    @cached_property
    def _keys(self) -> tuple[bytes, bytes]:
        public, secret = ML_DSA_44.key_derive(self.seed)
        return public, secret

    @property
    def public(self) -> PostQuantumKey:
        return PostQuantumKey(self._keys[0])

    def sign(self, message: bytes) -> bytes:
        signature: bytes = ML_DSA_44.sign(self._keys[1], message, deterministic=True)
        return signature


def both(signer: SeedSigner) -> HybridSigner:
    """Return a signer with a half of the same seed: published, and good for nothing else."""
    return HybridSigner(signer, KnownHalf(signer.seed))
