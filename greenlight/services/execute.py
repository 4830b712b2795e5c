"""Carry out a plan, step by step, and write down what happened.

The order is the plan's, and the plan's order is checked before (``verify.lane``):
commands change the workspace, then rollback proof, gate and probes, then the secret
scan, and only then does anything leave the workspace.  The first failure ends the
run; what comes after it is ``not_reached``, and the packet says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

from greenlight.codes import Code
from greenlight.errors import GreenlightError
from greenlight.model.codec import draft
from greenlight.model.documents import BadInputProbes, Publication, RollbackProof, SecretScan
from greenlight.model.documents.execution_log import LogRow, Output, StepState
from greenlight.model.documents.publication import PublishedRow
from greenlight.model.documents.words import Result
from greenlight.model.lane import Builtin, Retain, Step, complete_steps
from greenlight.primitives.digest import Digest
from greenlight.primitives.text import escape
from greenlight.primitives.timestamp import format_seconds
from greenlight.services.published import judges, published
from greenlight.services.staging import Staging, unexpected
from greenlight.verify.derive.checked import judge_probes
from greenlight.verify.gate import run_gate
from greenlight.verify.rollback import verify_rollback

MAX_REASON = 1000  # characters: a reason is one line, the artifacts have the rest
EMPTY = str(Digest.of(b""))


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command left; nothing, for a built-in."""

    exit_code: int | None = None
    outputs: tuple[Output, ...] = ()


class StepFailed(Exception):  # noqa: N818 - internal control flow, ends the run
    """A step did not do what it must; the run stops here.

    Attributes:
        code: Why, as ``CODE`` or ``CODE:detail``.
        reason: What happened, for people.
        ran: What is known of a command all the same.
    """

    def __init__(self, code: Code | str, reason: str, ran: Ran | None = None) -> None:
        super().__init__(reason)
        self.code = str(code)
        self.reason = escape(reason)[:MAX_REASON]
        self.ran = ran or Ran()


class Hooks(Protocol):
    """What differs between a run and its replay."""

    def recheck(self) -> None:
        """Check the seals of the packets that the lane builds on.

        Raises:
            StepFailed: One does not verify.
        """

    def probes(self) -> BadInputProbes:
        """Send the bad inputs."""

    def scan(self, artifacts: Mapping[str, bytes]) -> SecretScan:
        """Search the artifacts for secrets."""

    def publish(self, step: Step, staging: Staging) -> tuple[PublishedRow, ...]:
        """Let what a publish step names leave the workspace.

        Raises:
            StepFailed: The target is not what it was, or what was read back differs.
        """


@dataclass(slots=True)
class Executed:
    """What a run came to.

    Attributes:
        rows: The execution log.
        artifacts: Outputs of steps and changed files, by path in the packet.
    """

    rows: list[LogRow] = field(default_factory=list)
    artifacts: dict[str, bytes] = field(default_factory=dict)
    rollback: RollbackProof = field(
        default_factory=lambda: draft(
            RollbackProof,
            mutations=(),
            before=EMPTY,
            applied=EMPTY,
            restored=EMPTY,
            undo=(),
            views=(),
            reached=False,
        )
    )
    probes: BadInputProbes = field(
        default_factory=lambda: draft(BadInputProbes, probes=(), control="not sent")
    )
    scan: SecretScan | None = None
    published: list[PublishedRow] = field(default_factory=list)

    @property
    def publication(self) -> Publication:
        return draft(Publication, published=tuple(self.published))


