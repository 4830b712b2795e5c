"""Metrics and their limits: only a number that holds is green."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenlight.codes import Code
from greenlight.errors import MalformedError
from greenlight.model.gate import Operator, Threshold
from greenlight.verify.thresholds import MAX_ARTIFACT_BYTES, find_metric, judge, read_artifact


def code_of(data, baseline=None, **threshold):
    artifact = read_artifact(data if isinstance(data, bytes) else json.dumps(data).encode())
    values = {"metric": "m", "op": Operator.AT_MOST} | threshold
    (found,) = judge([Threshold(**values)], artifact, baseline)
    return found.code


@pytest.mark.parametrize(
    ("op", "below", "same", "above"),
    [("<", 1, 0, 0), ("<=", 1, 1, 0), (">", 0, 0, 1), (">=", 0, 1, 1)],
)
def test_at_the_limit(op, below, same, above):
    """Each operator just below, at, and just above its limit."""
    for found, holds in (("9.999999999999999999", below), ("10.0", same), ("10.00001", above)):
        code = code_of(b'{"m": %s}' % found.encode(), op=Operator(op), value=Decimal(10))
        assert code is (None if holds else Code.METRIC_OUT_OF_BOUNDS)


@given(st.decimals(0, 1000, places=6), st.decimals(0, 1000, places=6))
def test_as_numbers_compare(found, limit):
    """No binary fraction stands between a number and its limit."""
    code = code_of(b'{"m": %s}' % str(found).encode(), value=limit)
    assert (code is None) == (found <= limit)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"{}", Code.METRIC_MISSING),
        (b"[]", Code.METRIC_MISSING),
        (b"3", Code.METRIC_MISSING),
        (b'{"m": null}', Code.METRIC_MISSING),
        (b'{"M": 1}', Code.METRIC_MISSING),
        (b'{"m": "1"}', Code.METRIC_NOT_A_NUMBER),
        (b'{"m": true}', Code.METRIC_NOT_A_NUMBER),
        (b'{"m": []}', Code.METRIC_NOT_A_NUMBER),
        (b'{"m": {}}', Code.METRIC_NOT_A_NUMBER),
        (b'{"m": -1}', Code.METRIC_NEGATIVE),
        (b'{"m": -0.0001}', Code.METRIC_NEGATIVE),
        (b'{"m": -0}', None),
        (b'{"m": 1e2}', Code.METRIC_OUT_OF_BOUNDS),
        (b'{"m": 1e1}', None),
    ],
)
def test_what_is_no_metric(data, code):
    """Missing, text, truth, negative: each is red with its own code."""
    assert code_of(data, value=Decimal(10)) is code


def test_signed():
    """A metric that may be negative says so."""
    assert code_of({"m": -3}, value=Decimal(-2), signed=True) is None
    assert code_of({"m": -1}, value=Decimal(-2), signed=True) is Code.METRIC_OUT_OF_BOUNDS


@pytest.mark.parametrize(
    "data",
    [
        b"hello", b"{", b'{"m": 1} x', b'{"m": NaN}', b'{"m": Infinity}', b'{"m": 1e99999}',
        b'{"m": 1, "m": 2}', b"\xff{}", b"\xef\xbb\xbf{}", b"[" * 100_000, b'{"m": 1e-99999}',
        b'{"m": 0%s}' % (b"1" * 10), b"{'m': 1}", b'{"m": %s}' % (b"9" * 5000),
        b'{"m": 1e99999999999999999999}', b'{"m": -1E+99999999999999999999}',
    ],
)  # fmt: skip
def test_garbage(data):
    """What is not JSON, or readers differ about, is no artifact."""
    with pytest.raises(MalformedError) as caught:
        read_artifact(data)
    assert caught.value.code is Code.GATE_LEFT_GARBAGE
    assert "\n" not in str(caught.value)
    assert str(caught.value).isascii()


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", Code.GATE_LEFT_NOTHING),
        (b" \n", Code.GATE_LEFT_NOTHING),
        (b" " * (MAX_ARTIFACT_BYTES + 1), Code.LIMIT_EXCEEDED),
        (b"[" * 65 + b"]" * 65, Code.LIMIT_EXCEEDED),
    ],
)
def test_nothing_or_too_much(data, code):
    """Neither is green."""
    with pytest.raises(MalformedError) as caught:
        read_artifact(data)
    assert caught.value.code is code


def test_where_a_metric_stands():
    """By its whole name, or by the names that lead to it."""
    left = {"a.b": 1, "a": {"b": 2, "c": {"d": 3}}, "e": [4]}
    assert [find_metric(left, name) for name in ("a.b", "a.c.d", "e.0", "a.x", "x.y")] == [
        1,
        3,
        None,
        None,
        None,
    ]


BASE = {"m": Decimal(100), "zero": Decimal(0), "negative": Decimal(-1)}


@pytest.mark.parametrize(
    ("found", "more", "code"),
    [
        (125, {"times": Decimal("1.25")}, None),
        (125.0001, {"times": Decimal("1.25")}, Code.METRIC_OUT_OF_BOUNDS),
        (130, {"plus": Decimal(30)}, None),
        (130.5, {"plus": Decimal(30)}, Code.METRIC_OUT_OF_BOUNDS),
        (0, {"times": Decimal(2), "of": "zero"}, None),
        (0.1, {"times": Decimal(2), "of": "zero"}, Code.METRIC_OUT_OF_BOUNDS),
        (1, {"times": Decimal(2), "of": "absent"}, Code.METRIC_NO_BASELINE),
        (1, {"times": Decimal(2), "of": "negative"}, Code.METRIC_NO_BASELINE),
    ],
)
def test_against_a_baseline(found, more, code):
    """Times and plus of what the baseline says; where it says nothing, nothing holds."""
    assert code_of({"m": found}, BASE, **more) is code
    assert code_of({"m": found}, None, **more) is Code.METRIC_NO_BASELINE
