"""The status is what the evidence carries, and the header states no more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from greenlight.model.documents.execution_log import StepState
from greenlight.model.documents.words import Answer
from greenlight.model.evidence import Evidence
from greenlight.model.words import Mode, Status
from greenlight.verify.derive.external import TITLE, derive_external_header
from greenlight.verify.derive.packet import derive_packet
from greenlight.verify.derive.status import final_status, not_done
from tests.samples import RUN, good_evidence, observed_evidence


def status(evidence: Evidence) -> Status:
    return derive_packet(evidence).status


def stop_at(index: int) -> Callable[[Evidence], Evidence]:
    def stop(good: Evidence) -> Evidence:
        steps = tuple(
            replace(row, state=StepState.FAILED, code="STEP_FAILED")
            if number == index
            else replace(row, state=StepState.NOT_REACHED)
            if number > index
            else row
            for number, row in enumerate(good.log.steps)
        )
        return replace(good, log=replace(good.log, steps=steps))

    return stop


def test_clean_is_reached_by_computation() -> None:
    """Evidence of a host that enforces everything is APPLIED_CLEAN; of one that watches, not."""
    assert status(good_evidence()) is Status.APPLIED_CLEAN
    assert status(observed_evidence()) is Status.APPLIED_NOT_CLEAN


@pytest.mark.parametrize("index", range(8))
def test_a_run_that_stopped_is_stopped(index: int) -> None:
    """Whichever step failed, the run is STOPPED."""
    evidence = stop_at(index)(good_evidence())
    assert status(evidence) is Status.STOPPED
    assert not_done(evidence) == tuple(f"S{n}" for n in range(index, 8))


@pytest.mark.parametrize(
    "broken",
    [
        lambda e: replace(e, log=replace(e.log, steps=())),
        lambda e: replace(e, log=replace(e.log, steps=e.log.steps[1:])),
        lambda e: replace(e, rollback=replace(e.rollback, reached=False)),
        lambda e: replace(e, rollback=replace(e.rollback, mutations=())),
        lambda e: replace(e, probes=replace(e.probes, probes=e.probes.probes[:14])),
        lambda e: replace(e, probes=replace(e.probes, control="SECRETS_REFUSED")),
        lambda e: replace(e, preflight=replace(e.preflight, inputs=e.preflight.inputs[1:])),
        lambda e: replace(e, publication=replace(e.publication, published=())),
    ],
)
def test_without_a_proof_the_run_counts_as_stopped(
    broken: Callable[[Evidence], Evidence],
) -> None:
    """What stands before publication must be there and pass; else nothing was applied."""
    assert status(broken(good_evidence())) is Status.STOPPED


def test_a_step_with_two_rows_is_not_done() -> None:
    """A row that says done does not outweigh one that says failed."""
    good = good_evidence()
    failed = replace(good.log.steps[3], state=StepState.FAILED)
    twice = replace(good, log=replace(good.log, steps=(*good.log.steps, failed)))
    assert not_done(twice) == ("S3",)
    assert status(twice) is Status.STOPPED


def test_the_header_is_derived() -> None:
    """Authority, delegation, the three answers and the status in the lane's words."""
    header = derive_packet(good_evidence()).header
    assert header.mode is Mode.STAGING
    assert header.delegation_consumed == (
        "AUTHORIZE_IMPLEMENTATION_EXECUTION_NO_PRODUCTION (owner to executor)"
    )
    assert header.authority == "IMPLEMENTATION_EXECUTION_NO_PRODUCTION"
    answers = (header.production_mutation, header.real_run, header.owner_ask)
    assert answers == (Answer.NO, Answer.NO, Answer.NO)
    assert header.final_status == (
        "FIX7_P0_NO_PRODUCTION_IMPLEMENTATION_EXECUTION_AND_REVIEW_APPLIED"
    )
    asked = good_evidence()
    asked = replace(asked, lane=replace(asked.lane, owner_ask=True))
    assert derive_packet(asked).header.owner_ask is Answer.YES


def test_a_header_that_claims_more_is_overwritten() -> None:
    """What the header said before is not carried."""
    lying = replace(
        observed_evidence(),
        header=replace(good_evidence().header, status=Status.APPLIED_CLEAN, real_run=Answer.NO),
    )
    header = derive_packet(lying).header
    assert header.status is Status.APPLIED_NOT_CLEAN
    assert header.real_run is Answer.UNKNOWN


def test_final_status_writes_the_lanes_words() -> None:
    """Every status has its own ending."""
    endings = {status: final_status("a-b", status) for status in Status}
    assert endings == {
        Status.APPLIED_CLEAN: "A_B_APPLIED",
        Status.APPLIED_NOT_CLEAN: "A_B_APPLIED_NOT_CLEAN",
        Status.STOPPED: "A_B_STOPPED",
        Status.NOT_EXECUTED: "A_B_NOT_EXECUTED",
    }


def test_evidence_from_outside_claims_nothing() -> None:
    """A sealed folder's header says NOT_EXECUTED and UNKNOWN, whatever it said before."""
    claimed = derive_packet(good_evidence()).header
    header = derive_external_header(replace(claimed, packet_id=f"notes-{RUN}"))
    assert (header.lane, header.title, header.mode) == ("notes", TITLE, Mode.NONE)
    assert (header.authority, header.delegation_consumed) == ("", "")
    answers = {header.production_mutation, header.real_run, header.owner_ask}
    assert answers == {Answer.UNKNOWN}
    assert header.status is Status.NOT_EXECUTED
