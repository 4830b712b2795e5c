"""The tables of a snapshot: how the fold of a ledger is laid down, and looked up again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final, Generic, TypeVar, cast

from greenlight.codes import Code
from greenlight.ledger.base import Base, Row, checksum
from greenlight.ledger.places import Place
from greenlight.model.checkpoint import CheckpointSigned
from greenlight.model.doubled import SealDoubled
from greenlight.model.entry import Body
from greenlight.model.gate_result import GateState
from greenlight.model.grant import Grant, GrantRevoked
from greenlight.model.kinds import PacketPurged, PacketSealed, RunOpened
from greenlight.model.layers import Grown, Layered
from greenlight.model.receipt import AuthorisationReceipt, OperationRecorded, ReceiptSpent
from greenlight.model.reviewed import BlockerResolved, PacketCountersigned
from greenlight.model.state import (
    GrantState,
    LedgerState,
    PacketState,
    PurgeState,
    RootState,
    RunState,
    Said,
    Void,
)
from greenlight.model.tickets import TicketsFolded, TicketsReserved
from greenlight.model.trust import TrustRoot
from greenlight.primitives.timestamp import format_micros, parse_micros

Key = TypeVar("Key")
Value = TypeVar("Value")

SEALED, CONFLICT = "SEALED", "CONFLICT"
PACKET_COLUMNS: Final = (
    "record, packet, tree, run, lane, mode, status, state, time,"
    " statement, seal, executor, checksum"
)
_FACT_COLUMNS: Final = "kind, key, record, value, checksum"
_PLACE_COLUMNS: Final = "first, ledger_commit, head, frontier, ids, checksum"
_ASKED: Final = 128  # keys in one question: SQLite before 3.32 takes 999 values
_REMEMBERED: Final = 64  # facts that were looked up: a grant is asked for by each of its runs
_PAGE: Final = 64  # rows at a time, so that no writer waits for a reader that takes long

SCHEMA: Final = """
CREATE TABLE bound (
    version TEXT NOT NULL,
    ref TEXT NOT NULL,
    ledger_commit TEXT NOT NULL,
    size INTEGER NOT NULL,
    origin TEXT NOT NULL,
    frontier BLOB NOT NULL,
    sha512 BLOB NOT NULL,
    blake2b BLOB NOT NULL,
    time TEXT NOT NULL,
    trust TEXT NOT NULL,
    checksum INTEGER NOT NULL
);
CREATE TABLE places (
    first INTEGER PRIMARY KEY,
    ledger_commit TEXT NOT NULL,
    head TEXT NOT NULL,
    frontier TEXT NOT NULL,
    ids BLOB NOT NULL,
    checksum INTEGER NOT NULL
);
CREATE TABLE facts (
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    record INTEGER NOT NULL,
    value TEXT NOT NULL,
    checksum INTEGER NOT NULL,
    PRIMARY KEY (kind, key, record)
) WITHOUT ROWID;
CREATE INDEX runs ON facts (record) WHERE kind = 'run';
CREATE TABLE packets (
    record INTEGER PRIMARY KEY,
    packet TEXT NOT NULL,
    tree TEXT NOT NULL,
    run TEXT NOT NULL,
    lane TEXT NOT NULL,
    mode TEXT NOT NULL,
    status TEXT NOT NULL,
    state TEXT NOT NULL,
    time TEXT NOT NULL,
    statement TEXT NOT NULL,
    seal TEXT NOT NULL,
    executor TEXT NOT NULL,
    checksum INTEGER NOT NULL
);
CREATE INDEX by_packet ON packets (packet);
CREATE INDEX by_run ON packets (run);
CREATE INDEX by_tree ON packets (tree);
CREATE INDEX conflicts ON packets (record) WHERE state = 'CONFLICT';
"""


# --- writing


def fact_rows(state: LedgerState) -> Iterator[Row]:
    """Yield the rows of what is new in a state, but for its packets."""
    for row in _facts(state):
        yield *row, checksum(row)


def _facts(state: LedgerState) -> Iterator[tuple[str, str, int, str]]:
    for claim, index in state.claims.new.items():
        yield "claim", claim, index, ""
    for (actor, uuid), index in state.uuids.new.items():
        yield "uuid", f"{actor} {uuid}", index, ""
    for grant, held in state.grants.new.items():
        yield "grant", grant, held.index, _json([held.issuer, held.grant.to_body()])
    for run_id, run in state.runs.new.items():
        said = _json([run.executor, format_micros(run.time), run.opened.to_body()])
        yield "run", run_id, run.index, said
    for tree, purge in state.purged.new.items():
        said = _json([purge.owner, format_micros(purge.time), purge.purged.to_body()])
        yield "purge", tree, purge.index, said
    for void in state.voids.new:
        said = _json([void.kind, void.uuid, void.code.name, void.reason])
        yield "void", str(void.index), void.index, said
    for index in state.corrections.new:
        yield "correction", str(index), index, ""
    for (name, module), gate in state.gates.new.items():
        yield "gate", f"{name} {module}", gate.index, _json(_gate_row(gate))
    yield from _trust_facts(state)
    yield from _numbers(state)
    for kept in _SAID:
        yield from kept.rows(state)


def _trust_facts(state: LedgerState) -> Iterator[tuple[str, str, int, str]]:
    for version, root in state.roots.new.items():
        said = _json([root.entry, root.actor, format_micros(root.time), root.root.to_body()])
        yield "root", version, root.index, said
    for kid, half in state.halves.new.items():
        yield "half", kid, state.size - 1, half
    for index, word in state.demands.new.items():
        yield "demand", str(index), index, str(word)


def _numbers(state: LedgerState) -> Iterator[tuple[str, str, int, str]]:
    for kind, numbers in (("use", state.uses.new), ("highest", state.highest.new)):
        for key, number in numbers.items():
            yield kind, key, state.size - 1, str(number)


def packet_rows(state: LedgerState) -> Iterator[Row]:
    """Yield the rows of the packets that are new in a state."""
    for word, packets in ((SEALED, state.packets.new.values()), (CONFLICT, state.conflicts.new)):
        for packet in packets:
            row = packet_row(packet, word)
            yield *row, checksum(row)


def packet_row(packet: PacketState, state: str) -> Row:
    """Return a packet's row, without its checksum."""
    sealed = packet.sealed
    return (
        packet.index,
        sealed.packet,
        sealed.packet_tree,
        sealed.run,
        sealed.lane,
        sealed.mode,
        sealed.status,
        state,
        format_micros(packet.time),
        sealed.statement,
        sealed.seal,
        packet.executor,
    )


