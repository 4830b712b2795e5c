"""Measured numbers in JSON: decimals in the one spelling that every program writes alike.

A measured value is a plain JSON number, so that ``jq`` compares it.  It has at most four
digits after the point, none of them a needless zero, and at most eleven before it: fifteen
significant digits, which a binary64 holds and gives back (RFC 8259 section 6), and no smaller
number than 0.0001, below which Python and jq begin to write exponents.  A whole number has
no point.  So ``jq -S .``, ``json.dumps`` and JavaScript all print what was read.
"""

from __future__ import annotations

import re
from decimal import Context, Decimal
from fractions import Fraction
from typing import Final

from greenlight.codes import Code
from greenlight.errors import MalformedError

PLACES: Final = 4  # digits after the point
MAX_MEASURE: Final = 10**11 - 1  # eleven digits before it: in milliseconds three years
SMALLEST: Final = Decimal(1).scaleb(-PLACES)

_SPELLING: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,10})\.[0-9]{0,3}[1-9]")
_EXACT: Final = Context(prec=40)


def parse_decimal(text: str) -> Decimal:
    """Read a number with a point.

    Raises:
        MalformedError: JSON_MALFORMED: it is not in the spelling above.
    """
    # A regular expression with bounds: no text is long enough to cost anything.
    if not _SPELLING.fullmatch(text):
        raise MalformedError(
            Code.JSON_MALFORMED,
            f"expected a number with at most {PLACES} digits after the point, found {text[:40]}",
        )
    return Decimal(text)


def plain(value: object) -> int | float:
    """Return a decimal as what ``json.dumps`` writes in the spelling above.

    Raises:
        MalformedError: JSON_MALFORMED: it has no such spelling.
        TypeError: It is no decimal: JSON has no spelling of ours for it.
    """
    if not isinstance(value, Decimal):
        raise TypeError(f"{type(value).__name__} is not one of the types that are written")
    if not value.is_finite() or abs(value) > MAX_MEASURE:
        raise MalformedError(Code.JSON_MALFORMED, f"expected a number, found {str(value)[:40]}")
    if value == value.to_integral_value():
        return int(value)
    text = format(value.normalize(_EXACT), "f")
    return float(parse_decimal(text))


def measured(value: Fraction | int) -> Decimal:
    """Return a measured value, rounded to four digits; what is not nothing stays above zero.

    Raises:
        MalformedError: JSON_MALFORMED: it is larger than such a number can be.
    """
    exact = Fraction(value)
    scaled = exact * 10**PLACES
    # Python rounds a fraction half to even.
    rounded = Decimal(round(scaled)).scaleb(-PLACES, _EXACT)
    if exact > 0:
        rounded = max(rounded, SMALLEST)
    plain(rounded)
    return rounded.normalize(_EXACT) if rounded else Decimal(0)
