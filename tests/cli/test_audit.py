"""``greenlight audit``: the worked examples of source 000, and each check red for its reason."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from greenlight.model.consumers import MAX_REGISTRY_BYTES
from tests.cli.conftest import git
from tests.forge.server import Reply, serving

ROOT = Path(__file__).parents[2]
EXAMPLE = (ROOT / "docs" / "examples" / "consumer_registry.yml").read_text()
ONE = """registry: 1
consumers:
  - name: marketops
    repository: omega/marketops
    branch: main
    owner: team
    required_checks: [registry-ci]
    ssti_protection: enforced
"""
PROTECTED = {
    "required_status_checks": {
        "contexts": [],
        "checks": [{"context": "registry-ci", "app_id": 7}],
    },
    "enforce_admins": {"enabled": True},
    "allow_force_pushes": {"enabled": False},
    "allow_deletions": {"enabled": False},
}
BENCH = "import sys; print('{\"parse_ms\": %s}')"


class Project:
    """A repository with a base, a change on top, and a key that vouches for baselines."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root = folder / "project"
        self.root.mkdir()
        self.key = folder / "key"
        git("init", "-q", "-b", "main", cwd=self.root)
        self.write("README", "x\n")
        self.write("bench.py", BENCH % "2")

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def commit(self) -> None:
        git("add", "-A", cwd=self.root)
        git("commit", "-q", "--allow-empty", "-m", "x", cwd=self.root)

    def __call__(self, *words: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
        base = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "GREENLIGHT_KEY": str(self.key),
        }
        return subprocess.run(
            [sys.executable, "-m", "greenlight", *map(str, words)],
            cwd=self.root,
            env=base | env,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def audit(self, *words: str, **env: str):
        """Run the audit; return its exit and its report."""
        report = self.folder / "report.json"
        report.unlink(missing_ok=True)
        done = self("audit", "--report", report, *words, **env)
        assert report.exists(), done.stderr
        found = json.loads(report.read_bytes())
        assert found["exit_code"] == done.returncode
        return done, found

    def baseline(self) -> None:
        """Capture and sign a baseline, and let it go in."""
        self.commit()
        done = self(
            "baseline", "capture", "--count", "3", "--samples", "--", sys.executable, "bench.py"
        )
        assert done.returncode == 0, done.stderr
        if not self.key.exists():
            assert self("keys", "new", self.key).returncode == 0
        done = self("baseline", "sign", "--signer", "sre-lead@example.com", "--replace")
        assert done.returncode == 0, done.stderr
        public = Path(f"{self.key}.pub").read_text()
        self.write(
            "baselines/allowed_signers",
            f'sre-lead@example.com namespaces="greenlight-baseline" {public}',
        )
        self.write(
            "greenlight.toml",
            '[audit]\nallowed_signers = "baselines/allowed_signers"\ncapture_seconds = 1\n'
            'parser_formats = []\n[forge]\nurl = "$GITHUB_API_URL"\n',
        )
        time.sleep(1.1)  # a baseline is older than the commit that brings it, in whole seconds
        self.commit()

    def change(self) -> None:
        """Go on from the base: what is checked out is the change under test."""
        git("config", "greenlight.base", "main", cwd=self.root)
        git("checkout", "-q", "-B", "change", "main", cwd=self.root)
        self.write("change", "y\n")
        self.commit()


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path)


@pytest.fixture(scope="module")
def ready(tmp_path_factory):
    """A repository of which every check is green, but that nobody asked a forge."""
    made = Project(tmp_path_factory.mktemp("ready"))
    made.write("consumer_registry.yml", ONE)
    made.baseline()
    made.change()
    return made


def forge(answer=None):
    def given(path, _headers):
        plain = path.partition("?")[0]
        if plain.endswith("/protection"):
            return answer or Reply(PROTECTED)
        return Reply([])

    return serving(given)


def asking(server=None):
    return {"GITHUB_TOKEN": "token"} | ({"GITHUB_API_URL": server.base} if server else {})


# --- the worked examples of 000


def test_missing_baseline(project):
    """Exit 6, a report all the same, and its fields."""
    project.commit()
    done, report = project.audit("--baseline", "baselines/nonexistent.json")
    assert done.returncode == 6
    assert report["baseline_verification"]["status"] == "missing_baseline"
    assert report["version"] == "1.1"
    assert report["audit_type"] == "green-light-pre-canary"
    wanted = {"version", "timestamp", "audit_type", "baseline_verification", "branch_protection"}
    assert wanted <= report.keys()
    assert "FATAL" in done.stdout
    assert "baselines/nonexistent.json" in report["baseline_verification"]["baseline"]
    assert "BASELINE_MISSING" in done.stderr


def test_no_token(project):
    """Skipped, with 000's words; fatal unless the user is lenient, and never verified."""
    project.write("consumer_registry.yml", EXAMPLE)
    project.commit()
    _, report = project.audit()
    found = report["branch_protection"]
    assert (found["status"], found["consumers_count"]) == ("skipped", 4)
    assert found["reason"] == "GITHUB_TOKEN not set (cannot query GitHub API)"


