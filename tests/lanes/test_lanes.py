"""The lanes that people copy: each is admissible, and what it names is what stands beside it."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from greenlight.model.lane import Decision, InputKind, Lane
from greenlight.model.lane_file import parse_lane
from greenlight.model.surface import SIXTEEN, SurfaceClass
from greenlight.primitives.digest import Digest
from greenlight.primitives.gittree import blob_id, tree_id
from greenlight.primitives.packet_path import collisions, path_problem
from greenlight.primitives.text import normalise_document
from greenlight.verify.lane import check_lane
from tests.samples import LANES, ROOT, good_lane

NAMES = ("fix7-p0", "git-ref", "hello", "self-change", "sqlite-migration")
FIX7 = LANES / "fix7-p0"
SQLITE = LANES / "sqlite-migration"


def load(name: str) -> Lane:
    return parse_lane((LANES / name / "lane.yaml").read_bytes())


def test_every_lane_is_tested_here() -> None:
    """A folder with a lane file is one of those below."""
    assert sorted(path.parent.name for path in LANES.glob("*/lane.yaml")) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_lane_is_admissible(name: str) -> None:
    """Nothing in a shipped lane keeps it from being executed."""
    assert check_lane(load(name)) == []


@pytest.mark.parametrize("name", NAMES)
def test_inputs_are_what_the_lane_says(name: str) -> None:
    """Each input's digest is that of the file, and a verdict holds its words."""
    for wanted in load(name).inputs:
        if wanted.kind is InputKind.PACKET:
            continue
        data = (LANES / name / wanted.path).read_bytes()
        assert str(Digest.of(data)) == wanted.digest, wanted.name
        assert wanted.contains.encode() in data


@pytest.mark.parametrize("name", NAMES)
def test_sources_can_stand_in_a_packet(name: str) -> None:
    """Workspace, inputs and documents have paths that every file system can hold."""
    folder = LANES / name
    paths = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    assert [path for path in paths if path_problem(path) is not None] == []
    assert collisions(paths) == []
    assert not [path for path in paths if "__pycache__" in path]
    for source in load(name).workspace:
        assert (folder / source.source).exists()
    for step in load(name).steps:
        assert not step.document or (folder / step.document).is_file()


# --- the lane of source 001 ------------------------------------------------


def test_the_sixteen_are_the_sixteen_classes() -> None:
    """One row a class, in the order of source 001, each with a way of reaching it."""
    rows = good_lane().forbidden
    assert tuple(row.surface_class for row in rows) == SIXTEEN
    assert len(rows) == 16
    for row in rows:
        assert row.paths or row.tools or row.network or row.programs or row.variables


def test_forbidden_documents_are_in_the_knowledge_base() -> None:
    """The surfaces that are documents here name documents that exist."""
    paths = {row.surface_class: row.paths for row in good_lane().forbidden}
    for kind in (
        SurfaceClass.EVIDENCE_DELETION,
        SurfaceClass.PINNED_DOCUMENT,
        SurfaceClass.CANONICAL_REGISTRY,
        SurfaceClass.BIRTH_PIPELINE,
    ):
        (pattern,) = paths[kind]
        assert list((FIX7 / pattern.removesuffix("/**")).iterdir()), kind


def test_the_pin_holds() -> None:
    """P7 is the digest of the canonicalizer's full normalised content."""
    (pin,) = good_lane().pins
    data = (FIX7 / pin.path).read_bytes()
    assert str(Digest.of(normalise_document(data))) == pin.digest


def test_the_referenced_packets_are_the_folders_beside_it() -> None:
    """A packet that is referenced is named by the Git SHA-256 tree id of its stand-in."""
    packets = [wanted for wanted in good_lane().inputs if wanted.kind is InputKind.PACKET]
    folders = (FIX7 / "inputs/dryrun-readiness-packet", FIX7 / "inputs/planning-packet")
    for wanted, folder in zip(packets, folders, strict=True):
        blobs = {path.name: blob_id(path.read_bytes()) for path in folder.iterdir()}
        assert f"sha256:{tree_id(blobs).hex()}" == wanted.digest


