"""``greenlight purge``: let a packet's bytes go; that it was, and why it went, stays."""

from __future__ import annotations

from collections.abc import Iterator

from greenlight.cli.answer import Answer
from greenlight.cli.surroundings import clock, signer_of
from greenlight.cli.upkeep import written_store
from greenlight.cli.values import Values
from greenlight.cli.verdicts import finding_lines
from greenlight.primitives.timestamp import format_micros
from greenlight.services.purging import Purged, Reach, purge_packet


def run(arguments: Values) -> Answer:
    """Purge a packet, or say what that would do."""
    with written_store(arguments) as store:
        done = purge_packet(
            store,
            signer_of(arguments),
            arguments.packet,
            arguments.reason,
            clock=clock,
            dry_run=arguments.dry_run,
        )
    lines = tuple(_lines(done, dry_run=arguments.dry_run))
    return Answer(
        {"dry_run": arguments.dry_run, **done.to_dict()},
        lines,
        note=None if arguments.dry_run else _note(done),
    )


def _lines(done: Purged, *, dry_run: bool) -> Iterator[str]:
    yield f"{'would purge' if dry_run else 'WITHHELD'}  {done.packet_id}"
    yield f"  tree     {done.packet_tree}"
    if done.purge is not None:
        yield f"  record   {done.purge.index}, at {format_micros(done.purge.time)}"
        yield f"  owner    {done.purge.owner}"
        yield f"  reason   {done.purge.purged.reason}"
    for ref in done.shelves:
        yield f"  shelf    {ref} {'would lead' if dry_run else 'leads'} to it no longer"
    for ref in done.private:
        yield f"  private  {ref} {'would go' if dry_run else 'is gone'}: what it withheld"
    if not done.shelves:
        yield "  shelf    none leads to it"
    yield from (f"  objects  {line}" for line in _objects(done.reach))
    yield from (f"  ref      {ref} still reaches it" for ref in done.reach.refs)
    yield from finding_lines(done.problems)
    if dry_run:
        yield "nothing was written"


def _objects(reach: Reach) -> Iterator[str]:
    if not reach.objects:
        yield "none of it were here"
    elif reach.going is None:
        yield f"{reach.objects}; what still reaches them is unknown: git could not be asked"
    else:
        yield f"{reach.going} of {reach.objects} go with the next git gc"
        if reach.shared:
            yield f"{reach.shared} stay: other packets have them too"
        if reach.held:
            yield f"{reach.held} stay: branches, tags, reflogs or an index reach them"


def _note(done: Purged) -> str:
    where = f" ({', '.join(done.remotes)})" if done.remotes else ""
    return (
        "git gc --prune=now removes the bytes here, while nobody else is writing;"
        f" clones and remotes{where} keep theirs until they are purged too"
    )
