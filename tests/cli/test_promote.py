"""``greenlight promote``: impossible until every condition holds, each looked at now."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import LANE, git
from tests.cli.test_audit import Project
from tests.forge.server import Reply, serving

SETTINGS = """
[audit]
allowed_signers = "baselines/allowed_signers"
capture_seconds = 1

[forge]
url = "$GITHUB_API_URL"

[[gates]]
name = "smoke"
command = ["cat", "result.json"]
thresholds = [{metric = "p95", op = "<=", value = 10}]

[[promotion]]
name = "production"
conditions = [
  {kind = "issue_closed", issue = 490, about = "the migration"},
  {kind = "checklist_item", repository = "omega/other", issue = 7, item = "Week 6"},
  {kind = "gate_green", gate = "smoke"},
  {kind = "signed_baseline"},
  {kind = "countersigned_packet", lane = "LANE"},
  {kind = "no_open_blocker", lane = "LANE", blocker = "cutover"},
  {kind = "changed_something", lane = "LANE"},
  {kind = "days_elapsed", lane = "LANE", days = 1},
]
"""


class Release(Project):
    """A project with a ledger, a packet of a run, and a forge that knows two issues."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.issues = {"/repos/omega/marketops/issues/490": ("closed", "")}
        self.issues["/repos/omega/other/issues/7"] = ("open", "- [x] Week 6: done")
        self.reviewer = folder / "reviewer"
        git("remote", "add", "origin", "git@forge.example:omega/marketops.git", cwd=self.root)
        self.write("result.json", '{"p95": 3}')
        self.baseline()
        assert self("init").returncode == 0
        lane = folder / "lane"
        shutil.copytree(LANE.parent, lane)
        done = self("run", lane / "lane.yaml", "--json")
        assert done.returncode == 0, done.stderr
        ran = json.loads(done.stdout)
        self.packet, self.status = ran["packet_id"], ran["status"]
        self.write("greenlight.toml", SETTINGS.replace("LANE", self.packet[:-37]))
        self.commit()
        self.change()
        assert self("keys", "new", self.reviewer).returncode == 0
        words = ("trust", "add", f"{self.reviewer}.pub", "--role", "reviewer")
        assert self(*words).returncode == 0

    def answer(self, path, _headers):
        found = self.issues.get(path)
        if found is None:
            return Reply({"message": "Not Found"}, 404)
        return Reply({"state": found[0], "body": found[1], "title": "t"})

    def promote(self, *words: str, **env: str):
        """Ask; return the exit, and each condition's word."""
        with serving(self.answer) as server:
            asked = {"GITHUB_TOKEN": "token", "GITHUB_API_URL": server.base} | env
            done = self("promote", "production", "--json", *words, **asked)
        said = json.loads(done.stdout)
        words = {row["kind"]: row["holds"] for row in said.get("conditions", ())}
        return done.returncode, words, said


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    return Release(tmp_path_factory.mktemp("release"))


def test_what_blocks_and_what_does_not(release):
    """Each condition by itself, from nothing done to everything but the day."""
    code, words, said = release.promote()
    assert (code, said["verdict"]) == (77, "BLOCKED")
    assert words == {
        "independent_settings": "true",
        "issue_closed": "true",
        "checklist_item": "true",
        "gate_green": "unknown",
        "signed_baseline": "true",
        "countersigned_packet": "false",
        "no_open_blocker": "true",
        "changed_something": "true",
        "days_elapsed": "false",
    }
    release.issues["/repos/omega/marketops/issues/490"] = ("open", "")
    release.issues["/repos/omega/other/issues/7"] = ("open", "- [ ] Week 6: done")
    _, words, _ = release.promote("--dry-run")
    assert (words["issue_closed"], words["checklist_item"]) == ("false", "false")
    release.issues["/repos/omega/other/issues/7"] = ("open", "Week 6 is over\n- [x] Week 5")
    _, words, _ = release.promote("--dry-run")
    assert words["checklist_item"] == "unknown"
    release.issues["/repos/omega/marketops/issues/490"] = ("closed", "")
    release.issues["/repos/omega/other/issues/7"] = ("open", "- [x] Week 6: done")

    assert release("gate", "run", "--record").returncode == 0
    done = release("countersign", release.packet, "--signing-key", release.reviewer)
    assert done.returncode == 0, done.stderr
    code, words, said = release.promote()
    expected = "true" if release.status == "APPLIED_CLEAN" else "false"
    assert (words["gate_green"], words["countersigned_packet"]) == ("true", expected)
    assert code == 77
    assert "0 of 1 days" in said["conditions"][-1]["evidence"]


