"""``greenlight push`` and ``greenlight fetch``: the ledger and its packets, between clones."""

from __future__ import annotations

from collections.abc import Iterator

from greenlight.cli.answer import Answer
from greenlight.cli.surroundings import clock, signer_of
from greenlight.cli.upkeep import written_store
from greenlight.cli.values import Values
from greenlight.services.remotes import Exchanged
from greenlight.services.remotes import fetch as fetch_from
from greenlight.services.remotes import push as push_to


def push(arguments: Values) -> Answer:
    """Push what a remote lacks."""
    with written_store(arguments) as store:
        done = push_to(store, signer_of(arguments), arguments.remote or "", clock=clock)
    return Answer(done.to_dict(), tuple(_lines(done)))


def fetch(arguments: Values) -> Answer:
    """Fetch what a remote has."""
    with written_store(arguments) as store:
        done = fetch_from(store, arguments.remote or "")
    return Answer(done.to_dict(), tuple(_lines(done)))


def _lines(done: Exchanged) -> Iterator[str]:
    new = done.head.size - done.before
    yield f"{done.remote}  {done.head.size} records, {new} of them new here"
    if done.admitted:
        yield f"  ADMITTED  {done.admitted} that waited"
    if done.waiting:
        yield f"  SEALED    {done.waiting} still wait"
    yield from (f"  CONFLICT  {packet}" for packet in done.conflicts)
    yield from (f"  shelf     {ref}" for ref in done.shelves)
