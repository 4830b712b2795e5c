"""Flip every bit of a good packet and say how many flips verification finds.

``python -m tools.long_flips [--whole N]`` takes minutes on two cores and prints the table
of ``docs/long-runs.md``.  Every bit of ``packet/``, of ``seal/`` and of the ledger's records
is flipped, one at a time.  Of the bits of ``packet/`` each is looked for by bytes alone
(paths, manifest, seal, identity, script), and each N-th by the whole verification too.  Then
the files of a store that holds the packet, packed and loose, each N-th bit: a flip is missed
there if another packet is read, and verifies.  The exit code is 1 where a flip was not found.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from greenlight.verify.ledger import verify_chain
from greenlight.verify.seal import verify_seal
from tests.flipping import (
    GOOD,
    chain_of,
    findings,
    findings_by_bytes,
    flip,
    good_packet,
    packet_flips,
    records,
)
from tests.stored import FORMS, stored
from tests.vector_reader import below, files_of

CHUNK = 512  # bytes of one file that one process takes at a time
BITS = range(8)


@dataclass(frozen=True, slots=True)
class Job:
    """A stretch of one file.

    Attributes:
        what: Row of the table.
        name: Of the file, or the number of the record.
        offsets: Bytes of it.
        step: Each how many bits one is flipped.
    """

    what: str
    name: str
    offsets: range
    step: int = 1


def by_bytes(job: Job) -> int:
    """Count the flips that bytes alone do not show."""
    flips = (flipped for bit in BITS for flipped in packet_flips(job.name, job.offsets, bit))
    return sum(not findings_by_bytes(packet) for _, packet in flips)


def by_all(job: Job) -> int:
    """Count the flips that the whole verification does not show."""
    wanted = _stepped(job)
    return sum(
        not findings(packet)
        for offset, bit in wanted
        for _, packet in packet_flips(job.name, range(offset, offset + 1), bit)
    )


def in_seal(job: Job) -> int:
    """Count the flips in a file of ``seal/`` that are not found."""
    seal = good_packet().seal
    return sum(
        not verify_seal({**seal, job.name: flip(seal[job.name], offset, bit)})[2]
        for offset, bit in _stepped(job)
    )


def in_records(job: Job) -> int:
    """Count the flips in a record that are not found."""
    good, made = verify_chain(records(), head=None), records()
    index = int(job.name)
    missed = 0
    for offset, bit in _stepped(job):
        changed = [*made[:index], flip(made[index], offset, bit), *made[index + 1 :]]
        missed += not chain_of(changed, good).findings
    return missed


def in_store(job: Job) -> int:
    """Count the flips in a file of a store that make another packet, which verifies."""
    form, _, name = job.name.partition(":")
    here = stored(form)
    data = here.files[name]
    return sum(
        here.outcome(name, flip(data, offset, bit)) == "missed" for offset, bit in _stepped(job)
    )


def _stepped(job: Job) -> list[tuple[int, int]]:
    """Return the (byte, bit) pairs of a stretch that are to be flipped."""
    pairs = ((offset, bit) for offset in job.offsets for bit in BITS)
    return [(at, bit) for at, bit in pairs if (at * 8 + bit) % job.step == 0]


WORK: dict[str, Callable[[Job], int]] = {
    "packet/, by bytes alone": by_bytes,
    "packet/, by all of it": by_all,
    "seal/": in_seal,
    "records of the ledger": in_records,
    "packed in a store": in_store,
    "loose in a store": in_store,
}


def jobs(whole: int, inside: int) -> list[Job]:
    """Return all stretches, of every row."""
    packet, seal = (below(files_of(GOOD), name) for name in ("packet", "seal"))
    numbered = {str(index): raw for index, raw in enumerate(records())}
    packed, loose = (
        {f"{form}:{name}": data for name, data in stored(form).files.items()} for form in FORMS
    )
    files = (packet, packet, seal, numbered, packed, loose)
    rows = zip(WORK, files, (1, whole, 1, 1, inside, inside), strict=True)
    return [
        Job(what, name, range(start, min(start + CHUNK, len(data))), step)
        for what, files, step in rows
        for name, data in sorted(files.items())
        for start in range(0, len(data), CHUNK)
    ]


def run(job: Job) -> tuple[str, int, int, float]:
    """Carry out one job; return row, flips, misses and seconds."""
    began = time.perf_counter()
    missed = WORK[job.what](job)
    return job.what, len(_stepped(job)), missed, time.perf_counter() - began


def main() -> int:
    """Flip everything and print the table."""
    parser = argparse.ArgumentParser(prog="python -m tools.long_flips", description=__doc__)
    parser.add_argument("--whole", type=int, default=67, metavar="N", help="by default each 67th")
    parser.add_argument("--inside", type=int, default=13, metavar="N", help="by default each 13th")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    flips, missed = Counter[str](), Counter[str]()
    seconds = dict.fromkeys(WORK, 0.0)
    began = time.perf_counter()
    with ProcessPoolExecutor(given.jobs) as pool:
        for what, count, wrong, took in pool.map(run, jobs(given.whole, given.inside)):
            flips[what] += count
            missed[what] += wrong
            seconds[what] += took
    wall = time.perf_counter() - began
    print("| what | bits flipped | found | not found | CPU seconds |\n|---|---|---|---|---|")
    for what in WORK:
        found = flips[what] - missed[what]
        print(f"| {what} | {flips[what]} | {found} | {missed[what]} | {seconds[what]:.0f} |")
    tree = good_packet().tree
    python = platform.python_version()
    print(f"\n{tree}, Python {python}, {given.jobs} processes, {wall:.0f} s")
    return 1 if missed.total() else 0


if __name__ == "__main__":
    sys.exit(main())
