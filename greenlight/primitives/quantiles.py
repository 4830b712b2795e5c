"""Percentiles by nearest rank, of as many samples as an hour gives, in a bounded space.

The p-th percentile of n samples is the one at place ceil(p / 100 * n) of their order, so it
is a sample that was really seen and nothing is interpolated.  Samples are counted by their
first four significant digits, at most 9,000 counters for each power of ten; rounding keeps the
order, so what comes out is the percentile, rounded.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

DIGITS: Final = 4
MAX_SAMPLE: Final = 10**17  # nanoseconds: three years


@dataclass(slots=True)
class Samples:
    """Samples that come one by one; whole numbers from zero on."""

    count: int = 0
    _counts: dict[int, int] = field(default_factory=dict, repr=False)

    def add(self, sample: int) -> None:
        """Take a sample.

        Raises:
            ValueError: It is below zero, or beyond MAX_SAMPLE.
        """
        if not 0 <= sample <= MAX_SAMPLE:
            raise ValueError(f"a sample of {sample}")
        key = significant(sample)
        self._counts[key] = self._counts.get(key, 0) + 1
        self.count += 1

    @property
    def distinct(self) -> int:
        """How many counters there are."""
        return len(self._counts)

    def percentile(self, percent: int) -> int:
        """Return the percentile, from 1 to 100, rounded to four significant digits.

        Raises:
            ValueError: There is no sample, or no such percentile.
        """
        if not self.count or not 1 <= percent <= 100:  # noqa: PLR2004 - a percent
            raise ValueError("no sample, or no percentile")
        place = -(-percent * self.count // 100)
        at = 0
        for sample in sorted(self._counts):  # the last of them reaches every place
            at = sample
            place -= self._counts[sample]
            if place <= 0:
                break
        return at


def significant(sample: int) -> int:
    """Return a number with its first four digits, rounded half up; the others are zeros."""
    unit = int("1" + "0" * max(0, len(str(sample)) - DIGITS))
    return (sample + unit // 2) // unit * unit
