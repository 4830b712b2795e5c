"""What a command hands back: a value, which one place prints, as lines or as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from greenlight.cli.exit_codes import Exit
from greenlight.codes import Code


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes to stderr beside an answer that is no success.

    Attributes:
        code: The first of what was found.
        message: One line.
        hint: What could be done next, or None.
    """

    code: Code
    message: str
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of a command.

    Attributes:
        data: The object that ``--json`` prints (docs/spec/json-output.md).
        lines: The same for people; escaped when printed.
        exit: What the process ends with.
        fault: What stderr says, where the exit is no success.
        note: A hint for stderr, where there is one.
        raw: Bytes to print as they are, instead of lines.
    """

    data: Mapping[str, object]
    lines: tuple[str, ...] = ()
    exit: Exit = Exit.OK
    fault: Fault | None = None
    note: str | None = None
    raw: bytes | None = field(default=None, repr=False)


def table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Return rows as lines with columns one above the other."""
    if not rows:
        return []
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
