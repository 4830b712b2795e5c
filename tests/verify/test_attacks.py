"""Somebody with the key lies: records and outcomes are edited and everything else made to fit.

Each test derives all documents again from the edited evidence, renders the report, makes
manifest and statement and signs them: nothing but the lie itself is left to be found.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from greenlight.model.codec import to_plain
from greenlight.model.documents.execution_log import LogRow, Output
from greenlight.model.documents.outcomes import MutationRow
from greenlight.model.evidence import Evidence
from greenlight.model.lane import Builtin, Lane, Step, complete_steps
from greenlight.model.lane_file import parse_lane
from greenlight.model.packet import LANE, MANIFEST, REPORT, RERUN, FileFact, Packet
from greenlight.model.seal import make_seal
from greenlight.model.snapshot import FileState, Snapshot
from greenlight.model.statement import Statement
from greenlight.model.surface import Change
from greenlight.primitives import cjson
from greenlight.primitives.digest import Digest
from greenlight.primitives.ed25519 import SeedSigner
from greenlight.primitives.limits import MAX_LANE_PATTERNS
from greenlight.primitives.manifest import format_manifest
from greenlight.shipped import rerun_script
from greenlight.verify.claims import named_artifacts, verify_applied
from greenlight.verify.derive.report import render_report
from greenlight.verify.lane import check_lane
from greenlight.verify.observed import beginning
from greenlight.verify.packet import Published, verify_packet
from tests.samples import FROZEN, LANE_BYTES, artifacts, good_evidence, sealed, state_of

SIGNER = SeedSigner(hashlib.sha256(b"made for these tests").digest())
PUBLISHED = Published(rerun=rerun_script(), frozen=FROZEN)
NONE = str(Digest.of(b""))


def lie(
    evidence: Evidence, *, kept: Mapping[str, bytes] | None = None, lane: bytes = LANE_BYTES
) -> tuple[str, set[str]]:
    """Seal the evidence as if it were true; return the status it claims and what is found."""
    (link,) = evidence.authority.chain
    named = len({path for _, path, _, _ in named_artifacts(evidence)})
    own = replace(
        evidence,
        header=replace(evidence.header, executor=SIGNER.public.uri),
        authority=replace(evidence.authority, chain=(replace(link, taker=SIGNER.public.uri),)),
        scan=replace(evidence.scan, files=named),
        lane=parse_lane(lane),
        lane_digest=str(Digest.of(lane)),
    )
    derived = sealed(own)[1]
    files = {
        **derived.encoded(),
        REPORT: render_report(derived),
        LANE: lane,
        RERUN: PUBLISHED.rerun,
    }
    files |= artifacts() if kept is None else kept
    files[MANIFEST] = format_manifest({p: FileFact.of(d).sha256 for p, d in files.items()})
    packet, header = Packet.of(files, {}), derived.header
    statement = Statement(
        packet_tree=packet.tree.removeprefix("sha256:"),
        packet_id=header.packet_id,
        run_id=header.run_id,
        lane=header.lane,
        mode=header.mode,
        status=header.status,
        file_count=len(files),
        byte_count=packet.byte_count,
        time=header.sealed_at,
        lineage=(),
        executor=SIGNER.public.uri,
    )
    verdict = verify_packet(Packet.of(files, make_seal(statement.encode(), SIGNER)), PUBLISHED)
    return header.status.value, {str(finding.code) for finding in verdict.findings}


def edit(name: str, rows: str, index: int, **changes: Any) -> Evidence:
    """Return good evidence with one row of one document edited."""
    good = good_evidence()
    found = list(getattr(getattr(good, name), rows))
    found[index] = replace(found[index], **changes)
    return replace(good, **{name: replace(getattr(good, name), **{rows: tuple(found)})})


def changed(*extra: MutationRow) -> Evidence:
    """Return good evidence with more changes, in snapshots and rollback proof as well."""
    good = good_evidence()
    rows = tuple(sorted((*good.outcomes.mutations, *extra), key=lambda row: row.path))
    states = beginning(good.workspace) | {row.path: row.after for row in rows}
    after = str(Snapshot(states).digest)
    proofs = {row.path: row for row in good.rollback.mutations}
    some = good.rollback.mutations[0]
    proven = tuple(
        replace(
            proofs.get(row.path, some),
            id=f"RB-EXEC-{number}",
            path=row.path,
            surface=row.surface,
            before=row.before,
            applied=row.after,
            restored=row.before,
        )
        for number, row in enumerate(rows, start=1)
    )
    return replace(
        good,
        outcomes=replace(good.outcomes, mutations=rows, after=after),
        rollback=replace(good.rollback, mutations=proven, applied=after),
    )


def with_lane(change: Callable[[Lane], Lane]) -> bytes:
    """Return the bytes of the good lane, changed."""
    return cjson.encode(to_plain(change(good_evidence().lane)))


def test_what_nobody_edited_passes() -> None:
    """The same procedure over good evidence gives no finding: the others find the lie."""
    assert lie(good_evidence()) == ("APPLIED_CLEAN", set())


def test_a_change_cannot_name_a_surface_that_does_not_cover_it() -> None:
    """A file outside the scope stays outside, whatever surface its row names."""
    path = "kb/elsewhere.md"
    row = replace(
        good_evidence().outcomes.mutations[0],
        path=path,
        after=state_of(b"x"),
        artifact=f"artifacts/outputs/{path}",
    )
    kept = {**artifacts(), f"artifacts/outputs/{path}": b"x"}
    made = changed(row)
    published = replace(
        made.publication.published[0], path=path, published=row.after, read_back=row.after
    )
    rows = (*made.publication.published, published)
    evidence = replace(made, publication=replace(made.publication, published=rows))
    assert lie(evidence, kept=kept) == ("APPLIED_CLEAN", {"SCOPE_VIOLATED"})


def test_a_change_begins_with_what_the_workspace_held() -> None:
    """An overwritten file cannot be told as one that was created."""
    good = good_evidence()
    (first, *_) = good.outcomes.mutations
    there = replace(good.workspace.files[0], path=first.path)
    rows = tuple(sorted((*good.workspace.files, there), key=lambda row: row.path))
    workspace = replace(good.workspace, files=rows)
    before = str(Snapshot(beginning(workspace)).digest)
    evidence = replace(
        good,
        workspace=workspace,
        outcomes=replace(good.outcomes, before=before),
        rollback=replace(good.rollback, before=before, restored=before),
    )
    assert "SNAPSHOT_DIFFERS" in lie(evidence)[1]


@pytest.mark.parametrize("name", ["before", "applied", "surface", "undo", "id"])
def test_the_rollback_proof_is_about_the_changes(name: str) -> None:
    """A row of the proof cannot tell of another change than the one that was made."""
    other = {"before": state_of(b"y"), "applied": state_of(b"z")}.get(name, "OTHER")
    changes: dict[str, Any] = {name: other}
    if name == "before":
        changes["restored"] = other
    status, found = lie(edit("rollback", "mutations", 0, **changes))
    assert status == "APPLIED_CLEAN"
    assert found == {"ROLLBACK_MUTATION_UNPROVEN"}


def test_a_change_is_listed_once() -> None:
    """A second row for one path, which would overwrite what the first one tells, is found."""
    good = good_evidence()
    (first, *rest) = good.outcomes.mutations
    wrong = replace(first, surface="", after=state_of(b"other"), artifact="")
    doubled = replace(good, outcomes=replace(good.outcomes, mutations=(wrong, first, *rest)))
    assert "SNAPSHOT_DIFFERS" in lie(doubled)[1]


def _commanding(exit_code: int, outputs: tuple[Output, ...]) -> tuple[Evidence, bytes]:
    """Return good evidence of the lane with one command more, which ended like this."""
    command = Step(id="cmd", run=("true",))

    def add(lane: Lane) -> Lane:
        place = next(i for i, s in enumerate(lane.steps) if s.builtin is Builtin.ROLLBACK_PROOF)
        return replace(lane, steps=(*lane.steps[:place], command, *lane.steps[place:]))

    lane, good = with_lane(add), good_evidence()
    known = {row.step: row for row in good.log.steps}
    rows: list[LogRow] = []
    for step in complete_steps(parse_lane(lane)):
        row = known.get(step.id)
        if row is None:
            row = replace(
                good.log.steps[0],
                step="cmd",
                exit_code=exit_code,
                outputs=outputs,
                started_at=rows[-1].started_at,
            )
        rows.append(row)
    return replace(good, log=replace(good.log, steps=tuple(rows))), lane


def _streams() -> tuple[Output, ...]:
    return tuple(
        Output(artifact=f"artifacts/steps/cmd/{name}", bytes=0, digest=NONE)
        for name in ("stdout", "stderr")
    )


def test_a_step_is_not_done_with_an_exit_code_it_must_not_have() -> None:
    """The log cannot call a step done whose exit code the lane does not expect."""
    kept = {**artifacts(), "artifacts/steps/cmd/stdout": b"", "artifacts/steps/cmd/stderr": b""}
    evidence, lane = _commanding(0, _streams())
    assert lie(evidence, kept=kept, lane=lane) == ("APPLIED_CLEAN", set())
    evidence, lane = _commanding(3, _streams())
    assert lie(evidence, kept=kept, lane=lane) == ("APPLIED_CLEAN", {"LOG_ORDER"})


def test_the_output_of_a_step_cannot_be_left_out() -> None:
    """A command that is done has both of its streams in the packet."""
    evidence, lane = _commanding(0, ())
    assert lie(evidence, lane=lane) == ("APPLIED_CLEAN", {"LOG_ORDER"})


def test_a_done_step_has_no_code() -> None:
    """A code of failure beside the word done is a contradiction."""
    assert lie(edit("log", "steps", 1, code="STEP_FAILED"))[1] == {"LOG_ORDER"}


def test_nothing_is_withheld_without_a_secret() -> None:
    """Artifacts cannot be left out by calling them withheld where no secret was found."""
    good = good_evidence()
    names = tuple(sorted(artifacts()))
    status, found = lie(replace(good, scan=replace(good.scan, withheld=names)), kept={})
    assert status == "APPLIED_CLEAN"
    assert "ARTIFACT_MISSING" in found


def test_an_input_that_was_right_is_in_the_packet() -> None:
    """A preflight row cannot drop the artifact that shows what was read."""
    path = good_evidence().preflight.inputs[0].artifact
    kept = {name: data for name, data in artifacts().items() if name != path}
    status, found = lie(edit("preflight", "inputs", 0, artifact="", bytes=0), kept=kept)
    assert (status, found) == ("APPLIED_CLEAN", {"PREFLIGHT_MISMATCH"})


def test_a_tool_call_cannot_be_dropped() -> None:
    """Every tool operation of a step that was reached stands in the list of calls."""
    good = good_evidence()
    calls = replace(good.outcomes, tool_calls=good.outcomes.tool_calls[1:])
    assert lie(replace(good, outcomes=calls))[1] == {"LOG_ORDER"}


def test_the_grant_covers_the_tools_that_were_called() -> None:
    """A lane whose tool operation nobody granted was never admitted."""
    good = good_evidence()
    lock = replace(good.authority, operations=("another_operation",))
    assert lie(replace(good, authority=lock))[1] == {"AUTHORITY_MISMATCH"}


def test_only_what_was_due_is_published() -> None:
    """A row for a file that no publish step publishes is found, as is one that is doubled."""
    good = good_evidence()
    (first, *rest) = good.publication.published
    for rows in ((first, first, *rest), (first, *rest, replace(first, step="S6"))):
        evidence = replace(good, publication=replace(good.publication, published=rows))
        assert lie(evidence)[1] == {"PUBLICATION_DIFFERS"}


@pytest.mark.parametrize(
    "change", [{"surface": "OTHER"}, {"change": Change.MODIFY}, {"before": state_of(b"x")}]
)
def test_a_publication_began_with_what_was_there(change: dict[str, Any]) -> None:
    """A row names its own surface, its change, and what the workspace had from the target."""
    assert lie(edit("publication", "published", 0, **change))[1] == {"PUBLICATION_DIFFERS"}


def test_the_registry_is_the_workspaces() -> None:
    """The digests of the registry are those of the file that the workspace held."""
    other = str(Digest.of(b"another registry"))
    evidence = edit("tickets", "registry", 0, before=other, after=other)
    assert lie(evidence)[1] == {"REGISTRY_CHANGED"}


def test_a_pin_is_of_a_file_that_was_there() -> None:
    """A pin cannot be intact in a workspace that never held the document."""
    good = good_evidence()
    path = good.lane.pins[0].path
    rows = tuple(row for row in good.workspace.files if row.path != path)
    workspace = replace(good.workspace, files=rows)
    states = beginning(workspace)
    before = str(Snapshot(states).digest)
    states |= {row.path: row.after for row in good.outcomes.mutations}
    after = str(Snapshot(states).digest)
    evidence = replace(
        good,
        workspace=workspace,
        outcomes=replace(good.outcomes, before=before, after=after),
        rollback=replace(good.rollback, before=before, applied=after, restored=before),
    )
    kept = {name: d for name, d in artifacts().items() if name != f"artifacts/workspace/{path}"}
    assert lie(evidence, kept=kept) == ("APPLIED_CLEAN", {"PIN_CHANGED"})


@pytest.mark.parametrize(
    ("path", "code"), [("../escaped", "PATH_DOTS"), ("/etc/cron.d", "PATH_ABSOLUTE")]
)
def test_a_workspace_stays_inside(path: str, code: str) -> None:
    """A replay would make these folders: a path that leads out is refused before."""
    good = good_evidence()
    folders = tuple(sorted((*good.workspace.folders, path)))
    evidence = replace(good, workspace=replace(good.workspace, folders=folders))
    assert code in lie(evidence)[1]


def test_a_workspace_holds_what_the_lane_names() -> None:
    """No file from elsewhere, none twice, and no mode that a run does not give."""
    good = good_evidence()
    (first, *rest) = good.workspace.files
    for rows in (
        (replace(first, path="elsewhere.md"), *rest),
        (first, first, *rest),
        (replace(first, mode="4777"), *rest),
    ):
        evidence = replace(good, workspace=replace(good.workspace, files=rows))
        assert "LANE_DIFFERS" in lie(evidence)[1]


def test_a_document_to_publish_cannot_be_left_out() -> None:
    """A replay needs the sources of the publish steps; the lane says which there are."""
    good = good_evidence()
    workspace = replace(good.workspace, documents=good.workspace.documents[1:])
    assert "LANE_DIFFERS" in lie(replace(good, workspace=workspace))[1]


def test_a_mode_is_compared_too() -> None:
    """A change of mode has to be told as one."""
    good = good_evidence()
    file = good.workspace.files[0]
    before = FileState("file", file.mode, file.bytes, file.digest)
    row = replace(
        good.outcomes.mutations[0],
        path=file.path,
        change="modified",
        before=before,
        after=replace(before, mode="0755"),
        artifact="",
    )
    assert {"SNAPSHOT_DIFFERS", "SCOPE_VIOLATED"} <= lie(changed(row))[1]


def test_the_scan_searched_everything_that_is_named() -> None:
    """A search of fewer artifacts than the packet names is not one of the packet."""
    good = good_evidence()
    found, derived = sealed(replace(good, scan=replace(good.scan, files=0)))
    codes = {str(finding.code) for finding in verify_applied(found, derived)}
    assert codes == {"SECRET_IN_EVIDENCE"}


def test_a_call_names_its_target() -> None:
    """A tool operation cannot be told to have been called on something else."""
    assert lie(edit("outcomes", "tool_calls", 0, target="kb/other.md"))[1] == {"LOG_ORDER"}


def test_a_reason_is_for_a_failure() -> None:
    """A step that is done has no words about why it failed."""
    assert lie(edit("log", "steps", 1, reason="something went wrong"))[1] == {"LOG_ORDER"}


def test_a_lane_of_many_patterns_is_refused_in_no_time() -> None:
    """What is compared pair by pair is counted first: 170 kB of lane took half a minute."""

    def grow(lane: Lane) -> Lane:
        (first, *rest) = lane.forbidden
        paths = tuple(f"zz/x{number}*y*" for number in range(6000))
        return replace(lane, forbidden=(replace(first, paths=paths), *rest))

    (finding,) = check_lane(grow(good_evidence().lane))
    assert finding.expected == f"at most {MAX_LANE_PATTERNS} surfaces and patterns"
    assert lie(good_evidence(), lane=with_lane(grow))[1] == {"LANE_DIFFERS"}
