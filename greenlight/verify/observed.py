"""Do the observations of a run tell one story?

Whether a step really printed what the log says, only a replay can tell.  That no
document says what another one denies is checked here, for every executed packet:

1. the workspace began with what the lane names, at paths that stay inside;
2. the log follows the plan: each step once, its exit code fits its state, its output is kept,
   and each tool operation that it stands for was recorded;
3. each change begins where the workspace began, is called what it is, and names the surface
   that covers it, not one that it would like;
4. the snapshots' digests are what files and changes give;
5. the rollback proof is about these changes and no others;
6. what steps tried is on record exactly where a grade says that somebody recorded;
7. refs and databases that the lane names have a row each, in its order, and no others have;
8. exchanges are on record where the lane allows destinations and the network was enforced,
   each that was not refused with one of these.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from greenlight.codes import Code
from greenlight.model.documents.exchanges import ExchangeOutcome
from greenlight.model.documents.execution_log import LogRow, StepState
from greenlight.model.documents.outcomes import MutationRow, ToolDecision
from greenlight.model.documents.workspace import Workspace, WorkspaceFile
from greenlight.model.evidence import Evidence
from greenlight.model.finding import Finding
from greenlight.model.grades import RECORDERS
from greenlight.model.lane import Lane, Step, complete_steps
from greenlight.model.logical import logical_surfaces
from greenlight.model.packet import ATTEMPTS, EXCHANGES, STATES
from greenlight.model.snapshot import ABSENT, FileState, Snapshot, SnapshotProblem, change_word
from greenlight.primitives.packet_path import collisions, path_problem
from greenlight.verify.derive.execution_plan import target_of, tool_of
from greenlight.verify.rollback import show
from greenlight.verify.scope import covering_surface

FOLDER_MODE = "0755"  # of every folder that a workspace starts with
FILE_MODES = ("0644", "0755")  # what modes are brought to before a run


def verify_observed(evidence: Evidence) -> list[Finding]:
    """Check the observations against the lane and against each other."""
    return [
        *_workspace(evidence.workspace, evidence.lane),
        *_log(evidence),
        *_calls(evidence),
        *_changes(evidence),
        *_snapshots(evidence),
        *_rollback(evidence),
        *_attempts(evidence),
        *_states(evidence),
        *_exchanges(evidence),
    ]


def beginning(workspace: Workspace) -> dict[str, FileState]:
    """Return what the workspace started with, by path."""
    states = {path: FileState("directory", FOLDER_MODE) for path in workspace.folders}
    for file in workspace.files:
        states[file.path] = FileState("file", file.mode, file.bytes, file.digest)
    return states


# --- 1


def _workspace(workspace: Workspace, lane: Lane) -> Iterator[Finding]:
    files = [file.path for file in workspace.files]
    documents = [file.path for file in workspace.documents]
    groups = (("files", files), ("folders", list(workspace.folders)), ("documents", documents))
    for name, paths in groups:
        where = f"workspace.json#/{name}"
        if paths != sorted(set(paths)):
            yield Finding(Code.LANE_DIFFERS, where, "each path once, sorted", "another order")
        for index, path in enumerate(paths):
            if (problem := path_problem(path)) is not None:
                yield Finding(problem, f"{where}/{index}", "a path that stays inside", path)
    for index, file in enumerate((*workspace.files, *workspace.documents)):
        if file.mode not in FILE_MODES:
            expected = " or ".join(FILE_MODES)
            yield Finding(Code.LANE_DIFFERS, f"workspace.json#/{index}/mode", expected, file.mode)
    for one, other in collisions(files):
        yield Finding(Code.PATH_COLLISION, "workspace.json#/files", one, other)
    for path in sorted(set(files).intersection(workspace.folders)):
        yield Finding(Code.PATH_COLLISION, "workspace.json#/folders", "no file", path)
    yield from _from_lane(workspace.files, documents, lane)


def _from_lane(
    files: Sequence[WorkspaceFile], documents: list[str], lane: Lane
) -> Iterator[Finding]:
    roots = tuple(source.at for source in lane.workspace)
    below = tuple(f"{root}/" for root in roots)
    for index, file in enumerate(files):
        if file.path not in roots and not file.path.startswith(below):
            where = f"workspace.json#/files/{index}"
            yield Finding(Code.LANE_DIFFERS, where, "a file of a workspace source", file.path)
    named = sorted({step.document for step in lane.steps if step.document})
    if named != documents:
        where = "workspace.json#/documents"
        shown = (", ".join(named) or "none", ", ".join(documents) or "none")
        yield Finding(Code.LANE_DIFFERS, where, *shown)


# --- 2


def _log(evidence: Evidence) -> Iterator[Finding]:
    plan = complete_steps(evidence.lane)
    rows = evidence.log.steps
    where = "execution-log.json#/steps"
    if [row.step for row in rows] != [step.id for step in plan]:
        expected = ", ".join(step.id for step in plan)
        found = ", ".join(row.step for row in rows) or "nothing"
        yield Finding(Code.LOG_ORDER, where, expected, found)
    by_id = {step.id: step for step in plan}
    stopped = False
    last = evidence.header.opened_at
    for index, row in enumerate(rows):
        if stopped and row.state is not StepState.NOT_REACHED:
            expected = "not_reached after a step that is not done"
            yield Finding(Code.LOG_ORDER, f"{where}/{index}/state", expected, row.state.value)
        stopped = stopped or row.state is not StepState.DONE
        if row.started_at < last:
            expected = f"not before {last}"
            yield Finding(Code.LOG_ORDER, f"{where}/{index}/started_at", expected, row.started_at)
        last = max(last, row.started_at)
        if row.step in by_id:
            yield from _ended(row, by_id[row.step], f"{where}/{index}")
    if evidence.header.sealed_at < last:
        sealed = evidence.header.sealed_at
        yield Finding(Code.LOG_ORDER, "header.json#/sealed_at", f"not before {last}", sealed)


def _ended(row: LogRow, step: Step, where: str) -> Iterator[Finding]:
    """Check that what is said of a step's end fits its state."""
    exits = step.expect_exit if step.builtin is None else (None,)
    done = row.state is StepState.DONE
    if done and row.exit_code not in exits:
        expected = f"an exit code of {', '.join(map(str, exits))}" if step.run else "none"
        yield Finding(Code.LOG_ORDER, f"{where}/exit_code", expected, str(row.exit_code))
    if (row.state is StepState.FAILED) != bool(row.code):
        expected = "a code where it failed, and only there"
        yield Finding(Code.LOG_ORDER, f"{where}/code", expected, row.code or "none")
    if row.reason and row.state is not StepState.FAILED:
        yield Finding(Code.LOG_ORDER, f"{where}/reason", "none where it did not fail", row.reason)
    kept = [output.artifact for output in row.outputs]
    streams = [f"artifacts/steps/{step.id}/{name}" for name in ("stdout", "stderr")]
    # A command that could not be started has failed, and left no output.
    right = [streams] if done else [streams, []]
    if kept not in (right if step.builtin is None and row.state is not _UNREACHED else [[]]):
        found = ", ".join(kept) or "none"
        yield Finding(Code.LOG_ORDER, f"{where}/outputs", "what the step wrote, kept", found)


