"""``greenlight tickets``: reserve numbers, list them, fold them into the registry."""

from __future__ import annotations

from greenlight.cli.answer import Answer, table
from greenlight.cli.surroundings import clock, signer_of, store_of
from greenlight.cli.upkeep import written_store
from greenlight.cli.values import Values
from greenlight.codes import Code
from greenlight.errors import UsageError
from greenlight.services.initialising import require_store
from greenlight.services.ticketing import (
    fold_tickets,
    list_tickets,
    read_ceiling,
    reserve_tickets,
)


def reserve(arguments: Values) -> Answer:
    """Reserve tickets."""
    if (arguments.registry is None) == (arguments.ceiling is None):
        raise UsageError(
            Code.USAGE,
            "say how high the registry goes: either --registry FILE or --ceiling N",
            hint="greenlight tickets reserve --help",
        )
    ceiling = arguments.ceiling
    if arguments.registry is not None:
        ceiling = read_ceiling(arguments.registry, arguments.prefix)
    with written_store(arguments) as store:
        require_store(store)
        body, record = reserve_tickets(
            store,
            signer_of(arguments),
            arguments.prefix,
            arguments.count,
            ceiling=ceiling,
            clock=clock,
        )
    tickets = body.tickets
    data = {**body.to_body(), "tickets": list(tickets), "record": record, "standing": "PROPOSED"}
    lines = (f"PROPOSED  {tickets[0]} to {tickets[-1]}", "  apply now: NO, until an owner folds")
    return Answer(data, lines)


def fold(arguments: Values) -> Answer:
    """Fold tickets into the registry."""
    prefix, dash, number = arguments.last.rpartition("-")
    if not dash or not (number.isascii() and number.isdigit()) or len(number) > 12:  # noqa: PLR2004 - digits
        raise UsageError(Code.USAGE, "name the last ticket to fold, as TKT-OBJ-461")
    with written_store(arguments) as store:
        require_store(store)
        done = fold_tickets(
            store, signer_of(arguments), prefix, int(number), arguments.files, clock=clock
        )
    data = {**done.body.to_body(), "record": done.record, "written": list(done.written)}
    lines = [f"FOLDED  {len(done.body.tickets)} tickets up to {arguments.last}"]
    lines += [f"  wrote  {path}" for path in done.written]
    if not done.written:
        lines.append("  every file was written before")
    return Answer(data, tuple(lines))


def list_(arguments: Values) -> Answer:
    """List reservations."""
    with store_of(arguments) as store:
        require_store(store)
        found = list_tickets(store)
    rows = [
        (
            line.standing,
            f"{line.first} to {line.last}",
            f"record {line.record}",
            f"run {line.holder}" if line.holder else line.by,
        )
        for line in found
    ]
    return Answer({"tickets": [line.to_dict() for line in found]}, tuple(table(rows)))
