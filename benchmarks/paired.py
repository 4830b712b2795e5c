"""Paired measurement: A, B, A, B, and the ratio of each pair.

A machine that slows down for a while slows both halves of a pair, so the ratio says more
than two averages taken one after the other.  Only the process itself is timed; what it
needs is prepared before, and what it did is checked after.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any


@dataclass(frozen=True, slots=True)
class Command:
    """One process to time.

    Attributes:
        argv: Its arguments.
        cwd: Where it runs.
        env: Its whole environment.
    """

    argv: Sequence[str]
    cwd: Path
    env: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Side:
    """One half of a pair.

    Attributes:
        name: What it is called in the table.
        prepare: Makes a fresh folder ready and says what to run there; not timed.
    """

    name: str
    prepare: Callable[[Path], Command]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two commands that do the same for their users, and how they differ.

    Attributes:
        job: What is done: seal, verify, start.
        ours: greenlight.
        peer: The other.
        differs: What is not like for like.
    """

    job: str
    ours: Side
    peer: Side
    differs: str


@dataclass(slots=True)
class Result:
    """The seconds of all runs of a pair."""

    pair: Pair
    ours: list[float] = field(default_factory=list)
    peer: list[float] = field(default_factory=list)

    @property
    def ratios(self) -> list[float]:
        return [ours / peer for ours, peer in zip(self.ours, self.peer, strict=True)]

    def row(self) -> str:
        """Return one line of the table."""
        ratios = self.ratios
        return (
            f"{self.pair.job:7} {self.pair.peer.name:34} {median(self.ours) * 1000:8.1f}"
            f" {median(self.peer) * 1000:8.1f}   {median(ratios):5.2f}"
            f"   {min(ratios):.2f} to {max(ratios):.2f}"
        )

    def as_json(self) -> dict[str, Any]:
        """Return all of it, in microseconds."""
        return {
            "job": self.pair.job,
            "ours": self.pair.ours.name,
            "peer": self.pair.peer.name,
            "not_like_for_like": self.pair.differs,
            "ours_us": [round(seconds * 1_000_000) for seconds in self.ours],
            "peer_us": [round(seconds * 1_000_000) for seconds in self.peer],
            "ratio_median_percent": round(100 * median(self.ratios)),
        }


HEADER = f"{'job':7} {'peer':34} {'ours ms':>8} {'peer ms':>8}   ratio   from to"


def measure(pair: Pair, scratch: Path, runs: int) -> Result:
    """Run a pair ``runs`` times, after one run each that only warms the caches."""
    result = Result(pair)
    for run in range(runs + 1):
        ours, peer = (
            _seconds(side, scratch / f"{pair.job}-{run}-{half}")
            for half, side in (("a", pair.ours), ("b", pair.peer))
        )
        if run:
            result.ours.append(ours)
            result.peer.append(peer)
    return result


def _seconds(side: Side, folder: Path) -> float:
    folder.mkdir(parents=True)
    command = side.prepare(folder)
    os.sync()  # what preparing wrote must not be on the bill of whoever syncs first
    start = time.perf_counter()
    done = subprocess.run(
        command.argv,
        cwd=command.cwd,
        env=command.env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    seconds = time.perf_counter() - start
    if done.returncode:
        words = (done.stderr or done.stdout).decode(errors="replace").strip()
        msg = f"{side.name} failed with {done.returncode}: {' '.join(command.argv)}\n{words}"
        raise SystemExit(msg)
    return seconds
