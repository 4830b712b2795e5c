"""Read a lane file: YAML in, a ``Lane`` out; a mistake names line, field, and what was expected."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from greenlight.codes import Code
from greenlight.errors import MalformedError
from greenlight.model.codec import Unreadable, describe, from_plain
from greenlight.model.finding import Finding
from greenlight.model.lane import Lane
from greenlight.primitives import yaml12
from greenlight.primitives.limits import MAX_LANE_BYTES

_MAX_SHOWN = 10  # mistakes in one message: more are not read


def parse_lane(data: bytes) -> Lane:
    """Read a lane file.

    Raises:
        MalformedError: LANE_MALFORMED, LANE_DUPLICATE_KEY, LANE_SHELL_STRING or
            YAML_MALFORMED, with line, field, what was expected and what was found.
    """
    if len(data) > MAX_LANE_BYTES:
        raise MalformedError(Code.LIMIT_EXCEEDED, f"a lane file has at most {MAX_LANE_BYTES} bytes")
    located = yaml12.load(data)
    _refuse_shell_strings(located)
    try:
        return from_plain(Lane, located.value)
    except Unreadable as error:
        lines = [
            f"line {line_of(located, p.pointer)}: {p.pointer or '/'}: "
            f"expected {p.expected}, found {p.found}"
            for p in error.problems[:_MAX_SHOWN]
        ]
        raise MalformedError(Code.LANE_MALFORMED, "; ".join(lines)) from error


def line_of(located: yaml12.Located, pointer: str) -> int:
    """Return the line of a field, or of the nearest thing around it that has one."""
    while pointer and pointer not in located.lines:
        pointer = pointer.rpartition("/")[0]
    return located.lines.get(pointer, 1)


def with_lines(data: bytes, findings: Iterable[Finding]) -> list[Finding]:
    """Say of each finding about a lane file in which line of it the field stands.

    Args:
        data: The lane file, which parses.
        findings: With JSON pointers into it as their places.
    """
    located = yaml12.load(data)
    return [
        replace(finding, where=f"line {line_of(located, finding.where)}: {finding.where}")
        if _names_a_field(located, finding.where)
        else finding
        for finding in findings
    ]


def _names_a_field(located: yaml12.Located, pointer: str) -> bool:
    return "/" + pointer[1:].partition("/")[0] in located.lines


def _refuse_shell_strings(located: yaml12.Located) -> None:
    """Refuse ``run: some words``: a shell must be asked for in so many words."""
    value = located.value
    steps = value.get("steps") if isinstance(value, dict) else None
    for index, step in enumerate(steps if isinstance(steps, list) else []):
        if isinstance(step, dict) and isinstance(step.get("run"), str):
            pointer = f"/steps/{index}/run"
            raise MalformedError(
                Code.LANE_SHELL_STRING,
                f"line {line_of(located, pointer)}: {pointer}: expected an argument vector, "
                f"found the shell string {describe(step['run'])}",
                hint="write run: [program, argument], or command: ... with shell: true",
            )
