"""``doctor`` and ``confine`` as a user types them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import World
from tests.tools import confines, need_box


def test_the_doctor_says_what_works(world: World) -> None:
    found = world.ok("doctor", "--json").json
    assert found["full"] is confines()
    assert [piece["name"] for piece in found["pieces"]] == [
        "namespaces",
        "overlay",
        "landlock",
        "filter",
        "recorder",
    ]
    assert {grade["kind"] for grade in found["grades"] if grade["unknown"]} == (
        set() if confines() else {"network", "path_outside", "program"}
    )
    text = world.ok("doctor").out
    assert ("--require enforced will run" in text) is confines()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    need_box()
    made = tmp_path / "folder"
    made.mkdir()
    (made / "a.txt").write_text("1\n")
    return made


def test_a_command_is_confined(world: World, folder: Path) -> None:
    script = "echo said; echo 2 > a.txt; echo 3 > b.txt; echo 4 > /etc/x; exit 0"
    done = world.ok("confine", "--", "sh", "-c", script, cwd=folder)
    lines = done.out.splitlines()
    assert lines[0] == "said"
    assert "changed (by the overlay)" in lines
    assert any(line.startswith("  modified  a.txt  0644  sha256:") for line in lines)
    assert any(line.startswith("  created   b.txt  0644  sha256:") for line in lines)
    assert any(line.split()[:3] == ["denied", "write", "openat"] for line in lines)
    assert [path.name for path in folder.iterdir()] == ["a.txt"]
    assert (folder / "a.txt").read_text() == "1\n"


def test_what_is_forbidden_and_how_it_ended(world: World, folder: Path) -> None:
    words = ("confine", "--allow", "b", "--forbid", "a.txt", "--forbid-program", "cat", "--json")
    script = "rm -f a.txt; cat a.txt; echo x > c; exit 3"
    done = world(*words, "--", "sh", "-c", script, cwd=folder)
    assert (done.exit, done.json["exit_code"], done.json["code"]) == (1, 3, "STEP_FAILED")
    outcomes = {(row["kind"], row["outcome"]) for row in done.json["attempts"]}
    assert outcomes >= {("write", "denied"), ("write", "staged"), ("program", "denied")}
    assert [row["path"] for row in done.json["changes"]] == ["c"]
    assert world("confine", "--timeout", "1", "--", "sleep", "9", cwd=folder).refused(
        1, "STEP_TIMED_OUT"
    )
    assert world("confine", "--", "no-such-program", cwd=folder).refused(1, "STEP_NOT_FOUND")


def test_the_output_of_a_stranger_is_escaped(world: World, folder: Path) -> None:
    done = world.ok("confine", "--", "printf", r"\033[2Jx\n", cwd=folder)
    assert "\x1b" not in done.out


def test_a_run_can_ask_for_all_of_it(world: World, folder: Path) -> None:
    lane = folder / "lane.yaml"
    lane.write_text("no lane")
    assert world("run", lane, "--require", "enforced", cwd=folder).exit in (65, 77)


def test_a_rollback_is_proven(world: World, tmp_path: Path) -> None:
    lane = Path(__file__).parents[2] / "lanes" / "hello" / "lane.yaml"
    found = world.ok("prove", "rollback", lane, "--json").json
    assert (found["result"], found["sealed"]) == ("PASS", "")
    assert [row["path"] for row in found["mutations"]] == ["greeting.txt"]
    found = world.ok("prove", "rollback", world.run, "--dry-run").out
    assert found.startswith(f"PASS  the rollback of {world.run}\n")
    assert world("prove", "rollback", world.sealed).refused(77, "PROOF_NOT_POSSIBLE")
    bad = tmp_path / "lane.yaml"
    bad.write_text(lane.read_text().replace("open('greeting.txt', 'w')", "1/0"))
    assert world("prove", "rollback", bad).refused(77, "STEP_FAILED")


def test_the_proof_of_a_packet_is_sealed(broken: World) -> None:
    done = broken.ok("prove", "rollback", broken.run, "--json").json
    assert done["result"] == "PASS"
    shown = broken.ok("verify", done["sealed"], "--lineage").out
    assert shown.startswith("INTACT  rollback-hello-")
