"""A reviewer's countersignature: looked at first, then said in the ledger."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from greenlight.codes import Code
from greenlight.errors import RefusedError
from greenlight.model.reviewed import PacketCountersigned
from greenlight.model.state import Said
from greenlight.primitives.ed25519 import Signer
from greenlight.primitives.text import escape
from greenlight.services.packets import ledger_of, locate
from greenlight.services.saying import say
from greenlight.services.verifying import Integrity, Trust, Verdict, verify_located
from greenlight.store.repository import Store

APPROVED, REJECTED = "approved", "rejected"


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a reviewer says.

    Attributes:
        verdict: approved or rejected.
        replayed: Whether the reviewer replayed the execution.
        comment: One line, or empty.
    """

    verdict: str = APPROVED
    replayed: bool = False
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Countersigned:
    """A countersignature that was made.

    Attributes:
        said: What the ledger says.
        verdict: What verification came to just before.
    """

    said: Said[PacketCountersigned]
    verdict: Verdict


def countersign(
    store: Store, signer: Signer, name: str, opinion: Opinion, *, clock: Callable[[], datetime]
) -> Countersigned:
    """Verify a packet, and say what the reviewer thinks of it.

    Nobody approves of what does not verify: that would be a verdict that was typed and not
    computed.  It can be rejected.

    Raises:
        RefusedError: REVIEWER_IS_EXECUTOR, COUNTERSIGNED_BEFORE, TRUST_REFUSED;
            PACKET_NOT_RECORDED; APPROVAL_REFUSED: the packet is not INTACT.
        UsageError: No such packet.
        StoreError: The store does not serve.
    """
    ledger = ledger_of(store)
    ledger.require()
    located = locate(store, name)
    packet_id = ledger.state.trees.get(located.packet.tree)
    packet = None if packet_id is None else ledger.state.packets.get(packet_id)
    if packet is None:
        raise RefusedError(
            Code.PACKET_NOT_RECORDED, f"{escape(located.where)} is not in this ledger"
        )
    if packet.executor == signer.public.uri:
        # Before the work of verifying; the fold says the same of whoever gets round this.
        raise RefusedError(
            Code.REVIEWER_IS_EXECUTOR,
            f"this key sealed {packet.sealed.packet} itself",
            hint="a reviewer has a key of its own: --signing-key FILE",
        )
    verdict = verify_located(located, Trust(), store=store)
    if opinion.verdict == APPROVED and verdict.integrity is not Integrity.INTACT:
        raise RefusedError(
            Code.APPROVAL_REFUSED,
            f"{packet.sealed.packet} is {verdict.integrity}: it can be rejected, not approved",
            hint="greenlight verify says what is wrong with it",
        )
    body = PacketCountersigned.from_body(
        {
            "packet": packet.sealed.packet,
            "packet_tree": packet.sealed.packet_tree,
            "statement": packet.sealed.statement,
            "reviewer": signer.public.uri,
            "verdict": opinion.verdict,
            "replayed": opinion.replayed,
            "comment": opinion.comment,
        }
    )
    told = say(store, signer, lambda _state, _now: [body], clock=clock)
    return Countersigned(told.state.countersignatures[body.packet, body.reviewer], verdict)
