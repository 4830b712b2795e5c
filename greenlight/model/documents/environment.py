"""``environment.json``: the host, what it could enforce and observe, and what steps were given."""

from __future__ import annotations

from greenlight.model.fields import Line, Note, derived, document, recorded, value
from greenlight.model.lane import Setting


@value
class Fact:
    """One fact about the host."""

    name: Line = recorded("What it is about.")
    content: Note = recorded("What was read; none where it could not be.")


@value
class GradeRow:
    """What stood between a step and one kind of surface."""

    kind: Line = recorded("path_workspace, path_outside, network, program, environment or tool.")
    enforced_by: Note = recorded("What denied it; none where nothing did.")
    observed_by: Note = recorded("What would have noticed; none where nothing would.")


@document("environment.json")
class Environment:
    """Recorded: no host name, no user name, no path of the machine."""

    host: tuple[Fact, ...] = recorded("Facts about the host.")
    confinement: Line = recorded("What the steps ran in.")
    grades: tuple[GradeRow, ...] = recorded("What it enforced and observed.")
    variables: tuple[Line, ...] = recorded("Names of the variables that steps had.")
    masked: tuple[Line, ...] = derived("Names of the secret ones.")
    set: tuple[Setting, ...] = derived("Variables that the lane set.")
