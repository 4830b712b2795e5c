"""Seals that were broken off between shelf and ledger: what they left is taken off the shelf.

Nobody was told that such a packet is sealed.  Left there it would be REJECTED for ever, as a
packet that no entry names (docs/adr/0043-faults.md).
"""

from __future__ import annotations

from contextlib import suppress

from greenlight.errors import GreenlightError
from greenlight.ledger.read import Ledger
from greenlight.services.packets import ledger_of
from greenlight.services.saying import refresh
from greenlight.store.repository import Store
from greenlight.store.shelf import ShelfEntry
from greenlight.store.underway import left, notes
from greenlight.store.unshelve import plan_removal, take_off


def clear_unfinished(store: Store) -> int:
    """Take off the shelves what killed seals left; return how many packets that were.

    What cannot be done now, as where the remote whose ledger counts cannot be asked whether it
    has taken the entry, is done the next time.
    """
    taken = 0
    with suppress(GreenlightError), left(store) as found:
        named = [entry for note in found for entry in note.entries]
        if not named:
            return 0
        refresh(store)
        ledger = ledger_of(store)
        ledger.require()
        lost = {entry.commit for entry in named if not is_listed(ledger, entry)}

        def is_it(entry: ShelfEntry) -> bool:
            return entry.commit in lost

        plan = plan_removal(store, is_it) if lost else None
        for removal in plan.removals if plan else ():
            take_off(store, removal, is_it)
            taken += len(removal.taken)
    return taken


def unlisted(store: Store, ledger: Ledger) -> set[str]:
    """Return the packet commits that are being sealed, or were, and that the ledger does not list.

    Raises:
        StoreError: The notes cannot be read.
    """
    return {
        entry.commit
        for note in notes(store)
        for entry in note.entries
        if not is_listed(ledger, entry)
    }


def is_listed(ledger: Ledger, entry: ShelfEntry) -> bool:
    """Report whether a ledger lists a packet, as sealed or as a CONFLICT."""
    held = ledger.state.packets.get(entry.packet_id)
    if held is not None and held.sealed.packet_tree == entry.packet_tree:
        return True
    return any(each.sealed.packet_tree == entry.packet_tree for each in ledger.state.conflicts)
