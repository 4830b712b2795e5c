"""``reserved-tickets.json``: ticket numbers reserved, proposed, and not applied."""

from __future__ import annotations

from greenlight.model.fields import (
    Count,
    Label,
    Line,
    MaybeDigest,
    MaybeLabel,
    derived,
    document,
    outcome,
    value,
)


@value
class RegistryFile:
    """A file of the canonical registry, which only an owner's fold may change."""

    path: Line = derived("Path in the workspace.")
    before: MaybeDigest = outcome("SHA-256 before the first step; none where absent.")
    after: MaybeDigest = outcome("SHA-256 after the last.")
    identical: bool = derived("Whether they are one.")


@document("reserved-tickets.json")
class ReservedTickets:
    """Reserved by claims of the run's entry in the ledger; folded only by an owner."""

    prefix: MaybeLabel = derived("What stands before the number; none where nothing is reserved.")
    first: Count = derived("First number.")
    last: Count = derived("Last number.")
    ceiling: Count = derived("Highest number of the registry.")
    tickets: tuple[Label, ...] = derived("Every ticket.")
    standing: Line = derived("PROPOSED until an owner folds them.")
    apply_now: Line = derived("NO.")
    collisions: tuple[Label, ...] = outcome("Tickets that the registry already names.")
    registry: tuple[RegistryFile, ...] = outcome("The canonical registry, before and after.")
