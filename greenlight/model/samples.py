"""What a benchmark says of its own samples, a JSON object a line (docs/spec/baseline.md).

    {"parse_ms": 1.25}
    {"parse_ms": 30000, "timed_out": true}
    {"parse_ms": 0.8, "truncated": true}

Nothing else: one line that is not such an object, and all that the run said is worth nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, NoReturn

from greenlight.codes import Code
from greenlight.errors import MalformedError
from greenlight.primitives.decimals import MAX_MEASURE
from greenlight.primitives.text import escape

MAX_LINE_BYTES: Final = 256  # the longest that says something has about 70
_NS: Final = 1_000_000  # of a millisecond
_MAX_DIGITS: Final = 32  # of a number: a binary64 is printed with 24 characters at most
_FLAGS: Final = ("timed_out", "truncated")


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample.

    Attributes:
        ns: How long it took, in nanoseconds.
        timed_out: Whether it ran out of time.
        truncated: Whether something was cut off.
    """

    ns: int
    timed_out: bool = False
    truncated: bool = False


def parse_samples(data: bytes) -> Iterator[Sample]:
    """Read what a benchmark printed.

    Raises:
        MalformedError: BENCHMARK_GARBAGE, with the number of the line.
    """
    lines = data.split(b"\n")
    if lines.pop() != b"":
        raise _garbage(len(lines) + 1, "a line end", "none")
    for number, line in enumerate(lines, start=1):
        yield _parse(line, number)


def _parse(line: bytes, number: int) -> Sample:
    if len(line) > MAX_LINE_BYTES:
        raise _garbage(number, f"at most {MAX_LINE_BYTES} bytes", str(len(line)))
    try:
        found: Any = json.loads(
            line.decode("utf-8"),
            parse_float=_decimal,
            parse_int=_decimal,
            parse_constant=_refuse,
            object_pairs_hook=_once,
        )
    except (ValueError, RecursionError) as error:
        raise _garbage(number, "a JSON object", _shown(line)) from error
    if not isinstance(found, dict) or not isinstance(found.get("parse_ms"), Decimal):
        raise _garbage(number, 'an object with the number "parse_ms"', _shown(line))
    took: Decimal = found.pop("parse_ms")
    flags = {name: found.pop(name, False) for name in _FLAGS}
    if found or not all(isinstance(value, bool) for value in flags.values()):
        raise _garbage(number, "true or false for timed_out and truncated, no more", _shown(line))
    if not 0 <= took <= MAX_MEASURE:
        raise _garbage(number, f"a number from 0 to {MAX_MEASURE}", _shown(line))
    return Sample(round(took * _NS), **flags)


def _decimal(text: str) -> Decimal:
    if len(text) > _MAX_DIGITS:
        _refuse(text)
    return Decimal(text)


def _refuse(text: str) -> NoReturn:
    raise ValueError(text)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a key twice")
    return made


def _shown(line: bytes) -> str:
    return escape(line[:80].decode("utf-8", "replace"))


def _garbage(number: int, expected: str, found: str) -> MalformedError:
    return MalformedError(
        Code.BENCHMARK_GARBAGE, f"line {number}: expected {expected}, found {found}"
    )
