"""The forbidden-surface proof: what was enforced, what was observed, and so known.

A verdict never reads "no event" as "no attempt".  Where nothing stood between a step
and a surface and nothing looked, the word is UNKNOWN, and UNKNOWN is never clean.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from greenlight.model.documents.environment import Environment, GradeRow
from greenlight.model.documents.forbidden_surface_proof import (
    Aspect,
    AspectRow,
    Attempted,
    ForbiddenSurfaceProof,
    ProofRow,
)
from greenlight.model.documents.outcomes import Outcomes, ToolDecision
from greenlight.model.evidence import Evidence
from greenlight.model.lane import ForbiddenSurface
from greenlight.model.surface import SurfaceVerdict, matches_any, tool_matches

_KNOWN = (SurfaceVerdict.UNTOUCHED, SurfaceVerdict.NOT_REQUESTED)
# From bad to good: the verdict on a surface is the worst of its aspects.
_WORST_FIRST = (
    SurfaceVerdict.VIOLATED,
    SurfaceVerdict.BLOCKED,
    SurfaceVerdict.UNKNOWN,
    SurfaceVerdict.UNTOUCHED,
    SurfaceVerdict.NOT_REQUESTED,
)


def derive_forbidden_surface_proof(evidence: Evidence) -> ForbiddenSurfaceProof:
    """Judge each forbidden surface by what the lane, the outcomes and the host say."""
    rows = tuple(
        _row(surface, evidence.outcomes, evidence.environment)
        for surface in evidence.lane.forbidden
    )
    outside = tuple(row.path for row in evidence.outcomes.mutations if not row.surface)
    return ForbiddenSurfaceProof(
        surfaces=rows,
        outside_scope=outside,
        any_forbidden_surface_attempted=_attempted(rows, outside),
        known=sum(row.verdict in _KNOWN for row in rows),
        total=len(rows),
        probe_attempts=len(evidence.probes.probes),
    )


def _attempted(rows: Sequence[ProofRow], outside: Sequence[str]) -> Attempted:
    verdicts = {row.verdict for row in rows}
    if outside or verdicts & {SurfaceVerdict.VIOLATED, SurfaceVerdict.BLOCKED}:
        return Attempted.TRUE
    # A lane that names no forbidden surface has not looked at any.
    return Attempted.FALSE if rows and verdicts <= set(_KNOWN) else Attempted.UNKNOWN


def _row(surface: ForbiddenSurface, outcomes: Outcomes, environment: Environment) -> ProofRow:
    aspects = tuple(_aspects(surface, outcomes, environment))
    verdicts = {aspect.verdict for aspect in aspects}
    worst = next((v for v in _WORST_FIRST if v in verdicts), SurfaceVerdict.UNKNOWN)
    return ProofRow(
        id=surface.id,
        surface_class=surface.surface_class,
        name=surface.name,
        aspects=aspects,
        verdict=worst,
    )


def _aspects(
    surface: ForbiddenSurface, outcomes: Outcomes, environment: Environment
) -> Iterator[AspectRow]:
    grades = {row.kind: row for row in environment.grades}
    if surface.paths:
        grade = grades.get("path_workspace")
        touched = any(matches_any(surface.paths, row.path) for row in outcomes.mutations)
        # Where something could not be seen, nobody knows what stands there.
        good = SurfaceVerdict.UNKNOWN if outcomes.refused_names else SurfaceVerdict.UNTOUCHED
        seen = SurfaceVerdict.VIOLATED if touched else good
        yield _aspect(Aspect.PATH, surface.paths, grade, seen)
    if surface.tools:
        yield _aspect(Aspect.TOOL, surface.tools, grades.get("tool"), _tools(surface, outcomes))
    if surface.network:
        # Nothing here records a connection yet, so only enforcement could say anything.
        grade = grades.get("network")
        yield _aspect(Aspect.NETWORK, surface.network, grade, SurfaceVerdict.NOT_REQUESTED)
    if surface.programs:
        grade = grades.get("program")
        yield _aspect(Aspect.PROGRAM, surface.programs, grade, SurfaceVerdict.NOT_REQUESTED)
    if surface.variables:
        given = set(surface.variables) & set(environment.variables)
        seen = SurfaceVerdict.VIOLATED if given else SurfaceVerdict.UNTOUCHED
        yield _aspect(Aspect.VARIABLE, surface.variables, grades.get("environment"), seen)


def _tools(surface: ForbiddenSurface, outcomes: Outcomes) -> SurfaceVerdict:
    decisions = {
        call.decision
        for call in outcomes.tool_calls
        if any(tool_matches(pattern, call.tool) for pattern in surface.tools)
    }
    if ToolDecision.ALLOWED in decisions:
        return SurfaceVerdict.VIOLATED
    return SurfaceVerdict.BLOCKED if decisions else SurfaceVerdict.NOT_REQUESTED


def _aspect(
    aspect: Aspect, what: Sequence[str], grade: GradeRow | None, seen: SurfaceVerdict
) -> AspectRow:
    """Grade what was seen: a good word needs somebody who enforced or looked."""
    enforced = grade.enforced_by if grade else ""
    observed = grade.observed_by if grade else ""
    good = seen in _KNOWN
    return AspectRow(
        aspect=aspect,
        what=", ".join(what)[:4096],
        enforced_by=enforced,
        observed_by=observed,
        verdict=SurfaceVerdict.UNKNOWN if good and not (enforced or observed) else seen,
    )
