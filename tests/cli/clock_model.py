"""What must become of a command at a moment, worked out anew from the specifications.

Nothing here is imported from greenlight: docs/spec/ledger.md and docs/spec/receipts.md in a few
lines of arithmetic.  A command must succeed where there is no reason against it; else it must
give one of the reasons.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

SECOND, MICROSECOND = timedelta(seconds=1), timedelta(microseconds=1)
DAY = timedelta(hours=24)
_SLACK = timedelta(seconds=300)  # a tip may be so far ahead of whoever appends
_FIRST = datetime(1970, 1, 1, tzinfo=UTC)


def at(text: str) -> datetime:
    """Return a moment, as ``2026-03-01 12:00:00``."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Facts:
    """What stands in a ledger, as far as time has to do with it.

    Attributes:
        last: Ledger time; None where there is no ledger yet.
        over: When the trust root is over, or None.
        granted: From when, and until when, the grant holds.
        issued: When each receipt was issued, and how many hours it holds.
    """

    last: datetime | None
    over: datetime | None
    granted: tuple[datetime, datetime]
    issued: dict[str, tuple[datetime, int]]

    def time(self, now: datetime) -> datetime:
        """Return the time that a record appended now has: it never falls."""
        return now if self.last is None else max(now, self.last)

    def append(self, now: datetime) -> set[str]:
        """Return why no entry is appended now."""
        reasons = _unset(now)
        if self.last is not None and self.last - now > _SLACK:
            reasons.add("CLOCK_AHEAD")
        if self._is_over(self.time(now)):
            reasons.add("TRUST_EXPIRED")
        return reasons

    def renew(self, now: datetime, over: datetime | None) -> set[str]:
        """Return why no next trust root that is over then is put in force now."""
        reasons = self.append(now) - {"TRUST_EXPIRED"}  # that it is over is no reason
        return reasons | ({"TRUST_EXPIRED"} if over and self.time(now) >= over else set())

    def run(self, now: datetime) -> set[str]:
        """Return why no run is opened now."""
        begins, ends = self.granted
        covered = begins <= self.time(now) < ends
        return self.append(now) | (set() if covered else {"GRANT_EXPIRED"})

    def against(self, receipt: str, now: datetime) -> set[str]:
        """Return what is wrong with a receipt now, by its own time and by this clock's."""
        issued, hours = self.issued[receipt]
        time, reasons = self.time(now), set()
        if time >= issued + timedelta(hours=hours):
            reasons.add("RECEIPT_EXPIRED")
        if time - issued > DAY:
            reasons.add("RECEIPT_STALE")
        if time < issued:
            reasons.add("RECEIPT_NOT_YET")
        if now < time:
            reasons.add("CLOCK_BEHIND")
        return reasons

    def spend(self, receipt: str, now: datetime) -> set[str]:
        """Return why a receipt is not spent now."""
        return self.against(receipt, now) | self.append(now)

    def correct(self, now: datetime, to: datetime | None = None) -> set[str]:
        """Return why an owner does not set ledger time now."""
        reasons = _unset(now)
        if to is not None and to - now > _SLACK:
            reasons.add("USAGE")
        if self._is_over(now if to is None else to):
            reasons.add("TRUST_EXPIRED")
        return reasons

    def _is_over(self, time: datetime) -> bool:
        return self.over is not None and time >= self.over


def _unset(now: datetime) -> set[str]:
    """Return why nothing is written by a clock that stands before git's first second."""
    return {"CLOCK_UNSET"} if now < _FIRST else set()
