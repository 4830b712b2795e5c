"""Documents that carry observations, with the verdict that follows from them.

Each function takes the document as recorded, ignores whatever its derived fields
say, and returns it with those fields computed.
"""

from __future__ import annotations

from dataclasses import replace

from greenlight.model.codec import draft
from greenlight.model.documents import (
    AuthorityLock,
    BadInputProbes,
    Environment,
    Lineage,
    Pins,
    Preflight,
    Publication,
    ReservedTickets,
    RollbackProof,
    SecretScan,
)
from greenlight.model.documents.bad_input_probes import ProbeRow
from greenlight.model.documents.lineage import LineageRow
from greenlight.model.documents.pins import PinRow
from greenlight.model.documents.preflight import PreflightRow
from greenlight.model.documents.publication import PublishedRow
from greenlight.model.documents.reserved_tickets import RegistryFile
from greenlight.model.documents.rollback_proof import ProductionRollback
from greenlight.model.documents.words import Result
from greenlight.model.evidence import Evidence
from greenlight.model.lane import (
    AllowedSurface,
    Builtin,
    Input,
    InputKind,
    Lane,
    LanePin,
    Prior,
    Rollback,
    Treatment,
    Undo,
)
from greenlight.model.snapshot import FileState
from greenlight.verify.probe_classes import ACCEPTED, PROBES
from greenlight.verify.rollback import verify_rollback


def derive_authority_lock(evidence: Evidence) -> AuthorityLock:
    """Set what the lock says of this lane; what the ledger granted is carried."""
    lane = evidence.lane
    return replace(
        evidence.authority,
        lane=lane.lane,
        lane_digest=evidence.lane_digest,
        production=False,  # no grant of this format opens a production surface
        satisfies=lane.satisfies,
        hands_on=lane.hands_on,
        not_authority=lane.not_authority,
    )


def derive_preflight(evidence: Evidence) -> Preflight:
    """Judge each input; one that the lane names and nobody looked at is a failure."""
    seen = evidence.preflight.inputs
    rows = tuple(
        _input(wanted, seen[index] if index < len(seen) else None)
        for index, wanted in enumerate(evidence.lane.inputs)
    )
    whole = len(seen) == len(rows) and all(row.result is Result.PASS for row in rows)
    return Preflight(inputs=rows, result=Result.of(whole))


def locator_of(wanted: Input) -> str:
    """Return where an input is found: its path, or the packet tree."""
    return wanted.digest if wanted.kind is InputKind.PACKET else wanted.path


def _input(wanted: Input, seen: PreflightRow | None) -> PreflightRow:
    found = seen.found if seen else ""
    contained = bool(seen and seen.contained)
    right = found == wanted.digest and (contained or not wanted.contains)
    if wanted.treatment is Treatment.REFERENCE and not found:
        right = True  # named, not read; the row says so by having no digest
    if wanted.treatment is Treatment.RECONSTRUCT and not (seen and seen.reverified):
        right = False
    return PreflightRow(
        name=wanted.name,
        kind=wanted.kind,
        locator=locator_of(wanted),
        treatment=wanted.treatment,
        expected=wanted.digest,
        found=found,
        contains=wanted.contains,
        contained=contained,
        bytes=seen.bytes if seen else 0,
        artifact=seen.artifact if seen else "",
        reverified=seen.reverified if seen else "",
        result=Result.of(bool(seen) and right),
    )


def derive_pins(evidence: Evidence) -> Pins:
    """Judge each pin of the lane by its digest before and after."""
    seen = {row.name: row for row in evidence.pins.pins}
    return Pins(pins=tuple(_pin(pin, seen.get(pin.name)) for pin in evidence.lane.pins))


def _pin(pin: LanePin, seen: PinRow | None) -> PinRow:
    before, after = (seen.before, seen.after) if seen else ("", "")
    return PinRow(
        name=pin.name,
        path=pin.path,
        rule=pin.rule,
        pinned=pin.digest,
        before=before,
        after=after,
        intact=before == after == pin.digest,
    )


def derive_rollback_proof(evidence: Evidence) -> RollbackProof:
    """Let the validator judge the proof; without one the result is UNKNOWN."""
    proof = evidence.rollback
    findings = verify_rollback(proof, changed_paths(evidence))
    good = not findings and _is_complete(proof, evidence.lane)
    result = Result.of(good) if proof.reached else Result.UNKNOWN
    status = (
        ProductionRollback.REQUIRED
        if evidence.lane.mode == "prod"
        else ProductionRollback.NOT_APPLICABLE
    )
    return replace(proof, production_rollback_status=status, result=result)


def _is_complete(proof: RollbackProof, lane: Lane) -> bool:
    """Report whether every undo step and every view of the lane has its row."""
    rollback = lane.rollback or Rollback()
    undone = any(surface.undo is Undo.RUN for surface in lane.allowed)
    undo = [command.id for command in rollback.steps] if undone else []
    views = [command.id for command in rollback.views]
    return [row.id for row in proof.undo] == undo and [row.id for row in proof.views] == views


