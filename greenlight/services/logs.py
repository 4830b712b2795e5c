"""What is in a store: its runs and packets, newest first, or every entry of its ledger."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import islice, takewhile
from typing import Final

from greenlight.errors import MalformedError
from greenlight.ledger.pending import odd_pending
from greenlight.ledger.read import Ledger, read_records
from greenlight.ledger.recent import newest_packets, newest_runs
from greenlight.ledger.shelves import find_each
from greenlight.ledger.tables import SEALED
from greenlight.model.entry import decode_entry
from greenlight.model.finding import Finding
from greenlight.model.record import decode_record
from greenlight.model.state import PacketState, RunState
from greenlight.primitives.text import escape
from greenlight.primitives.timestamp import format_micros
from greenlight.services.packets import ledger_of, shelved_packets
from greenlight.store.repository import Store

# What an entry is about: the first of these that its body has.
_ABOUT: Final = (
    "blocker",
    "packet",
    "grant",
    "receipt_id",
    "operation_id",
    "prefix",
    "version",
    "time",
)


_FEW: Final = 8  # one look-up takes as long as to list this many


@dataclass(frozen=True, slots=True)
class LogLine:
    """A run or packet, as the ledger has it.

    Attributes:
        index: Of the record that says the last of it.
        time: Ledger time of that record.
        packet_id: Lane and run.
        packet_tree: Empty for a run without a packet.
        lane: Slug.
        mode: As opened or sealed.
        status: As sealed; empty for a run without a packet.
        state: SEALED, ADMITTED, WITHHELD, CONFLICT or ABANDONED.
        here: Whether the packet's bytes are on a shelf here.
    """

    index: int
    time: str
    packet_id: str
    packet_tree: str
    lane: str
    mode: str
    status: str
    state: str
    here: bool

    def to_dict(self) -> dict[str, object]:
        """Return the object that ``--json`` prints."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class EntryLine:
    """A record of the ledger.

    Attributes:
        index: Its index.
        time: Its ledger time.
        kind: Of the entry; empty where that does not parse.
        about: What the entry is about: a packet, a grant, a version.
        actor: Thumbprint URI of who signed.
        void: Why it has no effect; empty where it has.
    """

    index: int
    time: str
    kind: str
    about: str
    actor: str
    void: str

    def to_dict(self) -> dict[str, object]:
        """Return the object that ``--json`` prints."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class StoreLog:
    """What is in a store.

    Attributes:
        ref: Where its ledger lies.
        trust_root: The pinned digest.
        size: Records.
        packets: Runs and packets, newest first.
        entries: Every record, newest first; only where they were asked for.
        voids: Number of entries without effect.
        odd: What lies among the acts that wait for the remote, and is none.
    """

    ref: str
    trust_root: str
    size: int
    packets: tuple[LogLine, ...]
    entries: tuple[EntryLine, ...]
    voids: int
    odd: tuple[Finding, ...] = ()

    def to_dict(self) -> dict[str, object]:
        """Return the object that ``--json`` prints."""
        return {
            "ref": self.ref,
            "trust_root": self.trust_root,
            "size": self.size,
            "voids": self.voids,
            "packets": [line.to_dict() for line in self.packets],
            "entries": [line.to_dict() for line in self.entries],
            "odd": [finding.to_dict() for finding in self.odd],
        }


def read_log(store: Store, *, entries: bool = False, limit: int = 0) -> StoreLog:
    """Read what is in a store.

    Args:
        store: The store.
        entries: Whether every record is asked for, too.
        limit: How many lines of each are wanted, the newest; 0 for all.  A few are found from
            the end of the ledger, however long it is.

    Raises:
        RejectedError: The ledger is broken, or not the one that is pinned.
        StoreError: The store cannot be read.
    """
    ledger = ledger_of(store)
    ledger.require()
    most = limit or ledger.head.size
    return StoreLog(
        ref=ledger.ref,
        trust_root=str(ledger.head.pin) if ledger.head.size else "",
        size=ledger.head.size,
        packets=tuple(_lines(store, ledger, most)),
        entries=tuple(reversed(list(_entries(store, ledger, most)))) if entries else (),
        voids=len(ledger.state.voids),
        odd=tuple(odd_pending(store)) if ledger.shared else (),
    )


def _lines(store: Store, ledger: Ledger, most: int) -> list[LogLine]:
    packets = list(islice(newest_packets(ledger), most))
    # A run that was opened before the oldest line is on none of these.
    first = packets[-1][0].index if len(packets) == most and packets else 0
    runs = takewhile(lambda run: run.index > first, newest_runs(ledger))
    state = ledger.state
    here = _here(store, [packet.sealed.packet_tree for packet, _ in packets], ledger.head.size)
    lines = [_packet(packet, _state_of(packet, word, ledger), here) for packet, word in packets]
    abandoned = (run for run in runs if run.opened.packet not in state.packets)
    lines += [_abandoned(run) for run in islice(abandoned, most)]
    lines.sort(key=lambda line: line.index, reverse=True)
    return lines[:most]


def _here(store: Store, trees: list[str], size: int) -> set[str]:
    """Return which of these packets are on a shelf; a few are looked up, many are listed."""
    if len(trees) * _FEW > size:
        return {entry.packet_tree for entry in shelved_packets(store)}
    found = find_each(store, trees)
    return {entry.packet_tree for each in found for entry in each.entries}


def _state_of(packet: PacketState, word: str, ledger: Ledger) -> str:
    if word != SEALED:
        return word
    purged = packet.sealed.packet_tree in ledger.state.purged
    return "WITHHELD" if purged else ledger.standing_of(packet.index)


def _packet(packet: PacketState, state: str, here: set[str]) -> LogLine:
    sealed = packet.sealed
    return LogLine(
        index=packet.index,
        time=_time(packet.time),
        packet_id=sealed.packet,
        packet_tree=sealed.packet_tree,
        lane=sealed.lane,
        mode=sealed.mode,
        status=sealed.status,
        state=state,
        here=sealed.packet_tree in here,
    )


def _abandoned(run: RunState) -> LogLine:
    opened = run.opened
    return LogLine(
        index=run.index,
        time=_time(run.time),
        packet_id=opened.packet,
        packet_tree="",
        lane=opened.lane,
        mode=opened.mode,
        status="",
        state="ABANDONED",
        here=False,
    )


def _time(time: datetime) -> str:
    return format_micros(time)


def _entries(store: Store, ledger: Ledger, most: int) -> Iterator[EntryLine]:
    voids = {void.index: f"{void.code.name}: {void.reason}" for void in ledger.state.voids}
    for raw in read_records(store, ledger, max(0, ledger.head.size - most), ledger.head.size):
        record = decode_record(raw)
        void = escape(voids.get(record.index, ""))
        try:
            entry = decode_entry(record.entry)
        except MalformedError:
            yield EntryLine(record.index, _time(record.time), "", "", "", void)
            continue
        names = (entry.body.get(name, "") for name in _ABOUT)
        about = escape(str(next((name for name in names if name), "")))
        yield EntryLine(record.index, _time(record.time), entry.kind, about, entry.issuer, void)