def test_the_documents_are_absent_before() -> None:
    """M-1 and M-2 are created, so nothing stands where they go."""
    lane = good_lane()
    assert [surface.id for surface in lane.allowed] == ["KB-M1", "KB-M2"]
    assert not [surface.path for surface in lane.allowed if (FIX7 / surface.path).exists()]


def test_the_tickets_are_free() -> None:
    """The registry ends at 441 and names none of 442 to 461."""
    wanted = good_lane().tickets
    assert wanted is not None
    assert (wanted.first, wanted.last, wanted.ceiling) == (442, 461, 441)
    assert len(wanted.registry) == 3
    for path in wanted.registry:
        text = (FIX7 / path).read_text()
        assert "TKT-OBJ-441" in text
        assert not [n for n in range(442, 462) if f"TKT-OBJ-{n}" in text]
    registry = json.loads((FIX7 / wanted.registry[0]).read_text())
    assert [row["id"] for row in registry["tickets"]] == [f"TKT-OBJ-{n}" for n in range(225, 442)]


def test_blockers_planning_and_steps_are_those_of_the_source() -> None:
    """Seven blockers, ten planning surfaces, S0 to S7, and HOLD."""
    lane = good_lane()
    assert [blocker.id for blocker in lane.blockers] == [
        "FIX7-P0-PROD-BIRTH-SURFACE-1",
        "FIX7-P0-PROD-CI-SCOPE-1",
        "FIX7-P0-DRYRUN-PROD-ROLLBACK-1",
        "FIX7-P0-PLAN-REALRUN-1",
        "FIX7-P0-PLAN-SEPARATE-AUTH-1",
        "FIX7-P0-PROD-OPT4-1",
        "FIX7-P0-OPERATOR-INPUT-1",
    ]
    assert [row.number for row in lane.planning] == list(range(1, 11))
    excluded = [row.number for row in lane.planning if row.decision is Decision.EXCLUDED]
    assert excluded == [1, 5, 6, 7, 8, 10]
    assert [step.id for step in lane.steps] == [f"S{n}" for n in range(8)]
    assert lane.next_decision is not None
    assert lane.next_decision.decision == "HOLD"
    assert lane.tools == ("upload_document",)


def test_the_documents_refer_to_what_is_there() -> None:
    """M-1 names the blueprint and the pin by the digests that they have."""
    text = (FIX7 / "documents/fix7-p0-operative-birth-blueprint-2026-06-12.md").read_text()
    blueprint = (FIX7 / "kb/fix7-p0/fix7-p0-birth-blueprint-2026-06-10.md").read_bytes()
    assert Digest.of(blueprint).value.hex() in text
    assert good_lane().pins[0].digest.removeprefix("sha256:") in text


# --- the schema migration --------------------------------------------------


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """Return a copy of the lane's workspace."""
    for name in ("db", "tools"):
        shutil.copytree(SQLITE / name, tmp_path / name)
    return tmp_path


def script(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    environment = {"PATH": os.defpath, "LC_ALL": "C"}
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, check=False
    )


def step(folder: Path, *arguments: str) -> bytes:
    done = script(folder, *arguments)
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout


def dump(folder: Path, view: str) -> bytes:
    return step(folder, "tools/dump.py", view, "db/app.sqlite")


def test_the_database_is_what_its_generator_makes() -> None:
    """The committed file comes from make_db.py, whatever SQLite this is."""
    assert script(SQLITE, "make_db.py", "--check").returncode == 0
    assert (SQLITE / "db/app.sqlite").stat().st_size < 200 * 2**10


