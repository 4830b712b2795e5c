"""Several processes on one store lose nothing; one that is killed wedges nobody."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from greenlight.ledger.pin import DEFAULT_REF, read_pin
from greenlight.ledger.read import read_ledger
from greenlight.store.packets import read_packet
from greenlight.store.repository import create_store, open_store
from greenlight.store.shelf import shelf_entries
from tests.ledger.actors import EXECUTOR, Pen, begin, outside, put
from tests.tools import need

ROOT = Path(__file__).parents[2]
LONG = os.environ.get("GREENLIGHT_LONG") == "1"

# Seals packets numbered from argv[2] to before argv[3]; prints each number once it is durable.
SEALER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from greenlight.store.packets import write_packet
from greenlight.store.repository import open_store
from greenlight.store.shelf import shelve
from tests.ledger.actors import AUTHOR, EXECUTOR, Pen, START, outside, put
with open_store(Path(sys.argv[1]), Path("/")) as store:
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(int(sys.argv[2]), int(sys.argv[3])):
        body = outside(number)
        commit = write_packet(
            store, {"number": b"%d" % number}, {"seal.cose": b"x"}, signer=EXECUTOR,
            author=AUTHOR, time=START, message="Seal",
        )
        shelve(store, commit, packet_tree=body.packet_tree, packet_id=body.packet,
               author=AUTHOR, time=START)
        put(store, [Pen(number * 1000).sign(body, EXECUTOR)], signer=EXECUTOR)
        print(number, flush=True)
"""


