"""Whether the metrics that a gate left are what its thresholds allow.

Pure.  A metric that is missing, no number, or negative where it cannot be is red with a code of
its own: an absent field must never pass, as it does where ``jq`` compares nothing with ten
(docs/spec/gates.md).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Final, NoReturn

from greenlight.codes import Code
from greenlight.errors import MalformedError
from greenlight.model.gate import Operator, Threshold
from greenlight.primitives.limits import MIB

MAX_ARTIFACT_BYTES: Final = 8 * MIB
MAX_DEPTH: Final = 64
_MAX_DIGITS: Final = 400  # of a number: more is no measurement

_HOLDS: Final = {
    Operator.LESS: lambda found, limit: found < limit,
    Operator.AT_MOST: lambda found, limit: found <= limit,
    Operator.MORE: lambda found, limit: found > limit,
    Operator.AT_LEAST: lambda found, limit: found >= limit,
}


@dataclass(frozen=True, slots=True)
class Measured:
    """A metric, held against its threshold.

    Attributes:
        threshold: What it may be.
        found: What it is; None where it cannot be compared.
        limit: What it was compared with; likewise.
        code: Why it does not hold; None where it does.
        reason: The same in words; empty likewise.
    """

    threshold: Threshold
    found: Decimal | None
    limit: Decimal | None
    code: Code | None
    reason: str

    def to_dict(self) -> dict[str, object]:
        """Return the object that ``--json`` prints; numbers in their decimal spelling."""
        return {
            "metric": self.threshold.metric,
            "op": self.threshold.op.value,
            "found": None if self.found is None else _spell(self.found),
            "limit": None if self.limit is None else _spell(self.limit),
            "holds": self.code is None,
            "code": "" if self.code is None else self.code.name,
            "reason": self.reason,
        }


def read_artifact(data: bytes) -> object:
    """Read the JSON that a gate left: any value in which no name stands twice.

    Raises:
        MalformedError: GATE_LEFT_NOTHING, GATE_LEFT_GARBAGE, LIMIT_EXCEEDED.
    """
    if len(data) > MAX_ARTIFACT_BYTES:
        raise MalformedError(Code.LIMIT_EXCEEDED, f"it left more than {MAX_ARTIFACT_BYTES} bytes")
    if not data.strip():
        raise MalformedError(Code.GATE_LEFT_NOTHING, "it left nothing where JSON is expected")
    try:
        value = json.loads(
            data.decode("utf-8"),
            parse_float=_number,
            parse_int=_number,
            parse_constant=_no_number,
            object_pairs_hook=_object,
        )
    except (ValueError, RecursionError) as error:
        why = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise MalformedError(
            Code.GATE_LEFT_GARBAGE, f"what it left is not JSON: {ascii(why)[1:-1][:200]}"
        ) from error
    _require_depth(value, MAX_DEPTH)
    return value


def judge(
    thresholds: Sequence[Threshold], artifact: object, baseline: Mapping[str, Decimal] | None
) -> tuple[Measured, ...]:
    """Hold each threshold against what a gate left.

    Args:
        thresholds: What its metrics may be.
        artifact: What it left.
        baseline: Metrics of the baseline; None where none could be believed.
    """
    return tuple(_judge(threshold, artifact, baseline) for threshold in thresholds)


def _judge(
    threshold: Threshold, artifact: object, baseline: Mapping[str, Decimal] | None
) -> Measured:
    name = threshold.metric
    found = find_metric(artifact, name)
    if found is None:
        return _bad(threshold, Code.METRIC_MISSING, f"{name} is missing")
    if not isinstance(found, Decimal):
        return _bad(threshold, Code.METRIC_NOT_A_NUMBER, f"{name} is {_kind(found)}, no number")
    if found < 0 and not threshold.signed:
        return Measured(
            threshold, found, None, Code.METRIC_NEGATIVE, f"{name} is {_spell(found)}, negative"
        )
    limit = _limit(threshold, baseline)
    if limit is None:
        wanted = threshold.of or name
        said = f"{name} has no limit: no baseline that can be believed says {wanted}"
        return Measured(threshold, found, None, Code.METRIC_NO_BASELINE, said)
    if _HOLDS[threshold.op](found, limit):
        return Measured(threshold, found, limit, None, "")
    said = f"{name} is {_spell(found)}, not {threshold.op} {_spell(limit)}"
    return Measured(threshold, found, limit, Code.METRIC_OUT_OF_BOUNDS, said)


def find_metric(artifact: object, name: str) -> object:
    """Return a metric by its name, or by the names that lead to it; None where it is not there."""
    if not isinstance(artifact, Mapping):
        return None
    if name in artifact:
        return artifact[name]
    first, dot, rest = name.partition(".")
    return find_metric(artifact.get(first), rest) if dot else None


def _limit(threshold: Threshold, baseline: Mapping[str, Decimal] | None) -> Decimal | None:
    if threshold.value is not None:
        return threshold.value
    base = None if baseline is None else baseline.get(threshold.of or threshold.metric)
    if base is None or base < 0:
        return None
    return base * threshold.times if threshold.times is not None else base + (threshold.plus or 0)


def _bad(threshold: Threshold, code: Code, reason: str) -> Measured:
    return Measured(threshold, None, None, code, reason)


def _spell(number: Decimal) -> str:
    return format(number.normalize(), "f") if abs(number.adjusted()) < 40 else str(number)  # noqa: PLR2004 - as people write it


def _kind(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    words: dict[type, str] = {str: "a text", list: "an array", dict: "an object"}
    return words.get(type(value), "something")


def _number(text: str) -> Decimal:
    if len(text) > _MAX_DIGITS:
        raise ValueError(f"a number of {len(text)} characters")
    try:
        number = Decimal(text)
    except InvalidOperation as error:  # an exponent beyond all bounds
        raise ValueError(f"the number {text[:40]}") from error
    if abs(number.adjusted()) > _MAX_DIGITS:
        raise ValueError(f"the number {text[:40]}")
    return number


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON")


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return made


def _require_depth(value: object, left: int) -> None:
    if not left:
        raise MalformedError(Code.LIMIT_EXCEEDED, f"nested more than {MAX_DEPTH} deep")
    if isinstance(value, dict):
        for item in value.values():
            _require_depth(item, left - 1)
    elif isinstance(value, list):
        for item in value:
            _require_depth(item, left - 1)
