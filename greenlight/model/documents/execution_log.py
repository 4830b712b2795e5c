"""``execution-log.json``: what each step did, in order, with its output's digests."""

from __future__ import annotations

from enum import StrEnum

from greenlight.model.fields import (
    Count,
    DigestText,
    Integer,
    Label,
    Line,
    Note,
    TimeText,
    document,
    outcome,
    recorded,
    value,
)


class StepState(StrEnum):
    """How a step ended."""

    DONE = "done"
    FAILED = "failed"
    NOT_REACHED = "not_reached"


@value
class Output:
    """A captured stream."""

    artifact: Line = outcome("Where the packet keeps it.")
    bytes: Count = outcome("Length.")
    digest: DigestText = outcome("SHA-256.")


@value
class LogRow:
    """One step."""

    step: Label = outcome("Its id in the plan.")
    state: StepState = outcome("done, failed or not_reached.")
    code: Note = outcome("The reject code, where it failed.")
    reason: Note = outcome("What happened, where it failed.")
    exit_code: Integer | None = outcome("Exit code; none where it was ended or is a built-in.")
    outputs: tuple[Output, ...] = outcome("Standard output and standard error of a command.")
    started_at: TimeText = recorded("When it began.")
    duration_ms: Count = recorded("Milliseconds it took.")


@document("execution-log.json")
class ExecutionLog:
    """The run stops at the first failure; what comes after it is not_reached."""

    steps: tuple[LogRow, ...] = outcome("One row a step of the plan, in its order.")
