"""``lineage.json``: the packets this one depends on, by tree, and what was known of them."""

from __future__ import annotations

from enum import StrEnum

from greenlight.model.fields import (
    DigestText,
    Label,
    Line,
    Note,
    derived,
    document,
    recorded,
    value,
)
from greenlight.model.lane import Resolver


class Presence(StrEnum):
    """What was found of a prior packet when the run began."""

    INTACT = "INTACT"
    REJECTED = "REJECTED"
    ABSENT = "ABSENT"
    UNSIGNED = "UNSIGNED"
    WITHHELD = "WITHHELD"


@value
class CarriedBlocker:
    """A blocker that was open in a prior packet."""

    id: Label = recorded("Its id.")
    reason: Line = recorded("What is missing.")
    resolver: Resolver = recorded("Who may resolve it.")
    evidence: Line = recorded("What evidence that takes.")


@value
class LineageRow:
    """One prior packet."""

    packet_tree: DigestText = derived("Its packet tree.")
    relation: Label = derived("What it is to this one.")
    presence: Presence = recorded("What was found of it.")
    packet_id: Note = recorded("Its id, where it was here.")
    status: Note = recorded("Its status, where it was here.")
    blockers: tuple[CarriedBlocker, ...] = recorded("Its open blockers, where it was here.")


@document("lineage.json")
class Lineage:
    """Verification walks these again and says what is absent, withheld, changed or unsigned."""

    packets: tuple[LineageRow, ...] = recorded("The prior packets, in the lane's order.")
