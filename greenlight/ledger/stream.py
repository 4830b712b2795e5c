"""The records of a ledger, one after the other, each with what can be said of it by itself.

Reading, hashing, parsing and verifying signatures are most of what a reading costs, and hang on
nothing but the record; so where there are many, it is done for some hundred at a time in processes
of their own (``execution.forked``), and what comes out stands in the order of the ledger.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Final, NamedTuple

from greenlight.errors import GreenlightError, MalformedError, StoreError
from greenlight.execution.forked import fork_map
from greenlight.ledger.places import Place
from greenlight.primitives.limits import MAX_RECORD_BYTES
from greenlight.store.repository import Store
from greenlight.verify.ahead import Ahead, Keys, look_ahead

_BATCH: Final = 256  # records that go to a process at a time: 0.5 MiB comes back
_MANY: Final = 2048  # records, fewer of which are read before processes would be there


@dataclass(frozen=True, slots=True)
class End:
    """The end of a ledger commit.

    Attributes:
        commit: Object id.
        head: What it says of the ledger there.
        frontier: The same.
    """

    commit: str
    head: bytes
    frontier: bytes


@dataclass(frozen=True, slots=True)
class Unread:
    """A ledger commit of which something cannot be read; nothing comes after it.

    Attributes:
        commit: Object id.
        error: Why.
    """

    commit: str
    error: GreenlightError


Item = Ahead | End | Unread


class _Part(NamedTuple):
    """Some records of a ledger commit, and whether they are its last."""

    place: Place
    ends: bool


def stream(
    store: Store, places: Iterable[Place], count: int, keys: Callable[[], Keys]
) -> Generator[Item]:
    """Yield what is read of ledger commits, in order.

    Args:
        store: Where they lie.
        places: The commits.
        count: How many records they add, about.
        keys: Returns the keys that entries are signed by, as far as it is known by now.
    """
    work = partial(_read, store)
    batches = ((keys(), batch) for batch in _batches(places))
    for items in fork_map(work, batches) if count >= _MANY else map(work, batches):
        yield from items


def _batches(places: Iterable[Place]) -> Iterator[list[_Part]]:
    batch: list[_Part] = []
    room = 1  # the first alone: it has the keys by which the others are signed
    for place in places:
        at = place.first
        while at < place.end:
            stop = min(place.end, at + room)
            batch.append(_Part(place.part(at, stop), stop == place.end))
            room -= stop - at
            at = stop
            if not room:
                yield batch
                batch, room = [], _BATCH
    if batch:
        yield batch


def _read(store: Store, work: tuple[Keys, list[_Part]]) -> list[Item]:
    keys, parts = work
    found: list[Item] = []
    for place, ends in parts:
        oids = (*place.blobs, place.head, place.frontier) if ends else place.blobs
        try:
            blobs = store.objects.read_run("blob", oids, max_bytes=MAX_RECORD_BYTES)
            found.extend(look_ahead(raw, keys) for raw in islice(blobs, place.count))
            if ends:
                head, frontier = blobs
                found.append(End(place.commit, head, frontier))
        except (MalformedError, StoreError) as error:
            found.append(Unread(place.commit, error))
            break
    return found
