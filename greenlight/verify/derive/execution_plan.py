"""The execution plan, from the lane file alone."""

from __future__ import annotations

from collections.abc import Collection

from greenlight.model.documents.execution_plan import ExecutionPlan, PlannedStep, StepKind
from greenlight.model.lane import Builtin, Lane, Step, complete_steps

UPLOAD = "upload_document"  # the tool operation that publishing is (001:38)
_MAX_TARGET = 4096  # characters: as model.fields.Line has it


def derive_execution_plan(lane: Lane) -> ExecutionPlan:
    """Say what will happen, in order, with the built-ins that the lane leaves unsaid."""
    forbidden = {surface.id for surface in lane.forbidden}
    steps = complete_steps(lane)
    return ExecutionPlan(
        steps=tuple(_planned(step) for step in steps),
        never=lane.never,
        never_attempted=not any(forbidden.intersection(step.touches) for step in steps),
    )


def argv_of(step: Step) -> tuple[str, ...]:
    """Return what is really started: the vector, or /bin/sh where the step says so."""
    if step.shell and step.command:
        return ("/bin/sh", "-c", step.command)
    return step.run


def tool_of(step: Step) -> str:
    """Return the tool operation that a step is; empty where it is none."""
    return step.tool or (UPLOAD if step.builtin is Builtin.PUBLISH else "")


def target_of(lane: Lane, step: Step) -> str:
    """Return what the tool operation of a step is called on, as one line."""
    if step.builtin is Builtin.PUBLISH:
        return next(surface.path for surface in lane.allowed if surface.id in step.touches)
    return ", ".join(step.touches)[:_MAX_TARGET] or "no surface"


def operations_of(lane: Lane) -> set[str]:
    """Return every operation that a grant must cover for the lane to run under it."""
    called = {tool for step in lane.steps if (tool := tool_of(step))}
    return called | {f"resolve:{name}" for name in lane.resolves}


def covers(operations: Collection[str], operation: str) -> bool:
    """Report whether what was granted covers ``operation``.

    ``*`` is every tool operation that the lane names, never the lifting of a blocker.
    """
    if operation in operations:
        return True
    return "*" in operations and not operation.startswith("resolve:")


def _planned(step: Step) -> PlannedStep:
    return PlannedStep(
        id=step.id,
        title=step.title,
        kind=StepKind.COMMAND if step.builtin is None else StepKind.BUILTIN,
        builtin="" if step.builtin is None else step.builtin.value,
        argv=argv_of(step),
        tool=step.tool,
        touches=step.touches,
        document=step.document,
        workdir=step.workdir,
        timeout_seconds=step.timeout_seconds,
        max_output_bytes=step.max_output_bytes,
        expect_exit=step.expect_exit,
    )
