"""Append to the ledger: decide from its state, place, compare and swap, or begin again.

A loop, each turn of which sees the newest ledger: the caller decides what to say,
the entries are placed behind the last record, and the ref moves only if nobody moved
it in between.  After a lost race the same entries are placed again, without a new
signature, as long as they would have effect; otherwise the caller decides anew.

Write order: records, frontier, head, trees and commit, all synced and read back; the
ref by compare-and-swap, synced; then the pin and the snapshot, which prove nothing.
More entries than one commit holds become a chain of commits, and the ref moves once.
A packet's own objects and its shelf come before any of this.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from greenlight.codes import Code
from greenlight.errors import ConflictError, MalformedError, RefusedError, StoreError
from greenlight.ledger.commits import Committer, Piece, write_commits
from greenlight.ledger.pin import (
    DEFAULT_REF,
    Pin,
    note_founding,
    read_pin,
    remember,
    write_pin,
)
from greenlight.ledger.places import Place
from greenlight.ledger.read import Ledger, keep, read_ledger
from greenlight.ledger.tables import look_up
from greenlight.model.entry import decode_entry
from greenlight.model.head import Head
from greenlight.model.kinds import ClockCorrected
from greenlight.model.state import LedgerState, Void
from greenlight.primitives.ed25519 import Signer
from greenlight.primitives.limits import MAX_ENTRIES_PER_APPEND, MAX_RECORDS_PER_COMMIT
from greenlight.primitives.merkle import EMPTY_ROOT, leaf_hash
from greenlight.primitives.timestamp import format_micros
from greenlight.store.durable import locked
from greenlight.store.repository import Store
from greenlight.verify.ahead import look
from greenlight.verify.fold import Folding
from greenlight.verify.ledger import Tip

MAX_AHEAD = timedelta(seconds=300)  # clocks of one project that are kept differ by less
_MANY = 16  # entries, whose claims are looked up at once
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
class Placed:
    """Entries behind a tip, before anything is written.

    Attributes:
        entries: What is placed.
        pieces: As they go into commits.
        tip: The end of the ledger with them.
        state: Its fold.
        voids: Those without effect.
    """

    entries: tuple[bytes, ...]
    pieces: tuple[Piece, ...]
    tip: Tip
    state: LedgerState
    voids: tuple[Void, ...]

    @property
    def leaves(self) -> Iterator[bytes]:
        return (leaf_hash(raw) for piece in self.pieces for raw in piece.records)

    def pin(self, ref: str) -> Pin:
        """Return the pin of the ledger that they begin, or go on."""
        return Pin(ref, Head(self.tip.origin, 0, EMPTY_ROOT))


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
    committer = Committer(signer, author, message)
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
            placed = None if entries is None else place(ledger, entries, now)
            if placed is None or refusals(placed):
                placed = place(ledger, tuple(decide(ledger.state, now)), now)
                require_effect(placed)
            entries = placed.entries
            try:
                return _write(store, ledger, placed, committer, now)
            except ConflictError:
                continue
    raise StoreError(Code.STORE_BUSY, f"the ledger was moved by others {MAX_TRIES} times")


def place(ledger: Ledger, entries: Sequence[bytes], now: datetime) -> Placed:
    """Put entries behind the ledger's tip and fold them in; nothing is written.

    Raises:
        RefusedError: CLOCK_AHEAD; USAGE: none, or too many.
    """
    if not 0 < len(entries) <= MAX_ENTRIES_PER_APPEND:
        raise RefusedError(Code.USAGE, f"{len(entries)} entries cannot be appended at once")
    tip, pieces = ledger.tip, []
    for at in range(0, len(entries), MAX_RECORDS_PER_COMMIT):
        piece = _piece(tip, tuple(entries[at : at + MAX_RECORDS_PER_COMMIT]), now)
        pieces.append(piece)
        tip = piece.tip
    folding = Folding(ledger.state)
    with nullcontext() if ledger.kept is None else ledger.kept.base.held():
        if ledger.kept is not None and len(entries) > _MANY:
            look_up(ledger.kept.base, _keys(pieces))
        for piece in pieces:
            for record, seen in zip(piece.placed, piece.seen, strict=True):
                folding.add(record, seen)
    state = folding.state
    voids = tuple(state.voids.since(ledger.state.voids))
    return Placed(tuple(entries), tuple(pieces), tip, state, voids)


def _keys(pieces: Iterable[Piece]) -> Iterator[tuple[str, str]]:
    """Yield what the fold will ask for: that it is not there yet, nearly always."""
    for piece in pieces:
        for seen in piece.seen:
            if seen.entry is not None:
                yield "uuid", f"{seen.entry.issuer} {seen.entry.uuid}"
                yield from (("claim", claim) for claim in seen.entry.claims)
                yield "tree", seen.entry.subject


def _piece(tip: Tip, entries: tuple[bytes, ...], now: datetime) -> Piece:
    records, tip = tip.follow(entries, lambda entry, last: _ledger_time(last, entry, now))
    return Piece(records, tuple([look(entry, {}) for entry in entries]), tip)


def _ledger_time(last: datetime | None, entry: bytes, now: datetime) -> datetime:
    correction = _correction(entry)
    if correction is not None:
        return correction
    if last is None or last <= now:
        return now
    if last - now > MAX_AHEAD:
        raise RefusedError(
            Code.CLOCK_AHEAD,
            f"the ledger's time is {format_micros(last)}, this clock says {format_micros(now)}",
            hint="if this clock is right, an owner corrects the ledger's: greenlight clock correct",
        )
    return last


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


def refusals(placed: Placed, first: int = 0) -> list[Void]:
    """Return the entries from record ``first`` on for which an append is refused."""
    # A packet whose claim was taken is evidence nonetheless: admitted as a CONFLICT.
    return [
        void
        for void in placed.voids
        if void.code is not Code.PACKET_CONFLICT and void.index >= first
    ]


def require_effect(placed: Placed, first: int = 0) -> None:
    """Refuse entries that would be void.

    Raises:
        RefusedError: With the code that says why.
    """
    for void in refusals(placed, first):
        raise RefusedError(void.code, f"{void.kind or 'an entry'} would be void: {void.reason}")


def _write(
    store: Store, ledger: Ledger, placed: Placed, committer: Committer, now: datetime
) -> Appended:
    """Write the commits and move the ref.

    Raises:
        ConflictError: Others were faster; unreachable objects remain.
    """
    places = write_commits(store, ledger.commit, placed.pieces, committer, now)
    store.objects.flush()
    if ledger.commit is None:
        note_founding(store, placed.pin(ledger.ref))
        # Before the ref: a ledger without a pin would be anybody's.
        write_pin(store, placed.pin(ledger.ref))
    return Appended(
        tuple(range(ledger.tip.size, placed.tip.size)), write_placed(store, ledger, placed, places)
    )


def write_placed(store: Store, ledger: Ledger, placed: Placed, places: Sequence[Place]) -> Ledger:
    """Move the ledger's ref to commits that were written and flushed; return it with them.

    Raises:
        ConflictError: Others were faster.
    """
    store.refs.swap(ledger.ref, old=ledger.commit, new=places[-1].commit)
    # The append is durable.  What follows proves nothing, so it must not make it look failed.
    new = replace(
        ledger,
        commit=places[-1].commit,
        places=ledger.places.followed_by(places),
        state=placed.state,
        tip=placed.tip,
        hashes=ledger.hashes.followed_by(placed.leaves),
    )
    with suppress(StoreError):
        store.objects.release()
        remember(store, ledger.ref, placed.tip.head)
    keep(ledger, new, store)
    return new
