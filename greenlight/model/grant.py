"""A grant: who lets whom run which lane, in which mode, until when, how often."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, ClassVar

from greenlight.codes import Code
from greenlight.errors import MalformedError
from greenlight.model.body import (
    GrantId,
    LaneOrAll,
    MaybeTime,
    Reason,
    RunMode,
    Spoken,
    require_ordered,
)
from greenlight.model.fields import KeyUri, Label, Range, Text
from greenlight.primitives.timestamp import parse_seconds

MAX_USES = 1_000_000  # a number a person means; more is no limit at all
Operation = Annotated[
    str, Text(r"\*|[A-Za-z0-9](?:[A-Za-z0-9_./:-]{0,126}[A-Za-z0-9_])?", "an operation, or *")
]
MAX_OPERATIONS = 256  # 001 names sixteen surfaces and fewer operations


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant(Spoken):
    """The body of ``grant.issued``; in force between two times, for so many uses.

    Attributes:
        grant: Id, a slug or UUID.
        lane: Lane slug, or ``*`` for every lane.
        executor: Thumbprint URI of the key that may open runs under it.
        authority: Label of the authority that is given.
        delegation: Label of the delegation by which it came to the executor.
        operations: Labels of what may be done; sorted, unique; ``*`` is every tool operation
            that the lane names, never the lifting of a blocker.
        modes: Modes a run may have; sorted, unique, at least one.
        not_before: First moment, or empty.
        expires: First moment after it, or empty.
        max_uses: Runs that may be opened; a use is spent by opening.

    Raises:
        MalformedError: A list has a second spelling, or a time is none.
    """

    KIND: ClassVar[str] = "grant.issued"

    grant: GrantId
    lane: LaneOrAll
    executor: KeyUri
    authority: Label
    delegation: Label
    operations: tuple[Operation, ...]
    modes: tuple[RunMode, ...]
    not_before: MaybeTime
    expires: MaybeTime
    max_uses: Annotated[int, Range(1, MAX_USES)]

    def __post_init__(self) -> None:
        require_ordered("operations", self.operations)
        require_ordered("modes", self.modes)
        if not self.modes or len(self.operations) > MAX_OPERATIONS:
            raise MalformedError(Code.MALFORMED, "a grant names a mode and not too many operations")
        for time in (self.not_before, self.expires):
            if time:
                parse_seconds(time)

    @property
    def claims(self) -> tuple[str, ...]:
        return (f"grant/{self.grant}",)

    def covers_lane(self, lane: str) -> bool:
        return self.lane in ("*", lane)

    def is_in_force(self, at: datetime) -> bool:
        """Report whether ``at`` lies in the half-open interval of the grant."""
        begun = not self.not_before or at >= parse_seconds(self.not_before)
        return begun and not (self.expires and at >= parse_seconds(self.expires))


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantRevoked(Spoken):
    """An owner takes a grant back: no run is opened under it any more.

    Attributes:
        grant: Its id.
        reason: Why, one line.
    """

    KIND: ClassVar[str] = "grant.revoked"

    grant: GrantId
    reason: Reason

    @property
    def claims(self) -> tuple[str, ...]:
        return (f"grant/{self.grant}/revoked",)
