"""The post-execution review: PER-1 to PER-10, each computed from the other documents."""

from __future__ import annotations

from collections.abc import Iterator

from greenlight.model.documents import (
    ExecutionPlan,
    ForbiddenSurfaceProof,
    GovernanceAddendum,
    Review,
    ScopeLock,
)
from greenlight.model.documents.forbidden_surface_proof import Attempted
from greenlight.model.documents.lineage import Presence
from greenlight.model.documents.review import ReviewCheck, ReviewVerdict
from greenlight.model.documents.words import Answer, Result
from greenlight.model.evidence import Evidence
from greenlight.verify.derive.answers import PRODUCTION, touched
from greenlight.verify.derive.status import not_done

_OPPOSITE = {Answer.NO: Result.PASS, Answer.YES: Result.FAIL, Answer.UNKNOWN: Result.UNKNOWN}

_UNATTEMPTED = {
    Attempted.FALSE: Result.PASS,
    Attempted.TRUE: Result.FAIL,
    Attempted.UNKNOWN: Result.UNKNOWN,
}

CHECKS = (
    "scope intact",
    "forbidden surfaces untouched",
    "rollback gate passed",
    "probes fail closed",
    "rollback exists and restores",
    "no production mutation",
    "pins intact",
    "prior verdicts intact",
    "governance correct",
    "no overclaim",
)


def derive_review(
    evidence: Evidence,
    *,
    scope: ScopeLock,
    plan: ExecutionPlan,
    proof: ForbiddenSurfaceProof,
    addendum: GovernanceAddendum,
) -> Review:
    """Compute the ten checks; the verdict is clean only when all ten pass.

    ``evidence`` must carry its derived verdicts already (``verify.derive.checked``).
    """
    answers = (
        _scope(evidence, scope, plan),
        _forbidden(proof),
        _simple(evidence.gate.result, "rollback-gate.json#/result"),
        _simple(evidence.probes.result, "bad-input-probes.json#/result"),
        _simple(evidence.rollback.result, "rollback-proof.json#/result"),
        _production(proof, evidence),
        _pins(evidence),
        _priors(evidence),
        _governance(evidence, addendum),
        _overclaim(evidence),
    )
    checks = tuple(
        ReviewCheck(id=f"PER-{n}", check=check, result=result, evidence=where, because=because)
        for n, (check, (result, where, because)) in enumerate(
            zip(CHECKS, answers, strict=True), start=1
        )
    )
    results = {check.result for check in checks}
    if results == {Result.PASS}:
        verdict = ReviewVerdict.CLEAN
    elif Result.FAIL in results:
        verdict = ReviewVerdict.NOT_CLEAN
    else:
        verdict = ReviewVerdict.NOT_PROVEN
    return Review(checks=checks, verdict=verdict)


_Answer = tuple[Result, tuple[str, ...], str]


def _simple(result: Result, where: str) -> _Answer:
    return result, (where,), f"the document says {result.value}"


def _scope(evidence: Evidence, scope: ScopeLock, plan: ExecutionPlan) -> _Answer:
    outside = [row.path for row in evidence.outcomes.mutations if not row.surface]
    joined = [row.number for row in scope.planning if not row.isolated]
    holds = not (outside or joined or evidence.outcomes.refused_names) and plan.never_attempted
    where = (
        "outcomes.json#/mutations",
        "scope-lock.json#/planning",
        "execution-plan.json#/never_attempted",
    )
    changes = len(evidence.outcomes.mutations)
    because = f"{changes} changes, {len(outside)} outside the scope, {len(joined)} not isolated"
    return Result.of(holds), where, because


def _forbidden(proof: ForbiddenSurfaceProof) -> _Answer:
    where = ("forbidden-surface-proof.json#/any_forbidden_surface_attempted",)
    because = (
        f"{proof.known} of {proof.total} surfaces known untouched, "
        f"attempted: {proof.any_forbidden_surface_attempted.value}"
    )
    return _UNATTEMPTED[proof.any_forbidden_surface_attempted], where, because


def _production(proof: ForbiddenSurfaceProof, evidence: Evidence) -> _Answer:
    answer = touched(proof, PRODUCTION, evidence)
    where = ("forbidden-surface-proof.json#/surfaces", "header.json#/production_mutation")
    return _OPPOSITE[answer], where, f"production mutation: {answer.value}"


def _pins(evidence: Evidence) -> _Answer:
    broken = [row.name for row in evidence.pins.pins if not row.intact]
    because = f"{len(evidence.pins.pins)} pins, {len(broken)} broken"
    return Result.of(not broken), ("pins.json#/pins",), because


def _priors(evidence: Evidence) -> _Answer:
    where = ("lineage.json#/packets", "preflight.json#/result")
    rows = evidence.lineage.packets
    if evidence.preflight.result is not Result.PASS:
        return Result.FAIL, where, "an input of the preflight was not what was expected"
    if any(row.presence is Presence.REJECTED for row in rows):
        return Result.FAIL, where, "a prior packet does not verify"
    looked = len(rows) == len(evidence.lane.lineage)
    if not looked or any(row.presence is not Presence.INTACT for row in rows):
        return Result.UNKNOWN, where, "a prior packet could not be verified"
    return Result.PASS, where, f"{len(rows)} prior packets intact, preflight passed"


def _governance(evidence: Evidence, addendum: GovernanceAddendum) -> _Answer:
    where = (
        "governance-addendum.json#/canonical_registry_modified",
        "reserved-tickets.json#/collisions",
    )
    answer = addendum.canonical_registry_modified
    because = (
        f"{len(evidence.tickets.tickets)} tickets, {addendum.collisions} collisions, "
        f"registry modified: {answer.value}"
    )
    if addendum.collisions or not addendum.above_ceiling:
        return Result.FAIL, where, because
    return _OPPOSITE[answer], where, because


def _overclaim(evidence: Evidence) -> _Answer:
    where = (
        "execution-log.json#/steps",
        "publication.json#/result",
        "secret-scan.json#/result",
    )
    undone = not_done(evidence)
    results = {evidence.publication.result, evidence.scan.result}
    because = (
        f"{len(undone)} steps not done, publication {evidence.publication.result.value}, "
        f"secret scan {evidence.scan.result.value}"
    )
    if undone or Result.FAIL in results:
        return Result.FAIL, where, because
    return (Result.PASS if results == {Result.PASS} else Result.UNKNOWN), where, because


def failed(review: Review) -> Iterator[ReviewCheck]:
    """Yield the checks that did not pass."""
    return (check for check in review.checks if check.result is not Result.PASS)
