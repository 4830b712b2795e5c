"""Packets by the beginning of a name: asked of the snapshot's tables, and of what came since.

What is found is a place to look, never evidence (docs/adr/0010): it is then read and
verified by its own bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

from greenlight.ledger.base import Row as TableRow
from greenlight.ledger.read import Ledger
from greenlight.ledger.tables import CONFLICT, SEALED, packet_row, packets_where

_END = chr(0x10FFFF)  # after every character that can follow a prefix
_SHOWN = 9  # columns of a row; the others are for the fold


@dataclass(frozen=True, slots=True)
class Row:
    """A packet as the ledger has it.

    Attributes:
        record: Index of its packet.sealed record.
        packet: Id.
        tree: ``sha256:<hex>``.
        run: UUID.
        lane: Slug.
        mode: As sealed.
        status: As sealed.
        state: SEALED or CONFLICT.
        time: Ledger time.
    """

    record: int
    packet: str
    tree: str
    run: str
    lane: str
    mode: str
    status: str
    state: str
    time: str


def find(ledger: Ledger, prefix: str) -> list[Row]:
    """Return the packets whose id, run or tree begins with ``prefix``, by record.

    A tree may be given with or without ``sha256:``.
    """
    tree = prefix if prefix.startswith("sha256:") else f"sha256:{prefix}"
    found: list[Row] = []
    if ledger.kept is not None:
        rows = packets_where(
            ledger.kept.base,
            " OR ".join(f"({name} >= ? AND {name} < ?)" for name in ("packet", "run", "tree")),
            *2 * (prefix, prefix + _END),
            tree,
            tree + _END,
        )
        found = [_row(row) for row in rows]
    return found + [
        row
        for row in _since(ledger)
        if row.packet.startswith(prefix) or row.run.startswith(prefix) or row.tree.startswith(tree)
    ]


def _since(ledger: Ledger) -> Iterator[Row]:
    """Yield the packets that the tables do not have yet."""
    state = ledger.state
    new = [(packet, SEALED) for packet in state.packets.new.values()]
    new += [(packet, CONFLICT) for packet in state.conflicts.new]
    for packet, word in sorted(new, key=lambda item: item[0].index):
        yield _row(packet_row(packet, word))


def _row(row: TableRow) -> Row:
    return Row(cast("int", row[0]), *map(str, row[1:_SHOWN]))
