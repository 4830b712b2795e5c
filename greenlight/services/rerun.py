"""Replay a packet: execute its steps again, and compare every outcome byte for byte.

The workspace, the documents and the inputs come from the packet itself; recorded
fields (ids, times, host, what was granted and published) are carried over and checked
by rule; outcomes are executed again; what is derived is derived again.  A lane that is
deterministic gives the same packet tree.  Equal trees alone are no PASS: at least one
outcome must really have been executed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from greenlight.codes import Code
from greenlight.errors import MalformedError, RefusedError
from greenlight.execution.confinement import Confinement
from greenlight.execution.workspace import Workspace
from greenlight.model.codec import members
from greenlight.model.documents import DOCUMENTS, BadInputProbes, ExecutionLog, SecretScan
from greenlight.model.documents.execution_log import LogRow, StepState
from greenlight.model.documents.lineage import LineageRow
from greenlight.model.documents.publication import PublishedRow
from greenlight.model.documents.workspace import WorkspaceFile
from greenlight.model.evidence import Evidence
from greenlight.model.finding import Finding, Report
from greenlight.model.lane import Builtin, Input, Lane, Prior, Retain, Step, complete_steps
from greenlight.model.packet import LANE, FileFact, Packet
from greenlight.model.words import Status
from greenlight.primitives.text import escape
from greenlight.primitives.timestamp import parse_seconds
from greenlight.services.closing import close_packet
from greenlight.services.execute import Executed, Execution, StepFailed
from greenlight.services.packets import Located
from greenlight.services.private import opened_of, set_apart
from greenlight.services.probes import send_probes
from greenlight.services.scanning import scan_artifacts
from greenlight.services.sources import Content, Sources
from greenlight.services.staging import Staging
from greenlight.services.veiling import Veil
from greenlight.services.verifying import Integrity, Verdict
from greenlight.verify.retention import Held


class Comparison(StrEnum):
    """How a file of the packet compares with the replay's."""

    IDENTICAL = "identical"
    DIFFERENT = "different"
    NOT_RUN = "not_run"


@dataclass(frozen=True, slots=True)
class Compared:
    """One file of the packet.

    Attributes:
        path: Its path.
        comparison: identical, different, or not_run where the replay has none.
        where: The first byte in which they differ, for people; empty where none does.
    """

    path: str
    comparison: Comparison
    where: str


@dataclass(frozen=True, slots=True)
class RerunResult:
    """What a replay came to.

    Attributes:
        executed: Outcomes that were executed again: steps, mutations, rollback rows, probes.
        derived: Documents that were derived again.
        carried: Recorded fields that were carried over.
        files: Every file of the packet, compared.
        tree_before: The packet tree that was sealed.
        tree_after: The packet tree that the replay gave.
        withheld: Outputs that could not be compared: the packet withholds them, and what it
            would take to make their digests again is not at hand.
        report: REPLAY_DIFFERS for each file that differs; REPLAY_NOTHING_EXECUTED;
            REPLAY_WITHHELD.
    """

    executed: int
    derived: int
    carried: int
    files: tuple[Compared, ...]
    tree_before: str
    tree_after: str
    withheld: tuple[str, ...]
    report: Report

    @property
    def result(self) -> str:
        """PASS, FAIL, or WITHHELD: nothing differs, and not everything could be compared."""
        if set(self.report.codes) == {Code.REPLAY_WITHHELD}:
            return "WITHHELD"
        return "PASS" if self.report.clean else "FAIL"

    def to_dict(self) -> dict[str, object]:
        """Return the object that ``--json`` prints."""
        return {
            "result": self.result,
            "executed": self.executed,
            "derived": self.derived,
            "carried": self.carried,
            "tree_before": self.tree_before,
            "tree_after": self.tree_after,
            "withheld": list(self.withheld),
            "files": [
                {"path": row.path, "comparison": row.comparison.value, "where": row.where}
                for row in self.files
            ],
            "findings": [finding.to_dict() for finding in self.report.findings],
        }


