"""Power cuts: what an ext4 image holds right after an acknowledgement, mounted again.

The image is copied as it lies on the host the moment the act is acknowledged, with a journal that
commits by itself only after five minutes (``commit=300``): what is in the copy was synced.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from greenlight.services.verifying import Integrity, Trust, verify_all
from greenlight.store.repository import create_store, open_store
from tests.faults.races import Worker, begin_store

_IMAGE_BYTES: Final = 48 * 2**20
_TRIES: Final = 50  # a tenth of a second each: whoever looked at it last may still be ending
_COPIES: Final = 100  # of one image, until nothing is written meanwhile
_ON_ONE: Final = 40  # cuts of one store


@dataclass
class Cut:
    """What became of power cuts.

    Attributes:
        cuts: How many.
        lost: What was acknowledged, and is not there.
        broken: What does not verify, or git finds fault with.
    """

    cuts: int = 0
    lost: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)


def why_not() -> str:
    """Say why images cannot be mounted here; empty where they can."""
    if os.geteuid() != 0:
        return "mounting an image takes root"
    missing = [name for name in ("mkfs.ext4", "mount") if shutil.which(name) is None]
    return f"{missing[0]} is not installed" if missing else ""


@contextmanager
def mounted(image: Path, folder: Path, *options: str) -> Iterator[Path]:
    """Mount an image of a file system.

    Raises:
        OSError: It cannot be mounted here.
    """
    folder.mkdir(exist_ok=True)
    command = ["mount", "-o", ",".join(("loop", *options)), str(image), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise OSError(done.stderr.strip())
    try:
        yield folder
    finally:
        _unmount(folder)


def _unmount(folder: Path) -> None:
    """Unmount, whole: a lazy one goes on writing to an image that is by then another's."""
    for _ in range(_TRIES):
        done = subprocess.run(["umount", str(folder)], capture_output=True, check=False)
        if done.returncode == 0:
            return
        time.sleep(0.1)
    subprocess.run(["umount", "-l", str(folder)], check=True)


def cut(folder: Path, cuts: int) -> Cut:
    """Append and seal in turn; cut the power after each acknowledgement.

    Raises:
        OSError: No image can be mounted here.
    """
    result = Cut()
    evidence = folder / "evidence"
    evidence.mkdir()
    (evidence / "a.txt").write_text("one\n")
    (evidence / "b.txt").write_text("two\n" * 9000)
    while result.cuts < cuts:
        image = folder / "image"
        with image.open("wb") as file:
            file.truncate(_IMAGE_BYTES)
        subprocess.run(["mkfs.ext4", "-q", str(image)], check=True, capture_output=True)
        with mounted(image, folder / "disk", "commit=300") as disk:
            with create_store(disk / "s") as store:
                begin_store(store)
            _cut_one(folder, image, evidence, min(_ON_ONE, cuts - result.cuts), result)
        image.unlink()
    return result


def _cut_one(folder: Path, image: Path, evidence: Path, cuts: int, result: Cut) -> None:
    worker = Worker(folder / "disk" / "s")
    worker.begin()
    trees: set[str] = set()
    try:
        for number in range(1, cuts + 1):
            if number % 2:
                (evidence / "n.txt").write_text(f"{result.cuts}\n")
                worker.say(f"seal {evidence}")
                said = worker.hear()
                trees.add(said)
            else:
                worker.say(f"append {100 + number} {101 + number}")
                said = worker.hear()
                trees.add(f"sha256:{100 + number:064x}")
            copy = folder / f"cut-{result.cuts}"  # never one that a loop device still holds
            _copy_at_once(image, copy, folder / "disk")  # as if the power went now
            if number % 2 == 0:
                worker.hear()
            assert said, "the worker died"
            result.cuts += 1
            with mounted(copy, folder / "after") as after:
                _look(after / "s", trees, result)
            copy.unlink()
    finally:
        worker.close()


def _copy_at_once(image: Path, copy: Path, disk: Path) -> None:
    """Copy an image as it is at one moment: again where something was written meanwhile.

    Power goes at once.  A copy in which one block is older than another is of no moment, and what
    it lacks was never lost.
    """
    for _ in range(_COPIES):
        before = _written(disk)
        shutil.copyfile(image, copy)
        if _written(disk) == before:
            return
    raise OSError(f"{disk} is written to all the time")


def _written(disk: Path) -> tuple[str, str]:
    """Return how often a mounted image was written to, and whether it is being written to now."""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        device, folder, *_ = line.split(" ")
        if folder == str(disk):
            fields = Path(f"/sys/block/{Path(device).name}/stat").read_text().split()
            return fields[4], fields[8]
    raise OSError(f"{disk} is not mounted")


def _look(path: Path, trees: set[str], result: Cut) -> None:
    name = f"cut {result.cuts}"
    if not path.is_dir():
        result.lost.append(f"{name}: the store itself")
        return
    done = subprocess.run(
        ["git", "fsck", "--strict", "--full", "--no-dangling"],
        cwd=path,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        result.broken.append(f"{name}: git fsck: {done.stderr[:200]}")
    try:
        with open_store(path, path) as store:
            verdict = verify_all(store, Trust())
            whole = {
                each.statement.subject
                for each in verdict.packets
                if each.statement is not None and each.integrity is Integrity.INTACT
            }
            records = {each.expected for each in verdict.report.findings}
    except Exception as error:  # noqa: BLE001 - whatever reading it raises is a finding
        result.broken.append(f"{name}: {type(error).__name__}: {error}")
        return
    # What was only appended names packets that nobody wrote: the ledger says so of each.
    there = whole | {text.removeprefix("the packet ") for text in records}
    if trees - there:
        result.lost.append(f"{name}: {sorted(trees - there)}")
    if {each.integrity for each in verdict.packets} - {Integrity.INTACT}:
        result.broken.append(f"{name}: a packet is not intact")
