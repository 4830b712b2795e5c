"""The ledger as it grows: `python -m benchmarks.growth [--to RECORDS] [--page FILE] [--svg FILE]`.

Each figure is a ratio of two things that are timed in turn, in one run, so that a slow spell of the
machine hits both: to the bare work that must be done (the same writes and syncs, the same
signatures, the same objects read by git), or to the same ledger when it was shorter.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Final

from nacl.exceptions import BadSignatureError  # noqa: TID251 - the peer
from nacl.signing import VerifyKey  # noqa: TID251 - the peer

from benchmarks.growth_page import HEAD, Figure, draw, with_figures
from benchmarks.ledgers import EXECUTOR, OWNER, START, cached, copy, folder, sealed, signed
from benchmarks.paired import SETTLE_SECONDS
from benchmarks.tools import BIN
from greenlight.ledger.append import append
from greenlight.ledger.pin import DEFAULT_REF, read_pin
from greenlight.ledger.read import read_ledger, read_records
from greenlight.ledger.snapshot import forget
from greenlight.model.entry import decode_entry
from greenlight.model.kinds import PacketSealed
from greenlight.model.record import decode_record
from greenlight.primitives import cose
from greenlight.primitives.merkleproof import inclusion_proof
from greenlight.store.repository import Store, open_store

SIZES: Final = (1, 10, 100, 1_000, 10_000, 100_000, 1_000_000)
FULL: Final = 100_000  # records of a full verification
FEW: Final = 100  # records that are new
BATCH: Final = 1_000
MANY_COMMITS: Final = 10_000  # records, each in a commit of its own
_FIRST_FREE: Final = 5_000_000  # runs from here on are in no ledger that is made


def figures(most: int) -> Iterator[Figure]:
    """Measure all of it, with ledgers of up to so many records."""
    sizes = [size for size in SIZES if size <= most]
    with tempfile.TemporaryDirectory(prefix="greenlight-growth-", dir=folder()) as name:
        scratch = Path(name)
        for size in sizes:
            yield from appending(size, scratch / f"a{size}")
        yield flat(1, min(FULL, most), scratch)
        yield from proving(min(1_000, most), most, scratch)
        for size in sizes[3:]:
            yield logging(size, sizes[2], scratch)
        yield from verifying(min(FULL, most), scratch)
        yield single(min(MANY_COMMITS, most), scratch)


def timed(work: Callable[[], object]) -> float:
    """Return the seconds that a piece of work takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def pairs(
    ours: Callable[[], object], theirs: Callable[[], object], runs: int
) -> list[tuple[float, float]]:
    """Time two things in turn; the first pair only warms the caches."""
    return [(timed(ours), timed(theirs)) for _ in range(runs + 1)][1:]


def prepared(
    ours: Callable[[], Callable[[], object]], theirs: Callable[[], Callable[[], object]], runs: int
) -> list[tuple[float, float]]:
    """Time two things in turn, each of which is made ready before the clock starts."""
    return [(timed(ours()), timed(theirs())) for _ in range(runs + 1)][1:]


def opened_copy(size: int, folder: Path, per_commit: int = 4096) -> tuple[Path, Store]:
    """Return a copy of a ledger of that size, read once, so that what is kept of it is there."""
    path = copy(cached(size, per_commit), folder)
    store = open_store(path, path)
    read_ledger(store, DEFAULT_REF, pin=read_pin(store)).require()
    os.sync()  # what preparing wrote must not be on the bill of whoever syncs first
    time.sleep(SETTLE_SECONDS)
    return path, store


# --- appending


class Appending:
    """Appends to one ledger, and the bare work beside it.

    Args:
        store: Where it lies.
        folder: Where bare files go.
    """

    def __init__(self, store: Store, folder: Path) -> None:
        self._store = store
        self._folder = folder
        folder.mkdir()
        self._run = _FIRST_FREE
        self._time = START + timedelta(days=3650)

    def ready(self, count: int) -> Callable[[], object]:
        """Return what appends so many packets that were sealed elsewhere, in one call, durably.

        They are signed by now: what an actor signs is no part of what the ledger does.
        """
        entries = []
        for _ in range(count):
            self._run += 1
            entries.append(signed(outside(self._run), self._run))
        return lambda: append(self._store, EXECUTOR, lambda *_: entries, clock=lambda: self._time)

    def one(self) -> Callable[[], object]:
        """Return what appends one packet."""
        return self.ready(1)

    def bare(self) -> None:
        """Write and sync what one append needs to be durable, and no more.

        Six objects, each a file of its own, synced and renamed; the folders that they came into;
        a ref likewise.  What an append remembers besides, its pin and its tables, is ours to pay.
        """
        self._run += 1
        folders = set()
        for number in range(6):
            folder = self._folder / f"{hash((self._run, number)) % 256:02x}"
            folder.mkdir(exist_ok=True)
            _write(folder / f"{self._run}-{number}", b"x" * 500)
            folders.add(folder)
        for folder in (*folders, self._folder):
            _sync(folder)
        _write(self._folder / "ref", b"x" * 65)
        _sync(self._folder)