_UNREACHED = StepState.NOT_REACHED


def _calls(evidence: Evidence) -> Iterator[Finding]:
    """Each tool operation of a step that was reached is on record, and no other."""
    reached = {row.step for row in evidence.log.steps if row.state is not _UNREACHED}
    wanted = [
        (step.id, tool, target_of(evidence.lane, step))
        for step in complete_steps(evidence.lane)
        if step.id in reached and (tool := tool_of(step))
    ]
    found = [(call.step, call.tool, call.target) for call in evidence.outcomes.tool_calls]
    where = "outcomes.json#/tool_calls"
    if wanted != found:
        shown = [
            ", ".join(f"{tool} of {target} in {step}" for step, tool, target in calls)
            for calls in (wanted, found)
        ]
        yield Finding(Code.LOG_ORDER, where, shown[0] or "none", shown[1] or "none")
    for number, call in enumerate(evidence.outcomes.tool_calls, start=1):
        if call.number != number or call.decision is not ToolDecision.ALLOWED:
            expected = f"call {number}, allowed: the lane was admitted"
            yield Finding(Code.LOG_ORDER, where, expected, f"{call.number}, {call.decision.value}")


# --- 3


def _changes(evidence: Evidence) -> Iterator[Finding]:
    states = beginning(evidence.workspace)
    rows = evidence.outcomes.mutations
    paths = [row.path for row in rows]
    if paths != sorted(set(paths)):
        where = "outcomes.json#/mutations"
        yield Finding(Code.SNAPSHOT_DIFFERS, where, "each path once, sorted", "another order")
    for index, row in enumerate(rows):
        yield from _change(row, states.get(row.path, ABSENT), evidence, index)


def _change(
    row: MutationRow, before: FileState, evidence: Evidence, index: int
) -> Iterator[Finding]:
    where = f"outcomes.json#/mutations/{index}"
    if row.before != before:
        code = Code.SNAPSHOT_DIFFERS
        yield Finding(code, f"{where}/before", show(before), show(row.before))
    word = "nothing, for it is as it was" if row.after == before else change_word(before, row.after)
    if row.change != word:
        yield Finding(Code.SNAPSHOT_DIFFERS, f"{where}/change", word, row.change)
    folder = "directory" in (row.before.kind, row.after.kind)
    surface = covering_surface(evidence.lane.allowed, row.path, row.change, folder=folder)
    if row.surface != surface:
        code = Code.SCOPE_VIOLATED
        yield Finding(code, f"{where}/surface", surface or "none", row.surface or "none", row.path)
    unkept = row.after.kind == "file" and not row.artifact
    if unkept and not evidence.outcomes.refused_names:
        yield Finding(Code.ARTIFACT_MISSING, f"{where}/artifact", "the new content", "none")


# --- 4


