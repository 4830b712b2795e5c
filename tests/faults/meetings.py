"""Two clones of one remote that spend the same receipt at once: one of them, and both know it.

Each clone has a worker, which was started before.  Receipts are issued ahead and known to both.
After each race both fetch, and must see one ledger with one holder.  In some races one of them
is killed; the push that it had begun goes on by itself, as it would, and is waited for.
"""

from __future__ import annotations

import os
import random
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from greenlight.ledger.pin import Pin, read_pin, write_pin
from greenlight.services.remotes import fetch
from greenlight.store.gitremote import configure
from greenlight.store.repository import Store, create_store
from tests.faults.races import (
    Kill,
    Raced,
    Worker,
    begin_store,
    compare,
    hold,
    issue_ahead,
    start,
)

_QUIET_SECONDS: Final = 60.0
_LONGEST_SECONDS: Final = 0.5  # of a race, until a kill


@dataclass(frozen=True, slots=True)
class Meeting:
    """Two clones and where they meet.

    Attributes:
        hub: A bare repository that knows nothing of greenlight.
        stores: The clones; the first one issues.
    """

    hub: Path
    stores: tuple[Store, Store]

    @classmethod
    def make(cls, folder: Path) -> Meeting:
        """Begin a ledger in one clone, and follow it in the other."""
        folder.mkdir()
        hub = folder / "hub.git"
        _git(folder, "init", "-q", "--bare", "--object-format=sha1", str(hub))
        one, two = (create_store(folder / f"{each}.git", object_format="sha1") for each in "12")
        for store in (one, two):
            _git(store.git_dir, "remote", "add", "origin", str(hub))
            configure(store, "origin")
        begin_store(one)
        pin = read_pin(one)
        assert pin is not None
        write_pin(two, Pin.of(pin.digest))
        fetch(two, "")
        return cls(hub, (one, two))

    @property
    def folders(self) -> tuple[Path, Path]:
        return self.stores[0].git_dir, self.stores[1].git_dir

    def close(self) -> None:
        for store in self.stores:
            store.close()


def race_clones(  # noqa: PLR0913 - a table's row
    meeting: Meeting,
    races: int,
    *,
    kill_each: int = 10,
    check_each: int = 2,
    verify_each: int = 50,
    seed: int = 1,
) -> Raced:
    """Have both clones spend one receipt after the other, each time at once.

    Args:
        meeting: The clones.
        races: How many receipts.
        kill_each: In each so manieth race one of the two is killed, at a random moment.
        check_each: In each so manieth they spend as the command does, which looks first and
            records who was refused; in the others the claim alone decides.
        verify_each: After each so manieth both verify the ledger from its first record on; after
            each of the others, what is new.
        seed: Of the moments.
    """
    moments = random.Random(seed)  # noqa: S311 - when to kill
    result = Raced()
    holders: dict[str, set[str]] = {}
    workers = start(meeting.folders)
    try:
        for receipt in issue_ahead(meeting.stores[0], races):
            if _agree(workers, f"fetch {receipt}", result) != "nobody":
                result.wrong.append(f"{receipt}: spent before the race")
            kill = Kill.none()
            if kill_each and result.races % kill_each == kill_each - 1:
                kill = Kill(moments.randrange(2), moments.random() * _LONGEST_SECONDS)
            word = "spend" if result.races % check_each else "claim"
            wins = holders[receipt] = hold(workers, f"{word} {receipt}", kill, result)
            if kill.victim >= 0:
                wait_until_quiet((meeting.hub, *meeting.folders))
            holder = _agree(workers, f"fetch {receipt}", result)
            if wins and wins != {holder}:
                result.wrong.append(f"{receipt}: {wins} was acknowledged, and {holder} holds it")
            if result.races % verify_each == 0 or result.races == races:
                _agree(workers, f"verify {receipt}", result)
    finally:
        for worker in workers:
            worker.close()
    for store in meeting.stores:
        compare(store, meeting.folders, holders, result)
    _git(meeting.hub, "fsck", "--strict", "--full", "--no-dangling")
    return result


def _agree(workers: Sequence[Worker], words: str, result: Raced) -> str:
    """Have both clones look; return the operation that holds the receipt, as both see it."""
    for worker in workers:
        worker.say(words)
    said = [worker.hear() for worker in workers]
    if said[0] != said[1] or len(said[0].split()) != 3:
        result.wrong.append(f"{words}: the clones see {said}")
    return said[0].rpartition(" ")[2]


def wait_until_quiet(folders: Sequence[Path]) -> None:
    """Wait until no process is at work in any of these folders.

    Raises:
        TimeoutError: One stays.
    """
    end = time.monotonic() + _QUIET_SECONDS
    while busy := _at_work({str(folder) for folder in folders}):
        if time.monotonic() > end:
            raise TimeoutError(f"still at work: {busy}")
        time.sleep(0.01)


def _at_work(folders: set[str]) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError):  # it has just ended
            if entry.name.isdigit() and os.readlink(entry / "cwd") in folders:
                found.append(int(entry.name))
    return found


def _git(folder: Path, *words: str) -> None:
    subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True)
