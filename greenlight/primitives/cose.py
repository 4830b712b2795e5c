"""COSE_Sign1 (RFC 9052 section 4.2) in greenlight's profile: exactly one shape.

* Tag 18 around ``[protected, {}, payload, signature]``; a detached payload is null.
* The protected header is exactly ``{1: -8, 3: content type, 4: kid, 15: {1: iss, 2: sub}}``:
  EdDSA, the RFC 9679 thumbprint of the signer's key, and CWT claims (RFC 9597) that name
  the signer as the thumbprint's URI, and the subject.
* The unprotected header is empty: nobody signs it.
* All of it is deterministic CBOR, the protected header inside its byte string too.

A second signature over the same payload, by the post-quantum half of the signer's key, is a
message of its own beside the first, always detached: alg ML-DSA-44 (-48, RFC 9964), kid the
thumbprint of that half, iss the URI of the Ed25519 key that it belongs to.  So it vouches for
the pair, and people are named by one URI everywhere.

So a signature has one spelling, every bit of it is signed or compared, and what was
verified are the bytes that were parsed (``docs/adr/0007``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from greenlight.codes import Code
from greenlight.errors import MalformedError, RejectedError
from greenlight.primitives import cbor, mldsa
from greenlight.primitives.ed25519 import SIGNATURE_BYTES, PublicKey, Signer, parse_uri
from greenlight.primitives.limits import MAX_ENTRY_BYTES, MAX_SEAL_BYTES
from greenlight.primitives.mldsa import PostQuantumKey, PostQuantumSigner

SIGN1_TAG: Final = 18  # RFC 9052 section 2
EDDSA: Final = -8  # RFC 9053 section 2.2
ML_DSA_44: Final = mldsa.ALGORITHM
_SIGNATURES: Final = {EDDSA: SIGNATURE_BYTES, ML_DSA_44: mldsa.SIGNATURE_BYTES}  # bytes
_NAMES: Final = {EDDSA: "EdDSA", ML_DSA_44: "ML-DSA-44"}

# Header labels: RFC 9052 section 3.1, RFC 9597 section 2; claims: RFC 8392 section 4
_ALG, _CONTENT_TYPE, _KID, _CWT_CLAIMS = 1, 3, 4, 15
_ISS, _SUB = 1, 2
_KID_BYTES: Final = 32
_SIGNATURE1: Final = b"\x84\x6aSignature1"  # an array of four, and the first of them


@dataclass(frozen=True, slots=True)
class Sign1:
    """A COSE_Sign1 in its parts, beside the bytes it was parsed from.

    Attributes:
        protected: The protected header as it was signed: encoded bytes.
        kid: Thumbprint of the key that signed, 32 bytes.
        issuer: URI of the signer's Ed25519 key.
        subject: What the payload is about.
        payload: The payload, or None where it is detached.
        signature: 64 bytes, 2,420 of ML-DSA-44.
        raw: The whole message.
    """

    protected: bytes
    kid: bytes
    issuer: str
    subject: str
    payload: bytes | None
    signature: bytes
    raw: bytes


def sig_structure(protected: bytes, payload: bytes) -> bytes:
    """Return the bytes that are signed: RFC 9052 section 4.4, without external data."""
    # What ``cbor.encode`` writes of these four, without its search for what they are.
    return b"".join(
        (
            _SIGNATURE1,
            cbor.bytes_head(len(protected)),
            protected,
            b"\x40",
            cbor.bytes_head(len(payload)),
            payload,
        )
    )


def sign1(
    payload: bytes, signer: Signer, *, content_type: str, subject: str, detached: bool
) -> bytes:
    """Sign ``payload`` and return the message, which holds it unless ``detached``."""
    key = signer.public
    protected = _protected(EDDSA, content_type, key.thumbprint, key.uri, subject)
    signature = signer.sign(sig_structure(protected, payload))
    attached = None if detached else payload
    return cbor.encode((protected, {}, attached, signature), tag=SIGN1_TAG)


def sign1_post_quantum(
    payload: bytes, signer: PostQuantumSigner, *, issuer: str, content_type: str, subject: str
) -> bytes:
    """Sign ``payload`` by the post-quantum half of a key; return the detached message.

    Args:
        payload: What is signed.
        signer: That half.
        issuer: URI of the Ed25519 key that it belongs to.
        content_type: What the payload is.
        subject: What it is about.
    """
    protected = _protected(ML_DSA_44, content_type, signer.public.thumbprint, issuer, subject)
    signature = signer.sign(sig_structure(protected, payload))
    return cbor.encode((protected, {}, None, signature), tag=SIGN1_TAG)


def _protected(alg: int, content_type: str, kid: bytes, issuer: str, subject: str) -> bytes:
    claims = {_ISS: issuer, _SUB: subject}
    return cbor.encode({_ALG: alg, _CONTENT_TYPE: content_type, _KID: kid, _CWT_CLAIMS: claims})


def parse_sign1(
    data: bytes, content_type: str, *, max_bytes: int = MAX_ENTRY_BYTES, alg: int = EDDSA
) -> Sign1:
    """Take a message apart without verifying it: whoever made it may have lied.

    Raises:
        MalformedError: SEAL_MALFORMED: not this profile, or not of ``content_type`` and ``alg``.
    """
    try:
        return _parse(data, content_type, max_bytes, alg)
    except MalformedError as error:
        raise MalformedError(Code.SEAL_MALFORMED, f"not a COSE_Sign1 of ours: {error}") from error


def open_sign1(
    data: bytes,
    *,
    key: PublicKey | None,
    payload: bytes | None,
    content_type: str,
    max_bytes: int = MAX_ENTRY_BYTES,
) -> Sign1:
    """Verify a message by ``key``, then hand it out.

    Args:
        data: The message.
        key: The key it must be signed by.  None verifies nothing, and is refused.
        payload: The payload of a detached message; None where the message holds it.
        content_type: What the payload must be said to be.
        max_bytes: How much is read.

    Raises:
        MalformedError: SEAL_MALFORMED: not this profile, or a payload in both places or none.
        RejectedError: SEAL_KEY_MISMATCH: it names another key; SEAL_SIGNATURE_INVALID: the
            signature is not this key's over these bytes.
    """
    message = parse_sign1(data, content_type, max_bytes=max_bytes)
    require_signed(message, key=key, payload=payload)
    return message


def require_signed(message: Sign1, *, key: PublicKey | None, payload: bytes | None) -> None:
    """Verify a message that was parsed, by ``key``.

    Args:
        message: The message.
        key: The key it must be signed by.  None verifies nothing, and is refused.
        payload: The payload of a detached message; None where the message holds it.

    Raises:
        MalformedError: SEAL_MALFORMED: a payload in both places or none.
        RejectedError: SEAL_KEY_MISMATCH, SEAL_SIGNATURE_INVALID: as ``open_sign1``.
    """
    if (payload is None) == (message.payload is None):
        raise MalformedError(
            Code.SEAL_MALFORMED, "a payload must be either in the message or beside it"
        )
    if key is None:
        raise RejectedError(Code.SEAL_SIGNATURE_INVALID, "no key to verify the signature by")
    if message.kid != key.thumbprint or message.issuer != key.uri:
        raise RejectedError(Code.SEAL_KEY_MISMATCH, "the message names another key")
    signed = payload if payload is not None else message.payload
    if signed is None or not verify_sign1(message, key, signed):
        raise RejectedError(Code.SEAL_SIGNATURE_INVALID, "the signature does not verify")


def verify_sign1(message: Sign1, key: PublicKey, payload: bytes) -> bool:
    """Report whether the signature is ``key``'s over the header and ``payload``."""
    return key.verify(message.signature, sig_structure(message.protected, payload))


