"""What a ledger amounts to at one size: computed by ``verify.fold``, never stored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from datetime import datetime
from itertools import chain
from typing import Any, Generic, Self, TypeVar

from greenlight.codes import Code
from greenlight.model.checkpoint import CheckpointSigned
from greenlight.model.doubled import SealDoubled
from greenlight.model.finding import Finding
from greenlight.model.gate_result import GateState
from greenlight.model.grant import Grant, GrantRevoked
from greenlight.model.kinds import PacketPurged, PacketSealed, RunOpened
from greenlight.model.layers import Grown, Layered
from greenlight.model.receipt import AuthorisationReceipt, OperationRecorded, ReceiptSpent
from greenlight.model.reviewed import BlockerResolved, PacketCountersigned
from greenlight.model.tickets import TicketsFolded, TicketsReserved
from greenlight.model.trust import TrustRoot

Body_co = TypeVar("Body_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Said(Generic[Body_co]):
    """Something that was said with effect.

    Attributes:
        body: What.
        actor: Thumbprint URI of the key that signed it.
        index: Of its record.
        time: Ledger time of its record.
    """

    body: Body_co
    actor: str
    index: int
    time: datetime


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
class RootState:
    """A version of the trust root that was put in force.

    Attributes:
        root: What it says.
        entry: ``sha256:<hex>`` of its entry, which the next version names.
        actor: Thumbprint URI of the owner whose entry it is.
        index: Of its record.
        time: Ledger time of its record.
    """

    root: TrustRoot
    entry: str
    actor: str
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
        roots: Every version that was put in force, by its number in decimal.
        halves: Base64 of post-quantum keys that were ever in a trust root, by the hexadecimal
            digits of their thumbprints.
        demands: 1 from where on the trust root demands both halves, 0 from where on it does
            not, by index; only where that changes.
        doubled: Second seals, by packet tree.
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
        checkpoints: Signed checkpoints, by the record that brought them; roots are not compared.
        lost_runs: Runs whose opening lost a claim to another, by run and actor; their packets are
            CONFLICT.
        grants_revoked: By grant.
        receipts: Authorisation receipts, by id; spent ones too.
        spends: What was spent, by receipt.
        operations: What came of operations, by operation.
        countersignatures: By packet id and the reviewer's key.
        highest: Highest ticket number that was ever reserved, by prefix.
        reservations: Ranges that no run reserved, by their first ticket.
        folds: What took tickets into the registry, by the first ticket of each.
        resolutions: Blockers that were lifted, by packet id and blocker.
        gates: What came of gates, by name and module.
    """

    size: int = 0
    time: datetime | None = None
    trust: TrustRoot | None = None
    roots: Layered[str, RootState] = field(default_factory=Layered)
    halves: Layered[str, str] = field(default_factory=Layered)
    demands: Layered[int, int] = field(default_factory=Layered)
    doubled: Layered[str, Said[SealDoubled]] = field(default_factory=Layered)
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
    checkpoints: Layered[int, Said[CheckpointSigned]] = field(default_factory=Layered)
    lost_runs: Layered[tuple[str, str], Said[RunOpened]] = field(default_factory=Layered)
    grants_revoked: Layered[str, Said[GrantRevoked]] = field(default_factory=Layered)
    receipts: Layered[str, Said[AuthorisationReceipt]] = field(default_factory=Layered)
    spends: Layered[str, Said[ReceiptSpent]] = field(default_factory=Layered)
    operations: Layered[str, Said[OperationRecorded]] = field(default_factory=Layered)
    countersignatures: Layered[tuple[str, str], Said[PacketCountersigned]] = field(
        default_factory=Layered
    )
    highest: Layered[str, int] = field(default_factory=Layered)
    reservations: Layered[str, Said[TicketsReserved]] = field(default_factory=Layered)
    folds: Layered[str, Said[TicketsFolded]] = field(default_factory=Layered)
    resolutions: Layered[tuple[str, str], Said[BlockerResolved]] = field(default_factory=Layered)
    gates: Layered[tuple[str, str], GateState] = field(default_factory=Layered)

    def copy(self) -> Self:
        """Return a state that can be changed without changing this one."""
        held: dict[str, Any] = {item.name: getattr(self, item.name) for item in fields(self)}
        for name, item in held.items():
            if isinstance(item, Layered | Grown):
                held[name] = item.copy()
        return type(self)(**held)

    def is_revoked(self, key: str, index: int) -> bool:
        """Report whether a key no longer vouches for what it signed in the record ``index``.

        Ledger order decides, not a time that somebody claims.
        """
        held = None if self.trust is None else self.trust.revocation(key)
        return held is not None and index >= held.since

    def demands_hybrid(self, index: int) -> bool:
        """Report whether the trust root in force at a record demanded both halves."""
        found = [(at, word) for at, word in self.demands.items() if at <= index]
        return bool(found and max(found)[1])

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
