"""Whole processes of greenlight: a home, a store with two kinds of packet, and copies to break."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.tools import need

ROOT = Path(__file__).parents[2]
LANE = ROOT / "lanes" / "hello" / "lane.yaml"


@dataclass(frozen=True, slots=True)
class Done:
    """What a process left."""

    exit: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def error_lines(self) -> list[str]:
        return [line for line in self.err.splitlines() if line.startswith("greenlight: error: ")]

    def refused(self, exit_code: int, code: str) -> bool:
        """Report whether it ended with this exit code and one clear line, and no traceback."""
        shown = [line.split(": ")[2] for line in self.error_lines]
        assert "Traceback" not in self.err
        assert (self.exit, shown) == (exit_code, [code]), self.err
        assert all(line.startswith("greenlight: ") for line in self.err.splitlines())
        return True


@dataclass(frozen=True, slots=True)
class World:
    """A person with a key and a store.

    Attributes:
        home: Their home folder.
        repo: A Git repository with a store.
        run: Id of a packet that a lane gave.
        sealed: Id of a packet of evidence from elsewhere.
        evidence: That evidence.
        trust_root: Digest of the store's trust root.
    """

    home: Path
    repo: Path
    run: str = ""
    sealed: str = ""
    evidence: Path = Path()
    trust_root: str = ""
    env: dict[str, str] = field(default_factory=dict)

    @property
    def key(self) -> Path:
        return self.home / ".config" / "greenlight" / "id_ed25519"

    def environment(self, **env: str) -> dict[str, str]:
        base = {"HOME": str(self.home), "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
        return base | {"PYTHONPATH": str(ROOT)} | env

    def __call__(self, *words: str | Path, cwd: Path | None = None, **env: str) -> Done:
        done = subprocess.run(
            [sys.executable, "-m", "greenlight", *map(str, words)],
            cwd=cwd or self.repo,
            env=self.environment(**env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=60,
            check=False,
        )
        out, err = done.stdout.decode(), done.stderr.decode()
        return Done(done.returncode, out, err)

    def ok(self, *words: str | Path, cwd: Path | None = None, **env: str) -> Done:
        done = self(*words, cwd=cwd, **env)
        assert done.exit == 0, done.err
        return done


def git(*words: str | Path, cwd: Path) -> str:
    """Run git without the settings of this machine."""
    env = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1"}
    names = {"GIT_AUTHOR_NAME": "T", "GIT_COMMITTER_NAME": "T"}
    mails = {"GIT_AUTHOR_EMAIL": "t@example.org", "GIT_COMMITTER_EMAIL": "t@example.org"}
    done = subprocess.run(
        [need("git"), *map(str, words)],
        cwd=cwd,
        env=env | names | mails,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def bytes_of(folder: Path) -> dict[str, str]:
    """Return what every file below a folder holds, by digest, tables for look-ups aside."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink() and path.suffix != ".sqlite"
    }


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A store with a lane's packet and one of evidence from elsewhere; nobody may change it."""
    folder = tmp_path_factory.mktemp("world")
    home, repo = folder / "home", folder / "repo"
    home.mkdir()
    repo.mkdir()
    git("init", "-q", cwd=repo)
    world = World(home, repo)
    world.ok("keys", "new", "--comment", "somebody")
    trust_root = world.ok("init", "--json").json["trust_root"]
    shutil.copytree(LANE.parent, folder / "hello")
    run = world.ok("run", folder / "hello" / "lane.yaml", "--json").json["packet_id"]
    evidence = folder / "evidence"
    (evidence / "logs").mkdir(parents=True)
    (evidence / "logs" / "build.log").write_text("all is well\n")
    (evidence / "result.txt").write_text("42\n")
    sealed = world.ok("seal", evidence, "--json").json["packet_id"]
    return World(home, repo, run, sealed, evidence, trust_root)


@pytest.fixture
def broken(world: World, tmp_path: Path) -> World:
    """The same on a copy of the store, to be changed."""
    repo = Path(shutil.copytree(world.repo, tmp_path / "repo", symlinks=True))
    return World(world.home, repo, world.run, world.sealed, world.evidence, world.trust_root)


@pytest.fixture
def lane(tmp_path: Path) -> Callable[..., Path]:
    """Write a lane file from the smallest one, with words exchanged."""

    def write(*changes: tuple[str, str]) -> Path:
        text = LANE.read_text()
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        folder = tmp_path / "lane"
        folder.mkdir(exist_ok=True)
        (folder / "lane.yaml").write_text(text)
        return folder / "lane.yaml"

    return write
