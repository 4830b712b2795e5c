"""The trust root: which keys may do what, until when (docs/spec/ledger.md).

Version 1 is entry 0 of the ledger and is pinned; each later version is signed
under the one before.  Roles are few: an owner changes trust, issues grants and
corrects the clock; an executor opens runs and seals; a reviewer countersigns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, ClassVar, Self

from greenlight.codes import Code
from greenlight.errors import MalformedError
from greenlight.model.body import MaybeTime, read_body, require_ordered
from greenlight.model.codec import to_plain
from greenlight.model.fields import Range, Text
from greenlight.primitives.ed25519 import PublicKey
from greenlight.primitives.openssh import format_public, parse_public
from greenlight.primitives.timestamp import parse_seconds

MAX_KEYS = 1024  # people and machines of one project; also bounds the work of reading a root


class Role(StrEnum):
    """What a key may do."""

    EXECUTOR = "executor"
    LOG = "log"
    OPERATOR = "operator"
    OWNER = "owner"
    REVIEWER = "reviewer"
    WITNESS = "witness"


@dataclass(frozen=True, slots=True)
class KeyRoles:
    """A key and what it may do.

    Attributes:
        key: OpenSSH line without a comment.
        roles: Sorted, unique, at least one.

    Raises:
        MalformedError: The key is no Ed25519 key in its one spelling, or the roles are not.
    """

    key: Annotated[str, Text(r"ssh-ed25519 [A-Za-z0-9+/=]{1,200}", "an OpenSSH Ed25519 key")]
    roles: tuple[Role, ...]

    def __post_init__(self) -> None:
        key, _ = parse_public(self.key)
        if format_public(key) != self.key:
            raise MalformedError(Code.MALFORMED, "a trust root's key has no comment")
        require_ordered("roles", tuple(role.value for role in self.roles))
        if not self.roles:
            raise MalformedError(Code.MALFORMED, "a trust root's key has at least one role")

    @classmethod
    def of(cls, key: PublicKey, *roles: Role) -> Self:
        return cls(format_public(key), tuple(sorted(set(roles))))

    @property
    def public(self) -> PublicKey:
        return parse_public(self.key)[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustRoot:
    """One version of the keys, roles, threshold and expiry that are in force.

    Attributes:
        version: 1 for entry 0, then one more each time.
        keys: Sorted by key, each key once.
        threshold: Owners that must sign the next version.  One entry carries one
            signature, so nothing but 1 can be met in this format version.
        expires: From this time on nothing has effect but a next trust root; none if empty.

    Raises:
        MalformedError: Keys are unsorted or repeated, or too few owners for the threshold.
    """

    KIND: ClassVar[str] = "trust.root"

    version: Annotated[int, Range(1, 2**31 - 1)]
    keys: tuple[KeyRoles, ...]
    threshold: Annotated[int, Range(1, MAX_KEYS)]
    expires: MaybeTime

    def __post_init__(self) -> None:
        require_ordered("keys of a trust root", tuple(item.key for item in self.keys))
        if len(self.keys) > MAX_KEYS:
            raise MalformedError(Code.MALFORMED, f"a trust root of {len(self.keys)} keys")
        if sum(Role.OWNER in item.roles for item in self.keys) < self.threshold:
            # Such a root could never be succeeded: what it gets wrong would stay wrong.
            raise MalformedError(Code.MALFORMED, "a trust root has fewer owners than its threshold")
        if self.expires:
            parse_seconds(self.expires)

    @classmethod
    def make(cls, *keys: KeyRoles, version: int = 1, threshold: int = 1, expires: str = "") -> Self:
        """Return a trust root with ``keys`` in their order."""
        ordered = tuple(sorted(keys, key=lambda item: item.key))
        return cls(version=version, keys=ordered, threshold=threshold, expires=expires)

    @classmethod
    def from_body(cls, body: Mapping[str, object]) -> Self:
        return read_body(cls, body)

    def to_body(self) -> dict[str, object]:
        plain: dict[str, object] = to_plain(self)
        return plain

    @property
    def claims(self) -> tuple[str, ...]:
        return (f"trust/{self.version}",)

    @property
    def subject(self) -> str:
        return self.KIND

    def find(self, issuer: str) -> KeyRoles | None:
        """Return the key with this thumbprint URI, or None."""
        return next((item for item in self.keys if item.public.uri == issuer), None)

    def is_expired(self, at: datetime) -> bool:
        """Report whether the root's time is over at ``at``; the interval is half open."""
        return bool(self.expires) and at >= parse_seconds(self.expires)
