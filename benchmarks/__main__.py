"""The one command: `python -m benchmarks w1|w2|w3|w4|startup [--runs N] [--json FILE]`."""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.bulk import bulk_pairs
from benchmarks.paired import HEADER, measure
from benchmarks.tools import Bench, versions
from benchmarks.w1 import seal_pairs, startup_pairs, verify_pairs
from benchmarks.workloads import make_w1, make_w2, make_w3, make_w4

_MAKERS = {"w2": make_w2, "w3": make_w3, "w4": make_w4}


def main() -> None:
    """Measure, and print medians and ratios; below 1 greenlight is the faster one."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "what", choices=["w1", "w2", "w3", "w4", "startup"], help="w1 includes startup"
    )
    parser.add_argument("--runs", type=int, default=11, help="pairs of runs (default 11)")
    parser.add_argument("--json", type=Path, help="write every single time there")
    arguments = parser.parse_args()
    if arguments.runs < 1:
        parser.error("--runs needs a number from 1 on")

    with tempfile.TemporaryDirectory(prefix="greenlight-bench-") as scratch:
        root = Path(scratch)
        bench = Bench(root / "home", root / "w1")
        make = _MAKERS.get(arguments.what, make_w1)
        files, size = make(bench.work)
        print(" ".join(f"{name}={value!r}" for name, value in versions().items()))
        name = arguments.what.upper()
        print(
            f"{os.cpu_count()} cores; {name}: {files} files, {size} bytes; {arguments.runs} pairs"
        )
        bench.make_keys()
        pairs = bulk_pairs(bench) if arguments.what in _MAKERS else startup_pairs(bench)
        if arguments.what == "w1":
            pairs += seal_pairs(bench) + verify_pairs(bench)
        print(f"\n{HEADER}")
        results = []
        for index, pair in enumerate(pairs):
            results.append(measure(pair, root / str(index), arguments.runs))
            print(results[-1].row(), flush=True)
    print("\nratio: median of ours/peer over the pairs. Not like for like:")
    for pair in pairs:
        print(f"- {pair.job}, {pair.peer.name}: {pair.differs}")
    if arguments.json:
        document = {"versions": versions(), "results": [result.as_json() for result in results]}
        arguments.json.write_text(_document(document), encoding="utf-8")


def _document(value: Any) -> str:
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    main()
