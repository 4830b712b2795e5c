"""The rule of ``trust.root``: each version follows the one before, and owners of both signed.

Of the root before as many different owners as its threshold says; of the new one too, if it is
of format 2, so that nobody is put in charge who cannot or will not sign.  Whoever signed the
entry counts as one, unless both halves of keys are demanded: an entry carries one signature.
"""

from __future__ import annotations

from greenlight.codes import Code
from greenlight.model.state import LedgerState, RootState
from greenlight.model.trust import TrustRoot
from greenlight.primitives.digest import Digest
from greenlight.verify.rules.placing import Placing, VoidError
from greenlight.verify.signatures import UnsignedError, check_signatures, require_owners


def trust_root(placing: Placing, body: TrustRoot) -> None:
    """Put the next version of the trust root in force.

    Raises:
        VoidError: It does not follow the one before, too few owners signed, or it takes back a
            revocation.
    """
    state = placing.state
    before = state.trust
    if placing.index != 0 and before is None:
        raise VoidError(Code.TRUST_REFUSED, "record 0 is no trust root, and nothing else can be")
    if before is not None and body.version != before.version + 1:
        raise VoidError(Code.TRUST_REFUSED, f"version {before.version} is not followed by this one")
    _require_follows(state, body)
    if before is not None:
        _require_revocations(placing, before, body)
    if body.format != 1 and body.is_expired(placing.time):
        raise VoidError(Code.TRUST_EXPIRED, f"it is over since {body.expires}")
    try:
        _require_signed(placing, before, body)
    except UnsignedError as error:
        raise VoidError(error.code, str(error)) from error
    placing.take()
    _put(placing, before, body)


def _require_follows(state: LedgerState, body: TrustRoot) -> None:
    if body.format == 1:
        return  # it names nothing but its version
    last = None if state.trust is None else state.roots[str(state.trust.version)]
    if body.follows != ("" if last is None else last.entry):
        raise VoidError(Code.TRUST_STALE, "it was signed to follow another trust root")


def _require_revocations(placing: Placing, before: TrustRoot, body: TrustRoot) -> None:
    """A key that was revoked stays revoked, from no later index."""
    for lost in before.revoked:
        kept = body.revocation(lost.key)
        if kept is None or kept.since > lost.since:
            raise VoidError(Code.KEY_REVOKED, f"{lost.key} is revoked from {lost.since} on")
    for lost in body.revoked:
        if lost.since > placing.index:
            raise VoidError(
                Code.TRUST_REFUSED, f"{lost.key} is revoked from {lost.since} on, which is to come"
            )


def _require_signed(placing: Placing, before: TrustRoot | None, body: TrustRoot) -> None:
    signed = check_signatures(body, before)
    actor = placing.actor
    if before is not None:
        few = Code.TRUST_THRESHOLD
        require_owners(before, signed, actor=actor, few=few, whose=f"version {before.version}")
    if body.format != 1:
        few = Code.TRUST_NEW_OWNERS
        require_owners(body, signed, actor=actor, few=few, whose="the new version")


def _put(placing: Placing, before: TrustRoot | None, body: TrustRoot) -> None:
    state = placing.state
    state.trust = body
    state.roots[str(body.version)] = RootState(
        body,
        str(Digest.of(placing.record.entry)),
        placing.actor,
        placing.index,
        placing.time,
    )
    for item in body.keys:
        half = item.half
        if half is not None and half.thumbprint.hex() not in state.halves:
            state.halves[half.thumbprint.hex()] = half.text
    if body.hybrid != (before is not None and before.hybrid):
        state.demands[placing.index] = int(body.hybrid)
