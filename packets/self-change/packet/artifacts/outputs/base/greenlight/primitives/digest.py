"""Digests that carry their algorithm, in one spelling: ``sha256:`` and lower-case hex.

SHA-256 names content everywhere; SHA-512 and BLAKE2b-256 link ledger records, so
that one broken hash function does not break the chain.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final, Self

from greenlight.codes import Code
from greenlight.errors import MalformedError

DIGEST_BYTES: Final = {"blake2b-256": 32, "sha256": 32, "sha512": 64}
SALT_BYTES: Final = 32  # as long as the digest: guessing it is no easier than inverting that


@dataclass(frozen=True, slots=True, order=True)
class Digest:
    """Output of a hash function, with the name of the function.

    Attributes:
        algorithm: ``sha256``, ``sha512`` or ``blake2b-256``.
        value: The raw output, of exactly the algorithm's length.

    Raises:
        MalformedError: The algorithm is unknown, or the length is not its own.
    """

    algorithm: str
    value: bytes

    def __post_init__(self) -> None:
        expected = DIGEST_BYTES.get(self.algorithm)
        if expected is None:
            names = ", ".join(DIGEST_BYTES)
            raise MalformedError(
                Code.MALFORMED, f"expected a digest by one of {names}, found {self.algorithm!a}"
            )
        if len(self.value) != expected:
            raise MalformedError(
                Code.MALFORMED,
                f"expected {expected} bytes of {self.algorithm}, found {len(self.value)}",
            )

    @classmethod
    def of(cls, data: bytes, algorithm: str = "sha256") -> Self:
        """Return the digest of ``data``; as ``sha256sum``, ``sha512sum``, ``b2sum -l 256``.

        Raises:
            MalformedError: The algorithm is unknown.
        """
        if algorithm == "blake2b-256":
            return cls(algorithm, hashlib.blake2b(data, digest_size=32).digest())
        if algorithm == "sha512":
            return cls(algorithm, hashlib.sha512(data).digest())
        # An unknown name ends in __post_init__, where the names are listed.
        return cls(algorithm, hashlib.sha256(data).digest())

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the digest that ``text`` spells.

        Raises:
            MalformedError: ``text`` is not what ``str`` of a digest gives.
        """
        algorithm, _, digits = text.partition(":")
        try:
            value = bytes.fromhex(digits)
        except ValueError:
            value = b""
        # bytes.fromhex also takes capitals and spaces, so compare with the one spelling.
        if algorithm not in DIGEST_BYTES or not value or f"{algorithm}:{value.hex()}" != text:
            raise MalformedError(
                Code.MALFORMED,
                f"expected a digest as in sha256:<64 lower-case hex digits>, found {text[:160]!a}",
            )
        return cls(algorithm, value)

    @property
    def hex(self) -> str:
        """The value alone, in lower-case hex digits."""
        return self.value.hex()

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.value.hex()}"


def salted(salt: bytes, data: bytes) -> Digest:
    """Return SHA-256 over ``salt``, then ``data``: a commitment that hides what it binds.

    Hiding takes a salt that nobody can guess, of SALT_BYTES; binding takes SHA-256 alone.
    """
    hasher = hashlib.sha256(salt)
    hasher.update(data)
    return Digest("sha256", hasher.digest())
