"""Read the ledger: the chain of commits behind one ref, strictly.

Reading goes on from what is kept of an earlier reading (``ledger.snapshot``) where the ref
still leads there, or from the beginning.  What is read is data: findings, the state, and
where each record lies.  A caller that would act on it asks ``require`` first.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Final

from greenlight.codes import Code
from greenlight.errors import GreenlightError, MalformedError, StoreError
from greenlight.ledger.base import Base
from greenlight.ledger.hashes import Hashes
from greenlight.ledger.pin import Pin
from greenlight.ledger.places import Place, Places
from greenlight.ledger.snapshot import Kept, Making, UnkeptError, extend, open_snapshot
from greenlight.ledger.stream import End, Item, Unread, stream
from greenlight.ledger.walk import OddCommitError, walk, walk_since
from greenlight.model.finding import Finding, Report
from greenlight.model.head import Head
from greenlight.model.state import LedgerState
from greenlight.primitives.limits import MAX_RECORD_BYTES
from greenlight.primitives.merkle import Frontier, leaf_hash
from greenlight.store.repository import Store
from greenlight.verify.ahead import keys_of
from greenlight.verify.ledger import Chain, ChainCheck, Tip

_CHUNK: Final = 8192  # records folded in memory at a time: 15 MiB


@dataclass(frozen=True, slots=True)
class Ledger:
    """A ledger as it was read.

    Attributes:
        ref: Where it lies.
        commit: Object id the ref pointed to, or None where there is no ledger.
        places: Its commits, oldest first.
        findings: Faults that break it; no void entries (``state.voids``).
        state: The fold of its records.
        tip: Where the next record goes.
        hashes: Its Merkle tree: ``hashes.subtree`` is what proofs are made of.
        kept: What it stands on: an earlier part of it, in tables; None in memory alone.
        shared: Whether it is that of a remote, whose ledger counts.
    """

    ref: str
    commit: str | None = None
    places: Places = field(default_factory=Places)
    findings: tuple[Finding, ...] = ()
    state: LedgerState = field(default_factory=LedgerState)
    tip: Tip = field(default_factory=Tip)
    hashes: Hashes = field(default_factory=Hashes, compare=False, repr=False)
    kept: Kept | None = field(default=None, compare=False, repr=False)
    shared: bool = field(default=False, compare=False)

    def standing_of(self, index: int) -> str:
        """Say what an entry is: ADMITTED where the remote whose ledger counts has taken it."""
        return "ADMITTED" if self.shared and index < self.tip.size else "SEALED"

    @property
    def head(self) -> Head:
        return self.tip.head

    def require(self) -> None:
        """Go on only if the ledger is unbroken.

        Raises:
            RejectedError: It is broken.
        """
        Report(self.findings).require()

    def place_of(self, index: int) -> Place:
        """Return the commit that added the record at ``index``, which must be there."""
        return self.places.of_record(index)


def read_ledger(
    store: Store, ref: str, *, pin: Pin | None, base: Ledger | None = None, fully: bool = False
) -> Ledger:
    """Read the ledger at ``ref``, and hold it against what is pinned.

    Args:
        store: Where it lies.
        ref: Name of its ref.
        pin: What is pinned here; without it anybody's ledger passes.
        base: What was read of it before, unbroken: only what is new is read then.
        fully: Whether to read and check every record, whatever is kept of earlier readings.

    Raises:
        StoreError: The ref cannot be read.
    """
    seen = None if pin is None else pin.head
    known = base if base is not None and not base.findings else None
    if known is None and not fully:
        # Before the ref: so what is kept is never ahead of what the ref gives.
        known = _kept(store, ref, pin)
    commit = store.refs.read(ref)
    if commit is None:
        return Ledger(ref, findings=tuple(_nothing(seen)))
    if known is not None and known is base and known.commit == commit:
        return known
    check_against = _Against(pin, seen if seen is not None and seen.size > 0 else None)
    try:
        if known is not None and known.commit is not None:
            places = walk_since(store, commit, known.commit, known.tip.size)
            if places is not None:
                return _read_on(store, known, commit, places, check_against)
        return _read_all(store, ref, commit, check_against)
    except OddCommitError as error:
        return Ledger(ref, commit, findings=(error.finding,))


def read_at(
    store: Store, ref: str, commit: str, *, pin: Pin | None, base: Ledger | None
) -> Ledger | None:
    """Read the ledger that ends at ``commit``, whatever its ref leads to; nothing is kept of it.

    Args:
        store: Where it lies.
        ref: The ref that it is to be the ledger of.
        commit: Its last commit.
        pin: What is pinned here.
        base: An earlier part of it, unbroken; None to read all of it.

    Returns:
        None where it does not go on from ``base``.
    """
    seen = None if pin is None else pin.head
    against = _Against(pin, seen if seen is not None and seen.size > 0 else None)
    try:
        if base is None or base.commit is None:
            return _read_all(store, ref, commit, against)
        places = walk_since(store, commit, base.commit, base.tip.size)
        return None if places is None else _read_on(store, base, commit, places, against)
    except OddCommitError as error:
        return Ledger(ref, commit, findings=(error.finding,))


def read_records(store: Store, ledger: Ledger, first: int, stop: int) -> Iterator[bytes]:
    """Yield the bytes of the records from ``first`` to before ``stop``.

    Raises:
        StoreError: STORE_DAMAGED: one is missing or is not what its name says; IO_FAILED.
    """
    if first >= stop:
        return
    for place in ledger.places.from_record(first):
        if place.first >= stop:
            return
        oids = map(place.blob_of, range(max(first, place.first), min(stop, place.end)))
        yield from store.objects.read_run("blob", oids, max_bytes=MAX_RECORD_BYTES)


def contains_head(store: Store, ledger: Ledger, size: int, root: bytes) -> tuple[Finding, ...]:
    """Say whether a ledger still contains a head that it was once seen with.

    The records that came after it are those from ``size`` to before ``ledger.head.size``.

    Args:
        store: Where the ledger lies.
        ledger: As it was read, unbroken.
        size: Records of the head that was seen.
        root: Its root.

    Returns:
        LEDGER_REWOUND where it does not; nothing where it does.

    Raises:
        StoreError: The ledger cannot be read.
    """
    head = Head(ledger.head.origin, size, root)
    held = _holds(store, ledger.places, ledger.tip, head)
    if held is None:
        frontier = Frontier().followed_by(map(leaf_hash, read_records(store, ledger, 0, size)))
        held = Head(ledger.head.origin, size, frontier.root) == head
    if held:
        return ()
    found = f"size {ledger.head.size} root {ledger.head.root.hex()}"
    return (Finding(Code.LEDGER_REWOUND, "ledger/head", f"size {size} root {root.hex()}", found),)


def keep(before: Ledger, after: Ledger, store: Store) -> None:
    """Keep what was appended, so that the next reading goes on from there; or leave it out.

    Args:
        before: The ledger that was appended to.
        after: The same with what was appended, by now durable.
        store: Where it lies.
    """
    if after.commit is None:
        return
    if before.kept is not None:
        extend(before.kept, _as_kept(after, before.kept.base))
    elif before.commit is None:
        try:
            with Making(store, beside=True) as making:
                making.add_places(after.places)
                state = making.fold_in(after.state)
                making.hash_in((after.hashes.new,))
                making.finish(after.ref, after.commit, after.tip, state, _again(store))
        except UnkeptError:
            return


@dataclass(frozen=True, slots=True)
class _Against:
    """What a ledger is held against.

    Attributes:
        pin: What is pinned here.
        seen: A head that it was seen with, or None.
    """

    pin: Pin | None
    seen: Head | None

    def check(self, tip: Tip, state: LedgerState) -> ChainCheck:
        digest = None if self.pin is None else self.pin.digest
        return ChainCheck(pin=digest, seen=self.seen, tip=tip, state=state)


def _kept(store: Store, ref: str, pin: Pin | None) -> Ledger | None:
    """Return the ledger that is kept, where it is the one that is pinned."""
    kept = open_snapshot(store, _again(store))
    if kept is None or kept.ref != ref:
        return None
    if pin is not None:
        seen = pin.head
        if kept.tip.origin != seen.origin:
            return None
        if 0 < seen.size <= kept.tip.size and not _holds(store, kept.places, kept.tip, seen):
            return None
    return _as_ledger(kept)


def _as_ledger(kept: Kept) -> Ledger:
    return Ledger(kept.ref, kept.commit, kept.places, (), kept.state, kept.tip, kept.hashes, kept)


def _as_kept(ledger: Ledger, base: Base) -> Kept:
    commit = ledger.commit or ""
    return Kept(ledger.ref, commit, ledger.tip, ledger.state, ledger.places, ledger.hashes, base)


def _holds(store: Store, places: Places, tip: Tip, head: Head) -> bool | None:
    """Report whether a ledger has a head among its commits; None where no commit ends there."""
    if head.size >= tip.size or head.size < 1:
        return head == tip.head if head.size == tip.size else False
    place = places.of_record(head.size - 1)
    if place.end != head.size:
        return None
    try:
        said = store.objects.read_as("blob", place.head, max_bytes=MAX_RECORD_BYTES)
    except (MalformedError, StoreError):
        return None
    return said == head.encode()


def _nothing(seen: Head | None) -> Iterator[Finding]:
    if seen is not None and seen.size > 0:
        yield Finding(
            Code.LEDGER_REWOUND, "ledger/head", f"size {seen.size} root {seen.root.hex()}", "none"
        )


# --- reading on


def _read_on(
    store: Store, known: Ledger, commit: str, places: list[Place], against: _Against
) -> Ledger:
    """Read the commits that came after what is known."""
    check = against.check(known.tip, known.state)
    count = sum(place.count for place in places)
    with closing(stream(store, places, count, lambda: keys_of(check.state.trust))) as items:
        whole = all(_take(known.ref, item, check) for item in items)
    chain = Chain(tuple(check.findings), check.state, check.tip)
    if whole:
        chain = check.finish(head=None, frontier=None)
    ledger = Ledger(
        known.ref,
        commit,
        known.places.followed_by(places),
        chain.findings,
        chain.state,
        chain.tip,
        known.hashes.followed_by(check.leaves),
        known.kept,
    )
    if known.kept is not None and places and not chain.findings:
        extend(known.kept, _as_kept(ledger, known.kept.base))
    return ledger


# --- reading all


def _read_all(store: Store, ref: str, commit: str, against: _Against) -> Ledger:
    """Read a ledger from its beginning, and keep what it comes to where that can be."""
    places = store.own_dir.is_dir()
    for beside in (True, False) if places else (False,):
        try:
            with Making(store, beside=beside) as making:
                return _read_into(making, store, ref, commit, against)
        except UnkeptError:
            continue
    raise StoreError(
        Code.IO_NOSPACE, "there is no room for the ledger's tables, here or in temporary files"
    )


def _read_into(making: Making, store: Store, ref: str, commit: str, against: _Against) -> Ledger:
    making.add_places(walk(store, commit))
    check = against.check(Tip(), LedgerState())
    findings: list[Finding] = []
    whole = True
    items = stream(store, making.places, making.records, lambda: keys_of(check.state.trust))
    with closing(items):
        for item in items:
            whole = _take(ref, item, check)
            if not whole:
                break
            if len(check.leaves) >= _CHUNK:
                findings += check.findings
                making.hash_in(check.leaves)
                check = against.check(check.tip, making.fold_in(check.state))
    findings += check.findings
    making.hash_in(check.leaves)
    tip, state = check.tip, making.fold_in(check.state)
    if whole:
        check = against.check(tip, state)
        findings += check.finish(head=None, frontier=None).findings
    if findings:
        kept = making.stopped(ref, commit, tip, state)
        return Ledger(ref, commit, kept.places, tuple(findings), state, tip, kept.hashes, kept)
    return _as_ledger(making.finish(ref, commit, tip, state, _again(store)))


class _Again:
    """Reads a ledger anew where its tables failed, as it was when they were made."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __call__(self, ref: str, commit: str) -> Base:
        try:
            ledger = _read_all(self._store, ref, commit, _Against(None, None))
        except OddCommitError as error:
            ledger = Ledger(ref, commit, findings=(error.finding,))
        ledger.require()
        if ledger.kept is None:  # nothing was read
            raise StoreError(Code.IO_FAILED, "the ledger cannot be read anew")
        return ledger.kept.base


def _again(store: Store) -> _Again:
    return _Again(store)


# --- records


def _take(ref: str, item: Item, check: ChainCheck) -> bool:
    """Check what was read next; report whether it could be read."""
    match item:
        case Unread():
            check.findings.append(_unreadable(f"{ref}@{item.commit}", item.error))
            return False
        case End():
            check.check_head(item.head, item.frontier, f"ledger commit {item.commit}")
        case _:
            check.add_ahead(item)
    return True


def _unreadable(where: str, error: GreenlightError) -> Finding:
    return Finding(
        Code.LEDGER_MALFORMED, where, "objects that can be read", f"{error.code}: {error}"
    )
