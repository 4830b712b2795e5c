"""``production-readiness-blocker-map.json``: what still blocks production, and who may lift it."""

from __future__ import annotations

from enum import StrEnum

from greenlight.model.fields import Count, Label, Line, Note, derived, document, value
from greenlight.model.lane import Resolver


class BlockerState(StrEnum):
    """Whether a blocker still stands."""

    OPEN = "OPEN"
    RESOLVED = "RESOLVED"


@value
class BlockerRow:
    """One blocker."""

    id: Label = derived("Its id.")
    reason: Line = derived("What is missing.")
    resolver: Resolver = derived("Who may resolve it.")
    evidence: Line = derived("What evidence that takes.")
    state: BlockerState = derived("OPEN, or RESOLVED under sufficient authority.")
    source: Line = derived("lane, gate, or the packet it was carried from.")


@document("production-readiness-blocker-map.json")
class BlockerMap:
    """Carried from packet to packet; a lane cannot resolve what its authority does not cover."""

    blockers: tuple[BlockerRow, ...] = derived("The blockers, the lane's own first.")
    open: Count = derived("How many are open.")
    resolved_here: Count = derived("How many this lane resolved.")
    pending_fold: Note = derived(
        "Tickets whose canonical fold is pending; apart from the blockers."
    )
    next_decision: Label = derived("What is decided next; HOLD unless said otherwise.")
    decided_by: Line = derived("By whom.")
    grants_needed: tuple[Label, ...] = derived("Grants that going on would take.")
