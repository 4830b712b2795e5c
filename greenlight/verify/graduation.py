"""Seven green days: when a gate that observes becomes one that blocks (source 002).

A day is a day of ledger time, in UTC.  It is green where the gate was green on it, judged by
settings that the change did not bring itself, and never red.  A red result, of whatever
settings, starts the count again, and so does another definition of the gate.  A day without a
result counts for nothing and breaks nothing; a skip is no result.  A day counts once it is over.

Ledger time falls only where an owner corrects the clock.  Days that are not over at the
time that the correction states have not been: they are taken back, so that a clock that
jumped ahead gives nothing away.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Final

from greenlight.model.gate_result import GREEN, RED, GateResult, GateState

DAYS: Final = 7  # source 002
_KEPT: Final = 4 * DAYS  # green days that are remembered: more than a correction takes back


def after_result(
    state: GateState | None, result: GateResult, time: datetime, index: int
) -> GateState:
    """Return what a gate amounts to after one more result.

    Args:
        state: Before; None where there was none.
        result: What came of it.
        time: Ledger time of its record.
        index: Of its record.
    """
    before = state or GateState()
    day = _day(time)
    days = before.days if result.definition == before.definition else ()
    red_day = before.red_day
    if result.verdict == RED:
        days, red_day = (), day
    elif result.verdict == GREEN and result.base and day not in (red_day, *days):
        days = (*days, day)[-_KEPT:]
    return replace(
        before,
        definition=result.definition,
        days=days,
        red_day=red_day,
        verdict=result.verdict,
        commit=result.commit,
        base=result.base,
        result=index,
        time=time,
        index=index,
    )


def after_correction(state: GateState, time: datetime, index: int) -> GateState:
    """Return what a gate amounts to after an owner set ledger time to ``time``."""
    days = tuple(day for day in state.days if day < _day(time))
    return state if days == state.days else replace(state, days=days, index=index)


def green_days(state: GateState | None, definition: str, now: datetime) -> int:
    """Return how many green days a gate has had, of those that are over.

    Args:
        state: What it amounts to; None where it was never recorded.
        definition: Of the gate as it is declared: another one has had none.
        now: Ledger time.
    """
    if state is None or state.definition != definition:
        return 0
    return sum(day < _day(now) for day in state.days)


def _day(time: datetime) -> str:
    return time.date().isoformat()
