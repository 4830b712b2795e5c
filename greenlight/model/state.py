"""What a ledger amounts to at one size: computed by ``verify.fold``, never stored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from typing import Self

from greenlight.codes import Code
from greenlight.model.finding import Finding
from greenlight.model.grant import Grant
from greenlight.model.kinds import PacketPurged, PacketSealed, RunOpened
from greenlight.model.layers import Grown, Layered
from greenlight.model.trust import TrustRoot


@dataclass(frozen=True, slots=True)
class GrantState:
    """A grant in the ledger, whether or not it is in force.

    Attributes:
        grant: What it says.
        issuer: Thumbprint URI of the owner.
        index: Of its record.
    """

    grant: Grant
    issuer: str
    index: int


@dataclass(frozen=True, slots=True)
class RunState:
    """A run that was opened; without a packet it shows as ABANDONED.

    Nobody can tell from the ledger whether such a run still goes on.

    Attributes:
        opened: What its entry says.
        executor: Thumbprint URI of the key that opened it.
        index: Of its record.
        time: Ledger time of its record.
    """

    opened: RunOpened
    executor: str
    index: int
    time: datetime


@dataclass(frozen=True, slots=True)
class PacketState:
    """A packet that was sealed.

    Attributes:
        sealed: What its entry says.
        executor: Thumbprint URI of the key that sealed it.
        index: Of its record.
        time: Ledger time of its record.
    """

    sealed: PacketSealed
    executor: str
    index: int
    time: datetime


@dataclass(frozen=True, slots=True)
class PurgeState:
    """A packet whose bytes an owner let go.

    Attributes:
        purged: What its entry says.
        owner: Thumbprint URI of the key that signed it.
        index: Of its record.
        time: Ledger time of its record.
    """

    purged: PacketPurged
    owner: str
    index: int
    time: datetime


@dataclass(frozen=True, slots=True)
class Void:
    """An entry without effect.

    Attributes:
        index: Of its record.
        kind: Empty where the entry did not parse.
        uuid: Empty where the entry did not parse.
        code: Why; the code with which an append of it is refused.
        reason: Why, in words.
    """

    index: int
    kind: str
    uuid: str
    code: Code
    reason: str

    def to_finding(self) -> Finding:
        return Finding(
            Code.ENTRY_VOID,
            f"ledger/records/{self.index}.cbor",
            "an entry with effect",
            self.reason,
            "" if self.code is Code.ENTRY_VOID else self.code.name,
        )


@dataclass(slots=True)
class LedgerState:
    """The fold of all records so far.  Read it; ``verify.fold`` alone makes the next one.

    Its collections may stand on a base that is kept elsewhere (``model.layers``).

    Attributes:
        size: Records folded.
        time: Ledger time of the last one, None before the first.
        trust: The trust root in force.
        grants: By id.
        uses: Number of spent uses, by grant.
        runs: Opened runs, by run UUID.
        packets: Packets whose claim held, by packet id.
        trees: Packet id by packet tree ``sha256:<hex>``.
        conflicts: Packets whose claim was taken: state CONFLICT.
        purged: Packets whose bytes an owner let go, by packet tree; they stay in the others.
        claims: Index of the record that holds a key.
        uuids: Index of its record, by actor and UUID of every signed entry.
        voids: Entries without effect, in order; conflicts among them.
        corrections: Indexes at which an owner corrected the clock, each by itself.
    """

    size: int = 0
    time: datetime | None = None
    trust: TrustRoot | None = None
    grants: Layered[str, GrantState] = field(default_factory=Layered)
    uses: Layered[str, int] = field(default_factory=Layered)
    runs: Layered[str, RunState] = field(default_factory=Layered)
    packets: Layered[str, PacketState] = field(default_factory=Layered)
    trees: Layered[str, str] = field(default_factory=Layered)
    conflicts: Grown[PacketState] = field(default_factory=Grown)
    purged: Layered[str, PurgeState] = field(default_factory=Layered)
    claims: Layered[str, int] = field(default_factory=Layered)
    uuids: Layered[tuple[str, str], int] = field(default_factory=Layered)
    voids: Grown[Void] = field(default_factory=Grown)
    corrections: Layered[int, int] = field(default_factory=Layered)

    def copy(self) -> Self:
        """Return a state that can be changed without changing this one."""
        return type(self)(
            self.size,
            self.time,
            self.trust,
            self.grants.copy(),
            self.uses.copy(),
            self.runs.copy(),
            self.packets.copy(),
            self.trees.copy(),
            self.conflicts.copy(),
            self.purged.copy(),
            self.claims.copy(),
            self.uuids.copy(),
            self.voids.copy(),
            self.corrections.copy(),
        )

    def is_recorded(self, packet: str, tree: str) -> bool:
        """Report whether a packet of this id and tree was sealed, as a CONFLICT or not."""
        held = self.packets.get(packet)
        if held is not None and held.sealed.packet_tree == tree:
            return True
        return any(
            (p.sealed.packet, p.sealed.packet_tree) == (packet, tree) for p in self.conflicts
        )

    def next_use(self, grant: str) -> int | None:
        """Return the lowest use of a grant that nobody has spent, or None."""
        held = self.grants.get(grant)
        if held is None:
            return None
        spent = self.uses.get(grant, 0)
        for use in chain([spent + 1], range(1, spent + 1)):  # spent in order, unless somebody chose
            if use <= held.grant.max_uses and f"grant/{grant}/use/{use}" not in self.claims:
                return use
        return None

    def abandoned(self) -> Iterator[RunState]:
        """Yield the runs that no packet has ended, in the order of their opening."""
        return (run for run in self.runs.values() if run.opened.packet not in self.packets)