@dataclass(frozen=True, slots=True)
class ReplayRoom:
    """The outside world of a replay.

    Attributes:
        confinement: What steps run in.
        clock: The time of this machine.
        variables: The caller's environment; only what the lane allows is read.
        parent: Where workspaces are made.
        on_step: Told each step's id as it begins.
        network: Whether steps may reach the destinations that the lane allows.
    """

    confinement: Confinement
    clock: Callable[[], datetime]
    variables: Mapping[str, str]
    parent: Path | None = None
    on_step: Callable[[str], None] = lambda _step: None
    network: bool = False


def rerun_packet(
    located: Located,
    verdict: Verdict,
    room: ReplayRoom,
    *,
    unsafe_unconfined: bool = False,
    private: Mapping[str, bytes] | None = None,
) -> RerunResult:
    """Replay a packet that was verified.

    Args:
        located: The packet, read whole.
        verdict: What its verification came to.
        room: The outside world.
        unsafe_unconfined: Run a stranger's steps although nothing confines them.
        private: Files of the packet's private tree, as far as they are at hand.

    Raises:
        RejectedError: The packet does not verify: nothing is run.
        RefusedError: REPLAY_UNTRUSTED; REPLAY_NOTHING_EXECUTED: nothing was executed in it.
        StoreError: The machine does not serve.
    """
    if verdict.integrity in (Integrity.REJECTED, Integrity.WITHHELD):
        verdict.report.require()
    if not verdict.trusted_by and not unsafe_unconfined and not confines(room.confinement):
        raise RefusedError(
            Code.REPLAY_UNTRUSTED,
            "the signer of this packet is not trusted, and nothing here confines its steps",
            hint="verify it against a key you trust, or say --unsafe-unconfined;"
            " greenlight doctor says what this host lacks",
        )
    evidence = verdict.evidence
    if evidence is None:
        raise RefusedError(
            Code.REPLAY_NOTHING_EXECUTED,
            "this packet was sealed from evidence made elsewhere: there is nothing to replay",
        )
    veil = _veil(verdict, private or {})
    with Workspace.create(room.parent) as workspace:
        replay = _Replay(located, evidence, room, workspace, veil)
        again, artifacts = replay.carry_out()
    artifacts, _ = set_apart(again, artifacts, veil)
    _, files = close_packet(again, located.files[LANE], artifacts)
    return _compare(located, again, files, tuple(sorted(veil.carried)))


def confines(confinement: Confinement) -> bool:
    """Report whether a stranger's steps can do nothing here but in their workspace."""
    grades = confinement.grades()
    return all((grades.path_outside.enforced_by, grades.network.enforced_by))


def _veil(verdict: Verdict, private: Mapping[str, bytes]) -> Veil:
    """Return the salts of a replay: those at hand whose bytes are what was withheld."""
    withheld = {row.artifact: row for row in verdict.retained if row.retain is Retain.WITHHELD}
    known = {
        path: opened.salt
        for path, opened in opened_of(private).items()
        if path in withheld and withheld[path].held is Held.PRESENT
    }
    return Veil(known=known, recorded=withheld)


@dataclass(frozen=True, slots=True)
class PacketProvider:
    """The surroundings of a lane, from its packet alone.

    Attributes:
        evidence: What the packet recorded.
        files: Bytes of the packet's files, by path.
    """

    evidence: Evidence
    files: Mapping[str, bytes]

    def sources(self, lane: Lane) -> Sources:  # noqa: ARG002 - the packet has one lane
        workspace = self.evidence.workspace
        return Sources(
            files={row.path: self._content(row) for row in workspace.files},
            folders=workspace.folders,
            documents={row.path: self._content(row) for row in workspace.documents},
        )

    def _content(self, row: WorkspaceFile) -> Content:
        data = self.files.get(row.artifact)
        if data is None:
            raise MalformedError(
                Code.ARTIFACT_MISSING, f"{row.artifact} is not in the packet: withheld, or lost"
            )
        return Content(data, row.mode, row.mode)

    def read_input(self, wanted: Input) -> bytes:
        for row in self.evidence.preflight.inputs:
            if row.locator == wanted.path and row.artifact in self.files:
                return self.files[row.artifact]
        raise MalformedError(Code.ARTIFACT_MISSING, f"the input {wanted.name} is not in the packet")

    def look_up(self, prior: Prior) -> LineageRow:
        for row in self.evidence.lineage.packets:
            if row.packet_tree == prior.packet_tree:
                return row
        raise MalformedError(Code.LINEAGE_DIFFERS, f"{prior.packet_tree} is not in lineage.json")

    def reverify(self, wanted: Input) -> str:
        # Carried: the packet it was about is not inside this one.
        rows = self.evidence.preflight.inputs
        return next((row.reverified for row in rows if row.locator == wanted.digest), "")


