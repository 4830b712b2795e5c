"""OpenMetrics 1.0 text: gauges and summaries, as Prometheus reads them.

https://github.com/prometheus/OpenMetrics/blob/main/specification/OpenMetrics.md, of which this
writes: HELP and TYPE, samples with labels, quantiles of summaries, and the end mark.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

GAUGE, SUMMARY = "gauge", "summary"
CONTENT_TYPE: Final = "application/openmetrics-text; version=1.0.0; charset=utf-8"

_NAME: Final = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_ODD: Final = re.compile(r"[^a-zA-Z0-9_:]")


@dataclass(frozen=True, slots=True)
class Sample:
    """One value.

    Attributes:
        value: A number.
        labels: By name.
        suffix: What the family's name is followed by, as ``_count``.
    """

    value: Decimal | int
    labels: Mapping[str, str] = field(default_factory=dict)
    suffix: str = ""


@dataclass(frozen=True, slots=True)
class Family:
    """A metric with its samples.

    Attributes:
        name: As ``metric_name`` gives it.
        kind: gauge or summary.
        about: One line.
        samples: At least one.
    """

    name: str
    kind: str
    about: str
    samples: tuple[Sample, ...]


def metric_name(text: str) -> str:
    """Return a name that OpenMetrics has: dots and all else become underscores."""
    made = _ODD.sub("_", text)
    return made if _NAME.fullmatch(made) else f"_{made}"


def write(families: Iterable[Family]) -> str:
    """Return the text of families, in their order; each has a name of its own."""
    lines = []
    for family in families:
        lines.append(f"# TYPE {family.name} {family.kind}")
        lines.append(f"# HELP {family.name} {_escape(family.about)}")
        for sample in family.samples:
            labels = ",".join(f'{key}="{_escape(value)}"' for key, value in sample.labels.items())
            name = (
                f"{family.name}{sample.suffix}{{{labels}}}"
                if labels
                else (f"{family.name}{sample.suffix}")
            )
            lines.append(f"{name} {_number(sample.value)}")
    return "\n".join([*lines, "# EOF", ""])


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: Decimal | int) -> str:
    return str(value) if isinstance(value, int) else format(value, "f")
