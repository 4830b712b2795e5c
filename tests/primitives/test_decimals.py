"""Measured numbers have one spelling, which every program writes."""

from __future__ import annotations

import json
import subprocess
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenlight.codes import Code
from greenlight.errors import MalformedError
from greenlight.primitives import cjson
from greenlight.primitives.decimals import MAX_MEASURE, PLACES, measured, parse_decimal, plain
from tests.tools import need

MEASURES = st.integers(0, MAX_MEASURE * 10**PLACES).map(lambda n: Decimal(n).scaleb(-PLACES))


@given(value=MEASURES)
def test_what_is_written_is_read_again(value: Decimal) -> None:
    """Up to eleven digits before the point and four behind it: fifteen, which a binary64 holds."""
    data = cjson.encode({"x": value}, decimals=True)
    found = cjson.decode(data, decimals=True)
    assert isinstance(found, dict)
    assert found["x"] == value
    assert cjson.encode(found, decimals=True) == data
    assert b"e" not in data.lower()


def test_jq_writes_the_same() -> None:
    """The one spelling is what ``jq -S .`` prints, from the smallest to the largest."""
    values = [Decimal(text) for text in ("0.0001", "0.001", "0.5", "1.25", "99999999998.9999")]
    data = cjson.encode({"values": [*values, 0, 7, MAX_MEASURE]}, decimals=True)
    done = subprocess.run([need("jq"), "-S", "."], input=data, capture_output=True, check=True)
    assert done.stdout == data


@pytest.mark.parametrize(
    "text",
    ["1.0", "1.50", "01.5", ".5", "1.", "1e3", "1.5e0", "+1.5", "1.00001", "-0.0", "0.0",
     "123456789012.5", "1_0.5", "\u0661.5"],
)  # fmt: skip
def test_another_spelling_is_refused(text: str) -> None:
    """A needless zero, an exponent, a fifth digit."""
    with pytest.raises(MalformedError) as raised:
        parse_decimal(text)
    assert raised.value.code is Code.JSON_MALFORMED


def test_a_packet_s_documents_have_no_decimals() -> None:
    """Only who asks for them gets them; each other caller refuses them as before."""
    with pytest.raises(MalformedError):
        cjson.decode(b"1.5\n")
    with pytest.raises(MalformedError):
        cjson.encode(Decimal("1.5"))
    with pytest.raises(MalformedError):
        cjson.encode(1.5, decimals=True)  # a float is what nobody measured exactly


def test_a_decimal_may_stand_as_deep_as_any_value() -> None:
    """The depth is that of arrays and objects."""
    value: object = Decimal("0.5")
    for _ in range(32):
        value = [value]
    data = cjson.encode(value, decimals=True)
    assert cjson.decode(data, decimals=True) == value
    with pytest.raises(MalformedError):
        cjson.encode([value], decimals=True)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Fraction(1, 3), "0.3333"),
        (Fraction(2, 3), "0.6667"),
        (Fraction(1, 20000), "0.0001"),  # half, to even: nothing; but what is not nothing shows
        (Fraction(1, 10**12), "0.0001"),
        (Fraction(0), "0"),
        (Fraction(100), "1E+2"),
        (Fraction(5, 4), "1.25"),
    ],
)
def test_measures_are_rounded_and_never_to_nothing(value: Fraction, expected: str) -> None:
    """One time-out in a year is not none."""
    assert measured(value) == Decimal(expected)


def test_a_measure_beyond_all_bounds_is_refused() -> None:
    """Three years of milliseconds."""
    with pytest.raises(MalformedError):
        measured(MAX_MEASURE + 1)


@pytest.mark.parametrize("value", [Decimal("NaN"), Decimal("Infinity"), Decimal("1E+30")])
def test_what_is_no_number_is_not_written(value: Decimal) -> None:
    with pytest.raises(MalformedError):
        cjson.encode(value, decimals=True)


def test_plain_is_what_json_writes() -> None:
    """Whole numbers without a point."""
    assert [json.dumps(plain(Decimal(t))) for t in ("1.50", "2.0", "0")] == ["1.5", "2", "0"]
