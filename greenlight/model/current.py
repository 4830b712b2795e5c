"""Metrics of now, to be compared: a file of ours, or any JSON object with numbers in it.

What another tool measured may stand under ``metrics``, or at the top.  Nothing is guessed: a
metric that is a text, NaN or absent is kept as that, and the comparison says so.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from greenlight.codes import Code
from greenlight.errors import MalformedError
from greenlight.model.baseline import METRICS, Baseline, Ran, decode_baseline
from greenlight.model.codec import kind_of

_MAX_DIGITS: Final = 64  # of a number; longer ones are kept as text


@dataclass(frozen=True, slots=True)
class Current:
    """What was measured now.

    Attributes:
        metrics: As they were read, by name.
        ran: What was measured; None where the file does not say.
        failures: Runs that failed.
        host: Facts about the host, by name; none where the file does not say.
    """

    metrics: Mapping[str, object]
    ran: Ran | None = None
    failures: int = 0
    host: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, baseline: Baseline) -> Current:
        """Return what a capture says."""
        metrics = {name: getattr(baseline.metrics, name) for name in METRICS}
        host = {fact.name: fact.content for fact in baseline.host}
        return cls(metrics, baseline.ran, baseline.failures, host)


def read_current(data: bytes) -> Current:
    """Read a file of metrics.

    Raises:
        MalformedError: JSON_MALFORMED: it is no JSON object, or a key stands twice;
            BASELINE_MALFORMED: it says that it is of greenlight, and is not in its one spelling.
    """
    try:
        found: Any = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_once,
            parse_float=_decimal,
            parse_int=_integer,
            parse_constant=str,  # NaN and the infinities: kept as what they are not, numbers
        )
    except (ValueError, RecursionError) as error:
        raise _malformed(str(error)) from error
    if not isinstance(found, dict):
        raise _malformed("no object")
    if found.get("kind") == kind_of(Baseline):
        return Current.of(decode_baseline(data))
    metrics = found.get("metrics", found)
    if not isinstance(metrics, dict):
        raise _malformed("metrics are no object")
    return Current(metrics)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a key stands twice")
    return made


def _integer(text: str) -> object:
    return int(text) if len(text) <= _MAX_DIGITS else text


def _decimal(text: str) -> object:
    try:
        return Decimal(text) if len(text) <= _MAX_DIGITS else text
    except InvalidOperation:  # an exponent beyond all bounds
        return text


def _malformed(found: str) -> MalformedError:
    return MalformedError(
        Code.JSON_MALFORMED, f"expected a JSON object of metrics, found {found[:120]}"
    )