def place_row(place: Place) -> Row:
    """Return the row of a ledger commit."""
    row = (place.first, place.commit, place.head, place.frontier, place.ids)
    return *row, checksum(row)


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


# --- reading


def state_on(
    base: Base, *, time: datetime | None = None, trust: TrustRoot | None = None
) -> LedgerState:
    """Return the state that stands on tables."""
    said: dict[str, Any] = {kept.name: kept.on(base) for kept in _SAID}
    return LedgerState(
        size=base.size,
        time=time,
        trust=trust,
        roots=Layered(_Facts(base, "root", str, str, _root)),
        halves=Layered(_Facts(base, "half", str, str, lambda _, value: value)),
        demands=Layered(_Facts(base, "demand", str, int, lambda _, value: int(value))),
        grants=Layered(_Facts(base, "grant", str, str, _grant)),
        uses=Layered(_Facts(base, "use", str, str, lambda _, value: int(value))),
        runs=Layered(_Facts(base, "run", str, str, _run)),
        packets=Layered(_Packets(base)),
        trees=Layered(_Trees(base)),
        conflicts=Grown(_Conflicts(base)),
        purged=Layered(_Facts(base, "purge", str, str, _purge)),
        claims=Layered(_Facts(base, "claim", str, str, _record)),
        uuids=Layered(_Facts(base, "uuid", " ".join, _pair, _record)),
        voids=Grown(_Voids(base)),
        gates=Layered(_Facts(base, "gate", " ".join, _pair, _gate)),
        corrections=Layered(_Facts(base, "correction", str, int, _record)),
        highest=Layered(_Facts(base, "highest", str, str, lambda _, value: int(value))),
        **said,
    )


