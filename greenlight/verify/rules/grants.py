"""Grants: given, taken back, and used by opening a run."""

from __future__ import annotations

from datetime import datetime

from greenlight.codes import Code
from greenlight.model.grant import Grant, GrantRevoked
from greenlight.model.kinds import RunOpened
from greenlight.model.state import GrantState, LedgerState
from greenlight.verify.rules.placing import Placing, VoidError


def grant_issued(placing: Placing, body: Grant) -> None:
    """Give a grant."""
    placing.take(Code.ENTRY_VOID)
    placing.state.grants[body.grant] = GrantState(body, placing.actor, placing.index)


def grant_revoked(placing: Placing, body: GrantRevoked) -> None:
    """Take a grant back; what was opened under it stays opened.

    Raises:
        VoidError: There is no such grant, or it was taken back before.
    """
    if body.grant not in placing.state.grants:
        raise VoidError(Code.DELEGATION_MISSING, f"there is no grant {body.grant}")
    placing.take(Code.GRANT_REVOKED)
    placing.state.grants_revoked[body.grant] = placing.said(body)


def require_grant(state: LedgerState, run: RunOpened, *, executor: str, at: datetime) -> None:
    """Hold a run against the grant it stands on; claims are not looked at.

    Raises:
        VoidError: The grant does not cover it.
    """
    held = state.grants.get(run.grant)
    if held is None:
        raise VoidError(Code.DELEGATION_MISSING, f"there is no grant {run.grant}")
    grant = held.grant
    if grant.executor != executor or not grant.covers_lane(run.lane):
        raise VoidError(Code.DELEGATION_MISSING, f"{run.grant} does not cover this key and lane")
    if state.is_revoked(held.issuer, held.index):
        raise VoidError(Code.KEY_REVOKED, f"the key that gave {run.grant} was revoked before")
    if run.grant in state.grants_revoked:
        raise VoidError(Code.GRANT_REVOKED, f"{run.grant} was taken back by its owner")
    if run.mode not in grant.modes:
        covered = ", ".join(grant.modes)
        raise VoidError(Code.GRANT_MODE, f"{run.grant} covers {covered}, not {run.mode}")
    if not grant.is_in_force(at):
        raise VoidError(Code.GRANT_EXPIRED, f"{run.grant} is not in force at ledger time")
    if run.use > grant.max_uses:
        raise VoidError(Code.GRANT_USED_UP, f"{run.grant} has {grant.max_uses} uses")
