"""``attempts.json``: what steps tried, as it was seen from outside them.

Only packets of runs in which something recorded have it (``environment.json#/confinement``).
"""

from __future__ import annotations

from enum import StrEnum

from greenlight.model.fields import Count, Label, Line, Note, document, recorded, value


class AttemptKind(StrEnum):
    """What was tried."""

    WRITE = "write"
    NETWORK = "network"
    PROGRAM = "program"
    SYSTEM = "system"


class AttemptOutcome(StrEnum):
    """What came of it.

    ``staged``: it went ahead inside the workspace, at a path that no surface allows, and the
    list of changes says whether anything of it stayed.
    """

    DENIED = "denied"
    ALLOWED = "allowed"
    STAGED = "staged"


@value
class AttemptRow:
    """One thing that a step tried."""

    step: Label = recorded("The step, undo step or view.")
    kind: AttemptKind = recorded("write, network, program or system.")
    call: Line = recorded("The system call.")
    target: Note = recorded("Path, destination, program with its arguments, or nothing.")
    outcome: AttemptOutcome = recorded("denied, allowed or staged.")
    count: Count = recorded("How often.")


@document("attempts.json")
class Attempts:
    """A list of what happened, never of all that happened: "no attempt" is not read from it."""

    complete: bool = recorded("Whether everything that was seen is in the list.")
    attempts: tuple[AttemptRow, ...] = recorded("In the order in which each was first made.")
