"""Ed25519 signatures (RFC 8032), by one verifier for everything greenlight verifies.

The door to libsodium.  Which signatures are valid is not the same in all libraries: this
one refuses S >= L, a public key or R of small order, and a public key that is not in its
one encoding.  What it accepts is what greenlight accepts (``docs/adr/0008``).

A key is named by its COSE key thumbprint (RFC 9679): SHA-256 of the deterministic
COSE_Key ``{1: 1, -1: 6, -2: x}`` with only the required members.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, Protocol

# The C functions themselves: importing ``nacl.bindings`` costs 10 ms, a tenth of a whole
# command, for the eighty others that it wraps.
from nacl._sodium import ffi, lib  # type: ignore[import-not-found]  # C

from greenlight.codes import Code
from greenlight.errors import MalformedError

KEY_BYTES: Final = 32
SEED_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64

URI_PREFIX: Final = "urn:ietf:params:oauth:ckt:sha-256:"  # RFC 9679 section 5.6

# {1: 1 (kty OKP), -1: 6 (crv Ed25519), -2: 32 bytes} up to the bytes; RFC 9053 section 7.2
_COSE_KEY_HEAD: Final = bytes.fromhex("a3 0101 2006 215820")

if lib.sodium_init() < 0:
    raise ImportError("libsodium does not start on this machine")


@dataclass(frozen=True, slots=True, order=True)
class PublicKey:
    """A public key as its 32 bytes.

    Whether they are a point that can verify anything shows in ``verify``: a key that is
    no point, or one of small order, verifies nothing.

    Raises:
        MalformedError: Not 32 bytes.
    """

    raw: bytes

    def __post_init__(self) -> None:
        if len(self.raw) != KEY_BYTES:
            raise MalformedError(
                Code.MALFORMED, f"an Ed25519 public key has {KEY_BYTES} bytes, not {len(self.raw)}"
            )

    def verify(self, signature: bytes, message: bytes) -> bool:
        """Report whether ``signature`` is this key's over ``message``."""
        if len(signature) != SIGNATURE_BYTES:
            return False
        signed = signature + message
        opened = ffi.new("unsigned char[]", len(signed))
        length = ffi.new("unsigned long long *")
        return bool(lib.crypto_sign_open(opened, length, signed, len(signed), self.raw) == 0)

    @property
    def thumbprint(self) -> bytes:
        """RFC 9679 thumbprint, 32 bytes: the ``kid`` of seals and entries."""
        return hashlib.sha256(_COSE_KEY_HEAD + self.raw).digest()

    @property
    def uri(self) -> str:
        """The thumbprint as a URI: the ``iss`` of seals and entries."""
        return format_uri(self.thumbprint)


class Signer(Protocol):
    """Somebody who can sign: a seed in memory, or an agent that holds the key."""

    @property
    def public(self) -> PublicKey:
        """The key that verifies what ``sign`` returns."""

    def sign(self, message: bytes) -> bytes:
        """Return the 64 bytes of a signature over ``message``."""


@dataclass(frozen=True, slots=True)
class SeedSigner:
    """A signer with its 32-byte seed in memory.

    The public key is computed from the seed and cannot be given: signing under a foreign
    public key would give the seed away.

    Raises:
        MalformedError: Not 32 bytes.
    """

    seed: bytes = field(repr=False)
    public: PublicKey = field(init=False)
    _secret: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if len(self.seed) != SEED_BYTES:
            raise MalformedError(
                Code.MALFORMED, f"an Ed25519 seed has {SEED_BYTES} bytes, not {len(self.seed)}"
            )
        public = ffi.new("unsigned char[]", KEY_BYTES)
        secret = ffi.new("unsigned char[]", SEED_BYTES + KEY_BYTES)
        lib.crypto_sign_seed_keypair(public, secret, self.seed)
        object.__setattr__(self, "public", PublicKey(bytes(ffi.buffer(public))))
        object.__setattr__(self, "_secret", bytes(ffi.buffer(secret)))

    def sign(self, message: bytes) -> bytes:
        signed = ffi.new("unsigned char[]", SIGNATURE_BYTES + len(message))
        length = ffi.new("unsigned long long *")
        lib.crypto_sign(signed, length, message, len(message), self._secret)
        return bytes(ffi.buffer(signed, SIGNATURE_BYTES))


def format_uri(thumbprint: bytes) -> str:
    """Write a thumbprint as the URI of RFC 9679 section 5.6."""
    return URI_PREFIX + base64.urlsafe_b64encode(thumbprint).rstrip(b"=").decode("ascii")


@lru_cache(maxsize=256)  # a ledger has a few actors, who sign every entry
def parse_uri(text: str) -> bytes:
    """Return the thumbprint that a key's URI names.

    Raises:
        MalformedError: ``text`` is not what ``format_uri`` writes.
    """
    digits = text.removeprefix(URI_PREFIX)
    try:
        thumbprint = base64.b64decode(digits + "=", altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise MalformedError(Code.MALFORMED, "not the URI of a SHA-256 key thumbprint") from error
    if len(thumbprint) != hashlib.sha256().digest_size or format_uri(thumbprint) != text:
        raise MalformedError(Code.MALFORMED, "not the URI of a SHA-256 key thumbprint")
    return thumbprint
