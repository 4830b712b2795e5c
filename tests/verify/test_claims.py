"""Documents against each other: one broken thing in good evidence, and the finding it gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from greenlight.codes import Code
from greenlight.model.documents.execution_log import Output, StepState
from greenlight.model.documents.outcomes import MutationRow, ToolCall, ToolDecision
from greenlight.model.documents.secret_scan import Hit
from greenlight.model.evidence import Evidence
from greenlight.model.lane import Prior
from greenlight.model.packet import FileFact
from greenlight.model.snapshot import ABSENT
from greenlight.model.words import Status
from greenlight.primitives.digest import Digest
from greenlight.verify.claims import (
    named_artifacts,
    verify_admissible,
    verify_applied,
    verify_consistency,
)
from greenlight.verify.derive.packet import derive_packet
from tests.samples import (
    EXECUTOR,
    OWNER,
    good_evidence,
    good_files,
    observed_evidence,
    sealed,
    state_of,
)

OTHER = str(Digest.of(b"other"))
M1 = "kb/fix7-p0/fix7-p0-operative-birth-blueprint-2026-06-12.md"
Break = Callable[[Evidence], Evidence]


def in_(name: str, **changes: Any) -> Break:
    """Break fields of one document."""

    def broken(good: Evidence) -> Evidence:
        return replace(good, **{name: replace(getattr(good, name), **changes)})

    return broken


def row(name: str, rows: str, index: int, **changes: Any) -> Break:
    """Break fields of one row of one document."""

    def broken(good: Evidence) -> Evidence:
        found = list(getattr(getattr(good, name), rows))
        found[index] = replace(found[index], **changes)
        return in_(name, **{rows: tuple(found)})(good)

    return broken


def less(name: str, rows: str, index: int) -> Break:
    """Drop one row of one document."""

    def broken(good: Evidence) -> Evidence:
        found = list(getattr(getattr(good, name), rows))
        del found[index]
        return in_(name, **{rows: tuple(found)})(good)

    return broken


def more(name: str, rows: str, extra: object) -> Break:
    def broken(good: Evidence) -> Evidence:
        return in_(name, **{rows: (*getattr(getattr(good, name), rows), extra)})(good)

    return broken


def consistency(evidence: Evidence) -> list[str]:
    found, derived = sealed(evidence)
    return sorted({f.label for f in verify_consistency(found, derived, good_files())})


def applied(broken: Break, evidence: Evidence | None = None) -> list[str]:
    """Return the findings on documents that still say APPLIED after one was broken."""
    found, _ = sealed(evidence or good_evidence())
    tampered = broken(found)
    derived = derive_packet(tampered)
    assert tampered.header.status is Status.APPLIED_CLEAN or evidence
    return sorted({f.label for f in verify_applied(tampered, derived)})


OUTSIDE = MutationRow(
    path="kb/other.md",
    change="created",
    surface="",
    before=ABSENT,
    after=state_of(b"x"),
    artifact="",
)
OUTPUT = Output(artifact="artifacts/steps/S0/stdout", bytes=1, digest=OTHER)
FOREIGN_CALL = ToolCall(
    number=3, step="S5", tool="query_pg", target="x", decision=ToolDecision.ALLOWED
)
REFUSED_CALL = replace(FOREIGN_CALL, decision=ToolDecision.REJECTED)


def test_good_evidence_gives_no_finding() -> None:
    """What a run would write down is consistent, clean or not clean."""
    for evidence in (good_evidence(), observed_evidence()):
        found, derived = sealed(evidence)
        assert verify_admissible(found.lane) == []
        assert verify_consistency(found, derived, good_files()) == []
        assert verify_applied(found, derived) == []


@pytest.mark.parametrize(
    ("broken", "label"),
    [
        (in_("header", packet_id="other-0f8d5a3e-6c1b-4f8e-9d53-1b7c2a9e4d10"), "RUN_DIFFERS"),
        (in_("header", run_id="1f8d5a3e-6c1b-4f8e-9d53-1b7c2a9e4d10"), "RUN_DIFFERS"),
        (in_("authority", run_id="1f8d5a3e-6c1b-4f8e-9d53-1b7c2a9e4d10"), "RUN_DIFFERS"),
        (in_("authority", authority="OTHER"), "AUTHORITY_MISMATCH"),
        (in_("authority", chain=()), "AUTHORITY_MISMATCH"),
        (row("authority", "chain", 0, taker=OWNER), "AUTHORITY_MISMATCH"),
        (in_("authority", modes=("dry_run",)), "AUTHORITY_MISMATCH"),
        (in_("authority", use=0), "AUTHORITY_MISMATCH"),
        (in_("authority", use=4), "AUTHORITY_MISMATCH"),
        (in_("authority", expires="2026-06-12T09:00:00Z"), "AUTHORITY_MISMATCH"),
        (in_("authority", not_before="2026-06-12T09:00:01Z"), "AUTHORITY_MISMATCH"),
        (less("log", "steps", 3), "LOG_ORDER"),
        (less("log", "steps", 7), "LOG_ORDER"),
        (row("log", "steps", 3, step="S2"), "LOG_ORDER"),
        (row("log", "steps", 3, state=StepState.FAILED), "LOG_ORDER"),
        (row("log", "steps", 3, started_at="2026-06-12T08:59:59Z"), "LOG_ORDER"),
        (in_("header", sealed_at="2026-06-12T09:00:03Z"), "LOG_ORDER"),
        (in_("outcomes", before=OTHER), "SNAPSHOT_DIFFERS"),
        (in_("outcomes", after=OTHER), "SNAPSHOT_DIFFERS"),
        (in_("rollback", before=OTHER, restored=OTHER), "SNAPSHOT_DIFFERS"),
        (in_("rollback", applied=OTHER), "SNAPSHOT_DIFFERS"),
        (row("workspace", "files", 0, mode="0755"), "SNAPSHOT_DIFFERS"),
        (less("workspace", "folders", 0), "SNAPSHOT_DIFFERS"),
        (in_("outcomes", refused_names=("a\\xff (PATH_NOT_UTF8)",)), "SNAPSHOT_DIFFERS"),
        (row("log", "steps", 0, outputs=(OUTPUT,)), "ARTIFACT_MISSING LOG_ORDER"),
        (row("workspace", "documents", 0, digest=OTHER), "ARTIFACT_MISMATCH"),
        (row("workspace", "documents", 0, bytes=1), "ARTIFACT_MISMATCH"),
        (row("preflight", "inputs", 0, bytes=1), "ARTIFACT_MISMATCH"),
        (less("workspace", "documents", 0), "ARTIFACT_UNLISTED LANE_DIFFERS"),
        (row("outcomes", "mutations", 0, artifact=""), "ARTIFACT_MISSING ARTIFACT_UNLISTED"),
        (
            in_(
                "scan",
                hits=(Hit(rule="x", path=f"artifacts/outputs/{M1}", offset=0),),
                withheld=(f"artifacts/outputs/{M1}",),
            ),
            "SECRET_IN_EVIDENCE",
        ),
        (in_("lineage", packets=()), ""),
    ],
)
def test_what_must_hold_of_every_packet(broken: Break, label: str) -> None:
    """One contradiction gives its code, whatever the status."""
    assert consistency(broken(good_evidence())) == label.split()


def test_a_dropped_change_shows_in_the_digest() -> None:
    """A mutation that is taken out of the list, and its artifact with it, is still found."""
    found, derived = sealed(less("outcomes", "mutations", 0)(good_evidence()))
    files = {path: fact for path, fact in good_files().items() if M1 not in path}
    labels = {f.label for f in verify_consistency(found, derived, files)}
    assert "SNAPSHOT_DIFFERS" in labels


def test_a_lane_and_its_lineage_name_the_same_packets() -> None:
    """lineage.json must have a row for each packet of the lane."""
    good = good_evidence()
    named = replace(good, lane=replace(good.lane, lineage=(Prior(packet_tree=OTHER),)))
    assert consistency(named) == ["LINEAGE_DIFFERS"]


def test_a_chain_must_be_one() -> None:
    """Each link of a delegation begins where the last one ended."""
    good = good_evidence()
    (link,) = good.authority.chain
    broken = replace(link, giver=EXECUTOR)
    whole = replace(link, giver=link.giver, taker=OWNER)
    joined = in_("authority", chain=(whole, link))(good)
    assert consistency(joined) == []
    torn = in_("authority", chain=(whole, broken))(good)
    assert consistency(torn) == ["AUTHORITY_MISMATCH"]


def test_an_open_ended_grant_holds() -> None:
    """A grant without a beginning or an end is in force."""
    assert consistency(in_("authority", expires="", not_before="")(good_evidence())) == []


def test_a_changed_artifact_is_found() -> None:
    """Bytes that are not what a document says of them; withheld ones may be absent."""
    found, derived = sealed(good_evidence())
    path = next(path for _, path, _, _ in named_artifacts(found))
    changed = {**good_files(), path: FileFact.of(b"changed")}
    labels = [f.label for f in verify_consistency(found, derived, changed)]
    assert labels == ["ARTIFACT_MISMATCH"]
    absent = {name: fact for name, fact in good_files().items() if name != path}
    labels = [f.label for f in verify_consistency(found, derived, absent)]
    assert labels == ["ARTIFACT_MISSING"]
    hit = Hit(rule="x", path=path, offset=0)
    withheld, derived = sealed(in_("scan", hits=(hit,), withheld=(path,))(good_evidence()))
    assert verify_consistency(withheld, derived, absent) == []


@pytest.mark.parametrize("claim", [Status.APPLIED_CLEAN, Status.APPLIED_NOT_CLEAN])
def test_an_overclaim_is_found(claim: Status) -> None:
    """A status above what the evidence gives is OVERCLAIM; one below is not."""
    stopped = row("log", "steps", 7, state=StepState.NOT_REACHED)(good_evidence())
    found, derived = sealed(stopped)
    claiming = replace(found, header=replace(found.header, status=claim))
    labels = {f.label for f in verify_consistency(claiming, derived, good_files())}
    assert labels == {"OVERCLAIM"}
    found, derived = sealed(good_evidence())
    modest = replace(found, header=replace(found.header, status=Status.STOPPED))
    assert verify_consistency(modest, derived, good_files()) == []


def test_passing_while_a_forbidden_surface_was_touched_is_an_overclaim() -> None:
    """The fifteenth probe class: clean words over a touched surface."""
    found, derived = sealed(more("outcomes", "tool_calls", FOREIGN_CALL)(good_evidence()))
    clean = replace(found, header=replace(found.header, status=Status.APPLIED_CLEAN))
    findings = verify_consistency(clean, derived, good_files())
    assert {f.code for f in findings} == {Code.LOG_ORDER, Code.OVERCLAIM}
    labels = [f.label for f in verify_applied(clean, derived)]
    assert labels == ["FORBIDDEN_SURFACE_TOUCHED:F01"]


@pytest.mark.parametrize(
    ("broken", "label"),
    [
        (
            row("preflight", "inputs", 0, found=OTHER),
            "PREFLIGHT_MISMATCH:canonical fold 225..441",
        ),
        (
            row("preflight", "inputs", 3, contained=False),
            "PREFLIGHT_MISMATCH:T2 independent review",
        ),
        (row("preflight", "inputs", 2, found=OTHER), "PREFLIGHT_MISMATCH:dry-run and"),
        (less("preflight", "inputs", 5), "PREFLIGHT_MISMATCH:planning packet"),
        (row("outcomes", "mutations", 0, surface=""), "SCOPE_VIOLATED"),
        (more("outcomes", "mutations", OUTSIDE), "SCOPE_VIOLATED"),
        (in_("outcomes", refused_names=("x (PATH_CONTROL)",)), "SCOPE_VIOLATED"),
        (more("outcomes", "tool_calls", FOREIGN_CALL), "FORBIDDEN_SURFACE_TOUCHED:F01"),
        (more("outcomes", "tool_calls", REFUSED_CALL), "FORBIDDEN_SURFACE_TOUCHED:F01"),
        (row("pins", "pins", 0, after=OTHER), "PIN_CHANGED:P7 canonicalizer SSOT"),
        (row("pins", "pins", 0, before=OTHER), "PIN_CHANGED:P7 canonicalizer SSOT"),
        (row("pins", "pins", 0, before=OTHER, after=OTHER), "PIN_CHANGED:P7"),
        (less("pins", "pins", 0), "PIN_CHANGED:P7 canonicalizer SSOT"),
        (in_("rollback", reached=False), "ROLLBACK_PROOF_MISSING"),
        (in_("rollback", mutations=()), "ROLLBACK_NO_MUTATION"),
        (
            row("rollback", "mutations", 0, applied=ABSENT),
            "ROLLBACK_APPLY_DID_NOT_MUTATE:RB-EXEC-1",
        ),
        (
            row("rollback", "mutations", 1, restored=state_of(b"x")),
            "ROLLBACK_DID_NOT_RESTORE:RB-EXEC-2",
        ),
        (less("rollback", "mutations", 1), "ROLLBACK_MUTATION_UNPROVEN"),
        (in_("rollback", restored=OTHER), "ROLLBACK_TREE_NOT_RESTORED"),
        (in_("gate", judges=()), "GATE_NOT_PROVEN"),
        (in_("rollback", restored=OTHER), "GATE_NOT_PROVEN:this-run"),
        (less("probes", "probes", 0), "PROBE_MISSING"),
        (row("probes", "probes", 0, probe_class="x"), "PROBE_MISSING"),
        (row("probes", "probes", 0, expected="STEP_FAILED"), "PROBE_MISSING"),
        (in_("probes", control="STEP_FAILED"), "PROBE_MISSING:control"),
        (row("probes", "probes", 8, got="accepted"), "PROBE_FAIL_OPEN:secrets"),
        (row("probes", "probes", 8, objects_left=1), "PROBE_FAIL_OPEN:secrets"),
        (row("probes", "probes", 8, refs_left=1), "PROBE_FAIL_OPEN:secrets"),
        (row("probes", "probes", 8, pass_token=True), "PROBE_FAIL_OPEN:secrets"),
        (row("publication", "published", 0, read_back=ABSENT), f"PUBLICATION_DIFFERS:{M1}"),
        (row("publication", "published", 0, code="SURFACE_EXISTS"), f"PUBLICATION_DIFFERS:{M1}"),
        (less("publication", "published", 0), f"PUBLICATION_DIFFERS:{M1}"),
        (in_("tickets", collisions=("TKT-OBJ-442",)), "TICKET_COLLISION"),
        (row("tickets", "registry", 0, after=OTHER), "REGISTRY_CHANGED:kb/registry"),
        (row("tickets", "registry", 0, before="", after=""), "REGISTRY_CHANGED:kb/registry"),
        (
            lambda e: replace(e, lane=replace(e.lane, resolves=("FIX7-P0-PROD-OPT4-1",))),
            "BLOCKER_DROPPED",
        ),
    ],
)
def test_what_applied_must_carry(broken: Break, label: str) -> None:
    """A packet that says APPLIED, with one thing broken, gives a finding that names it."""
    labels = applied(broken)
    code, _, detail = label.partition(":")
    assert any(
        found.split(":")[0] == code and found.partition(":")[2].startswith(detail)
        for found in labels
    ), labels


def test_a_stopped_packet_may_tell_honestly() -> None:
    """A packet that says STOPPED owes none of what APPLIED must carry."""
    stopped = in_("rollback", reached=False)(good_evidence())
    found, derived = sealed(stopped)
    assert found.header.status is Status.STOPPED
    assert verify_applied(found, derived) == []


def test_an_inadmissible_lane_is_found_first() -> None:
    """A lane that no run could have been opened with is LANE_DIFFERS, with the reason."""
    lane = replace(good_evidence().lane, mode="production")
    (finding,) = verify_admissible(lane)
    assert finding.code is Code.LANE_DIFFERS
    assert finding.where == "lane.yaml#/mode"
    assert "MODE_REFUSED" in finding.found


def test_a_published_file_must_be_what_was_proven() -> None:
    """Publishing other bytes than those under the rollback proof is a failure."""
    other = state_of(b"something else")
    swapped = row("publication", "published", 0, published=other, read_back=other)
    evidence = swapped(good_evidence())
    assert derive_packet(evidence).evidence.publication.result.value == "FAIL"
    assert derive_packet(evidence).status is Status.STOPPED
