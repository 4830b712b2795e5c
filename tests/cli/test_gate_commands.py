"""``greenlight gate``: as a pipeline would run it, judged from a base."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from tests.cli.conftest import git

SETTINGS = """
[[gates]]
name = "latency"
module = "registry"
command = ["sh", "-c", "cat result.json"]
thresholds = [{metric = "registry.save_checkpoint.latency_p95_ms", op = "<=", value = 250}]

[[gates]]
name = "drift"
command = ["sh", "-c", "echo '{\\"dream\\": {\\"drift\\": {\\"score\\": 0.2}}}'"]
thresholds = [{metric = "dream.drift.score", op = "<", value = 0.05}]
mode = "observing"
"""


def greenlight(*words, cwd, **env):
    base = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [sys.executable, "-m", "greenlight", *map(str, words)],
        cwd=cwd,
        env=base | {"GREENLIGHT_KEY": str(cwd.parent / "key")} | env,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def project(tmp_path):
    """Return a repository whose main branch declares gates, and a branch that changes it."""
    root = tmp_path / "project"
    root.mkdir()
    git("init", "-q", "-b", "main", cwd=root)
    git("config", "user.name", "T", cwd=root)
    git("config", "user.email", "t@example.org", cwd=root)
    (root / "greenlight.toml").write_text(SETTINGS)
    write(root, 120)
    commit(root)
    git("checkout", "-q", "-b", "change", cwd=root)
    return root


def write(root, milliseconds):
    latency = {"latency_p50_ms": 10, "latency_p95_ms": milliseconds, "latency_p99_ms": 400}
    (root / "result.json").write_text(json.dumps({"registry": {"save_checkpoint": latency}}))


def commit(root):
    git("add", "-A", cwd=root)
    git("commit", "-q", "--allow-empty", "-m", "x", cwd=root)


def test_green_and_observed(project):
    """What observes and is red is shown, and stops nothing."""
    done = greenlight("gate", "run", "--base", "main", cwd=project)
    assert done.returncode == 0, done.stderr
    assert "judged by greenlight.toml at main^" not in done.stdout
    assert "GREEN  latency  blocking" in done.stdout
    assert "RED    drift    observing" in done.stdout
    assert "dream.drift.score is 0.2, not < 0.05" in done.stdout
    assert "1 green, 1 red, 0 skipped" in done.stdout
    assert "label  gate-red: drift" in done.stdout


def test_an_edited_threshold_does_not_help(project):
    """The change raises the limit that it breaks; the base's limit judges."""
    write(project, 9000)
    (project / "greenlight.toml").write_text(SETTINGS.replace("250", "10000"))
    commit(project)
    done = greenlight("gate", "run", "--base", "main", "--json", cwd=project)
    assert done.returncode == 1
    said = json.loads(done.stdout)
    assert said["blocked"] is True
    assert said["judged_by"]["independent"] is True
    assert said["gates"][0]["code"] == "METRIC_OUT_OF_BOUNDS"
    assert "METRIC_OUT_OF_BOUNDS: latency:" in done.stderr
    assert "is 9000, not <= 250" in done.stderr
    own = greenlight("gate", "run", cwd=project)
    assert own.returncode == 0
    assert "the change under test could have edited it" in own.stdout


def test_a_gate_that_is_removed_still_judges(project):
    """So does one whose settings are broken on the branch."""
    write(project, 9000)
    (project / "greenlight.toml").write_text("gates = 3")
    commit(project)
    assert greenlight("gate", "run", "--base", "main", cwd=project).returncode == 1
    done = greenlight("gate", "run", cwd=project)
    assert (done.returncode, "SETTINGS_MALFORMED" in done.stderr) == (65, True)


def test_list(project):
    """What the settings mean, in words."""
    done = greenlight("gate", "list", "--base", "main", cwd=project)
    assert done.returncode == 0
    assert "latency  registry  blocking" in done.stdout
    assert "observing, 0 of 7 green days" in done.stdout
    assert "registry.save_checkpoint.latency_p95_ms <= 250" in done.stdout


