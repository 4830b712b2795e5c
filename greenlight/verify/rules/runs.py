"""Runs and their packets: opened under a grant, sealed by the same key, purged by an owner."""

from __future__ import annotations

from greenlight.codes import Code
from greenlight.model.kinds import (
    NOT_EXECUTED,
    ClockCorrected,
    PacketPurged,
    PacketSealed,
    RunOpened,
)
from greenlight.model.state import PacketState, PurgeState, RunState
from greenlight.verify.rules.gates import clock_was_corrected
from greenlight.verify.rules.grants import require_grant
from greenlight.verify.rules.placing import Placing, VoidError
from greenlight.verify.rules.tickets import note_highest


def run_opened(placing: Placing, body: RunOpened) -> None:
    """Open a run: a use of its grant and its tickets are spent.

    Raises:
        VoidError: The grant does not cover it, or a claim is taken.
    """
    state = placing.state
    require_grant(state, body, executor=placing.actor, at=placing.time)
    try:
        placing.take()
    except VoidError:
        state.lost_runs[body.run, placing.actor] = placing.said(body)
        raise
    state.uses[body.grant] = state.uses.get(body.grant, 0) + 1
    state.runs[body.run] = RunState(body, placing.actor, placing.index, placing.time)
    for ticket in body.tickets:
        note_highest(state, ticket)


def packet_sealed(placing: Placing, body: PacketSealed) -> None:
    """End a run with its packet; or record a CONFLICT.

    Raises:
        VoidError: Its run is not this key's, or another packet was first.
    """
    if body.status != NOT_EXECUTED:
        _require_run(placing, body)
    state = placing.state
    packet = PacketState(body, placing.actor, placing.index, placing.time)
    try:
        placing.take(Code.PACKET_CONFLICT)
    except VoidError:
        state.conflicts.append(packet)
        raise
    state.packets[body.packet] = packet
    if body.packet_tree not in state.trees:
        state.trees[body.packet_tree] = body.packet


def packet_purged(placing: Placing, body: PacketPurged) -> None:
    """Let a packet's bytes go.

    Raises:
        VoidError: It was not sealed, or was purged before.
    """
    state = placing.state
    if not state.is_recorded(body.packet, body.packet_tree):
        raise VoidError(Code.PACKET_NOT_RECORDED, f"{body.packet} was not sealed with this tree")
    placing.take()
    purge = PurgeState(body, placing.actor, placing.index, placing.time)
    state.purged[body.packet_tree] = purge


def clock_corrected(placing: Placing, body: ClockCorrected) -> None:
    """Let ledger time be what an owner says it is.

    Raises:
        VoidError: The record has another time.
    """
    if placing.time != body.moment:
        raise VoidError(Code.ENTRY_VOID, "ledger time is not the time that the correction states")
    placing.state.corrections[placing.index] = placing.index
    clock_was_corrected(placing)


def _require_run(placing: Placing, body: PacketSealed) -> None:
    run = placing.state.runs.get(body.run)
    lost = placing.state.lost_runs.get((body.run, placing.actor))
    said = (placing.actor, body.packet, body.mode)
    if lost is not None and (run is None or run.executor != placing.actor):
        if said != (lost.actor, lost.body.packet, lost.body.mode):
            raise VoidError(Code.RUN_NOT_OPENED, "packet or mode are not those of the run")
        # Opened where the ledger could not be reached, and others were faster: what was done
        # is evidence all the same.
        packet = PacketState(body, placing.actor, placing.index, placing.time)
        placing.state.conflicts.append(packet)
        raise VoidError(
            Code.PACKET_CONFLICT, f"its run lost a claim to another: record {lost.index} is void"
        )
    if run is None:
        raise VoidError(Code.RUN_NOT_OPENED, f"the run {body.run} was not opened")
    opened = run.opened
    if said != (run.executor, opened.packet, opened.mode):
        raise VoidError(Code.RUN_NOT_OPENED, "executor, packet or mode are not those of the run")
