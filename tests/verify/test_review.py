"""PER-1 to PER-10: each is computed, points at its evidence, and can fail alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from greenlight.model.documents.execution_log import StepState
from greenlight.model.documents.lineage import CarriedBlocker, LineageRow, Presence
from greenlight.model.documents.review import ReviewVerdict
from greenlight.model.documents.secret_scan import Hit
from greenlight.model.documents.words import Result
from greenlight.model.evidence import Evidence
from greenlight.model.lane import Prior, Resolver
from greenlight.primitives.digest import Digest
from greenlight.verify.derive.packet import derive_packet
from greenlight.verify.derive.review import CHECKS, failed
from tests.samples import good_evidence, observed_evidence

PASS, FAIL, UNKNOWN = Result.PASS, Result.FAIL, Result.UNKNOWN
TREE = str(Digest.of(b"a prior packet"))


def results(evidence: Evidence) -> dict[str, Result]:
    return {check.id: check.result for check in derive_packet(evidence).review.checks}


def test_good_evidence_passes_all_ten() -> None:
    """Ten checks in order, each with its evidence and what was read there: clean."""
    review = derive_packet(good_evidence()).review
    assert [check.id for check in review.checks] == [f"PER-{n}" for n in range(1, 11)]
    assert [check.check for check in review.checks] == list(CHECKS)
    assert {check.result for check in review.checks} == {PASS}
    assert all(check.evidence and check.because for check in review.checks)
    assert review.verdict is ReviewVerdict.CLEAN
    assert review.verdict.value == "NO_PRODUCTION_EXECUTION_CLEAN"
    assert list(failed(review)) == []


def test_what_was_only_observed_is_not_proven() -> None:
    """Where nothing watched network and programs, two checks are UNKNOWN and nothing fails."""
    found = results(observed_evidence())
    assert {name for name, result in found.items() if result is not PASS} == {"PER-2", "PER-6"}
    review = derive_packet(observed_evidence()).review
    assert review.verdict is ReviewVerdict.NOT_PROVEN


def outside(good: Evidence) -> Evidence:
    row, *rest = good.outcomes.mutations
    changed = (replace(row, surface=""), *rest)
    return replace(good, outcomes=replace(good.outcomes, mutations=changed))


def refused_name(good: Evidence) -> Evidence:
    names = ("a\\xff (PATH_NOT_UTF8)",)
    return replace(good, outcomes=replace(good.outcomes, refused_names=names))


def unrestored(good: Evidence) -> Evidence:
    row, *rest = good.rollback.mutations
    rows = (replace(row, restored=row.applied), *rest)
    return replace(good, rollback=replace(good.rollback, mutations=rows))


def open_probe(good: Evidence) -> Evidence:
    row, *rest = good.probes.probes
    rows = (replace(row, got="accepted"), *rest)
    return replace(good, probes=replace(good.probes, probes=rows))


def broken_pin(good: Evidence) -> Evidence:
    row = replace(good.pins.pins[0], after=TREE)
    return replace(good, pins=replace(good.pins, pins=(row,)))


def lost_pin(good: Evidence) -> Evidence:
    return replace(good, pins=replace(good.pins, pins=()))


def wrong_input(good: Evidence) -> Evidence:
    row, *rest = good.preflight.inputs
    rows = (replace(row, found=TREE), *rest)
    return replace(good, preflight=replace(good.preflight, inputs=rows))


def collision(good: Evidence) -> Evidence:
    return replace(good, tickets=replace(good.tickets, collisions=("TKT-OBJ-442",)))


def below_ceiling(good: Evidence) -> Evidence:
    assert good.lane.tickets is not None
    tickets = replace(good.lane.tickets, ceiling=442)
    return replace(good, lane=replace(good.lane, tickets=tickets))


def changed_registry(good: Evidence) -> Evidence:
    row, *rest = good.tickets.registry
    rows = (replace(row, after=TREE), *rest)
    return replace(good, tickets=replace(good.tickets, registry=rows))


def unseen_registry(good: Evidence) -> Evidence:
    return replace(good, tickets=replace(good.tickets, registry=()))


def undone(good: Evidence) -> Evidence:
    *rest, last = good.log.steps
    steps = (*rest, replace(last, state=StepState.NOT_REACHED))
    return replace(good, log=replace(good.log, steps=steps))


def unlogged(good: Evidence) -> Evidence:
    return replace(good, log=replace(good.log, steps=good.log.steps[:-1]))


def unpublished(good: Evidence) -> Evidence:
    return replace(good, publication=replace(good.publication, published=()))


def other_published(good: Evidence) -> Evidence:
    row, *rest = good.publication.published
    rows = (replace(row, read_back=row.before), *rest)
    return replace(good, publication=replace(good.publication, published=rows))


def secret(good: Evidence) -> Evidence:
    hits = (Hit(rule="private key", path="artifacts/x", offset=0),)
    return replace(good, scan=replace(good.scan, hits=hits))


def unscanned(good: Evidence) -> Evidence:
    return replace(good, scan=replace(good.scan, rules=()))


@pytest.mark.parametrize(
    ("broken", "expected"),
    [
        # A change that no surface allows is also an attempt on what is not named.
        (outside, {"PER-1": FAIL, "PER-2": FAIL}),
        # What could not be seen leaves no path known, forbidden or not.
        (refused_name, {"PER-1": FAIL, "PER-2": UNKNOWN, "PER-6": UNKNOWN}),
        (unrestored, {"PER-3": FAIL, "PER-5": FAIL}),
        (open_probe, {"PER-4": FAIL}),
        (broken_pin, {"PER-7": FAIL}),
        (lost_pin, {"PER-7": FAIL}),
        (wrong_input, {"PER-8": FAIL}),
        (collision, {"PER-9": FAIL}),
        (below_ceiling, {"PER-9": FAIL}),
        (changed_registry, {"PER-9": FAIL}),
        (unseen_registry, {"PER-9": UNKNOWN}),
        (undone, {"PER-10": FAIL}),
        (unlogged, {"PER-10": FAIL}),
        (unpublished, {"PER-10": FAIL}),
        (other_published, {"PER-10": FAIL}),
        (secret, {"PER-10": FAIL}),
        (unscanned, {"PER-10": UNKNOWN}),
    ],
)
def test_each_check_sees_its_defect(
    broken: Callable[[Evidence], Evidence], expected: dict[str, Result]
) -> None:
    """One defect turns the checks that are about it, and no other."""
    evidence = broken(good_evidence())
    found = {name: result for name, result in results(evidence).items() if result is not PASS}
    assert found == expected
    verdict = derive_packet(evidence).review.verdict
    fails = FAIL in expected.values()
    assert verdict is (ReviewVerdict.NOT_CLEAN if fails else ReviewVerdict.NOT_PROVEN)


def with_prior(presence: Presence) -> Evidence:
    good = good_evidence()
    blocker = CarriedBlocker(id="OLD-1", reason="x", resolver=Resolver.OWNER, evidence="y")
    row = LineageRow(
        packet_tree=TREE,
        relation="prior",
        presence=presence,
        packet_id="",
        status="",
        blockers=(blocker,),
    )
    return replace(
        good,
        lane=replace(good.lane, lineage=(Prior(packet_tree=TREE),)),
        lineage=replace(good.lineage, packets=(row,)),
    )


@pytest.mark.parametrize("presence", Presence)
def test_prior_packets_must_be_intact(presence: Presence) -> None:
    """Only an intact prior passes; a rejected one fails, anything else is UNKNOWN."""
    wanted = {Presence.INTACT: PASS, Presence.REJECTED: FAIL}.get(presence, UNKNOWN)
    assert results(with_prior(presence))["PER-8"] is wanted


def test_a_prior_nobody_looked_for_is_unknown() -> None:
    """A lane that names a packet of which lineage.json says nothing proves nothing."""
    evidence = with_prior(Presence.INTACT)
    gone = replace(evidence, lineage=replace(evidence.lineage, packets=()))
    assert results(gone)["PER-8"] is UNKNOWN


def test_what_a_document_says_of_itself_is_not_read() -> None:
    """Derived fields that claim PASS or FAIL change nothing."""
    good = good_evidence()
    lying = replace(
        unrestored(good),
        rollback=replace(unrestored(good).rollback, result=PASS),
        gate=replace(good.gate, result=PASS),
    )
    assert results(lying)["PER-5"] is FAIL
    modest = replace(good, probes=replace(good.probes, result=FAIL))
    assert results(modest)["PER-4"] is PASS
