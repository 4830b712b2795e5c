"""Paired measurement: A, B, A, B, and the ratio of each pair.

A machine that slows down for a while slows both halves of a pair, so the ratio says more
than two averages taken one after the other.  Only the process itself is timed; what it
needs is prepared before, and what it did is checked after.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
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
    """The seconds of all runs of a pair, and the most memory that one of ours had.

    Attributes:
        peak_kib: KiB of the largest process on our side.
        target: What the ratio is to be at most; None where there is no such thing.
    """

    pair: Pair
    ours: list[float] = field(default_factory=list)
    peer: list[float] = field(default_factory=list)
    peak_kib: int = 0
    target: float | None = None

    @property
    def ratios(self) -> list[float]:
        return [ours / peer for ours, peer in zip(self.ours, self.peer, strict=True)]

    def row(self) -> str:
        """Return one line of the table."""
        ratios = self.ratios
        spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
        return (
            f"{self.pair.job:7} {self.pair.peer.name:34} {median(self.ours) * 1000:9.1f}"
            f" {median(self.peer) * 1000:9.1f}  {median(ratios):6.3f}"
            f"  {spread:15} {self.verdict:16} {self.peak_kib >> 10:4}"
        )

    @property
    def is_reached(self) -> bool | None:
        """Whether the median is as low as it is to be; None where nothing is asked."""
        return None if self.target is None else median(self.ratios) <= self.target

    @property
    def verdict(self) -> str:
        """What is asked for, and whether that is so."""
        if self.target is None:
            return "-"
        return f"{self.target:g} {'reached' if self.is_reached else 'missed'}"

    def as_json(self) -> dict[str, Any]:
        """Return all of it, in microseconds."""
        return {
            "job": self.pair.job,
            "ours": self.pair.ours.name,
            "peer": self.pair.peer.name,
            "not_like_for_like": self.pair.differs,
            "ours_us": [round(seconds * 1_000_000) for seconds in self.ours],
            "peer_us": [round(seconds * 1_000_000) for seconds in self.peer],
            # Upwards: what is a little more than asked for is not what was asked for.
            "ratio_median_percent": ceil(100 * median(self.ratios)),
            "target_percent": None if self.target is None else round(100 * self.target),
            "peak_kib": self.peak_kib,
        }


# A virtual disk works on after it said that it was done: whoever syncs next would pay for it.
SETTLE_SECONDS = 1.0

HEADER = (
    f"{'job':7} {'peer':34} {'ours ms':>9} {'peer ms':>9}   ratio  {'from to':15}"
    f" {'target':16}  MiB"
)


def measure(pair: Pair, scratch: Path, runs: int) -> Result:
    """Run a pair ``runs`` times, after one run each that only warms the caches."""
    result = Result(pair)
    for run in range(runs + 1):
        (ours, peak_kib), (peer, _) = (
            _timed(side, scratch / f"{pair.job}-{run}-{half}")
            for half, side in (("a", pair.ours), ("b", pair.peer))
        )
        result.peak_kib = max(result.peak_kib, peak_kib)
        if run:
            result.ours.append(ours)
            result.peer.append(peer)
    return result


def _timed(side: Side, folder: Path) -> tuple[float, int]:
    """Return the seconds of a process, and the KiB of its largest process."""
    folder.mkdir(parents=True)
    command = side.prepare(folder)
    os.sync()  # what preparing wrote must not be on the bill of whoever syncs first
    time.sleep(SETTLE_SECONDS)
    with tempfile.TemporaryFile() as said:
        start = time.perf_counter()
        process = subprocess.Popen(
            command.argv,
            cwd=command.cwd,
            env=command.env,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            words = said.read().decode(errors="replace").strip()[-4000:]
            argv = " ".join(command.argv)[:400]
            raise SystemExit(f"{side.name} failed with {process.returncode}: {argv}\n{words}")
    return seconds, usage.ru_maxrss
