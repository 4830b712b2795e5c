"""Do the documents agree with each other, and carry what the packet claims?

Two groups.  What must hold of every executed packet: one run, one lane, a log that
follows the plan, artifacts that are what documents say.  And what a packet that says
APPLIED must carry besides: a STOPPED packet may tell honestly that none of it held.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from greenlight.codes import Code
from greenlight.model.documents.words import Result
from greenlight.model.evidence import Evidence
from greenlight.model.finding import Finding
from greenlight.model.lane import InputKind, Lane
from greenlight.model.packet import ARTIFACTS, STATES, FileFact
from greenlight.model.snapshot import ABSENT
from greenlight.model.surface import SurfaceVerdict
from greenlight.model.words import Status, packet_id
from greenlight.primitives.text import escape
from greenlight.verify.derive.checked import changed_paths, due_publications
from greenlight.verify.derive.execution_plan import covers, operations_of
from greenlight.verify.derive.packet import Derived
from greenlight.verify.gate import PASS
from greenlight.verify.lane import check_lane
from greenlight.verify.observed import beginning, verify_observed
from greenlight.verify.probe_classes import ACCEPTED, PROBES
from greenlight.verify.retention import left_out
from greenlight.verify.rollback import show, verify_rollback

# From the least to the most that is claimed.
_RANK = {
    Status.NOT_EXECUTED: 0,
    Status.STOPPED: 1,
    Status.APPLIED_NOT_CLEAN: 2,
    Status.APPLIED_CLEAN: 3,
}


def verify_admissible(lane: Lane) -> list[Finding]:
    """Check that a run could have been opened with the lane at all."""
    return [
        Finding(
            Code.LANE_DIFFERS,
            f"lane.yaml#{finding.where}",
            finding.expected,
            f"{finding.found} ({finding.code})",
        )
        for finding in check_lane(lane)
    ]


def verify_consistency(
    evidence: Evidence, derived: Derived, files: Mapping[str, FileFact]
) -> list[Finding]:
    """Check what must hold of every executed packet, whatever its status."""
    return [
        *_one_run(evidence),
        *_authority(evidence),
        *verify_observed(evidence),
        *_artifacts(evidence, files),
        *_secrets(evidence, files),
        *_lineage(evidence),
        *_overclaim(evidence, derived),
    ]


def verify_applied(evidence: Evidence, derived: Derived) -> list[Finding]:
    """Check what a packet that says APPLIED must carry.

    Args:
        evidence: As read; its ``header.status`` is the claim.
        derived: What the evidence gives.
    """
    if _RANK[evidence.header.status] < _RANK[Status.APPLIED_NOT_CLEAN]:
        return []
    return [
        *_preflight(derived),
        *_scope(evidence, derived),
        *_pins(evidence),
        *verify_rollback(evidence.rollback, changed_paths(evidence)),
        *_states(evidence),
        *_gate(derived),
        *_probes(evidence),
        *_scan(evidence),
        *_publication(evidence),
        *_tickets(evidence),
        *_blockers(evidence),
    ]


def _one_run(evidence: Evidence) -> Iterator[Finding]:
    header, lane = evidence.header, evidence.lane
    wanted = packet_id(lane.lane, header.run_id)
    if header.packet_id != wanted:
        yield Finding(Code.RUN_DIFFERS, "header.json#/packet_id", wanted, header.packet_id)
    if evidence.authority.run_id != header.run_id:
        where = "delegation-and-authority-lock.json#/run_id"
        yield Finding(Code.RUN_DIFFERS, where, header.run_id, evidence.authority.run_id)


def _authority(evidence: Evidence) -> Iterator[Finding]:
    lock, lane, header = evidence.authority, evidence.lane, evidence.header
    where = "delegation-and-authority-lock.json"
    checks = (
        ("/authority", lane.authority, lock.authority),
        ("/chain", header.executor, lock.chain[-1].taker if lock.chain else "nobody"),
        ("/modes", lane.mode, lane.mode if lane.mode in lock.modes else ", ".join(lock.modes)),
        ("/use", f"1 to {lock.max_uses}", _within(lock.use, lock.max_uses)),
        ("/expires", f"after {header.opened_at}", _before(header.opened_at, lock.expires)),
        ("/not_before", f"by {header.opened_at}", _since(lock.not_before, header.opened_at)),
    )
    for pointer, expected, found in checks:
        if expected != found:
            yield Finding(Code.AUTHORITY_MISMATCH, f"{where}#{pointer}", expected, found)
    for operation in sorted(operations_of(lane)):
        # Of a blocker that nobody let it resolve, step 10 speaks.
        if not operation.startswith("resolve:") and not covers(lock.operations, operation):
            found = ", ".join(lock.operations) or "none"
            yield Finding(Code.AUTHORITY_MISMATCH, f"{where}#/operations", operation, found)
    for link, following in zip(lock.chain, lock.chain[1:], strict=False):
        if link.taker != following.giver:
            code = Code.AUTHORITY_MISMATCH
            yield Finding(code, f"{where}#/chain", f"a link from {link.taker}", following.giver)


def _within(use: int, most: int) -> str:
    return f"1 to {most}" if 1 <= use <= most else str(use)


def _before(opened: str, expires: str) -> str:
    # Times in one spelling and one zone compare as texts; the end is not included.
    return f"after {opened}" if not expires or opened < expires else expires


def _since(begins: str, opened: str) -> str:
    return f"by {opened}" if begins <= opened else begins


def _artifacts(evidence: Evidence, files: Mapping[str, FileFact]) -> Iterator[Finding]:
    named: set[str] = set()
    # Only a secret is a reason to leave something out.
    withheld = {hit.path for hit in evidence.scan.hits if hit.path.startswith(ARTIFACTS)}
    if evidence.scan.withheld != tuple(sorted(withheld)):
        where = "secret-scan.json#/withheld"
        shown = (", ".join(sorted(withheld)), ", ".join(evidence.scan.withheld))
        yield Finding(Code.ARTIFACT_MISSING, where, shown[0] or "none", shown[1] or "none")
    kept_out = {row.artifact: row.retain.value for row in left_out(evidence)}
    for where, path, digest, size in named_artifacts(evidence):
        named.add(path)
        fact = files.get(path)
        if fact is not None and path in kept_out:
            expected = f"nothing: retain: {kept_out[path]}"
            yield Finding(Code.ARTIFACT_NOT_WITHHELD, where, expected, path)
            continue
        if fact is None and path not in withheld and path not in kept_out:
            yield Finding(Code.ARTIFACT_MISSING, where, path, "nothing")
        elif fact is not None and (fact.digest, fact.size) != (digest, size):
            expected = f"{digest}, {size} bytes"
            found = f"{fact.digest}, {fact.size} bytes"
            yield Finding(Code.ARTIFACT_MISMATCH, where, expected, found)
    for path in files:
        if path.startswith(ARTIFACTS) and path not in named:
            where = escape(path)
            yield Finding(Code.ARTIFACT_UNLISTED, where, "a document that names it", "none")


def named_artifacts(evidence: Evidence) -> Iterator[tuple[str, str, str, int]]:
    """Yield (place, path, digest, size in bytes) of every artifact that a document names."""
    for group in ("files", "documents"):
        for index, file in enumerate(getattr(evidence.workspace, group)):
            where = f"workspace.json#/{group}/{index}"
            yield where, file.artifact, file.digest, file.bytes
    for index, wanted in enumerate(evidence.preflight.inputs):
        if wanted.artifact:
            where = f"preflight.json#/inputs/{index}"
            yield where, wanted.artifact, wanted.found, wanted.bytes
    for index, row in enumerate(evidence.log.steps):
        for number, output in enumerate(row.outputs):
            where = f"execution-log.json#/steps/{index}/outputs/{number}"
            yield where, output.artifact, output.digest, output.bytes
    for index, change in enumerate(evidence.outcomes.mutations):
        if change.artifact:
            where = f"outcomes.json#/mutations/{index}"
            yield where, change.artifact, change.after.digest, change.after.bytes


def _secrets(evidence: Evidence, files: Mapping[str, FileFact]) -> Iterator[Finding]:
    for index, hit in enumerate(evidence.scan.hits):
        # In a document the words are withheld, not the document.
        if hit.path in files and hit.path.startswith(ARTIFACTS):
            code = Code.SECRET_IN_EVIDENCE
            yield Finding(code, f"secret-scan.json#/hits/{index}", "withheld", hit.path)


def _lineage(evidence: Evidence) -> Iterator[Finding]:
    wanted = [prior.packet_tree for prior in evidence.lane.lineage]
    found = [row.packet_tree for row in evidence.lineage.packets]
    if wanted != found:
        expected = ", ".join(wanted) or "none"
        shown = ", ".join(found) or "none"
        yield Finding(Code.LINEAGE_DIFFERS, "lineage.json#/packets", expected, shown)


def _overclaim(evidence: Evidence, derived: Derived) -> Iterator[Finding]:
    claimed = evidence.header.status
    if _RANK[claimed] > _RANK[derived.status]:
        where = "header.json#/status"
        yield Finding(Code.OVERCLAIM, where, derived.status.value, claimed.value)


def _preflight(derived: Derived) -> Iterator[Finding]:
    rows = derived.evidence.preflight.inputs
    for index, row in enumerate(rows):
        if row.result is not Result.PASS:
            where = f"preflight.json#/inputs/{index}"
            found = row.found or "nothing"
            yield Finding(Code.PREFLIGHT_MISMATCH, where, row.expected, found, row.name)
    for index, wanted in enumerate(derived.evidence.lane.inputs[: len(rows)]):
        # Whoever says that an input was right has kept what was read.
        kept = "" if wanted.kind is InputKind.PACKET else f"artifacts/inputs/{wanted.path}"
        if rows[index].artifact != kept:
            where, found = f"preflight.json#/inputs/{index}/artifact", rows[index].artifact
            yield Finding(Code.PREFLIGHT_MISMATCH, where, kept or "none", found or "none")


def _scope(evidence: Evidence, derived: Derived) -> Iterator[Finding]:
    for index, row in enumerate(evidence.outcomes.mutations):
        if not row.surface:
            where = f"outcomes.json#/mutations/{index}"
            yield Finding(Code.SCOPE_VIOLATED, where, "a surface that allows it", row.path)
    for name in evidence.outcomes.refused_names:
        where = "outcomes.json#/refused_names"
        yield Finding(Code.SCOPE_VIOLATED, where, "names that a packet can hold", name)
    for index, proof in enumerate(derived.proof.surfaces):
        if proof.verdict in (SurfaceVerdict.VIOLATED, SurfaceVerdict.BLOCKED):
            where = f"forbidden-surface-proof.json#/surfaces/{index}"
            code = Code.FORBIDDEN_SURFACE_TOUCHED
            yield Finding(code, where, "UNTOUCHED", proof.verdict.value, proof.id)


def _pins(evidence: Evidence) -> Iterator[Finding]:
    seen = {row.name: row for row in evidence.pins.pins}
    stayed = {file.path for file in evidence.workspace.files} - set(changed_paths(evidence))
    for index, pin in enumerate(evidence.lane.pins):
        row = seen.get(pin.name)
        found = row.after if row else ""
        if row is None or not row.before == row.after == pin.digest:
            where = f"pins.json#/pins/{index}"
            yield Finding(Code.PIN_CHANGED, where, pin.digest, found or "nothing", pin.name)
        elif pin.path not in stayed:
            where = f"pins.json#/pins/{index}/path"
            yield Finding(Code.PIN_CHANGED, where, "a file that stayed", pin.path, pin.name)


def _states(evidence: Evidence) -> Iterator[Finding]:
    for index, row in enumerate(evidence.states.states if evidence.states else ()):
        if row.restored != row.before:
            where = f"{STATES}#/states/{index}/restored"
            code = Code.ROLLBACK_DID_NOT_RESTORE
            yield Finding(code, where, row.before or "none", row.restored or "none", row.what)


def _gate(derived: Derived) -> Iterator[Finding]:
    gate = derived.evidence.gate
    for index, row in enumerate(gate.rows):
        if row.result is not Result.PASS:
            where = f"rollback-gate.json#/rows/{index}"
            # No refusal may carry the word that stands for success (001:49).
            expected = "no objection" if row.expected == PASS else row.expected
            yield Finding(Code.GATE_NOT_PROVEN, where, expected, row.got, row.evidence)
    if not gate.rows or not gate.judges:
        where = "rollback-gate.json"
        yield Finding(Code.GATE_NOT_PROVEN, where, "rows and judges", gate.note or "none")


def _probes(evidence: Evidence) -> Iterator[Finding]:
    probes = evidence.probes
    seen = {row.number: row for row in probes.probes}
    where = "bad-input-probes.json#/probes"
    for wanted in PROBES:
        row = seen.get(wanted.number)
        expected = str(wanted.code)
        if row is None or (row.probe_class, row.expected) != (wanted.probe_class, expected):
            yield Finding(Code.PROBE_MISSING, where, wanted.probe_class, "nothing")
        elif row.got != expected or row.objects_left or row.refs_left or row.pass_token:
            found = f"{row.got}, {row.objects_left} objects and {row.refs_left} refs left"
            yield Finding(Code.PROBE_FAIL_OPEN, where, expected, found, wanted.probe_class)
    if probes.control != ACCEPTED:
        where = "bad-input-probes.json#/control"
        yield Finding(Code.PROBE_MISSING, where, ACCEPTED, probes.control, "control")


def _scan(evidence: Evidence) -> Iterator[Finding]:
    """Everything that the packet names was searched before it left the workspace."""
    named = len({path for _, path, _, _ in named_artifacts(evidence)})
    if evidence.scan.files != named:
        where, found = "secret-scan.json#/files", str(evidence.scan.files)
        yield Finding(Code.SECRET_IN_EVIDENCE, where, f"{named} artifacts searched", found)


def _publication(evidence: Evidence) -> Iterator[Finding]:
    due, states = due_publications(evidence), beginning(evidence.workspace)
    made = {(row.step, row.path) for row in evidence.publication.published}
    where = "publication.json#/published"
    for step, path in sorted(due.keys() - made):
        yield Finding(Code.PUBLICATION_DIFFERS, where, f"a row of {step} for {path}", "none", path)
    for index, row in enumerate(evidence.publication.published):
        surface = due.pop((row.step, row.path), None)
        if surface is None:
            expected = "a change that the step publishes, once"
            yield Finding(Code.PUBLICATION_DIFFERS, f"{where}/{index}", expected, row.path)
            continue
        # The mode on the disk that it came from is the target's own.
        before = replace(states.get(row.path, ABSENT), mode=row.before.mode)
        if (row.surface, row.change, row.before) != (surface.id, surface.change, before):
            expected = f"{surface.change.value} of {surface.id}, from {show(before)}"
            found = f"{row.change.value} of {row.surface}, from {show(row.before)}"
            yield Finding(Code.PUBLICATION_DIFFERS, f"{where}/{index}", expected, found, row.path)
        if row.read_back != row.published or row.code:
            where = f"publication.json#/published/{index}/read_back"
            found = row.code or row.read_back.digest or row.read_back.kind
            expected = row.published.digest or row.published.kind
            yield Finding(Code.PUBLICATION_DIFFERS, where, expected, found, row.path)


def _tickets(evidence: Evidence) -> Iterator[Finding]:
    tickets, states = evidence.tickets, beginning(evidence.workspace)
    for name in tickets.collisions:
        where = "reserved-tickets.json#/collisions"
        yield Finding(Code.TICKET_COLLISION, where, "a free ticket", name)
    for index, row in enumerate(tickets.registry):
        was = states.get(row.path, ABSENT).digest
        if not was == row.before == row.after or not was:
            where = f"reserved-tickets.json#/registry/{index}"
            found = row.after or "nothing"
            yield Finding(Code.REGISTRY_CHANGED, where, was or "a digest", found, row.path)


def _blockers(evidence: Evidence) -> Iterator[Finding]:
    granted = set(evidence.authority.operations)
    for index, name in enumerate(evidence.lane.resolves):
        if f"resolve:{name}" not in granted:
            where = f"lane.yaml#/resolves/{index}"
            yield Finding(Code.BLOCKER_DROPPED, where, f"a grant of resolve:{name}", "none")
