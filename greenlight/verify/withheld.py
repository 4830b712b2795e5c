"""A packet whose bytes an owner let go: neither tampered with nor clean, but withheld.

That it was sealed, by whom and as what stays in the ledger, and who took the bytes away,
when and why stands beside it.  Bytes that are here nonetheless, since the purge was
interrupted or somebody brought them back, are said as well: they can be verified, and
they should not be here.
"""

from __future__ import annotations

from greenlight.codes import Code
from greenlight.model.finding import Finding
from greenlight.model.state import LedgerState, PurgeState
from greenlight.primitives.text import escape
from greenlight.primitives.timestamp import format_micros


def withheld(purge: PurgeState) -> Finding:
    """Return what there is to say of a packet that was purged."""
    said = f"purged at {format_micros(purge.time)} by {purge.owner}: {escape(purge.purged.reason)}"
    where = f"ledger/records/{purge.index}.cbor"
    return Finding(Code.PACKET_WITHHELD, where, f"the packet {purge.purged.packet_tree}", said)


def verify_withheld(state: LedgerState, tree: str, where: str) -> list[Finding]:
    """Judge a packet whose bytes are here by whether they should be.

    Args:
        state: Of the ledger that it is held against.
        tree: What its statement says that it is, ``sha256:<hex>``.
        where: Where its bytes are.
    """
    purge = state.purged.get(tree)
    if purge is None:
        return []
    unfinished = Finding(
        Code.PURGE_UNFINISHED, where, "no bytes of a purged packet", "they are still here, or again"
    )
    return [withheld(purge), unfinished]
