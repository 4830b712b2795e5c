"""``scope-lock.json``: what may change and how; everything else is forbidden."""

from __future__ import annotations

from greenlight.model.fields import Count, Label, Line, derived, document, value
from greenlight.model.lane import Decision, Standing, Undo
from greenlight.model.surface import Change, SurfaceClass


@value
class AllowedRow:
    """A surface that may change."""

    id: Label = derived("Its id.")
    path: Line = derived("Path or pattern in the workspace.")
    change: Change = derived("create, modify or delete.")
    undo: Undo = derived("How it is taken back.")
    publish: bool = derived("Whether it leaves the workspace once proven.")


@value
class ForbiddenRow:
    """A surface that must not be touched."""

    id: Label = derived("Its id.")
    surface_class: SurfaceClass = derived("Which of the classes of 001 it is.")
    name: Line = derived("What people call it.")


@value
class PlanningRow:
    """The decision about one planning surface."""

    number: Count = derived("Its number.")
    name: Line = derived("What it is.")
    standing: Standing = derived("What was known of it.")
    decision: Decision = derived("included or excluded.")
    reason: Line = derived("Why.")
    isolated: bool = derived("Whether no allowed surface overlaps it; checked, not asserted.")


@document("scope-lock.json")
class ScopeLock:
    """The lock, derived from the lane file alone."""

    default: Line = derived("What holds for a surface that is not named: forbidden.")
    allowed: tuple[AllowedRow, ...] = derived("Surfaces that may change.")
    forbidden: tuple[ForbiddenRow, ...] = derived("Surfaces that must not.")
    tools: tuple[Line, ...] = derived("Tool operations allowed.")
    planning: tuple[PlanningRow, ...] = derived("Every planning surface, decided.")
    no_production: bool = derived("Whether no allowed surface is a production one.")
