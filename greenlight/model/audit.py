"""The report of a green-light audit: the fields of source 000, and what they come to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from greenlight.codes import Code

VERSION: Final = "1.1"  # of the report (000)
AUDIT_TYPE: Final = "green-light-pre-canary"

# Exit codes of source 000: the highest of all checks is that of the audit.
GREEN, WARNINGS, PROTECTION, BASELINE = 0, 2, 5, 6
ALONE: Final = 1  # of a smoke that is run alone, and fails


@dataclass(frozen=True, slots=True)
class Section:
    """One check of an audit.

    Attributes:
        name: Of the report's field.
        title: For people.
        status: In one word.
        exit: What it asks for: 0, 2, 5 or 6.
        said: In one line, for people.
        code: Of what is wrong; None where nothing is.
        body: The field itself; it has ``status``.
    """

    name: str
    title: str
    status: str
    exit: int
    said: str
    code: Code | None = None
    body: Mapping[str, object] = field(default_factory=dict)


def exit_of(sections: Sequence[Section]) -> int:
    """Return the exit of an audit; nothing that was looked at is no green."""
    return max((section.exit for section in sections), default=BASELINE)


def word_of(code: int) -> str:
    """Return what an exit code is called in a report."""
    return {GREEN: "green", ALONE: "fail", WARNINGS: "warnings"}.get(code, "fatal")
