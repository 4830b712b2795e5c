"""An owner, an executor and a reviewer with keys of their own, and a run that one of them made."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from tests.cli.conftest import LANE, ROOT, Done, git

BLOCKERS = """
blockers:
  - id: INPUTS-1
    reason: an operator's inputs are missing
    resolver: operator
    evidence: the inputs
  - id: GRANT-1
    reason: production is not granted
    resolver: owner
    evidence: a signed grant
"""
RELEASE = {"repository": "omega/marketops", "tag_name": "v0.2.0", "body": "First."}


@dataclass
class Team:
    """People at one repository.

    Attributes:
        folder: Where everything of theirs lies.
        repo: Where they are.
        packet: Id of the packet that the executor's run became.
    """

    folder: Path
    repo: Path
    packet: str = ""
    env: dict[str, str] = field(default_factory=dict)

    @property
    def run(self) -> str:
        return self.packet[-36:]

    def key(self, who: str) -> Path:
        return self.folder / f"{who}.key"

    def environment(self, **env: str) -> dict[str, str]:
        base = {"HOME": str(self.folder), "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
        quiet = {"PYTHONPATH": str(ROOT), "GREENLIGHT_NO_MAINTAIN": "1"}
        return base | quiet | self.env | env

    def __call__(self, who: str, *words: str | Path, cwd: Path | None = None, **env: str) -> Done:
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "greenlight",
                "--signing-key",
                str(self.key(who)),
                *map(str, words),
            ],
            cwd=cwd or self.repo,
            env=self.environment(**env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=60,
            check=False,
        )
        return Done(done.returncode, done.stdout.decode(), done.stderr.decode())

    def ok(self, who: str, *words: str | Path, cwd: Path | None = None, **env: str) -> Done:
        done = self(who, *words, cwd=cwd, **env)
        assert done.exit == 0, done.err
        return done

    def write(self, name: str, content: object) -> Path:
        path = self.folder / name
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    def operation(self, **change: object) -> tuple[str | Path, ...]:
        """Return the options that name the operation that everybody here wants to do."""
        number = len(list(self.folder.glob("op-*.json")))
        path = self.write(f"op-{number}.json", RELEASE | change)
        return ("--run", self.run, "--kind", "publish_release", "--content", path)

    def receipt(self, *words: str) -> str:
        """Have the owner issue a receipt; return its id."""
        issued = self.ok("owner", "receipt", "issue", *self.operation(), *words, "--json").json
        return str(issued["receipt_id"])


def assemble(folder: Path) -> Team:
    """Make keys, a store, roles, a grant and a run."""
    repo = folder / "repo"
    repo.mkdir()
    git("init", "-q", cwd=repo)
    team = Team(folder, repo)
    for who in ("owner", "executor", "reviewer", "operator", "stranger"):
        team.ok(who, "keys", "new", team.key(who))
    team.ok("owner", "init")
    for who in ("executor", "reviewer"):
        team.ok("owner", "trust", "add", f"{team.key(who)}.pub", "--role", who)
    public = f"{team.key('executor')}.pub"
    team.ok("owner", "grant", "issue", public, "--uses", "9", "--id", "g-1")
    lane = folder / "lane"
    lane.mkdir()
    (lane / "lane.yaml").write_text(LANE.read_text() + BLOCKERS)
    ran = team.ok("executor", "run", lane / "lane.yaml", "--json").json
    team.packet = ran["packet_id"]
    return team
