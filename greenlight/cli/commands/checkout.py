"""``greenlight checkout``: a packet as plain files."""

from __future__ import annotations

from greenlight.cli.answer import Answer
from greenlight.cli.progress import progress
from greenlight.cli.surroundings import store_for
from greenlight.cli.values import Values
from greenlight.services.checkout import checkout, checkout_private
from greenlight.services.packets import locate


def run(arguments: Values) -> Answer:
    """Write packet/, seal/ and ledger/ into a folder."""
    store = store_for(arguments, arguments.packet)
    with progress("checkout"):
        located = locate(store, arguments.packet)
        made = checkout(located, arguments.folder, store=store)
        private = 0
        if arguments.private is not None:
            private = checkout_private(located, arguments.private, store=store)
    lines: tuple[str, ...] = (
        str(made.folder),
        f"  tree     {made.packet_tree}",
        f"  packet/  {made.files} files",
        f"  ledger/  {len(made.records)} records",
    )
    if arguments.private is not None:
        lines += (f"{arguments.private}", f"  withheld  {private} files")
    return Answer({**made.to_dict(), "private": private}, lines)
