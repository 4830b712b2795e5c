"""What people say about a packet: a reviewer's countersignature, a blocker that is lifted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from greenlight.model.body import Reason, Spoken
from greenlight.model.fields import DigestText, KeyUri, Label, MaybeDigest, Note, PacketId, Text

Opinion = Annotated[str, Text(r"approved|rejected", "one of approved, rejected")]
LiftedBy = Annotated[str, Text(r"owner|operator", "one of owner, operator")]


@dataclass(frozen=True, slots=True, kw_only=True)
class PacketCountersigned(Spoken):
    """A reviewer looked at a packet; whoever sealed it cannot be that reviewer.

    Attributes:
        packet: Packet id.
        packet_tree: What the packet is.
        statement: SHA-256 of ``seal/statement.cbor``.
        reviewer: Thumbprint URI of the signer, so that one reviewer counts once.
        verdict: approved or rejected.
        replayed: Whether the execution was replayed before.
        comment: For people, one line or none.
    """

    KIND: ClassVar[str] = "packet.countersigned"

    packet: PacketId
    packet_tree: DigestText
    statement: DigestText
    reviewer: KeyUri
    verdict: Opinion
    replayed: bool
    comment: Note

    @property
    def claims(self) -> tuple[str, ...]:
        thumbprint = self.reviewer.rpartition(":")[2]
        return (f"countersignature/{self.packet}/{thumbprint}",)

    @property
    def subject(self) -> str:
        return self.packet_tree


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockerResolved(Spoken):
    """A blocker that a packet's map leaves open was lifted by who may lift it.

    Attributes:
        packet: Packet whose map has it.
        packet_tree: What that packet is.
        blocker: Its id there.
        resolver: Who may lift it, as the map says; the signer has that role.
        reason: Why, one line.
        evidence: SHA-256 of what was looked at, or none.
    """

    KIND: ClassVar[str] = "blocker.resolved"

    packet: PacketId
    packet_tree: DigestText
    blocker: Label
    resolver: LiftedBy
    reason: Reason
    evidence: MaybeDigest

    @property
    def claims(self) -> tuple[str, ...]:
        return (f"blocker/{self.packet}/{self.blocker}",)

    @property
    def subject(self) -> str:
        return self.packet_tree
