"""The final self-check: the fifteen items of 001:66, each pointing to its evidence."""

from __future__ import annotations

from collections.abc import Collection

from greenlight.model.documents import (
    BlockerMap,
    ForbiddenSurfaceProof,
    Header,
    Review,
    ScopeLock,
    SelfCheck,
)
from greenlight.model.documents.self_check import SelfCheckItem
from greenlight.model.documents.words import Answer, Result
from greenlight.model.evidence import Evidence
from greenlight.model.surface import SurfaceClass
from greenlight.verify.derive.answers import touched
from greenlight.verify.derive.review import CHECKS
from greenlight.verify.derive.status import derive_status

ITEMS = (
    "delegation recorded",
    "preflight verified",
    "no-production scope proven",
    "no production mutation",
    "no REAL_RUN/QT001/cutover",
    "no production PG/Directus/system_issues",
    "no production CI/deploy",
    "no secrets/credentials change",
    "no evidence deletion",
    "hardened validator used",
    "15 execution probes fail closed",
    "forbidden surfaces untouched",
    "post-execution review complete",
    "production blocker map complete",
    "status consistent with evidence",
)
_PROOF = "forbidden-surface-proof.json#/surfaces"
_Item = tuple[Result, tuple[str, ...]]
_NO = {Answer.NO: Result.PASS, Answer.YES: Result.FAIL, Answer.UNKNOWN: Result.UNKNOWN}


def derive_self_check(  # noqa: PLR0913 - it looks at all that was derived
    evidence: Evidence,
    *,
    scope: ScopeLock,
    proof: ForbiddenSurfaceProof,
    review: Review,
    blockers: BlockerMap,
    header: Header,
) -> SelfCheck:
    """Compute the fifteen items; the result is PASS only when all fifteen are."""
    lock = evidence.authority
    by_id = {check.id: check.result for check in review.checks}
    scope_result = by_id["PER-1"] if scope.no_production else Result.FAIL
    complete = len(review.checks) == len(CHECKS)
    named = {row.id for row in blockers.blockers}
    owed = {row.id for row in evidence.lane.blockers} | set(evidence.lane.hands_on)
    consistent = header.status is derive_status(evidence, review)
    items: tuple[_Item, ...] = (
        (
            Result.of(bool(lock.chain) and 1 <= lock.use <= lock.max_uses),
            ("delegation-and-authority-lock.json#/chain",),
        ),
        (evidence.preflight.result, ("preflight.json#/result",)),
        (
            scope_result,
            ("scope-lock.json#/no_production", "post-execution-review.json#/checks/0"),
        ),
        (_NO[header.production_mutation], ("header.json#/production_mutation",)),
        (_NO[header.real_run], ("header.json#/real_run",)),
        _classes(
            evidence,
            proof,
            {
                SurfaceClass.PRODUCTION_PG,
                SurfaceClass.DIRECTUS,
                SurfaceClass.SYSTEM_ISSUES,
            },
        ),
        _classes(evidence, proof, {SurfaceClass.CI_DEPLOY}),
        _classes(evidence, proof, {SurfaceClass.SECRETS}),
        _classes(evidence, proof, {SurfaceClass.EVIDENCE_DELETION}),
        (
            evidence.gate.result if evidence.gate.judges else Result.FAIL,
            ("rollback-gate.json#/rows", "rollback-gate.json#/judges"),
        ),
        (evidence.probes.result, ("bad-input-probes.json#/fail_closed",)),
        (by_id["PER-2"], ("post-execution-review.json#/checks/1",)),
        (Result.of(complete), ("post-execution-review.json#/checks",)),
        (Result.of(owed <= named), ("production-readiness-blocker-map.json#/blockers",)),
        (Result.of(consistent), ("header.json#/status", "post-execution-review.json#/verdict")),
    )
    rows = tuple(
        SelfCheckItem(number=n, item=item, result=result, evidence=where)
        for n, (item, (result, where)) in enumerate(zip(ITEMS, items, strict=True), start=1)
    )
    passed = sum(row.result is Result.PASS for row in rows)
    failed = any(row.result is Result.FAIL for row in rows)
    result = Result.PASS if passed == len(rows) else Result.FAIL if failed else Result.UNKNOWN
    return SelfCheck(items=rows, passed=passed, result=result)


def _classes(
    evidence: Evidence, proof: ForbiddenSurfaceProof, classes: Collection[SurfaceClass]
) -> _Item:
    return _NO[touched(proof, classes, evidence)], (_PROOF,)
