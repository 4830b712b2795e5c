"""The rule of ``seal.doubled``: the second seal of a packet, by the other half of its key."""

from __future__ import annotations

from greenlight.codes import Code
from greenlight.errors import MalformedError
from greenlight.model.doubled import SealDoubled
from greenlight.model.seal import CONTENT_TYPE
from greenlight.model.state import LedgerState, PacketState
from greenlight.primitives import cose
from greenlight.primitives.limits import MAX_SEAL_BYTES
from greenlight.verify.rules.placing import Placing, VoidError


def seal_doubled(placing: Placing, body: SealDoubled) -> None:
    """Keep the second seal of a packet.

    The statement is not in the ledger, so the signature itself is verified with the packet.

    Raises:
        VoidError: The packet is not its signer's, or the signature is not by the half that the
            trust root in force names.
    """
    state = placing.state
    packet = _packet(state, body)
    if packet is None or packet.executor != placing.actor:
        raise VoidError(Code.PACKET_NOT_RECORDED, f"this key did not seal {body.packet}")
    held = None if state.trust is None else state.trust.find(placing.actor)
    half = None if held is None else held.half
    if half is None:
        raise VoidError(Code.KEY_TYPE_WRONG, "the trust root names no post-quantum half of its key")
    try:
        message = cose.parse_sign1(
            body.message, CONTENT_TYPE, max_bytes=MAX_SEAL_BYTES, alg=cose.ML_DSA_44
        )
    except MalformedError as error:
        raise VoidError(Code.SEAL_HYBRID_INVALID, str(error)) from error
    named = (message.kid, message.issuer, message.subject, message.payload)
    if named != (half.thumbprint, placing.actor, body.packet_tree, None):
        raise VoidError(Code.SEAL_HYBRID_INVALID, "it is about another packet, or by another key")
    placing.take(Code.ENTRY_VOID)
    state.doubled[body.packet_tree] = placing.said(body)


def _packet(state: LedgerState, body: SealDoubled) -> PacketState | None:
    held = state.packets.get(body.packet)
    if held is not None and held.sealed.packet_tree == body.packet_tree:
        return held
    named = (body.packet, body.packet_tree)
    lost = (p for p in state.conflicts if (p.sealed.packet, p.sealed.packet_tree) == named)
    return next(lost, None)