def open_post_quantum(
    data: bytes, *, key: PostQuantumKey, issuer: str, payload: bytes, content_type: str
) -> Sign1:
    """Verify a detached message by the post-quantum half of a key, then hand it out.

    Args:
        data: The message.
        key: That half, from somebody who is trusted.
        issuer: URI of the Ed25519 key that it belongs to.
        payload: What must be signed.
        content_type: What the payload must be said to be.

    Raises:
        MalformedError: SEAL_MALFORMED: not this profile.
        RejectedError: SEAL_KEY_MISMATCH: it names another key, or another holder;
            SEAL_SIGNATURE_INVALID: the signature is not this key's over these bytes.
    """
    message = parse_sign1(data, content_type, max_bytes=MAX_SEAL_BYTES, alg=ML_DSA_44)
    if message.payload is not None:
        raise _malformed("a post-quantum signature has its payload beside it")
    if message.kid != key.thumbprint or message.issuer != issuer:
        raise RejectedError(Code.SEAL_KEY_MISMATCH, "the message names another key")
    if not key.verify(message.signature, sig_structure(message.protected, payload)):
        raise RejectedError(Code.SEAL_SIGNATURE_INVALID, "the signature does not verify")
    return message


def _parse(data: bytes, content_type: str, max_bytes: int, alg: int) -> Sign1:
    body = cbor.decode(data, max_bytes=max_bytes, tag=SIGN1_TAG)
    if not isinstance(body, list) or len(body) != 4:  # noqa: PLR2004  # RFC 9052 section 4.2
        raise _malformed("it is not an array of four")
    protected, unprotected, payload, signature = body
    if unprotected != {}:
        raise _malformed("the unprotected header is not empty")
    if payload is not None and not isinstance(payload, bytes):
        raise _malformed("the payload is neither bytes nor null")
    if not isinstance(signature, bytes) or len(signature) != _SIGNATURES[alg]:
        raise _malformed(f"the signature is not {_SIGNATURES[alg]} bytes")
    if not isinstance(protected, bytes):
        raise _malformed("the protected header is not bytes")
    kid, issuer, subject = _parse_protected(protected, content_type, alg)
    return Sign1(protected, kid, issuer, subject, payload, signature, data)


def _parse_protected(protected: bytes, content_type: str, alg: int) -> tuple[bytes, str, str]:
    """Return kid, issuer and subject of an encoded protected header."""
    header = cbor.decode(protected)
    if not isinstance(header, dict) or list(header) != [_ALG, _CONTENT_TYPE, _KID, _CWT_CLAIMS]:
        raise _malformed("the protected header does not hold exactly labels 1, 3, 4 and 15")
    if type(header[_ALG]) is not int or header[_ALG] != alg:
        raise _malformed(f"the algorithm is not {_NAMES[alg]}")
    if header[_CONTENT_TYPE] != content_type:
        raise _malformed(f"the content type is not {content_type}")
    kid, claims = header[_KID], header[_CWT_CLAIMS]
    if not isinstance(kid, bytes) or len(kid) != _KID_BYTES:
        raise _malformed(f"the kid is not {_KID_BYTES} bytes")
    if not isinstance(claims, dict) or list(claims) != [_ISS, _SUB]:
        raise _malformed("the CWT claims are not exactly iss and sub")
    issuer, subject = claims[_ISS], claims[_SUB]
    if not isinstance(issuer, str) or not isinstance(subject, str):
        raise _malformed("iss and sub are not text")
    parse_uri(issuer)
    return kid, issuer, subject


def _malformed(message: str) -> MalformedError:
    return MalformedError(Code.SEAL_MALFORMED, message)
