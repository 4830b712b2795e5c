"""Times in one spelling: RFC 3339, UTC, ``Z``; seconds in documents, microseconds in the ledger.

A time is an aware ``datetime``.  Nothing here reads a clock.  There is no leap
second (``:60``), because a ``datetime`` cannot hold one.
"""

from __future__ import annotations

from datetime import UTC, datetime

from greenlight.codes import Code
from greenlight.errors import MalformedError


def format_seconds(time: datetime) -> str:
    """Return ``time`` as ``2026-01-31T23:59:59Z``; what is below a second is cut off.

    Cut off, not rounded: a rounded time could lie in the future.

    Raises:
        ValueError: ``time`` has no time zone; this is a bug of the caller.
    """
    return _utc(time).isoformat(timespec="seconds") + "Z"


def format_micros(time: datetime) -> str:
    """Return ``time`` as ``2026-01-31T23:59:59.000001Z``, always six digits.

    Raises:
        ValueError: ``time`` has no time zone; this is a bug of the caller.
    """
    return _utc(time).isoformat(timespec="microseconds") + "Z"


def parse_seconds(text: str) -> datetime:
    """Return the time that ``text`` spells in whole seconds.

    Raises:
        MalformedError: ``text`` is not what ``format_seconds`` writes.
    """
    time = _parse(text)
    if time is None or time.replace(tzinfo=None).isoformat(timespec="seconds") != text[:-1]:
        raise MalformedError(
            Code.MALFORMED, f"expected a time as in 2026-01-31T23:59:59Z, found {text[:80]!a}"
        )
    return time


def parse_micros(text: str) -> datetime:
    """Return the time that ``text`` spells in microseconds.

    Raises:
        MalformedError: ``text`` is not what ``format_micros`` writes.
    """
    time = _parse(text)
    if time is None or time.replace(tzinfo=None).isoformat(timespec="microseconds") != text[:-1]:
        raise MalformedError(
            Code.MALFORMED,
            f"expected a time as in 2026-01-31T23:59:59.000001Z, found {text[:80]!a}",
        )
    return time


def _utc(time: datetime) -> datetime:
    if time.utcoffset() is None:
        raise ValueError("a time needs a time zone")
    return time.astimezone(UTC).replace(tzinfo=None)


def _parse(text: str) -> datetime | None:
    # datetime reads many spellings; the callers compare with the only one.
    if not text.endswith("Z"):
        return None
    try:
        return datetime.fromisoformat(text[:-1]).replace(tzinfo=UTC)
    except ValueError:
        return None
