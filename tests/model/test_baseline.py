"""A baseline, samples and metrics of now are read as the pages say, and nothing else is."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from greenlight.codes import Code
from greenlight.errors import MalformedError
from greenlight.model.baseline import (
    METRICS,
    THRESHOLDS_000,
    Rule,
    decode_baseline,
    encode_baseline,
)
from greenlight.model.current import read_current
from greenlight.model.samples import MAX_LINE_BYTES, Sample, parse_samples
from tools.vectors.baseline import GOOD


def test_a_baseline_survives_its_bytes() -> None:
    assert decode_baseline(encode_baseline(GOOD)) == GOOD


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"parse_p95_ms": 4', b'"parse_p95_ms": "4"'),
        (b'"parse_p95_ms": 4', b'"parse_p95_ms": -4'),
        (b'"parse_p95_ms": 4', b'"parse_p95_ms": NaN'),
        (b'"parse_p95_ms": 4', b'"parse_p95_ms": 4.0'),
        (b'"parse_p95_ms": 4', b'"parse_p95_ms": true'),
        (b'"parse_p95_ms": 4', b'"parse_p95_ms": 400000000000'),
        (b'    "parse_p95_ms": 4,\n', b""),
        (b'"kind": "metrics-baseline"', b'"kind": "header"'),
        (b'"format": 1', b'"format": 2'),
        (b'  "runs": 3600,\n', b'  "more": 1,\n  "runs": 3600,\n'),
        (b'"tree": "clean"', b'"tree": "tidy"'),
        (b"\n}\n", b"\n}"),
    ],
)
def test_what_is_no_baseline_is_refused_by_one_code(old: bytes, new: bytes) -> None:
    """A text, a minus, NaN, another spelling, a field too many or too few."""
    data = encode_baseline(GOOD)
    assert data.count(old) == 1
    with pytest.raises(MalformedError) as raised:
        decode_baseline(data.replace(old, new))
    assert raised.value.code is Code.BASELINE_MALFORMED


def test_a_baseline_has_a_size() -> None:
    with pytest.raises(MalformedError) as raised:
        decode_baseline(b" " * 300_000)
    assert raised.value.code is Code.BASELINE_MALFORMED


def test_the_thresholds_are_those_of_000() -> None:
    """Five of them, with their factors; each is a metric that a baseline has."""
    table = {t.metric: (t.rule, t.amount) for t in THRESHOLDS_000}
    assert table == {
        "parse_p95_ms": (Rule.TIMES, Decimal("1.25")),
        "parse_p99_ms": (Rule.TIMES, Decimal("1.5")),
        "parse_peak_rss_mb": (Rule.PLUS, Decimal(30)),
        "collector_timeouts_total_per_min": (Rule.TIMES, Decimal("1.5")),
        "collector_truncated_rate": (Rule.TIMES, Decimal("2.0")),
    }
    assert table.keys() <= set(METRICS)
    assert all("000" in threshold.source for threshold in THRESHOLDS_000)


# --- samples


def test_samples_are_read() -> None:
    data = (
        b'{"parse_ms": 1.25}\n{"parse_ms": 30000, "timed_out": true}\n'
        b'{"truncated": true, "parse_ms": 8e-1, "timed_out": false}\n'
    )
    assert list(parse_samples(data)) == [
        Sample(1_250_000),
        Sample(30_000_000_000, timed_out=True),
        Sample(800_000, truncated=True),
    ]


@pytest.mark.parametrize(
    "line",
    [
        b"", b"hello", b"1.25", b"[]", b"{}", b'{"parse_ms": "1"}', b'{"parse_ms": null}',
        b'{"parse_ms": true}', b'{"parse_ms": -1}', b'{"parse_ms": NaN}', b'{"parse_ms": Infinity}',
        b'{"parse_ms": 1e400}', b'{"parse_ms": 1, "parse_ms": 2}', b'{"parse_ms": 1, "more": 2}',
        b'{"parse_ms": 1, "timed_out": 1}', b'{"parse_ms": 1}}', b'{"parse_ms": 1} {"parse_ms": 1}',
        b'{"parse_ms": 1, "x": "' + b"a" * MAX_LINE_BYTES + b'"}', b'\xff{"parse_ms": 1}',
        b'{"parse_ms": ' + b"1" * 100 + b"}", b"[" * 200,
    ],
)  # fmt: skip
def test_one_line_of_garbage_is_all_garbage(line: bytes) -> None:
    """The line is named, and nothing that stood before it counts."""
    with pytest.raises(MalformedError) as raised:
        list(parse_samples(b'{"parse_ms": 1}\n' + line + b"\n"))
    assert raised.value.code is Code.BENCHMARK_GARBAGE
    assert str(raised.value).startswith("line 2: ")


def test_a_cut_line_is_garbage() -> None:
    with pytest.raises(MalformedError, match="line 2: expected a line end"):
        list(parse_samples(b'{"parse_ms": 1}\n{"parse_ms": 2}'))


# --- metrics of now


def test_metrics_stand_under_their_name_or_at_the_top() -> None:
    inside = read_current(b'{"metrics": {"parse_p95_ms": 1.5}, "more": 2}')
    top = read_current(b'{"parse_p95_ms": 1.5}')
    assert inside.metrics == top.metrics == {"parse_p95_ms": Decimal("1.5")}
    assert inside.ran is None


def test_a_file_of_ours_says_what_ran() -> None:
    found = read_current(encode_baseline(replace(GOOD, failures=2)))
    assert (found.ran, found.failures) == (GOOD.ran, 2)
    assert found.host == {"kernel_release": "6.1.0"}


def test_a_file_that_only_says_that_it_is_of_ours_is_refused() -> None:
    with pytest.raises(MalformedError) as raised:
        read_current(b'{"kind": "metrics-baseline", "metrics": {"parse_p95_ms": 1}}')
    assert raised.value.code is Code.BASELINE_MALFORMED


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<html>",
        b"[]",
        b"1",
        b'{"metrics": []}',
        b'{"a": 1, "a": 2}',
        b"\xff{}",
        b"[" * 100_000,
    ],
)
def test_what_is_no_object_of_metrics_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedError) as raised:
        read_current(data)
    assert raised.value.code is Code.JSON_MALFORMED


def test_numbers_that_would_fill_the_memory_are_kept_as_text() -> None:
    """A million digits, and an exponent with as many zeros."""
    found = read_current(b'{"a": ' + b"9" * 10_000 + b', "b": 1e99999999999999999999}')
    assert all(isinstance(value, str) for value in found.metrics.values())
