"""An entry: what an actor signed, without position (docs/spec/ledger.md).

An entry is a COSE_Sign1 with attached payload, a deterministic CBOR map
``{1: version, 2: uuid, 3: kind, 4: body, 5: claims}``.  It knows neither index
nor time, so an entry that lost a race is placed again without a new signature.

Decoding verifies no signature: whether an entry has effect is what
``verify.fold`` says, over the bytes that were parsed: they are kept in ``signed``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Protocol

from greenlight.codes import Code
from greenlight.errors import MalformedError
from greenlight.primitives import cbor, cose
from greenlight.primitives.ed25519 import Signer
from greenlight.primitives.limits import MAX_CLAIMS, MAX_ENTRY_BYTES

CONTENT_TYPE = "application/vnd.greenlight.entry+cbor"
VERSION = 1

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_KIND = re.compile(r"[a-z][a-z0-9_]{0,31}\.[a-z][a-z0-9_]{0,31}")
# Visible ASCII only, so that a claim has one spelling; 300 characters hold every packet id.
_CLAIM = re.compile(r"[a-z]{1,32}/[!-~]{1,300}")


class Body(Protocol):
    """The content of one kind of entry; see ``model.kinds``."""

    KIND: ClassVar[str]

    @property
    def claims(self) -> tuple[str, ...]:
        """The keys this entry takes, for ever, sorted."""

    @property
    def subject(self) -> str:
        """What the entry is about: a packet tree for packet kinds, else the kind."""

    def to_body(self) -> dict[str, object]:
        """The body as plain values; every field is present."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A decoded entry, signature not yet verified.

    Attributes:
        uuid: Given by the actor; a second entry of one UUID has no effect.
        kind: One of ``model.kinds``, or a kind that this version does not know.
        body: Plain values, not yet read as their kind.
        claims: Keys the entry takes, sorted and unique.
        signed: The COSE_Sign1 it was read from.
    """

    uuid: str
    kind: str
    body: Mapping[str, object]
    claims: tuple[str, ...]
    signed: cose.Sign1

    @property
    def issuer(self) -> str:
        """Key thumbprint URI of the actor (RFC 9679)."""
        return self.signed.issuer

    @property
    def subject(self) -> str:
        """Packet tree or kind, from the protected header."""
        return self.signed.subject


def sign_entry(body: Body, *, uuid: str, signer: Signer) -> bytes:
    """Return the entry that says ``body``, signed by ``signer``.

    Raises:
        MalformedError: ``uuid`` is not one, or the entry is larger than allowed.
    """
    if not _UUID.fullmatch(uuid):
        raise MalformedError(Code.MALFORMED, f"not a UUID in lower case: {uuid!r}")
    payload = cbor.encode(
        {1: VERSION, 2: uuid, 3: body.KIND, 4: body.to_body(), 5: list(body.claims)}
    )
    raw = cose.sign1(
        payload, signer, content_type=CONTENT_TYPE, subject=body.subject, detached=False
    )
    if len(raw) > MAX_ENTRY_BYTES:
        raise MalformedError(Code.MALFORMED, f"an entry of {len(raw)} bytes, {MAX_ENTRY_BYTES=}")
    return raw


def decode_entry(raw: bytes) -> Entry:
    """Parse an entry; its signature is not verified.

    Raises:
        MalformedError: The bytes are not an entry in its one spelling.
    """
    if len(raw) > MAX_ENTRY_BYTES:
        raise MalformedError(Code.MALFORMED, f"an entry of {len(raw)} bytes, {MAX_ENTRY_BYTES=}")
    signed = cose.parse_sign1(raw, CONTENT_TYPE)
    if signed.payload is None:
        raise MalformedError(Code.MALFORMED, "an entry has its payload attached")
    payload = cbor.decode(signed.payload, max_bytes=MAX_ENTRY_BYTES)
    if not isinstance(payload, dict) or payload.get(1) != VERSION or payload[1] is True:
        raise MalformedError(Code.UNSUPPORTED_VERSION, "not an entry of format version 1")
    if payload.keys() != {1, 2, 3, 4, 5}:
        raise MalformedError(Code.MALFORMED, "an entry has exactly the keys 1 to 5")
    uuid, kind, body, claims = (payload[key] for key in (2, 3, 4, 5))
    if not isinstance(uuid, str) or not _UUID.fullmatch(uuid):
        raise MalformedError(Code.MALFORMED, "an entry's uuid is a UUID in lower case")
    if not isinstance(kind, str) or not _KIND.fullmatch(kind):
        raise MalformedError(Code.MALFORMED, "an entry's kind is two words with a dot")
    if not isinstance(body, dict) or not all(isinstance(key, str) for key in body):
        raise MalformedError(Code.MALFORMED, "an entry's body is a map with text keys")
    return Entry(uuid, kind, body, _claims(claims), signed)


def _claims(claims: object) -> tuple[str, ...]:
    if not isinstance(claims, list) or len(claims) > MAX_CLAIMS:
        raise MalformedError(Code.MALFORMED, f"claims are an array of at most {MAX_CLAIMS}")
    texts = tuple(claim for claim in claims if isinstance(claim, str))
    if len(texts) != len(claims) or not all(map(_CLAIM.fullmatch, texts)):
        raise MalformedError(Code.MALFORMED, "a claim is a word, a slash and visible ASCII")
    if list(texts) != sorted(set(texts)):
        raise MalformedError(Code.MALFORMED, "claims are sorted and unique")
    return texts