class _Facts(Generic[Key, Value]):
    """The facts of one kind, by key."""

    def __init__(
        self,
        base: Base,
        kind: str,
        spell: Callable[[Key], str],
        unspell: Callable[[str], Key],
        read: Callable[[int, str], Value],
    ) -> None:
        self._base = base
        self._kind = kind
        self._spell = spell
        self._unspell = unspell
        self._read = read
        self._found: dict[str, Value] = {}

    def find(self, key: Key) -> Value | None:
        spelled = self._spell(key)
        if self._base.lacks(self._kind, spelled):
            return None
        if spelled in self._found:
            return self._found[spelled]
        rows = self._base.rows(
            f"SELECT {_FACT_COLUMNS} FROM facts WHERE kind = ? AND key = ? AND record < ?"  # noqa: S608 - our own columns
            " ORDER BY record DESC LIMIT 1",
            self._kind,
            spelled,
            self._base.size,
        )
        for _, _, record, value in rows:
            if len(self._found) >= _REMEMBERED:
                self._found.clear()
            self._found[spelled] = found = self._read(_int(record), str(value))
            return found
        return None

    def pairs(self) -> Iterator[tuple[Key, Value]]:
        latest: dict[str, tuple[int, str]] = {}
        for record, key, value in _facts_of(self._base, self._kind):
            latest[key] = record, value
        for key, (record, value) in latest.items():
            yield self._unspell(key), self._read(record, value)

    def __len__(self) -> int:
        return self._base.count(
            "SELECT count(DISTINCT key) FROM facts WHERE kind = ? AND record < ?",
            self._kind,
            self._base.size,
        )


class _Said(Generic[Key]):
    """A mapping of the state whose values are bodies with their actor, record and time.

    Args:
        name: The attribute of the state, and the kind of the facts.
        read: Reads a body.
        spell: Spells a key.
        unspell: Reads it again.
    """

    def __init__(
        self,
        name: str,
        read: Callable[[Mapping[str, object]], Body],
        spell: Callable[[Key], str],
        unspell: Callable[[str], Key],
    ) -> None:
        self.name = name
        self._read = read
        self._spell = spell
        self._unspell = unspell

    def rows(self, state: LedgerState) -> Iterator[tuple[str, str, int, str]]:
        """Yield the facts of what is new."""
        held: Layered[Key, Said[Body]] = getattr(state, self.name)
        for key, said in held.new.items():
            value = _json([said.actor, format_micros(said.time), said.body.to_body()])
            yield self.name, self._spell(key), said.index, value

    def on(self, base: Base) -> Layered[Key, Said[Body]]:
        """Return the mapping that stands on tables."""
        return Layered(_Facts(base, self.name, self._spell, self._unspell, self._said))

    def _said(self, record: int, value: str) -> Said[Body]:
        actor, time, body = json.loads(value)
        return Said(self._read(body), actor, record, parse_micros(time))


def _pair(key: str) -> tuple[str, str]:
    first, _, second = key.partition(" ")
    return first, second


_SAID: Final = (
    _Said("checkpoints", CheckpointSigned.from_body, str, int),
    _Said("doubled", SealDoubled.from_body, str, str),
    _Said("lost_runs", RunOpened.from_body, " ".join, _pair),
    _Said("grants_revoked", GrantRevoked.from_body, str, str),
    _Said("receipts", AuthorisationReceipt.from_body, str, str),
    _Said("spends", ReceiptSpent.from_body, str, str),
    _Said("operations", OperationRecorded.from_body, str, str),
    _Said("countersignatures", PacketCountersigned.from_body, " ".join, _pair),
    _Said("reservations", TicketsReserved.from_body, str, str),
    _Said("folds", TicketsFolded.from_body, str, str),
    _Said("resolutions", BlockerResolved.from_body, " ".join, _pair),
)


def _facts_of(base: Base, kind: str) -> Iterator[tuple[int, str, str]]:
    rows = base.rows(
        f"SELECT {_FACT_COLUMNS} FROM facts WHERE kind = ? AND record < ? ORDER BY record, key",  # noqa: S608 - our own columns
        kind,
        base.size,
    )
    return ((_int(record), str(key), str(value)) for _, key, record, value in rows)


def _record(record: int, _value: str) -> int:
    return record


def _grant(record: int, value: str) -> GrantState:
    issuer, body = json.loads(value)
    return GrantState(Grant.from_body(body), issuer, record)


def _root(record: int, value: str) -> RootState:
    entry, actor, time, body = json.loads(value)
    return RootState(TrustRoot.from_body(body), entry, actor, record, parse_micros(time))


