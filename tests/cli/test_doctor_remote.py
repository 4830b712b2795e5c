"""``greenlight doctor REMOTE``: what a remote really does, tried on refs of our own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import git
from tests.cli.team import Team
from tests.cli.test_server_hook import Server

HELD = {
    "reachable": "HELD",
    "takes refs": "HELD",
    "compare-and-swap": "HELD",
    "atomic": "HELD",
    "no rewinds": "HELD",
    "no deletes": "HELD",
}


@pytest.fixture
def team(tmp_path):
    git("init", "-q", "--bare", tmp_path / "hub.git", cwd=tmp_path)
    git("init", "-q", tmp_path / "one", cwd=tmp_path)
    git("remote", "add", "origin", tmp_path / "hub.git", cwd=tmp_path / "one")
    made = Team(tmp_path, tmp_path / "one")
    made.ok("owner", "keys", "new", made.key("owner"))
    return made


def grades(done):
    said = done.json
    found = {each["question"]: each["grade"] for each in said["answers"]}
    return found | {"single use": said["single_use"]["grade"]}


def hook(folder: Path, name: str, text: str) -> None:
    path = folder / "hub.git" / "hooks" / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_a_plain_repository(team, tmp_path):
    """It keeps pushes apart, and rewinds and deletes as it is told; nothing of ours stays."""
    done = team.ok("owner", "doctor", "origin", "--json")
    wanted = HELD | {"no rewinds": "FOUND", "no deletes": "FOUND", "single use": "FOUND"}
    assert grades(done) == wanted | {"the ledger": "UNKNOWN"}
    assert done.json["left"] == []
    assert git("for-each-ref", cwd=tmp_path / "hub.git") == ""
    assert git("for-each-ref", cwd=team.repo) == ""
    shown = team.ok("owner", "doctor", "origin")
    assert "FOUND    no rewinds" in shown.out
    assert "hook install --server" in shown.err


def test_what_git_refuses_it_refuses_of_branches(team, tmp_path):
    """receive.denyNonFastForwards is about branches alone: so a ledger may be one."""
    for name in ("denyNonFastForwards", "denyDeletes"):
        git("config", f"receive.{name}", "true", cwd=tmp_path / "hub.git")
    assert grades(team.ok("owner", "doctor", "origin", "--json"))["no rewinds"] == "FOUND"
    team.ok("owner", "init", "--ledger-ref", "refs/heads/greenlight", "--remote", "origin")
    done = team.ok("owner", "doctor", "origin", "--json")
    assert grades(done) == HELD | {"the ledger": "HELD", "single use": "HELD"}
    left = ["refs/heads/greenlight-probe/one"]
    assert done.json["left"] == left
    again = team.ok("owner", "doctor", "origin", "--json")
    assert grades(again) == grades(done)
    assert again.json["left"] == left


def test_a_server_with_our_hook(tmp_path):
    """It holds everything, for refs of greenlight's."""
    server = Server(tmp_path, "sha1")
    done = server.one.ok("owner", "doctor", "origin", "--json")
    assert grades(done) == HELD | {"the ledger": "HELD", "single use": "HELD"}
    assert done.json["left"] == ["refs/greenlight/probe/one"]
    shown = server.one.ok("owner", "doctor", "origin")
    assert "refs/greenlight/probe/one stays there" in shown.out


def test_one_that_takes_nothing(team, tmp_path):
    """What could not be tried is not known."""
    hook(tmp_path, "pre-receive", "echo nothing today >&2; exit 1")
    done = team.ok("owner", "doctor", "origin", "--json")
    found = grades(done)
    assert found["takes refs"] == "UNKNOWN"
    assert {found[q] for q in ("compare-and-swap", "atomic", "no rewinds", "no deletes")} == {
        "UNKNOWN"
    }
    assert found["single use"] == "UNKNOWN"
    assert "nothing today" in done.json["answers"][2]["said"]


def test_one_that_undoes_what_it_took(team, tmp_path):
    """It says yes, and the ref is not there when it is asked again."""
    hook(
        tmp_path,
        "post-receive",
        "git for-each-ref --format='delete %(refname)' refs/greenlight | git update-ref --stdin",
    )
    done = team.ok("owner", "doctor", "origin", "--json")
    assert grades(done)["takes refs"] == "FOUND"
    assert "has not" in done.json["answers"][2]["said"]


def test_one_that_cannot_move_two_at_once(team, tmp_path):
    """It says so before anything is sent."""
    git("config", "receive.advertiseAtomic", "false", cwd=tmp_path / "hub.git")
    assert grades(team.ok("owner", "doctor", "origin", "--json"))["atomic"] == "FOUND"


def test_one_that_is_not_there(team, tmp_path):
    """Away, hanging, or never named: an error each, and no grade."""
    assert team("owner", "doctor", "nobody").refused(64, "REMOTE_UNKNOWN")
    git("remote", "set-url", "origin", tmp_path / "away.git", cwd=team.repo)
    assert team("owner", "doctor", "origin").refused(69, "REMOTE_UNREACHABLE")
    git("config", "greenlight.remoteTimeout", "1", cwd=team.repo)
    git("remote", "set-url", "origin", "host:x", cwd=team.repo)
    script = tmp_path / "hang"
    script.write_text("#!/bin/sh\nexec sleep 30\n")
    script.chmod(0o755)
    done = team("owner", "doctor", "origin", GIT_SSH=str(script), GIT_SSH_VARIANT="ssh")
    assert done.refused(69, "REMOTE_TIMED_OUT")


def test_a_ledger_that_was_there(team, tmp_path):
    """And is gone: what was seen once is remembered."""
    team.ok("owner", "init", "--remote", "origin")
    assert grades(team.ok("owner", "doctor", "origin", "--json"))["the ledger"] == "HELD"
    git("update-ref", "-d", "refs/greenlight/ledger", cwd=tmp_path / "hub.git")
    assert grades(team.ok("owner", "doctor", "origin", "--json"))["the ledger"] == "FOUND"
