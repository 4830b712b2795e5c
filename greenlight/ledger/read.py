"""Read the ledger: the chain of commits behind one ref, strictly.

Each commit has one parent, the first has none; its tree is exactly ``records/``,
``frontier.cbor`` and ``head``; its records are those that follow, none missing.
Anything else that somebody pushed into the ref is LEDGER_MALFORMED, with the commit.

What is read is data: findings, the state, and where each record lies.  A caller that
would act on it asks ``require`` first.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field

from greenlight.codes import Code
from greenlight.errors import GreenlightError, MalformedError, StoreError
from greenlight.ledger.pin import Pin
from greenlight.model.finding import Finding, Report
from greenlight.model.head import Head
from greenlight.model.state import LedgerState
from greenlight.primitives.limits import MAX_RECORD_BYTES, MAX_RECORDS_PER_COMMIT
from greenlight.primitives.text import escape
from greenlight.store.gitobjects import DIRECTORY, FILE, parse_commit, parse_tree
from greenlight.store.repository import Store
from greenlight.verify.ledger import Chain, ChainCheck, Tip

_RECORD = re.compile(rb"(0|[1-9][0-9]{0,18})\.cbor")
_SHAPE = [(FILE, b"frontier.cbor"), (FILE, b"head"), (DIRECTORY, b"records")]


@dataclass(frozen=True, slots=True)
class Place:
    """A ledger commit and the records it adds.

    Attributes:
        commit: Object id.
        first: Index of its first record.
        blobs: Object ids of its records, in order.
        head: Object id of its head.
        frontier: Object id of its frontier.
    """

    commit: str
    first: int
    blobs: tuple[str, ...]
    head: str
    frontier: str


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
    """

    ref: str
    commit: str | None = None
    places: tuple[Place, ...] = ()
    findings: tuple[Finding, ...] = ()
    state: LedgerState = field(default_factory=LedgerState)
    tip: Tip = field(default_factory=Tip)

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
        return self.places[bisect_right(self.places, index, key=lambda place: place.first) - 1]


def read_ledger(store: Store, ref: str, *, pin: Pin | None, base: Ledger | None = None) -> Ledger:
    """Read the ledger at ``ref``, and hold it against what is pinned.

    Args:
        store: Where it lies.
        ref: Name of its ref.
        pin: What is pinned here; without it anybody's ledger passes.
        base: What was read of it before, unbroken: only what is new is read then.

    Raises:
        StoreError: The ref cannot be read.
    """
    commit = store.refs.read(ref)
    seen = None if pin is None else pin.head
    if commit is None:
        return Ledger(ref, findings=tuple(_nothing(seen)))
    if base is not None and base.commit == commit:
        return base
    known = base if base is not None and not base.findings else None
    try:
        places = _walk(store, commit, known)
    except _Malformed as error:
        return Ledger(ref, commit, findings=(error.finding,))
    if places[0].first == 0:
        known = None  # all was read: the ref no longer leads to what was read before
    check = ChainCheck(
        pin=None if pin is None else pin.digest,
        seen=seen if seen is not None and seen.size > 0 else None,
        tip=None if known is None else known.tip,
        state=None if known is None else known.state,
    )
    chain = _check(store, ref, places, check)
    before = () if known is None else known.places
    return Ledger(ref, commit, (*before, *places), chain.findings, chain.state, chain.tip)


def read_records(store: Store, ledger: Ledger, first: int, stop: int) -> Iterator[bytes]:
    """Yield the bytes of the records from ``first`` to before ``stop``.

    Raises:
        StoreError: STORE_DAMAGED: one is missing or is not what its name says; IO_FAILED.
    """
    for index in range(first, stop):
        place = ledger.place_of(index)
        blob = place.blobs[index - place.first]
        yield store.objects.read_as("blob", blob, max_bytes=MAX_RECORD_BYTES)


class _Malformed(Exception):  # noqa: N818 - internal control flow: rubbish in the ref is data
    def __init__(self, commit: str, found: str) -> None:
        super().__init__(found)
        self.finding = Finding(
            Code.LEDGER_MALFORMED, f"ledger commit {commit}", "a ledger commit", escape(found)
        )


def _nothing(seen: Head | None) -> Iterator[Finding]:
    if seen is not None and seen.size > 0:
        yield Finding(
            Code.LEDGER_REWOUND, "ledger/head", f"size {seen.size} root {seen.root.hex()}", "none"
        )


def _walk(store: Store, commit: str, known: Ledger | None) -> list[Place]:
    """Return the commits after ``known`` up to ``commit``, oldest first; else all of them."""
    stop = None if known is None else known.commit
    found: list[Place] = []
    at: str | None = commit
    while at is not None and at != stop:
        place, at = _read_commit(store, at)
        found.append(place)
    found.reverse()
    expected = 0 if at is None or known is None else known.tip.size
    for place in found:
        if place.first != expected:
            raise _Malformed(place.commit, f"begins with record {place.first}, not {expected}")
        expected += len(place.blobs)
    return found


def _read_commit(store: Store, oid: str) -> tuple[Place, str | None]:
    """Return a ledger commit and its parent."""
    try:
        commit = parse_commit(store.objects.read_as("commit", oid), store.object_format)
        top = parse_tree(store.objects.read_as("tree", commit.tree), store.object_format)
        if len(commit.parents) > 1:
            raise _Malformed(oid, f"{len(commit.parents)} parents")
        if [(entry.mode, entry.name) for entry in top] != _SHAPE:
            raise _Malformed(oid, "not exactly records/, frontier.cbor and head")
        entries = parse_tree(store.objects.read_as("tree", top[2].oid), store.object_format)
    except (MalformedError, StoreError) as error:
        raise _Malformed(oid, f"{error.code}: {error}") from error
    by_index: dict[int, str] = {}
    for entry in entries:
        name = _RECORD.fullmatch(entry.name)
        if name is None or entry.mode != FILE:
            raise _Malformed(oid, f"records/ holds {entry.name!r} of mode {entry.mode!r}")
        by_index[int(name[1])] = entry.oid
    first = min(by_index, default=-1)
    if not by_index or len(by_index) > MAX_RECORDS_PER_COMMIT:
        raise _Malformed(oid, f"{len(by_index)} records")
    if max(by_index) - first + 1 != len(by_index):
        raise _Malformed(oid, "its records do not follow each other")
    blobs = tuple(by_index[first + offset] for offset in range(len(by_index)))
    place = Place(oid, first, blobs, head=top[1].oid, frontier=top[0].oid)
    return place, commit.parents[0] if commit.parents else None


def _check(store: Store, ref: str, places: list[Place], check: ChainCheck) -> Chain:
    """Go through the records, and through what each commit says of itself."""
    for place in places:
        try:
            for blob in place.blobs:
                check.add(store.objects.read_as("blob", blob, max_bytes=MAX_RECORD_BYTES))
            head = store.objects.read_as("blob", place.head, max_bytes=MAX_RECORD_BYTES)
            frontier = store.objects.read_as("blob", place.frontier, max_bytes=MAX_RECORD_BYTES)
        except (MalformedError, StoreError) as error:
            where = f"{ref}@{place.commit}"
            check.findings.append(_unreadable(where, error))
            return Chain(tuple(check.findings), check.state, check.tip)
        check.check_head(head, frontier, f"ledger commit {place.commit}")
    return check.finish(head=None, frontier=None)


def _unreadable(where: str, error: GreenlightError) -> Finding:
    return Finding(
        Code.LEDGER_MALFORMED, where, "objects that can be read", f"{error.code}: {error}"
    )
