"""The kinds of entry that a run is made of, and what an owner says of packets and the clock.

``trust.root`` stands in ``model.trust``, ``grant.issued`` in ``model.grant``.  A kind
that is not here is kept in the ledger without effect.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, ClassVar

from greenlight.codes import Code
from greenlight.errors import MalformedError
from greenlight.model.body import (
    GrantId,
    Lane,
    MicrosText,
    Reason,
    RunMode,
    SealMode,
    Spoken,
    Status,
    Ticket,
    require_ordered,
)
from greenlight.model.fields import DigestText, PacketId, Range, Uuid
from greenlight.model.grant import MAX_USES
from greenlight.model.words import packet_id
from greenlight.primitives.timestamp import parse_micros

NOT_EXECUTED = "NOT_EXECUTED"
MAX_TICKETS = 1024  # 001 reserves twenty


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOpened(Spoken):
    """A run was admitted, before its first step; a grant's use and tickets are spent.

    Attributes:
        run: UUID of the run.
        packet: Id that its packet will have: lane and run.
        lane: Lane slug.
        mode: Mode of the run.
        grant: Id of the grant it stands on.
        use: Which use of the grant, from 1.
        lane_digest: SHA-256 of the lane file.
        tickets: Tickets that are reserved, sorted.

    Raises:
        MalformedError: The packet id is not lane and run, or tickets have a second spelling.
    """

    KIND: ClassVar[str] = "run.opened"

    run: Uuid
    packet: PacketId
    lane: Lane
    mode: RunMode
    grant: GrantId
    use: Annotated[int, Range(1, MAX_USES)]
    lane_digest: DigestText
    tickets: tuple[Ticket, ...]

    def __post_init__(self) -> None:
        _require_packet_id(self.packet, self.lane, self.run)
        require_ordered("tickets", self.tickets)
        if len(self.tickets) > MAX_TICKETS:
            raise MalformedError(Code.MALFORMED, f"a run that reserves {len(self.tickets)} tickets")

    @property
    def use_claim(self) -> str:
        return f"grant/{self.grant}/use/{self.use}"

    @property
    def claims(self) -> tuple[str, ...]:
        tickets = (f"ticket/{ticket}" for ticket in self.tickets)
        return tuple(sorted((f"run/{self.run}", self.use_claim, *tickets)))


@dataclass(frozen=True, slots=True, kw_only=True)
class PacketSealed(Spoken):
    """A packet was sealed: the end of an opened run, or evidence made elsewhere.

    Attributes:
        packet: Packet id, lane and run.
        run: UUID of the run.
        lane: Lane slug.
        mode: Mode of the run, ``none`` for evidence made elsewhere.
        status: As in the statement.
        packet_tree: What the packet is.
        statement: SHA-256 of ``seal/statement.cbor``.
        seal: SHA-256 of ``seal/seal.cose``.

    Raises:
        MalformedError: The packet id is not lane and run, or mode and status disagree.
    """

    KIND: ClassVar[str] = "packet.sealed"

    packet: PacketId
    run: Uuid
    lane: Lane
    mode: SealMode
    status: Status
    packet_tree: DigestText
    statement: DigestText
    seal: DigestText

    def __post_init__(self) -> None:
        _require_packet_id(self.packet, self.lane, self.run)

    @property
    def claims(self) -> tuple[str, ...]:
        # Evidence from outside was opened by nobody: sealing takes its run's key as well.
        run = (f"run/{self.run}",) if self.status == NOT_EXECUTED else ()
        return (f"packet/{self.packet}", *run)

    @property
    def subject(self) -> str:
        return self.packet_tree


@dataclass(frozen=True, slots=True, kw_only=True)
class PacketPurged(Spoken):
    """An owner let a packet's bytes go; that it was sealed, and as what, stays recorded.

    Attributes:
        packet: Packet id, lane and run.
        packet_tree: What the packet is: the bytes that go.
        reason: Why, for people: one line.
    """

    KIND: ClassVar[str] = "packet.purged"

    packet: PacketId
    packet_tree: DigestText
    reason: Reason

    @property
    def claims(self) -> tuple[str, ...]:
        return (f"purge/{self.packet_tree}",)

    @property
    def subject(self) -> str:
        return self.packet_tree


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockCorrected(Spoken):
    """An owner says what time it is; the record's ledger time is that time.

    Attributes:
        time: The right time, which may be before the last ledger time.

    Raises:
        MalformedError: ``time`` is none.
    """

    KIND: ClassVar[str] = "clock.corrected"

    time: MicrosText

    def __post_init__(self) -> None:
        parse_micros(self.time)

    def to_body(self) -> dict[str, object]:
        return {"time": self.time}

    @property
    def claims(self) -> tuple[str, ...]:
        return ()

    @property
    def moment(self) -> datetime:
        return parse_micros(self.time)


def _require_packet_id(packet: str, lane: str, run: str) -> None:
    if packet != packet_id(lane, run):
        raise MalformedError(Code.MALFORMED, "a packet's id is its lane, a hyphen and its run")
