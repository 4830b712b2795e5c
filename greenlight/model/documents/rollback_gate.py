"""``rollback-gate.json``: the gate shows on every run that it can pass and that it can fail."""

from __future__ import annotations

from greenlight.model.documents.words import Result
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


@value
class GateRow:
    """One piece of evidence sent through the gate."""

    evidence: Label = derived("Which evidence: frozen, this run's, or a fabricated variant.")
    expected: Line = derived("PASS, or the code that it must fail with.")
    got: Line = derived("What the gate said.")
    result: Result = derived("PASS when got is expected.")


@value
class Judge:
    """A module of greenlight that judged."""

    name: Line = recorded("Its name.")
    digest: DigestText = recorded("SHA-256 of its source.")


@document("rollback-gate.json")
class RollbackGate:
    """Frozen evidence passes, this run's passes, every fabricated variant fails with its code."""

    rows: tuple[GateRow, ...] = derived("What was sent through the gate.")
    judges: tuple[Judge, ...] = recorded("Validator, gate driver and probes that judged.")
    frozen: DigestText = derived("SHA-256 of the shipped frozen evidence.")
    note: Note = derived("Why the gate did not come to a verdict, where it did not.")
    result: Result = derived("PASS when every row is.")