def test_migrating_forward_changes_rows_and_schema(copied: Path) -> None:
    """Schema 2 has the address apart, the back-filled columns, the index and the view."""
    before = {view: dump(copied, view) for view in ("rows", "schema")}
    step(copied, "tools/migrate.py", "up", "db/app.sqlite")
    after = {view: dump(copied, view) for view in ("rows", "schema")}
    assert after["rows"] != before["rows"]
    assert after["schema"] != before["schema"]
    with sqlite3.connect(f"file:{copied / 'db/app.sqlite'}?mode=ro", uri=True) as database:
        check = database.execute("PRAGMA integrity_check").fetchall()
        counts = [
            database.execute(f"SELECT count(*) FROM {name}").fetchone()[0]  # noqa: S608
            for name in ("customer", "address", "invoice", "customer_1")
        ]
        filled = "SELECT count(*) FROM customer WHERE email <> printf('c%04d@', id) || domain"
        wrong = database.execute(filled).fetchone()[0]
    assert check == [("ok",)]
    assert counts == [320, 320, 900, 320]
    assert wrong == 0


def test_the_view_shows_what_the_table_was(copied: Path) -> None:
    """The customers of schema 1 are the rows of the view of schema 2."""
    query = "SELECT * FROM {} ORDER BY id"
    with sqlite3.connect(copied / "db/app.sqlite") as database:
        before = database.execute(query.format("customer")).fetchall()
    step(copied, "tools/migrate.py", "up", "db/app.sqlite")
    with sqlite3.connect(copied / "db/app.sqlite") as database:
        assert database.execute(query.format("customer_1")).fetchall() == before


def test_migrating_back_restores_every_byte(copied: Path) -> None:
    """Forward and back is the file that was there, and forward again the same schema 2."""
    first = (copied / "db/app.sqlite").read_bytes()
    step(copied, "tools/migrate.py", "up", "db/app.sqlite")
    second = (copied / "db/app.sqlite").read_bytes()
    step(copied, "tools/migrate.py", "down", "db/app.sqlite")
    assert (copied / "db/app.sqlite").read_bytes() == first
    step(copied, "tools/migrate.py", "up", "db/app.sqlite")
    assert (copied / "db/app.sqlite").read_bytes() == second != first


def test_the_scripts_leave_nothing_beside_the_database(copied: Path) -> None:
    """No journal, no bytecode: a change outside the scope would stop the lane."""
    names = sorted(path.relative_to(copied).as_posix() for path in copied.rglob("*"))
    dump(copied, "rows")
    step(copied, "tools/migrate.py", "up", "db/app.sqlite")
    assert sorted(path.relative_to(copied).as_posix() for path in copied.rglob("*")) == names


def test_migrated_bytes_are_known(copied: Path) -> None:
    """Both images have one digest, on every machine and with every SQLite."""
    step(copied, "tools/migrate.py", "up", "db/app.sqlite")
    assert (
        Digest.of((copied / "db/app.sqlite").read_bytes()).value.hex()
        == "a16cffb5ce34ffc9b9509aca3d3fe14504d2cbf0ef85bfa7843ba5436261c243"
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("PRAGMA user_version = 2", "schema 2 where schema 1 was expected"),
        ("UPDATE invoice SET customer_id = 9999 WHERE id = 1", "an invoice without its customer"),
        ("UPDATE customer SET email = 'nobody' WHERE id = 1", "an email without a domain"),
    ],
)
def test_a_database_that_would_lose_rows_is_refused(
    copied: Path, change: str, message: str
) -> None:
    """What cannot be migrated there and back is refused, and the file stays as it is."""
    with sqlite3.connect(copied / "db/app.sqlite") as database:
        database.execute(change)
    before = (copied / "db/app.sqlite").read_bytes()
    done = script(copied, "tools/migrate.py", "up", "db/app.sqlite")
    assert done.returncode == 1
    assert message in done.stderr.decode()
    assert (copied / "db/app.sqlite").read_bytes() == before


# --- what ships beside the lanes -------------------------------------------


def test_the_frozen_proof_is_what_its_generator_makes() -> None:
    """greenlight/data/frozen-rollback-proof.json is the output of tools/make_frozen.py."""
    environment = {"PATH": os.defpath, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "tools/make_frozen.py", "--check"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
