"""Audits and promotions that were decided: kept as they were said, nothing hangs on them."""

from __future__ import annotations

from greenlight.codes import Code
from greenlight.model.decided import AuditRecorded, PromotionDecided
from greenlight.verify.rules.placing import Placing, VoidError


def audit_recorded(placing: Placing, body: AuditRecorded) -> None:
    """Let an audit stand."""


def promotion_decided(placing: Placing, body: PromotionDecided) -> None:  # noqa: ARG001 - likewise
    """Let a promotion stand.

    Raises:
        VoidError: It says ALLOWED over a condition that did not hold, or over none.
    """
    holds = bool(body.conditions) and all(each.holds == "true" for each in body.conditions)
    if (body.verdict == "ALLOWED") != holds:
        raise VoidError(Code.ENTRY_VOID, f"{body.verdict} is not what its conditions give")
