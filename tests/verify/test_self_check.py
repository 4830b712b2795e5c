"""The final self-check: fifteen items, each a function of the evidence it points at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from greenlight.model.documents.outcomes import ToolCall, ToolDecision
from greenlight.model.documents.words import Result
from greenlight.model.evidence import Evidence
from greenlight.model.surface import SurfaceClass
from greenlight.verify.derive.packet import derive_packet
from greenlight.verify.derive.self_check import ITEMS
from tests.samples import good_evidence, observed_evidence

FAIL, UNKNOWN = Result.FAIL, Result.UNKNOWN


def items(evidence: Evidence) -> dict[int, Result]:
    """Return the items that do not pass."""
    rows = derive_packet(evidence).self_check.items
    return {row.number: row.result for row in rows if row.result is not Result.PASS}


def called(tool: str) -> Callable[[Evidence], Evidence]:
    def call(good: Evidence) -> Evidence:
        row = ToolCall(number=3, step="S5", tool=tool, target="x", decision=ToolDecision.ALLOWED)
        calls = (*good.outcomes.tool_calls, row)
        return replace(good, outcomes=replace(good.outcomes, tool_calls=calls))

    return call


def without(*classes: SurfaceClass) -> Callable[[Evidence], Evidence]:
    def drop(good: Evidence) -> Evidence:
        rows = tuple(row for row in good.lane.forbidden if row.surface_class not in classes)
        # Of a host that left something open: there a class that nobody named is not known.
        grades = tuple(row for row in good.environment.grades if row.kind != "path_outside")
        environment = replace(good.environment, grades=grades)
        return replace(good, lane=replace(good.lane, forbidden=rows), environment=environment)

    return drop


def test_good_evidence_passes_all_fifteen() -> None:
    """The items of the source in its order, each with a place; fifteen pass."""
    check = derive_packet(good_evidence()).self_check
    assert len(ITEMS) == 15
    assert [row.item for row in check.items] == list(ITEMS)
    assert [row.number for row in check.items] == list(range(1, 16))
    assert all(where.partition("#")[2] for row in check.items for where in row.evidence)
    assert (check.passed, check.result) == (15, Result.PASS)


def test_what_was_only_observed_is_unknown() -> None:
    """With an unwatched network no production item passes, and none fails."""
    check = derive_packet(observed_evidence()).self_check
    assert set(items(observed_evidence()).values()) == {UNKNOWN}
    assert set(items(observed_evidence())) == {4, 5, 6, 7, 8, 12}
    assert (check.passed, check.result) == (9, UNKNOWN)


@pytest.mark.parametrize(
    ("broken", "expected"),
    [
        (lambda e: replace(e, authority=replace(e.authority, chain=())), {1: FAIL}),
        (lambda e: replace(e, authority=replace(e.authority, use=4)), {1: FAIL}),
        (lambda e: replace(e, authority=replace(e.authority, use=0)), {1: FAIL}),
        (
            lambda e: replace(e, preflight=replace(e.preflight, inputs=())),
            {2: FAIL},
        ),
        (called("query_pg"), {4: FAIL, 6: FAIL, 12: FAIL}),
        (called("real_run_start"), {5: FAIL, 12: FAIL}),
        (called("directus_update"), {4: FAIL, 6: FAIL, 12: FAIL}),
        (called("ci_dispatch"), {4: FAIL, 7: FAIL, 12: FAIL}),
        (called("secret_read"), {8: FAIL, 12: FAIL}),
        (called("delete_document"), {9: FAIL, 12: FAIL}),
        (without(SurfaceClass.SECRETS), {8: UNKNOWN}),
        (without(SurfaceClass.EVIDENCE_DELETION), {9: UNKNOWN}),
        (without(SurfaceClass.CI_DEPLOY), {4: UNKNOWN, 7: UNKNOWN}),
        (without(SurfaceClass.DIRECTUS), {4: UNKNOWN, 6: UNKNOWN}),
        (without(SurfaceClass.CUTOVER), {5: UNKNOWN}),
        (lambda e: replace(e, gate=replace(e.gate, judges=())), {10: FAIL}),
        (
            lambda e: replace(e, probes=replace(e.probes, probes=e.probes.probes[1:])),
            {11: FAIL},
        ),
    ],
)
def test_each_item_sees_its_defect(
    broken: Callable[[Evidence], Evidence], expected: dict[int, Result]
) -> None:
    """One defect turns the items that are about it, and no other."""
    evidence = broken(good_evidence())
    assert items(evidence) == expected
    check = derive_packet(evidence).self_check
    assert check.passed == 15 - len(expected)
    assert check.result is (FAIL if FAIL in expected.values() else UNKNOWN)


def test_a_production_lane_fails_the_scope_item() -> None:
    """Item 3 takes a scope that allows no production."""
    good = good_evidence()
    assert items(replace(good, lane=replace(good.lane, mode="prod")))[3] is FAIL
