"""Actors and the entries they sign, for tests of the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from greenlight.ledger.append import Appended, append
from greenlight.model.decided import AuditRecorded, ConditionWord, PromotionDecided, SectionWord
from greenlight.model.entry import Body, sign_entry
from greenlight.model.gate_result import GateGraduated, GateResult
from greenlight.model.grant import Grant, GrantRevoked
from greenlight.model.kinds import ClockCorrected, PacketPurged, PacketSealed, RunOpened
from greenlight.model.receipt import (
    AuthorisationReceipt,
    OperationRecorded,
    ReceiptSpent,
    operation_digest,
)
from greenlight.model.reviewed import BlockerResolved, PacketCountersigned
from greenlight.model.state import LedgerState
from greenlight.model.tickets import FoldedFile, TicketsFolded, TicketsReserved
from greenlight.model.trust import KeyRoles, Role, TrustRoot
from greenlight.primitives.ed25519 import SeedSigner
from greenlight.primitives.timestamp import format_micros, format_seconds
from greenlight.store.repository import Store

OWNER, EXECUTOR, REVIEWER, STRANGER = (SeedSigner(bytes([n]) * 32) for n in range(1, 5))
START = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
LANE = "create-only-docs"
AUTHOR = "A Tester <tester@example.org>"
DAY = timedelta(hours=24)
RECEIPT, OPERATION = str(UUID(int=700)), str(UUID(int=800))
OPERATION_DIGEST = operation_digest(
    {"repository": "omega/marketops", "tag_name": "v0.2.0", "body": "First."}
)


def uuid(number: int) -> str:
    return str(UUID(int=number))


def trust_root(version: int = 1, **more: object) -> TrustRoot:
    return TrustRoot.make(
        KeyRoles.of(OWNER.public, Role.OWNER),
        KeyRoles.of(EXECUTOR.public, Role.EXECUTOR),
        KeyRoles.of(REVIEWER.public, Role.REVIEWER),
        version=version,
        **more,
    )


def grant(grant_id: str = "g1", **more: object) -> Grant:
    values = {
        "grant": grant_id,
        "lane": LANE,
        "executor": EXECUTOR.public.uri,
        "authority": "IMPLEMENTATION_EXECUTION_NO_PRODUCTION",
        "delegation": "EXECUTION_DELEGATION",
        "operations": (),
        "modes": ("staging",),
        "not_before": "",
        "expires": "",
        "max_uses": 1000,
    }
    return Grant(**(values | more))


def grant_revoked(grant_id: str = "g1") -> GrantRevoked:
    return GrantRevoked(grant=grant_id, reason="The key was lost.")


def run_opened(number: int, use: int = 1, **more: object) -> RunOpened:
    values = {
        "run": uuid(number),
        "packet": f"{more.get('lane', LANE)}-{uuid(number)}",
        "lane": LANE,
        "mode": "staging",
        "grant": "g1",
        "use": use,
        "lane_digest": "sha256:" + "a" * 64,
        "tickets": (),
    }
    return RunOpened(**(values | more))


def packet_sealed(number: int, **more: object) -> PacketSealed:
    values = {
        "packet": f"{LANE}-{uuid(number)}",
        "run": uuid(number),
        "lane": LANE,
        "mode": "staging",
        "status": "APPLIED_CLEAN",
        "packet_tree": f"sha256:{number:064x}",
        "statement": "sha256:" + "b" * 64,
        "seal": "sha256:" + "c" * 64,
    }
    return PacketSealed(**(values | more))


def outside(number: int, **more: object) -> PacketSealed:
    return packet_sealed(number, mode="none", status="NOT_EXECUTED", **more)


def packet_purged(number: int, **more: object) -> PacketPurged:
    sealed = packet_sealed(number)
    values = {"packet": sealed.packet, "packet_tree": sealed.packet_tree, "reason": "It was asked."}
    return PacketPurged(**(values | more))


def receipt(**more):
    values = {
        "receipt_id": RECEIPT,
        "run_id": uuid(1),
        "operation_kind": "publish_release",
        "operation_digest": OPERATION_DIGEST,
        "enforceable": True,
        "executor": EXECUTOR.public.uri,
        "issued_at": format_seconds(START),
        "expires_at": format_seconds(START + DAY),
        "plan": "",
        "policy": "",
    }
    return AuthorisationReceipt(**(values | more))


def spent(**more):
    values = {
        "receipt_id": RECEIPT,
        "run_id": uuid(1),
        "operation_id": OPERATION,
        "operation_kind": "publish_release",
        "operation_digest": OPERATION_DIGEST,
        "mode": "prod",
    }
    return ReceiptSpent(**(values | more))


def recorded(**more):
    values = {
        "operation_id": OPERATION,
        "run_id": uuid(1),
        "receipt_id": RECEIPT,
        "operation_kind": "publish_release",
        "operation_digest": OPERATION_DIGEST,
        "status": "success",
        "code": "",
        "error_message": "",
        "github_response": '{"id": 1}',
        "retry_count": 0,
    }
    return OperationRecorded(**(values | more))


def countersigned(**more):
    sealed = packet_sealed(1)
    values = {
        "packet": sealed.packet,
        "packet_tree": sealed.packet_tree,
        "statement": sealed.statement,
        "reviewer": REVIEWER.public.uri,
        "verdict": "approved",
        "replayed": False,
        "comment": "",
    }
    return PacketCountersigned(**(values | more))


def resolved(**more):
    sealed = packet_sealed(1)
    values = {
        "packet": sealed.packet,
        "packet_tree": sealed.packet_tree,
        "blocker": "FIX7-P0-PROD-OPT4-1",
        "resolver": "owner",
        "reason": "The inputs were supplied.",
        "evidence": "",
    }
    return BlockerResolved(**(values | more))


def reserved(first=442, last=461, **more):
    values = {"prefix": "TKT-OBJ", "ceiling": 441, "first": first, "last": last}
    return TicketsReserved(**(values | more))


def folded(*tickets):
    file = FoldedFile(path="registry.json", before="", after="sha256:" + "d" * 64)
    return TicketsFolded(tickets=tickets, files=(file,))


DEFINITION = "sha256:" + "d" * 64


def gate_result(verdict="green", **more):
    values = {
        "gate": "smoke",
        "module": "registry",
        "verdict": verdict,
        "mode": "observing",
        "commit": "c" * 40,
        "base": "b" * 40,
        "definition": DEFINITION,
        "artifact": "",
        "reason": "" if verdict == "green" else "p95 is 12, not at most 10",
    }
    return GateResult(**(values | more))


def graduated(**more):
    values = {"gate": "smoke", "module": "registry", "definition": DEFINITION}
    return GateGraduated(**(values | more))


def audit_recorded(**more):
    values = {
        "exit": 2,
        "strict": True,
        "commit": "c" * 40,
        "base": "",
        "settings": DEFINITION,
        "report": DEFINITION,
        "sections": (SectionWord(name="branch_protection", status="ok"),),
    }
    return AuditRecorded(**(values | more))


def promotion_decided(verdict="BLOCKED", *holds, **more):
    conditions = [ConditionWord(kind="gate_green", holds=word, evidence="x") for word in holds]
    values = {
        "target": "production",
        "verdict": verdict,
        "commit": "",
        "base": "",
        "settings": DEFINITION,
        "packet": "",
        "conditions": tuple(conditions),
    }
    return PromotionDecided(**(values | more))


def clock_corrected(time: datetime) -> ClockCorrected:
    return ClockCorrected(time=format_micros(time))


@dataclass
class Clock:
    """A clock that a test sets; it goes on by a second each time it is read."""

    now: datetime = START

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


class Pen:
    """Signs bodies as entries, with UUIDs that count up."""

    def __init__(self, first: int = 1 << 64) -> None:
        self.number = first

    def sign(self, body: Body, signer: SeedSigner) -> bytes:
        self.number += 1
        return sign_entry(body, uuid=uuid(self.number), signer=signer)


def begin(store: Store, clock: Clock | None = None) -> Appended:
    """Begin a ledger with a trust root and a grant."""
    pen = Pen(1 << 80)
    entries = (pen.sign(trust_root(), OWNER), pen.sign(grant(), OWNER))
    return put(store, entries, clock=clock)


def put(
    store: Store, entries: Sequence[bytes], clock: Clock | None = None, signer: SeedSigner = OWNER
) -> Appended:
    """Append entries as they are."""

    def decide(_state: LedgerState, _now: datetime) -> Sequence[bytes]:
        return entries

    return append(store, signer, decide, clock=clock or Clock(), author=AUTHOR)
