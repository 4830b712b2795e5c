"""The blocker map: nothing falls off it, and nobody lifts what the grant does not name."""

from __future__ import annotations

from dataclasses import replace

import pytest

from greenlight.model.documents import BlockerMap
from greenlight.model.documents.blocker_map import BlockerState
from greenlight.model.documents.lineage import CarriedBlocker, LineageRow, Presence
from greenlight.model.evidence import Evidence
from greenlight.model.lane import LaneBlocker, NextDecision, Resolver
from greenlight.primitives.digest import Digest
from greenlight.verify.derive.blocker_map import derive_blocker_map, range_text
from tests.samples import good_evidence

TREE = str(Digest.of(b"prior"))
OPT4 = "FIX7-P0-PROD-OPT4-1"


def blockers(evidence: Evidence) -> BlockerMap:
    return derive_blocker_map(evidence)


def with_prior(evidence: Evidence, *ids: str) -> Evidence:
    carried = tuple(
        CarriedBlocker(id=name, reason="old", resolver=Resolver.OWNER, evidence="old")
        for name in ids
    )
    row = LineageRow(
        packet_tree=TREE,
        relation="prior",
        presence=Presence.INTACT,
        packet_id="",
        status="",
        blockers=carried,
    )
    return replace(evidence, lineage=replace(evidence.lineage, packets=(row,)))


def resolving(evidence: Evidence, name: str, *operations: str) -> Evidence:
    return replace(
        evidence,
        lane=replace(evidence.lane, resolves=(name,)),
        authority=replace(evidence.authority, operations=operations),
    )


def test_the_seven_blockers_are_open() -> None:
    """The lane's blockers in its order, all open; a gate handed on stands among them once."""
    found = blockers(good_evidence())
    lane = good_evidence().lane
    assert [row.id for row in found.blockers] == [blocker.id for blocker in lane.blockers]
    assert set(lane.hands_on) <= {row.id for row in found.blockers}
    assert (found.open, found.resolved_here) == (7, 0)
    assert {row.source for row in found.blockers} == {"lane"}


def test_the_map_ends_with_the_next_decision() -> None:
    """HOLD, who decides, what going on would take; the pending fold stands apart."""
    found = blockers(good_evidence())
    assert (found.next_decision, found.decided_by) == ("HOLD", "owner and operator")
    assert "PRODUCTION-OPT-4" in found.grants_needed
    assert found.pending_fold == "TKT-OBJ-442..461 canonical fold, by the owner"
    assert not [row for row in found.blockers if "TKT-OBJ" in row.id]


def test_saying_nothing_means_hold() -> None:
    """A lane without a next decision holds; NextDecision's defaults say the same."""
    good = good_evidence()
    silent = replace(good, lane=replace(good.lane, next_decision=None, tickets=None))
    found = blockers(silent)
    assert (found.next_decision, found.decided_by, found.grants_needed) == ("HOLD", "owner", ())
    assert found.pending_fold == ""
    assert NextDecision().decision == "HOLD"


def test_a_gate_that_is_handed_on_is_a_blocker() -> None:
    """A gate that the delegation does not satisfy is open, for the owner."""
    good = good_evidence()
    found = blockers(replace(good, lane=replace(good.lane, hands_on=("OTHER-GATE",))))
    row = found.blockers[-1]
    assert (row.id, row.source, row.resolver) == ("OTHER-GATE", "gate", Resolver.OWNER)
    assert row.state is BlockerState.OPEN


def test_open_blockers_are_carried() -> None:
    """What a prior packet left open stays open, with where it came from; listed once."""
    found = blockers(with_prior(good_evidence(), "OLD-1", OPT4))
    ids = [row.id for row in found.blockers]
    assert ids.count(OPT4) == 1
    assert found.blockers[-1].id == "OLD-1"
    assert found.blockers[-1].source == TREE
    assert found.open == 8


@pytest.mark.parametrize("operations", [(), ("*",), ("upload_document",), ("resolve:OTHER",)])
def test_a_lane_cannot_resolve_what_its_grant_does_not_name(operations: tuple[str, ...]) -> None:
    """Wishing is not enough, and `*` covers tools only."""
    found = blockers(resolving(good_evidence(), OPT4, *operations))
    assert (found.open, found.resolved_here) == (7, 0)


def test_a_grant_that_names_the_resolution_lifts_it() -> None:
    """With resolve:<id> in the grant, and the lane asking for it, a blocker is RESOLVED."""
    lifted = resolving(good_evidence(), OPT4, f"resolve:{OPT4}")
    found = blockers(lifted)
    (row,) = [row for row in found.blockers if row.state is BlockerState.RESOLVED]
    assert (row.id, found.open, found.resolved_here) == (OPT4, 6, 1)
    unasked = replace(lifted, lane=replace(lifted.lane, resolves=()))
    assert blockers(unasked).open == 7


def test_a_carried_blocker_can_be_lifted_too() -> None:
    """A carried blocker follows the same rule."""
    evidence = resolving(with_prior(good_evidence(), "OLD-1"), "OLD-1", "resolve:OLD-1")
    row = blockers(evidence).blockers[-1]
    assert (row.id, row.state) == ("OLD-1", BlockerState.RESOLVED)


def test_the_lanes_own_row_comes_first() -> None:
    """A lane that names a carried blocker again words it; it is still one, and open."""
    own = LaneBlocker(id="OLD-1", reason="new", resolver=Resolver.OWNER, evidence="new")
    good = with_prior(good_evidence(), "OLD-1")
    found = blockers(replace(good, lane=replace(good.lane, blockers=(own,), hands_on=())))
    assert [(row.id, row.reason, row.source) for row in found.blockers] == [
        ("OLD-1", "new", "lane")
    ]


def test_range_text() -> None:
    """A range of tickets is written as people do; none is empty."""
    assert range_text(("TKT-OBJ-442", "TKT-OBJ-443")) == "TKT-OBJ-442..443"
    assert range_text(("X-7",)) == "X-7..7"
    assert range_text(()) == ""
