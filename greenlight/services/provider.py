"""The surroundings of a lane on disk: its folder, and the store for packets it builds on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from greenlight.codes import Code
from greenlight.errors import GreenlightError, RefusedError, UsageError
from greenlight.execution.gather import read_file
from greenlight.model.codec import Unreadable, from_document
from greenlight.model.documents import BlockerMap
from greenlight.model.documents.blocker_map import BlockerState
from greenlight.model.documents.lineage import CarriedBlocker, LineageRow, Presence
from greenlight.model.documents.words import Result
from greenlight.model.lane import Input, Lane, Prior
from greenlight.model.words import Status
from greenlight.primitives import cjson
from greenlight.primitives.timestamp import parse_seconds
from greenlight.services.packets import Located, locate_tree
from greenlight.services.probes import send_probes
from greenlight.services.published import judges, published
from greenlight.services.rerun import PacketProvider
from greenlight.services.sources import Sources, load_sources
from greenlight.services.verifying import NOT_HERE, Integrity, Trust, verify_located
from greenlight.store.repository import Store
from greenlight.verify.derive.checked import changed_paths, judge_probes
from greenlight.verify.gate import run_gate
from greenlight.verify.packet import verify_packet

_MAP = "production-readiness-blocker-map.json"
_PRESENCE = {
    Integrity.INTACT: Presence.INTACT,
    Integrity.REJECTED: Presence.REJECTED,
    # Its bytes are what was sealed, but nobody here vouches for who did.
    Integrity.UNVERIFIABLE: Presence.UNSIGNED,
    Integrity.WITHHELD: Presence.WITHHELD,
}


@dataclass(frozen=True, slots=True)
class FolderProvider:
    """Reads what a lane names.

    Attributes:
        folder: The lane file's folder.
        store: Where packets that the lane builds on are looked for.
        trust: By what right their signers are trusted.
    """

    folder: Path
    store: Store | None
    trust: Trust

    def sources(self, lane: Lane) -> Sources:
        return load_sources(self.folder, lane)

    def read_input(self, wanted: Input) -> bytes:
        return read_file(self.folder, wanted.path).data or b""

    def look_up(self, prior: Prior) -> LineageRow:
        """Verify a prior packet and carry its open blockers; absent is said, not refused."""
        row = LineageRow(
            packet_tree=prior.packet_tree,
            relation=prior.relation,
            presence=Presence.ABSENT,
            packet_id="",
            status="",
            blockers=(),
        )
        try:
            located = locate_tree(self.store, prior.packet_tree)
        except GreenlightError as error:
            if error.code is Code.PACKET_WITHHELD:
                return replace(row, presence=Presence.WITHHELD)
            absent = error.code in NOT_HERE
            return row if absent else replace(row, presence=Presence.REJECTED)
        verdict = verify_located(located, self.trust, store=self.store)
        statement = verdict.statement
        presence = _PRESENCE[verdict.integrity]
        if statement is None or statement.subject != prior.packet_tree:
            presence = Presence.REJECTED  # another packet under its name
        return replace(
            row,
            presence=presence,
            packet_id=statement.packet_id if statement else "",
            status=verdict.status,
            blockers=open_blockers(located),
        )

    def reverify(self, wanted: Input) -> str:
        """Take a packet out of the store byte for byte, verify it, and run its gate again."""
        try:
            located = locate_tree(self.store, wanted.digest, whole=True)
        except UsageError:
            return ""
        verdict = verify_packet(located.packet, published())
        if located.packet.tree != wanted.digest or verdict.findings or verdict.derived is None:
            found = ", ".join(str(f) for f in verdict.findings) or located.packet.tree
            raise RefusedError(Code.INPUT_MISMATCH, f"{wanted.digest} does not verify: {found}")
        evidence = verdict.derived.evidence
        gate = run_gate(
            evidence.rollback,
            changed_paths(evidence),
            frozen=published().frozen,
            judges=judges(),
        )
        if gate.result is not Result.PASS:
            raise RefusedError(Code.GATE_NOT_PROVEN, f"{wanted.digest}: its gate does not pass")
        claimed = replace(evidence.header, status=Status.APPLIED_NOT_CLEAN)
        opened_at = parse_seconds(evidence.header.opened_at)
        probes = judge_probes(
            send_probes(
                evidence.lane,
                PacketProvider(evidence, located.files),
                replace(evidence, header=claimed),
                clock=lambda: opened_at,
                parent=None,
            )
        )
        if probes.result is not Result.PASS:
            raise RefusedError(
                Code.PROBE_FAIL_OPEN, f"{wanted.digest}: {probes.fail_closed} fail closed"
            )
        return f"byte-exact to its tree; self-test PASS; probes {probes.fail_closed} fail closed"


def open_blockers(located: Located) -> tuple[CarriedBlocker, ...]:
    """Return the open blockers of a packet; none where it has no readable map."""
    data = located.packet.texts.get(_MAP)
    if data is None:
        return ()
    try:
        found = from_document(BlockerMap, cjson.decode(data))
    except (GreenlightError, Unreadable):
        return ()  # the packet's own verification says what is wrong with it
    return tuple(
        CarriedBlocker(id=row.id, reason=row.reason, resolver=row.resolver, evidence=row.evidence)
        for row in found.blockers
        if row.state is BlockerState.OPEN
    )
