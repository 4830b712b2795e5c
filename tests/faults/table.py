"""The rows of the table: how strong, in figures; a share of it, or the whole."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from greenlight.store.repository import create_store
from tests.faults import cuts
from tests.faults.acts import ACTS, before_init, make_world, with_remote
from tests.faults.inject import Server
from tests.faults.meetings import Meeting, race_clones
from tests.faults.races import Raced, begin_store, race, write_at_once
from tests.faults.sweep import ERRORS, Bench, Tally, sweep


@dataclass(frozen=True, slots=True)
class Size:
    """How much of it.

    Attributes:
        step: Every so manieth point of an act; 1 is all of them.
        races: For one receipt, by 16 processes.
        remote_races: Between two clones.
        cuts: Of the power.
        appends: By each of 16 processes.
        errors: Errors that are injected.
        at_once: Acts that are broken off at a time.
    """

    step: int
    races: int
    remote_races: int
    cuts: int
    appends: int
    errors: tuple[str, ...] = ERRORS
    at_once: int = 4  # they wait for the disk most of the time


QUICK = Size(step=25, races=100, remote_races=5, cuts=3, appends=10, errors=("EIO",), at_once=1)
TENTH = Size(step=10, races=1_000, remote_races=50, cuts=50, appends=50)
WHOLE = Size(step=1, races=10_000, remote_races=500, cuts=500, appends=500)
PROCESSES = 16


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table.

    Attributes:
        suite: What was done.
        points: How often.
        acknowledged: How often that was acknowledged.
        lost: Acknowledged and not there.
        half: Neither old nor new.
        wedged: How often the next command did not work.
        failures: Each thing that went wrong, in words.
        seconds: How long it took.
    """

    suite: str
    points: int
    acknowledged: int
    lost: int
    half: int
    wedged: int
    failures: tuple[str, ...]
    seconds: float

    @property
    def verdict(self) -> str:
        return "holds" if not self.failures else f"{len(self.failures)} FAIL"

    @property
    def line(self) -> str:
        cells = (
            self.suite,
            f"{self.points:,}",
            f"{self.acknowledged:,}",
            str(self.lost),
            str(self.half),
            str(self.wedged),
            f"{self.seconds:.0f} s",
            self.verdict,
        )
        return f"| {' | '.join(cells)} |"


HEAD = (
    "| suite | points | acknowledged | lost | half | wedged | took | |\n"
    "|---|---|---|---|---|---|---|---|"
)


def broken_acts(folder: Path, size: Size, names: tuple[str, ...] = ()) -> Iterator[Row]:
    """Kill, and refuse, at the system calls of each act.

    Raises:
        OSError: This machine cannot watch system calls.
    """
    acts = [act for act in ACTS if not names or act.name in names]
    servers = [Server() for _ in range(size.at_once)]
    try:
        begun = any(not act.new for act in acts)
        world = make_world(folder / "world") if begun else None
        remote = with_remote(world, folder / "remote") if world is not None else None
        for act in acts:
            start = remote if act.remote else world
            if act.new or start is None:
                start = before_init(folder / f"before {act.name}")
            bench = Bench.make(servers, start, act, folder / act.name.replace(", ", "-"))
            for fault in ("kill", *size.errors):
                began = time.monotonic()
                tally = Tally(f"{act.name}: {fault}")
                points = None
                if size.step > 1:
                    points = range(size.step // 2, len(bench.clean.calls), size.step)
                tally.add(sweep(bench, fault, points))
                yield Row(
                    tally.suite,
                    tally.points,
                    tally.acknowledged,
                    tally.lost,
                    tally.half,
                    tally.wedged,
                    tuple(tally.failures),
                    time.monotonic() - began,
                )
    finally:
        for server in servers:
            server.close()


def raced(folder: Path, size: Size) -> Row:
    """16 processes for one receipt, again and again; in some races one is killed."""
    began = time.monotonic()
    with create_store(folder / "races.git") as store:
        begin_store(store)
        found = race(store, size.races, processes=PROCESSES, kill_each=50)
    return _row(f"races of {PROCESSES} for one receipt, {found.killed} with a kill", found, began)


def raced_by_clones(folder: Path, size: Size) -> Row:
    """Two clones of one remote for one receipt, again and again; in some one is killed."""
    began = time.monotonic()
    meeting = Meeting.make(folder / "meeting")
    try:
        found = race_clones(meeting, size.remote_races)
    finally:
        meeting.close()
    return _row(f"races of 2 clones for one receipt, {found.killed} with a kill", found, began)


def _row(suite: str, found: Raced, began: float) -> Row:
    failures = list(found.wrong)
    failures += ["won twice"] * found.twice + ["won by nobody"] * found.none
    return Row(
        suite,
        found.races,
        found.won,
        0,
        found.twice,
        found.none,
        tuple(failures),
        time.monotonic() - began,
    )


def written(folder: Path, size: Size) -> Row:
    """16 processes that append at once: one chain, all of it."""
    with create_store(folder / "writers.git") as store:
        begin_store(store)
        found = write_at_once(store, processes=PROCESSES, each=size.appends)
    wanted = PROCESSES * size.appends
    lost = len(set(found.acknowledged) - found.listed)
    failures = []
    if lost or len(found.acknowledged) != wanted or found.added != wanted:
        failures.append(f"{len(found.acknowledged)} acknowledged, {found.added} added")
    return Row(
        f"{PROCESSES} writers at once",
        wanted,
        len(found.acknowledged),
        lost,
        0,
        0,
        tuple(failures),
        found.seconds,
    )


def cut_off(folder: Path, size: Size) -> Row:
    """Power cuts right after an acknowledgement, on an image of a file system.

    Raises:
        OSError: No image can be mounted here.
    """
    began = time.monotonic()
    (folder / "cuts").mkdir()
    found = cuts.cut(folder / "cuts", size.cuts)
    failures = (*found.lost, *found.broken)
    return Row(
        "power cuts after an acknowledgement",
        found.cuts,
        found.cuts,
        len(found.lost),
        len(found.broken),
        0,
        failures,
        time.monotonic() - began,
    )
