"""``bad-input-probes.json``: requests that must be refused, and one that must not."""

from __future__ import annotations

from greenlight.model.documents.words import Result
from greenlight.model.fields import Count, Label, Line, derived, document, outcome, value


@value
class ProbeRow:
    """One bad request, sent through the entry that a real one takes."""

    number: Count = outcome("From 1 to 15.")
    probe_class: Label = outcome("The class of 001.")
    expected: Line = outcome("The code it must be refused with.")
    got: Line = outcome("The code it was refused with; `accepted` where it was not.")
    objects_left: Count = outcome("Objects it left in the store.")
    refs_left: Count = outcome("Refs it left or moved.")
    pass_token: bool = outcome("Whether the word PASS or a seal came out of it.")
    result: Result = derived("PASS when refused with its code and nothing left behind.")


@document("bad-input-probes.json")
class BadInputProbes:
    """The fifteen classes of 001 and a control, against a store made for the purpose."""

    probes: tuple[ProbeRow, ...] = outcome("The fifteen, in 001's order.")
    control: Line = outcome("What the good request gave: accepted, or a code.")
    fail_closed: Line = derived("How many of how many failed closed, as 15/15.")
    any_fail_open: bool = derived("Whether one did not.")
    result: Result = derived("PASS when all fifteen were refused and the control was not.")
