"""``greenlight prove rollback``: of a lane before it runs, of a packet long after."""

from __future__ import annotations

from pathlib import Path

from greenlight.cli.answer import Answer, Fault, table
from greenlight.cli.commands.run import read_lane
from greenlight.cli.exit_codes import Exit
from greenlight.cli.private import private_of
from greenlight.cli.progress import progress
from greenlight.cli.surroundings import clock, signer_of, store_for, variables
from greenlight.cli.trusting import given_trust, trust_for
from greenlight.cli.values import Values
from greenlight.codes import Code
from greenlight.errors import RefusedError
from greenlight.execution.confined import Confined
from greenlight.model.finding import Report
from greenlight.model.lane_file import parse_lane
from greenlight.services.execute import StepFailed
from greenlight.services.packets import locate
from greenlight.services.private import private_files
from greenlight.services.proving import Proved, Room, prove_lane, prove_packet, seal_proof
from greenlight.services.rerun import confines
from greenlight.services.sealing import Sealed
from greenlight.services.sources import load_sources
from greenlight.services.verifying import Integrity, verify_located
from greenlight.verify.lane import check_lane


def rollback(arguments: Values) -> Answer:
    """Prove the rollback of a lane or a packet."""
    path = Path(arguments.subject)
    return _lane(path) if path.is_file() else _packet(arguments)


def _lane(path: Path) -> Answer:
    lane = parse_lane(read_lane(path))
    if findings := check_lane(lane):
        first = findings[0]
        raise RefusedError(first.code, str(first))
    sources = load_sources(path.absolute().parent, lane)
    with progress("prove") as shown:
        room = Room(Confined.here(), variables(), on_step=shown.step)
        try:
            proved = prove_lane(lane, sources, room)
        except StepFailed as failed:
            code = Code[failed.code.partition(":")[0]]
            raise RefusedError(code, failed.reason) from failed
    return _answer(lane.lane, proved, None)


def _packet(arguments: Values) -> Answer:
    store = store_for(arguments, arguments.subject)
    trust = given_trust(arguments)
    with progress("prove") as shown:
        located = locate(store, arguments.subject, whole=True)
        given = private_of(arguments.private)
        trusted = trust_for(trust, located, store)
        verdict = verify_located(located, trusted, store=store, private=given)
        if verdict.integrity in (Integrity.REJECTED, Integrity.WITHHELD):
            verdict.report.require()
        evidence = verdict.evidence
        if evidence is None:
            raise RefusedError(
                Code.PROOF_NOT_POSSIBLE, "this packet was sealed from evidence made elsewhere"
            )
        room = Room(Confined.here(), variables(), on_step=shown.step)
        if not verdict.trusted_by and not confines(room.confinement):
            raise RefusedError(
                Code.REPLAY_UNTRUSTED, "nobody trusted sealed it, and nothing here confines it"
            )
        private = private_files(located, evidence, store) if given is None else given
        proved = prove_packet(located, evidence, private, room)
        sealed = None
        if store is not None and located.commit and not arguments.dry_run:
            signer = signer_of(arguments)
            sealed = seal_proof(store, signer, located, evidence, proved, clock=clock)
    return _answer(evidence.header.packet_id, proved, sealed)


def _answer(name: str, proved: Proved, sealed: Sealed | None) -> Answer:
    report: Report = proved.report
    result = "PASS" if report.clean else "FAIL"
    lines = [f"{result}  the rollback of {name}"]
    lines += table(
        [
            (
                f"  {row.path}",
                row.undo,
                _short(row.before.digest),
                _short(row.applied.digest),
                _short(row.restored.digest),
            )
            for row in proved.proof.mutations
        ]
    )
    lines += [
        f"  before    {proved.proof.before}",
        f"  applied   {proved.proof.applied}",
        f"  restored  {proved.proof.restored}",
        f"  gate      {proved.gate.result.value}",
    ]
    lines += [f"  {finding}" for finding in report.findings]
    if sealed is not None:
        lines.append(f"SEALED  {sealed.statement.packet_id}")
        lines.append(f"  tree      {sealed.packet_tree}")
    fault = None
    if not report.clean:
        first = report.findings[0]
        fault = Fault(first.code, f"the rollback of {name} is not proven: {first}")
    data = {
        "result": result,
        "subject": name,
        "before": proved.proof.before,
        "applied": proved.proof.applied,
        "restored": proved.proof.restored,
        "mutations": [
            {
                "path": row.path,
                "undo": row.undo,
                "before": row.before.digest,
                "applied": row.applied.digest,
                "restored": row.restored.digest,
            }
            for row in proved.proof.mutations
        ],
        "gate": proved.gate.result.value,
        "findings": [finding.to_dict() for finding in report.findings],
        "sealed": "" if sealed is None else sealed.statement.packet_id,
        "packet_tree": "" if sealed is None else sealed.packet_tree,
    }
    exit_code = Exit.OK if fault is None else Exit.REJECTED
    return Answer(data, tuple(lines), exit=exit_code, fault=fault)


def _short(digest: str) -> str:
    return digest.removeprefix("sha256:")[:12] or "absent"
