from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenlight.errors import MalformedError
from greenlight.primitives.timestamp import (
    format_micros,
    format_seconds,
    parse_micros,
    parse_seconds,
)

times = st.datetimes(timezones=st.just(UTC))


@given(times)
def test_microseconds_survive_the_spelling(time):
    """Every time of the years 1 to 9999 is read back exactly."""
    assert parse_micros(format_micros(time)) == time


@given(times)
def test_seconds_are_cut_never_rounded(time):
    """In seconds a time is never later than it was, and less than a second earlier."""
    cut = parse_seconds(format_seconds(time))
    assert timedelta(0) <= time - cut < timedelta(seconds=1)


def test_the_spelling_has_fixed_width():
    """Early years are padded and six digits are always written."""
    time = datetime(7, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert format_seconds(time) == "0007-01-02T03:04:05Z"
    assert format_micros(time) == "0007-01-02T03:04:05.000000Z"


def test_other_zones_are_converted():
    """An aware time of another zone is the same moment in UTC."""
    time = datetime(2026, 1, 1, 1, 0, tzinfo=timezone(timedelta(hours=2)))
    assert format_seconds(time) == "2025-12-31T23:00:00Z"


def test_a_time_without_zone_is_a_bug():
    """A naive time is refused and never taken for UTC."""
    with pytest.raises(ValueError, match="time zone"):
        format_seconds(datetime(2026, 1, 1))  # noqa: DTZ001 - naive on purpose


SECONDS_REFUSED = [
    "",
    "Z",
    "2026-01-31",
    "2026-01-31Z",
    "2026-01-31T23:59:59",
    "2026-01-31T23:59:59z",
    "2026-01-31t23:59:59Z",
    "2026-01-31 23:59:59Z",
    "2026-01-31T23:59:59+00:00",
    "2026-01-31T23:59:59+00:00Z",
    "2026-01-31T23:59:59ZZ",
    "2026-01-31T23:59:60Z",
    "2026-01-31T24:00:00Z",
    "2026-02-29T00:00:00Z",
    "2026-01-31T23:59Z",
    "20260131T235959Z",
    "2026-W05-6T23:59:59Z",
    "2026-01-31T23:59:59.000Z",
    " 2026-01-31T23:59:59Z",
    "2026-01-31T23:59:59Z\n",
    "\u0662026-01-31T23:59:59Z",
    "12026-01-31T23:59:59Z",
    "0000-01-01T00:00:00Z",
]


@pytest.mark.parametrize("text", [*SECONDS_REFUSED, "2026-01-31T23:59:59.000000Z"])
def test_another_spelling_of_seconds_is_refused(text):
    """Only the spelling that is written is read."""
    with pytest.raises(MalformedError):
        parse_seconds(text)


@pytest.mark.parametrize(
    "text",
    [*SECONDS_REFUSED, "2026-01-31T23:59:59Z", "2026-01-31T23:59:59,000000Z"],
)
def test_another_spelling_of_microseconds_is_refused(text):
    """Six digits after a point, nothing else."""
    with pytest.raises(MalformedError):
        parse_micros(text)


@given(st.text(alphabet="0123456789-:TZ.+ W", max_size=30))
def test_what_parses_is_written_back(text):
    """No second spelling of any time is read."""
    for parse, form in ((parse_seconds, format_seconds), (parse_micros, format_micros)):
        try:
            time = parse(text)
        except MalformedError:
            continue
        assert form(time) == text
