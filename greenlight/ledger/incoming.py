"""Fetch the ledger of a remote: looked at first, then followed, and never backwards.

What comes is fetched under a ref of its own, read from where the ledger here ends, and
checked like any record; only then do the tracking ref and the ledger's own ref move, each
by compare-and-swap.  A remote that lacks what was seen of it before (LEDGER_REWOUND), or
has another history (LEDGER_FORK), is not followed: both ends are kept under
``refs/greenlight/evidence/`` and told in ``greenlight/evidence/``.
"""

from __future__ import annotations

import json
import time
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, NoReturn, Self

from greenlight.codes import Code
from greenlight.errors import (
    ConflictError,
    MalformedError,
    RejectedError,
    StoreError,
    UsageError,
)
from greenlight.ledger.pin import Pin, remember
from greenlight.ledger.read import Ledger, read_at, read_ledger
from greenlight.model.finding import Finding
from greenlight.model.head import Head
from greenlight.primitives.limits import MAX_HEAD_BYTES
from greenlight.store.durable import make_directories, replace_file, sync_directory, unique_name
from greenlight.store.gitobjects import parse_commit, parse_tree
from greenlight.store.gitremote import GitRemote
from greenlight.store.repository import Store
from greenlight.store.spare import note_ref, restore_refs

TRACKING: Final = "refs/greenlight/remotes/"
INCOMING: Final = "refs/greenlight/incoming/"
EVIDENCE: Final = "refs/greenlight/evidence/"
_TRIES: Final = 100  # other commands here that moved the ledger meanwhile
_LEFT_SECONDS: Final = 3600.0  # far longer than one exchange


@dataclass(frozen=True, slots=True)
class Followed:
    """The ledger of a remote, followed.

    Attributes:
        ledger: As it is here now.
        tip: The commit it ends with there; None where the remote has none yet.
    """

    ledger: Ledger
    tip: str | None


def tracking_ref(remote: GitRemote, ref: str) -> str:
    """Return the ref that remembers where a ref of the remote was last."""
    return f"{TRACKING}{remote.name}/{ref.removeprefix('refs/').removeprefix('greenlight/')}"


def follow(
    store: Store, remote: GitRemote, pin: Pin, *, base: Ledger | None = None, counts: bool = True
) -> Followed:
    """Bring the ledger here up to the remote's.

    Args:
        store: This repository.
        remote: Whose ledger counts.
        pin: What is pinned here.
        base: What was read of the ledger before.
        counts: Whether it does; of a copy elsewhere nothing is taken over, and records that
            the ledger here has not are LEDGER_FORK.

    Raises:
        RejectedError: LEDGER_REWOUND, LEDGER_FORK, TRUST_ROOT_MISMATCH, or whatever is wrong
            with what came; nothing here moved, and both ends are kept.
        StoreError: The remote cannot be reached; this repository does not serve.
    """
    for _ in range(_TRIES):
        with suppress(ConflictError):
            return _follow_once(_Look.begin(store, remote, pin, counts=counts), base)
    raise StoreError(Code.STORE_BUSY, f"{pin.ref} was moved by others {_TRIES} times")


@dataclass(frozen=True, slots=True)
class _Look:
    """One look at a remote.

    Attributes:
        tracking: The ref that remembers where its ledger was.
        before: Where that was.
    """

    store: Store
    remote: GitRemote
    pin: Pin
    counts: bool
    tracking: str
    before: str | None

    @classmethod
    def begin(cls, store: Store, remote: GitRemote, pin: Pin, *, counts: bool) -> Self:
        tracking = tracking_ref(remote, pin.ref)
        restore_refs(store, TRACKING)
        # Before the remote is asked: what another command sees meanwhile is newer than its answer.
        return cls(store, remote, pin, counts, tracking, store.refs.read(tracking))

    def track(self, tip: str) -> None:
        track(self.store, self.tracking, self.before, tip)


def _follow_once(look: _Look, base: Ledger | None) -> Followed:
    """Look once.

    Raises:
        ConflictError: Another command here moved the ledger meanwhile.
    """
    store, remote, pin = look.store, look.remote, look.pin
    here = read_ledger(store, pin.ref, pin=pin, base=base)
    try:
        here.require()
    except RejectedError as error:
        if error.code is Code.LEDGER_REWOUND and look.before not in (None, here.commit):
            error.hint = f"what was seen is still here: git update-ref {pin.ref} {look.before}"
        raise
    tip = remote.refs(pin.ref).get(pin.ref)
    if tip is None:
        if look.before is not None:
            _refuse(_Ends(store, remote, here, look.before, None), Code.LEDGER_REWOUND)
        return Followed(here, None)
    if tip == here.commit:
        look.track(tip)
        return Followed(here, tip)
    incoming = f"{INCOMING}{unique_name('ledger-')}"
    remote.fetch({pin.ref: incoming})
    try:
        # Whatever the remote said a moment ago: what was fetched counts.
        tip = store.refs.read(incoming) or tip
        return Followed(_follow(look, here, tip), tip)
    finally:
        with suppress(ConflictError, StoreError):
            store.refs.delete(incoming, old=tip)
        _remove_left(store)


