"""The acts that are broken off at each of their system calls, and what must hold afterwards.

A world is a folder with keys, a repository with a store and, for some, a remote.  Each trial
has a copy of its own, so that it can be repeated alone.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from greenlight.codes import Code
from greenlight.ledger.pending import read_pending
from greenlight.ledger.pin import DEFAULT_REF, read_pin
from greenlight.ledger.read import read_ledger
from greenlight.services.verifying import Integrity, Trust, verify_all
from greenlight.store.repository import open_store
from tests.cli.conftest import LANE, git
from tests.cli.team import Team, assemble
from tests.faults.inject import Ran, Server

SLOW_SECONDS: Final = 8.0  # a command that waits for a lock nobody holds takes ten
_AWAY: Final = "/nonexistent/hub.git"
_MACHINE: Final = (69,)  # store, file or machine


@dataclass(frozen=True, slots=True)
class Facts:
    """What a store says happened.

    Attributes:
        size: Records of its ledger.
        packets: That are recorded.
        spent: Receipts that are.
        pending: Acts that wait for a remote.
        hub: Where the remote's ledger ends; empty without one.
    """

    size: int
    packets: frozenset[str]
    spent: frozenset[str]
    pending: int
    hub: str


@dataclass(frozen=True, slots=True)
class World:
    """A copy of the people's folder, and what they are about to do.

    Attributes:
        team: They.
        receipt: One that was issued and not spent.
        remote: Whether the ledger of a remote counts.
    """

    team: Team
    receipt: str
    remote: bool = False

    @property
    def hub(self) -> Path:
        return self.team.folder / "hub.git"

    def copy(self, folder: Path) -> World:
        """Return the same elsewhere."""
        shutil.copytree(self.team.folder, folder, symlinks=True)
        team = Team(folder, folder / "repo", self.team.packet)
        world = replace(self, team=team)
        if self.remote:
            world.set_url(str(world.hub))
        return world

    def set_url(self, url: str) -> None:
        git("remote", "set-url", "origin", url, cwd=self.team.repo)

    def run(
        self, server: Server, act: Act, at: int = -1, fault: str = "", *, again: bool = False
    ) -> Ran:
        """Do an act, with a fault at one of its points; ``again``: the one after it."""
        if act.away:
            self.set_url(str(self.hub) if again else _AWAY)
        return server.run(
            ("--signing-key", str(self.team.key(act.who)), *act.words(self)),
            cwd=self.team.repo,
            env=self.team.environment(),
            below=self.team.repo,
            at=at,
            fault=fault,
            spared=[self.hub] if self.remote else [],
        )

    def facts(self) -> Facts:
        """Read the ledger from its records.

        Raises:
            AssertionError: It is broken, or an entry of it is void.
        """
        with open_store(self.team.repo, self.team.repo) as store:
            ledger = read_ledger(store, DEFAULT_REF, pin=read_pin(store))
            assert ledger.findings == (), ledger.findings
            assert list(ledger.state.voids) == []
            waiting = len(read_pending(store))
            return Facts(
                ledger.tip.size,
                frozenset(ledger.state.packets),
                frozenset(ledger.state.spends),
                waiting,
                git("for-each-ref", "--format=%(objectname)", DEFAULT_REF, cwd=self.hub)
                if self.remote
                else "",
            )

    def require_whole(self) -> None:
        """Have git check every object, and greenlight every packet, of here and of the remote.

        Raises:
            AssertionError: Something is broken.
        """
        for folder in (self.team.repo, *([self.hub] if self.remote else [])):
            done = subprocess.run(
                ["git", "fsck", "--strict", "--full", "--no-dangling"],
                cwd=folder,
                env=self.team.environment(),
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stderr
            said = (done.stdout + done.stderr).splitlines()
            assert not [line for line in said if not line.startswith("notice")], said

    def verify(self) -> None:
        """Verify the ledger and all packets.

        Raises:
            AssertionError: Something is broken.
        """
        with open_store(self.team.repo, self.team.repo) as store:
            verdict = verify_all(store, Trust())
            assert verdict.report.findings == (), verdict.report.findings
            assert {each.integrity for each in verdict.packets} <= {Integrity.INTACT}


@dataclass(frozen=True, slots=True)
class Act:
    """Something that somebody does.

    Attributes:
        name: In the table.
        who: Whose key.
        words: The command line, in a world.
        again: Exit codes of the same command afterwards, where the act was not done, and where
            it was.
        remote: Whether a remote's ledger counts.
        away: Whether it is out of reach, until the same command is done again.
        new: Whether it begins a ledger: where it was done, the same again may say so, or refuse.
    """

    name: str
    who: str
    words: Callable[[World], Sequence[str]]
    again: tuple[int, int] = (0, 0)
    remote: bool = False
    away: bool = False
    new: bool = False


def _seal(world: World) -> Sequence[str]:
    return ("seal", str(world.team.folder / "evidence"), "--json")


def _append(world: World) -> Sequence[str]:
    operation = world.team.folder / "op-0.json"
    words = ("--run", world.team.run, "--kind", "publish_release", "--content", str(operation))
    return ("receipt", "issue", *words, "--json")


def _spend(world: World) -> Sequence[str]:
    operation = world.team.folder / "op-0.json"
    words = ("--run", world.team.run, "--kind", "publish_release", "--content", str(operation))
    return ("receipt", "spend", world.receipt, *words, "--mode", "prod", "--json")


def _run(world: World) -> Sequence[str]:
    return ("run", str(world.team.folder / "lane" / "lane.yaml"), "--json")


def _push(_world: World) -> Sequence[str]:
    return ("push", "--json")


def _init(_world: World) -> Sequence[str]:
    return ("init", "--json")


def _init_remote(_world: World) -> Sequence[str]:
    return ("init", "--remote", "origin", "--json")


ACTS: Final = (
    Act("seal", "executor", _seal),
    Act("append", "owner", _append),
    Act("spend", "executor", _spend, again=(0, 77)),
    Act("run", "executor", _run),
    Act("push", "executor", _push, remote=True),
    Act("seal, remote", "executor", _seal, remote=True),
    Act("spend, remote", "executor", _spend, again=(0, 77), remote=True),
    Act("seal, remote away", "executor", _seal, remote=True, away=True),
    Act("init", "owner", _init, again=(0, 77), new=True),
    Act("init, remote", "owner", _init_remote, again=(0, 77), remote=True, new=True),
)


def make_world(folder: Path) -> World:
    """Make people, a store with a run and a receipt, and evidence to seal."""
    folder.mkdir()
    team = assemble(folder)
    evidence = folder / "evidence"
    evidence.mkdir()
    (evidence / "a.txt").write_text("one\n")
    (evidence / "b.txt").write_text("two\n")
    shutil.copyfile(LANE, folder / "lane" / "lane.yaml")
    return World(team, team.receipt())


def with_remote(world: World, folder: Path) -> World:
    """Make the same with a remote whose ledger counts, and an act that waits for it."""
    world = world.copy(folder)
    team = world.team
    git("init", "-q", "--bare", str(world.hub), cwd=folder)
    git("remote", "add", "origin", str(world.hub), cwd=team.repo)
    git("config", "greenlight.remote", "origin", cwd=team.repo)
    world = replace(world, remote=True)
    team.ok("executor", "push")
    world.set_url(_AWAY)
    team.ok("executor", *_seal(world))
    world.set_url(str(world.hub))
    return world


def before_init(folder: Path) -> World:
    """Make an owner with a key, a repository, and a remote that is empty."""
    folder.mkdir()
    team = Team(folder, folder / "repo")
    git("init", "-q", str(team.repo), cwd=folder)
    team.ok("owner", "keys", "new", team.key("owner"), cwd=folder)
    world = World(team, "", remote=True)
    git("init", "-q", "--bare", str(world.hub), cwd=folder)
    git("remote", "add", "origin", str(world.hub), cwd=team.repo)
    return world


# --- one trial


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of one act with one fault.

    Attributes:
        point: Which of its calls.
        fault: What happened there.
        call: Its name and path; empty where the act has no such point.
        acknowledged: Whether the command said that it is done.
        lost: Why what was acknowledged is not there; empty where it is.
        half: What is half done or broken.
        wedged: Why the next command did not work.
        wrong: What else it should not have done.
    """

    point: int
    fault: str
    call: str = ""
    acknowledged: bool = False
    lost: str = ""
    half: str = ""
    wedged: str = ""
    wrong: str = ""

    @property
    def failed(self) -> str:
        parts = {"lost": self.lost, "half": self.half, "wedged": self.wedged, "wrong": self.wrong}
        said = "; ".join(f"{name}: {why}" for name, why in parts.items() if why)
        return f"{self.fault} at {self.point}, {self.call}: {said}" if said else ""


def error_code(ran: Ran) -> str:
    """Return the code that a command complained with."""
    for line in ran.err.splitlines():
        if line.startswith("greenlight: error: "):
            return line.split(": ")[2]
    return ""


# What a refusal of the operating system may be called; the last three are git's, which met it.
REFUSALS: Final = frozenset(
    code.name
    for code in (
        Code.IO_FAILED,
        Code.IO_NOSPACE,
        Code.REMOTE_UNREACHABLE,
        Code.REMOTE_OUTCOME_UNKNOWN,
        Code.REMOTE_REFUSED,
    )
)


def complaint(ran: Ran, fault: str) -> str:
    """Say what is wrong with how a command ended; empty for nothing."""
    if "Traceback" in ran.err or "INTERNAL" in ran.err:
        return f"a bug: {ran.err[-500:]}"
    if fault == "kill" or ran.exit == 0:
        return ""
    if ran.exit not in _MACHINE or error_code(ran) not in REFUSALS:
        return f"exit {ran.exit}: {ran.err[-300:]}"
    return ""


def answered(ran: Ran) -> bool:
    """Report whether what a command printed is an answer and not a complaint."""
    try:
        said = json.loads(ran.out)
    except ValueError:
        return False
    return isinstance(said, dict) and "error" not in said
