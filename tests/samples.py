"""One good piece of evidence, of the lane of source 001, for tests that break one thing in it.

Nothing is executed here: what a run would have seen is written down as it would be, the
lane and its files are those of ``lanes/fix7-p0``.  ``good_evidence()`` comes from a host
that enforces every kind of surface, so that a clean status can be reached by computation;
``observed_evidence()`` from one that does no more than watch files and tools, as today's.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from greenlight.model.codec import draft
from greenlight.model.documents import (
    AuthorityLock,
    BadInputProbes,
    Environment,
    ExecutionLog,
    Header,
    Lineage,
    Outcomes,
    Pins,
    Preflight,
    Publication,
    ReservedTickets,
    RollbackGate,
    RollbackProof,
    SecretScan,
    Workspace,
)
from greenlight.model.documents.authority_lock import Delegation
from greenlight.model.documents.bad_input_probes import ProbeRow
from greenlight.model.documents.environment import Fact, GradeRow
from greenlight.model.documents.execution_log import LogRow, StepState
from greenlight.model.documents.outcomes import MutationRow, ToolCall, ToolDecision
from greenlight.model.documents.pins import PinRow
from greenlight.model.documents.preflight import PreflightRow
from greenlight.model.documents.publication import PublishedRow
from greenlight.model.documents.reserved_tickets import RegistryFile
from greenlight.model.documents.rollback_gate import Judge
from greenlight.model.documents.rollback_proof import RollbackRow
from greenlight.model.documents.workspace import WorkspaceFile
from greenlight.model.evidence import Evidence
from greenlight.model.lane import Builtin, InputKind, Lane, complete_steps
from greenlight.model.lane_file import parse_lane
from greenlight.model.packet import FileFact
from greenlight.model.snapshot import ABSENT, FileState, Snapshot
from greenlight.model.surface import Change
from greenlight.primitives.digest import Digest
from greenlight.primitives.ed25519 import format_uri
from greenlight.verify.derive.packet import Derived, derive_packet
from greenlight.verify.probe_classes import ACCEPTED, PROBES

ROOT = Path(__file__).resolve().parent.parent
LANES = ROOT / "lanes"
FOLDER = LANES / "fix7-p0"
FROZEN = (ROOT / "greenlight/data/frozen-rollback-proof.json").read_bytes()
LANE_BYTES = (FOLDER / "lane.yaml").read_bytes()
RUN = "0f8d5a3e-6c1b-4f8e-9d53-1b7c2a9e4d10"
OPENED, SEALED = "2026-06-12T09:00:00Z", "2026-06-12T09:00:05Z"
OWNER, EXECUTOR = (format_uri(bytes([n]) * 32) for n in (1, 2))
NO_DIGEST = str(Digest.of(b""))
KINDS = ("path_workspace", "path_outside", "network", "program", "environment", "tool")
ENFORCED = tuple(GradeRow(kind=kind, enforced_by="kernel", observed_by="audit") for kind in KINDS)
# What greenlight's plain process can say of itself (greenlight.execution.confinement).
_OBSERVED = {
    "path_workspace": ("", "before/after snapshot"),
    "environment": ("allow-list", ""),
    "tool": ("greenlight's own tool table", "greenlight's own tool table"),
}
OBSERVED = tuple(
    GradeRow(kind=kind, enforced_by=enforced, observed_by=observed)
    for kind in KINDS
    for enforced, observed in (_OBSERVED.get(kind, ("", "")),)
)


@cache
def good_lane() -> Lane:
    return parse_lane(LANE_BYTES)


def state_of(data: bytes) -> FileState:
    return FileState("file", "0644", len(data), str(Digest.of(data)))


@cache
def artifacts() -> dict[str, bytes]:
    """Return every artifact of the packet, by path."""
    kept = {
        f"artifacts/workspace/{path.relative_to(FOLDER).as_posix()}": path.read_bytes()
        for path in sorted((FOLDER / "kb").rglob("*"))
        if path.is_file()
    }
    for wanted in good_lane().inputs:
        if wanted.path:
            kept[f"artifacts/inputs/{wanted.path}"] = (FOLDER / wanted.path).read_bytes()
    for step, surface in _published():
        data = (FOLDER / step).read_bytes()
        kept[f"artifacts/documents/{step}"] = data
        kept[f"artifacts/outputs/{surface.path}"] = data
    return kept


def good_files() -> dict[str, FileFact]:
    """Return the facts of the artifacts that the good evidence names."""
    return {path: FileFact.of(data) for path, data in artifacts().items()}


def _published() -> list[tuple[str, Any]]:
    """Return (document, surface) of each publish step."""
    surfaces = {surface.id: surface for surface in good_lane().allowed}
    steps = [step for step in good_lane().steps if step.builtin is Builtin.PUBLISH]
    return [(step.document, surfaces[step.touches[0]]) for step in steps]


def _rows(below: str) -> tuple[WorkspaceFile, ...]:
    return tuple(
        WorkspaceFile(
            path=path.removeprefix(below),
            mode="0644",
            bytes=len(data),
            digest=str(Digest.of(data)),
            artifact=path,
        )
        for path, data in sorted(artifacts().items())
        if path.startswith(below)
    )


def _input(index: int) -> PreflightRow:
    wanted = good_lane().inputs[index]
    read = wanted.kind is not InputKind.PACKET
    return draft(
        PreflightRow,
        found=wanted.digest if read else "",
        contained=wanted.kind is InputKind.VERDICT,
        bytes=len(artifacts()[f"artifacts/inputs/{wanted.path}"]) if read else 0,
        artifact=f"artifacts/inputs/{wanted.path}" if read else "",
        reverified="",
    )


@cache
def _evidence() -> Evidence:
    lane = good_lane()
    contents = artifacts()
    workspace = Workspace(
        files=_rows("artifacts/workspace/"),
        folders=tuple(
            sorted(
                path.relative_to(FOLDER).as_posix()
                for path in (FOLDER / "kb", *(FOLDER / "kb").rglob("*"))
                if path.is_dir()
            )
        ),
        documents=_rows("artifacts/documents/"),
    )
    folders = {path: FileState("directory", "0755") for path in workspace.folders}
    files = {file.path: state_of(contents[file.artifact]) for file in workspace.files}
    before = Snapshot({**folders, **files})
    made = {
        surface.path: state_of(contents[f"artifacts/documents/{document}"])
        for document, surface in _published()
    }
    after = Snapshot({**before.states, **made})
    surfaces = {surface.path: surface.id for _, surface in _published()}
    return Evidence(
        lane=lane,
        lane_digest=str(Digest.of(LANE_BYTES)),
        header=draft(
            Header,
            packet_id=f"{lane.lane}-{RUN}",
            run_id=RUN,
            executor=EXECUTOR,
            opened_at=OPENED,
            sealed_at=SEALED,
        ),
        authority=draft(
            AuthorityLock,
            run_id=RUN,
            authority=lane.authority,
            delegation="AUTHORIZE_IMPLEMENTATION_EXECUTION_NO_PRODUCTION",
            grant="fix7-p0-no-production",
            grant_record=NO_DIGEST,
            trust_root=NO_DIGEST,
            use=1,
            max_uses=3,
            not_before="2026-06-12T00:00:00Z",
            expires="2026-06-13T00:00:00Z",
            modes=("staging",),
            operations=("upload_document",),
            chain=(
                Delegation(giver=OWNER, giver_role="owner", taker=EXECUTOR, taker_role="executor"),
            ),
        ),
        preflight=draft(
            Preflight, inputs=tuple(_input(index) for index in range(len(lane.inputs)))
        ),
        lineage=Lineage(packets=()),
        workspace=workspace,
        environment=draft(
            Environment,
            host=(Fact(name="system", content="Linux"),),
            confinement="a sandbox",
            grades=ENFORCED,
            variables=("LC_ALL", "PATH"),
        ),
        log=ExecutionLog(
            steps=tuple(
                LogRow(
                    step=step.id,
                    state=StepState.DONE,
                    code="",
                    reason="",
                    exit_code=None,
                    outputs=(),
                    started_at=f"2026-06-12T09:00:0{min(number, 4)}Z",
                    duration_ms=10,
                )
                for number, step in enumerate(complete_steps(lane))
            )
        ),
        outcomes=Outcomes(
            before=str(before.digest),
            after=str(after.digest),
            mutations=tuple(
                MutationRow(
                    path=path,
                    change="created",
                    surface=surfaces[path],
                    before=ABSENT,
                    after=state,
                    artifact=f"artifacts/outputs/{path}",
                )
                for path, state in sorted(made.items())
            ),
            refused_names=(),
            tool_calls=tuple(
                ToolCall(
                    number=number,
                    step=step,
                    tool="upload_document",
                    target=surface.path,
                    decision=ToolDecision.ALLOWED,
                )
                for number, (step, (_, surface)) in enumerate(
                    zip(("S5", "S6"), _published(), strict=True), start=1
                )
            ),
        ),
        pins=Pins(
            pins=tuple(
                draft(PinRow, name=pin.name, before=pin.digest, after=pin.digest)
                for pin in lane.pins
            )
        ),
        rollback=draft(
            RollbackProof,
            mutations=tuple(
                RollbackRow(
                    id=f"RB-EXEC-{number}",
                    path=path,
                    surface=surfaces[path],
                    undo="delete",
                    before=ABSENT,
                    applied=state,
                    restored=ABSENT,
                )
                for number, (path, state) in enumerate(sorted(made.items()), start=1)
            ),
            before=str(before.digest),
            applied=str(after.digest),
            restored=str(before.digest),
            undo=(),
            views=(),
            reached=True,
        ),
        gate=draft(RollbackGate, judges=(Judge(name="greenlight/verify/x.py", digest=NO_DIGEST),)),
        probes=draft(
            BadInputProbes,
            probes=tuple(
                draft(
                    ProbeRow,
                    number=probe.number,
                    probe_class=probe.probe_class,
                    expected=str(probe.code),
                    got=str(probe.code),
                    objects_left=0,
                    refs_left=0,
                    pass_token=False,
                )
                for probe in PROBES
            ),
            control=ACCEPTED,
        ),
        scan=draft(
            SecretScan,
            rules=("private key",),
            masked=(),
            files=len(contents),
            hits=(),
            withheld=(),
        ),
        publication=draft(
            Publication,
            published=tuple(
                draft(
                    PublishedRow,
                    step=step,
                    surface=surface.id,
                    path=surface.path,
                    change=Change.CREATE,
                    before=ABSENT,
                    published=made[surface.path],
                    read_back=made[surface.path],
                    code="",
                )
                for step, (_, surface) in zip(("S5", "S6"), _published(), strict=True)
            ),
        ),
        tickets=draft(
            ReservedTickets,
            collisions=(),
            registry=tuple(
                draft(
                    RegistryFile,
                    path=path,
                    before=before.get(path).digest,
                    after=after.get(path).digest,
                )
                for path in (lane.tickets.registry if lane.tickets else ())
            ),
        ),
        frozen=FROZEN,
    )


def good_evidence(**changes: Any) -> Evidence:
    """Return evidence of a host that enforces everything, with fields replaced."""
    return replace(_evidence(), **changes)


def observed_evidence(**changes: Any) -> Evidence:
    """Return the same evidence from a host that watches files and tools, and no more."""
    environment = replace(_evidence().environment, grades=OBSERVED, confinement="unconfined")
    return good_evidence(environment=environment, **changes)


def sealed(evidence: Evidence) -> tuple[Evidence, Derived]:
    """Return the evidence as its packet would hold it, with every derived field, and the rest."""
    derived = derive_packet(evidence)
    return replace(derived.evidence, header=derived.header), derived