def test_strict_and_lenient(ready):
    """5 by default; 2 for the lenient, and never 0."""
    done, report = ready.audit()
    assert (done.returncode, report["strict"]) == (5, True)
    assert report["baseline_verification"]["status"] == "ok", report["baseline_verification"]
    assert "AUDIT_SKIPPED" in done.stderr
    done, report = ready.audit("--lenient")
    assert (done.returncode, report["strict"]) == (2, False)
    assert report["branch_protection"]["status"] == "skipped"


def test_green(ready):
    """Every check was made and holds."""
    with forge() as server:
        done, report = ready.audit(**asking(server))
    assert done.returncode == 0, done.stdout + done.stderr
    assert report["status"] == "green"
    assert report["branch_protection"]["consumers_checked"] == 1
    assert report["baseline_verification"]["independent"] is True
    assert report["token_canonicalization"]["status"] == "pass"
    assert report["adversarial_smoke"]["cases_total"] > 100
    assert (report["platform"]["status"], report["no_op"]["changed_files"]) == ("ok", 1)
    assert "GREEN: exit 0" in done.stdout
    assert done.stderr == ""


# --- each check red for its own reason


@pytest.mark.parametrize(
    ("reply", "status", "code"),
    [
        (Reply({"message": "Branch not protected"}, 404), "fail", "AUDIT_PROTECTION"),
        (Reply({"message": "Bad credentials"}, 401), "error", "AUDIT_UNREAD"),
        (Reply(b"<html>", kind="text/html"), "error", "AUDIT_UNREAD"),
        (Reply({}, 302, {"Location": "/login"}), "error", "AUDIT_UNREAD"),
        (Reply(b'{"a":'), "error", "AUDIT_UNREAD"),
    ],
)
def test_a_forge(ready, reply, status, code):
    """Not enforced, or not to be read: 5, for the lenient too."""
    with forge(reply) as server:
        for words in ((), ("--lenient",)):
            done, report = ready.audit(*words, **asking(server))
            assert done.returncode == 5
            assert report["branch_protection"]["status"] == status
            assert code in done.stderr


def test_weaker_than_it_looks(ready):
    """Enforced, by anybody's word: a warning, and no green."""
    anybody = {"contexts": ["registry-ci"], "checks": []}
    with forge(Reply(PROTECTED | {"required_status_checks": anybody})) as server:
        done, report = ready.audit(**asking(server))
    assert (done.returncode, report["branch_protection"]["status"]) == (2, "ok")
    assert "AUDIT_WARNED" in done.stderr
    assert "may be reported by any app" in report["branch_protection"]["warnings"][0]


def test_a_registry_of_nobody(ready, tmp_path):
    """Nobody who is registered is nobody who was read; rubbish is no registry."""
    for text, code in (
        ("registry: 1\nconsumers: []\n", "AUDIT_UNREAD"),
        ("registry: 1\n", "CONSUMERS_MALFORMED"),
        ("#" * (MAX_REGISTRY_BYTES + 1), "CONSUMERS_MALFORMED"),
        (ONE + ONE.partition("consumers:\n")[2], "CONSUMER_TWICE"),
    ):
        path = tmp_path / "r.yml"
        path.write_text(text)
        done, report = ready.audit("--registry", path, **asking())
        assert (done.returncode, report["branch_protection"]["status"]) == (5, "error")
        assert code in done.stderr


def test_the_registry_of_the_base(ready):
    """A check that the change takes out of the registry is still asked for."""
    git("checkout", "-q", "-B", "weaker", "change", cwd=ready.root)
    ready.write("consumer_registry.yml", ONE.replace("registry-ci", "other"))
    ready.commit()
    with forge() as server:
        done, report = ready.audit(**asking(server))
    assert done.returncode == 0, done.stderr
    assert report["branch_protection"]["registry"] == "consumer_registry.yml at main"
    git("checkout", "-q", "change", cwd=ready.root)


@pytest.mark.parametrize(
    ("metrics", "status"),
    [
        ({"parse_p95_ms": 2.6}, "regressed"),
        ({"parse_p95_ms": -1}, "current_read_error"),
        ({"parse_p95_ms": "2"}, "current_read_error"),
        ({"parse_p95_ms": None}, "current_read_error"),
    ],
)
def test_metrics_of_now(ready, tmp_path, metrics, status):
    """Above a limit, negative, text, missing: 6."""
    good = {
        "parse_p95_ms": 2.5,
        "parse_p99_ms": 3,
        "parse_peak_rss_mb": 20,
        "collector_timeouts_total_per_min": 0,
        "collector_truncated_rate": 0,
    }
    found = {name: value for name, value in (good | metrics).items() if value is not None}
    path = tmp_path / "now.json"
    path.write_text(json.dumps(found))
    done, report = ready.audit("--current", path, "--lenient")
    assert (done.returncode, report["baseline_verification"]["status"]) == (6, status)
    path.write_text(json.dumps(good))
    done, report = ready.audit("--current", path, "--lenient")
    assert (done.returncode, report["baseline_verification"]["status"]) == (2, "ok")


