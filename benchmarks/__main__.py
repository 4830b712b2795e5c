"""The one command: `python -m benchmarks WORKLOAD... [--runs N] [--json FILE] [--svg FILE]`."""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

from benchmarks.bulk import bulk_pairs
from benchmarks.page import with_table
from benchmarks.paired import HEADER, Pair, Result, measure
from benchmarks.picture import draw
from benchmarks.targets import MAX_MIB, TARGETS
from benchmarks.tools import Bench, versions
from benchmarks.w1 import seal_pairs, startup_pairs, verify_pairs
from benchmarks.w5 import grown_pairs
from benchmarks.workloads import make_w1, make_w2, make_w3, make_w4, make_w5

Make = Callable[[Path], tuple[int, int]]
Pairs = Callable[[Bench], list[Pair]]


def _w1_pairs(bench: Bench) -> list[Pair]:
    return [*startup_pairs(bench), *seal_pairs(bench), *verify_pairs(bench)]


# How a workload is made, what is compared, and how often where nobody says: large ones less.
WORKLOADS: Final[dict[str, tuple[Make, Pairs, int]]] = {
    "startup": (make_w1, startup_pairs, 11),
    "w1": (make_w1, _w1_pairs, 11),
    "w2": (make_w2, bulk_pairs, 5),
    "w3": (make_w3, bulk_pairs, 2),
    "w4": (make_w4, bulk_pairs, 1),
    "w5": (make_w5, grown_pairs, 1),
}


def main() -> None:
    """Measure, and print medians and ratios; below 1 greenlight is the faster one."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("what", choices=[*WORKLOADS, "all"], nargs="+", help="all: w1 to w5")
    parser.add_argument("--runs", type=int, help="pairs of runs (default: 11 for w1, 1 for w5)")
    parser.add_argument(
        "--json", type=Path, help="write every single time there; other workloads in it stay"
    )
    parser.add_argument("--svg", type=Path, help="draw the ratios there")
    parser.add_argument("--page", type=Path, help="put the table between the marks of this page")
    arguments = parser.parse_args()
    if arguments.runs is not None and arguments.runs < 1:
        parser.error("--runs needs a number from 1 on")
    names = [*WORKLOADS][1:] if "all" in arguments.what else arguments.what
    print(" ".join(f"{name}={value!r}" for name, value in versions().items()))
    rows = _earlier(arguments.json, without=names)
    for name in names:
        rows += _measure(name, arguments.runs or WORKLOADS[name][2])
        rows.sort(key=lambda row: row["workload"])
        if arguments.json:  # after each workload: an hour's work is not lost at its end
            document = {"versions": versions(), "results": rows}
            arguments.json.write_text(_document(document), encoding="utf-8")
    _summary(rows)
    if arguments.svg:
        dates = sorted({row["date"] for row in rows})
        days = dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"
        caption = f"{days}, {os.cpu_count()} cores; {versions()['git']}"
        asked = [row for row in rows if row["target_percent"] is not None]
        arguments.svg.write_text(draw(asked, caption), encoding="utf-8")
    if arguments.page:
        text = arguments.page.read_text(encoding="utf-8")
        arguments.page.write_text(with_table(text, rows, versions()), encoding="utf-8")


def _measure(name: str, runs: int) -> list[dict[str, Any]]:
    make, pairs_of, _ = WORKLOADS[name]
    results: list[Result] = []
    with tempfile.TemporaryDirectory(prefix="greenlight-bench-") as scratch:
        root = Path(scratch)
        bench = Bench(root / "home", root / "work")
        files, size = _make_apart(make, bench.work)
        print(
            f"\n{name.upper()}: {files} files, {size} bytes; {os.cpu_count()} cores, {runs} pairs"
        )
        bench.make_keys()
        pairs = pairs_of(bench)
        print(HEADER)
        for index, pair in enumerate(pairs):
            result = measure(pair, root / str(index), runs)
            result.target = TARGETS.get((name, pair.job, pair.peer.name))
            results.append(result)
            print(result.row(), flush=True)
    print("Not like for like:")
    for pair in pairs:
        print(f"- {pair.job}, {pair.peer.name}: {pair.differs}")
    return [{"workload": name, "date": _today(), **result.as_json()} for result in results]


def _earlier(file: Path | None, *, without: list[str]) -> list[dict[str, Any]]:
    """Return what the file has of other workloads: each row says when it was measured."""
    if file is None or not file.exists():
        return []
    rows: list[dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))["results"]
    return [row for row in rows if row["workload"] not in without]


def _make_apart(make: Make, folder: Path) -> tuple[int, int]:
    """Make a workload in another process: what is started later counts our memory as its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(make, folder).result()


def _summary(rows: list[dict[str, Any]]) -> None:
    asked = [row for row in rows if row["target_percent"] is not None]
    reached = [row for row in asked if row["ratio_median_percent"] <= row["target_percent"]]
    print(f"\nratio: median of ours/other over the pairs; {len(reached)} of {len(asked)} as asked")
    for name, most in MAX_MIB.items():
        peaks = [row["peak_kib"] >> 10 for row in rows if row["workload"] == name]
        if peaks:
            word = "reached" if max(peaks) <= most else "missed"
            print(f"memory of {name.upper()}: {max(peaks)} MiB, to be at most {most}: {word}")


def _today() -> str:
    return datetime.now(UTC).date().isoformat()


def _document(value: Any) -> str:
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    main()
