"""Take a packet off the shelves: each is written again without it, from there to its end.

What other shelf commits say stays, with their times; their ids change.  A shelf that holds
nothing else is no longer there.  The packet's objects are left to git's gc: only who
knows that nobody is writing may remove what no ref reaches.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from greenlight.codes import Code
from greenlight.errors import ConflictError, StoreError
from greenlight.model.finding import Finding
from greenlight.store.gitobjects import encode_commit, object_id
from greenlight.store.repository import Store
from greenlight.store.shelf import MAX_TRIES, PREFIX, Link, ShelfEntry, shelf_links

PACKED: Final = 64  # more commits than this are one pack


@dataclass(frozen=True, slots=True)
class Removal:
    """What taking a packet off one shelf comes to.

    Attributes:
        ref: The shelf.
        tip: Where it points.
        taken: What goes, newest first.
        kept: The commits after the first that goes, which are written again; oldest first.
        base: The commit that they follow; None where the first of all goes.
    """

    ref: str
    tip: str
    taken: tuple[ShelfEntry, ...]
    kept: tuple[Link, ...]
    base: str | None


@dataclass(frozen=True, slots=True)
class Plan:
    """What taking a packet off all shelves comes to.

    Attributes:
        removals: One for each shelf that holds it.
        problems: Shelves that end at something else, below which nobody looks.
    """

    removals: tuple[Removal, ...]
    problems: tuple[Finding, ...]


def plan_removal(store: Store, is_it: Callable[[ShelfEntry], bool]) -> Plan:
    """Look for a packet on the shelves.

    Args:
        store: Whose shelves.
        is_it: Whether an entry leads to the packet.

    Raises:
        StoreError: A ref cannot be read.
    """
    removals: list[Removal] = []
    problems: list[Finding] = []
    for ref, tip in store.refs.list(PREFIX).items():
        removal, wrong = _plan(store, ref, tip, is_it)
        problems += wrong
        if removal.taken:
            removals.append(removal)
    return Plan(tuple(removals), tuple(problems))


def take_off(store: Store, removal: Removal, is_it: Callable[[ShelfEntry], bool]) -> None:
    """Write a shelf again without the packet; what others shelve meanwhile stays.

    Raises:
        StoreError: STORE_BUSY, IO_NOSPACE, IO_FAILED; the shelf is as it was.
    """
    for _ in range(MAX_TRIES):
        try:
            _rewrite(store, removal)
        except ConflictError as error:
            if not error.current:
                return  # somebody removed the shelf
            removal, _ = _plan(store, removal.ref, error.current, is_it)
            if not removal.taken:
                return
        else:
            return
    raise StoreError(Code.STORE_BUSY, f"{removal.ref} was moved by others {MAX_TRIES} times")


def _plan(
    store: Store, ref: str, tip: str, is_it: Callable[[ShelfEntry], bool]
) -> tuple[Removal, list[Finding]]:
    taken: list[ShelfEntry] = []
    kept: list[Link] = []
    above: list[Link] = []  # kept, if another one goes further down
    base: str | None = None
    problems: list[Finding] = []
    for link in shelf_links(store, ref, tip):
        if isinstance(link, Finding):
            problems.append(link)
        elif is_it(link.entry):
            taken.append(link.entry)
            kept += above
            above.clear()
            base = link.before
        else:
            above.append(link)
    return Removal(ref, tip, tuple(taken), tuple(reversed(kept)), base), problems


def _rewrite(store: Store, removal: Removal) -> None:
    objects: dict[str, tuple[str, bytes]] = {}
    at = removal.base
    for link in removal.kept:
        packet = link.entry.commit
        body = encode_commit(
            tree=link.commit.tree,
            parents=(packet,) if at is None else (at, packet),
            author=link.commit.author,
            time=datetime.fromtimestamp(link.commit.time, UTC),
            message=link.commit.message,
        )
        at = object_id("commit", body, store.object_format)
        objects[at] = ("commit", body)
    if at is None:
        store.refs.delete(removal.ref, old=removal.tip)
        return
    if len(objects) > PACKED:
        store.objects.write_pack(objects)
    else:
        for kind, body in objects.values():
            store.objects.write(kind, body)
    store.objects.flush()
    store.refs.swap(removal.ref, old=removal.tip, new=at)
    store.objects.release()
