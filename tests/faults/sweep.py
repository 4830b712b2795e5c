"""Break an act off at its points, one after the other, and look at what each left."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event
from typing import Final

from tests.faults.acts import (
    SLOW_SECONDS,
    Act,
    Facts,
    Trial,
    World,
    answered,
    complaint,
)
from tests.faults.calls import SYNCS
from tests.faults.durability import retried, undurable
from tests.faults.inject import Call, Ran, Server

ERRORS: Final = ("EIO", "ENOSPC", "EDQUOT", "EROFS", "EINTR")


@dataclass(frozen=True, slots=True)
class Bench:
    """An act in a world: where the trials of it are made.

    Attributes:
        servers: Run commands, each one at a time.
        world: Is copied for each trial.
        act: What is broken off.
        folder: Where the copies lie.
        before: What the world says before the act.
        after: What it says after it, of one that was not broken off.
        clean: That one.
    """

    servers: Sequence[Server]
    world: World
    act: Act
    folder: Path
    before: Facts
    after: Facts
    clean: Ran

    @classmethod
    def make(cls, servers: Sequence[Server], world: World, act: Act, folder: Path) -> Bench:
        """Do the act once without a fault.

        Raises:
            AssertionError: It does not work, or what it acknowledges is not durable.
        """
        folder.mkdir(exist_ok=True)
        copy = world.copy(folder / "clean")
        before = copy.facts()
        ran = copy.run(servers[0], act)
        assert ran.exit == 0, ran.err
        assert undurable(ran.calls, copy.team.repo / ".git") == []
        after = copy.facts()
        assert after != before
        shutil.rmtree(copy.team.folder)
        return cls(servers, world, act, folder, before, after, ran)

    def trial(self, server: Server, point: int, fault: str) -> Trial:
        """Do the act with a fault at one of its points, then the next one."""
        world = self.world.copy(self.folder / f"{fault}-{point}")
        try:
            return self._trial(server, world, point, fault)
        finally:
            shutil.rmtree(world.team.folder, ignore_errors=True)

    def _trial(self, server: Server, world: World, point: int, fault: str) -> Trial:
        ran = world.run(server, self.act, point, fault)
        hit = ran.hit
        if hit is None:
            return Trial(point, fault)
        seen = _Seen(wrong=complaint(ran, fault))
        acknowledged = ran.exit == 0 or (fault == "kill" and answered(ran))
        state = "?"
        try:
            state = self._state(world.facts())
            world.require_whole()
        except Exception as error:  # noqa: BLE001 - whatever reading it raises is a finding
            seen.half = f"{type(error).__name__}: {error}"
        if state == "half":
            seen.half = f"neither old nor new: {world.facts()}"
        if acknowledged and state != "new":
            seen.lost = f"it is {state}: {ran.out[:200]}"
        if fault != "kill":
            self._durable(world, ran, acknowledged=acknowledged, seen=seen)
        seen.wedged = self._next(server, world, state)
        return Trial(
            point,
            fault,
            f"{hit.name} {_short(hit, world)}",
            acknowledged,
            seen.lost,
            seen.half,
            seen.wedged,
            seen.wrong,
        )

    def _state(self, facts: Facts) -> str:
        """Say whether facts are the old or the new, as far as they do not differ by names."""
        if facts == self.before:
            return "old"
        after = self.after
        if self.act.away:  # what is done waits, and nothing else changes
            return "new" if facts == replace(self.before, pending=after.pending) else "half"
        done = (facts.size, len(facts.packets), len(facts.spent))
        if done == (after.size, len(after.packets), len(after.spent)):
            # An act may be admitted, and wait still: its UUID says that it is one.
            return "new" if after.pending <= facts.pending <= self.before.pending else "half"
        old = (self.before.size, self.before.packets, self.before.spent)
        if (facts.size, facts.packets, facts.spent) == old and self.act.remote:
            return "old"  # what the remote took without an answer is followed by the next
        # A run that was broken off stays opened.
        opened = self.act.name == "run" and facts.size == self.before.size + 1
        return "old" if opened and facts.packets == self.before.packets else "half"

    def _durable(self, world: World, ran: Ran, *, acknowledged: bool, seen: _Seen) -> None:
        git_dir = world.team.repo / ".git"
        missing = undurable(ran.calls, git_dir) if acknowledged else []
        if missing:
            seen.lost = f"acknowledged, and not durable: {missing[:4]}"
        again = retried(ran.calls, git_dir)
        if again:
            seen.wrong = f"synced again after it had failed: {again}"
        hit = ran.hit
        if hit and hit.name in SYNCS and hit.fault != "EINTR" and hit.path.endswith(".sqlite"):
            # SQLite syncs again what it rolls back: such tables must not be read by anybody.
            if Path(hit.path).exists():
                seen.wrong = f"{hit.path} is kept although a sync of it failed"

    def _next(self, server: Server, world: World, state: str) -> str:
        """Do the act again, and verify everything; say what did not work."""
        done = world.run(server, self.act, again=True)
        wanted = self.act.again[1 if state == "new" else 0]
        # What the remote took without an answer is known by now: it is the new after all.
        unsure = self.act.remote and state == "old" and done.exit == self.act.again[1]
        # A ledger that is there may be what a founding that was broken off began.
        unsure |= self.act.new and state == "new" and done.exit == self.act.again[0]
        if done.exit != wanted and not unsure:
            return f"exit {done.exit}, not {wanted}: {done.err[-300:]}"
        if done.seconds > SLOW_SECONDS:
            return f"{done.seconds:.1f} s: it waited for something"
        try:
            world.verify()
            world.require_whole()
            facts = world.facts()
        except Exception as error:  # noqa: BLE001 - whatever reading it raises is a finding
            return f"{type(error).__name__}: {error}"
        least = self.after.size
        if self.act.away:  # each of what waits is one record, and this one
            waited = self.after if state == "new" else self.before
            least = self.before.size + waited.pending + 1
        if facts.pending or facts.size < least:
            return f"the next did not catch up: {facts}"
        return ""


@dataclass
class _Seen:
    lost: str = ""
    half: str = ""
    wedged: str = ""
    wrong: str = ""


def _short(call: Call, world: World) -> str:
    if not call.paths:
        return "the answer"
    return call.path.removeprefix(str(world.team.repo) + "/")


def sweep(bench: Bench, fault: str, points: Iterable[int] | None = None) -> list[Trial]:
    """Make the trials at some points, or at all of them, until the act has no such point.

    As many at a time as there are servers: each has a world of its own.
    """
    last = len(bench.clean.calls) * 2 + 50  # fan-out folders differ from run to run
    wanted = iter(range(last) if points is None else points)
    made: list[Trial] = []
    ended = Event()

    def work(server: Server) -> None:
        while not ended.is_set():
            try:
                point = next(wanted, None)  # of a range or list: no two threads get the same
                trial = None if point is None else bench.trial(server, point, fault)
            except BaseException:
                ended.set()
                raise
            if trial is None or not trial.call:
                ended.set()
            else:
                made.append(trial)

    with ThreadPoolExecutor(len(bench.servers)) as threads:
        for done in [threads.submit(work, server) for server in bench.servers]:
            done.result()
    return sorted(made, key=lambda trial: trial.point)


@dataclass
class Tally:
    """A row of the table.

    Attributes:
        suite: Its name.
        points: Trials made.
        acknowledged: Of which that were acknowledged.
        failures: What went wrong.
    """

    suite: str
    points: int = 0
    acknowledged: int = 0
    lost: int = 0
    half: int = 0
    wedged: int = 0
    failures: list[str] = field(default_factory=list)

    def add(self, trials: Sequence[Trial]) -> None:
        """Count trials."""
        for trial in trials:
            self.points += 1
            self.acknowledged += trial.acknowledged
            self.lost += bool(trial.lost)
            self.half += bool(trial.half)
            self.wedged += bool(trial.wedged)
            if trial.failed:
                self.failures.append(trial.failed)