@dataclass(slots=True)
class Execution:
    """One pass through a plan."""

    staging: Staging
    hooks: Hooks
    clock: Callable[[], datetime]
    on_step: Callable[[str], None]
    result: Executed = field(default_factory=Executed)
    _looked: bool = False

    def run(self) -> Executed:
        """Carry out every step, or as many as succeed."""
        stopped = False
        for step in complete_steps(self.staging.lane):
            stopped = not self._one(step, stopped=stopped)
        self._look()  # a run that stopped early says what had changed by then
        return self.result

    def _one(self, step: Step, *, stopped: bool) -> bool:
        started = self.clock()
        row = draft_row(step, format_seconds(started))
        if stopped:
            self.result.rows.append(row)
            return False
        self.on_step(step.id)
        try:
            ran = self._carry_out(step)
            row = replace(row, state=StepState.DONE, exit_code=ran.exit_code, outputs=ran.outputs)
        except StepFailed as failure:
            row = replace(
                row,
                state=StepState.FAILED,
                code=failure.code,
                reason=failure.reason,
                exit_code=failure.ran.exit_code,
                outputs=failure.ran.outputs,
            )
        except GreenlightError as error:
            # The run is open: whatever goes wrong from here on is evidence too.
            reason = escape(str(error))[:MAX_REASON]
            row = replace(row, state=StepState.FAILED, code=error.code.name, reason=reason)
        elapsed = self.clock() - started
        self.result.rows.append(
            replace(row, duration_ms=max(0, int(elapsed.total_seconds() * 1000)))
        )
        return row.state is StepState.DONE

    def _carry_out(self, step: Step) -> Ran:
        match step.builtin:
            case None:
                return self._command(step)
            case Builtin.SEAL_RECHECK:
                self.hooks.recheck()
            case Builtin.ROLLBACK_PROOF:
                self._prove_rollback()
            case Builtin.GATE:
                self._pass_gate()
            case Builtin.PROBES:
                self._probe()
                self._scan()
            case Builtin.PUBLISH:
                self.staging.record_publication(step)
                self.result.published.extend(self.hooks.publish(step, self.staging))
            case Builtin.PREFLIGHT:
                self.staging.begin()  # what the preflight admitted: it comes before all steps
            case Builtin.REVIEW:
                pass  # derived when the run is over
        return Ran()

    def _command(self, step: Step) -> Ran:
        outcome = self.staging.run(step)
        ran = Ran(outcome.exit_code, tuple(self._keep(step, outcome.stdout, outcome.stderr)))
        code = unexpected(step, outcome)
        if code is not None:
            raise StepFailed(code, f"{step.id}: {code.meaning}", ran)
        return ran

    def _keep(self, step: Step, stdout: bytes, stderr: bytes) -> Iterator[Output]:
        for name, data in (("stdout", stdout), ("stderr", stderr)):
            path = f"artifacts/steps/{step.id}/{name}"
            self.result.artifacts[path] = data
            yield Output(artifact=path, bytes=len(data), digest=self._digest(step, path, data))

    def _digest(self, step: Step, path: str, data: bytes) -> str:
        if step.retain is Retain.WITHHELD:
            return self.staging.veil.digest(path, data)
        return str(Digest.of(data))

    def _look(self) -> None:
        if not self._looked:
            self._looked = True
            self.staging.look()
            self.result.artifacts.update(self.staging.output_artifacts())

    def _prove_rollback(self) -> None:
        self.staging.apply_documents()
        self._look()
        outcomes = self.staging.outcomes()
        outside = [row.path for row in outcomes.mutations if not row.surface]
        if outside or outcomes.refused_names:
            what = ", ".join((*outside, *outcomes.refused_names))
            raise StepFailed(Code.SCOPE_VIOLATED, f"changed outside the scope: {what}")
        for pin, wanted in zip(self.staging.pins().pins, self.staging.lane.pins, strict=True):
            if pin.after != wanted.digest:
                raise StepFailed(Code.PIN_CHANGED, f"{wanted.name}: {pin.after or 'absent'}")
        self._require_untouched()
        self.result.rollback = self.staging.take_back()
        for row in self.staging.logical_rows():
            if row.restored != row.before:
                raise StepFailed(
                    Code.ROLLBACK_DID_NOT_RESTORE, f"{row.what}: {row.restored or 'unreadable'}"
                )
        self._require_untouched()  # undo steps and views may have tried something too
        findings = verify_rollback(self.result.rollback, self.staging.changed())
        if findings:
            raise StepFailed(findings[0].label, str(findings[0]))

    def _require_untouched(self) -> None:
        """Stop where a forbidden surface was touched, or somebody tried: nothing is published."""
        for row in self.staging.logical_rows():
            if row.before and row.applied and row.before != row.applied:
                raise StepFailed(Code.FORBIDDEN_SURFACE_TOUCHED, f"{row.surface}: {row.what}")
        tried = self.staging.touched_surfaces()
        if tried:
            raise StepFailed(Code.FORBIDDEN_SURFACE_TOUCHED, ", ".join(tried))

    def _pass_gate(self) -> None:
        gate = run_gate(
            self.result.rollback,
            self.staging.changed(),
            frozen=published().frozen,
            judges=judges(),
        )
        if gate.result is not Result.PASS:
            wrong = next((row for row in gate.rows if row.result is not Result.PASS), None)
            reason = gate.note if wrong is None else f"{wrong.evidence}: {wrong.got}"
            raise StepFailed(Code.GATE_NOT_PROVEN, reason)

    def _probe(self) -> None:
        self.result.probes = self.hooks.probes()
        judged = judge_probes(self.result.probes)
        if judged.result is not Result.PASS:
            wrong = (row for row in judged.probes if row.result is not Result.PASS)
            shown = ", ".join(f"{row.probe_class}: {row.got}" for row in wrong)
            reason = f"{judged.fail_closed} fail closed; control {judged.control}; {shown}"
            raise StepFailed(Code.PROBE_FAIL_OPEN, reason)

    def _scan(self) -> None:
        """Search what would be published and sealed; a hit stops publication."""
        self.result.scan = self.hooks.scan(self.result.artifacts)
        if self.result.scan.hits:
            hit = self.result.scan.hits[0]
            raise StepFailed(Code.SECRET_IN_EVIDENCE, f"{hit.path}: {hit.rule}")


def draft_row(step: Step, started_at: str) -> LogRow:
    """Return the log row of a step that was not reached."""
    return LogRow(
        step=step.id,
        state=StepState.NOT_REACHED,
        code="",
        reason="",
        exit_code=None,
        outputs=(),
        started_at=started_at,
        duration_ms=0,
    )
