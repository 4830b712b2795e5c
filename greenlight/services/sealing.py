"""Seal packets: Git objects in one pack, shelf, ledger; durable before it returns.

However many packets there are, they share the pack, one move of each shelf and one append.
The order is that of promises: objects, then the shelf that keeps them, then the ledger; a note
says that a seal is between the two (``store.underway``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from greenlight.errors import RefusedError, RejectedError
from greenlight.ledger.admit import append
from greenlight.ledger.append import AUTHOR
from greenlight.model.state import LedgerState
from greenlight.model.statement import Statement
from greenlight.primitives.ed25519 import Signer
from greenlight.primitives.timestamp import parse_seconds
from greenlight.services.doubling import named_half, second_seal
from greenlight.services.drafting import Closed
from greenlight.services.unfinished import clear_unfinished
from greenlight.store.packwriter import PackWriter
from greenlight.store.repository import Store
from greenlight.store.shelf import ShelfEntry, Shelving
from greenlight.store.underway import under_way


@dataclass(frozen=True, slots=True)
class Sealed:
    """A packet that is in the store.

    Attributes:
        statement: What was signed.
        packet_tree: ``sha256:<hex>``.
        commit: Object id of the packet commit.
        index: Of the ledger record that says so.
        conflict: Whether another packet had taken its claim: it is kept as a CONFLICT.
        waits: Whether it is SEALED here, and the remote's ledger has not taken it yet.
    """

    statement: Statement
    packet_tree: str
    commit: str
    index: int
    conflict: bool
    waits: bool = False


def seal_together(
    store: Store,
    signer: Signer,
    write: Callable[[PackWriter], Sequence[Closed]],
    *,
    clock: Callable[[], datetime],
) -> list[Sealed]:
    """Seal the packets that ``write`` puts into the pack it is given, all or none.

    Args:
        store: Where to.
        signer: The executor's key.
        write: Called once; what it raises leaves nothing behind.
        clock: The time of this machine, for the ledger.

    Raises:
        RefusedError: The ledger would not have them.
        StoreError: The store does not serve; nothing refers to what was written.
    """
    clear_unfinished(store)
    with store.objects.packing() as pack:
        closed = write(pack)
        shelved = [_shelved(each) for each in closed]
        shelving = Shelving(store, shelved, AUTHOR)
        shelving.put(pack)
    try:
        with under_way(store, [entry for entry, _ in shelved]):
            shelving.move()
            return _record(store, signer, closed, clock)
    except (RefusedError, RejectedError):
        # Where the disk failed nothing more is asked of it now: the next seal does this.
        clear_unfinished(store)
        raise


def _shelved(closed: Closed) -> tuple[ShelfEntry, datetime]:
    statement = closed.statement
    entry = ShelfEntry(statement.subject, statement.packet_id, closed.commit)
    return entry, parse_seconds(statement.time)


def _record(
    store: Store, signer: Signer, closed: Sequence[Closed], clock: Callable[[], datetime]
) -> list[Sealed]:
    doubled: list[bytes] = []

    def decide(state: LedgerState, _now: datetime) -> list[bytes]:
        half = named_half(state, signer)
        if half is None:
            doubled.clear()
        elif not doubled:
            doubled.extend(second_seal(each.statement, half, signer) for each in closed)
        # Behind all packets: the first indexes are theirs.
        return [each.entry for each in closed] + doubled

    ends = {each.statement.run_id for each in closed}
    appended = append(store, signer, decide, clock=clock, may_wait=True, must_keep=True, ends=ends)
    conflicts = {packet.index for packet in appended.ledger.state.conflicts}
    return [
        Sealed(
            each.statement,
            each.statement.subject,
            each.commit,
            index,
            index in conflicts,
            appended.waits,
        )
        for each, index in zip(closed, appended.indexes, strict=False)
    ]