def _run(record: int, value: str) -> RunState:
    executor, time, body = json.loads(value)
    return RunState(RunOpened.from_body(body), executor, record, parse_micros(time))


def _gate_row(gate: GateState) -> list[object]:
    time = "" if gate.time is None else format_micros(gate.time)
    last = [gate.verdict, gate.commit, gate.base, gate.result, time]
    return [gate.definition, list(gate.days), gate.red_day, last, gate.graduated]


def _gate(record: int, value: str) -> GateState:
    definition, days, red_day, (verdict, commit, base, result, time), graduated = json.loads(value)
    return GateState(
        definition=definition,
        days=tuple(days),
        red_day=red_day,
        verdict=verdict,
        commit=commit,
        base=base,
        result=result,
        time=parse_micros(time) if time else None,
        graduated=graduated,
        index=record,
    )


def _purge(record: int, value: str) -> PurgeState:
    owner, time, body = json.loads(value)
    return PurgeState(PacketPurged.from_body(body), owner, record, parse_micros(time))


class _Voids:
    def __init__(self, base: Base) -> None:
        self._base = base

    def at(self, position: int) -> Void:
        return list(self.each())[position]

    def each(self) -> Iterator[Void]:
        for record, _, value in _facts_of(self._base, "void"):
            kind, uuid, code, reason = json.loads(value)
            yield Void(record, kind, uuid, Code[code], reason)

    def __len__(self) -> int:
        return self._base.count(
            "SELECT count(*) FROM facts WHERE kind = 'void' AND record < ?", self._base.size
        )


class _Packets:
    """The packets whose claim held, by id."""

    def __init__(self, base: Base) -> None:
        self._base = base

    def find(self, key: str) -> PacketState | None:
        if self._base.lacks("packet", key):
            return None
        found = packets_where(self._base, f"packet = ? AND state = '{SEALED}'", key)
        return next((packet_of(row) for row in found), None)

    def pairs(self) -> Iterator[tuple[str, PacketState]]:
        for packet in _each_packet(self._base, SEALED):
            yield packet.sealed.packet, packet

    def __len__(self) -> int:
        return _count_packets(self._base, SEALED)


class _Trees:
    """The packet that was first sealed with a tree."""

    def __init__(self, base: Base) -> None:
        self._base = base

    def find(self, key: str) -> str | None:
        if self._base.lacks("tree", key):
            return None
        found = packets_where(self._base, f"tree = ? AND state = '{SEALED}'", key)
        return next((str(row[1]) for row in found), None)

    def pairs(self) -> Iterator[tuple[str, str]]:
        for packet in _each_packet(self._base, SEALED):
            if self.find(packet.sealed.packet_tree) == packet.sealed.packet:
                yield packet.sealed.packet_tree, packet.sealed.packet

    def __len__(self) -> int:
        return self._base.count(
            "SELECT count(DISTINCT tree) FROM packets WHERE state = ? AND record < ?",
            SEALED,
            self._base.size,
        )


class _Conflicts:
    def __init__(self, base: Base) -> None:
        self._base = base

    def at(self, position: int) -> PacketState:
        return list(self.each())[position]

    def each(self) -> Iterator[PacketState]:
        return _each_packet(self._base, CONFLICT)

    def __len__(self) -> int:
        return _count_packets(self._base, CONFLICT)


def look_up(base: Base, keys: Iterable[tuple[str, str]]) -> None:
    """Look up many keys at once, so that those that are new are not asked for one by one.

    Args:
        base: The tables.
        keys: Each a kind of fact and its key as it is spelled, or ``tree`` and a packet's tree.
    """
    wanted = set(keys)
    facts = [pair for pair in wanted if pair[0] != "tree"]
    for at in range(0, len(facts), _ASKED):
        some = facts[at : at + _ASKED]
        found = base.pairs(
            f"WITH wanted (kind, key) AS (VALUES {', '.join(['(?, ?)'] * len(some))})"  # noqa: S608 - marks alone
            " SELECT kind, key FROM wanted CROSS JOIN facts USING (kind, key)",
            *(text for pair in some for text in pair),
        )
        wanted.difference_update(found)
    trees = [tree for kind, tree in wanted if kind == "tree"]
    for at in range(0, len(trees), _ASKED):
        some_trees = trees[at : at + _ASKED]
        found = base.pairs(
            f"WITH wanted (tree) AS (VALUES {', '.join(['(?)'] * len(some_trees))})"  # noqa: S608 - marks alone
            " SELECT 'tree', tree FROM wanted CROSS JOIN packets USING (tree)",
            *some_trees,
        )
        wanted.difference_update(found)
    base.note_absent(wanted)


