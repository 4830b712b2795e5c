"""The rollback of a lane, and of a packet long after, proven again from its own bytes."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from greenlight.codes import Code
from greenlight.errors import RefusedError
from greenlight.services.execute import StepFailed
from greenlight.services.packets import Located, locate
from greenlight.services.private import private_files
from greenlight.services.proving import PROOF, Room, prove_lane, prove_packet, seal_proof
from greenlight.services.sources import load_sources
from greenlight.services.verifying import Integrity, Trust, verify_all, verify_located
from tests.lanes_helper import GREETING, OWNER, STRANGER, Bench, Ran, editing, lane, shell


@pytest.fixture
def room(bench: Bench) -> Room:
    return Room(bench.confinement, {}, bench.rooms)


def edited(bench: Bench, **more: Any) -> Ran:
    bench.write("kb/doc.md", "one\n")
    bench.write("kb/other.md", "other\n")
    return bench.run(editing(**more))


def test_of_a_lane(bench: Bench, room: Room) -> None:
    bench.write("kb/doc.md", "one\n")
    parsed = bench.parse(editing())
    before = bench.state.size
    proved = prove_lane(parsed, load_sources(bench.folder, parsed), room)
    assert proved.report.clean
    assert proved.gate.result == "PASS"
    (row,) = proved.proof.mutations
    assert row.before == row.restored != row.applied
    assert bench.state.size == before
    assert bench.read("kb/doc.md") == "one\n"


def test_of_a_lane_that_cannot_be_undone(bench: Bench, room: Room) -> None:
    wrong = lane(
        allowed=[{**GREETING, "undo": "run"}],
        rollback={"steps": [{"id": "u", "run": ["true"]}]},
    )
    parsed = bench.parse(wrong)
    proved = prove_lane(parsed, load_sources(bench.folder, parsed), room)
    assert Code.ROLLBACK_DID_NOT_RESTORE in proved.report.codes


def test_of_a_lane_whose_step_fails(bench: Bench, room: Room) -> None:
    parsed = bench.parse(lane(steps=[shell("exit 3", touches=["GREETING"])]))
    with pytest.raises(StepFailed, match="write") as caught:
        prove_lane(parsed, load_sources(bench.folder, parsed), room)
    assert caught.value.code == "STEP_FAILED"


def test_of_a_packet_whose_lane_is_gone(bench: Bench, room: Room) -> None:
    ran = edited(bench)
    assert bench.read("kb/doc.md") == "one\nmore\n"
    (bench.folder / "kb" / "doc.md").unlink()
    proved = prove_packet(ran.located, ran.verdict.evidence, {}, room)
    assert proved.report.clean
    recorded = ran.document("outcomes.json")
    assert (proved.proof.before, proved.proof.applied) == (recorded["before"], recorded["after"])
    assert proved.proof.restored == recorded["before"]


def test_the_proof_is_a_packet_of_its_own(bench: Bench, room: Room) -> None:
    ran = edited(bench)
    proved = prove_packet(ran.located, ran.verdict.evidence, {}, room)
    evidence = ran.verdict.evidence
    sealed = seal_proof(bench.store, OWNER, ran.located, evidence, proved, clock=bench.clock)
    found = locate(bench.store, sealed.packet_tree, whole=True)
    verdict = verify_located(found, Trust(), store=bench.store, lineage=True)
    assert verdict.integrity is Integrity.INTACT
    assert verdict.statement.lineage == (ran.located.packet.tree.removeprefix("sha256:"),)
    about = json.loads(found.files["artifacts/accepted.json"])
    assert (about["packet_tree"], about["result"]) == (ran.located.packet.tree, "PASS")
    assert json.loads(found.files[PROOF])["restored"] == proved.proof.before
    assert verify_all(bench.store, Trust(), lineage=True).integrity is Integrity.INTACT
    with pytest.raises(RefusedError) as caught:
        seal_proof(bench.store, STRANGER, ran.located, evidence, proved, clock=bench.clock)
    assert caught.value.code is Code.TRUST_REFUSED


def test_of_a_packet_that_does_not_hold_what_it_changed(bench: Bench, room: Room) -> None:
    ran = edited(bench, retain="withheld")
    evidence = ran.verdict.evidence
    with pytest.raises(RefusedError) as caught:
        prove_packet(ran.located, evidence, {}, room)
    assert caught.value.code is Code.PROOF_NOT_POSSIBLE
    private = private_files(ran.located, evidence, bench.store)
    assert prove_packet(ran.located, evidence, private, room).report.clean


def test_of_a_packet_whose_state_is_another(bench: Bench, room: Room) -> None:
    """The bytes that stand for what was accepted are not those of which the outcomes speak."""
    ran = edited(bench)
    path = "artifacts/outputs/kb/doc.md"
    located: Located = replace(ran.located, files={**ran.files, path: b"others\n"})
    proved = prove_packet(located, ran.verdict.evidence, {}, room)
    assert Code.SNAPSHOT_DIFFERS in proved.report.codes