def _follow(look: _Look, here: Ledger, tip: str) -> Ledger:
    store, remote, pin = look.store, look.remote, look.pin
    ledger = read_at(store, pin.ref, tip, pin=pin, base=here)
    if ledger is None:
        # The remote lacks something that is here.  It may just not have it yet.
        if look.before is not None and not _contains(store, pin, tip, look.before):
            _refuse(_Ends(store, remote, here, look.before, tip), Code.LEDGER_REWOUND)
        if not any(place.commit == tip for place in here.places):
            _refuse(_Ends(store, remote, here, None, tip), Code.LEDGER_FORK)
        look.track(tip)
        return here
    if ledger.findings:
        _keep_evidence(_Ends(store, remote, here, None, tip))
        ledger.require()
    if not look.counts:
        _refuse(_Ends(store, remote, here, None, tip), Code.LEDGER_FORK)
    store.refs.swap(pin.ref, old=here.commit, new=tip)
    with suppress(StoreError):
        remember(store, pin.ref, ledger.head)
    look.track(tip)
    return read_ledger(store, pin.ref, pin=pin, base=ledger)


def _remove_left(store: Store) -> None:
    """Remove what a killed command was looking at."""
    for ref, commit in store.refs.scan(INCOMING)[0].items():
        with suppress(OSError, StoreError, UsageError):
            made = (store.git_dir / ref).stat().st_mtime
            if time.time() - made > _LEFT_SECONDS:
                store.refs.delete(ref, old=commit)


def _contains(store: Store, pin: Pin, tip: str, commit: str) -> bool:
    """Report whether the ledger that ends at ``tip`` has ``commit`` in it."""
    if tip == commit:
        return True
    ledger = read_at(store, pin.ref, tip, pin=pin, base=None)
    return ledger is not None and any(place.commit == commit for place in ledger.places)


def track(store: Store, ref: str, before: str | None, tip: str) -> None:
    """Remember where a ref of the remote is, and that twice."""
    if before != tip:
        with suppress(ConflictError):  # another process here was faster: it saw as much
            store.refs.swap(ref, old=before, new=tip)
            with suppress(StoreError):
                note_ref(store, ref, tip)


# --- what is not followed


@dataclass(frozen=True, slots=True)
class _Ends:
    """Two ends of a ledger that do not fit.

    Attributes:
        known: The end that was seen; the ledger's own where None.
        tip: The end that was found; None where there is none.
    """

    store: Store
    remote: GitRemote
    here: Ledger
    known: str | None
    tip: str | None


def _refuse(ends: _Ends, code: Code) -> NoReturn:
    expected, found = _keep_evidence(ends)
    finding = Finding(code, f"{ends.remote.name} {ends.here.ref}", expected, found)
    raise RejectedError(code, str(finding))


def _keep_evidence(both: _Ends) -> tuple[str, str]:
    """Keep both ends; return what each says of itself."""
    store, remote, here = both.store, both.remote, both.here
    ends = {"seen": both.known or here.commit, "found": both.tip}
    said = {name: _head_at(store, commit) for name, commit in ends.items()}
    # The same two ends are kept once, however often they are looked at.
    both_ends = f"{here.ref} {ends['seen']} {ends['found']}".encode()
    name = f"{remote.name}-{sha256(both_ends).hexdigest()[:16]}"
    for word, commit in ends.items():
        if commit is not None:
            with suppress(ConflictError, StoreError):
                store.refs.swap(f"{EVIDENCE}{name}/{word}", old=None, new=commit)
    folder = store.own_dir / "evidence"
    for made in make_directories(folder):
        sync_directory(made)
    told = {
        "remote": remote.name,
        "ref": here.ref,
        **{word: {"commit": commit, "head": said[word]} for word, commit in ends.items()},
    }
    text = json.dumps(told, indent=2, sort_keys=True) + "\n"
    replace_file(folder / f"{name}.json", text.encode("utf-8"))
    return said["seen"], said["found"]


def _head_at(store: Store, commit: str | None) -> str:
    """Return what a ledger commit says of itself, in words; it is not believed."""
    if commit is None:
        return "nothing"
    try:
        parsed = parse_commit(store.objects.read_as("commit", commit), store.object_format)
        rows = parse_tree(store.objects.read_as("tree", parsed.tree), store.object_format)
        oid = next(row.oid for row in rows if row.name == b"head")
        head = Head.decode(store.objects.read_as("blob", oid, max_bytes=MAX_HEAD_BYTES))
    except (MalformedError, StoreError, StopIteration):
        return f"commit {commit}"
    return f"size {head.size} root {head.root.hex()} of {head.origin}"
