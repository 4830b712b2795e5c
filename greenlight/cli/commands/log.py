"""``greenlight log``: what is in the store, newest first."""

from __future__ import annotations

from greenlight.cli.answer import Answer, table
from greenlight.cli.surroundings import store_of
from greenlight.cli.values import Values
from greenlight.services.initialising import require_store
from greenlight.services.logs import StoreLog, read_log


def run(arguments: Values) -> Answer:
    """List packets and runs, or every entry of the ledger."""
    with store_of(arguments) as store:
        require_store(store)
        found = read_log(store, entries=arguments.entries, limit=arguments.limit or 0)
    lines = _entries(found) if arguments.entries else _packets(found)
    note = None
    if found.odd:
        note = f"{len(found.odd)} of what waits here cannot be read: {found.odd[0]}"
    elif found.voids:
        note = f"{found.voids} entries have no effect: greenlight log --entries"
    elif not found.size:
        note = "no ledger was fetched yet: greenlight fetch REMOTE"
    return Answer(found.to_dict(), tuple(lines), note=note)


def entries(arguments: Values) -> Answer:
    """List the entries of the ledger alone."""
    with store_of(arguments) as store:
        require_store(store)
        found = read_log(store, entries=True, limit=arguments.limit or 0)
    data = {key: value for key, value in found.to_dict().items() if key != "packets"}
    return Answer(data, tuple(_entries(found)))


def _packets(found: StoreLog) -> list[str]:
    return table(
        [
            (
                line.time[:19].replace("T", " "),
                line.state,
                line.status or "-",
                line.packet_id,
                line.packet_tree[:19] if line.here or not line.packet_tree else "(not here)",
            )
            for line in found.packets
        ]
    )


def _entries(found: StoreLog) -> list[str]:
    return table(
        [
            (
                str(line.index),
                line.time,
                line.kind or "?",
                line.about,
                line.void and f"VOID {line.void}",
            )
            for line in found.entries
        ]
    )
