"""The benchmark's own bookkeeping: what it measures is measured in pairs, from the same bytes."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from benchmarks import paired
from benchmarks.bulk import bulk_pairs
from benchmarks.growth import Appending, prove
from benchmarks.growth_page import BEGIN, END, Figure, with_figures
from benchmarks.growth_page import draw as draw_growth
from benchmarks.ledgers import make_ledger
from benchmarks.paired import Command, Pair, Result, Side, measure
from benchmarks.picture import draw
from benchmarks.targets import TARGETS
from benchmarks.tools import Bench
from benchmarks.w5 import grown_pairs
from benchmarks.workloads import make_w1, make_w2, make_w3, make_w4
from greenlight.ledger.pin import DEFAULT_REF, read_pin
from greenlight.ledger.read import read_ledger, read_records
from greenlight.primitives.merkle import leaf_hash
from greenlight.primitives.merkleproof import is_included
from greenlight.store.repository import open_store
from tests.tools import need

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paired, "SETTLE_SECONDS", 0.0)


def _side(name: str, code: str) -> Side:
    return Side(name, lambda folder: Command([sys.executable, "-c", code], folder, {}))


def test_the_workload_is_the_same_everywhere(tmp_path: Path) -> None:
    """22 files, whose bytes hang on a seed alone."""
    assert make_w1(tmp_path / "one") == make_w1(tmp_path / "two")
    one, two = (
        {p.relative_to(root): hashlib.sha256(p.read_bytes()).digest() for p in root.rglob("f*")}
        for root in (tmp_path / "one", tmp_path / "two")
    )
    assert len(one) == 22
    assert one == two


def test_the_ratio_is_taken_pair_by_pair() -> None:
    """A slow spell that hits both halves of a pair leaves the ratio as it was."""
    pair = Pair("seal", _side("a", ""), _side("b", ""), "nothing")
    result = Result(pair, ours=[1.0, 10.0, 3.0], peer=[2.0, 20.0, 2.0])
    assert result.ratios == [0.5, 0.5, 1.5]
    assert result.as_json()["ratio_median_percent"] == 50
    assert "0.50 to 1.50" in result.row()


def test_each_run_has_a_fresh_folder_and_one_warms_up(tmp_path: Path) -> None:
    """One more run than asked for is made, and not counted."""
    touch = "open('ran', 'x')"
    result = measure(Pair("seal", _side("a", touch), _side("b", touch), ""), tmp_path, runs=2)
    assert len(result.ours) == len(result.peer) == 2
    assert len(list(tmp_path.glob("*/ran"))) == 6


def test_a_command_that_fails_ends_the_benchmark(tmp_path: Path) -> None:
    """The time of a failure is no result."""
    pair = Pair("seal", _side("a", "raise SystemExit(3)"), _side("b", ""), "")
    with pytest.raises(SystemExit, match="a failed with 3"):
        measure(pair, tmp_path, runs=1)


@pytest.mark.parametrize("what", ["w2", "w3", "w4", "w5"])
def test_every_pair_of_the_larger_workloads_runs(tmp_path: Path, what: str) -> None:
    """At a tiny size, each command does what it is timed for."""
    for program in ("git", "openssl", "ssh-keygen", "sha256sum"):
        need(program)
    bench = Bench(tmp_path / "home", tmp_path / what)
    if what == "w2":
        files, size = make_w2(bench.work, files=20)
    elif what == "w3":
        files, size = make_w3(bench.work, file_bytes=1000)
    else:
        files, size = make_w4(bench.work, packets=3 if what == "w4" else 120)
    found = [path for path in bench.work.rglob("*") if path.is_file()]
    assert (files, size) == (len(found), sum(path.stat().st_size for path in found))
    bench.make_keys()
    pairs = grown_pairs(bench) if what == "w5" else bulk_pairs(bench)
    # Every target is of a pair that is measured; W5's peer has a tenth of its packets, here 12.
    wanted = {(job, peer.replace("1000", "12")) for name, job, peer in TARGETS if name == what}
    assert wanted <= {(pair.job, pair.peer.name) for pair in pairs}
    for number, pair in enumerate(pairs):
        assert len(measure(pair, tmp_path / str(number), runs=1).ratios) == 1


def test_the_memory_is_that_of_our_side(tmp_path: Path) -> None:
    """Measured as benchmarks do it, by a small process: Linux counts the one who starts, too."""
    code = (
        "import sys; from pathlib import Path; from benchmarks.paired import *;"
        "side = lambda code: Side('', lambda at: Command([sys.executable, '-c', code], at, {}));"
        "pair = Pair('seal', side('x = b\"1\" * (60 << 20)'), side('pass'), '');"
        "print(measure(pair, Path(sys.argv[1]), runs=1).peak_kib)"
    )
    command = [sys.executable, "-c", code, tmp_path]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert 60 * 1024 < int(done.stdout) < 120 * 1024


def test_a_target_is_reached_or_missed(tmp_path: Path) -> None:
    """The table says what was asked for beside what was found, and the memory of ours."""
    pair = Pair("seal", _side("a", ""), _side("b", ""), "")
    result = measure(pair, tmp_path, runs=1)
    assert result.peak_kib > 1024
    result.ours, result.peer, result.target = [1.0], [2.0], 0.5
    assert "0.5 reached" in result.row()
    result.target = 0.4
    assert "0.4 missed" in result.row()
    result.target = None
    assert result.is_reached is None


def test_the_picture_is_the_same_for_the_same_results() -> None:
    """A bar for each, green or not, as well-formed XML without anything that changes."""
    row = {"workload": "w1", "job": "seal", "peer": "a && b <c>", "ratio_median_percent": 50}
    rows = [
        row | {"target_percent": 40},
        row | {"target_percent": 60},
        row | {"target_percent": None},
    ]
    drawn = draw(rows, "2026, 2 cores")
    assert drawn == draw(rows, "2026, 2 cores")
    root = ET.fromstring(drawn)  # noqa: S314 - our own
    assert len([each for each in root.iter() if each.tag.endswith("rect")]) == 1 + len(rows)
    assert drawn.count("#2a9d5c") == 1
    assert drawn.count("#d1782a") == 1


def test_every_workload_has_targets() -> None:
    """What was asked for, row by row; that each is measured, each workload's test shows."""
    assert {name for name, _, _ in TARGETS} == {"w1", "w2", "w3", "w4", "w5"}
    assert len(TARGETS) == 17


