"""The newest packets and runs of a ledger, from its end back: only its end is read."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from greenlight.ledger.base import Base
from greenlight.ledger.read import Ledger
from greenlight.ledger.tables import CONFLICT, SEALED, late_packets, late_runs
from greenlight.model.state import PacketState, RunState


def newest_packets(ledger: Ledger) -> Iterator[tuple[PacketState, str]]:
    """Yield the packets, newest first, each with SEALED or CONFLICT."""
    state, base = ledger.state, _base(ledger)
    new = [(packet, SEALED) for packet in state.packets.new.values()]
    new += [(packet, CONFLICT) for packet in state.conflicts.new]
    new.sort(key=lambda item: item[0].index, reverse=True)
    return chain(new, () if base is None else late_packets(base))


def newest_runs(ledger: Ledger) -> Iterator[RunState]:
    """Yield the runs, newest first."""
    base = _base(ledger)
    new = sorted(ledger.state.runs.new.values(), key=lambda run: run.index, reverse=True)
    return chain(new, () if base is None else late_runs(base))


def _base(ledger: Ledger) -> Base | None:
    return None if ledger.kept is None else ledger.kept.base
