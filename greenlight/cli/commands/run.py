"""``greenlight run``: carry out a lane, seal what happened, verify it; or only show the plan."""

from __future__ import annotations

from pathlib import Path

from greenlight.cli.answer import Answer, Fault
from greenlight.cli.exit_codes import Exit, exit_code_for
from greenlight.cli.progress import progress
from greenlight.cli.surroundings import clock, signer_of, variables
from greenlight.cli.upkeep import written_store
from greenlight.cli.values import Values
from greenlight.cli.verdicts import fault_of, verdict_lines
from greenlight.codes import Code
from greenlight.errors import GreenlightError, StoreError
from greenlight.execution.confined import Confined, require_enforced
from greenlight.model.documents.execution_log import StepState
from greenlight.model.documents.forbidden_surface_proof import ProofRow
from greenlight.model.lane import Lane, complete_steps
from greenlight.model.lane_file import parse_lane
from greenlight.model.surface import SurfaceVerdict
from greenlight.model.words import Mode, Status
from greenlight.primitives.limits import MAX_LANE_BYTES
from greenlight.services.admission import Examined, Request
from greenlight.services.initialising import require_store
from greenlight.services.packets import read_commit
from greenlight.services.provider import FolderProvider
from greenlight.services.run import Job, RunResult, plan_lane, run_lanes
from greenlight.services.surroundings import Surroundings
from greenlight.services.verifying import Trust, Verdict, verify_located
from greenlight.store.repository import Store
from greenlight.verify.derive.execution_plan import derive_execution_plan


def run(arguments: Values) -> Answer:
    """Run lanes, or show their plans."""
    read = [read_lane(path) for path in arguments.lanes]
    lanes = [parse_lane(data) for data in read]  # malformed input, and not a refusal
    with written_store(arguments) as store:
        require_store(store)
        signer = signer_of(arguments)
        jobs = [
            Job(
                Request(data, signer.public.uri, clock(), arguments.grant),
                FolderProvider(path.absolute().parent, store, Trust()),
                path.absolute().parent,
            )
            for path, data in zip(arguments.lanes, read, strict=True)
        ]
        with progress("run", sum(len(complete_steps(lane)) for lane in lanes)) as shown:
            confinement = Confined.here()
            if arguments.require == "enforced":
                require_enforced(confinement.ability)
            around = Surroundings(
                store, signer, confinement, clock, variables(), on_step=shown.step
            )
            if arguments.plan or any(lane.mode == Mode.DRY_RUN for lane in lanes):
                return _of_many(
                    "plans",
                    [
                        _plan(lane, plan_lane(job.request, job.provider, around))
                        for lane, job in zip(lanes, jobs, strict=True)
                    ],
                )
            ended = run_lanes(jobs, around)
            answers = [_answer(result, _verify(store, result)) for result in ended.results]
    return _of_many("runs", answers, ended.error)


def _of_many(name: str, answers: list[Answer], error: GreenlightError | None = None) -> Answer:
    """Join the answers of one call; of one lane it is that lane's, and nothing around it."""
    if len(answers) == 1 and error is None:
        return answers[0]
    lines = [line for answer in answers for line in (*answer.lines, "")]
    lines.append(f"{len(answers)} {name}")
    first = next((answer for answer in answers if answer.fault is not None), None)
    exit_code, fault = Exit.OK, None
    if error is not None:
        exit_code, fault = exit_code_for(error), Fault(error.code, str(error), error.hint)
        lines[-1] += "; the next lane was not run, or has no packet"
    elif first is not None:
        exit_code, fault = first.exit, first.fault
    data = {name: [answer.data for answer in answers]}
    return Answer(data, tuple(lines), exit=exit_code, fault=fault)


