"""COSE_Sign1 (RFC 9052 section 4.2) in greenlight's profile: exactly one shape.

* Tag 18 around ``[protected, {}, payload, signature]``; a detached payload is null.
* The protected header is exactly ``{1: -8, 3: content type, 4: kid, 15: {1: iss, 2: sub}}``:
  EdDSA, the RFC 9679 thumbprint of the signer's key, and CWT claims (RFC 9597) that name
  the signer as the thumbprint's URI, and the subject.
* The unprotected header is empty: nobody signs it.
* All of it is deterministic CBOR, the protected header inside its byte string too.

So a signature has one spelling, every bit of it is signed or compared, and what was
verified are the bytes that were parsed (``docs/adr/0007``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from greenlight.codes import Code
from greenlight.errors import MalformedError, RejectedError
from greenlight.primitives import cbor
from greenlight.primitives.ed25519 import SIGNATURE_BYTES, PublicKey, Signer, parse_uri
from greenlight.primitives.limits import MAX_ENTRY_BYTES

SIGN1_TAG: Final = 18  # RFC 9052 section 2
EDDSA: Final = -8  # RFC 9053 section 2.2

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
        kid: Thumbprint of the signer's key, 32 bytes.
        issuer: URI of the signer's key.
        subject: What the payload is about.
        payload: The payload, or None where it is detached.
        signature: 64 bytes.
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
    protected = cbor.encode(
        {
            _ALG: EDDSA,
            _CONTENT_TYPE: content_type,
            _KID: key.thumbprint,
            _CWT_CLAIMS: {_ISS: key.uri, _SUB: subject},
        }
    )
    signature = signer.sign(sig_structure(protected, payload))
    attached = None if detached else payload
    return cbor.encode((protected, {}, attached, signature), tag=SIGN1_TAG)


def parse_sign1(data: bytes, content_type: str, *, max_bytes: int = MAX_ENTRY_BYTES) -> Sign1:
    """Take a message apart without verifying it: whoever made it may have lied.

    Raises:
        MalformedError: SEAL_MALFORMED: not this profile, or not of ``content_type``.
    """
    try:
        return _parse(data, content_type, max_bytes)
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


def _parse(data: bytes, content_type: str, max_bytes: int) -> Sign1:
    body = cbor.decode(data, max_bytes=max_bytes, tag=SIGN1_TAG)
    if not isinstance(body, list) or len(body) != 4:  # noqa: PLR2004  # RFC 9052 section 4.2
        raise _malformed("it is not an array of four")
    protected, unprotected, payload, signature = body
    if unprotected != {}:
        raise _malformed("the unprotected header is not empty")
    if payload is not None and not isinstance(payload, bytes):
        raise _malformed("the payload is neither bytes nor null")
    if not isinstance(signature, bytes) or len(signature) != SIGNATURE_BYTES:
        raise _malformed(f"the signature is not {SIGNATURE_BYTES} bytes")
    if not isinstance(protected, bytes):
        raise _malformed("the protected header is not bytes")
    kid, issuer, subject = _parse_protected(protected, content_type)
    return Sign1(protected, kid, issuer, subject, payload, signature, data)


def _parse_protected(protected: bytes, content_type: str) -> tuple[bytes, str, str]:
    """Return kid, issuer and subject of an encoded protected header."""
    header = cbor.decode(protected)
    if not isinstance(header, dict) or list(header) != [_ALG, _CONTENT_TYPE, _KID, _CWT_CLAIMS]:
        raise _malformed("the protected header does not hold exactly labels 1, 3, 4 and 15")
    if type(header[_ALG]) is not int or header[_ALG] != EDDSA:
        raise _malformed("the algorithm is not EdDSA")
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
