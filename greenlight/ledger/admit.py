"""Append to the ledger that counts: the one here, or that of the remote where one is configured.

Where the ledger of a remote counts, an append is a push that must fast-forward: follow the
remote, decide on what it has, place behind its end, write, push, read back, and only then
move the ledger's ref here.  After a lost race the same entries are placed again, without
a new signature.  Until the remote has taken it nothing is acknowledged as ADMITTED.

What waits here (``ledger.pending``) is placed first, in order, whatever becomes of it: void
entries are kept, and a packet whose claim was taken is a CONFLICT.  An act that may wait
is kept there where the remote cannot be reached; every other is refused, and nothing of it
stays.  What must not get lost, a packet, is kept there whatever the remote says; the error
is raised all the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum
from typing import Final

from greenlight.codes import Code
from greenlight.errors import (
    ConflictError,
    GreenlightError,
    RefusedError,
    RejectedError,
    StoreError,
)
from greenlight.ledger import append as local
from greenlight.ledger.append import (
    AUTHOR,
    MAX_TRIES,
    Decide,
    Placed,
    place,
    refusals,
    require_effect,
    write_placed,
)
from greenlight.ledger.commits import Committer, write_commits
from greenlight.ledger.incoming import Followed, follow, track, tracking_ref
from greenlight.ledger.pending import Wait, drop_admitted, keep_pending, read_pending, waiting
from greenlight.ledger.pin import DEFAULT_REF, Pin, note_founding, read_pin, write_pin
from greenlight.ledger.places import Place
from greenlight.ledger.read import Ledger, read_ledger
from greenlight.ledger.shared import SharedShelves
from greenlight.model.entry import decode_entry
from greenlight.model.head import Head
from greenlight.model.state import LedgerState
from greenlight.primitives.ed25519 import Signer
from greenlight.primitives.merkle import EMPTY_ROOT
from greenlight.store.durable import locked
from greenlight.store.gitremote import GitRemote, Pushed, PushOutcome, ledger_remote
from greenlight.store.repository import Store

LOCK_SECONDS: Final = 300.0  # a push of another process here may take its time
# What says that the remote could not be asked, and not what it said.
AWAY: Final = frozenset({Code.REMOTE_UNREACHABLE, Code.REMOTE_TIMED_OUT})
_FIND_OUT: Final = "a receipt that was to be spent may count as spent; greenlight fetch finds out"
_OPEN: Final = AWAY | {Code.REMOTE_OUTCOME_UNKNOWN}
_WRONG: Final = frozenset(
    {Code.REMOTE_REFUSED, Code.REMOTE_LIED, Code.REMOTE_FORMAT, Code.REMOTE_TOO_LARGE}
)
MAX_STILL: Final = 5  # lost races in which nobody won: something else is in the way
_PAUSE_SECONDS: Final = 0.05  # doubled each time


@dataclass(frozen=True, slots=True)
class Admitted:
    """What became of an append.

    Attributes:
        indexes: Of the new records, in the order of the entries; where they wait, those that
            they would have now.
        ledger: The ledger with them; where they wait, its state alone counts them.
        waits: Whether they are SEALED and not ADMITTED.
    """

    indexes: tuple[int, ...]
    ledger: Ledger
    waits: bool = False

    @property
    def head(self) -> Head:
        return self.ledger.head


def append(  # noqa: PLR0913 - the outside world of one act
    store: Store,
    signer: Signer,
    decide: Decide,
    *,
    clock: Callable[[], datetime],
    ref: str = DEFAULT_REF,
    author: str = AUTHOR,
    message: str | None = None,
    may_wait: bool = False,
    must_keep: bool = False,
    ends: Collection[str] = (),
) -> Admitted:
    """Append the entries that ``decide`` gives to the ledger that counts.

    Args:
        store: Where the ledger lies.
        signer: Signs the ledger commit, a courtesy to git; the entries carry their own.
        decide: Given the state and the time of this machine, what to append; called again
            where others were faster and its entries would be void.  It may raise.
        clock: Returns the time of this machine, aware.
        ref: The ledger's ref, where none is pinned yet.
        author: Of the commit, ``Name <address>``.
        message: Of the commit; made from the entries where it is None.
        may_wait: Whether the act may stay SEALED where the remote cannot be reached.
        must_keep: Whether it stays so, too, where the remote will not have it or is not to be
            followed; that is raised then.
        ends: Runs that it ends: where their opening waits, it is admitted with this.

    Raises:
        RejectedError: The ledger, or what the remote has, is broken: nothing is appended.
        RefusedError: An entry would be void, with the code that says why; CLOCK_AHEAD;
            TRUST_REFUSED.
        StoreError: STORE_BUSY, IO_NOSPACE, IO_FAILED, STORE_DAMAGED; REMOTE_UNREACHABLE,
            REMOTE_TIMED_OUT, REMOTE_REFUSED, REMOTE_LIED: nothing was admitted;
            REMOTE_OUTCOME_UNKNOWN: it may have been, and the next command finds out.
    """
    remote = ledger_remote(store)
    if remote is None:
        done = local.append(
            store, signer, decide, clock=clock, ref=ref, author=author, message=message
        )
        return Admitted(done.indexes, done.ledger)
    committer = Committer(signer, author, message)
    store.make_own_dir()
    with locked(store.own_dir / "append.lock", wait_seconds=LOCK_SECONDS):
        pin = read_pin(store) or Pin(ref, Head("", 0, EMPTY_ROOT))
        act = _Act(store, remote, pin, committer, clock, decide, ends=ends)
        try:
            return act.admit()
        except (StoreError, RejectedError) as error:
            wrong: GreenlightError = error
        if wrong.code is Code.REMOTE_REFUSED and read_pending(store):
            # What waits may be what it will not have: this act goes without it.
            act = _Act(store, remote, pin, committer, clock, decide, only=(), ends=ends)
            try:
                return act.admit()
            except (StoreError, RejectedError, RefusedError) as error:
                wrong = error if isinstance(error, StoreError) else wrong
        if may_wait and wrong.code in _OPEN:
            return act.wait()
        if must_keep and (isinstance(wrong, RejectedError) or wrong.code in _WRONG):
            with suppress(GreenlightError):
                act.wait()
                wrong.hint = "what was made waits here as SEALED: greenlight push admits it"
        raise wrong


def admit_waiting(
    store: Store,
    signer: Signer,
    remote: GitRemote,
    *,
    clock: Callable[[], datetime],
    counts: bool = True,
) -> Admitted:
    """Have the remote take what waits here, and the packets that it does not have.

    Args:
        store: Where it waits.
        signer: Signs the ledger commit.
        remote: Where to.
        clock: Returns the time of this machine.
        counts: Whether its ledger counts; a copy elsewhere gets what has been admitted.

    Raises:
        RejectedError: As ``append``.
        StoreError: As ``append``; PENDING_REFUSED: the remote took all but some acts, which
            stay here and are named.
    """
    store.make_own_dir()
    with locked(store.own_dir / "append.lock", wait_seconds=LOCK_SECONDS):
        pin = read_pin(store)
        if pin is None:
            raise RefusedError(Code.TRUST_REFUSED, "no trust root is pinned here")
        committer = Committer(signer, AUTHOR, None)
        if not counts:
            return _Act(store, remote, pin, committer, clock, None, only=(), counts=False).admit()
        try:
            return _Act(store, remote, pin, committer, clock, None).admit()
        except StoreError as error:
            acts = read_pending(store)
            if error.code is not Code.REMOTE_REFUSED or not acts:
                raise
            refused = error
        # One of them may be what it will not have: the others must not wait for it.
        left: list[str] = []
        done = _Act(store, remote, pin, committer, clock, None, only=()).admit()
        for act in acts:
            try:
                done = _Act(store, remote, pin, committer, clock, None, only=(act.ref,)).admit()
            except StoreError as error:
                if error.code is not Code.REMOTE_REFUSED:
                    raise
                left.append(act.ref)
                refused = error
        if left:
            raise StoreError(
                Code.PENDING_REFUSED, f"{len(left)} acts stay here, {', '.join(left)}: {refused}"
            )
        return done


@dataclass(slots=True)
class _Act:
    """One append to the ledger of a remote.

    Attributes:
        entries: What was decided, once it was; placed again with the same signatures.
        only: Refs of the acts that are placed of those that wait; all where None.
        ends: Runs that the act ends.
        counts: Whether the remote's ledger counts here.
        raced: What the remote said of the race that was lost last.
    """

    store: Store
    remote: GitRemote
    pin: Pin
    committer: Committer
    clock: Callable[[], datetime]
    decide: Decide | None
    entries: tuple[bytes, ...] = field(default=())
    only: tuple[str, ...] | None = None
    ends: Collection[str] = ()
    counts: bool = True
    raced: str = ""

    def admit(self) -> Admitted:
        """Follow, decide, place, push, until the remote has taken it."""
        base: Ledger | None = None
        last, still = "", 0
        for _ in range(MAX_TRIES):
            followed = self._follow(base)
            base = followed.ledger
            there = self._taken_before(base.state)
            if there is not None:  # it was taken after all, whatever was said of it
                drop_admitted(self.store, base)
                return Admitted(there, base)
            wait = Wait(self.only, self.ends, self.clock())
            waits = tuple(entry for entry, _ in waiting(self.store, base, wait))
            placed, first = self._place(base, waits, self.clock())
            done = self._push(followed, placed)
            if done is not None:
                drop_admitted(self.store, done)
                return Admitted(tuple(range(first, done.tip.size)), done)
            still = still + 1 if followed.tip == last else 0
            last = followed.tip or ""
            if still >= MAX_STILL:
                raise StoreError(
                    Code.REMOTE_REFUSED, f"{self.remote.name} will not take it: {self.raced}"
                )
            if still:
                time.sleep(_PAUSE_SECONDS * 2**still)
        raise StoreError(
            Code.STORE_BUSY, f"{self.remote.name} was moved by others {MAX_TRIES} times"
        )

    def wait(self) -> Admitted:
        """Keep the act here, decided on what is known here."""
        ledger = read_ledger(self.store, self.pin.ref, pin=self.pin)
        ledger.require()
        if ledger.commit is None:
            raise StoreError(
                Code.REMOTE_UNREACHABLE,
                f"{self.remote.name} cannot be reached, and its ledger was never fetched",
                hint="greenlight fetch",
            )
        now = self.clock()
        waits = tuple(entry for entry, _ in waiting(self.store, ledger))
        if self.entries:  # it may have been taken: the same entries, so that it counts once
            self.decide = lambda _state, _now: self.entries
        placed, first = self._place(ledger, waits, now)
        keep_pending(
            self.store, self.entries, self.committer.signer, author=self.committer.author, now=now
        )
        seen = replace(ledger, state=placed.state if placed else ledger.state)
        return Admitted(tuple(range(first, first + len(self.entries))), seen, waits=True)

    # --- the steps

    def _follow(self, base: Ledger | None) -> Followed:
        if self.pin.head.origin:
            return follow(self.store, self.remote, self.pin, base=base, counts=self.counts)
        ledger = read_ledger(self.store, self.pin.ref, pin=None)
        theirs = self.remote.refs(self.pin.ref).get(self.pin.ref)
        if ledger.commit is not None or theirs is not None:
            raise RefusedError(
                Code.TRUST_REFUSED,
                "there is a ledger, and no trust root is pinned here",
                hint="ask its owner for the digest, then: greenlight init --trust DIGEST",
            )
        return Followed(ledger, None)

    def _taken_before(self, state: LedgerState) -> tuple[int, ...] | None:
        """Return where the act's entries are, where the ledger has all of them."""
        if not self.entries:
            return None
        indexes = []
        for entry in map(decode_entry, self.entries):
            index = state.uuids.get((entry.issuer, entry.uuid))
            if index is None:
                return None
            indexes.append(index)
        return tuple(indexes)

    def _place(
        self, ledger: Ledger, waits: tuple[bytes, ...], now: datetime
    ) -> tuple[Placed | None, int]:
        """Place what waits, and then the act; return where the act begins."""
        before = place(ledger, waits, now) if waits else None
        state = ledger.state if before is None else before.state
        first = ledger.tip.size + len(waits)
        if self.decide is None:
            return before, first
        if self.entries:
            both = place(ledger, waits + self.entries, now)
            if not refusals(both, first):
                return both, first
        self.entries = tuple(self.decide(state, now))
        both = place(ledger, waits + self.entries, now)
        require_effect(both, first)
        return both, first

    def _push(self, followed: Followed, placed: Placed | None) -> Ledger | None:
        """Write and push; None where somebody was faster."""
        ledger = followed.ledger
        shelves = SharedShelves.plan(self.store, self.remote, ledger.state)
        target = ledger.commit
        places: tuple[Place, ...] = ()
        if placed is not None:
            places = write_commits(
                self.store, ledger.commit, placed.pieces, self.committer, self.clock()
            )
            self.store.objects.flush()
            target = places[-1].commit
        if ledger.commit is None and placed is not None and not self.pin.head.origin:
            # The remote has it before it is pinned here: a crash must not leave it nobody's.
            note_founding(self.store, placed.pin(ledger.ref))
        refs = dict(shelves.push)
        if target is not None and target != followed.tip:
            refs[self.pin.ref] = target
        if refs and not self._pushed(refs, followed):
            return None
        shelves.settle(self.store)
        if target is not None and placed is None:
            self._track(target)
        if placed is None or target is None:
            return ledger
        return self._move(ledger, placed, places)

    def _pushed(self, refs: Mapping[str, str], followed: Followed) -> bool:
        """Push, and look whether it is there; False where somebody was faster."""
        outcome = self.remote.push(refs)
        name = self.remote.name
        if outcome.result is Pushed.RACED:
            self.raced = outcome.said
            return False
        try:
            there = self._look(refs, followed)
        except StoreError as error:
            if outcome.result is Pushed.REFUSED:
                raise _refused(name, outcome) from error
            if outcome.result is Pushed.FAILED and not outcome.sent:
                raise _away(name, outcome) from error
            raise StoreError(
                Code.REMOTE_OUTCOME_UNKNOWN,
                f"{name} did not say whether it took the push: {error}",
                hint=_FIND_OUT,
            ) from error
        if there is _There.OURS:
            return True
        if outcome.result is Pushed.REFUSED:
            raise _refused(name, outcome)
        if outcome.result is Pushed.TAKEN:
            raise StoreError(
                Code.REMOTE_LIED, f"{name} said that it took the push, and its ledger is without it"
            )
        if there is _There.OTHERS:  # it can go behind these alone, and does not
            self.raced = outcome.said
            return False
        if not outcome.sent:
            raise _away(name, outcome)
        # It may still be at it: a cut connection does not stop what the remote does.
        said = f"within {self.remote.seconds:g} seconds" if outcome.timed_out else outcome.said
        raise StoreError(
            Code.REMOTE_OUTCOME_UNKNOWN, f"{name} did not answer a push: {said}", hint=_FIND_OUT
        )

    def _look(self, refs: Mapping[str, str], followed: Followed) -> _There:
        """Look what the remote has after a push.

        Raises:
            StoreError: It cannot be reached.
            RejectedError: It has lost history, or has another one.
        """
        ref = self.pin.ref if self.pin.ref in refs else next(iter(refs))
        there = self.remote.refs(ref).get(ref)
        if there == refs[ref]:
            return _There.OURS
        if ref != self.pin.ref or there == followed.tip:
            return _There.BEFORE
        # Not ours here yet: followed from what was here before, as anybody's.
        now = follow(self.store, self.remote, self.pin, counts=self.counts)
        if any(each.commit == refs[ref] for each in now.ledger.places):
            return _There.OURS
        return _There.BEFORE if now.tip == followed.tip else _There.OTHERS

    def _track(self, commit: str) -> None:
        tracking = tracking_ref(self.remote, self.pin.ref)
        track(self.store, tracking, self.store.refs.read(tracking), commit)

    def _move(self, ledger: Ledger, placed: Placed, places: Sequence[Place]) -> Ledger:
        """Move the ledger's ref here to what the remote has taken."""
        if ledger.commit is None and not self.pin.head.origin:
            # Before the ref: a ledger without a pin would be anybody's.
            self.pin = placed.pin(ledger.ref)
            write_pin(self.store, self.pin)
        try:
            new = write_placed(self.store, ledger, placed, places)
        except ConflictError:
            # A plain fetch moved it meanwhile: read what is there now.
            new = read_ledger(self.store, ledger.ref, pin=self.pin)
            new.require()
        self._track(new.commit or "")
        return new


class _There(Enum):
    """What the remote's ledger is after a push: with ours, as it was, or with that of others."""

    OURS = 1
    BEFORE = 2
    OTHERS = 3


def _refused(name: str, outcome: PushOutcome) -> StoreError:
    return StoreError(Code.REMOTE_REFUSED, f"{name} will not take it: {outcome.said}")


def _away(name: str, outcome: PushOutcome) -> StoreError:
    return StoreError(Code.REMOTE_UNREACHABLE, f"{name} cannot be pushed to: {outcome.said}")
