"""Run a lane: admitted, opened, staged, proven, published, judged, sealed.

Before the run is open a refusal writes nothing.  After it everything that happened is
sealed, failures too; only a crash leaves a run without a packet, which shows as
ABANDONED, with its use of the grant spent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path

from greenlight.codes import Code
from greenlight.execution.confinement import Confinement
from greenlight.execution.host import facts
from greenlight.execution.workspace import Workspace, sweep
from greenlight.ledger.append import AUTHOR
from greenlight.model.codec import draft
from greenlight.model.documents import (
    BadInputProbes,
    Environment,
    ExecutionLog,
    Header,
    Lineage,
    Preflight,
    RollbackGate,
    SecretScan,
)
from greenlight.model.documents.environment import Fact, GradeRow
from greenlight.model.documents.lineage import Presence
from greenlight.model.documents.publication import PublishedRow
from greenlight.model.documents.secret_scan import Hit
from greenlight.model.evidence import Evidence
from greenlight.model.lane import Lane, Step
from greenlight.model.words import Status
from greenlight.primitives.ed25519 import Signer
from greenlight.primitives.timestamp import format_seconds
from greenlight.services.admission import (
    AdmittedProvider,
    Examined,
    Provider,
    Request,
    examine,
    masked_values,
)
from greenlight.services.execute import Executed, Execution, StepFailed
from greenlight.services.opening import Opened, current_state, open_run
from greenlight.services.private import set_apart
from greenlight.services.probes import send_probes
from greenlight.services.published import judges, published
from greenlight.services.publishing import publish_change
from greenlight.services.rehearsing import find_unwithheld, rehearsed, require_sealable_words
from greenlight.services.scanning import scan_artifacts, scanner_of
from greenlight.services.sealing import Sealed, seal_files
from greenlight.services.sources import describe_sources, source_artifacts
from greenlight.services.staging import Staging
from greenlight.services.veiling import Veil
from greenlight.services.withholding import close_without_secrets, withhold
from greenlight.store.private import write_private
from greenlight.store.repository import Store
from greenlight.verify.derive.packet import Derived


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The outside world of a run.

    Attributes:
        store: Where the packet goes.
        signer: The executor's key.
        confinement: What steps run in.
        clock: The time of this machine, aware.
        variables: The caller's environment; only what the lane allows is read.
        parent: Where workspaces are made; None for the system's place.
        on_step: Told each step's id as it begins.
    """

    store: Store
    signer: Signer
    confinement: Confinement
    clock: Callable[[], datetime]
    variables: Mapping[str, str]
    parent: Path | None = None
    on_step: Callable[[str], None] = lambda _step: None


@dataclass(frozen=True, slots=True)
class RunResult:
    """A run that is over, and its packet.

    Attributes:
        sealed: The packet, in the store.
        derived: Its documents.
        left: What could not be removed of the workspace; the next run tries again.
    """

    sealed: Sealed
    derived: Derived
    left: tuple[str, ...] = ()


def plan_lane(request: Request, provider: Provider, around: Surroundings) -> Examined:
    """Show what a run would do and what stands in its way; nothing is written or run."""
    return examine(_with(request, around), provider, current_state(around.store))


def run_lane(request: Request, provider: Provider, folder: Path, around: Surroundings) -> RunResult:
    """Run a lane and seal its packet.

    Args:
        request: The lane, and who asks.
        provider: Its surroundings.
        folder: The lane file's folder: what is published goes back where it came from.
        around: The outside world.

    Raises:
        RefusedError: Before the run was open: nothing was written.
        StoreError: The store does not serve.
    """
    request = _with(request, around)
    sweep(around.parent)  # what killed runs have left

    def rehearse(opened: Opened) -> None:
        rehearsal = _Run(opened, provider, folder, around, Workspace(folder, -1))
        masked = masked_values(opened.admission.lane, around.variables)
        require_sealable_words(rehearsal.rehearse(), masked)

    opened = open_run(
        around.store, around.signer, request, provider, clock=around.clock, rehearse=rehearse
    )
    around = replace(around, clock=_forwards(around.clock, opened.at))
    workspace = Workspace.create(around.parent)
    try:
        run = _Run(opened, provider, folder, around, workspace)
        evidence, artifacts = run.carry_out()
    finally:
        # What a step has made unremovable is no reason to lose the evidence of it.
        left = workspace.remove()
    artifacts = withhold(around.store, evidence, artifacts)
    artifacts, private = set_apart(evidence, artifacts, run.veil)
    masked = masked_values(evidence.lane, around.variables)
    derived, files = close_without_secrets(evidence, opened.admission.lane_bytes, artifacts, masked)
    lineage = tuple(prior.packet_tree.removeprefix("sha256:") for prior in evidence.lane.lineage)
    if private:
        # Before the packet: one that is sealed must not say of bytes that are lost that they
        # were kept.
        write_private(around.store, opened.packet_id, private, author=AUTHOR, time=around.clock())
    sealed = seal_files(
        around.store,
        around.signer,
        files,
        derived.header,
        lineage=lineage,
        clock=around.clock,
    )
    return RunResult(sealed, derived, left)


def _with(request: Request, around: Surroundings) -> Request:
    """Let admission know the caller's variables: no masked value may stand in the lane."""
    return replace(request, variables=around.variables)


def _forwards(clock: Callable[[], datetime], since: datetime) -> Callable[[], datetime]:
    """Return a clock that never goes back, beginning at the ledger time of the run."""
    latest = since

    def read() -> datetime:
        nonlocal latest
        latest = max(latest, clock())
        return latest

    return read


