"""``greenlight clock correct``: ledger time is ahead, and an owner says what time it is."""

from __future__ import annotations

from greenlight.cli.answer import Answer
from greenlight.cli.surroundings import clock, signer_of
from greenlight.cli.upkeep import written_store
from greenlight.cli.values import Values
from greenlight.primitives.timestamp import parse_seconds
from greenlight.services.clocks import correct_clock
from greenlight.services.initialising import require_store


def correct(arguments: Values) -> Answer:
    """Set ledger time."""
    time = None if arguments.to is None else parse_seconds(arguments.to)
    with written_store(arguments) as store:
        require_store(store)
        body, record = correct_clock(store, signer_of(arguments), time, clock=clock)
    return Answer({"time": body.time, "record": record}, (f"ledger time  {body.time}",))