def test_a_ledger_that_is_made_fast_is_one(tmp_path: Path) -> None:
    """Nothing in it is void, whatever its commits hold, and a proof from it gives its root."""
    for per_commit in (1, 40):
        path = tmp_path / str(per_commit)
        make_ledger(path, 90, per_commit)
        with open_store(path, path) as store:
            ledger = read_ledger(store, DEFAULT_REF, pin=read_pin(store), fully=True)
            ledger.require()
            assert (ledger.head.size, len(ledger.state.voids)) == (90, 0)
        for index in (0, 63, 64, 89):
            proof = prove(path, index)
            with open_store(path, path) as store:
                (raw,) = read_records(store, ledger, index, index + 1)
            assert is_included(leaf_hash(raw), index, 90, proof, ledger.head.root)


def test_the_growth_in_a_page_and_a_picture() -> None:
    """Each figure is a row with its verdict; what has a line is drawn from its points."""
    found = [
        Figure("append", "the bare writes", 10**power, [(0.01, 0.004), (0.02, 0.004)], 5)
        for power in range(7)
    ]
    found.append(Figure("verify all", "its signatures", 100, [(2.0, 1.0)], 1.5))
    page = with_figures(f"before{BEGIN}old{END}after", "head", found)
    assert page.startswith("before")
    assert page.endswith("after")
    assert "old" not in page
    assert "| verify all | 100 | its signatures | 2000.0 | 1000.0 | 2.00 |" in page
    assert page.count("| yes |") == 7
    assert page.count("| **no** |") == 1
    picture = ET.fromstring(draw_growth(found, "a & b"))  # noqa: S314 - our own
    assert sum(tag.tag.endswith("circle") for tag in picture.iter()) == 7
    with pytest.raises(SystemExit):
        with_figures("no marks", "head", found)


def test_what_an_append_is_held_against(tmp_path: Path) -> None:
    """The bare work writes and syncs, and an append beside it is one that counts."""
    path = tmp_path / "s.git"
    make_ledger(path, 3)
    with open_store(path, path) as store:
        work = Appending(store, tmp_path / "bare")
        work.ready(2)()
        work.one()()
        work.bare()
        ledger = read_ledger(store, DEFAULT_REF, pin=read_pin(store))
        assert (ledger.head.size, len(ledger.state.voids)) == (6, 0)
    assert len([path for path in (tmp_path / "bare").rglob("*") if path.is_file()]) == 7
