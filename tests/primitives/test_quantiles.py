"""Percentiles are those of nearest rank, exactly, but for the digits that are dropped."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenlight.primitives.quantiles import MAX_SAMPLE, Samples, significant


def gathered(values: list[int]) -> Samples:
    samples = Samples()
    for value in values:
        samples.add(value)
    return samples


@given(
    values=st.lists(st.integers(0, MAX_SAMPLE), min_size=1, max_size=60),
    percent=st.integers(1, 100),
)
def test_it_is_the_sample_at_its_place(values: list[int], percent: int) -> None:
    """The definition, by sorting: place ceil(p/100 * n)."""
    place = math.ceil(percent * len(values) / 100)
    expected = sorted(values)[place - 1]
    assert gathered(values).percentile(percent) == significant(expected)


@given(st.integers(0, MAX_SAMPLE), st.integers(0, MAX_SAMPLE))
def test_rounding_keeps_the_order(one: int, other: int) -> None:
    low, high = sorted((one, other))
    assert significant(low) <= significant(high)


@given(st.integers(0, MAX_SAMPLE))
def test_rounding_changes_little(value: int) -> None:
    """Half of the fourth digit's unit, at most."""
    assert abs(significant(value) - value) * 2 <= max(value // 1000, 0) + 1


@pytest.mark.parametrize(
    ("values", "p50", "p95", "p99"),
    [
        ([7], 7, 7, 7),
        ([1, 2], 1, 2, 2),
        (list(range(1, 101)), 50, 95, 99),
        (list(range(1, 102)), 51, 96, 100),
        ([1] * 19 + [1000], 1, 1, 1000),
    ],
)
def test_small_cases(values: list[int], p50: int, p95: int, p99: int) -> None:
    """With n = 101 the places are 51, 96 and 100: a ceiling, no interpolation."""
    found = gathered(values)
    assert [found.percentile(p) for p in (50, 95, 99)] == [p50, p95, p99]


def test_many_samples_take_little() -> None:
    """A million different samples of one decade are 9,000 counters."""
    samples = gathered(list(range(10**9, 10**10, 9000)))
    assert samples.count == 10**6
    assert samples.distinct <= 9001


@pytest.mark.parametrize("value", [-1, MAX_SAMPLE + 1])
def test_a_sample_has_bounds(value: int) -> None:
    with pytest.raises(ValueError, match="a sample of"):
        Samples().add(value)


def test_nothing_has_no_percentile() -> None:
    with pytest.raises(ValueError, match="no sample"):
        Samples().percentile(50)
