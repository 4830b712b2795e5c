"""Prove that a change can be undone: of a lane before it runs, of a packet long after.

Of a lane its commands are executed and taken back, and nothing else happens.  Of a packet the
accepted state is staged from its own bytes, taken back by the lane's own undo, and held
against the before that it recorded; a packet's steps are not executed for that.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from greenlight.codes import Code
from greenlight.errors import RefusedError
from greenlight.execution.confinement import Confinement
from greenlight.execution.undo import put_back
from greenlight.execution.workspace import Workspace, sweep
from greenlight.model.codec import draft, to_document
from greenlight.model.documents import Header, RollbackGate, RollbackProof
from greenlight.model.evidence import Evidence
from greenlight.model.finding import Finding, Report
from greenlight.model.lane import Lane, complete_steps
from greenlight.model.packet import HEADER
from greenlight.model.snapshot import FileState
from greenlight.model.words import packet_id
from greenlight.primitives import cjson
from greenlight.primitives.ed25519 import Signer
from greenlight.primitives.timestamp import format_seconds
from greenlight.services.drafting import Closed, Draft
from greenlight.services.execute import StepFailed
from greenlight.services.initialising import require_executor
from greenlight.services.packets import Located
from greenlight.services.private import opened_of
from greenlight.services.published import judges, published
from greenlight.services.real_run import describe_environment
from greenlight.services.rerun import PacketProvider
from greenlight.services.sealing import Sealed, seal_together
from greenlight.services.sources import Sources
from greenlight.services.staging import Staging, unexpected
from greenlight.store.packwriter import PackWriter
from greenlight.store.repository import Store
from greenlight.verify.derive.external import derive_external_header
from greenlight.verify.gate import run_gate
from greenlight.verify.retention import left_out
from greenlight.verify.rollback import verify_rollback

PROOF = "artifacts/rollback-proof.json"


@dataclass(frozen=True, slots=True)
class Proved:
    """A rollback proof that was made now.

    Attributes:
        proof: Each change: before, applied, restored.
        gate: What the gate says of it.
        report: What is wrong, the gate's refusals too.
        files: Proof, gate, environment and attempts, as they are sealed, by path.
    """

    proof: RollbackProof
    gate: RollbackGate
    report: Report
    files: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Room:
    """The outside world of a proof.

    Attributes:
        confinement: What commands run in.
        variables: The caller's environment; only what the lane allows is read.
        parent: Where workspaces are made; None for the system's place.
        on_step: Told each step's id as it begins.
    """

    confinement: Confinement
    variables: Mapping[str, str]
    parent: Path | None = None
    on_step: Callable[[str], None] = lambda _step: None


def prove_lane(lane: Lane, sources: Sources, room: Room) -> Proved:
    """Execute a lane's commands and take them back; nothing is published, and nothing sealed.

    Args:
        lane: One that was found admissible.
        sources: What its workspace starts with.
        room: The outside world.

    Raises:
        StepFailed: A command did not end as it must.
        StoreError: The machine does not serve.
    """
    sweep(room.parent)
    with Workspace.create(room.parent) as workspace:
        staging = _staging(lane, sources, room, workspace)
        staging.begin()
        for step in complete_steps(lane):
            if step.builtin is not None:
                continue
            room.on_step(step.id)
            code = unexpected(step, staging.run(step))
            if code is not None:
                raise StepFailed(code, f"{step.id}: {code.meaning}")
        staging.apply_documents()
        return _taken_back(staging, room, [])


def prove_packet(
    located: Located, evidence: Evidence, private: Mapping[str, bytes], room: Room
) -> Proved:
    """Stage the state that a packet left, take it back, and hold it against its before.

    Args:
        located: The packet, read whole, and verified.
        evidence: Its evidence.
        private: Files of its private tree, where it withholds something.
        room: The outside world.

    Raises:
        RefusedError: PROOF_NOT_POSSIBLE: the packet does not hold what it changed.
        StoreError: The machine does not serve.
    """
    sweep(room.parent)
    provider = PacketProvider(evidence, located.files)
    contents = _contents(located, evidence, private)
    with Workspace.create(room.parent) as workspace:
        staging = _staging(evidence.lane, provider.sources(evidence.lane), room, workspace)
        staging.begin()
        room.on_step("accepted")
        rows = evidence.outcomes.mutations
        for row in sorted(rows, key=lambda row: row.after.kind == "absent"):
            state = FileState("absent") if row.after.kind == "absent" else row.after
            put_back(workspace.root, row.path, state, contents.get(row.path))
        wrong = []
        before = str(staging.before.digest)
        if before != evidence.outcomes.before:
            where = "outcomes.json#/before"
            wrong.append(Finding(Code.SNAPSHOT_DIFFERS, where, evidence.outcomes.before, before))
        proved = _taken_back(staging, room, wrong)
    applied, recorded = proved.proof.applied, evidence.outcomes.after
    if applied == recorded or left_out(evidence):
        return proved  # what is withheld has another digest in the packet
    where = "outcomes.json#/after"
    wrong = [Finding(Code.SNAPSHOT_DIFFERS, where, recorded, applied), *proved.report.findings]
    return replace(proved, report=Report.of(wrong))


def _contents(
    located: Located, evidence: Evidence, private: Mapping[str, bytes]
) -> dict[str, bytes]:
    """Return the new content of each changed file, by path; refuse where one is not at hand."""
    opened = opened_of(private)
    absent = {row.artifact for row in left_out(evidence)}
    found: dict[str, bytes] = {}
    for row in evidence.outcomes.mutations:
        if row.after.kind not in ("file", "absent", "directory"):
            raise RefusedError(Code.PROOF_NOT_POSSIBLE, f"{row.path} has become a {row.after.kind}")
        if not row.artifact:
            continue
        if row.artifact in located.files:
            found[row.path] = located.files[row.artifact]
        elif row.artifact in absent and row.artifact in opened:
            found[row.path] = opened[row.artifact].data
        else:
            raise RefusedError(
                Code.PROOF_NOT_POSSIBLE,
                f"the packet does not hold what {row.path} became",
                hint="where it is withheld, --private names the folder that has it",
            )
    return found


def _staging(lane: Lane, sources: Sources, room: Room, workspace: Workspace) -> Staging:
    return Staging(
        lane=lane,
        sources=sources,
        confinement=room.confinement,
        workspace=workspace,
        variables=room.variables,
    )


def _taken_back(staging: Staging, room: Room, wrong: list[Finding]) -> Proved:
    """Look, take back, judge; and write down what that was done with."""
    staging.look()
    room.on_step("rollback")
    outcomes = staging.outcomes()
    findings = [
        *wrong,
        *(
            Finding(Code.SCOPE_VIOLATED, row.path, "a surface that allows it", "none")
            for row in outcomes.mutations
            if not row.surface
        ),
    ]
    proof = staging.take_back()
    findings += verify_rollback(proof, staging.changed())
    gate = run_gate(proof, staging.changed(), frozen=published().frozen, judges=judges())
    documents = {
        PROOF: proof,
        "artifacts/rollback-gate.json": gate,
        "artifacts/environment.json": describe_environment(staging, room.confinement),
        "artifacts/attempts.json": staging.attempts(),
    }
    files = {
        path: cjson.encode(to_document(document))
        for path, document in documents.items()
        if document is not None
    }
    return Proved(proof, gate, Report.of(findings), files)


def seal_proof(  # noqa: PLR0913 - the outside world of one act
    store: Store,
    signer: Signer,
    located: Located,
    evidence: Evidence,
    proved: Proved,
    *,
    clock: Callable[[], datetime],
) -> Sealed:
    """Seal a proof as a packet of its own, that names the packet it is about.

    It says of itself that nothing was executed *of a lane*: what it holds are artifacts.

    Raises:
        RefusedError: TRUST_REFUSED.
        StoreError: The store does not serve.
    """
    require_executor(store, signer)
    run_id = str(uuid.uuid4())
    now = format_seconds(clock())
    name = f"rollback-{evidence.lane.lane}"[:128].rstrip("-")
    header = derive_external_header(
        draft(
            Header,
            packet_id=packet_id(name, run_id),
            run_id=run_id,
            executor=signer.public.uri,
            opened_at=now,
            sealed_at=now,
        )
    )
    about = {
        "packet_id": evidence.header.packet_id,
        "packet_tree": located.packet.tree,
        "result": "PASS" if proved.report.clean else "FAIL",
        "findings": [finding.to_dict() for finding in proved.report.findings],
    }

    def write(pack: PackWriter) -> list[Closed]:
        made = Draft(pack)
        for path, data in proved.files.items():
            made.add(path, data)
        made.add("artifacts/accepted.json", cjson.encode(about))
        made.add(HEADER, cjson.encode(to_document(header)))
        made.finish()
        return [made.close(header, signer, (located.packet.tree.removeprefix("sha256:"),))]

    (sealed,) = seal_together(store, signer, write, clock=clock)
    return sealed
