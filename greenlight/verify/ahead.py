"""What can be said of a record by itself, before anybody knows what the ledger says until there.

Everything here is a function of the record's bytes and of some public keys, so it can be worked out
for many records at once, in any order and in other processes; what remains for ``verify.fold``
is what hangs on the records before.  A signature that verified by one of these keys need not be
verified again where the fold comes to want just this key.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from greenlight.codes import Code
from greenlight.errors import MalformedError, RejectedError
from greenlight.model.codec import members
from greenlight.model.entry import Body, Entry, decode_entry
from greenlight.model.record import Links, Record, decode_record
from greenlight.model.trust import TrustRoot
from greenlight.primitives import cose
from greenlight.primitives.ed25519 import PublicKey
from greenlight.primitives.merkle import leaf_hash
from greenlight.verify.rules.table import RULES

Keys = Mapping[str, PublicKey]  # by thumbprint URI
_PLAIN: Final = {str, int, tuple}


class Look(NamedTuple):
    """An entry by itself.

    Attributes:
        entry: As it was parsed; None where it does not.
        body: As its kind reads it; None where it does not, or the kind is not known.
        reason: Why it does not, in words.
        signed_by: The key by which its signature verified; None where nobody tried, or in vain.
    """

    entry: Entry | None
    body: Body | None
    reason: str
    signed_by: PublicKey | None


class Ahead(NamedTuple):
    """A record by itself.

    Attributes:
        raw: Its bytes.
        leaf: Its leaf hash.
        links: What the next record must carry.
        record: As it was parsed; None where it does not.
        code: Why it does not.
        reason: The same, in words.
        look: The entry in it; None where it does not parse.
    """

    raw: bytes
    leaf: bytes
    links: Links
    record: Record | None
    code: Code | None
    reason: str
    look: Look | None

    def __reduce__(self) -> tuple[object, ...]:
        # From one process to another: by default each part would be spelled out by name, and the
        # bytes of the entry and what is in it would go three times.
        record, seen = self.record, self.look
        if record is None or seen is None or seen.entry is None:
            return Ahead, tuple(self)
        entry, signed = seen.entry, seen.entry.signed
        payload = signed.payload or b""  # never None in an entry
        parts = (
            self.raw,
            self.leaf,
            (self.links.sha512, self.links.blake2b),
            (record.index, record.previous.sha512, record.previous.blake2b, record.time),
            _span(self.raw, record.entry),
            (entry.uuid, entry.kind, entry.body, entry.claims),
            (_span(record.entry, signed.protected), _span(record.entry, payload)),
            (signed.kid, signed.issuer, signed.subject, signed.signature),
            _apart(seen.body),
            seen.reason,
            seen.signed_by and seen.signed_by.raw,
        )
        return _put_together, parts


def _names(kind: type[Body]) -> tuple[str, ...]:
    return tuple([member.name for member in members(kind)])


def _span(whole: bytes, part: bytes) -> tuple[int, int]:
    at = whole.index(part)
    return at, at + len(part)


def _apart(body: Body | None) -> tuple[type[Body], tuple[object, ...]] | Body | None:
    """Return type and values of a body where these are texts and numbers alone."""
    if body is None:
        return None
    values = tuple([getattr(body, name) for name in _names(type(body))])
    return (type(body), values) if set(map(type, values)) <= _PLAIN else body


def _put_together(  # noqa: PLR0913, PLR0917 - what ``Ahead.__reduce__`` took apart
    raw: bytes,
    leaf: bytes,
    links: tuple[bytes, bytes],
    placed: tuple[int, bytes, bytes, datetime],
    span: tuple[int, int],
    said: tuple[str, str, Mapping[str, object], tuple[str, ...]],
    spans: tuple[tuple[int, int], tuple[int, int]],
    header: tuple[bytes, str, str, bytes],
    body: tuple[type[Any], tuple[object, ...]] | Body | None,
    reason: str,
    signed_by: bytes | None,
) -> Ahead:
    index, sha512, blake2b, time = placed
    inner = raw[slice(*span)]
    kid, issuer, subject, signature = header
    protected, payload = (inner[slice(*each)] for each in spans)
    signed = cose.Sign1(protected, kid, issuer, subject, payload, signature, inner)
    whole = body
    if isinstance(body, tuple):
        kind, values = body
        whole = kind(**dict(zip(_names(kind), values, strict=True)))
    return Ahead(
        raw,
        leaf,
        Links(*links),
        Record(index, Links(sha512, blake2b), time, inner, raw),
        None,
        "",
        Look(
            Entry(*said, signed),
            whole,  # type: ignore[arg-type]  # no tuple by now
            reason,
            None if signed_by is None else PublicKey(signed_by),
        ),
    )


def keys_of(trust: TrustRoot | None) -> dict[str, PublicKey]:
    """Return the keys that entries are signed by under a trust root."""
    return {} if trust is None else {item.public.uri: item.public for item in trust.keys}


def look_ahead(raw: bytes, keys: Keys) -> Ahead:
    """Say what can be said of a record by itself."""
    leaf, links = leaf_hash(raw), Links.of(raw)
    try:
        record = decode_record(raw)
    except MalformedError as error:
        return Ahead(raw, leaf, links, None, error.code, str(error), None)
    return Ahead(raw, leaf, links, record, None, "", look(record.entry, keys))


def look(raw: bytes, keys: Keys) -> Look:
    """Say what can be said of an entry by itself."""
    try:
        entry = decode_entry(raw)
    except MalformedError as error:
        return Look(None, None, str(error), None)
    rule = RULES.get(entry.kind)
    if rule is None:
        return Look(entry, None, f"the kind {entry.kind} is not known here", None)
    try:
        body = rule.read(entry.body)
    except (MalformedError, RejectedError) as error:
        return Look(entry, None, str(error), None)
    return Look(entry, body, "", _signer(entry, keys))


def _signer(entry: Entry, keys: Keys) -> PublicKey | None:
    key = keys.get(entry.issuer)
    if key is None:
        return None
    try:
        cose.require_signed(entry.signed, key=key, payload=None)
    except (MalformedError, RejectedError):
        return None  # the fold says why, where it comes to that
    return key
