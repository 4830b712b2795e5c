"""The metrics of gates as OpenMetrics text (docs/monitoring.md)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Final

from greenlight.model.gate import Mode
from greenlight.model.gate_result import GREEN, RED, SKIPPED
from greenlight.primitives.openmetrics import GAUGE, SUMMARY, Family, Sample, metric_name, write
from greenlight.services.gates.running import Outcome

_VERDICTS: Final = (GREEN, RED, SKIPPED)
_QUANTILES: Final = {"p50": "0.5", "p90": "0.9", "p95": "0.95", "p99": "0.99"}
_MAX_METRICS: Final = 1000  # of one gate


def openmetrics(outcomes: Sequence[Outcome], modes: Mapping[str, Mode]) -> str:
    """Return the metrics of gates that were run.

    Args:
        outcomes: What they came to.
        modes: What red does, by name.
    """
    return write(_families(outcomes, modes))


def _families(outcomes: Sequence[Outcome], modes: Mapping[str, Mode]) -> Iterator[Family]:
    yield Family(
        "greenlight_gate_verdict",
        GAUGE,
        "1 for the verdict that the gate has, 0 for the others",
        tuple(
            Sample(int(outcome.verdict == verdict), _labels(outcome) | {"verdict": verdict})
            for outcome in outcomes
            for verdict in _VERDICTS
        ),
    )
    yield Family(
        "greenlight_gate_blocking",
        GAUGE,
        "1 where red blocks, 0 where it is only observed",
        tuple(
            Sample(int(modes[outcome.gate.name] is Mode.BLOCKING), _labels(outcome))
            for outcome in outcomes
        ),
    )
    yield Family(
        "greenlight_gate_duration_seconds",
        GAUGE,
        "How long the gate took",
        tuple(
            Sample(Decimal(outcome.milliseconds) / 1000, _labels(outcome)) for outcome in outcomes
        ),
    )
    values: dict[str, dict[tuple[str, str, str], Sample]] = {}
    latencies: dict[str, dict[tuple[str, str, str], Sample]] = {}
    for outcome in outcomes:
        for name, value in list(_numbers(outcome.left))[:_MAX_METRICS]:
            base, quantile = _quantile(name)
            labels = _labels(outcome)
            key = (outcome.gate.name, outcome.gate.module, quantile)
            if quantile:
                latencies.setdefault(base, {})[key] = Sample(value, labels | {"quantile": quantile})
            else:
                values.setdefault(base, {})[key] = Sample(value, labels)
    for name in sorted(values.keys() - latencies.keys()):
        yield Family(name, GAUGE, "As the gate left it", tuple(values[name].values()))
    for name in sorted(latencies):
        about = "Quantiles as the gate left them"
        yield Family(name, SUMMARY, about, tuple(latencies[name].values()))


def _labels(outcome: Outcome) -> dict[str, str]:
    return {"gate": outcome.gate.name, "module": outcome.gate.module}


def _numbers(left: object, prefix: str = "") -> Iterator[tuple[str, Decimal]]:
    """Yield the numbers that a gate left, by the names that lead to them."""
    if isinstance(left, Mapping):
        for name, value in left.items():
            yield from _numbers(value, f"{prefix}.{name}" if prefix else str(name))
    elif isinstance(left, Decimal) and prefix:
        yield prefix, left


def _quantile(name: str) -> tuple[str, str]:
    """Return a metric's name and quantile: ``pqc.verify.latency_p95_ms`` is 0.95 of latency_ms."""
    for word, quantile in _QUANTILES.items():
        for spelled in (f"_{word}", f".{word}"):
            head, found, tail = name.partition(spelled)
            if found and head and (not tail or tail[0] in "_."):
                return metric_name(head + tail), quantile
    return metric_name(name), ""
