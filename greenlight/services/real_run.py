"""The hooks of a real run: it rechecks, probes, scans and publishes, and gathers the evidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from greenlight.codes import Code
from greenlight.execution.confinement import Confinement
from greenlight.execution.host import facts
from greenlight.execution.workspace import Workspace
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
from greenlight.primitives.timestamp import format_seconds
from greenlight.services.admission import AdmittedProvider, Provider, masked_values
from greenlight.services.execute import Executed, Execution, StepFailed
from greenlight.services.opening import Opened
from greenlight.services.probes import send_probes
from greenlight.services.published import judges, published
from greenlight.services.publishing import publish_change
from greenlight.services.rehearsing import find_unwithheld, rehearsed
from greenlight.services.scanning import scan_artifacts, scanner_of
from greenlight.services.sources import describe_sources, source_artifacts
from greenlight.services.staging import Staging
from greenlight.services.surroundings import Surroundings
from greenlight.services.veiling import Veil


@dataclass(slots=True)
class RealRun:
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
            attempts=self._staging.attempts(),
            states=self._staging.states(),
            exchanges=self._staging.exchanges(),
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
