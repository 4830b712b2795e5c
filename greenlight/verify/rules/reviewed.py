"""What people say about packets: countersignatures, and blockers that are lifted."""

from __future__ import annotations

from greenlight.codes import Code
from greenlight.model.reviewed import BlockerResolved, PacketCountersigned
from greenlight.model.state import PacketState
from greenlight.verify.rules.placing import Placing, VoidError


def packet_countersigned(placing: Placing, body: PacketCountersigned) -> None:
    """Keep a reviewer's verdict.

    Raises:
        VoidError: The reviewer sealed the packet, is another than says so, or spoke before.
    """
    packet = _require_packet(placing, body.packet, body.packet_tree)
    if packet.sealed.statement != body.statement:
        raise VoidError(Code.PACKET_NOT_RECORDED, f"{body.packet} has another statement")
    if placing.actor == packet.executor:
        raise VoidError(Code.REVIEWER_IS_EXECUTOR, "this key sealed the packet itself")
    if placing.actor != body.reviewer:
        raise VoidError(Code.ENTRY_VOID, "the reviewer it names is not its signer")
    placing.take(Code.COUNTERSIGNED_BEFORE)
    placing.state.countersignatures[body.packet, body.reviewer] = placing.said(body)


def blocker_resolved(placing: Placing, body: BlockerResolved) -> None:
    """Lift a blocker that a packet left open.

    Raises:
        VoidError: The signer is not who may lift it, or it was lifted before.
    """
    _require_packet(placing, body.packet, body.packet_tree)
    if body.resolver not in placing.roles:
        raise VoidError(Code.BLOCKER_NOT_RESOLVABLE, f"{placing.actor} is no {body.resolver}")
    placing.take(Code.BLOCKER_RESOLVED_BEFORE)
    placing.state.resolutions[body.packet, body.blocker] = placing.said(body)


def _require_packet(placing: Placing, packet: str, tree: str) -> PacketState:
    held = placing.state.packets.get(packet)
    if held is None or held.sealed.packet_tree != tree:
        raise VoidError(Code.PACKET_NOT_RECORDED, f"{packet} was not sealed with this tree")
    return held