@dataclass(slots=True)
class _Run:
    """The hooks of a real run: it rechecks, probes, scans and publishes."""

    opened: Opened
    provider: Provider
    folder: Path
    around: Surroundings
    workspace: Workspace
    _opened_at: str = field(init=False)
    _staging: Staging = field(init=False)
    _execution: Execution = field(init=False)

    def __post_init__(self) -> None:
        self._opened_at = format_seconds(self.opened.at)
        self._staging = Staging(
            lane=self._lane,
            sources=self.opened.admission.sources,
            confinement=self.around.confinement,
            workspace=self.workspace,
            variables=self.around.variables,
            scanner=scanner_of(masked_values(self._lane, self.around.variables)),
        )

    @property
    def _lane(self) -> Lane:
        return self.opened.admission.lane

    @property
    def veil(self) -> Veil:
        """The salts of what the lane withholds."""
        return self._staging.veil

    def carry_out(self) -> tuple[Evidence, dict[str, bytes]]:
        """Execute the plan and gather the evidence."""
        execution = Execution(self._staging, self, self.around.clock, self.around.on_step)
        self._execution = execution
        done = execution.run()
        kept = {**self._kept(), **done.artifacts}
        if done.scan is None:
            done.scan = self._search(done.artifacts)
        return self._evidence(done, Status.NOT_EXECUTED), kept

    def rehearse(self) -> Evidence:
        """Return what the evidence would be if every step went well; nothing is executed."""
        return self._evidence(rehearsed(self._lane, self._opened_at), Status.NOT_EXECUTED)

    def _kept(self) -> dict[str, bytes]:
        """Return the artifacts that were there before the first step."""
        admission = self.opened.admission
        return {**source_artifacts(admission.sources), **admission.inputs}

    # --- hooks -------------------------------------------------------------

    def recheck(self) -> None:
        """Look once more at the packets that the lane builds on: seals against bytes."""
        for prior in self._lane.lineage:
            found = self.provider.look_up(prior)
            if found.presence is Presence.REJECTED:
                raise StepFailed(Code.LINEAGE_CHANGED, prior.packet_tree)

    def probes(self) -> BadInputProbes:
        """Send the bad inputs, with what the run has so far as the evidence to spoil."""
        so_far = self._evidence(self._execution.result, Status.APPLIED_NOT_CLEAN)
        return send_probes(
            self._lane,
            AdmittedProvider(self.opened.admission),
            so_far,
            clock=self.around.clock,
            parent=self.around.parent,
        )

    def scan(self, artifacts: Mapping[str, bytes]) -> SecretScan:
        """Search everything that would be published or sealed."""
        found = self._search(artifacts)
        masked = masked_values(self._lane, self.around.variables)
        so_far = self._evidence(self._execution.result, Status.NOT_EXECUTED)
        hits = tuple(
            Hit(rule="document", path=path, offset=0) for path in find_unwithheld(so_far, masked)
        )
        # A secret that no artifact has to hold: better nothing published than no packet.
        return replace(found, hits=(*found.hits, *hits))

    def _search(self, artifacts: Mapping[str, bytes]) -> SecretScan:
        masked = masked_values(self._lane, self.around.variables)
        return scan_artifacts({**self._kept(), **artifacts}, masked)

    def publish(self, step: Step, staging: Staging) -> tuple[PublishedRow, ...]:
        """Let the files of the step's surface leave the workspace, and read them back."""
        surface = staging.surface_of(step)
        rows: list[PublishedRow] = []
        for path in staging.changed():
            if not staging.is_published(path, surface):
                continue
            rows.append(publish_change(step, surface, path, staging, self.folder))
            if rows[-1].code:
                self._execution.result.published.extend(rows)
                raise StepFailed(rows[-1].code, path)
        return tuple(rows)

    # --- evidence ----------------------------------------------------------

    def _evidence(self, done: Executed, claimed: Status) -> Evidence:
        admission = self.opened.admission
        return Evidence(
            lane=self._lane,
            lane_digest=admission.lane_digest,
            header=draft(
                Header,
                packet_id=self.opened.packet_id,
                run_id=self.opened.run_id,
                executor=self.around.signer.public.uri,
                opened_at=self._opened_at,
                sealed_at=format_seconds(self.around.clock()),
                status=claimed,
            ),
            authority=self.opened.authority,
            preflight=draft(Preflight, inputs=admission.preflight),
            lineage=Lineage(packets=admission.lineage),
            workspace=describe_sources(admission.sources),
            environment=describe_environment(self._staging, self.around.confinement),
            log=ExecutionLog(steps=tuple(done.rows)),
            outcomes=self._staging.outcomes(),
            pins=self._staging.pins(),
            rollback=done.rollback,
            gate=draft(RollbackGate, judges=judges()),
            probes=done.probes,
            scan=done.scan or NOT_SCANNED,
            publication=done.publication,
            tickets=self._staging.tickets(),
            frozen=published().frozen,
        )


NOT_SCANNED = draft(SecretScan, rules=(), masked=(), files=0, hits=(), withheld=())


def describe_environment(staging: Staging, confinement: Confinement) -> Environment:
    """Write down the host, what it could enforce and observe, and what steps were given."""
    return draft(
        Environment,
        host=tuple(Fact(name=name, content=content) for name, content in asdict(facts()).items()),
        confinement=confinement.name,
        grades=tuple(
            GradeRow(kind=kind, enforced_by=grade.enforced_by, observed_by=grade.observed_by)
            for kind, grade in confinement.grades().rows()
        ),
        variables=tuple(sorted(staging.environment)),
    )
