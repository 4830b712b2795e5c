"""``final-self-check.json``: the fifteen items of source 001, each with its evidence."""

from __future__ import annotations

from greenlight.model.documents.words import Result
from greenlight.model.fields import Count, Line, derived, document, value


@value
class SelfCheckItem:
    """One item."""

    number: Count = derived("From 1 to 15.")
    item: Line = derived("What is checked, in the words of 001:66.")
    result: Result = derived("PASS, FAIL, or UNKNOWN.")
    evidence: tuple[Line, ...] = derived("Where it was read: document#/pointer.")


@document("final-self-check.json")
class SelfCheck:
    """Derived from the other documents; nothing in it can be typed."""

    items: tuple[SelfCheckItem, ...] = derived("The fifteen, in 001's order.")
    passed: Count = derived("How many pass.")
    result: Result = derived("PASS only when all fifteen do.")
