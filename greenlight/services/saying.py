"""Say one thing in the ledger: made from its newest state, signed, appended."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from greenlight.errors import StoreError
from greenlight.ledger.admit import AWAY, append
from greenlight.ledger.incoming import follow
from greenlight.ledger.pin import read_pin
from greenlight.model.entry import Body, sign_entry
from greenlight.model.state import LedgerState
from greenlight.primitives.ed25519 import Signer
from greenlight.store.gitremote import ledger_remote
from greenlight.store.repository import Store

BodyT = TypeVar("BodyT", bound=Body)


@dataclass(frozen=True, slots=True)
class Told(Generic[BodyT]):
    """What was said, by now durable.

    Attributes:
        bodies: What.
        indexes: Of their records.
        state: The ledger with them.
    """

    bodies: tuple[BodyT, ...]
    indexes: tuple[int, ...]
    state: LedgerState


def say(
    store: Store,
    signer: Signer,
    make: Callable[[LedgerState, datetime], Sequence[BodyT]],
    *,
    clock: Callable[[], datetime],
) -> Told[BodyT]:
    """Append what ``make`` says of the newest state; made anew where a lost race changed that.

    Args:
        store: Whose ledger it is.
        signer: Signs each body as an entry.
        make: Given the state and ledger time, the bodies; refuses by raising.
        clock: The time of this machine.

    Raises:
        RefusedError: With the code of what stands in the way; nothing was written.
        RejectedError: The ledger is broken.
        StoreError: The store does not serve.
    """
    made: list[BodyT] = []

    def decide(state: LedgerState, now: datetime) -> Sequence[bytes]:
        made[:] = make(state, ledger_time(state, now))
        return [sign_entry(body, uuid=str(uuid.uuid4()), signer=signer) for body in made]

    appended = append(store, signer, decide, clock=clock)
    return Told(tuple(made), appended.indexes, appended.ledger.state)


def ledger_time(state: LedgerState, now: datetime) -> datetime:
    """Return the time that a record would have: the greater of the last and one's own."""
    return now if state.time is None else max(now, state.time)


def refresh(store: Store, *, needed: bool = True) -> None:
    """Bring the ledger here up to the remote's, where one counts.

    Args:
        store: Whose ledger it is.
        needed: Whether a remote that cannot be reached is an error; else what is here counts.

    Raises:
        RejectedError: What the remote has is broken, rewound or another history.
        StoreError: It cannot be reached, and that is needed.
    """
    remote, pin = ledger_remote(store), read_pin(store)
    if remote is None or pin is None:
        return
    try:
        follow(store, remote, pin)
    except StoreError as error:
        if needed or error.code not in AWAY:
            raise
