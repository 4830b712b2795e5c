"""The execution plan, from the lane file alone."""

from __future__ import annotations

from greenlight.model.documents.execution_plan import ExecutionPlan, PlannedStep, StepKind
from greenlight.model.lane import Lane, Step, complete_steps


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
