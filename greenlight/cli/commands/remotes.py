"""``greenlight push`` and ``greenlight fetch``: the ledger and its packets, between clones."""

from __future__ import annotations

from collections.abc import Iterator

from greenlight.cli.answer import Answer, Fault
from greenlight.cli.exit_codes import Exit
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
    if not done.odd:
        return Answer(done.to_dict(), tuple(_lines(done)))
    first = done.odd[0]
    fault = Fault(
        first.code,
        f"all that can be read was pushed; {len(done.odd)} of what waits here cannot: {first}",
        hint=f"if nobody needs it: git update-ref -d {first.where}",
    )
    return Answer(done.to_dict(), tuple(_lines(done)), exit=Exit.UNAVAILABLE, fault=fault)


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
    yield from (f"  odd       {finding}" for finding in done.odd)