@dataclass(slots=True)
class _Replay:
    """The hooks of a replay: probes and scan are done again, publication is carried."""

    located: Located
    evidence: Evidence
    room: ReplayRoom
    workspace: Workspace
    veil: Veil
    _provider: PacketProvider = field(init=False)
    _staging: Staging = field(init=False)
    _execution: Execution = field(init=False)

    def __post_init__(self) -> None:
        self._provider = PacketProvider(self.evidence, self.located.files)
        self._staging = Staging(
            lane=self.evidence.lane,
            sources=self._provider.sources(self.evidence.lane),
            confinement=self.room.confinement,
            workspace=self.workspace,
            variables=self.room.variables,
            veil=self.veil,
            network=self.room.network,
        )

    def carry_out(self) -> tuple[Evidence, dict[str, bytes]]:
        """Execute the plan again and put its outcomes where the recorded ones stood."""
        self._execution = Execution(self._staging, self, self.room.clock, self.room.on_step)
        done = self._execution.run()
        kept = {**self._kept(), **done.artifacts}
        scan = done.scan or self.scan(done.artifacts)
        withheld = set(scan.withheld)
        artifacts = {path: data for path, data in kept.items() if path not in withheld}
        return replace(self._again(done), scan=self._carry_scan(scan)), artifacts

    def _kept(self) -> dict[str, bytes]:
        """Return the artifacts that a replay starts with: recorded, so carried."""
        given = ("artifacts/workspace/", "artifacts/documents/", "artifacts/inputs/")
        return {path: data for path, data in self.located.files.items() if path.startswith(given)}

    # --- hooks -------------------------------------------------------------

    def recheck(self) -> None:
        """Carried: the packets that this one builds on are not inside it."""
        self._as_recorded(Builtin.SEAL_RECHECK)

    def probes(self) -> BadInputProbes:
        """Send the bad inputs again, against a store of their own."""
        claimed = replace(
            self._again(self._execution.result),
            header=replace(self.evidence.header, status=Status.APPLIED_NOT_CLEAN),
        )
        return send_probes(
            self.evidence.lane,
            self._provider,
            claimed,
            clock=lambda: parse_seconds(self.evidence.header.opened_at),
            parent=self.room.parent,
        )

    def scan(self, artifacts: Mapping[str, bytes]) -> SecretScan:
        """Search again for token shapes; masked values of another machine are not known here."""
        return scan_artifacts({**self._kept(), **artifacts}, {})

    def publish(self, step: Step, staging: Staging) -> tuple[PublishedRow, ...]:  # noqa: ARG002 - a replay publishes nothing
        """Carry what was published; a replay publishes nothing."""
        rows = tuple(row for row in self.evidence.publication.published if row.step == step.id)
        refused = next((row for row in rows if row.code), None)
        if refused is not None:
            self._execution.result.published.extend(rows)
            raise StepFailed(refused.code, refused.path)
        return rows

    def _as_recorded(self, builtin: Builtin) -> None:
        """Let a step whose outcome lies outside the packet end as it did."""
        steps = complete_steps(self.evidence.lane)
        ids = {step.id for step in steps if step.builtin is builtin}
        for row in self.evidence.log.steps:
            if row.step in ids and row.state is StepState.FAILED:
                raise StepFailed(row.code, row.reason)

    # --- evidence ----------------------------------------------------------

    def _again(self, done: Executed) -> Evidence:
        return replace(
            self.evidence,
            log=self._log(done.rows),
            outcomes=self._staging.outcomes(),
            pins=self._staging.pins(),
            rollback=done.rollback,
            probes=done.probes,
            publication=done.publication,
            tickets=self._staging.tickets(),
            states=self._staging.states(),
        )

    def _log(self, rows: list[LogRow]) -> ExecutionLog:
        """Carry the recorded times of each step; all else was executed."""
        recorded = {row.step: row for row in self.evidence.log.steps}
        return ExecutionLog(
            steps=tuple(
                replace(
                    row,
                    started_at=recorded[row.step].started_at,
                    duration_ms=recorded[row.step].duration_ms,
                )
                if row.step in recorded
                else row
                for row in rows
            )
        )

    def _carry_scan(self, scan: SecretScan) -> SecretScan:
        before = self.evidence.scan
        masked_hits = tuple(hit for hit in before.hits if hit.rule.startswith("masked:"))
        if not before.rules:
            return before
        return replace(
            scan,
            masked=before.masked,
            hits=tuple(sorted({*scan.hits, *masked_hits}, key=lambda hit: (hit.path, hit.offset))),
            withheld=tuple(sorted({*scan.withheld, *(hit.path for hit in masked_hits)})),
        )