def test_nothing_is_declared(tmp_path):
    """Nothing that was run is not green."""
    done = greenlight("gate", "run", cwd=tmp_path)
    assert (done.returncode, "GATE_UNKNOWN" in done.stderr) == (64, True)
    done = greenlight("gate", "list", cwd=tmp_path)
    assert (done.returncode, "no gates are declared" in done.stdout) == (0, True)


def test_a_skip_is_not_green(project):
    """Nothing is red, and the exit says that not everything was looked at."""
    (project / "greenlight.toml").write_text(
        "[[gates]]\nname = 'stub'\ncommand = ['sh', '-c', 'echo off; exit 78']\n"
        "skip_when = {env = 'REGISTRY_DEV_STUB'}\n"
    )
    commit(project)
    git("checkout", "-q", "-b", "next", cwd=project)
    done = greenlight("gate", "run", "--base", "change", cwd=project)
    assert "judged by greenlight.toml at change^" in done.stdout  # the last commit is the change
    commit(project)
    done = greenlight("gate", "run", "--base", "change", cwd=project)
    assert (done.returncode, "GATE_SKIPPED" in done.stderr) == (78, True)
    assert "REGISTRY_DEV_STUB is not set: off" in done.stdout
    done = greenlight("gate", "run", "--base", "change", cwd=project, REGISTRY_DEV_STUB="1")
    assert (done.returncode, "GATE_SKIPPED" in done.stderr) == (1, True)


def test_metrics_and_report(project):
    """OpenMetrics that prometheus_client reads back, with quantiles; and a report."""
    done = greenlight(
        "gate", "run", "--base", "main", "--metrics", "m.txt", "--out", "r.json", cwd=project
    )
    assert done.returncode == 0, done.stderr
    families = {
        family.name: family
        for family in text_string_to_metric_families((project / "m.txt").read_text())
    }
    latency = families["registry_save_checkpoint_latency_ms"]
    assert latency.type == "summary"
    assert {s.labels["quantile"]: s.value for s in latency.samples} == {
        "0.5": 10,
        "0.95": 120,
        "0.99": 400,
    }
    assert families["dream_drift_score"].samples[0].value == 0.2
    verdicts = {
        (s.labels["gate"], s.labels["verdict"]): s.value
        for s in families["greenlight_gate_verdict"].samples
    }
    assert verdicts["latency", "green"] == verdicts["drift", "red"] == 1
    assert sum(verdicts.values()) == 2
    report = json.loads((project / "r.json").read_bytes())
    assert (report["kind"], report["counts"]["red"]) == ("gate-report", 1)
    again = greenlight("gate", "run", "--base", "main", "--out", "r.json", cwd=project)
    assert again.returncode == 0


def test_recorded_and_graduated(project):
    """Results go into the ledger; a gate that was not green for seven days does not graduate."""
    key = project.parent / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    nowhere = greenlight("gate", "run", "--base", "main", "--record", cwd=project)
    assert (nowhere.returncode, "STORE_MISSING" in nowhere.stderr) == (69, True)
    assert greenlight("init", cwd=project).returncode == 0
    commit(project)
    done = greenlight("gate", "run", "--base", "main", "--record", "--json", cwd=project)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["recorded"] == "2 to 3"
    shown = json.loads(greenlight("ledger", "show", "2", "--json", cwd=project).stdout)
    assert shown["kind"] == "gate.result"
    assert shown["void"] is None
    assert (shown["body"]["verdict"], shown["body"]["gate"]) == ("green", "latency")
    assert shown["body"]["base"] == git("rev-parse", "main", cwd=project).strip()
    refused = greenlight("gate", "graduate", "drift", "--base", "main", cwd=project)
    assert refused.returncode == 77
    assert "GATE_NOT_GRADUATED: drift of all has had 0 of 7 green days" in refused.stderr
    assert greenlight("gate", "graduate", "x", "--base", "main", cwd=project).returncode == 64
    assert greenlight("ledger", "verify", cwd=project).returncode == 0
