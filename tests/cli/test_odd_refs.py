"""Rubbish among the refs of what waits: every command goes on, and says so where it matters."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.team import Team
from tests.cli.test_two_clones import clones

__all__ = ["clones"]  # a fixture

PENDING = "refs/greenlight/pending/"
NAMED = f"{PENDING}000000000009-00000000-0000-4000-8000-000000000000"


@pytest.mark.parametrize("content", ["rubbish", "1" * 40])
def test_no_command_is_stopped(clones: tuple[Team, Team], tmp_path: Path, content: str):
    """Seal, fetch, log, verify, maintain; push does what it can, and then names the ref."""
    _, two = clones
    evidence = tmp_path / "evidence"
    evidence.mkdir()
    (evidence / "a.txt").write_text("one")
    path = two.repo / ".git" / NAMED
    path.parent.mkdir(parents=True)
    path.write_text(content)
    packet = two.ok("executor", "seal", evidence, "--json").json["packet_id"]
    (odd,) = two.ok("executor", "fetch", "--json").json["odd"]
    assert (odd["code"], odd["where"]) == ("PENDING_MALFORMED", NAMED)
    log = two.ok("executor", "log")
    assert NAMED in log.err
    assert two.ok("executor", "log", "--json").json["odd"] == [odd]
    for words in (("verify", packet), ("verify", "--all"), ("ledger", "verify")):
        two.ok("executor", *words)
    maintained = two("executor", "maintain", "--json")  # what it finds damaged it says, last
    assert maintained.json["loose_packed"]
    assert maintained.exit == (69 if content == "rubbish" else 0)

    (tmp_path / "hub.git").rename(tmp_path / "gone.git")
    two.ok("executor", "seal", evidence)
    (tmp_path / "gone.git").rename(tmp_path / "hub.git")
    pushed = two("executor", "push")
    assert pushed.refused(69, "PENDING_MALFORMED")
    assert "ADMITTED  1 that waited" in pushed.out
    assert path.read_text() == content
    path.unlink()
    two.ok("executor", "push")
