"""Pre-started processes that go for one thing at once, behind a barrier.

The workers import everything once.  For each race one claim is there to be won; each tries, and
says what became of it.  In some races a worker is killed at a random moment, and a new one
takes its place: what was acknowledged before stays.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from greenlight.errors import GreenlightError
from greenlight.ledger.admit import append
from greenlight.ledger.pin import DEFAULT_REF, read_pin
from greenlight.ledger.read import read_ledger
from greenlight.model.state import LedgerState
from greenlight.services.receipts import Operation, Permit, issue_receipts
from greenlight.services.remotes import fetch
from greenlight.services.saying import say
from greenlight.services.seal_dir import Outside, seal_dir
from greenlight.services.spending import Attempt, spend
from greenlight.store.repository import Store, open_store
from tests.ledger.actors import (
    EXECUTOR,
    OWNER,
    Pen,
    grant,
    outside,
    run_opened,
    spent,
    trust_root,
    uuid,
)

RELEASE: Final = Operation("publish_release", {"repository": "omega/marketops", "tag_name": "v1"})
RUN: Final = uuid(1)
_BATCH: Final = 500  # receipts issued at once


def now() -> datetime:
    """Return the time of this machine."""
    return datetime.now(UTC)


def begin_store(store: Store) -> None:
    """Begin a ledger with a trust root, a grant and an open run, at the time of this machine."""
    pen = Pen(1 << 80)
    bodies = ((trust_root(), OWNER), (grant(), OWNER), (run_opened(1), EXECUTOR))
    entries = [pen.sign(body, signer) for body, signer in bodies]
    append(store, OWNER, lambda *_: entries, clock=now)


# --- a worker


def work(git_dir: Path) -> None:
    """Do what each line of the input asks for, and say what became of it."""
    acts_of(git_dir).mkdir(exist_ok=True)
    print("ready", flush=True)
    with open_store(git_dir, git_dir) as store:
        for line in sys.stdin:
            word, what = line.split(maxsplit=1)
            if word == "end":
                break  # other workers hold the pipe too: it never ends by itself
            if word == "append":
                _append_all(store, *map(int, what.split()))
            elif word == "seal":
                sealed = seal_dir(Path(what.strip()), Outside(store, EXECUTOR, now))
                print(sealed.packet_tree, flush=True)
            elif word == "fetch":
                fetch(store, "")
                print(_look(store, what.strip(), fully=False), flush=True)
            elif word == "verify":
                print(_look(store, what.strip(), fully=True), flush=True)
            else:
                print(_try(store, what.strip(), checked=word == "spend"), flush=True)


def _append_all(store: Store, first: int, last: int) -> None:
    for number in range(first, last):
        entry = Pen(number * 1000).sign(outside(number), EXECUTOR)
        append(store, EXECUTOR, lambda *_, entry=entry: [entry], clock=now)
        print(number, flush=True)
    print("done", flush=True)


def _try(store: Store, receipt: str, *, checked: bool) -> str:
    """Spend a receipt as the command does, or by its claim alone, which nothing looks at before."""
    try:
        if checked:
            attempt = Attempt("prod", receipt, RUN, RELEASE)
            operation = spend(store, EXECUTOR, attempt, clock=now).operation_id
        else:
            operation = str(UUID(bytes=os.urandom(16), version=4))
            body = spent(
                receipt_id=receipt, operation_id=operation, operation_digest=RELEASE.digest
            )
            say(store, EXECUTOR, lambda *_: [body], clock=now)
    except GreenlightError as error:
        return error.code.name
    (acts_of(store.git_dir) / f"{receipt} {operation}").touch()
    return f"won {operation}"


def acts_of(git_dir: Path) -> Path:
    """Return the folder of what was done under receipts: a file for each operation."""
    return git_dir / "acts"


def _look(store: Store, receipt: str, *, fully: bool) -> str:
    """Read the ledger; say where it ends, and which operation holds a receipt."""
    ledger = read_ledger(store, DEFAULT_REF, pin=read_pin(store), fully=fully)
    if ledger.findings or list(ledger.state.voids):
        return f"broken: {ledger.findings} {list(ledger.state.voids)}"
    spend = ledger.state.spends.get(receipt)
    holder = "nobody" if spend is None else spend.body.operation_id
    return f"{ledger.head.size} {ledger.head.root.hex()} {holder}"


class Worker:
    """A process that waits for words: forked, so that nothing is imported again."""

    def __init__(self, git_dir: Path) -> None:
        self.git_dir = git_dir
        self._start()

    def _start(self) -> None:
        in_read, in_write = os.pipe()
        out_read, out_write = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            status = 1
            try:
                os.dup2(in_read, 0)
                os.dup2(out_write, 1)
                sys.stdin, sys.stdout = os.fdopen(0), os.fdopen(1, "w")
                work(self.git_dir)
                status = 0
            finally:
                os._exit(status)
        os.close(in_read)
        os.close(out_write)
        self._in, self._out = in_write, os.fdopen(out_read)

    def say(self, words: str) -> None:
        os.write(self._in, f"{words}\n".encode())

    def hear(self) -> str:
        """Return its next line; empty where it is dead."""
        return self._out.readline().strip()

    def begin(self) -> None:
        """Wait until it is ready."""
        said = self.hear()
        assert said == "ready", said

    def kill(self) -> list[str]:
        """Kill it; return what it had still said, and have another in its place."""
        os.kill(self.pid, signal.SIGKILL)
        said = self._out.read().splitlines()
        self._reap()
        self._start()
        self.begin()
        return said

    def close(self) -> None:
        with suppress(BrokenPipeError):
            self.say("end -")
        self._out.read()
        self._reap()

    def _reap(self) -> None:
        os.waitpid(self.pid, 0)
        os.close(self._in)
        self._out.close()


@dataclass
class Raced:
    """What became of races.

    Attributes:
        races: How many there were.
        won: Those that exactly one worker won, or that nobody won because the winner was killed
            before it could say so.
        twice: Those that more than one won.
        none: Those that nobody won, and nobody was killed.
        killed: In how many a worker was killed.
        unsaid: In how many the spend is there though nobody lived to say so.
        wrong: What else happened.
    """

    races: int = 0
    won: int = 0
    twice: int = 0
    none: int = 0
    killed: int = 0
    unsaid: int = 0
    wrong: list[str] = field(default_factory=list)


def race(  # noqa: PLR0913 - a table's row
    store: Store,
    races: int,
    *,
    processes: int = 16,
    kill_each: int = 0,
    check_each: int = 10,
    seed: int = 1,
) -> Raced:
    """Have processes spend one receipt after the other, all of them at once.

    Args:
        store: Where the receipts are issued and spent.
        races: How many receipts.
        processes: How many workers.
        kill_each: In each so manieth race a worker is killed, at a random moment.
        check_each: In each so manieth they spend as the command does, which looks first and
            records who was refused; in the others the claim alone decides.
        seed: Of the moments.
    """
    moments = random.Random(seed)  # noqa: S311 - when to kill
    workers = start([store.git_dir] * processes)
    result = Raced()
    holders: dict[str, set[str]] = {}
    try:
        for receipt in issue_ahead(store, races):
            kill = Kill.none()
            if kill_each and result.races % kill_each == kill_each - 1:
                kill = Kill(moments.randrange(processes), moments.random() * 0.05)
            word = "claim" if result.races % check_each else "spend"
            holders[receipt] = hold(workers, f"{word} {receipt}", kill, result)
    finally:
        for worker in workers:
            worker.close()
    compare(store, [store.git_dir], holders, result)
    return result


def start(folders: Sequence[Path]) -> list[Worker]:
    """Start a worker in each folder, and wait until all are ready."""
    workers = [Worker(folder) for folder in folders]
    for worker in workers:
        worker.begin()
    return workers


def issue_ahead(store: Store, count: int) -> Iterator[str]:
    """Issue receipts, many at once; yield the ids."""
    for first in range(0, count, _BATCH):
        permits = [Permit(RUN, RELEASE)] * min(_BATCH, count - first)
        for given in issue_receipts(store, OWNER, permits, clock=now).bodies:
            yield given.receipt_id


@dataclass(frozen=True, slots=True)
class Kill:
    """Which worker is killed in a race, and how many seconds after it began; -1 is none."""

    victim: int
    after: float

    @classmethod
    def none(cls) -> Kill:
        return cls(-1, 0.0)


def hold(workers: Sequence[Worker], words: str, kill: Kill, result: Raced) -> set[str]:
    """Hold one race; return the operations that were acknowledged."""
    for worker in workers:
        worker.say(words)
    said, victim = [], kill.victim
    if victim >= 0:
        time.sleep(kill.after)
        said += workers[victim].kill()
        result.killed += 1
    for number, worker in enumerate(workers):
        if number != victim:
            said.append(worker.hear())
    result.races += 1
    wins = {each.split()[1] for each in said if each.startswith("won ")}
    others = {each for each in said if not each.startswith("won ")} - {"RECEIPT_SPENT"}
    if others:
        result.wrong.append(f"{words}: {sorted(others)}")
    if len(wins) > 1:
        result.twice += 1
    elif not wins and victim < 0:
        result.none += 1
    else:
        result.won += 1
    return wins


def compare(
    store: Store, folders: Sequence[Path], holders: dict[str, set[str]], result: Raced
) -> None:
    """Hold what was acknowledged, and what was done under receipts, against the ledger."""
    state = read_state(store)
    done = {path.name for folder in folders for path in acts_of(folder).iterdir()}
    for each in done - {f"{key} {held.body.operation_id}" for key, held in state.spends.items()}:
        result.wrong.append(f"{each}: done by somebody who does not hold it")
    for receipt, wins in holders.items():
        spend = state.spends.get(receipt)
        if spend is None:
            if wins:
                result.wrong.append(f"{receipt}: acknowledged, and not in the ledger")
        elif not wins:
            result.unsaid += 1
        elif wins != {spend.body.operation_id}:
            result.wrong.append(f"{receipt}: another one holds it")
        elif f"{receipt} {spend.body.operation_id}" not in done:
            result.wrong.append(f"{receipt}: the winner did nothing")


def read_state(store: Store) -> LedgerState:
    """Verify a ledger from its records, and return its state."""
    with open_store(store.git_dir, store.git_dir) as fresh:
        ledger = read_ledger(fresh, DEFAULT_REF, pin=read_pin(fresh))
        assert ledger.findings == ()
        assert list(ledger.state.voids) == []
        return ledger.state


@dataclass
class Written:
    """What became of processes that append at once.

    Attributes:
        acknowledged: The numbers that were.
        listed: Those that are in the ledger.
        added: By how many records it grew.
        seconds: How long it took.
    """

    acknowledged: list[int]
    listed: set[int]
    added: int
    seconds: float


def write_at_once(store: Store, *, processes: int, each: int) -> Written:
    """Have processes append so many entries each."""
    before = _size(store)
    workers = [Worker(store.git_dir) for _ in range(processes)]
    for worker in workers:
        worker.begin()
    began = time.monotonic()
    for number, worker in enumerate(workers):
        first = 100 + number * each
        worker.say(f"append {first} {first + each}")
    acknowledged: list[int] = []
    for worker in workers:
        while (said := worker.hear()) not in ("done", ""):
            acknowledged.append(int(said))
    seconds = time.monotonic() - began
    for worker in workers:
        worker.close()
    state: Any = read_state(store)
    trees = [packet.sealed.packet_tree for packet in state.packets.values()]
    listed = {int(tree.removeprefix("sha256:"), 16) for tree in trees}
    return Written(acknowledged, listed, _size(store) - before, seconds)


def _size(store: Store) -> int:
    with open_store(store.git_dir, store.git_dir) as fresh:
        return read_ledger(fresh, DEFAULT_REF, pin=read_pin(fresh)).tip.size