def read_lane(path: Path) -> bytes:
    """Return the bytes of a lane file."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_LANE_BYTES + 1)
    except OSError as error:
        reason = (error.strerror or "").lower()
        raise StoreError(Code.FILE_UNREADABLE, f"cannot read {path}: {reason}") from error


def _verify(store: Store, result: RunResult) -> Verdict:
    """Judge the new packet as anybody will: read back from the store."""
    return verify_located(read_commit(store, result.sealed.commit), Trust(), store=store)


# --- the plan


def _plan(lane: Lane, examined: Examined) -> Answer:
    blocked_by_mode = lane.mode == Mode.DRY_RUN
    steps = derive_execution_plan(lane).steps
    data = {
        "lane": lane.lane,
        "mode": lane.mode,
        "blocked_by_mode": blocked_by_mode,
        "steps": [
            {"id": step.id, "title": step.title, "kind": step.kind.value, "argv": list(step.argv)}
            for step in steps
        ],
        "allowed": [
            {"id": row.id, "path": row.path, "change": row.change.value, "publish": row.publish}
            for row in lane.allowed
        ],
        "forbidden": [{"id": row.id, "name": row.name} for row in lane.forbidden],
        "blocked_by": [finding.to_dict() for finding in examined.findings],
    }
    lines = [f"plan of {lane.lane}: {lane.title}", f"  mode  {lane.mode}", "steps"]
    lines += [f"  {step.id}  {step.title or step.builtin}" for step in steps]
    lines.append("may change")
    lines += [f"  {row.id}  {row.change.value} {row.path}" for row in lane.allowed]
    if lane.forbidden:
        lines.append("must not be touched")
        lines += [f"  {row.id}  {row.name}" for row in lane.forbidden]
    lines.append("blocked by" if examined.findings else "nothing blocks it")
    lines += [f"  {finding}" for finding in examined.findings]
    if blocked_by_mode:
        lines.append("mode dry_run: this plan is all that ever happens")
    if not examined.findings:
        return Answer(data, tuple(lines))
    first = examined.findings[0]
    fault = Fault(first.code, f"{lane.lane} would be refused: {first}")
    return Answer(data, tuple(lines), exit=Exit.REFUSED, fault=fault)


# --- the run


def _answer(result: RunResult, verdict: Verdict) -> Answer:
    derived, sealed = result.derived, result.sealed
    unknown = [row for row in derived.proof.surfaces if row.verdict is SurfaceVerdict.UNKNOWN]
    log = derived.evidence.log.steps
    data = {
        "packet_id": sealed.statement.packet_id,
        "packet_tree": sealed.packet_tree,
        "commit": sealed.commit,
        "record": sealed.index,
        "status": derived.status.value,
        "final_status": derived.header.final_status,
        "review": derived.review.verdict.value,
        "steps": [
            {"id": row.step, "state": row.state.value, "code": row.code, "reason": row.reason}
            for row in log
        ],
        "unknown": [{"id": row.id, "name": row.name} for row in unknown],
        "open_blockers": [row.id for row in derived.blockers.blockers if row.state == "OPEN"],
        "verdict": verdict.to_dict(),
    }
    lines = [f"{row.state.value:11}  {row.step}{_why(row.code, row.reason)}" for row in log]
    lines += ["", f"{derived.status.value}  {derived.header.final_status}"]
    lines.append(f"  review      {derived.review.verdict.value}")
    lines += _unknown_lines(unknown)
    lines.append("")
    lines += verdict_lines(verdict)
    fault, exit_code = fault_of(verdict, require_clean=False), Exit.REJECTED
    if fault is None and derived.status is Status.STOPPED:
        exit_code = Exit.REFUSED
        failed = next((row for row in log if row.state is StepState.FAILED), None)
        why = f" at {failed.step}{_why(failed.code, failed.reason)}" if failed else ""
        fault = Fault(
            Code.RUN_STOPPED,
            f"the run stopped{why}",
            f"greenlight show {sealed.statement.packet_id}",
        )
    return Answer(data, tuple(lines), exit=exit_code if fault is not None else Exit.OK, fault=fault)


def _why(code: str, reason: str) -> str:
    return f"  {code}: {reason}" if code else ""


def _unknown_lines(unknown: list[ProofRow]) -> list[str]:
    if not unknown:
        return []
    lines = ["  not known   nothing enforced or observed these surfaces:"]
    return lines + [f"    {row.id}  {row.name}" for row in unknown]
