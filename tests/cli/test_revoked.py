"""A stolen key, through the real commands: what it gave has no force, what it took stays taken."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.cli.team import Team, assemble

POLICY = """policy: 1
rules:
  - name: releases
    effect: allow
    operations: [tag_repo]
    require: {countersignatures: 1}
"""
REQUEST = """publications: 1
operations:
  - kind: tag_repo
    content: {repository: omega/marketops, tag_name: v1}
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Team:
    """The operator is an owner too, gave a grant and two receipts, and one of these was spent."""
    team = assemble(tmp_path_factory.mktemp("team"))
    team.ok("owner", "trust", "add", f"{team.key('operator')}.pub", "--role", "owner")
    executor = f"{team.key('executor')}.pub"
    team.ok("operator", "grant", "issue", executor, "--id", "g-stolen")
    team.ok("reviewer", "countersign", team.packet)
    return team


@pytest.fixture
def team(made: Team, tmp_path: Path) -> Team:
    folder = Path(shutil.copytree(made.folder, tmp_path / "team", symlinks=True))
    return Team(folder, folder / "repo", made.packet)


def revoke(team: Team, who: str, since: int = 0) -> None:
    reason = "The laptop was stolen."
    words = ("trust", "revoke", f"{team.key(who)}.pub", "--from", str(since), "--reason", reason)
    team.ok("owner", *words)


def test_receipts_of_a_stolen_key(team: Team) -> None:
    """One that was not spent authorises nothing; one that was stays spent."""
    issue = ("receipt", "issue", *team.operation(), "--json")
    first, other = (team.ok("operator", *issue).json["receipt_id"] for _ in range(2))
    operation = (*team.operation(), "--mode", "prod")
    team.ok("executor", "receipt", "spend", first, *operation)
    revoke(team, "operator")
    assert team("executor", "receipt", "spend", other, *operation).refused(77, "KEY_REVOKED")
    assert team("executor", "receipt", "check", other, *operation).exit != 0
    states = [
        team.ok("owner", "receipt", "show", each, "--json").json["state"] for each in (first, other)
    ]
    assert states == ["SPENT", "REVOKED"]
    assert team("operator", *issue).refused(77, "KEY_REVOKED")


def test_grants_of_a_stolen_key(team: Team) -> None:
    """No run is opened under them; one given before the index is good."""
    lane = team.folder / "lane" / "lane.yaml"
    team.ok("executor", "run", lane, "--grant", "g-stolen")
    revoke(team, "operator")
    assert team("executor", "run", lane, "--grant", "g-stolen").refused(77, "KEY_REVOKED")
    assert "revoked" in team.ok("owner", "grant", "show").out
    team.ok("executor", "run", lane, "--grant", "g-1")


def test_a_packet_under_a_grant_of_a_stolen_key(team: Team) -> None:
    """Its authority came from a thief: it is not vouched for."""
    lane = team.folder / "lane" / "lane.yaml"
    ran = team.ok("executor", "run", lane, "--grant", "g-stolen", "--json").json
    assert team.ok("owner", "verify", ran["packet_id"]).out.startswith("INTACT")
    revoke(team, "operator")
    assert team("owner", "verify", ran["packet_id"]).refused(1, "SIGNER_REVOKED")
    assert team.ok("owner", "verify", team.packet).out.startswith("INTACT")


def test_an_approval_of_a_stolen_key(team: Team) -> None:
    """It counts for no policy any more; before the index it does."""
    plan, policy = team.folder / "plan", team.write("policy.yaml", POLICY)
    request = team.write("want.yaml", REQUEST)
    team.ok("executor", "plan", request, "--run", team.run, "--out", plan)
    team.ok("owner", "authorise", plan, "--policy", policy)
    revoke(team, "reviewer")
    denied = team("owner", "authorise", plan, "--policy", policy)
    assert denied.refused(77, "POLICY_DENIED")
    assert "0 of 1 reviewers" in denied.err + denied.out
    verified = team.ok("owner", "verify", team.packet, "--json").json
    assert [each["revoked"] for each in verified["countersignatures"]] == [True]
    assert "its key was REVOKED since" in team.ok("owner", "verify", team.packet).out


def test_a_blocker_that_a_stolen_key_lifted(team: Team) -> None:
    """It is open again."""
    words = ("blockers", "resolve", team.packet, "GRANT-1", "--reason", "Granted.")
    team.ok("operator", *words)
    before = team.ok("owner", "blockers", "list", "--json").json["open"]
    revoke(team, "operator")
    assert team.ok("owner", "blockers", "list", "--json").json["open"] == before + 1