def test_another_commit(release):
    """A gate that was green for the last commit says nothing of this one."""
    git("checkout", "-q", "-B", "next", "change", cwd=release.root)
    release.write("more", "x")
    release.commit()
    _, words, _ = release.promote("--dry-run")
    assert words["gate_green"] == "unknown"
    release.write("result.json", '{"p95": 30}')
    release.commit()
    assert release("gate", "run", "--record").returncode == 1
    _, words, _ = release.promote("--dry-run")
    assert words["gate_green"] == "false"
    git("checkout", "-q", "change", cwd=release.root)


def test_without_the_forge(release):
    """No token, or one that nobody knows: unknown, which blocks like false."""
    _, words, said = release.promote("--dry-run", GITHUB_TOKEN="")
    assert (words["issue_closed"], words["checklist_item"]) == ("unknown", "unknown")
    assert "GITHUB_TOKEN not set" in said["conditions"][1]["evidence"]
    held = release.issues.pop("/repos/omega/marketops/issues/490")
    _, words, said = release.promote("--dry-run")
    assert words["issue_closed"] == "unknown"
    assert "FORGE_NOT_FOUND" in said["conditions"][1]["evidence"]
    release.issues["/repos/omega/marketops/issues/490"] = held


def test_the_change_does_not_choose_its_conditions(release):
    """A branch that takes them away is held to those of the base; without a base nothing goes."""
    git("checkout", "-q", "-B", "easy", "change", cwd=release.root)
    release.write(
        "greenlight.toml",
        "[[promotion]]\nname = 'production'\nconditions = [{kind = 'changed_something'}]\n",
    )
    release.commit()
    _, words, _ = release.promote("--dry-run")
    assert len(words) == 9
    git("config", "--unset", "greenlight.base", cwd=release.root)
    code, words, said = release.promote("--dry-run")
    assert words == {"independent_settings": "false", "changed_something": "true"}
    assert (code, said["verdict"]) == (77, "BLOCKED")
    git("config", "greenlight.base", "main", cwd=release.root)
    git("checkout", "-q", "change", cwd=release.root)


def test_no_variable_changes_the_verdict(release):
    """Stub flags of source 002, and whatever else is set."""
    plain = release.promote("--dry-run")
    stubs = {"REGISTRY_DEV_STUB": "1", "CI": "true", "GREENLIGHT_FORCE": "1", "MATRIZ_007": "done"}
    assert release.promote("--dry-run", **stubs)[:2] == plain[:2]


def test_what_was_decided_is_in_the_ledger(release):
    """With its conditions; a dry run leaves nothing."""
    code, words, said = release.promote()
    shown = json.loads(release("ledger", "show", str(said["record"]), "--json").stdout)
    assert (shown["kind"], shown["void"]) == ("promotion.decided", None)
    assert shown["body"]["verdict"] == "BLOCKED"
    assert {row["kind"]: row["holds"] for row in shown["body"]["conditions"]} == words
    assert code == 77
    assert release.promote("--dry-run")[2]["record"] is None


def test_a_target_that_is_not_declared(release):
    """It is no target."""
    done = release("promote", "moon")
    assert (done.returncode, "TARGET_UNKNOWN" in done.stderr) == (64, True)
    assert "declared: production" in done.stderr


def test_allowed(tmp_path):
    """Where everything holds, and only there."""
    project = Project(tmp_path)
    project.write("result.json", '{"p95": 3}')
    project.write(
        "greenlight.toml",
        SETTINGS[SETTINGS.index("[[gates]]") : SETTINGS.index("[[promotion]]")]
        + "[[promotion]]\nname = 'staging'\nconditions = [{kind = 'gate_green', gate = 'smoke'}]\n",
    )
    project.commit()
    assert project("keys", "new", project.key).returncode == 0
    assert project("init").returncode == 0
    project.change()
    done = project("promote", "staging")
    assert (done.returncode, "BLOCKED  staging" in done.stdout) == (77, True)
    assert "PROMOTION_BLOCKED: staging: gate_green is unknown" in done.stderr
    assert project("gate", "run", "--record").returncode == 0
    done = project("promote", "staging")
    assert (done.returncode, "ALLOWED  staging" in done.stdout) == (0, True), done.stderr