def _compare(
    located: Located, again: Evidence, files: Mapping[str, bytes], withheld: tuple[str, ...]
) -> RerunResult:
    rows = tuple(_rows(located.files, files))
    findings = [
        Finding(Code.REPLAY_DIFFERS, row.path, "the bytes that were sealed", row.where)
        for row in rows
        if row.comparison is not Comparison.IDENTICAL
    ]
    executed = _executed(again)
    if not executed:
        findings.append(
            Finding(Code.REPLAY_NOTHING_EXECUTED, "replay", "at least one outcome", "none")
        )
    findings += [
        Finding(Code.REPLAY_WITHHELD, escape(path), "its salt and bytes", "only their digest")
        for path in withheld
    ]
    facts = {path: FileFact.of(data) for path, data in files.items()}
    return RerunResult(
        executed=executed,
        derived=_count("derived"),
        carried=_count("recorded"),
        files=rows,
        tree_before=located.packet.tree,
        tree_after=Packet(facts, {}, {}).tree,
        withheld=withheld,
        report=Report.of(findings),
    )


def _rows(sealed: Mapping[str, bytes], again: Mapping[str, bytes]) -> Iterator[Compared]:
    for path in sorted(sealed.keys() | again.keys()):
        before, after = sealed.get(path), again.get(path)
        if after is None:
            yield Compared(path, Comparison.NOT_RUN, "the replay made no such file")
        elif before is None:
            yield Compared(path, Comparison.DIFFERENT, "the packet has no such file")
        elif before == after:
            yield Compared(path, Comparison.IDENTICAL, "")
        else:
            yield Compared(path, Comparison.DIFFERENT, _where(before, after))


def _where(before: bytes, after: bytes) -> str:
    at = next(
        (i for i, pair in enumerate(zip(before, after, strict=False)) if pair[0] != pair[1]),
        min(len(before), len(after)),
    )
    line = before.count(b"\n", 0, at) + 1
    return f"byte {at}, line {line}; {len(before)} bytes sealed, {len(after)} replayed"


def _executed(again: Evidence) -> int:
    """Count the outcomes that were really made again."""
    steps = sum(row.state is not StepState.NOT_REACHED for row in again.log.steps)
    return (
        steps
        + len(again.outcomes.mutations)
        + len(again.rollback.mutations)
        + len(again.probes.probes)
    )


def _count(kind: str) -> int:
    """Count the documents' fields of one class."""
    return sum(member.metadata.get("class") == kind for cls in DOCUMENTS for member in members(cls))
