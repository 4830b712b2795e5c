"""``governance-addendum.json``: which objects the lane proposes, and what it left alone."""

from __future__ import annotations

from greenlight.model.documents.words import Answer
from greenlight.model.fields import Count, Line, Note, derived, document


@document("governance-addendum.json")
class GovernanceAddendum:
    """Standalone: the canonical registry is not modified, and nothing is folded here."""

    objects: Note = derived("The range, as TKT-OBJ-442..461; none where nothing is proposed.")
    standing: Line = derived("PROPOSED, or NONE.")
    apply_now: Line = derived("NO.")
    standalone: bool = derived("Whether it stands apart from the canonical registry.")
    above_ceiling: bool = derived("Whether every number is above the registry's ceiling.")
    ceiling: Count = derived("The registry's highest number.")
    collisions: Count = derived("Tickets that the registry already names.")
    canonical_registry_modified: Answer = derived("Whether a registry file changed.")
    canonical_fold: Line = derived("PENDING or NONE.")
    fold_by: Line = derived("Who may fold: the owner.")
