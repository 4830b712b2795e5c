"""Push what was made here, fetch what was made elsewhere; init against a remote."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from greenlight.codes import Code
from greenlight.errors import ConflictError, RefusedError
from greenlight.ledger.admit import admit_waiting
from greenlight.ledger.incoming import follow, tracking_ref
from greenlight.ledger.pending import drop_admitted, odd_pending, read_pending
from greenlight.ledger.pin import Pin, read_pin
from greenlight.ledger.shared import merge_shelf, take_shelf
from greenlight.model.finding import Finding
from greenlight.model.head import Head
from greenlight.primitives.ed25519 import Signer
from greenlight.services.initialising import require_store
from greenlight.store.gitremote import GitRemote, ledger_remote, named_remote
from greenlight.store.repository import Store
from greenlight.store.shelf import PREFIX as SHELVES
from greenlight.store.shelf import is_shelf

MAX_SHELVES: Final = 1200  # a hundred years; each is an exchange of its own


@dataclass(frozen=True, slots=True)
class Exchanged:
    """What an exchange with a remote came to.

    Attributes:
        remote: Its name.
        before: Records of the ledger here before.
        head: Of the ledger here now.
        admitted: Acts that waited, and that the remote has taken now.
        waiting: Acts that still wait.
        shelves: Shelves here that changed.
        conflicts: Packets that were admitted as CONFLICT now.
        odd: What lies among the acts that wait, and is none.
    """

    remote: str
    before: int
    head: Head
    admitted: int
    waiting: int
    shelves: tuple[str, ...]
    conflicts: tuple[str, ...]
    odd: tuple[Finding, ...] = ()

    def to_dict(self) -> dict[str, object]:
        """Return the object that ``--json`` prints."""
        return {
            "remote": self.remote,
            "records": self.head.size,
            "new_records": self.head.size - self.before,
            "admitted": self.admitted,
            "waiting": self.waiting,
            "shelves": list(self.shelves),
            "conflicts": list(self.conflicts),
            "odd": [finding.to_dict() for finding in self.odd],
        }


def choose_remote(store: Store, name: str) -> GitRemote:
    """Return the remote that is named, or the one whose ledger counts.

    Raises:
        UsageError: REMOTE_UNKNOWN.
        RefusedError: REMOTE_UNKNOWN: none is named, and none is configured.
    """
    known = ledger_remote(store)
    if name and (known is None or known.name != name):
        return named_remote(store, name)
    if known is None:
        raise RefusedError(
            Code.REMOTE_UNKNOWN,
            "no remote is named, and none is configured",
            hint="greenlight push NAME, or for good: git config greenlight.remote NAME",
        )
    return known


def _follow_counting(store: Store, remote: GitRemote, pin: Pin) -> bool:
    """Bring the ledger here up to the remote that counts; report whether ``remote`` is that."""
    known = ledger_remote(store)
    if known is None or known.name == remote.name:
        return True
    follow(store, known, pin)
    return False


def push(store: Store, signer: Signer, name: str, *, clock: Callable[[], datetime]) -> Exchanged:
    """Have a remote take what waits here, and the ledger and shelves that it lacks.

    What waits goes to the remote that counts alone; another one is given a copy of what that
    one has taken.

    Raises:
        RejectedError: What the remote has is broken, rewound or another history.
        RefusedError: REMOTE_UNKNOWN, TRUST_REFUSED.
        StoreError: REMOTE_UNREACHABLE and its kin; nothing is lost, the same command goes on.
    """
    pin = require_store(store)
    remote = choose_remote(store, name)
    before, waited = _size(store), len(read_pending(store))
    shelves = store.refs.list(SHELVES)
    counts = _follow_counting(store, remote, pin)
    done = admit_waiting(store, signer, remote, clock=clock, counts=counts)
    known = {packet.index: packet.sealed.packet for packet in done.ledger.state.conflicts}
    left = len(read_pending(store))
    return Exchanged(
        remote.name,
        before,
        done.head,
        waited - left,
        left,
        _changed(store, shelves),
        tuple(packet for index, packet in sorted(known.items()) if index >= before),
        tuple(odd_pending(store)),
    )


def fetch(store: Store, name: str) -> Exchanged:
    """Bring the ledger and the shelves here up to a remote's.

    The ledger follows the remote that counts alone; another one must have nothing beside it.

    Raises:
        RejectedError: What the remote has is broken, rewound or another history: it is not
            followed, and both ends are kept.
        RefusedError: REMOTE_UNKNOWN.
        StoreError: REMOTE_UNREACHABLE and its kin.
    """
    pin = require_store(store)
    remote = choose_remote(store, name)
    before, waited = _size(store), len(read_pending(store))
    counts = _follow_counting(store, remote, pin)
    followed = follow(store, remote, pin, counts=counts)
    state = followed.ledger.state
    shelves = store.refs.list(SHELVES)
    theirs = sorted(item for item in remote.refs(f"{SHELVES}*").items() if is_shelf(item[0]))
    for ref, tip in theirs[-MAX_SHELVES:]:
        if store.refs.read(tracking_ref(remote, ref)) == tip and ref in shelves:
            continue
        mine = shelves.get(ref)
        new: str | None
        if mine is None:
            new = take_shelf(store, remote, ref, tip, state)
        else:
            new = merge_shelf(store, remote, ref, mine, tip, state).here
        with suppress(ConflictError):  # a seal in between: the next fetch joins them
            if new is not None and new != mine:
                store.refs.swap(ref, old=mine, new=new)
    drop_admitted(store, followed.ledger)
    left = len(read_pending(store))
    return Exchanged(
        remote.name,
        before,
        followed.ledger.head,
        waited - left,
        left,
        _changed(store, shelves),
        (),
        tuple(odd_pending(store)),
    )


def _size(store: Store) -> int:
    pin = read_pin(store)
    return 0 if pin is None else pin.head.size


def _changed(store: Store, before: dict[str, str]) -> tuple[str, ...]:
    return tuple(ref for ref, tip in store.refs.list(SHELVES).items() if before.get(ref) != tip)
