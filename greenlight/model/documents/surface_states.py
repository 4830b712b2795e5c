"""``surface-states.json``: what forbidden refs and tables were, before, applied and restored.

Only packets of lanes that name such surfaces have it.
"""

from __future__ import annotations

from greenlight.model.fields import Label, Line, Note, document, outcome, value
from greenlight.model.logical import LogicalKind


@value
class StateRow:
    """One ref or part of a database, at three moments."""

    surface: Label = outcome("The forbidden surface that names it.")
    kind: LogicalKind = outcome("ref or database.")
    what: Line = outcome("As the lane spells it.")
    before: Note = outcome("What it was before the first step; none where nobody could say.")
    applied: Note = outcome("After the last step.")
    restored: Note = outcome("After the rollback; none where that was not reached.")


@document("surface-states.json")
class SurfaceStates:
    """Of a ref its value, ``absent`` for none; of a database the digest of what it holds."""

    states: tuple[StateRow, ...] = outcome("In the lane's order.")
