"""An owner says what time it is: the one entry that lets ledger time fall."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from greenlight.codes import Code
from greenlight.errors import UsageError
from greenlight.ledger.append import MAX_AHEAD
from greenlight.model.kinds import ClockCorrected
from greenlight.primitives.ed25519 import Signer
from greenlight.primitives.timestamp import format_micros
from greenlight.services.saying import say
from greenlight.store.repository import Store


def correct_clock(
    store: Store,
    signer: Signer,
    time: datetime | None = None,
    *,
    clock: Callable[[], datetime],
) -> tuple[ClockCorrected, int]:
    """Set ledger time, to ``time`` or to what this clock says; return the entry and its index.

    Raises:
        UsageError: ``time`` is ahead of this clock: then nobody could append.
        RefusedError: TRUST_REFUSED: the key is no owner's.
        StoreError: The store does not serve.
    """
    now = clock()
    if time is not None and time - now > MAX_AHEAD:
        raise UsageError(
            Code.USAGE,
            f"{format_micros(time)} is ahead of this clock, which says {format_micros(now)}",
        )
    body = ClockCorrected(time=format_micros(now if time is None else time))
    told = say(store, signer, lambda _state, _now: [body], clock=clock)
    return body, told.indexes[0]
