"""Words that several documents share."""

from __future__ import annotations

from enum import StrEnum


class Answer(StrEnum):
    """An answer that may be unknown; unknown is never clean."""

    YES = "YES"
    NO = "NO"
    UNKNOWN = "UNKNOWN"


class Result(StrEnum):
    """What a check gave; UNKNOWN is not PASS."""

    PASS = "PASS"  # noqa: S105 - a verdict, not a password
    FAIL = "FAIL"
    UNKNOWN = "UNKNOWN"

    @classmethod
    def of(cls, holds: bool) -> Result:
        return cls.PASS if holds else cls.FAIL
