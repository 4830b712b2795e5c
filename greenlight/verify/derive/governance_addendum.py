"""The governance addendum, from tickets and registry."""

from __future__ import annotations

from greenlight.model.documents.governance_addendum import GovernanceAddendum
from greenlight.model.documents.reserved_tickets import ReservedTickets
from greenlight.model.documents.words import Answer
from greenlight.verify.derive.blocker_map import range_text


def derive_governance_addendum(tickets: ReservedTickets) -> GovernanceAddendum:
    """Say what is proposed, and whether the canonical registry was left alone."""
    proposed = bool(tickets.tickets)
    return GovernanceAddendum(
        objects=range_text(tickets.tickets),
        standing=tickets.standing,
        apply_now=tickets.apply_now,
        standalone=registry_modified(tickets) is not Answer.YES,
        above_ceiling=not proposed or tickets.first > tickets.ceiling,
        ceiling=tickets.ceiling,
        collisions=len(tickets.collisions),
        canonical_registry_modified=registry_modified(tickets),
        canonical_fold="PENDING" if proposed else "NONE",
        fold_by="owner",
    )


def registry_modified(tickets: ReservedTickets) -> Answer:
    """Say whether a file of the registry changed; UNKNOWN where none was looked at."""
    if any(row.before != row.after for row in tickets.registry):
        return Answer.YES
    if tickets.tickets and not tickets.registry:
        return Answer.UNKNOWN
    return Answer.NO if all(row.identical for row in tickets.registry) else Answer.UNKNOWN
