"""The forbidden-surface proof: what was enforced, what was observed, and so known.

A verdict never reads "no event" as "no attempt".  Where nothing stood between a step
and a surface and nothing looked, the word is UNKNOWN, and UNKNOWN is never clean.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from greenlight.model.documents.attempts import AttemptKind, AttemptOutcome, AttemptRow
from greenlight.model.documents.environment import Environment, GradeRow
from greenlight.model.documents.forbidden_surface_proof import (
    Aspect,
    AspectRow,
    Attempted,
    ForbiddenSurfaceProof,
    ProofRow,
)
from greenlight.model.documents.outcomes import Outcomes, ToolDecision
from greenlight.model.documents.surface_states import StateRow
from greenlight.model.evidence import Evidence
from greenlight.model.lane import ForbiddenSurface, Lane
from greenlight.model.logical import LogicalKind
from greenlight.model.surface import SurfaceVerdict, matches_any, tool_matches
from greenlight.verify.derive.answers import walled

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
    attempts = evidence.attempts.attempts if evidence.attempts else ()
    rows = tuple(_row(surface, evidence, attempts) for surface in evidence.lane.forbidden)
    outside = tuple(row.path for row in evidence.outcomes.mutations if not row.surface)
    return ForbiddenSurfaceProof(
        surfaces=rows,
        outside_scope=outside,
        any_forbidden_surface_attempted=_attempted(
            rows, outside, attempts, looked=bool(rows) or walled(evidence)
        ),
        known=sum(row.verdict in _KNOWN for row in rows),
        total=len(rows),
        probe_attempts=len(evidence.probes.probes),
    )


def _attempted(
    rows: Sequence[ProofRow],
    outside: Sequence[str],
    attempts: Sequence[AttemptRow],
    *,
    looked: bool,
) -> Attempted:
    verdicts = {row.verdict for row in rows}
    # What nothing allows is forbidden, whether or not the lane has a name for it.
    denied = any(row.outcome is AttemptOutcome.DENIED for row in attempts)
    if denied or outside or verdicts & {SurfaceVerdict.VIOLATED, SurfaceVerdict.BLOCKED}:
        return Attempted.TRUE
    # A lane that names no forbidden surface has not looked at any, where nothing was prevented.
    return Attempted.FALSE if looked and verdicts <= set(_KNOWN) else Attempted.UNKNOWN


def _row(surface: ForbiddenSurface, evidence: Evidence, attempts: Sequence[AttemptRow]) -> ProofRow:
    states = evidence.states.states if evidence.states else ()
    aspects = (
        *_aspects(surface, evidence.outcomes, evidence.environment, attempts),
        *_logical(surface, evidence.environment, states),
    )
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
    surface: ForbiddenSurface,
    outcomes: Outcomes,
    environment: Environment,
    attempts: Sequence[AttemptRow],
) -> Iterator[AspectRow]:
    grades = {row.kind: row for row in environment.grades}
    if surface.paths:
        touched = any(matches_any(surface.paths, row.path) for row in outcomes.mutations)
        # Where something could not be seen, nobody knows what stands there.
        good = SurfaceVerdict.UNKNOWN if outcomes.refused_names else SurfaceVerdict.UNTOUCHED
        tried = _tried(attempts, AttemptKind.WRITE, partial(_is_path, surface))
        seen = SurfaceVerdict.VIOLATED if touched else tried or good
        yield _aspect(Aspect.PATH, surface.paths, grades.get("path_workspace"), seen)
    if surface.tools:
        yield _aspect(Aspect.TOOL, surface.tools, grades.get("tool"), _tools(surface, outcomes))
    if surface.network:
        tried = _tried(attempts, AttemptKind.NETWORK, partial(_may_be_meant, surface))
        grade = grades.get("network")
        yield _aspect(Aspect.NETWORK, surface.network, grade, tried or _kept(grade))
    if surface.programs:
        tried = _tried(attempts, AttemptKind.PROGRAM, partial(_is_program, surface))
        grade = grades.get("program")
        yield _aspect(Aspect.PROGRAM, surface.programs, grade, tried or _kept(grade))
    if surface.variables:
        given = set(surface.variables) & set(environment.variables)
        seen = SurfaceVerdict.VIOLATED if given else SurfaceVerdict.UNTOUCHED
        yield _aspect(Aspect.VARIABLE, surface.variables, grades.get("environment"), seen)


def _logical(
    surface: ForbiddenSurface, environment: Environment, states: Sequence[StateRow]
) -> Iterator[AspectRow]:
    """Judge refs and databases by what they were; what nobody could read is not known."""
    grade = next((row for row in environment.grades if row.kind == "path_workspace"), None)
    for aspect, kind, names in (
        (Aspect.REF, LogicalKind.REF, surface.refs),
        (Aspect.DATABASE, LogicalKind.DATABASE, surface.databases),
    ):
        if not names:
            continue
        rows = [row for row in states if (row.surface, row.kind) == (surface.id, kind)]
        if any(row.before and row.applied and row.before != row.applied for row in rows):
            seen = SurfaceVerdict.VIOLATED
        elif len(rows) == len(names) and all(row.before and row.applied for row in rows):
            seen = SurfaceVerdict.UNTOUCHED
        else:
            seen = SurfaceVerdict.UNKNOWN
        yield _aspect(aspect, names, grade, seen)


def _kept(grade: GradeRow | None) -> SurfaceVerdict:
    """Return what follows where nobody saw an attempt: nothing, but from what was prevented."""
    enforced = grade is not None and grade.enforced_by
    return SurfaceVerdict.UNTOUCHED if enforced else SurfaceVerdict.UNKNOWN


def _tried(
    attempts: Sequence[AttemptRow], kind: AttemptKind, about: Callable[[AttemptRow], bool]
) -> SurfaceVerdict | None:
    """Return what the attempts on a surface come to; None where none was seen."""
    outcomes = {row.outcome for row in attempts if row.kind is kind and about(row)}
    if outcomes - {AttemptOutcome.DENIED}:
        return SurfaceVerdict.VIOLATED
    return SurfaceVerdict.BLOCKED if outcomes else None


def tried_surfaces(
    lane: Lane, attempts: Sequence[AttemptRow]
) -> Iterator[tuple[str, SurfaceVerdict]]:
    """Yield the forbidden surfaces on which an attempt was seen, and what became of it."""
    for surface in lane.forbidden:
        for kind, named, about in (
            (AttemptKind.WRITE, surface.paths, _is_path),
            (AttemptKind.NETWORK, surface.network, _may_be_meant),
            (AttemptKind.PROGRAM, surface.programs, _is_program),
        ):
            verdict = _tried(attempts, kind, partial(about, surface)) if named else None
            if verdict is not None:
                yield surface.id, verdict


def _is_path(surface: ForbiddenSurface, row: AttemptRow) -> bool:
    return not row.target.startswith("/") and matches_any(surface.paths, row.target)


def _is_program(surface: ForbiddenSurface, row: AttemptRow) -> bool:
    return row.target.partition(" ")[0].rpartition("/")[2] in surface.programs


def _may_be_meant(surface: ForbiddenSurface, row: AttemptRow) -> bool:
    """Report whether an attempt may have been on the surface: an address tells no name."""
    if row.call == PROXY_CALL:
        return row.target in surface.network  # there a step says the name
    port = row.target.rpartition(":")[2]
    if not port.isdigit() or port == _DOMAIN:
        return True  # a look-up, or something of which nobody knows where it leads
    ports = {each.rpartition(":")[2] for each in surface.network}
    return port in ports or not all(each.isdigit() for each in ports)


_DOMAIN = "53"
PROXY_CALL = "proxy"  # in the place of a system call: what a step asked the proxy for in vain


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
