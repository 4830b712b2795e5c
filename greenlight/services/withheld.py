"""Packets whose bytes are not here because an owner let them go: a verdict, not a fault."""

from __future__ import annotations

from greenlight.codes import Code
from greenlight.errors import StoreError
from greenlight.ledger.projection import find
from greenlight.services.packets import Located, locate
from greenlight.services.verifying import Trust, Verdict, trusted_ledger, withheld_verdict
from greenlight.store.repository import Store


def locate_or_withheld(store: Store | None, name: str, trust: Trust) -> Located | Verdict:
    """Find and read one packet; the verdict on it where it was purged.

    Args:
        store: Where to look; None where only a folder can be meant.
        name: As for ``packets.locate``.
        trust: Whom the caller trusts: a purge counts by a ledger that is trusted.

    Raises:
        UsageError: PACKET_UNKNOWN, PACKET_AMBIGUOUS.
        MalformedError: What stands there is no packet.
        StoreError: It cannot be read; PACKET_WITHHELD: by a ledger that nobody trusts.
    """
    try:
        return locate(store, name)
    except StoreError as error:
        if error.code is not Code.PACKET_WITHHELD or store is None:
            raise
        ledger = trusted_ledger(store, trust)
        if ledger is None:
            raise
        for row in find(ledger, name):
            if row.tree in ledger.state.purged:
                return withheld_verdict(ledger.state.purged[row.tree], ledger)
        raise
