"""What is known of a forbidden surface: every grade and observation, and the verdict they give."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from itertools import product

import pytest

from greenlight.model.documents import Attempts
from greenlight.model.documents.attempts import AttemptKind, AttemptOutcome, AttemptRow
from greenlight.model.documents.environment import GradeRow
from greenlight.model.documents.forbidden_surface_proof import (
    Aspect,
    AspectRow,
    Attempted,
    ForbiddenSurfaceProof,
)
from greenlight.model.documents.outcomes import MutationRow, ToolCall, ToolDecision
from greenlight.model.documents.words import Answer
from greenlight.model.evidence import Evidence
from greenlight.model.lane import ForbiddenSurface
from greenlight.model.snapshot import ABSENT
from greenlight.model.surface import SurfaceClass, SurfaceVerdict
from greenlight.verify.derive.answers import PRODUCTION, REAL_RUN, touched
from greenlight.verify.derive.forbidden_surface_proof import derive_forbidden_surface_proof
from tests.samples import ENFORCED, KINDS, good_evidence, observed_evidence, state_of

NOT_REQUESTED = SurfaceVerdict.NOT_REQUESTED
UNTOUCHED = SurfaceVerdict.UNTOUCHED
BLOCKED = SurfaceVerdict.BLOCKED
VIOLATED = SurfaceVerdict.VIOLATED
UNKNOWN = SurfaceVerdict.UNKNOWN

GRADES = (("", ""), ("kernel", ""), ("", "audit"), ("kernel", "audit"))
WAYS = {
    Aspect.PATH: {"paths": ("kb/closed/**",)},
    Aspect.TOOL: {"tools": ("query_*",)},
    Aspect.NETWORK: {"network": ("pg.example:5432",)},
    Aspect.PROGRAM: {"programs": ("psql",)},
    Aspect.VARIABLE: {"variables": ("PGPASSWORD",)},
}
# Refs and databases are looked at, and not inferred: tests/services/test_surfaces.py.
ASPECTS = tuple(WAYS)
KIND_OF = dict(
    zip(ASPECTS, ("path_workspace", "tool", "network", "program", "environment"), strict=True)
)
# What was seen, and the verdict where somebody enforced or looked.
QUIET = {
    Aspect.PATH: UNTOUCHED,
    Aspect.TOOL: NOT_REQUESTED,
    Aspect.NETWORK: NOT_REQUESTED,
    Aspect.PROGRAM: NOT_REQUESTED,
    Aspect.VARIABLE: UNTOUCHED,
}


def surface(**ways: object) -> ForbiddenSurface:
    return ForbiddenSurface(id="F", surface_class=SurfaceClass.PRODUCTION_PG, name="x", **ways)


def evidence_with(
    forbidden: ForbiddenSurface, *, grades: tuple[GradeRow, ...] = ENFORCED
) -> Evidence:
    good = good_evidence()
    return replace(
        good,
        lane=replace(good.lane, forbidden=(forbidden,)),
        environment=replace(good.environment, grades=grades),
    )


def aspect_of(evidence: Evidence) -> AspectRow:
    (row,) = derive_forbidden_surface_proof(evidence).surfaces
    (found,) = row.aspects
    assert row.verdict is found.verdict
    return found


def call(evidence: Evidence, tool: str, decision: ToolDecision) -> Evidence:
    row = ToolCall(number=9, step="S5", tool=tool, target="x", decision=decision)
    calls = (*evidence.outcomes.tool_calls, row)
    return replace(evidence, outcomes=replace(evidence.outcomes, tool_calls=calls))


def change(evidence: Evidence, path: str) -> Evidence:
    row = MutationRow(
        path=path, change="created", surface="", before=ABSENT, after=state_of(b"x"), artifact=""
    )
    changes = (*evidence.outcomes.mutations, row)
    return replace(evidence, outcomes=replace(evidence.outcomes, mutations=changes))


@pytest.mark.parametrize(("aspect", "grade"), list(product(ASPECTS, GRADES)))
def test_silence_counts_where_somebody_enforced_or_looked(
    aspect: Aspect, grade: tuple[str, str]
) -> None:
    """No event is a good word only where it was denied or would have been noticed."""
    enforced, observed = grade
    kind = KIND_OF[aspect]
    row = GradeRow(kind=kind, enforced_by=enforced, observed_by=observed)
    found = aspect_of(evidence_with(surface(**WAYS[aspect]), grades=(row,)))
    assert found.aspect is aspect
    assert (found.enforced_by, found.observed_by) == grade
    if aspect in (Aspect.NETWORK, Aspect.PROGRAM):
        # A record of attempts is never complete: only what was denied was not touched.
        assert found.verdict is (UNTOUCHED if enforced else UNKNOWN)
    else:
        assert found.verdict is (QUIET[aspect] if enforced or observed else UNKNOWN)


@pytest.mark.parametrize("aspect", ASPECTS)
def test_a_kind_without_a_grade_is_unknown(aspect: Aspect) -> None:
    """What the host says nothing about is UNKNOWN, even where other kinds are enforced."""
    others = tuple(row for row in ENFORCED if row.kind != KIND_OF[aspect])
    assert len(others) == len(KINDS) - 1
    assert aspect_of(evidence_with(surface(**WAYS[aspect]), grades=others)).verdict is UNKNOWN


@pytest.mark.parametrize("grade", GRADES)
def test_a_change_in_a_forbidden_path_is_a_violation(grade: tuple[str, str]) -> None:
    """What changed is VIOLATED, whatever was said to stand before it."""
    row = GradeRow(kind="path_workspace", enforced_by=grade[0], observed_by=grade[1])
    evidence = evidence_with(surface(**WAYS[Aspect.PATH]), grades=(row,))
    assert aspect_of(change(evidence, "kb/closed/a")).verdict is VIOLATED
    other = aspect_of(change(evidence, "kb/open/a")).verdict
    assert other is (UNTOUCHED if any(grade) else UNKNOWN)


@pytest.mark.parametrize("grade", GRADES)
def test_what_could_not_be_seen_leaves_paths_unknown(grade: tuple[str, str]) -> None:
    """A name that no packet can hold hides what stands there; a violation seen stays one."""
    row = GradeRow(kind="path_workspace", enforced_by=grade[0], observed_by=grade[1])
    evidence = evidence_with(surface(**WAYS[Aspect.PATH]), grades=(row,))
    names = replace(evidence.outcomes, refused_names=("a\\xff (PATH_NOT_UTF8)",))
    hidden = replace(evidence, outcomes=names)
    assert aspect_of(hidden).verdict is UNKNOWN
    assert aspect_of(change(hidden, "kb/closed/a")).verdict is VIOLATED


@pytest.mark.parametrize("grade", GRADES)
@pytest.mark.parametrize(
    ("decisions", "expected"),
    [
        ((ToolDecision.REJECTED,), BLOCKED),
        ((ToolDecision.ALLOWED,), VIOLATED),
        ((ToolDecision.REJECTED, ToolDecision.ALLOWED), VIOLATED),
    ],
)
def test_a_forbidden_tool_call_is_blocked_or_a_violation(
    grade: tuple[str, str], decisions: tuple[ToolDecision, ...], expected: SurfaceVerdict
) -> None:
    """An attempt is recorded even where it was blocked, under every grade."""
    row = GradeRow(kind="tool", enforced_by=grade[0], observed_by=grade[1])
    evidence = evidence_with(surface(**WAYS[Aspect.TOOL]), grades=(row,))
    for decision in decisions:
        evidence = call(evidence, "query_pg", decision)
    assert aspect_of(evidence).verdict is expected


@pytest.mark.parametrize("grade", GRADES)
def test_a_forbidden_variable_that_was_given_is_a_violation(grade: tuple[str, str]) -> None:
    """A step that had the variable had the surface, whatever was enforced."""
    row = GradeRow(kind="environment", enforced_by=grade[0], observed_by=grade[1])
    evidence = evidence_with(surface(**WAYS[Aspect.VARIABLE]), grades=(row,))
    given = replace(evidence.environment, variables=("PATH", "PGPASSWORD"))
    assert aspect_of(replace(evidence, environment=given)).verdict is VIOLATED


def test_the_worst_aspect_decides() -> None:
    """A surface is as bad as the worst way of reaching it: violated, blocked, unknown, good."""
    ways = {name: value for way in WAYS.values() for name, value in way.items()}
    evidence = evidence_with(surface(**ways))
    verdicts = [evidence]
    without_network = tuple(row for row in ENFORCED if row.kind != "network")
    unknown = replace(evidence, environment=replace(evidence.environment, grades=without_network))
    verdicts += [unknown, call(unknown, "query_pg", ToolDecision.REJECTED)]
    verdicts += [change(verdicts[-1], "kb/closed/a")]
    found = [derive_forbidden_surface_proof(item).surfaces[0].verdict for item in verdicts]
    assert found == [UNTOUCHED, UNKNOWN, BLOCKED, VIOLATED]


def test_a_surface_without_a_way_is_unknown() -> None:
    """Nobody can have looked at a surface that says nothing of how it is reached."""
    (row,) = derive_forbidden_surface_proof(evidence_with(surface())).surfaces
    assert (row.aspects, row.verdict) == ((), UNKNOWN)


def proof_of(evidence: Evidence) -> ForbiddenSurfaceProof:
    return derive_forbidden_surface_proof(evidence)


def test_the_answer_to_whether_anything_was_attempted() -> None:
    """NO only where every surface is known; YES for a block, a violation, a change outside."""
    good = good_evidence()
    assert proof_of(good).any_forbidden_surface_attempted is Attempted.FALSE
    assert (proof_of(good).known, proof_of(good).total) == (16, 16)
    assert proof_of(observed_evidence()).any_forbidden_surface_attempted is Attempted.UNKNOWN
    blocked = call(good, "query_pg", ToolDecision.REJECTED)
    assert proof_of(blocked).any_forbidden_surface_attempted is Attempted.TRUE
    outside = change(good, "kb/elsewhere/a")
    assert proof_of(outside).any_forbidden_surface_attempted is Attempted.TRUE
    assert proof_of(outside).outside_scope == ("kb/elsewhere/a",)


def test_a_lane_without_forbidden_surfaces_has_not_looked() -> None:
    """Naming nothing is UNKNOWN, not NO, but where nothing outside could be reached."""
    good = good_evidence()
    nothing = replace(good, lane=replace(good.lane, forbidden=()))
    assert proof_of(nothing).any_forbidden_surface_attempted is Attempted.FALSE
    assert proof_of(unwalled(nothing)).any_forbidden_surface_attempted is Attempted.UNKNOWN


def test_the_probes_do_not_count() -> None:
    """What the probes try on purpose is kept apart from what the lane attempted."""
    assert proof_of(good_evidence()).probe_attempts == 15
    assert proof_of(good_evidence()).any_forbidden_surface_attempted is Attempted.FALSE


def answer(evidence: Evidence, classes: Collection[SurfaceClass]) -> Answer:
    return touched(proof_of(evidence), classes, evidence)


def unwalled(evidence: Evidence) -> Evidence:
    """The evidence of a host that left the files outside the workspace open."""
    grades = tuple(row for row in evidence.environment.grades if row.kind != "path_outside")
    return replace(evidence, environment=replace(evidence.environment, grades=grades))


def attempt(kind: str, target: str, outcome: str = "denied") -> AttemptRow:
    return AttemptRow(
        step="S5",
        kind=AttemptKind(kind),
        call="a call",
        target=target,
        outcome=AttemptOutcome(outcome),
        count=1,
    )


ATTEMPTS: list[tuple[str, str, str, str, SurfaceVerdict]] = [
    ("path", "write", "kb/closed/a", "denied", BLOCKED),
    ("path", "write", "kb/closed/a", "staged", VIOLATED),
    ("path", "write", "/kb/closed/a", "denied", UNTOUCHED),
    ("path", "write", "kb/open/a", "staged", UNTOUCHED),
    ("program", "program", "/usr/bin/psql -c x", "denied", BLOCKED),
    ("program", "program", "/usr/bin/psql -c x", "allowed", VIOLATED),
    ("program", "program", "/usr/bin/ls psql", "allowed", UNTOUCHED),
    ("network", "network", "10.0.0.1:5432", "denied", BLOCKED),
    ("network", "network", "10.0.0.1:5432", "allowed", VIOLATED),
    ("network", "network", "10.0.0.1:53", "denied", BLOCKED),
    ("network", "network", "family 40", "denied", BLOCKED),
    ("network", "network", "10.0.0.1:443", "denied", UNTOUCHED),
]


@pytest.mark.parametrize(("aspect", "kind", "target", "outcome", "verdict"), ATTEMPTS)
def test_what_was_tried_is_told(
    aspect: str, kind: str, target: str, outcome: str, verdict: SurfaceVerdict
) -> None:
    """An attempt on the surface is BLOCKED or VIOLATED; one on another is not its affair."""
    evidence = evidence_with(surface(**WAYS[Aspect(aspect)]))
    rows = Attempts(complete=True, attempts=(attempt(kind, target, outcome),))
    assert aspect_of(replace(evidence, attempts=rows)).verdict is verdict


@pytest.mark.parametrize("kind", ["write", "network", "program", "system"])
def test_whatever_was_denied_was_attempted(kind: str) -> None:
    """What nothing allows is forbidden, whether or not the lane has a name for it."""
    good = good_evidence()
    rows = Attempts(complete=True, attempts=(attempt(kind, "/etc/x"),))
    tried = proof_of(replace(good, attempts=rows)).any_forbidden_surface_attempted
    assert tried is Attempted.TRUE
    allowed = Attempts(complete=True, attempts=(attempt(kind, "10.0.0.1:9", "allowed"),))
    tried = proof_of(replace(good, attempts=allowed)).any_forbidden_surface_attempted
    assert tried is Attempted.FALSE


def test_touched_needs_every_class_named() -> None:
    """NO takes a known row for each class; a missing row is UNKNOWN, a violation YES."""
    good = good_evidence()
    assert answer(good, PRODUCTION) is Answer.NO
    assert answer(good, REAL_RUN) is Answer.NO
    fewer = replace(good, lane=replace(good.lane, forbidden=good.lane.forbidden[1:]))
    assert answer(fewer, PRODUCTION) is Answer.NO  # by no name could it be reached
    fewer = unwalled(fewer)
    assert answer(fewer, PRODUCTION) is Answer.UNKNOWN
    assert answer(fewer, REAL_RUN) is Answer.NO
    pg = call(good, "query_pg", ToolDecision.ALLOWED)
    assert answer(pg, PRODUCTION) is Answer.YES
    assert answer(pg, REAL_RUN) is Answer.NO
    held = call(good, "query_pg", ToolDecision.REJECTED)
    assert answer(held, PRODUCTION) is Answer.NO  # attempted, and not changed