def sealer(store, first, stop, *before):
    """Start a sealing process, which waits for a line."""
    return subprocess.Popen(
        [*before, sys.executable, "-c", SEALER, str(store.git_dir), str(first), str(stop)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def go(process):
    assert process.stdout.readline() == "ready\n"
    process.stdin.write("\n")
    process.stdin.flush()


def recorded(store):
    """The numbers whose packets are in the ledger, after everything was verified."""
    ledger = read_ledger(store, DEFAULT_REF, pin=read_pin(store))
    assert ledger.findings == ()
    assert ledger.state.voids == []
    shelved = {entry.packet_tree: entry.commit for entry in shelf_entries(store)}
    numbers = set()
    for packet in ledger.state.packets.values():
        number = int(packet.sealed.packet_tree.removeprefix("sha256:"), 16)
        names = read_packet(store, shelved[packet.sealed.packet_tree]).names
        files = {path: store.objects.read_as("blob", oid) for path, oid in names.items()}
        assert files == {"number": b"%d" % number}
        numbers.add(number)
    return numbers


def fsck(store):
    subprocess.run(
        [need("git"), "fsck", "--strict", "--full"],
        cwd=store.git_dir,
        check=True,
        capture_output=True,
    )


@pytest.mark.parametrize("object_format", ["sha1", "sha256"])
def test_writers_lose_nothing(tmp_path, object_format):
    """Four processes that seal at once: every acknowledged packet is there, in one line."""
    store = create_store(tmp_path / "s", object_format=object_format)
    begin(store)
    each = 50 if LONG else 6
    writers = [sealer(store, 1 + n * each, 1 + (n + 1) * each) for n in range(4)]
    for writer in writers:
        go(writer)
    acknowledged = set()
    for writer in writers:
        out, err = writer.communicate()
        assert writer.returncode == 0, err
        acknowledged.update(map(int, out.split()))

    assert acknowledged == set(range(1, 1 + 4 * each))
    assert recorded(store) == acknowledged
    assert not list(store.git_dir.rglob("*.lock")) or {
        path.name for path in store.git_dir.rglob("*.lock")
    } <= {"append.lock", "pin.lock", "snapshot.lock"}
    fsck(store)


# The calls that change the store; -1 is before any of them.
CALLS = ("fsync", "link", "rename", "unlink", "mkdir")


@pytest.mark.parametrize("call", CALLS)
def test_killed_at_each_call(tmp_path, call):
    """Killed at a system call of a seal: nothing acknowledged is lost, and the next seal works."""
    strace = need("strace")
    store = create_store(tmp_path / "s")
    begin(store)
    number = killed = 0
    acknowledged = set()
    step = 1 if LONG else {"fsync": 9, "rename": 6, "mkdir": 5}.get(call, 1)
    for when in range(1, 200, step):
        number += 1
        writer = sealer(
            store,
            number,
            number + 1,
            strace,
            "-f",
            "-qq",
            "-o",
            os.devnull,
            "-e",
            f"trace={call}",
            "-e",
            f"inject={call}:signal=KILL:when={when}",
        )
        if writer.stdout.readline() == "ready\n":
            writer.stdin.write("\n")
            writer.stdin.flush()
        out, err = writer.communicate()
        if "ptrace" in err or "PTRACE" in err:
            pytest.skip(f"strace cannot trace here: {err.strip()}")
        acknowledged.update(map(int, out.split()))
        if writer.returncode == 0:
            break  # fewer calls than that: the seal went through
        killed += 1
        number += 1
        put(store, [Pen(number * 1000).sign(outside(number), EXECUTOR)])  # no wedge
    else:
        pytest.fail("a seal has more calls than were tried")

    ledger = read_ledger(store, DEFAULT_REF, pin=read_pin(store))
    found = {
        int(packet.sealed.packet_tree.removeprefix("sha256:"), 16)
        for packet in ledger.state.packets.values()
    }
    assert ledger.findings == ()
    assert acknowledged <= found
    assert killed
    fsck(store)


@pytest.mark.parametrize("call", ["fsync", "link", "rename", "mkdir", "unlink", "flock"])
@pytest.mark.parametrize("error", ["EIO", "ENOSPC", "EROFS"])
def test_refused_at_each_call(tmp_path, call, error):
    """Where the system refuses a call of a seal, it is not acknowledged, or it is there."""
    strace = need("strace")
    store = create_store(tmp_path / "s")
    begin(store)
    number = refused = 0
    acknowledged = set()
    step = 1 if LONG else {"fsync": 23, "rename": 17, "mkdir": 3}.get(call, 5)
    for when in range(1, 200, step):
        number += 1
        inject = ("-e", f"trace={call}", "-e", f"inject={call}:error={error}:when={when}")
        writer = sealer(store, number, number + 1, strace, "-f", "-o", tmp_path / "calls", *inject)
        go(writer)
        out, err = writer.communicate()
        if "ptrace" in err or "PTRACE" in err:
            pytest.skip(f"strace cannot trace here: {err.strip()}")
        acknowledged.update(map(int, out.split()))
        if writer.returncode != 0:
            assert "StoreError" in err.splitlines()[-1], err
            refused += 1
        if "INJECTED" not in (tmp_path / "calls").read_text():
            break  # fewer calls than that
        number += 1
        put(store, [Pen(number * 1000).sign(outside(number), EXECUTOR)])  # no wedge
    else:
        pytest.fail("a seal has more calls than were tried")

    found = {
        int(packet.sealed.packet_tree.removeprefix("sha256:"), 16)
        for packet in read_ledger(store, DEFAULT_REF, pin=read_pin(store)).state.packets.values()
    }
    assert acknowledged <= found
    assert refused
    fsck(store)


def test_killed_at_random(tmp_path):
    """Killed again and again while sealing: what was acknowledged is there, whole."""
    store = create_store(tmp_path / "s")
    begin(store)
    acknowledged = set()
    trials = itertools.count()
    while (trial := next(trials)) < (60 if LONG else 6) or not acknowledged:
        writer = sealer(store, 1 + trial * 1000, 1 + trial * 1000 + 999)
        go(writer)
        # A busy machine is given longer, until something was acknowledged at all.
        time.sleep((0.02 + 0.013 * (trial % 7)) * (1 + trial // 7))
        writer.send_signal(signal.SIGKILL)
        acknowledged.update(map(int, writer.communicate()[0].split()))

    assert acknowledged <= recorded(store)
    fsck(store)


def test_disk_full(tmp_path):
    """On a full disk a seal fails with IO_NOSPACE, the store stays whole, and space heals it."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small tmpfs takes root")
    mount = tmp_path / "small"
    mount.mkdir()
    done = subprocess.run(
        [need("mount"), "-t", "tmpfs", "-o", "size=640k", "tmpfs", mount],
        capture_output=True,
        check=False,
    )
    if done.returncode != 0:
        pytest.skip(f"no tmpfs can be mounted here: {done.stderr.decode().strip()}")
    try:
        store = create_store(mount / "s")
        begin(store)
        writer = sealer(store, 1, 10_000)
        go(writer)
        out, err = writer.communicate()
        assert writer.returncode == 1
        assert "StoreError" in err
        assert "No space left on device" in err
        acknowledged = set(map(int, out.split()))
        assert acknowledged
        assert acknowledged <= recorded(store)
        subprocess.run(["mount", "-o", "remount,size=64m", mount], check=True)
        number = max(acknowledged) + 10
        writer = sealer(store, number, number + 1)
        go(writer)
        assert writer.communicate()[0].split() == [str(number)]
        assert acknowledged | {number} <= recorded(store)
        fsck(store)
    finally:
        subprocess.run(["umount", "-l", mount], check=True)


@contextmanager
def mounted(image, folder, *options):
    """Mount an image of a file system; skip the test where that cannot be done."""
    folder.mkdir()
    command = [need("mount"), "-o", ",".join(("loop", *options)), image, folder]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"no image can be mounted here: {done.stderr.decode().strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def test_power_cut(tmp_path):
    """What the disk holds right after each acknowledgement is a whole store with all of it."""
    if os.geteuid() != 0:
        pytest.skip("mounting an image takes root")
    image = tmp_path / "image"
    with image.open("wb") as file:
        file.truncate(24 * 2**20)
    subprocess.run([need("mkfs.ext4"), "-q", image], check=True, capture_output=True)
    with mounted(image, tmp_path / "disk", "commit=300") as disk:  # nothing is written by age
        store = create_store(disk / "s")
        begin(store)
        for number in range(1, 21 if LONG else 4):
            writer = sealer(store, number, number + 1)
            go(writer)
            assert writer.stdout.readline() == f"{number}\n"
            cut = tmp_path / f"cut-{number}"
            shutil.copyfile(image, cut)  # as if the power went now
            assert writer.wait() == 0
            after = tmp_path / f"after-{number}"
            with mounted(cut, after), open_store(after / "s", after) as found:
                assert recorded(found) == set(range(1, number + 1))
                fsck(found)


def test_gc_beside_writers(tmp_path):
    """git gc --prune=now between and beside seals loses nothing that was acknowledged."""
    store = create_store(tmp_path / "s", object_format="sha1")
    begin(store)
    git = need("git")
    writer = sealer(store, 1, 13)
    go(writer)
    while writer.poll() is None:
        subprocess.run([git, "gc", "-q"], cwd=store.git_dir, check=False, capture_output=True)
    out, err = writer.communicate()
    assert writer.returncode == 0, err
    subprocess.run([git, "gc", "-q", "--prune=now"], cwd=store.git_dir, check=True)

    with open_store(store.git_dir, tmp_path) as fresh:
        assert recorded(fresh) == set(map(int, out.split())) == set(range(1, 13))