def outside(run: int) -> PacketSealed:
    """Return a packet that was sealed elsewhere."""
    return replace(sealed(run), mode="none", status="NOT_EXECUTED")


def _write(path: Path, data: bytes) -> None:
    temporary = path.with_name(f"tmp-{path.name}")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def _sync(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(fd)
    os.close(fd)


def appending(size: int, folder: Path) -> Iterator[Figure]:
    """Compare one append with bare writes, and a thousand in one call with one."""
    _, store = opened_copy(size, folder)
    with store:
        work = Appending(store, folder.with_name(f"{folder.name}-bare"))
        peer = "the bare writes and syncs"
        yield Figure("append", peer, size, prepared(work.one, lambda: work.bare, 21), 5)
        if size in {1, FULL}:
            many = partial(work.ready, BATCH)
            job = f"append {BATCH} in one call"
            yield Figure(job, "append one", size, prepared(many, work.one, 5), 20)


def flat(short: int, long: int, scratch: Path) -> Figure:
    """Compare an append to a long ledger with one to a short one."""
    (_, first), (_, second) = (
        opened_copy(size, scratch / f"flat{at}") for at, size in enumerate((long, short))
    )
    with first, second:
        ours, theirs = (
            Appending(store, scratch / f"flat-bare{at}") for at, store in enumerate((first, second))
        )
        times = prepared(ours.one, theirs.one, 21)
    return Figure("append", f"to a ledger of {short}", long, times, 1.25)


# --- proving, listing


def proving(small: int, large: int, scratch: Path) -> Iterator[Figure]:
    """Compare a proof in a long ledger with one in a short one, and with a start of Python."""
    proofs = []
    for size in (small, large):
        path, store = opened_copy(size, scratch / f"p{len(proofs)}")
        store.close()
        proofs.append(partial(prove, path, size * 2 // 3))
    start = partial(subprocess.run, [sys.executable, "-c", "pass"], check=True)
    yield Figure("prove", f"in {small} records", large, pairs(proofs[1], proofs[0], 21), 3)
    yield Figure("prove", "python -c pass", large, pairs(proofs[1], start, 11), 1)


def prove(path: Path, index: int) -> tuple[bytes, ...]:
    """Open a store, read what is kept of its ledger, and make one inclusion proof."""
    with open_store(path, path) as store:
        ledger = read_ledger(store, DEFAULT_REF, pin=read_pin(store))
        return inclusion_proof(index, ledger.head.size, ledger.hashes.subtree)


def logging(size: int, shortest: int, scratch: Path) -> Figure:
    """Compare the last twenty of a long ledger with the last twenty of a short one."""
    commands = []
    for number in (size, shortest):
        folder = scratch / f"l{size}-{number}"
        _, store = opened_copy(number, folder)
        store.close()
        argv = [str(BIN / "greenlight"), "log", "-n", "20", "--store", str(folder)]
        commands.append(
            partial(subprocess.run, argv, check=True, stdout=subprocess.DEVNULL, cwd=scratch)
        )
    return Figure("log -n 20", f"of {shortest} records", size, pairs(*commands, 11), 1.1)


# --- verifying


def verifying(size: int, scratch: Path) -> Iterator[Figure]:
    """Compare a full verification with its signatures, and what is new with all of it."""
    path, store = opened_copy(size, scratch / "full")
    with store:
        ledger = read_ledger(store, DEFAULT_REF, pin=read_pin(store))
        raws = list(read_records(store, ledger, 0, size))
        full = partial(read_fully, path)
        _SIGNATURES.extend(map(_signature, raws))
        with ProcessPoolExecutor(2, mp_context=get_context("fork")) as pool:
            list(pool.map(time.sleep, [0.1, 0.1]))  # both are there
            halves = [(0, size // 2), (size // 2, size)]
            floor = partial(lambda: sum(pool.map(_verify, halves)))
            peer = "its signatures, by PyNaCl in 2 processes"
            yield Figure("verify all", peer, size, pairs(full, floor, 3), 1.5)
        _SIGNATURES.clear()
        yield _new_ones(path, store, size)
        yield _rebuilding(path, store, size, "")


def read_fully(path: Path) -> None:
    """Read and check every record."""
    with open_store(path, path) as store:
        read_ledger(store, DEFAULT_REF, pin=read_pin(store), fully=True).require()


_SIGNATURES: Final[list[tuple[bytes, bytes]]] = []


def _signature(raw: bytes) -> tuple[bytes, bytes]:
    message = decode_entry(decode_record(raw).entry).signed
    return message.signature, cose.sig_structure(message.protected, message.payload or b"")


def _verify(part: tuple[int, int]) -> int:
    """Verify signatures as PyNaCl does; who made them costs the same."""
    keys = [VerifyKey(signer.public.raw) for signer in (EXECUTOR, OWNER)]
    good = 0
    for signature, message in islice(_SIGNATURES, *part):
        try:
            keys[0].verify(message, signature)
        except BadSignatureError:
            keys[1].verify(message, signature)
        good += 1
    return good


def _new_ones(path: Path, store: Store, size: int) -> Figure:
    """Add records that are not among what is kept, as a fetch does, and read on."""
    (kept,) = store.own_dir.glob("ledger-*.sqlite")
    before = kept.read_bytes()
    Appending(store, path.with_name("bare")).ready(FEW)()

    def forget_them() -> None:
        for each in store.own_dir.glob("ledger-*.sqlite"):
            each.unlink()
        kept.write_bytes(before)

    def read_on() -> None:
        with open_store(path, path) as again:
            read_ledger(again, DEFAULT_REF, pin=read_pin(again)).require()

    times = []
    for _ in range(4):
        forget_them()
        times.append((timed(read_on), timed(partial(read_fully, path))))
    asked = 0.01 if size >= FULL else None  # of a short ledger a hundred are not a hundredth
    return Figure(f"verify {FEW} new", "verify all", size, times[1:], asked)


def _rebuilding(path: Path, store: Store, size: int, how: str) -> Figure:
    """Compare making the tables anew with git's reading of the same records."""
    ledger = read_ledger(store, DEFAULT_REF, pin=read_pin(store))
    oids = "".join(f"{oid}\n" for place in ledger.places for oid in place.blobs)

    def rebuild() -> None:
        with open_store(path, path) as again:
            forget(again)
            read_ledger(again, DEFAULT_REF, pin=read_pin(again)).require()

    def cat_file() -> None:
        argv = ["git", "cat-file", "--batch", "--buffer"]
        subprocess.run(argv, cwd=path, input=oids.encode(), stdout=subprocess.DEVNULL, check=True)

    peer = "git cat-file --batch, the same records"
    return Figure(f"rebuild the tables{how}", peer, size, pairs(rebuild, cat_file, 3), 4)


def single(size: int, scratch: Path) -> Figure:
    """The same where each record has a commit of its own."""
    path, store = opened_copy(size, scratch / "single", per_commit=1)
    with store:
        return _rebuilding(path, store, size, ", a commit for each")


def main() -> None:
    """Print the table; put it into a page, and draw the growth."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.growth", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument(
        "--to", type=int, default=FULL, help="records of the longest ledger (default: 100000)"
    )
    parser.add_argument("--page", type=Path, help="put the table between the marks of this page")
    parser.add_argument("--svg", type=Path, help="draw the growth there")
    arguments = parser.parse_args()
    head = (
        f"{datetime.now(UTC):%d %B %Y}, {os.cpu_count()} cores, {platform.machine()}, Linux"
        f" {platform.release()}, Python {platform.python_version()}"
    )
    print(head, HEAD, sep="\n\n")
    found = []
    for figure in figures(arguments.to):
        found.append(figure)
        print(figure.line(), flush=True)
    if arguments.page:
        page = arguments.page.read_text(encoding="utf-8")
        arguments.page.write_text(with_figures(page, head, found), encoding="utf-8")
    if arguments.svg:
        arguments.svg.write_text(draw(found, head), encoding="utf-8")


if __name__ == "__main__":
    main()
