"""Reserved tickets and the addendum: PROPOSED, above the ceiling, and the registry untouched."""

from __future__ import annotations

from dataclasses import replace

from greenlight.model.documents import GovernanceAddendum, ReservedTickets
from greenlight.model.documents.words import Answer
from greenlight.model.evidence import Evidence
from greenlight.primitives.digest import Digest
from greenlight.verify.derive.checked import derive_tickets, ticket_names
from greenlight.verify.derive.governance_addendum import (
    derive_governance_addendum,
    registry_modified,
)
from tests.samples import good_evidence

OTHER = str(Digest.of(b"other"))


def both(evidence: Evidence) -> tuple[ReservedTickets, GovernanceAddendum]:
    tickets = derive_tickets(evidence)
    return tickets, derive_governance_addendum(tickets)


def registry(evidence: Evidence, **changes: str) -> Evidence:
    row, *rest = evidence.tickets.registry
    rows = (replace(row, **changes), *rest)
    return replace(evidence, tickets=replace(evidence.tickets, registry=rows))


def test_the_twenty_tickets_of_the_source() -> None:
    """442 to 461, PROPOSED, not applied, above the ceiling, standing apart."""
    tickets, addendum = both(good_evidence())
    assert tickets.tickets == tuple(f"TKT-OBJ-{n}" for n in range(442, 462))
    assert (tickets.standing, tickets.apply_now) == ("PROPOSED", "NO")
    assert [row.identical for row in tickets.registry] == [True] * 3
    assert addendum.objects == "TKT-OBJ-442..461"
    assert (addendum.above_ceiling, addendum.ceiling, addendum.collisions) == (True, 441, 0)
    assert addendum.canonical_registry_modified is Answer.NO
    assert (addendum.canonical_fold, addendum.fold_by) == ("PENDING", "owner")
    assert addendum.standalone


def test_a_lane_without_tickets_proposes_nothing() -> None:
    """No tickets: NONE, nothing pending, the registry not modified."""
    good = good_evidence()
    tickets, addendum = both(replace(good, lane=replace(good.lane, tickets=None)))
    assert ticket_names(replace(good.lane, tickets=None)) == ()
    assert (tickets.standing, tickets.apply_now, tickets.tickets) == ("NONE", "NO", ())
    assert (addendum.objects, addendum.canonical_fold) == ("", "NONE")
    assert addendum.above_ceiling
    assert addendum.canonical_registry_modified is Answer.NO


def test_a_changed_registry_file_is_seen() -> None:
    """One digest that differs makes the addendum say YES, and that it does not stand apart."""
    tickets, addendum = both(registry(good_evidence(), after=OTHER))
    assert [row.identical for row in tickets.registry] == [False, True, True]
    assert addendum.canonical_registry_modified is Answer.YES
    assert not addendum.standalone


def test_a_deleted_registry_file_is_a_change() -> None:
    """A file that is gone afterwards has changed."""
    _, addendum = both(registry(good_evidence(), after=""))
    assert addendum.canonical_registry_modified is Answer.YES


def test_a_registry_nobody_looked_at_is_unknown() -> None:
    """No row, or an absent file, is UNKNOWN and never NO."""
    good = good_evidence()
    unseen = replace(good, tickets=replace(good.tickets, registry=()))
    tickets, addendum = both(unseen)
    assert len(tickets.registry) == 3  # the lane's files, with nothing known of them
    assert addendum.canonical_registry_modified is Answer.UNKNOWN
    _, absent = both(registry(good, before="", after=""))
    assert absent.canonical_registry_modified is Answer.UNKNOWN
    assert good.lane.tickets is not None
    none = replace(good.lane, tickets=replace(good.lane.tickets, registry=()))
    nothing, _ = both(replace(good, lane=none))
    assert registry_modified(nothing) is Answer.UNKNOWN


def test_collisions_are_counted() -> None:
    """Tickets that the registry already names are carried into the addendum."""
    good = good_evidence()
    taken = replace(good, tickets=replace(good.tickets, collisions=("TKT-OBJ-442",)))
    assert both(taken)[1].collisions == 1


def test_the_lane_decides_the_range() -> None:
    """What the recorded document says of the range is not read."""
    good = good_evidence()
    lying = replace(good, tickets=replace(good.tickets, first=1, tickets=("TKT-OBJ-1",)))
    assert both(lying)[0].first == 442