def test_a_baseline_of_the_change(ready):
    """One that the change brings does not judge it; nor one that it edits."""
    git("checkout", "-q", "-B", "easier", "change", cwd=ready.root)
    path = ready.root / "baselines" / "metrics_baseline_v1.json"
    path.write_text(path.read_text().replace('"parse_p95_ms": 2', '"parse_p95_ms": 9'))
    ready.write("bench.py", BENCH % "8")
    ready.commit()
    done, report = ready.audit("--lenient")
    assert (done.returncode, report["baseline_verification"]["status"]) == (6, "regressed")
    git("checkout", "-q", "change", cwd=ready.root)


def test_unsigned_and_strangers(project):
    """A baseline that nobody vouches for, or somebody unknown, is refused."""
    project.baseline()
    signature = project.root / "baselines" / "metrics_baseline_v1.json.sig"
    held = signature.read_bytes()
    signature.unlink()
    project.commit()
    project.change()
    done, report = project.audit("--lenient")
    assert (done.returncode, report["baseline_verification"]["status"]) == (6, "unsigned")
    git("checkout", "-q", "main", cwd=project.root)
    signature.write_bytes(held)
    other = project.folder / "other"
    assert project("keys", "new", other).returncode == 0
    public = Path(f"{other}.pub").read_text()
    project.write("baselines/allowed_signers", f"sre-lead@example.com {public}")
    project.commit()
    project.change()
    done, report = project.audit("--lenient")
    assert report["baseline_verification"]["status"] == "signer_not_trusted"
    assert done.returncode == 6


def test_a_parser_that_takes_everything(ready):
    """Both smokes are run on the parser under test: violations are warnings in the audit."""
    git("checkout", "-q", "main", cwd=ready.root)
    settings = (ready.root / "greenlight.toml").read_text()
    ready.write(
        "greenlight.toml",
        settings.replace("parser_formats = []", 'parser = ["true"]\nparser_formats = ["json"]'),
    )
    ready.commit()
    ready.change()
    done, report = ready.audit("--lenient")
    assert done.returncode == 2
    assert report["adversarial_smoke"]["status"] == "fail"
    assert report["adversarial_smoke"]["violations_total"] > 10
    done, report = ready.audit("--only", "adversarial_smoke")
    assert (done.returncode, report["status"]) == (1, "fail")
    assert "branch_protection" not in report
    assert ready.audit("--only", "platform")[0].returncode == 0
    assert ready("audit", "--only", "everything").returncode == 64
    git("checkout", "-q", "main", cwd=ready.root)
    git("reset", "-q", "--hard", "HEAD^", cwd=ready.root)
    ready.change()


def test_a_host_that_the_policy_does_not_allow(project):
    """A warning of the audit; `platform check` alone ends with 2."""
    project.write("greenlight.toml", "[platform]\nmin_kernel = '99.0'\n")
    project.commit()
    _, report = project.audit()
    assert report["platform"]["status"] == "fail"
    done = project("platform", "check")
    assert (done.returncode, "PLATFORM_KERNEL" in done.stderr) == (2, True)


def test_a_change_that_changed_nothing(ready):
    """It is flagged."""
    git("checkout", "-q", "-B", "empty", "main", cwd=ready.root)
    ready.commit()
    done, report = ready.audit("--lenient")
    assert (done.returncode, report["no_op"]["status"]) == (2, "flagged")
    git("checkout", "-q", "change", cwd=ready.root)


def test_no_repository(tmp_path):
    """Something useful all the same: a report, and what is missing."""
    folder = tmp_path / "x"
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "greenlight", "audit"],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 6
    report = json.loads((folder / "greenlight-audit.json").read_bytes())
    assert report["judged_by"]["independent"] is False
    assert report["branch_protection"]["status"] == "skipped"


def test_recorded(project):
    """In the ledger, with what each check came to."""
    assert project("keys", "new", project.key).returncode == 0
    assert project("init").returncode == 0
    project.commit()
    done, report = project.audit("--record")
    shown = json.loads(project("ledger", "show", "2", "--json").stdout)
    assert (shown["kind"], shown["void"]) == ("audit.recorded", None)
    assert shown["body"]["exit"] == done.returncode == 6
    assert {each["name"]: each["status"] for each in shown["body"]["sections"]}[
        "baseline_verification"
    ] == report["baseline_verification"]["status"]


def test_nothing_that_a_variable_says_makes_it_green(ready):
    """No stub, no mode: the verdict is the same."""
    plain, _ = ready.audit("--lenient")
    stubbed, _ = ready.audit("--lenient", REGISTRY_DEV_STUB="1", CI="true", GREENLIGHT_MODE="dev")
    assert plain.returncode == stubbed.returncode == 2
