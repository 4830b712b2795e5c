"""A killed run, a full disk: the store serves on, and says what became of the run."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from greenlight.codes import Code
from greenlight.errors import StoreError
from greenlight.ledger.pin import read_pin
from greenlight.ledger.read import read_ledger
from greenlight.services.founding import found_ledger
from greenlight.services.verifying import Integrity, Trust, verify_all
from greenlight.store.repository import create_store
from tests.lanes_helper import OWNER, ROOT, Bench, editing, lane, shell
from tests.tools import need

# Runs the lane of argv[2] in the bench of argv[1], as far as the step of argv[3].
RUNNER = """
import sys, time
from pathlib import Path
from greenlight.store.repository import open_store
from tests.lanes_helper import Bench
tmp = Path(sys.argv[1])
def tell(step):
    print(step, flush=True)
    time.sleep(60 if step == sys.argv[3] else 0)
with open_store(tmp / "store.git", Path("/")) as store:
    bench = Bench(tmp / "lane", store, tmp / "rooms")
    bench.run(Path(sys.argv[2]).read_bytes(), on_step=tell)
print("done", flush=True)
"""


def start(bench: Bench, wanted: dict, stop: str = "") -> subprocess.Popen[str]:
    """Begin a run in a process of its own, which waits at the step ``stop``."""
    tmp = bench.folder.parent
    file = tmp / "wanted.yaml"
    file.write_bytes(bench.request(wanted).lane)
    return subprocess.Popen(
        [sys.executable, "-c", RUNNER, str(tmp), str(file), stop],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )


def kill_at(process: subprocess.Popen[str], step: str, after: float = 0.0) -> None:
    """Kill a run as one of its steps begins."""
    for line in process.stdout:
        if line.strip() == step:
            break
    time.sleep(after)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()


def rooms(bench: Bench) -> list[str]:
    return sorted(path.name for path in bench.rooms.iterdir())


def holds(bench: Bench) -> None:
    """Hold that ledger, shelves and every packet of the store verify."""
    verdict = verify_all(bench.store, Trust())
    assert verdict.report.findings == ()
    assert {packet.integrity for packet in verdict.packets} <= {Integrity.INTACT}


@pytest.mark.parametrize("step", ["preflight", "write", "gate", "probes", "publish", "review"])
def test_a_killed_run_is_abandoned_and_wedges_nobody(bench, step):
    """Its use stays spent, the next run takes the next one, and its workspace is swept away."""
    bench.write("kb/doc.md", "doc\n")
    kill_at(start(bench, editing(), step), step)
    assert [run.opened.use for run in bench.state.abandoned()] == [1]
    assert bench.state.packets == {}
    assert len(rooms(bench)) == 2  # a workspace and its lock
    holds(bench)
    bench.write("kb/doc.md", "doc\n")
    ran = bench.run(editing())
    assert (ran.verdict.integrity, ran.status) == (Integrity.INTACT, "APPLIED_NOT_CLEAN")
    assert ran.document("delegation-and-authority-lock.json")["use"] == 2
    assert rooms(bench) == []
    assert len(list(bench.state.abandoned())) == 1
    holds(bench)


def test_a_run_killed_while_it_publishes_leaves_the_old_or_the_new(bench):
    """No torn target and no litter beside it, wherever the kill falls."""
    for delay in (0.0, 0.002, 0.004):
        bench.write("kb/doc.md", "doc\n")
        kill_at(start(bench, editing()), "publish", after=delay)
        assert bench.read("kb/doc.md") in ("doc\n", "doc\nmore\n")
        bench.write("kb/doc.md", "doc\n")
        assert bench.run(editing()).status == "APPLIED_NOT_CLEAN"
        assert [path.name for path in (bench.folder / "kb").iterdir()] == ["doc.md"]


def test_a_workspace_in_use_is_not_swept(bench):
    """Another run's is locked by its process, and left alone."""
    process = start(bench, lane(steps=[shell("sleep 1; echo hello > greeting.txt")]))
    for line in process.stdout:
        if line.strip() == "write":
            break
    assert bench.run(lane()).status == "APPLIED_NOT_CLEAN"
    assert process.stdout.read().splitlines()[-1] == "done"
    assert process.wait() == 0
    process.stdout.close()
    packets = bench.state.packets.values()
    assert [packet.sealed.status for packet in packets] == ["APPLIED_NOT_CLEAN"] * 2
    assert rooms(bench) == []


# --- a full disk ------------------------------------------------------------


@contextmanager
def small_disk(folder: Path, size: str):
    """Mount a file system of its own size; skip where nobody may."""
    folder.mkdir()
    if os.geteuid() != 0:
        pytest.skip("only root can mount a file system that is small enough to fill")
    mount = [need("mount"), "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("this machine lets nobody mount a tmpfs")
    try:
        yield folder
    finally:
        subprocess.run([need("umount"), "-l", str(folder)], check=True)


def fill(folder: Path, leave: int) -> Path:
    """Take all the space of a file system but ``leave`` bytes."""
    ballast = folder / "ballast"
    free = shutil.disk_usage(folder).free
    ballast.write_bytes(b"\0" * max(0, free - leave))
    return ballast


@pytest.mark.parametrize("leave", [0, 12_000, 40_000, 90_000])
def test_a_full_store_refuses_and_serves_on_when_there_is_space(tmp_path, leave):
    """IO_NOSPACE; nothing that was acknowledged is lost, and the next seal succeeds."""
    with small_disk(tmp_path / "disk", "4m") as disk:
        bench = Bench.make(tmp_path / "bench", found=False)
        bench.store.close()
        bench.store = create_store(disk / "store.git", object_format="sha256")
        found_ledger(bench.store, OWNER, clock=bench.clock)
        with bench.store:
            first = bench.run(lane())
            ballast = fill(disk, leave)
            with pytest.raises(StoreError) as caught:
                bench.run(lane(steps=[shell("head -c 300000 /dev/urandom > greeting.txt")]))
            assert caught.value.code is Code.IO_NOSPACE
            # What was there is there; a run that could be opened is abandoned, one that
            # could not was never begun.
            pin = read_pin(bench.store)
            assert read_ledger(bench.store, pin.ref, pin=pin).findings == ()
            assert len(bench.state.packets) == 1
            assert first.verdict.integrity is Integrity.INTACT
            ballast.unlink()
            ran = bench.run(lane())
            assert (ran.verdict.integrity, ran.status) == (Integrity.INTACT, "APPLIED_NOT_CLEAN")
            holds(bench)
            assert rooms(bench) == []


def test_a_full_workspace_is_told_by_the_packet(bench, tmp_path):
    """The step failed for want of space, and its packet is sealed all the same."""
    with small_disk(tmp_path / "disk", "1m") as disk:
        bench.rooms = disk
        ran = bench.run(lane(steps=[shell("head -c 3000000 /dev/zero > greeting.txt")]))
        assert (ran.verdict.integrity, ran.status) == (Integrity.INTACT, "STOPPED")
        assert ran.failed == ("write", "STEP_FAILED")
        assert rooms(bench) == []


def test_a_workspace_too_small_for_its_sources_is_told(bench, tmp_path):
    """The run was open by then: no step of it ran, and the packet says why."""
    bench.write("kb/doc.md", b"x" * 900_000)
    with small_disk(tmp_path / "disk", "500k") as disk:
        bench.rooms = disk
        ran = bench.run(editing())
        assert (ran.verdict.integrity, ran.status) == (Integrity.INTACT, "STOPPED")
        assert ran.failed == ("preflight", "IO_NOSPACE")
