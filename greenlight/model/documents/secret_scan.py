"""``secret-scan.json``: what was searched for secrets, and what was found."""

from __future__ import annotations

from greenlight.model.documents.words import Result
from greenlight.model.fields import Count, Line, Note, derived, document, outcome, recorded, value


@value
class MaskedVariable:
    """A variable whose value must not appear in evidence."""

    name: Line = recorded("Its name; the value is nowhere.")
    searched: bool = recorded("Whether its value was long enough to be searched for.")


@value
class Hit:
    """A place that holds a secret; the material itself is quarantined."""

    rule: Line = outcome("Which rule matched.")
    path: Line = outcome("The artifact.")
    offset: Count = outcome("Byte at which it begins.")


@document("secret-scan.json")
class SecretScan:
    """Made before anything is published or sealed; a hit stops the lane."""

    rules: tuple[Line, ...] = outcome("Token shapes that were searched for.")
    masked: tuple[MaskedVariable, ...] = recorded("Variables whose values were searched for.")
    files: Count = outcome("Artifacts searched.")
    hits: tuple[Hit, ...] = outcome("What was found, and withheld.")
    withheld: tuple[Line, ...] = outcome("Artifacts left out of the packet because of a hit.")
    note: Note = derived("What a reader must know of a search that did not take place.")
    result: Result = derived("PASS when nothing was found.")
