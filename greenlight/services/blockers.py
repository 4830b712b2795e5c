"""What still blocks production: the packets' maps, and what was lifted in the ledger since."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from greenlight.codes import Code
from greenlight.errors import GreenlightError, MalformedError, RefusedError
from greenlight.ledger.read import Ledger
from greenlight.model import codec
from greenlight.model.documents.blocker_map import BlockerMap, BlockerRow, BlockerState
from greenlight.model.kinds import NOT_EXECUTED
from greenlight.model.reviewed import BlockerResolved
from greenlight.model.state import LedgerState, PacketState, Said
from greenlight.primitives import cjson
from greenlight.primitives.ed25519 import Signer
from greenlight.primitives.text import escape
from greenlight.services.packets import Located, ledger_of, locate, locate_tree
from greenlight.services.saying import say
from greenlight.store.repository import Store

DOCUMENT = "production-readiness-blocker-map.json"


@dataclass(frozen=True, slots=True)
class Blocker:
    """A blocker of a packet, and what became of it.

    Attributes:
        packet: Packet id.
        packet_tree: What that packet is.
        row: What its map says.
        lifted: What the ledger says since, or None.
    """

    packet: str
    packet_tree: str
    row: BlockerRow
    lifted: Said[BlockerResolved] | None

    @property
    def is_open(self) -> bool:
        return self.row.state is BlockerState.OPEN and self.lifted is None

    @property
    def state(self) -> str:
        return BlockerState.OPEN.value if self.is_open else BlockerState.RESOLVED.value

    def to_dict(self) -> dict[str, object]:
        """Return the object that ``--json`` prints."""
        lifted = self.lifted
        return {
            "id": self.row.id,
            "state": self.state,
            "resolver": self.row.resolver.value,
            "reason": self.row.reason,
            "evidence": self.row.evidence,
            "packet": self.packet,
            "packet_tree": self.packet_tree,
            "lifted": None
            if lifted is None
            else {
                "record": lifted.index,
                "by": lifted.actor,
                "reason": lifted.body.reason,
                "evidence": lifted.body.evidence,
            },
        }


@dataclass(frozen=True, slots=True)
class BlockerList:
    """The blockers of some packets.

    Attributes:
        blockers: In the order of their packets, newest first.
        unknown: Packets whose map could not be read, each with why.
    """

    blockers: tuple[Blocker, ...]
    unknown: tuple[tuple[str, str], ...]

    @property
    def open(self) -> int:
        return sum(blocker.is_open for blocker in self.blockers)


def list_blockers(store: Store, name: str = "") -> BlockerList:
    """List the blockers of a packet, or of the newest packet of each lane.

    What cannot be read is listed as unknown, and is no sign that nothing blocks.

    Raises:
        RejectedError: The ledger is broken.
        UsageError: No such packet.
    """
    ledger = ledger_of(store)
    ledger.require()
    if name:
        located = locate(store, name)
        packet = _packet_of(ledger.state, located)
        return BlockerList(tuple(_blockers(ledger.state, packet, located)), ())
    newest: dict[str, PacketState] = {}
    for packet in ledger.state.packets.values():
        if packet.sealed.status != NOT_EXECUTED:  # evidence from outside has no map
            newest[packet.sealed.lane] = packet
    found: list[Blocker] = []
    unknown: list[tuple[str, str]] = []
    for packet in sorted(newest.values(), key=lambda held: held.index, reverse=True):
        try:
            found += blockers_of(store, ledger.state, packet)
        except GreenlightError as error:
            unknown.append((packet.sealed.packet, f"{error.code}: {error}"))
    return BlockerList(tuple(found), tuple(unknown))


def blockers_of(store: Store, state: LedgerState, packet: PacketState) -> tuple[Blocker, ...]:
    """Return the blockers of a packet that the ledger has.

    Raises:
        GreenlightError: Its map cannot be read, or is not what was sealed.
    """
    located = locate_tree(store, packet.sealed.packet_tree)
    return tuple(_blockers(state, packet, located))


def resolve_blocker(  # noqa: PLR0913 - what is said of one blocker
    store: Store,
    signer: Signer,
    name: str,
    blocker: str,
    reason: str,
    *,
    evidence: str = "",
    clock: Callable[[], datetime],
) -> Said[BlockerResolved]:
    """Lift a blocker of a packet.

    Raises:
        RefusedError: BLOCKER_UNKNOWN: its map has none of that id that is open;
            BLOCKER_NOT_RESOLVABLE: the key is not who may lift it; BLOCKER_RESOLVED_BEFORE.
        MalformedError: The reason is not one line.
        StoreError: The store does not serve.
    """
    ledger = ledger_of(store)
    ledger.require()
    located = locate(store, name)
    packet = _packet_of(ledger.state, located)
    rows = {each.row.id: each for each in _blockers(ledger.state, packet, located)}
    held = rows.get(blocker)
    if held is None or held.row.state is not BlockerState.OPEN:
        known = ", ".join(key for key, each in rows.items() if each.is_open) or "none"
        raise RefusedError(
            Code.BLOCKER_UNKNOWN,
            f"{packet.sealed.packet} has no open blocker {escape(blocker)}; open: {escape(known)}",
        )
    body = BlockerResolved.from_body(
        {
            "packet": packet.sealed.packet,
            "packet_tree": packet.sealed.packet_tree,
            "blocker": blocker,
            "resolver": held.row.resolver.value,
            "reason": reason,
            "evidence": evidence,
        }
    )
    told = say(store, signer, lambda _state, _now: [body], clock=clock)
    return told.state.resolutions[body.packet, body.blocker]


def _packet_of(state: LedgerState, located: Located) -> PacketState:
    packet_id = state.trees.get(located.packet.tree)
    packet = None if packet_id is None else state.packets.get(packet_id)
    if packet is None:
        raise RefusedError(
            Code.PACKET_NOT_RECORDED, f"{escape(located.where)} is not in this ledger"
        )
    return packet


def _blockers(state: LedgerState, packet: PacketState, located: Located) -> Iterator[Blocker]:
    sealed = packet.sealed
    data = located.files.get(DOCUMENT)
    if located.packet.tree != sealed.packet_tree or data is None:
        # Evidence from outside has no map; other bytes than those that were sealed have none.
        code = Code.DOCUMENT_MISSING if data is None else Code.TREE_MISMATCH
        raise MalformedError(code, f"{sealed.packet} has no blocker map that was sealed with it")
    try:
        found = codec.from_document(BlockerMap, cjson.decode(data))
    except codec.Unreadable as error:
        raise MalformedError(Code.DOCUMENT_SCHEMA, f"{DOCUMENT}: {error}") from error
    for row in found.blockers:
        lifted = state.resolutions.get((sealed.packet, row.id))
        if lifted is not None and (
            lifted.body.resolver != row.resolver.value
            or state.is_revoked(lifted.actor, lifted.index)
        ):
            lifted = None  # by somebody who may not, whatever was said; or not any more
        yield Blocker(sealed.packet, sealed.packet_tree, row, lifted)


def open_blockers(store: Store, ledger: Ledger, run_id: str) -> int | None:
    """Return how many blockers of a run's packet are open; None where that is not known."""
    run = ledger.state.runs.get(run_id)
    packet = None if run is None else ledger.state.packets.get(run.opened.packet)
    if packet is None:
        return None
    try:
        return sum(each.is_open for each in blockers_of(store, ledger.state, packet))
    except GreenlightError:
        return None
