"""What the evidence carries, and no more: the status, and the header that states it."""

from __future__ import annotations

from dataclasses import replace

from greenlight.model.documents import ForbiddenSurfaceProof, Header, Review
from greenlight.model.documents.execution_log import StepState
from greenlight.model.documents.review import ReviewVerdict
from greenlight.model.documents.words import Answer, Result
from greenlight.model.evidence import Evidence
from greenlight.model.lane import complete_steps
from greenlight.model.words import Mode, Status
from greenlight.verify.derive.answers import PRODUCTION, REAL_RUN, touched
from greenlight.verify.derive.words import final_status


def derive_status(evidence: Evidence, review: Review) -> Status:
    """Say how the run ended.

    STOPPED unless every step of the plan is done and every proof that stands before
    publication passed; then clean only where the review is.
    """
    proofs = (
        evidence.preflight.result,
        evidence.rollback.result,
        evidence.gate.result,
        evidence.probes.result,
        evidence.publication.result,
    )
    if not_done(evidence) or any(result is not Result.PASS for result in proofs):
        return Status.STOPPED
    clean = review.verdict is ReviewVerdict.CLEAN
    return Status.APPLIED_CLEAN if clean else Status.APPLIED_NOT_CLEAN


def not_done(evidence: Evidence) -> tuple[str, ...]:
    """Return the steps of the plan that are not done; one without a row is not."""
    done = {row.step for row in evidence.log.steps if row.state is StepState.DONE}
    done -= {row.step for row in evidence.log.steps if row.state is not StepState.DONE}
    return tuple(step.id for step in complete_steps(evidence.lane) if step.id not in done)


def derive_header(evidence: Evidence, proof: ForbiddenSurfaceProof, status: Status) -> Header:
    """Set the answers of the header; identity and times are carried."""
    lane, lock = evidence.lane, evidence.authority
    giver = lock.chain[0].giver_role if lock.chain else "nobody"
    taker = lock.chain[-1].taker_role if lock.chain else "nobody"
    return replace(
        evidence.header,
        lane=lane.lane,
        title=lane.title,
        mode=Mode(lane.mode),
        authority=lock.authority,
        delegation_consumed=f"{lock.delegation} ({giver} to {taker})",
        production_mutation=touched(proof, PRODUCTION, evidence),
        real_run=touched(proof, REAL_RUN, evidence),
        owner_ask=Answer.YES if lane.owner_ask else Answer.NO,
        status=status,
        final_status=final_status(lane.lane, status),
    )
