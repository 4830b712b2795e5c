"""Which kind of entry is read how, who may sign it, and which rule it falls under."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from greenlight.model.checkpoint import CheckpointSigned
from greenlight.model.decided import AuditRecorded, PromotionDecided
from greenlight.model.doubled import SealDoubled
from greenlight.model.entry import Body
from greenlight.model.gate_result import GateGraduated, GateResult
from greenlight.model.grant import Grant, GrantRevoked
from greenlight.model.kinds import ClockCorrected, PacketPurged, PacketSealed, RunOpened
from greenlight.model.receipt import AuthorisationReceipt, OperationRecorded, ReceiptSpent
from greenlight.model.reviewed import BlockerResolved, PacketCountersigned
from greenlight.model.tickets import TicketsFolded, TicketsReserved
from greenlight.model.trust import Role, TrustRoot
from greenlight.verify.rules import (
    checkpoints,
    decided,
    doubled,
    gates,
    grants,
    receipts,
    reviewed,
    runs,
    tickets,
    trust,
)
from greenlight.verify.rules.placing import Placing


@dataclass(frozen=True, slots=True)
class Rule:
    """What makes an entry of one kind have effect.

    Attributes:
        read: Reads the body.
        roles: The signer has one of them.
        apply: Changes the state, or raises ``VoidError`` before it changed anything.
    """

    read: Callable[[Mapping[str, object]], Body]
    roles: tuple[Role, ...]
    apply: Callable[[Placing, Any], None]


_EXECUTOR, _OPERATOR, _OWNER, _REVIEWER = (
    Role.EXECUTOR,
    Role.OPERATOR,
    Role.OWNER,
    Role.REVIEWER,
)

RULES: Final[Mapping[str, Rule]] = {
    kind.KIND: Rule(kind.from_body, roles, apply)
    for kind, roles, apply in (
        (TrustRoot, (_OWNER,), trust.trust_root),
        (Grant, (_OWNER,), grants.grant_issued),
        (GrantRevoked, (_OWNER,), grants.grant_revoked),
        (RunOpened, (_EXECUTOR,), runs.run_opened),
        (PacketSealed, (_EXECUTOR,), runs.packet_sealed),
        (SealDoubled, (_EXECUTOR,), doubled.seal_doubled),
        (PacketPurged, (_OWNER,), runs.packet_purged),
        (PacketCountersigned, (_REVIEWER,), reviewed.packet_countersigned),
        (BlockerResolved, (_OWNER, _OPERATOR), reviewed.blocker_resolved),
        (AuthorisationReceipt, (_OWNER,), receipts.receipt_issued),
        (ReceiptSpent, (_EXECUTOR,), receipts.receipt_spent),
        (OperationRecorded, (_EXECUTOR,), receipts.operation_recorded),
        (TicketsReserved, (_EXECUTOR, _OPERATOR, _OWNER), tickets.tickets_reserved),
        (TicketsFolded, (_OWNER,), tickets.tickets_folded),
        (CheckpointSigned, (Role.LOG,), checkpoints.checkpoint_signed),
        (GateResult, (_EXECUTOR, _OPERATOR, _OWNER), gates.gate_result),
        (GateGraduated, (_EXECUTOR, _OPERATOR, _OWNER), gates.gate_graduated),
        (AuditRecorded, (_EXECUTOR, _OPERATOR, _OWNER), decided.audit_recorded),
        (PromotionDecided, (_EXECUTOR, _OPERATOR, _OWNER), decided.promotion_decided),
        (ClockCorrected, (_OWNER,), runs.clock_corrected),
    )
}
