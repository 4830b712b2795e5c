"""Who signed a trust root, and for which root that counts.  Pure.

An owner's signature is a detached COSE_Sign1 over the root's body without its signatures.
It counts for a root whose owner the key is; for a root that demands both halves only if the
post-quantum signature beside it verifies too, by the half that this root names.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from greenlight.codes import Code
from greenlight.errors import MalformedError, RejectedError
from greenlight.model.trust import CONTENT_TYPE, KeyRoles, Role, RootSignature, TrustRoot
from greenlight.model.trust_parts import unbase64
from greenlight.primitives import cose
from greenlight.primitives.limits import MAX_SEAL_BYTES


class UnsignedError(Exception):
    """Internal control flow: a trust root is not signed as it must be, which is data.

    Attributes:
        code: Why.
    """

    def __init__(self, code: Code, reason: str) -> None:
        super().__init__(reason)
        self.code = code


@dataclass(frozen=True, slots=True)
class Signed:
    """What one signature is good for.

    Attributes:
        key: Thumbprint URI.
        halves: Post-quantum keys, in base64, whose signature beside it verified: one or none.
    """

    key: str
    halves: frozenset[str]


def check_signatures(root: TrustRoot, before: TrustRoot | None) -> tuple[Signed, ...]:
    """Verify every signature that a root carries.

    Raises:
        UnsignedError: TRUST_SIGNED_TWICE, KEY_REVOKED, TRUST_REFUSED (an owner of neither root),
            KEY_TYPE_WRONG, TRUST_SIGNATURE_INVALID: one that is wrong spoils all.
    """
    for key, times in Counter(one.key for one in root.signatures).items():
        if times > 1:
            raise UnsignedError(Code.TRUST_SIGNED_TWICE, f"{key} signed it {times} times")
    if not root.signatures:
        return ()
    payload = root.signed_bytes()
    return tuple(_check(one, payload, root, before) for one in root.signatures)


def require_owners(
    root: TrustRoot, signed: tuple[Signed, ...], *, actor: str, few: Code, whose: str
) -> None:
    """Require that as many different owners of a root signed as its threshold says.

    Args:
        root: The root whose owners count.
        signed: Who signed.
        actor: Whose entry it is: it signed the body too, by one half.
        few: The code where they are too few.
        whose: What to call the root.

    Raises:
        UnsignedError: ``few``, or TRUST_HYBRID_MISSING: they would be enough with their other
            halves.
    """
    owners = {item.public.uri: item for item in root.of_role(Role.OWNER)}
    one = {each.key for each in signed} | {actor}
    both = {
        each.key
        for each in signed
        if each.key in owners and owners[each.key].post_quantum in each.halves
    }
    found = len(one & owners.keys()), len(both)
    if root.hybrid and found[0] >= root.threshold > found[1]:
        raise UnsignedError(
            Code.TRUST_HYBRID_MISSING,
            f"{found[1]} of {root.threshold} owners of {whose} signed by both halves",
        )
    if found[root.hybrid] < root.threshold:
        raise UnsignedError(
            few, f"{found[root.hybrid]} of {root.threshold} owners of {whose} signed"
        )


def _check(one: RootSignature, payload: bytes, root: TrustRoot, before: TrustRoot | None) -> Signed:
    if any(each is not None and each.revocation(one.key) for each in (before, root)):
        raise UnsignedError(Code.KEY_REVOKED, f"{one.key} was revoked")
    owners = list(_owners(one.key, root, before))
    if not owners:
        raise UnsignedError(Code.TRUST_REFUSED, f"{one.key} is no owner, before or after")
    subject = root.signature_subject
    data = unbase64(one.signature)
    _require_kind(data, cose.EDDSA, one.key)
    try:
        message = cose.open_sign1(
            data,
            key=owners[0].public,
            payload=payload,
            content_type=CONTENT_TYPE,
            max_bytes=MAX_SEAL_BYTES,
        )
    except (MalformedError, RejectedError) as error:
        raise _invalid(one, str(error)) from error
    if message.subject != subject:
        raise _invalid(one, f"it is about {message.subject}, not {subject}")
    if not one.post_quantum:
        return Signed(one.key, frozenset())
    return Signed(one.key, frozenset({_check_half(one, payload, owners, subject)}))


def _check_half(one: RootSignature, payload: bytes, owners: list[KeyRoles], subject: str) -> str:
    """Return the half, in base64, that signed."""
    data = unbase64(one.post_quantum)
    _require_kind(data, cose.ML_DSA_44, one.key)
    why = "no trust root names its post-quantum half"
    for half in filter(None, (owner.half for owner in owners)):
        try:
            message = cose.open_post_quantum(
                data, key=half, issuer=one.key, payload=payload, content_type=CONTENT_TYPE
            )
        except (MalformedError, RejectedError) as error:
            why = str(error)
            continue
        if message.subject == subject:
            return half.text
        why = f"it is about {message.subject}, not {subject}"
    raise _invalid(one, why)


def _owners(key: str, root: TrustRoot, before: TrustRoot | None) -> Iterator[KeyRoles]:
    """Yield what each of the two roots says of an owner; its post-quantum half may differ."""
    for each in (before, root):
        found = None if each is None else each.find(key)
        if found is not None and Role.OWNER in found.roles:
            yield found


def _require_kind(data: bytes, alg: int, key: str) -> None:
    """Refuse a signature of the other kind, which must not look like a forged one."""
    other = cose.ML_DSA_44 if alg == cose.EDDSA else cose.EDDSA
    try:
        cose.parse_sign1(data, CONTENT_TYPE, max_bytes=MAX_SEAL_BYTES, alg=other)
    except MalformedError:
        return
    raise UnsignedError(Code.KEY_TYPE_WRONG, f"a signature of {key} is of the other kind")


def _invalid(one: RootSignature, why: str) -> UnsignedError:
    return UnsignedError(Code.TRUST_SIGNATURE_INVALID, f"the signature of {one.key}: {why}")
