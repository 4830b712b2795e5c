"""What was decided about a change: an audit that was made, a promotion that was asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from greenlight.model.body import Spoken
from greenlight.model.fields import DigestText, Label, Line, MaybeDigest, Range, Slug, Text, value

CommitText = Annotated[
    str, Text(r"(?:[0-9a-f]{40}|[0-9a-f]{64})?", "a commit's object id, or none")
]
VerdictWord = Annotated[str, Text(r"ALLOWED|BLOCKED", "one of ALLOWED, BLOCKED")]
TruthWord = Annotated[str, Text(r"true|false|unknown", "one of true, false, unknown")]


@value
class SectionWord:
    """What one check of an audit came to."""

    name: Label
    status: Label


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRecorded(Spoken):
    """A green-light audit was made.

    Attributes:
        exit: What it ended with: 0, 2, 5 or 6 (000).
        strict: Whether a skipped check was fatal.
        commit: What was checked out; none outside a repository.
        base: The commit whose settings judged; none where the work tree's own did.
        settings: SHA-256 of the settings.
        report: SHA-256 of the report.
        sections: What each check came to, in the report's order.
    """

    KIND: ClassVar[str] = "audit.recorded"

    exit: Annotated[int, Range(0, 6)]
    strict: bool
    commit: CommitText
    base: CommitText
    settings: DigestText
    report: DigestText
    sections: tuple[SectionWord, ...]

    @property
    def claims(self) -> tuple[str, ...]:
        return ()


@value
class ConditionWord:
    """What one condition of a promotion came to, and what was seen."""

    kind: Label
    holds: TruthWord
    evidence: Line


@dataclass(frozen=True, slots=True, kw_only=True)
class PromotionDecided(Spoken):
    """A promotion was asked for: ALLOWED where every condition is true, and only then.

    Attributes:
        target: What it is to.
        verdict: ALLOWED or BLOCKED.
        commit: What would be promoted; none outside a repository.
        base: The commit whose settings judged; none where the work tree's own did.
        settings: SHA-256 of the settings.
        packet: SHA-256 tree of the packet that the conditions were about, where there was one.
        conditions: Each with what was seen.
    """

    KIND: ClassVar[str] = "promotion.decided"

    target: Slug
    verdict: VerdictWord
    commit: CommitText
    base: CommitText
    settings: DigestText
    packet: MaybeDigest
    conditions: tuple[ConditionWord, ...]

    @property
    def claims(self) -> tuple[str, ...]:
        return ()