def changed_paths(evidence: Evidence) -> tuple[str, ...]:
    """Return every path that the outcomes say has changed."""
    return tuple(row.path for row in evidence.outcomes.mutations)


def judge_probes(probes: BadInputProbes) -> BadInputProbes:
    """Judge the probes: fifteen refused with their codes, nothing left, control accepted."""
    rows = tuple(replace(row, result=Result.of(_closed(row))) for row in probes.probes)
    closed = sum(row.result is Result.PASS for row in rows)
    sent = [(row.number, row.probe_class, row.expected) for row in rows]
    complete = sent == [(p.number, p.probe_class, str(p.code)) for p in PROBES]
    result = Result.of(complete and closed == len(PROBES) and probes.control == ACCEPTED)
    return BadInputProbes(
        probes=rows,
        control=probes.control,
        fail_closed=f"{closed}/{len(PROBES)}",
        any_fail_open=closed < len(rows),
        result=result if rows else Result.UNKNOWN,
    )


def _closed(row: ProbeRow) -> bool:
    left = row.objects_left or row.refs_left or row.pass_token
    return row.got == row.expected and not left


def derive_scan(evidence: Evidence) -> SecretScan:
    """Judge the scan; a value too short to search for is said, not passed over."""
    scan = evidence.scan
    short = ", ".join(row.name for row in scan.masked if not row.searched)
    if not scan.rules:
        return replace(scan, note="the run did not come this far", result=Result.UNKNOWN)
    note = f"too short to search for: {short}" if short else ""
    return replace(scan, note=note, result=Result.of(not scan.hits))


def derive_publication(evidence: Evidence) -> Publication:
    """Judge each publication by what was read back."""
    applied = {row.path: row.after for row in evidence.outcomes.mutations}
    rows = tuple(
        replace(row, result=Result.of(_is_published(row, applied.get(row.path))))
        for row in evidence.publication.published
    )
    due = due_publications(evidence).keys() - {(row.step, row.path) for row in rows}
    good = not due and all(row.result is Result.PASS for row in rows)
    return Publication(published=rows, result=Result.of(good))


def _is_published(row: PublishedRow, applied: FileState | None) -> bool:
    """Report whether what was proven is what is there; a mode may be the target's own."""
    proven = applied is not None and (applied.kind, applied.digest) == (
        row.published.kind,
        row.published.digest,
    )
    return proven and row.read_back == row.published and not row.code


def due_publications(evidence: Evidence) -> dict[tuple[str, str], AllowedSurface]:
    """Return every file that the plan lets leave the workspace, by (step, path).

    A step publishes what its own surface covers, and nothing that another one does.
    """
    surfaces = {surface.id: surface for surface in evidence.lane.allowed}
    steps = {
        step.touches[0]: step.id for step in evidence.lane.steps if step.builtin is Builtin.PUBLISH
    }
    return {
        (steps[row.surface], row.path): surfaces[row.surface]
        for row in evidence.outcomes.mutations
        if row.surface in steps and "file" in (row.before.kind, row.after.kind)
    }


def derive_lineage(evidence: Evidence) -> Lineage:
    """Set which packets the lane names; what was found of them is carried."""
    seen = {row.packet_tree: row for row in evidence.lineage.packets}
    rows = tuple(_prior(prior, seen.get(prior.packet_tree)) for prior in evidence.lane.lineage)
    return Lineage(packets=tuple(row for row in rows if row is not None))


def _prior(prior: Prior, seen: LineageRow | None) -> LineageRow | None:
    if seen is None:
        return None
    return replace(seen, packet_tree=prior.packet_tree, relation=prior.relation)


def derive_environment(evidence: Evidence) -> Environment:
    """Set what the lane rules about variables; what the host had is carried."""
    rules = evidence.lane.environment
    return replace(
        evidence.environment,
        masked=rules.masked if rules else (),
        set=rules.set if rules else (),
    )


def ticket_names(lane: Lane) -> tuple[str, ...]:
    """Return every ticket that the lane reserves."""
    wanted = lane.tickets
    if wanted is None:
        return ()
    return tuple(f"{wanted.prefix}-{n}" for n in range(wanted.first, wanted.last + 1))


def derive_tickets(evidence: Evidence) -> ReservedTickets:
    """Set which tickets the lane reserves, and judge the registry by its digests."""
    wanted, seen = evidence.lane.tickets, evidence.tickets
    if wanted is None:
        return draft(ReservedTickets, standing="NONE", apply_now="NO", collisions=(), registry=())
    files = {row.path: row for row in seen.registry}
    return ReservedTickets(
        prefix=wanted.prefix,
        first=wanted.first,
        last=wanted.last,
        ceiling=wanted.ceiling,
        tickets=ticket_names(evidence.lane),
        standing="PROPOSED",
        apply_now="NO",
        collisions=seen.collisions,
        registry=tuple(_registry(path, files.get(path)) for path in wanted.registry),
    )


def _registry(path: str, seen: RegistryFile | None) -> RegistryFile:
    before, after = (seen.before, seen.after) if seen else ("", "")
    return RegistryFile(
        path=path, before=before, after=after, identical=bool(before) and before == after
    )
