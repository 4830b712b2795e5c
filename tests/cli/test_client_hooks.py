"""Hooks of a clone, and hand-overs: gates stop a commit and a push; their report is sealed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import LANE, git
from tests.cli.test_audit import Project
from tests.tools import need

SETTINGS = """
[[gates]]
name = "smoke"
command = ["cat", "result.json"]
timeout_seconds = 60
thresholds = [{metric = "p95", op = "<=", value = 10}]

[[gates]]
name = "long"
command = ["cat", "long.json"]
thresholds = [{metric = "n", op = "<", value = 5}]
"""


@pytest.fixture
def project(tmp_path):
    made = Project(tmp_path)
    made.write("greenlight.toml", SETTINGS)
    made.write("result.json", '{"p95": 3}')
    made.write("long.json", '{"n": 1}')
    made.commit()
    made.change()
    return made


def commit(project, **env):
    """Commit as a person does: the hooks run."""
    base = {"PATH": os.environ["PATH"], "HOME": str(project.folder)}
    names = {
        f"GIT_{who}_{what}": "t@example.org"
        for who in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    }
    return subprocess.run(
        [need("git"), "commit", "-qam", "x"],
        cwd=project.root, env=base | names | env, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_a_red_gate_stops_a_commit(project):
    """The quick ones; the push runs all of them."""
    done = project("hook", "install")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("WRITTEN") == 2
    project.write("long.json", '{"n": 9}')
    done = commit(project)
    assert done.returncode == 0, done.stderr
    project.write("result.json", '{"p95": 30}')
    done = commit(project)
    assert done.returncode == 1
    assert "METRIC_OUT_OF_BOUNDS: smoke" in done.stderr
    project.write("result.json", '{"p95": 4}')
    assert commit(project).returncode == 0
    git("init", "-q", "--bare", project.folder / "hub.git", cwd=project.folder)
    pushed = subprocess.run(
        [need("git"), "push", str(project.folder / "hub.git"), "change"],
        cwd=project.root,
        env={"PATH": os.environ["PATH"], "HOME": str(project.folder)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert pushed.returncode != 0
    assert "METRIC_OUT_OF_BOUNDS: long" in pushed.stderr
    assert git("for-each-ref", cwd=project.folder / "hub.git") == ""


def test_hooks_of_somebody_else(project):
    """One of them is somebody's: neither is written."""
    folder = project.root / ".git" / "hooks"
    folder.mkdir(exist_ok=True)
    (folder / "pre-push").write_text("#!/bin/sh\n")
    done = project("hook", "install")
    assert (done.returncode, "HOOK_FOREIGN" in done.stderr) == (77, True)
    assert not (folder / "pre-commit").exists()
    (folder / "pre-push").unlink()
    assert project("hook", "install").returncode == 0
    assert project("hook", "install").stdout.count("AS IT WAS") == 2
    git("config", "core.hooksPath", "myhooks", cwd=project.root)
    assert project("hook", "install").returncode == 0
    assert (project.root / "myhooks" / "pre-commit").exists()


def test_no_gates(tmp_path):
    """Where none is declared nothing is stopped, and it says so."""
    made = Project(tmp_path)
    made.commit()
    for name in ("pre-commit", "pre-push"):
        done = made("hook", name)
        assert (done.returncode, "no gates are declared" in done.stdout) == (0, True)


def test_gates_sealed_and_handed_over(project):
    """The report of the gates becomes a packet; the comment says what is in it."""
    assert project("keys", "new", project.key).returncode == 0
    assert project("init").returncode == 0
    evidence = project.folder / "evidence"
    evidence.mkdir()
    assert project("gate", "run", "--out", evidence / "gates.json").returncode == 0
    done = project("seal", evidence, "--lane", "gates", "--json")
    assert done.returncode == 0, done.stderr
    (packet,) = json.loads(done.stdout)["packets"]
    text = project("handoff", "A-B", packet["packet_id"]).stdout
    assert text.startswith("**HANDOFF A→B**")
    assert "✅ gate `smoke` of `all`, blocking, `green`: `p95 3 <= 10`" in text
    text = project("handoff", "b-c", packet["packet_tree"]).stdout
    assert "greenlight gate run smoke --base" in text
    assert project("handoff", "C-D", packet["packet_id"]).returncode == 64


def test_a_run_handed_over(project):
    """A packet of a run: what changed, proof, probes, review."""
    assert project("keys", "new", project.key).returncode == 0
    assert project("init").returncode == 0
    lane = project.folder / "lane"
    shutil.copytree(LANE.parent, lane)
    ran = json.loads(project("run", lane / "lane.yaml", "--json").stdout)
    text = project("handoff", "A-B", ran["packet_id"]).stdout
    assert "✅ rollback proof: `PASS`" in text
    assert "✅ bad-input probes: `PASS`" in text
    assert "⏳ gates: no gate report is in this packet" in text
    folder = project.folder / "out"
    assert project("checkout", ran["packet_id"], folder).returncode == 0
    log = next(folder.rglob("execution-log.json"))
    log.write_bytes(log.read_bytes().replace(b'"format": 1', b'"format": 2'))
    done = project("handoff", "A-B", folder)
    assert (done.returncode, "HANDOFF_NOT_INTACT" in done.stderr) == (1, True)
    assert done.stdout == ""


def test_where_python_is_not_told_where_greenlight_is(project):
    """What a hook calls finds greenlight by itself."""
    assert project("hook", "install").returncode == 0
    text = (project.root / ".git" / "hooks" / "pre-commit").read_text()
    assert f"{sys.executable} -I -m greenlight hook pre-commit" in text
    assert Path(sys.executable).exists()
