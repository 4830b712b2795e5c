"""``execution-plan.json``: the ordered steps, and the row that is never attempted."""

from __future__ import annotations

from enum import StrEnum

from greenlight.model.fields import Count, Label, Line, Note, derived, document, value


class StepKind(StrEnum):
    """Who carries a step out."""

    COMMAND = "command"
    BUILTIN = "builtin"


@value
class PlannedStep:
    """One step as it will be carried out."""

    id: Label = derived("Its id.")
    title: Note = derived("What it is for.")
    kind: StepKind = derived("command or builtin.")
    builtin: Note = derived("Which built-in.")
    argv: tuple[Line, ...] = derived("The argument vector; `@python` is greenlight's interpreter.")
    tool: Note = derived("The tool operation it calls.")
    touches: tuple[Label, ...] = derived("Surfaces it touches.")
    document: Note = derived("What a publish step publishes.")
    workdir: Note = derived("Where it runs.")
    timeout_seconds: Count = derived("Seconds after which it is ended.")
    max_output_bytes: Count = derived("Bytes of output after which it is ended.")
    expect_exit: tuple[Count, ...] = derived("Exit codes that are success.")


@document("execution-plan.json")
class ExecutionPlan:
    """Derived from the lane file: what will happen, in order."""

    steps: tuple[PlannedStep, ...] = derived("The steps.")
    never: tuple[Line, ...] = derived("The FORBIDDEN row: recorded, never attempted.")
    never_attempted: bool = derived("Whether no step touches a forbidden surface.")
