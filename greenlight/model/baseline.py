"""``metrics-baseline.json``: what a benchmark took when somebody vouched for it.

It is no document of a packet: it lies in the repository, signed beside itself, and is read again
by every audit.  Its numbers are plain JSON numbers (``primitives.decimals``), under the names of
source 000.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Final

from greenlight.codes import Code
from greenlight.errors import MalformedError
from greenlight.model.codec import Unreadable, from_document, members, to_document
from greenlight.model.documents.environment import Fact
from greenlight.model.fields import (
    Count,
    Label,
    Line,
    MaybeDigest,
    Measure,
    Positive,
    Text,
    TimeText,
    document,
    recorded,
    value,
)
from greenlight.primitives import cjson
from greenlight.primitives.decimals import MAX_MEASURE
from greenlight.primitives.limits import KIB

MAX_BASELINE_BYTES: Final = 256 * KIB  # a few kilobytes, and a long command line
DEFAULT_PATH: Final = "baselines/metrics_baseline_v1.json"  # 000

Measured = Annotated[Decimal, Measure(MAX_MEASURE)]
_Commit = Annotated[str, Text(r"(?:[0-9a-f]{40}|[0-9a-f]{64})?", "a commit's id, or none")]
# An argument may be empty and may have line ends; a document's text has no other controls.
_Argument = Annotated[
    str, Text(r"[^\u0000-\u0008\u000b-\u001f\u007f-\u009f]{0,4096}", "an argument")
]


class Tree(StrEnum):
    """What the work tree was like when the benchmark ran."""

    CLEAN = "clean"
    DIRTY = "dirty"
    UNKNOWN = "unknown"


class Subject(StrEnum):
    """What gave the samples."""

    BUILTIN = "builtin"
    RUNS = "runs"
    SAMPLES = "samples"


@value
class Metrics:
    """What was measured, under the names of source 000; MB are 1,048,576 bytes."""

    collector_timeouts_total_per_min: Measured = recorded("Samples out of time, a minute.")
    collector_truncated_rate: Measured = recorded("Samples cut off, of all samples.")
    parse_p50_ms: Measured = recorded("Median time of a sample.")
    parse_p95_ms: Measured = recorded("95th percentile of the time of a sample.")
    parse_p99_ms: Measured = recorded("99th percentile of the time of a sample.")
    parse_peak_rss_mb: Measured = recorded("Largest resident set of any process of any run.")


@value
class Ran:
    """What ran."""

    subject: Subject = recorded("builtin: greenlight's parsers; runs; samples of a command.")
    argv: tuple[_Argument, ...] = recorded("The command; none for the built-in subject.")
    corpus: MaybeDigest = recorded("Of the built-in subject, what it reads.")
    timeout_seconds: Positive = recorded("Then a run is ended.")
    max_output_bytes: Positive = recorded("Of a run; then it is cut off.")


@value
class Method:
    """How the numbers came about, for readers of the file alone."""

    latency: Line = recorded("From when to when a sample lasts.")
    memory: Line = recorded("What the kernel counts.")
    quantiles: Line = recorded("How a percentile is taken.")


@document("metrics-baseline.json")
class Baseline:
    """What a benchmark took; all of it was observed."""

    captured_at: TimeText = recorded("When the last run had ended.")
    commit: _Commit = recorded("HEAD of the repository around; none without one.")
    elapsed_ms: Count = recorded("From the start of the first run to the end of the last.")
    failures: Count = recorded("Runs that failed and gave no sample.")
    host: tuple[Fact, ...] = recorded("Facts about the host.")
    labels: tuple[Label, ...] = recorded("What people call it.")
    method: Method = recorded("How it was measured.")
    metrics: Metrics = recorded("What was measured.")
    ran: Ran = recorded("What ran.")
    rss_floor_mb: Measured = recorded("A run that does nothing shows this much memory.")
    runs: Positive = recorded("Runs, those that failed too.")
    samples: Positive = recorded("Samples that the percentiles are of.")
    timeouts: Count = recorded("Samples that were out of time.")
    tree: Tree = recorded("Whether the work tree was as that commit.")
    truncated: Count = recorded("Samples that were cut off.")


METRICS: Final = tuple(member.name for member in members(Metrics))


class Rule(StrEnum):
    """How a limit comes from a baseline's value."""

    TIMES = "times"
    PLUS = "plus"


@dataclass(frozen=True, slots=True)
class Threshold:
    """By how much a metric may be above the baseline's.

    Attributes:
        metric: Its name.
        rule: How the limit is made.
        amount: Factor or summand.
        source: Where it stands.
    """

    metric: str
    rule: Rule
    amount: Decimal
    source: str

    def limit(self, base: Decimal) -> Decimal:
        """Return the largest value that is not red; exact, no value is rounded."""
        return base * self.amount if self.rule is Rule.TIMES else base + self.amount


_000 = "source 000, lines 156 to 162"
THRESHOLDS_000: Final = (
    Threshold("parse_p95_ms", Rule.TIMES, Decimal("1.25"), _000),
    Threshold("parse_p99_ms", Rule.TIMES, Decimal("1.5"), _000),
    Threshold("parse_peak_rss_mb", Rule.PLUS, Decimal(30), _000),
    Threshold("collector_timeouts_total_per_min", Rule.TIMES, Decimal("1.5"), _000),
    Threshold("collector_truncated_rate", Rule.TIMES, Decimal(2), _000),
)


def encode_baseline(baseline: Baseline) -> bytes:
    """Return the one spelling of a baseline."""
    return cjson.encode(to_document(baseline), decimals=True)


def decode_baseline(data: bytes) -> Baseline:
    """Read a baseline.

    Raises:
        MalformedError: BASELINE_MALFORMED: it is none, or not in its one spelling.
    """
    try:
        found = cjson.decode(data, max_bytes=MAX_BASELINE_BYTES, decimals=True)
        return from_document(Baseline, found)
    except MalformedError as error:
        raise MalformedError(Code.BASELINE_MALFORMED, str(error)) from error
    except Unreadable as error:
        first = error.problems[0]
        more = f", and {len(error.problems) - 1} more" if len(error.problems) > 1 else ""
        raise MalformedError(
            Code.BASELINE_MALFORMED,
            f"{first.pointer or '/'}: expected {first.expected}, found {first.found}{more}",
        ) from error
