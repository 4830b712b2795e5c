"""What the ledger says of gates: each result, and that a gate blocks from now on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, ClassVar

from greenlight.model.body import Spoken
from greenlight.model.decided import CommitText
from greenlight.model.fields import DigestText, Label, MaybeDigest, Note, Slug, Text

GateVerdict = Annotated[str, Text(r"green|red|skipped", "one of green, red, skipped")]
GateMode = Annotated[str, Text(r"blocking|observing", "one of blocking, observing")]

GREEN, RED, SKIPPED = "green", "red", "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class GateResult(Spoken):
    """A gate was run.

    Attributes:
        gate: Its name.
        module: What it judges.
        verdict: green, red or skipped.
        mode: What red did.
        commit: What was judged; none outside a repository.
        base: The commit whose settings judged; none where the work tree's own did.
        definition: SHA-256 of the gate as it was declared: another gate starts its count again.
        artifact: SHA-256 of what it left; none where that was nothing.
        reason: Why it is not green, one line; none where it is.
    """

    KIND: ClassVar[str] = "gate.result"

    gate: Slug
    module: Label
    verdict: GateVerdict
    mode: GateMode
    commit: CommitText
    base: CommitText
    definition: DigestText
    artifact: MaybeDigest
    reason: Note

    @property
    def claims(self) -> tuple[str, ...]:
        return ()

    @property
    def subject(self) -> str:
        return self.definition


@dataclass(frozen=True, slots=True, kw_only=True)
class GateGraduated(Spoken):
    """A gate that observed blocks from now on: it had its seven green days.

    Attributes:
        gate: Its name.
        module: What it judges.
        definition: SHA-256 of the gate that had them.
    """

    KIND: ClassVar[str] = "gate.graduated"

    gate: Slug
    module: Label
    definition: DigestText

    @property
    def claims(self) -> tuple[str, ...]:
        return (f"graduated/{self.gate}/{self.module}",)

    @property
    def subject(self) -> str:
        return self.definition


@dataclass(frozen=True, slots=True, kw_only=True)
class GateState:
    """What the ledger amounts to for one gate and module (``verify.graduation``).

    Attributes:
        definition: SHA-256 of the gate that was last run.
        days: Green days since the last red one, as 2026-01-31, the newest few.
        red_day: The last day with a red result; empty before the first.
        verdict: Of the last result.
        commit: What that judged.
        base: Whose settings that was.
        result: Index of that result's record.
        time: Ledger time of that record.
        graduated: Index of the record that made it block, or -1.
        index: Of the last record that changed any of this.
    """

    definition: str = ""
    days: tuple[str, ...] = ()
    red_day: str = ""
    verdict: str = ""
    commit: str = ""
    base: str = ""
    result: int = -1
    time: datetime | None = None
    graduated: int = -1
    index: int = -1
