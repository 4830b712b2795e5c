"""The trust root: which keys may do what, until when (docs/spec/ledger.md).

Version 1 is entry 0 of the ledger and is pinned; each later version is signed by owners of
the one before, as many as its threshold says, and in format 2 also by owners of itself.

Two formats are read.  Format 1 is what is written as long as nothing of format 2 is used:
post-quantum halves, thresholds of other roles, revocations, several signatures.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, ClassVar, Final, Self

from greenlight.codes import Code
from greenlight.errors import MalformedError
from greenlight.model.body import MaybeTime, read_body, require_ordered
from greenlight.model.codec import to_plain
from greenlight.model.fields import MaybeDigest, Range
from greenlight.model.trust_parts import (
    FORMAT_1_ROLES,
    KeyLine,
    KeyRoles,
    Revocation,
    Role,
    RootSignature,
    Succession,
)
from greenlight.primitives import cbor
from greenlight.primitives.timestamp import parse_seconds

__all__ = [
    "KeyRoles",
    "Revocation",
    "Role",
    "RootSignature",
    "Succession",
    "TrustRoot",
]

CONTENT_TYPE: Final = "application/vnd.greenlight.trust-root+cbor"
MAX_KEYS: Final = 1024  # people and machines of one project; also bounds the work of reading
MAX_REVOKED: Final = 1024  # keys that were ever lost
MAX_SIGNATURES: Final = 64  # owners that sign one root; each takes 4 KiB of an entry's 1 MiB

Version = Annotated[int, Range(1, 2**31 - 1)]
Threshold = Annotated[int, Range(1, MAX_KEYS)]


@dataclass(frozen=True, slots=True)
class _Key1:
    key: KeyLine
    roles: tuple[Role, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Body1:
    """The body of format 1, as it stands in an entry."""

    version: Version
    keys: tuple[_Key1, ...]
    threshold: Threshold
    expires: MaybeTime


@dataclass(frozen=True, slots=True)
class _Thresholds:
    owner: Threshold
    reviewer: Threshold
    witness: Annotated[int, Range(0, MAX_KEYS)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Body2:
    """The body of format 2, as it stands in an entry."""

    format: Annotated[int, Range(2, 2)]
    version: Version
    keys: tuple[KeyRoles, ...]
    thresholds: _Thresholds
    expires: MaybeTime
    hybrid: bool
    revoked: tuple[Revocation, ...]
    follows: MaybeDigest
    succeeds: tuple[Succession, ...]
    signatures: tuple[RootSignature, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustRoot:
    """One version of the keys, roles, thresholds and expiry that are in force.

    Attributes:
        version: 1 for entry 0, then one more each time.
        keys: Sorted by key, each key once, each post-quantum half once.
        threshold: Owners that must sign the next version.
        expires: From this time on nothing has effect but a next trust root; none if empty.
        format: 1 or 2; what follows is of format 2 alone.
        reviewers: Reviewers that must approve of a packet, where that is asked.
        witnesses: Witnesses that must cosign a checkpoint, where that is asked.
        hybrid: Whether signatures of trust roots, and seals, count only with both halves.
        revoked: Sorted by key, each once; a later root keeps them all.
        follows: ``sha256:<hex>`` of the entry of the root before; empty in version 1.
        succeeds: In version 1, the ledger that this one goes on from; none or one.
        signatures: Of owners, sorted by key; a key that stands twice is refused by the fold.

    Raises:
        MalformedError: Keys are unsorted or repeated, too few for a threshold, or without a
            half that the root demands; a key is in it and revoked; or something of format 2
            stands in format 1.
    """

    KIND: ClassVar[str] = "trust.root"

    version: int
    keys: tuple[KeyRoles, ...]
    threshold: int
    expires: str
    format: int = 1
    reviewers: int = 1
    witnesses: int = 0
    hybrid: bool = False
    revoked: tuple[Revocation, ...] = ()
    follows: str = ""
    succeeds: tuple[Succession, ...] = ()
    signatures: tuple[RootSignature, ...] = ()

    def __post_init__(self) -> None:
        require_ordered("keys of a trust root", tuple(item.key for item in self.keys))
        require_ordered("revoked keys", tuple(item.key for item in self.revoked))
        self._check_counts()
        self._check_halves()
        _check_signatures(self.signatures)
        if self.expires:
            parse_seconds(self.expires)
        gone = {item.key for item in self.revoked}
        for item in self.keys if gone else ():
            if item.public.uri in gone:
                raise MalformedError(Code.KEY_REVOKED, f"{item.public.uri} is in it and revoked")
        if self.format == 1 and self._uses_format_2():
            raise MalformedError(Code.MALFORMED, "a trust root of format 1 has nothing of format 2")
        if self.succeeds and (self.version != 1 or len(self.succeeds) > 1):
            raise MalformedError(Code.MALFORMED, "only version 1 succeeds a ledger, and one alone")
        if self.format != 1 and (self.version == 1) != (not self.follows):
            raise MalformedError(Code.MALFORMED, "every version but the first follows another")

    def _check_counts(self) -> None:
        for what, found, most in (
            ("keys", self.keys, MAX_KEYS),
            ("revoked keys", self.revoked, MAX_REVOKED),
            ("signatures", self.signatures, MAX_SIGNATURES),
        ):
            if len(found) > most:
                raise MalformedError(Code.MALFORMED, f"a trust root of {len(found)} {what}")
        for role, least in _LEAST.items():
            if not least <= self.threshold_of(role) <= MAX_KEYS:
                raise MalformedError(
                    Code.MALFORMED, f"a threshold of {self.threshold_of(role)} {role.value}s"
                )
        # Such a root could never be succeeded, or nothing would ever be enough for it.
        for role in (Role.OWNER, Role.REVIEWER, Role.WITNESS):
            wanted = self.threshold_of(role)
            always = role is Role.OWNER
            if (always or wanted > _LEAST[role]) and len(self.of_role(role)) < wanted:
                raise MalformedError(
                    Code.MALFORMED, f"a trust root has fewer {role.value}s than its threshold"
                )

    def _check_halves(self) -> None:
        halves = [item.post_quantum for item in self.keys if item.post_quantum]
        if len(halves) != len(set(halves)):
            raise MalformedError(Code.MALFORMED, "two keys of a trust root share a half")
        for item in self.keys if self.hybrid else ():
            if not item.post_quantum and {Role.OWNER, Role.EXECUTOR}.intersection(item.roles):
                raise MalformedError(
                    Code.TRUST_HYBRID_MISSING,
                    f"both halves are demanded, and {item.public.uri} has one",
                )

    def _uses_format_2(self) -> bool:
        return bool(
            any(item.post_quantum or set(item.roles) - FORMAT_1_ROLES for item in self.keys)
            or (self.reviewers, self.witnesses) != (1, 0)
            or self.hybrid
            or self.revoked
            or self.follows
            or self.succeeds
            or self.signatures
        )

    @classmethod
    def make(cls, *keys: KeyRoles, version: int = 1, threshold: int = 1, expires: str = "") -> Self:
        """Return a trust root with ``keys`` in their order, in format 1 where that can say it."""
        ordered = tuple(sorted(keys, key=lambda item: item.key))
        more = any(item.post_quantum or set(item.roles) - FORMAT_1_ROLES for item in ordered)
        return cls(
            version=version,
            keys=ordered,
            threshold=threshold,
            expires=expires,
            format=2 if more else 1,
        )

    @classmethod
    def from_body(cls, body: Mapping[str, object]) -> Self:
        if "format" not in body:
            first = read_body(_Body1, body)
            return cls(
                version=first.version,
                keys=tuple(KeyRoles(item.key, item.roles) for item in first.keys),
                threshold=first.threshold,
                expires=first.expires,
            )
        second = read_body(_Body2, body)
        return cls(
            version=second.version,
            keys=second.keys,
            threshold=second.thresholds.owner,
            expires=second.expires,
            format=second.format,
            reviewers=second.thresholds.reviewer,
            witnesses=second.thresholds.witness,
            hybrid=second.hybrid,
            revoked=second.revoked,
            follows=second.follows,
            succeeds=second.succeeds,
            signatures=second.signatures,
        )

    def to_body(self) -> dict[str, object]:
        plain: dict[str, object] = to_plain(self._body1() if self.format == 1 else self._body2())
        return plain

    def _body1(self) -> _Body1:
        return _Body1(
            version=self.version,
            keys=tuple(_Key1(item.key, item.roles) for item in self.keys),
            threshold=self.threshold,
            expires=self.expires,
        )

    def _body2(self) -> _Body2:
        return _Body2(
            format=self.format,
            version=self.version,
            keys=self.keys,
            thresholds=_Thresholds(self.threshold, self.reviewers, self.witnesses),
            expires=self.expires,
            hybrid=self.hybrid,
            revoked=self.revoked,
            follows=self.follows,
            succeeds=self.succeeds,
            signatures=self.signatures,
        )

    def signed_bytes(self) -> bytes:
        """Return what owners sign: the body but for the signatures, in deterministic CBOR."""
        body = self.to_body()
        body.pop("signatures", None)
        return cbor.encode(body)

    def with_signatures(self, signatures: Iterable[RootSignature]) -> Self:
        """Return the same root under other signatures."""
        return replace(self, signatures=tuple(sorted(signatures, key=lambda one: one.key)))

    @property
    def claims(self) -> tuple[str, ...]:
        return (f"trust/{self.version}",)

    @property
    def subject(self) -> str:
        return self.KIND

    @property
    def signature_subject(self) -> str:
        """What the owners' signatures are about."""
        return f"trust/{self.version}"

    def find(self, issuer: str) -> KeyRoles | None:
        """Return the key with this thumbprint URI, or None."""
        return next((item for item in self.keys if item.public.uri == issuer), None)

    def of_role(self, role: Role) -> tuple[KeyRoles, ...]:
        """Return the keys that have a role."""
        return tuple(item for item in self.keys if role in item.roles)

    def threshold_of(self, role: Role) -> int:
        """Return how many keys of a role are wanted, where more than one may be."""
        counts = {Role.REVIEWER: self.reviewers, Role.WITNESS: self.witnesses}
        return counts.get(role, self.threshold if role is Role.OWNER else 1)

    def revocation(self, key: str) -> Revocation | None:
        """Return the revocation of the key with this thumbprint URI, or None."""
        return next((item for item in self.revoked if item.key == key), None)

    def is_expired(self, at: datetime) -> bool:
        """Report whether the root's time is over at ``at``; the interval is half open."""
        return bool(self.expires) and at >= parse_seconds(self.expires)


_LEAST: Final = {Role.OWNER: 1, Role.REVIEWER: 1, Role.WITNESS: 0}


def _check_signatures(signatures: tuple[RootSignature, ...]) -> None:
    keys = [item.key for item in signatures]
    if keys != sorted(keys):
        raise MalformedError(Code.MALFORMED, "signatures of a trust root are sorted by key")
