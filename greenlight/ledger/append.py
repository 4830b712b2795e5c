"""Append to the ledger: decide from its state, place, compare and swap, or begin again.

A loop, each turn of which sees the newest ledger: the caller decides what to say,
the entries are placed behind the last record, and the ref moves only if nobody moved
it in between.  After a lost race the same entries are placed again, without a new
signature, as long as they would have effect; otherwise the caller decides anew.

Write order: records, frontier, head, trees and commit, all synced and read back; the
ref by compare-and-swap, synced; then the pin and the projection, which prove nothing.
A packet's own objects and its shelf come before any of this.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from greenlight.codes import Code
from greenlight.errors import ConflictError, MalformedError, RefusedError, StoreError
from greenlight.ledger import projection
from greenlight.ledger.message import describe
from greenlight.ledger.pin import DEFAULT_REF, Pin, read_pin, remember, write_pin
from greenlight.ledger.read import Ledger, Place, read_ledger
from greenlight.model.entry import decode_entry
from greenlight.model.head import Head
from greenlight.model.kinds import ClockCorrected
from greenlight.model.record import decode_record
from greenlight.model.state import LedgerState, Void
from greenlight.primitives.ed25519 import Signer
from greenlight.primitives.gittree import tree_objects
from greenlight.primitives.limits import MAX_RECORDS_PER_COMMIT
from greenlight.primitives.merkle import EMPTY_ROOT
from greenlight.primitives.timestamp import format_micros
from greenlight.store.durable import locked
from greenlight.store.packets import Sink, commit_body
from greenlight.store.repository import Store
from greenlight.verify.fold import fold
from greenlight.verify.ledger import Tip

MAX_AHEAD = timedelta(seconds=300)  # clocks of one project that are kept differ by less
MAX_ENTRIES = 100_000  # in one append: all of them are in memory at once, some 100 MB
MAX_LOOSE = 16  # records; from here on one pack is cheaper than a synced file for each object
MAX_TRIES = 1000  # lost races; each means that another writer got through
AUTHOR = "greenlight <greenlight@localhost>"

Decide = Callable[[LedgerState, datetime], Sequence[bytes]]


@dataclass(frozen=True, slots=True)
class Appended:
    """What an append did; by the time it is returned it is durable.

    Attributes:
        indexes: Of the new records, in the order of the entries.
        ledger: The ledger with them; packets that lost their claim are among its conflicts.
    """

    indexes: tuple[int, ...]
    ledger: Ledger

    @property
    def head(self) -> Head:
        return self.ledger.head


@dataclass(frozen=True, slots=True)
class _Placed:
    """Entries behind a tip, before anything is written."""

    entries: tuple[bytes, ...]
    records: tuple[bytes, ...]
    tips: tuple[Tip, ...]  # after each record
    state: LedgerState
    voids: tuple[Void, ...]

    @property
    def tip(self) -> Tip:
        return self.tips[-1]


@dataclass(frozen=True, slots=True)
class _Committer:
    """Who makes the ledger commit, and what it says."""

    signer: Signer
    author: str
    message: str | None


def append(  # noqa: PLR0913 - the outside world of one act
    store: Store,
    signer: Signer,
    decide: Decide,
    *,
    clock: Callable[[], datetime],
    ref: str = DEFAULT_REF,
    author: str = AUTHOR,
    message: str | None = None,
) -> Appended:
    """Append the entries that ``decide`` gives, and return when they are durable.

    Args:
        store: Where the ledger lies.
        signer: Signs the ledger commit, a courtesy to git; the entries carry their own.
        decide: Given the state and the time of this machine, what to append; called again
            where others were faster and its entries would be void.  It may raise.
        clock: Returns the time of this machine, aware.
        ref: The ledger's ref, where none is pinned yet.
        author: Of the commit, ``Name <address>``.
        message: Of the commit; made from the entries where it is None.

    Raises:
        RejectedError: The ledger is broken: nothing is appended to it.
        RefusedError: An entry would be void, with the code that says why; CLOCK_AHEAD;
            TRUST_REFUSED: there is a ledger, and nothing is pinned.
        StoreError: STORE_BUSY, IO_NOSPACE, IO_FAILED, STORE_DAMAGED.
    """
    ledger: Ledger | None = None
    entries: Sequence[bytes] | None = None
    committer = _Committer(signer, author, message)
    store.make_own_dir()
    for _ in range(MAX_TRIES):
        # Waiting in line saves lost races here; what is right is decided by the swap alone.
        with locked(store.own_dir / "append.lock"):
            pin = read_pin(store)
            ledger = read_ledger(store, ref if pin is None else pin.ref, pin=pin, base=ledger)
            ledger.require()
            if ledger.commit is not None and pin is None:
                raise RefusedError(
                    Code.TRUST_REFUSED,
                    "there is a ledger here, and no trust root is pinned",
                    hint="ask its owner for the digest, then: greenlight init --trust DIGEST",
                )
            now = clock()
            placed = None if entries is None else _place(ledger, entries, now)
            if placed is None or _refusals(placed):
                placed = _place(ledger, tuple(decide(ledger.state, now)), now)
                _require_effect(placed)
            entries = placed.entries
            try:
                return _write(store, ledger, placed, committer, now)
            except ConflictError:
                continue
    raise StoreError(Code.STORE_BUSY, f"the ledger was moved by others {MAX_TRIES} times")


def _place(ledger: Ledger, entries: Sequence[bytes], now: datetime) -> _Placed:
    """Put entries behind the ledger's tip and fold them in; nothing is written."""
    if not 0 < len(entries) <= MAX_ENTRIES:
        raise RefusedError(Code.USAGE, f"{len(entries)} entries cannot be appended at once")
    tip, records, tips = ledger.tip, [], []
    for entry in entries:
        raw, tip = tip.place(entry, _ledger_time(tip, entry, now))
        records.append(raw)
        tips.append(tip)
    state = fold(ledger.state, (decode_record(raw) for raw in records))
    voids = tuple(state.voids[len(ledger.state.voids) :])
    return _Placed(tuple(entries), tuple(records), tuple(tips), state, voids)


