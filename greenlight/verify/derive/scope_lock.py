"""The scope lock, from the lane file alone."""

from __future__ import annotations

from greenlight.model.documents.scope_lock import AllowedRow, ForbiddenRow, PlanningRow, ScopeLock
from greenlight.model.lane import Decision, Lane, PlanningSurface
from greenlight.model.surface import matches


def derive_scope_lock(lane: Lane) -> ScopeLock:
    """Say what may change; everything that the lane does not name is forbidden."""
    return ScopeLock(
        default="forbidden",
        allowed=tuple(
            AllowedRow(
                id=surface.id,
                path=surface.path,
                change=surface.change,
                undo=surface.undo,
                publish=surface.publish,
            )
            for surface in lane.allowed
        ),
        forbidden=tuple(
            ForbiddenRow(id=row.id, surface_class=row.surface_class, name=row.name)
            for row in lane.forbidden
        ),
        tools=lane.tools,
        planning=tuple(
            PlanningRow(
                number=row.number,
                name=row.name,
                standing=row.standing,
                decision=row.decision,
                reason=row.reason,
                isolated=isolated(lane, row),
            )
            for row in lane.planning
        ),
        no_production=not contradictions(lane) and lane.mode != "prod",
    )


def isolated(lane: Lane, row: PlanningSurface) -> bool:
    """Report whether no allowed surface overlaps an excluded planning surface."""
    return row.decision is Decision.INCLUDED or not any(
        overlap(surface.path, path) for surface in lane.allowed for path in row.paths
    )


def contradictions(lane: Lane) -> list[tuple[str, str]]:
    """List the pairs of an allowed and a forbidden surface that overlap, by id."""
    return [
        (allowed.id, forbidden.id)
        for allowed in lane.allowed
        for forbidden in lane.forbidden
        if any(overlap(allowed.path, path) for path in forbidden.paths)
    ]


def overlap(one: str, other: str) -> bool:
    """Report whether two patterns can name the same path.

    Where both have wildcards this errs towards yes: the fixed beginnings decide.
    """
    if matches(one, other) or matches(other, one):
        return True
    wild = set("*?")
    if not (wild & set(one) and wild & set(other)):
        return False
    fixed_one, fixed_other = _fixed(one), _fixed(other)
    return fixed_one.startswith(fixed_other) or fixed_other.startswith(fixed_one)


def _fixed(pattern: str) -> str:
    return pattern[: min((pattern.find(c) for c in "*?" if c in pattern), default=len(pattern))]
