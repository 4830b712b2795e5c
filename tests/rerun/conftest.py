"""One good packet folder for the session, and copies of it to break."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.rerun.folder import SCRIPT, Signer, build
from tests.tools import need

ALICE, MALLORY = Signer.of(1), Signer.of(2)
SHELLS = ("dash", "bash", "busybox sh")
# What the script's head says it needs, and the `rm` of its trap.
TOOLS = (
    *("awk", "base64", "cat", "cmp", "cut", "dirname", "env", "find", "git", "grep", "head"),
    *("mkdir", "mktemp", "od", "rm", "sed", "sh", "sha256sum", "sort", "tail", "tr", "wc"),
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the script said."""

    exit: int
    lines: list[str]
    errors: str

    @property
    def last(self) -> str:
        return self.lines[-1]

    @property
    def codes(self) -> list[str]:
        return [line.split()[1] for line in self.lines[:-1] if line.startswith("FAIL ")]


Rerun = Callable[..., Verdict]


def call(command: Sequence[str], *, path: str = "/usr/bin:/bin", **env: str) -> Verdict:
    """Run the script in an environment that holds PATH and nothing else but ``env``."""
    done = subprocess.run(
        command, env={"PATH": path} | env, capture_output=True, check=False, timeout=60
    )
    # ASCII alone may reach a terminal: decoding fails where anything else does.
    return Verdict(done.returncode, done.stdout.decode("ascii").splitlines(), done.stderr.decode())


@pytest.fixture(scope="session")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("good") / "folder", signer=ALICE)


@pytest.fixture
def folder(good: Path, tmp_path: Path) -> Path:
    """A copy of the good folder, to be broken."""
    return Path(shutil.copytree(good, tmp_path / "folder"))


@pytest.fixture
def rerun() -> Rerun:
    """Run a reviewer's own copy of the script on a folder."""
    need("git")

    def run(folder: Path, *arguments: str, sh: str = "sh", path: str = "/usr/bin:/bin") -> Verdict:
        program, *applet = sh.split()
        return call([need(program), *applet, str(SCRIPT), str(folder), *arguments], path=path)

    return run


@pytest.fixture(scope="session")
def bare_path(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A PATH with the tools that the script says it needs: no openssl, no greenlight."""
    folder = tmp_path_factory.mktemp("bin")
    for tool in TOOLS:
        (folder / tool).symlink_to(need(tool))
    return str(folder)


@pytest.fixture(scope="session")
def busybox_path(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A PATH where every utility is busybox's, and git is git."""
    folder = tmp_path_factory.mktemp("busybox")
    for tool in TOOLS:
        (folder / tool).symlink_to(need("git" if tool == "git" else "busybox"))
    return str(folder)