def _snapshots(evidence: Evidence) -> Iterator[Finding]:
    """Compute the snapshots again: a change that nobody listed shows in the digest."""
    outcomes, proof = evidence.outcomes, evidence.rollback
    states = beginning(evidence.workspace)
    before = str(Snapshot(states).digest)
    for row in outcomes.mutations:
        states[row.path] = row.after
    there = {path: state for path, state in states.items() if state.kind != "absent"}
    problems = tuple(_problem(name) for name in outcomes.refused_names)
    after = str(Snapshot(there, problems).digest)
    checks = [
        ("outcomes.json#/before", before, outcomes.before),
        ("outcomes.json#/after", after, outcomes.after),
    ]
    if proof.reached:
        checks += [
            ("rollback-proof.json#/before", before, proof.before),
            ("rollback-proof.json#/applied", after, proof.applied),
        ]
    for where, expected, found in checks:
        if expected != found:
            yield Finding(Code.SNAPSHOT_DIFFERS, where, expected, found)


def _problem(name: str) -> SnapshotProblem:
    path, _, code = name.rpartition(" (")
    return SnapshotProblem(path, code.removesuffix(")"))


# --- 5


def _rollback(evidence: Evidence) -> Iterator[Finding]:
    """Hold each row of the proof against the change that it is about."""
    if not evidence.rollback.reached:
        return
    changes = {row.path: row for row in evidence.outcomes.mutations}
    undo = {surface.id: surface.undo.value for surface in evidence.lane.allowed}
    for number, row in enumerate(evidence.rollback.mutations, start=1):
        where = f"rollback-proof.json#/mutations/{number - 1}"
        change = changes.pop(row.path, None)
        if change is None:
            yield Finding(Code.ROLLBACK_MUTATION_UNPROVEN, where, "a change, once", row.path)
            continue
        pairs: tuple[tuple[str, str | FileState, str | FileState], ...] = (
            ("id", f"RB-EXEC-{number}", row.id),
            ("surface", change.surface, row.surface),
            ("undo", undo.get(change.surface, ""), row.undo),
            ("before", change.before, row.before),
            ("applied", change.after, row.applied),
        )
        for name, expected, found in pairs:
            if expected != found:
                code = Code.ROLLBACK_MUTATION_UNPROVEN
                yield Finding(code, f"{where}/{name}", _say(expected), _say(found), row.id)


def _say(what: str | FileState) -> str:
    return (show(what) if isinstance(what, FileState) else what) or "none"


# --- 6


def _attempts(evidence: Evidence) -> Iterator[Finding]:
    recorded = any(row.observed_by in RECORDERS for row in evidence.environment.grades)
    if recorded and evidence.attempts is None:
        yield Finding(Code.DOCUMENT_MISSING, ATTEMPTS, "a document", "none")
    if evidence.attempts is None:
        return
    if not recorded:
        yield Finding(Code.DOCUMENT_EXTRA, ATTEMPTS, "none: no grade says that it was", "a file")
    rollback = evidence.lane.rollback
    commands = (*rollback.steps, *rollback.views) if rollback else ()
    names = {step.id for step in evidence.lane.steps} | {each.id for each in commands}
    for index, row in enumerate(evidence.attempts.attempts):
        if row.step not in names:
            where = f"{ATTEMPTS}#/attempts/{index}/step"
            yield Finding(Code.LANE_DIFFERS, where, "a command of the lane", row.step)


# --- 7


def _states(evidence: Evidence) -> Iterator[Finding]:
    wanted = [(each.surface, each.kind, each.what) for each in logical_surfaces(evidence.lane)]
    if evidence.states is None:
        if wanted:
            yield Finding(Code.DOCUMENT_MISSING, STATES, "a document", "none")
        return
    if not wanted:
        yield Finding(Code.DOCUMENT_EXTRA, STATES, "none: the lane names no such surface", "a file")
    found = [(row.surface, row.kind, row.what) for row in evidence.states.states]
    if wanted != found:
        shown = [", ".join(what for _, _, what in rows) or "none" for rows in (wanted, found)]
        yield Finding(Code.LANE_DIFFERS, f"{STATES}#/states", *shown)


# --- 8


def _exchanges(evidence: Evidence) -> Iterator[Finding]:
    lane, found = evidence.lane, evidence.exchanges
    kept = any(row.kind == "network" and row.enforced_by for row in evidence.environment.grades)
    due = bool(lane.network) and kept
    if due and found is None:
        yield Finding(Code.DOCUMENT_MISSING, EXCHANGES, "a document", "none")
    if found is None:
        return
    if not due:
        yield Finding(
            Code.DOCUMENT_EXTRA, EXCHANGES, "none: nothing went through a proxy", "a file"
        )
    allowed = {(each.host.lower(), each.port) for each in lane.network}
    for index, row in enumerate(found.exchanges):
        where = f"{EXCHANGES}#/exchanges/{index}"
        if (row.host.lower(), row.port) in allowed:
            continue
        if row.outcome is not ExchangeOutcome.REFUSED:
            shown = f"{row.host}:{row.port}"
            yield Finding(Code.SCOPE_VIOLATED, where, "a destination that is allowed", shown)
