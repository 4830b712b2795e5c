"""What was made here and the remote has not taken yet: SEALED, not ADMITTED.

Where the ledger of a remote counts, an act that could not reach it stays under
``refs/greenlight/pending/<number>-<uuid>``: a commit whose tree holds the entries as they
were signed, in order.  They are placed on the remote's newest ledger later, with the same
signatures; the ref goes when the ledger that contains them is durable here.  A crash at any
point leaves an entry pending, or in both places, where its UUID tells that it is one.
A void entry of somebody who has no authority any more is told by its bytes.

What leads to no act under these names stops nothing: it is passed over, left as it is, and
named by ``odd_pending``.  As long as there is some, a packet whose run may be in it goes on
waiting.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from greenlight.codes import Code
from greenlight.errors import ConflictError, MalformedError, StoreError
from greenlight.ledger.read import Ledger, read_records
from greenlight.model.entry import decode_entry
from greenlight.model.finding import Finding
from greenlight.model.kinds import PacketSealed, RunOpened
from greenlight.model.record import NO_LINKS, Record, decode_record
from greenlight.model.words import Mode
from greenlight.primitives.ed25519 import Signer
from greenlight.primitives.limits import MAX_ENTRIES_PER_APPEND, MAX_ENTRY_BYTES
from greenlight.primitives.text import escape
from greenlight.store.gitobjects import FILE, TreeEntry, encode_tree, parse_commit, parse_tree
from greenlight.store.gitremote import ledger_remote
from greenlight.store.packets import commit_body
from greenlight.store.repository import Store
from greenlight.store.spare import forget_ref, note_ref, noted, restore_refs
from greenlight.verify.fold import fold

PREFIX: Final = "refs/greenlight/pending/"
GOING_ON: Final = timedelta(days=1)  # no step of a lane may run longer
_NAME: Final = re.compile(re.escape(PREFIX) + r"([0-9]{12})-[0-9a-f-]{36}")
_ENTRY: Final = re.compile(rb"[0-9]{6}\.cose")


@dataclass(frozen=True, slots=True)
class Pending:
    """Entries of one act that wait to be admitted.

    Attributes:
        ref: What keeps them.
        commit: Where it leads.
        entries: As they were signed, in order.
        made: When, by the machine that made them, in whole seconds.
    """

    ref: str
    commit: str
    entries: tuple[bytes, ...]
    made: datetime


def read_pending(store: Store) -> list[Pending]:
    """Return what waits here, in the order in which it was made, without what is odd.

    Raises:
        StoreError: IO_FAILED.
    """
    return _look(store)[0]


def odd_pending(store: Store) -> list[Finding]:
    """Return what lies under the names of what waits, and leads to no act.

    Raises:
        StoreError: IO_FAILED.
    """
    return _look(store)[1]


def _look(store: Store) -> tuple[list[Pending], list[Finding]]:
    restore_refs(store, PREFIX)
    refs, odd = store.refs.scan(PREFIX)
    acts: list[Pending] = []
    findings: list[Finding] = []
    for ref in sorted((*refs, *odd)):
        # The ref, and where that leads nowhere, what was noted of it when it was made.
        leads = (commit for commit in (refs.get(ref), noted(store, ref)) if commit is not None)
        reason = odd.get(ref, "")
        for commit in leads:
            try:
                acts.append(_read(store, ref, commit))
                break
            except MalformedError as error:
                reason = reason or str(error)
            except StoreError as error:
                if error.code is not Code.STORE_DAMAGED:
                    raise
                reason = reason or str(error)
        if reason:
            what = ("an act that waits", escape(reason))
            findings.append(Finding(Code.PENDING_MALFORMED, escape(ref), *what))
    return acts, findings


def _read(store: Store, ref: str, commit: str) -> Pending:
    if not _NAME.fullmatch(ref):
        raise MalformedError(Code.MALFORMED, "not a name of a pending act")
    parsed = parse_commit(store.objects.read_as("commit", commit), store.object_format)
    rows = parse_tree(store.objects.read_as("tree", parsed.tree), store.object_format)
    if not 1 <= len(rows) <= MAX_ENTRIES_PER_APPEND:
        raise MalformedError(Code.MALFORMED, "not a pending act")
    if any(row.mode != FILE or not _ENTRY.fullmatch(row.name) for row in rows):
        raise MalformedError(Code.MALFORMED, "not entries alone")
    entries = tuple(
        store.objects.read_as("blob", row.oid, max_bytes=MAX_ENTRY_BYTES) for row in rows
    )
    return Pending(ref, commit, entries, datetime.fromtimestamp(parsed.time, UTC))


def keep_pending(
    store: Store, entries: Sequence[bytes], signer: Signer, *, author: str, now: datetime
) -> Pending:
    """Keep entries until they can be admitted, durably; call it under the append lock.

    Raises:
        StoreError: IO_NOSPACE, IO_FAILED.
    """
    refs, odd = store.refs.scan(PREFIX)
    known = [_NAME.fullmatch(ref) for ref in (*refs, *odd)]
    number = max((int(name[1]) for name in known if name), default=0) + 1
    ref = f"{PREFIX}{number:012d}-{uuid.uuid4()}"
    rows = [
        TreeEntry(FILE, f"{place:06d}.cose".encode("ascii"), store.objects.write("blob", entry))
        for place, entry in enumerate(entries)
    ]
    tree = store.objects.write("tree", encode_tree(rows))
    body = commit_body(
        store.object_format,
        tree,
        (),
        signer=signer,
        author=author,
        time=now,
        message=f"Wait for the ledger: {len(entries)} entries\n",
    )
    commit = store.objects.write("commit", body)
    store.objects.flush()
    store.refs.swap(ref, old=None, new=commit)
    with suppress(StoreError):  # it is kept; the note is for a fetch that deletes refs
        note_ref(store, ref, commit)
    return Pending(ref, commit, tuple(entries), now.replace(microsecond=0))


def drop_admitted(store: Store, ledger: Ledger) -> None:
    """Let go of what the ledger contains by now; what cannot be done is done the next time."""
    is_placed = _placed_in(store, ledger)
    for pending in read_pending(store):
        if all(is_placed(entry) for entry in pending.entries):
            with suppress(ConflictError, StoreError):
                forget_ref(store, pending.ref)
                store.refs.delete(pending.ref, old=pending.commit)


def _placed_in(store: Store, ledger: Ledger) -> Callable[[bytes], bool]:
    """Return what tells whether a ledger has an entry: by actor and UUID, or by its bytes."""
    voids: dict[str, list[int]] = {}

    def is_placed(entry: bytes) -> bool:
        try:
            decoded = decode_entry(entry)
        except MalformedError:
            return True  # nothing that could be placed
        if (decoded.issuer, decoded.uuid) in ledger.state.uuids:
            return True
        # Whoever has no authority can squat any UUID, so that only the bytes tell.
        if not voids:
            voids.setdefault("", [])
            for void in ledger.state.voids:
                if void.index < ledger.tip.size:
                    voids.setdefault(void.uuid, []).append(void.index)
        return any(
            decode_record(raw).entry == entry
            for index in voids.get(decoded.uuid, ())
            for raw in read_records(store, ledger, index, index + 1)
        )

    return is_placed


@dataclass(frozen=True, slots=True)
class Wait:
    """Which of the acts that wait are to be admitted now.

    Attributes:
        refs: Only these; all where None.
        ends: Runs that are ended by what is appended behind them.
        now: A run that was opened later than a day before waits for its packet, so that both are
            admitted at one moment; after that it is taken for abandoned.  None holds nothing.
    """

    refs: Collection[str] | None = None
    ends: Collection[str] = ()
    now: datetime | None = None


ALL: Final = Wait()


def waiting(store: Store, ledger: Ledger, wait: Wait = ALL) -> Iterator[tuple[bytes, datetime]]:
    """Yield the entries that wait and are not in the ledger yet, in order, and when made."""
    is_placed = _placed_in(store, ledger)
    acts, odd = _look(store)
    opened = {run for act in acts for run in _runs([act], RunOpened.KIND)}
    ended = {*wait.ends, *_runs(acts, PacketSealed.KIND)} if wait.now is not None else set()
    for pending in acts:
        if wait.refs is not None and pending.ref not in wait.refs:
            continue
        young = wait.now is not None and wait.now - pending.made < GOING_ON
        if young and any(run not in ended for run in _runs([pending], RunOpened.KIND)):
            continue
        if odd and any(
            run not in opened and run not in ledger.state.runs for run in _ended_by(pending)
        ):
            continue  # it would be void, for ever, if what opened its run cannot be read now
        for entry in pending.entries:
            if not is_placed(entry):
                yield entry, pending.made


def _ended_by(act: Pending) -> Iterator[str]:
    """Yield the runs that have to be open for an act's packets."""
    for entry in act.entries:
        with suppress(MalformedError):
            decoded = decode_entry(entry)
            if decoded.kind == PacketSealed.KIND and decoded.body.get("mode") != Mode.NONE:
                yield str(decoded.body.get("run", ""))


def _runs(acts: Sequence[Pending], kind: str) -> Iterator[str]:
    """Yield the runs that entries of a kind are about."""
    for act in acts:
        for entry in act.entries:
            with suppress(MalformedError):
                decoded = decode_entry(entry)
                if decoded.kind == kind:
                    yield str(decoded.body.get("run", ""))


def with_pending(store: Store, ledger: Ledger) -> Ledger:
    """Return a ledger whose state counts what waits here, as if it had been admitted when made.

    Its records, tip and head stay those that the remote has taken.
    """
    if ledger_remote(store) is None:
        return ledger
    ledger = replace(ledger, shared=True)
    time = ledger.tip.time
    if time is None or ledger.findings:
        return ledger
    records: list[Record] = []
    for entry, made in waiting(store, ledger):
        time = max(time, made)
        records.append(Record(ledger.tip.size + len(records), NO_LINKS, time, entry, b""))
    return replace(ledger, state=fold(ledger.state, records)) if records else ledger