def packets_where(base: Base, where: str, *values: object) -> list[Row]:
    """Return rows of packets, by record; ``where`` is our own, and its values are not."""
    # The plus sign keeps SQLite from going through all packets, since they are in this order.
    return base.rows(
        f"SELECT {PACKET_COLUMNS} FROM packets WHERE ({where}) AND +record < ?"  # noqa: S608 - ours
        " ORDER BY +record",
        *values,
        base.size,
    )


def packet_of(row: Row) -> PacketState:
    """Return the packet that a row tells of."""
    packet, tree, run, lane, mode, status, _, time, statement, seal, executor = map(str, row[1:])
    sealed = PacketSealed(
        packet=packet,
        run=run,
        lane=lane,
        mode=mode,
        status=status,
        packet_tree=tree,
        statement=statement,
        seal=seal,
    )
    return PacketState(sealed, executor, _int(row[0]), parse_micros(time))


def _each_packet(base: Base, state: str) -> Iterator[PacketState]:
    first = 0
    while rows := base.rows(
        f"SELECT {PACKET_COLUMNS} FROM packets WHERE state = '{state}'"  # noqa: S608 - ours
        " AND record >= ? AND record < ? ORDER BY record LIMIT ?",
        first,
        base.size,
        _PAGE,
    ):
        yield from map(packet_of, rows)
        first = _int(rows[-1][0]) + 1


def late_packets(base: Base) -> Iterator[tuple[PacketState, str]]:
    """Yield the packets, newest first, each with SEALED or CONFLICT."""
    last = base.size
    while rows := base.rows(
        f"SELECT {PACKET_COLUMNS} FROM packets WHERE record < ? ORDER BY record DESC LIMIT ?",  # noqa: S608 - our own columns
        last,
        _PAGE,
    ):
        yield from ((packet_of(row), str(row[7])) for row in rows)
        last = _int(rows[-1][0])


def late_runs(base: Base) -> Iterator[RunState]:
    """Yield the runs, newest first."""
    last = base.size
    while rows := base.rows(
        # Left to itself, SQLite goes through all runs and sorts them.
        f"SELECT {_FACT_COLUMNS} FROM facts INDEXED BY runs"  # noqa: S608 - our own columns
        " WHERE kind = 'run' AND record < ? ORDER BY record DESC LIMIT ?",
        last,
        _PAGE,
    ):
        yield from (_run(_int(record), str(value)) for _, _, record, value in rows)
        last = _int(rows[-1][2])


def _count_packets(base: Base, state: str) -> int:
    return base.count(
        "SELECT count(*) FROM packets WHERE state = ? AND record < ?", state, base.size
    )


class PlaceTable:
    """The commits that added the first records."""

    def __init__(self, base: Base) -> None:
        self._base = base

    def of_record(self, index: int) -> Place:
        rows = self._base.rows(
            f"SELECT {_PLACE_COLUMNS} FROM places WHERE first <= ? ORDER BY first DESC LIMIT 1",  # noqa: S608 - our own columns
            index,
        )
        return _place(rows[0])

    def each(self, first: int = 0) -> Iterator[Place]:
        at = self.of_record(first).first if first else 0
        while True:
            rows = self._base.rows(
                f"SELECT {_PLACE_COLUMNS} FROM places WHERE first >= ? AND first < ?"  # noqa: S608 - our own columns
                " ORDER BY first LIMIT ?",
                at,
                self._base.size,
                _PAGE,
            )
            for row in rows:
                place = _place(row)
                yield place
                at = place.first + 1
            if not rows:
                return

    def __len__(self) -> int:
        return self._base.count("SELECT count(*) FROM places WHERE first < ?", self._base.size)


def _place(row: Row) -> Place:
    first, commit, head, frontier, ids = row
    return Place(str(commit), _int(first), cast("bytes", ids), str(head), str(frontier))


def _int(value: object) -> int:
    return cast("int", value)
