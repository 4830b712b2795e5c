"""The lanes are executed for real, in copies of their folders, and verify afterwards."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from greenlight.execution.confined import Confined
from greenlight.execution.confinement import Confinement
from greenlight.services.rerun import ReplayRoom, rerun_packet
from tests.lanes_helper import Bench, Ran, contents
from tests.samples import FOLDER, LANES
from tests.tools import need_box

M1, M2 = (
    f"kb/fix7-p0/fix7-p0-operative-birth-blueprint-{rest}2026-06-12.md"
    for rest in ("", "governance-addendum-")
)
LEAVES = {
    "hello": [],
    "fix7-p0": [M1, M2],
    "git-ref": ["repo.git/refs/heads/main"],
    "self-change": ["base/greenlight/primitives/digest.py"],
    "sqlite-migration": ["db/app.sqlite"],
}


def execute(name: str, tmp_path: Path, confinement: Confinement | None = None) -> tuple[Bench, Ran]:
    bench = Bench.make(tmp_path)
    bench.confinement = confinement or bench.confinement
    with bench.store:
        shutil.copytree(LANES / name, bench.folder, dirs_exist_ok=True)
        ran = bench.run((bench.folder / "lane.yaml").read_bytes())
        assert ran.verdict.report.findings == ()
    return bench, ran


@pytest.mark.parametrize("name", LEAVES)
def test_a_lane_runs_to_its_end(name: str, tmp_path: Path) -> None:
    """Every step is done, the packet verifies, and says what was only observed."""
    _, ran = execute(name, tmp_path)
    assert set(ran.states.values()) == {"done"}
    assert ran.status == "APPLIED_NOT_CLEAN"
    assert ran.document("rollback-gate.json")["result"] == "PASS"
    assert ran.document("bad-input-probes.json")["fail_closed"] == "15/15"


@pytest.mark.parametrize("name", LEAVES)
def test_in_a_box_it_is_clean(name: str, tmp_path: Path) -> None:
    """All forbidden surfaces are known, nothing was denied, and it replays."""
    need_box()
    bench, ran = execute(name, tmp_path, Confined.here())
    assert ran.status == "APPLIED_CLEAN"
    proof = ran.document("forbidden-surface-proof.json")
    assert proof["any_forbidden_surface_attempted"] == "false"
    assert proof["known"] == proof["total"]
    tried = ran.document("attempts.json")
    assert tried["complete"]
    assert {row["outcome"] for row in tried["attempts"]} <= {"allowed", "staged"}
    room = ReplayRoom(Confined.here(), bench.clock, {}, bench.rooms)
    with bench.store:
        assert rerun_packet(ran.located, ran.verdict, room).result == "PASS"


@pytest.mark.parametrize("name", LEAVES)
def test_only_what_is_published_leaves_the_workspace(name: str, tmp_path: Path) -> None:
    """The lane's folder is as it was but for the surfaces that it publishes."""
    bench, ran = execute(name, tmp_path)
    before, after = contents(LANES / name), contents(bench.folder)
    changed = sorted(path for path in before | after if before.get(path) != after.get(path))
    assert changed == LEAVES[name]
    assert [row["path"] for row in ran.published] == LEAVES[name]


def test_the_documents_of_the_source_are_created(tmp_path: Path) -> None:
    """M-1 and M-2 go from ABSENT to their first revision, byte for byte."""
    bench, ran = execute("fix7-p0", tmp_path)
    for path in (M1, M2):
        assert ran.mutations[path]["before"]["kind"] == "absent"
        source = FOLDER / "documents" / Path(path).name
        assert (bench.folder / path).read_bytes() == source.read_bytes()
    assert len(ran.files) >= 22
    assert ran.document("reserved-tickets.json")["standing"] == "PROPOSED"
    assert ran.document("production-readiness-blocker-map.json")["open"] == 7
    proof = ran.document("forbidden-surface-proof.json")
    assert proof["total"] == 16
    assert proof["any_forbidden_surface_attempted"] == "unknown"  # nothing watched the network


def test_the_migration_is_proven_at_rows_and_schema_too(tmp_path: Path) -> None:
    """Both views printed the same before and after the rollback, and not in between."""
    _, ran = execute("sqlite-migration", tmp_path)
    proof = ran.document("rollback-proof.json")
    assert [view["id"] for view in proof["views"]] == ["rows", "schema"]
    for view in proof["views"]:
        assert view["before"] == view["restored"] != view["applied"]
    assert [row["code"] for row in proof["undo"]] == [""]
    assert ran.log["again"]["exit_code"] == 1
