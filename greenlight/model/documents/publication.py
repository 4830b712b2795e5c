"""``publication.json``: what left the workspace once proven, and what was read back."""

from __future__ import annotations

from greenlight.model.documents.words import Result
from greenlight.model.fields import Label, Line, Note, derived, document, recorded, value
from greenlight.model.snapshot import FileState
from greenlight.model.surface import Change


@value
class PublishedRow:
    """One file that left the workspace."""

    step: Label = recorded("The publish step.")
    surface: Label = recorded("The surface.")
    path: Line = recorded("Path in the workspace; the target is the source it came from.")
    change: Change = recorded("create, modify or delete.")
    before: FileState = recorded("What the target was.")
    published: FileState = recorded("What was meant to be there.")
    read_back: FileState = recorded("What was there when read back.")
    code: Note = recorded("Why it was refused, where it was.")
    result: Result = derived("PASS when read back is published.")


@document("publication.json")
class Publication:
    """Recorded: a replay publishes nothing and carries this over."""

    published: tuple[PublishedRow, ...] = recorded("In the order of the steps.")
    result: Result = derived("PASS when every row is; also where nothing was to be published.")