def _ledger_time(tip: Tip, entry: bytes, now: datetime) -> datetime:
    correction = _correction(entry)
    if correction is not None:
        return correction
    if tip.time is None or tip.time <= now:
        return now
    if tip.time - now > MAX_AHEAD:
        raise RefusedError(
            Code.CLOCK_AHEAD,
            f"the ledger's time is {format_micros(tip.time)}, this clock says {format_micros(now)}",
            hint="if this clock is right, an owner corrects the ledger's: greenlight clock correct",
        )
    return tip.time


def _correction(entry: bytes) -> datetime | None:
    if ClockCorrected.KIND.encode() not in entry:
        return None  # to decode each of thousands for this would double what they cost
    try:
        decoded = decode_entry(entry)
        if decoded.kind != ClockCorrected.KIND:
            return None
        return ClockCorrected.from_body(decoded.body).moment
    except MalformedError:
        return None  # void, and refused for it


def _refusals(placed: _Placed) -> list[Void]:
    # A packet whose claim was taken is evidence nonetheless: admitted as a CONFLICT.
    return [void for void in placed.voids if void.code is not Code.PACKET_CONFLICT]


def _require_effect(placed: _Placed) -> None:
    for void in _refusals(placed):
        raise RefusedError(void.code, f"{void.kind or 'an entry'} would be void: {void.reason}")


def _write(
    store: Store, ledger: Ledger, placed: _Placed, committer: _Committer, now: datetime
) -> Appended:
    """Write the commit and move the ref.

    Raises:
        ConflictError: Others were faster; unreachable objects remain.
    """
    indexes = tuple(range(ledger.tip.size, placed.tip.size))
    with _sink(store, len(placed.records)) as sink:
        places = _commits(sink, ledger, placed, committer, now)
    commit = places[-1].commit
    store.objects.flush()
    if ledger.commit is None:
        # Before the ref: a ledger without a pin would be anybody's.
        write_pin(store, Pin(ledger.ref, Head(placed.tip.origin, 0, EMPTY_ROOT)))
    store.refs.swap(ledger.ref, old=ledger.commit, new=commit)
    with suppress(StoreError):  # a keep file that stays costs a repack, and nothing else
        store.objects.release()
    # The append is durable.  What follows proves nothing, so it must not make it look failed.
    with suppress(StoreError):
        remember(store, ledger.ref, placed.tip.head)
    new = replace(
        ledger,
        commit=commit,
        places=(*ledger.places, *places),
        state=placed.state,
        tip=placed.tip,
    )
    projection.update(store, new, before=ledger.head if ledger.commit else None)
    return Appended(indexes, new)


class _Loose:
    """Objects one by one: for a few, a file each is what git itself would write."""

    def __init__(self, store: Store) -> None:
        self.object_format = store.object_format
        self._write = store.objects.write

    def add(self, kind: str, body: bytes) -> bytes:
        return bytes.fromhex(self._write(kind, body))


@contextmanager
def _sink(store: Store, records: int) -> Iterator[Sink]:
    """Give where the objects of an append go."""
    if records <= MAX_LOOSE:
        yield _Loose(store)
        return
    with store.objects.packing() as pack:
        yield pack


def _commits(
    sink: Sink, ledger: Ledger, placed: _Placed, committer: _Committer, now: datetime
) -> list[Place]:
    """Put records, heads, trees and commits into ``sink``; as many commits as they need."""
    places: list[Place] = []
    parent = ledger.commit
    for at in range(0, len(placed.records), MAX_RECORDS_PER_COMMIT):
        piece = slice(at, at + MAX_RECORDS_PER_COMMIT)
        records, tip = placed.records[piece], placed.tips[piece][-1]
        entries = placed.entries[piece]
        first = ledger.tip.size + at
        blobs = [sink.add("blob", raw) for raw in records]
        names = {f"records/{first + offset}.cbor": oid for offset, oid in enumerate(blobs)}
        head = names["head"] = sink.add("blob", tip.head.encode())
        frontier = names["frontier.cbor"] = sink.add("blob", tip.frontier_bytes)
        tree = b""
        for _, body in tree_objects(names, sink.object_format):  # the root comes last
            tree = sink.add("tree", body)
        body = commit_body(
            sink.object_format,
            tree.hex(),
            () if parent is None else (parent,),
            signer=committer.signer,
            author=committer.author,
            time=now,
            message=describe(entries) if committer.message is None else committer.message,
        )
        parent = sink.add("commit", body).hex()
        places.append(
            Place(
                parent,
                first,
                tuple(oid.hex() for oid in blobs),
                head=head.hex(),
                frontier=frontier.hex(),
            )
        )
    return places
