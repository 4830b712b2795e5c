"""``pins.json``: documents whose content is locked, before and after."""

from __future__ import annotations

from greenlight.model.fields import (
    DigestText,
    Line,
    MaybeDigest,
    derived,
    document,
    outcome,
    value,
)


@value
class PinRow:
    """One pinned document."""

    name: Line = derived("What people call it.")
    path: Line = derived("Path in the workspace.")
    rule: Line = derived("How it is normalised before hashing.")
    pinned: DigestText = derived("The digest that is locked.")
    before: MaybeDigest = outcome("Its digest before the first step; none where absent.")
    after: MaybeDigest = outcome("Its digest after the last.")
    intact: bool = derived("Whether both are the pinned one.")


@document("pins.json")
class Pins:
    """A plan that would change a pin is refused before it runs; pins are looked at again after."""

    pins: tuple[PinRow, ...] = outcome("The pins, in the lane's order.")
