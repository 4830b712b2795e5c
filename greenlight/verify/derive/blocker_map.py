"""The blocker map: the lane's own blockers, gates handed on, and what earlier packets left open."""

from __future__ import annotations

from collections.abc import Iterator

from greenlight.model.documents.blocker_map import BlockerMap, BlockerRow, BlockerState
from greenlight.model.evidence import Evidence
from greenlight.model.lane import NextDecision, Resolver
from greenlight.verify.derive.checked import ticket_names


def derive_blocker_map(evidence: Evidence) -> BlockerMap:
    """List every blocker once; open ones stay open unless the grant names the resolution."""
    rows: dict[str, BlockerRow] = {}
    for row in _all(evidence):
        rows.setdefault(row.id, row)
    after = evidence.lane.next_decision
    following = after or NextDecision(decision="HOLD", by="owner", grants_needed=())
    tickets = ticket_names(evidence.lane)
    return BlockerMap(
        blockers=tuple(rows.values()),
        open=sum(row.state is BlockerState.OPEN for row in rows.values()),
        resolved_here=sum(row.state is BlockerState.RESOLVED for row in rows.values()),
        pending_fold=f"{range_text(tickets)} canonical fold, by the owner" if tickets else "",
        next_decision=following.decision,
        decided_by=following.by,
        grants_needed=following.grants_needed,
    )


def range_text(tickets: tuple[str, ...]) -> str:
    """Write a range of tickets as people do: ``TKT-OBJ-442..461``."""
    if not tickets:
        return ""
    return f"{tickets[0]}..{tickets[-1].rsplit('-', 1)[1]}"


def _all(evidence: Evidence) -> Iterator[BlockerRow]:
    lane = evidence.lane
    for own in lane.blockers:
        yield _row(evidence, own.id, own.reason, own.resolver, own.evidence, "lane")
    for gate in lane.hands_on:
        reason = "a gate that this lane's delegation does not satisfy"
        yield _row(evidence, gate, reason, Resolver.OWNER, "the gate's own evidence", "gate")
    for prior in evidence.lineage.packets:
        for carried in prior.blockers:
            yield _row(
                evidence,
                carried.id,
                carried.reason,
                carried.resolver,
                carried.evidence,
                prior.packet_tree,
            )


def _row(  # noqa: PLR0913, PLR0917 - the columns of the map
    evidence: Evidence, id_: str, reason: str, resolver: Resolver, proof: str, source: str
) -> BlockerRow:
    # `*` covers a lane's tool operations, never the lifting of a blocker.
    granted = f"resolve:{id_}" in evidence.authority.operations
    lifted = id_ in evidence.lane.resolves and granted
    return BlockerRow(
        id=id_,
        reason=reason,
        resolver=resolver,
        evidence=proof,
        state=BlockerState.RESOLVED if lifted else BlockerState.OPEN,
        source=source,
    )
