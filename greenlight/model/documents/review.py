"""``post-execution-review.json``: ten checks, computed from the other documents."""

from __future__ import annotations

from enum import StrEnum

from greenlight.model.documents.words import Result
from greenlight.model.fields import Label, Line, derived, document, value


class ReviewVerdict(StrEnum):
    """What the review comes to."""

    CLEAN = "NO_PRODUCTION_EXECUTION_CLEAN"
    NOT_PROVEN = "NO_PRODUCTION_EXECUTION_NOT_PROVEN"
    NOT_CLEAN = "NOT_CLEAN"


@value
class ReviewCheck:
    """One of PER-1 to PER-10."""

    id: Label = derived("PER-<n>.")
    check: Line = derived("What is checked.")
    result: Result = derived("PASS, FAIL, or UNKNOWN.")
    evidence: tuple[Line, ...] = derived("Where it was read: document#/pointer.")
    because: Line = derived("What was read there.")


@document("post-execution-review.json")
class Review:
    """Nobody types a verdict here: each check is a function of the evidence."""

    checks: tuple[ReviewCheck, ...] = derived("The ten, in order.")
    verdict: ReviewVerdict = derived("Clean only when all ten pass.")
