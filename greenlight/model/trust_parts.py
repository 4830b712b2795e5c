"""What a trust root is made of: keys with roles, revocations, signatures, what it succeeds."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Final, Self

from greenlight.codes import Code
from greenlight.errors import MalformedError
from greenlight.model.body import Reason, read_body, require_ordered
from greenlight.model.fields import KeyUri, Range, Text
from greenlight.primitives.ed25519 import PublicKey
from greenlight.primitives.limits import MAX_INT64
from greenlight.primitives.mldsa import PostQuantumKey
from greenlight.primitives.openssh import format_public, parse_public

KeyLine = Annotated[str, Text(r"ssh-ed25519 [A-Za-z0-9+/=]{1,200}", "an OpenSSH Ed25519 key")]
_Base64 = r"[A-Za-z0-9+/]{1,%d}={0,2}"
# 1,312 bytes are 1,752 characters; a COSE_Sign1 of ours takes under 400 bytes, or 2,800.
_HalfText = Annotated[str, Text(f"(?:{_Base64 % 1752})?", "an ML-DSA-44 key in base64, or none")]
_SignatureText = Annotated[str, Text(_Base64 % 1024, "a COSE_Sign1 in base64")]
_MaybeSignature = Annotated[str, Text(f"(?:{_Base64 % 5464})?", "a COSE_Sign1 in base64, or none")]
Index = Annotated[int, Range(0, MAX_INT64)]


class Role(StrEnum):
    """What a key may do."""

    EXECUTOR = "executor"
    LOG = "log"
    OPERATOR = "operator"
    OWNER = "owner"
    REVIEWER = "reviewer"
    WITNESS = "witness"


FORMAT_1_ROLES: Final = frozenset({Role.EXECUTOR, Role.OWNER, Role.REVIEWER})


@dataclass(frozen=True, slots=True)
class KeyRoles:
    """A key and what it may do.

    Attributes:
        key: OpenSSH line without a comment.
        roles: Sorted, unique, at least one.
        post_quantum: Base64 of the ML-DSA-44 key that is its other half; empty for none.

    Raises:
        MalformedError: The key is no Ed25519 key in its one spelling, or the roles are not;
            KEY_TYPE_WRONG: the other half is no ML-DSA-44 key.
    """

    key: KeyLine
    roles: tuple[Role, ...]
    post_quantum: _HalfText = ""

    def __post_init__(self) -> None:
        key, _ = parse_public(self.key)
        if format_public(key) != self.key:
            raise MalformedError(Code.MALFORMED, "a trust root's key has no comment")
        require_ordered("roles", tuple(role.value for role in self.roles))
        if not self.roles:
            raise MalformedError(Code.MALFORMED, "a trust root's key has at least one role")
        if self.post_quantum:
            PostQuantumKey.parse(self.post_quantum)

    @classmethod
    def of(cls, key: PublicKey, *roles: Role, half: PostQuantumKey | None = None) -> Self:
        text = "" if half is None else half.text
        return cls(format_public(key), tuple(sorted(set(roles))), text)

    @property
    def public(self) -> PublicKey:
        return parse_public(self.key)[0]

    @property
    def half(self) -> PostQuantumKey | None:
        """The post-quantum half, where it has one."""
        return PostQuantumKey.parse(self.post_quantum) if self.post_quantum else None


@dataclass(frozen=True, slots=True)
class Revocation:
    """A key that vouches for nothing that it signed from an index on.

    Attributes:
        key: Thumbprint URI.
        since: Index of the first record that it no longer vouches for.
        reason: Why, for people: one line.
    """

    key: KeyUri
    since: Index
    reason: Reason

    @classmethod
    def from_body(cls, body: Mapping[str, object]) -> Self:
        return read_body(cls, body)


@dataclass(frozen=True, slots=True)
class Succession:
    """The ledger that this one goes on from, because it could not be mended.

    Attributes:
        origin: Its identity, ``greenlight/<64 hex digits>``.
        size: Records that are taken over as they are; what came later is not.
        root: ``sha256:<hex>``, the root of the tree of that size.
        reason: Why, for people: one line.
    """

    origin: Annotated[str, Text(r"greenlight/[0-9a-f]{64}", "the origin of a ledger")]
    size: Annotated[int, Range(1, MAX_INT64)]
    root: Annotated[str, Text(r"sha256:[0-9a-f]{64}", "a root sha256:<64 hex digits>")]
    reason: Reason

    @classmethod
    def from_body(cls, body: Mapping[str, object]) -> Self:
        return read_body(cls, body)


@dataclass(frozen=True, slots=True)
class RootSignature:
    """What one owner signed: the body of a trust root but for its signatures.

    Attributes:
        key: Thumbprint URI.
        signature: Base64 of a detached COSE_Sign1.
        post_quantum: The same by the other half of the key; empty for none.

    Raises:
        MalformedError: One of them is not base64 in its one spelling.
    """

    key: KeyUri
    signature: _SignatureText
    post_quantum: _MaybeSignature

    def __post_init__(self) -> None:
        unbase64(self.signature)
        unbase64(self.post_quantum)


def unbase64(text: str) -> bytes:
    """Read base64 (RFC 4648 section 4) in its one spelling.

    Raises:
        MalformedError: It is not that.
    """
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise MalformedError(Code.MALFORMED, "not base64") from error
    if base64.b64encode(data).decode("ascii") != text:
        raise MalformedError(Code.MALFORMED, "not base64 in its one spelling")
    return data
