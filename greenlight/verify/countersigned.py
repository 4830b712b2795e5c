"""What reviewers said about a packet, as a ledger has it.

Each was held against the rules when it was placed: the reviewer is not who sealed the packet,
and spoke of just this tree and statement.  A countersignature is no part of a packet's
integrity; who asks for some, asks a policy or a promotion.
"""

from __future__ import annotations

from dataclasses import dataclass

from greenlight.model.reviewed import PacketCountersigned
from greenlight.model.state import LedgerState, Said
from greenlight.model.trust import Role
from greenlight.primitives.timestamp import format_micros


@dataclass(frozen=True, slots=True)
class Countersignature:
    """A reviewer's verdict on a packet.

    Attributes:
        said: What the ledger says.
        revoked: Whether the key was revoked from this record on, or before: then it approves of
            nothing, and what it objected to stays objected to.
    """

    said: Said[PacketCountersigned]
    revoked: bool

    def to_dict(self) -> dict[str, object]:
        """Return the object that ``--json`` prints."""
        body = self.said.body
        return {
            "reviewer": body.reviewer,
            "verdict": body.verdict,
            "replayed": body.replayed,
            "comment": body.comment,
            "record": self.said.index,
            "time": format_micros(self.said.time),
            "revoked": self.revoked,
        }


def countersignatures(state: LedgerState, packet: str, tree: str) -> tuple[Countersignature, ...]:
    """Return what reviewers said about a packet, oldest first.

    Args:
        state: Of the ledger.
        packet: Its id.
        tree: ``sha256:<hex>`` of what it is: another packet of the same id is not spoken of.
    """
    # By the few keys that were ever a reviewer's, and not by all that was ever said.
    reviewers = {
        item.public.uri
        for root in state.roots.values()
        for item in root.root.keys
        if Role.REVIEWER in item.roles
    }
    found = (state.countersignatures.get((packet, reviewer)) for reviewer in reviewers)
    spoken = [said for said in found if said is not None and said.body.packet_tree == tree]
    return tuple(
        Countersignature(said, state.is_revoked(said.actor, said.index))
        for said in sorted(spoken, key=lambda said: said.index)
    )
