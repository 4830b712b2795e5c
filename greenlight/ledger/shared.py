"""Shelves that go with the ledger: what the remote lacks of the packets that are here.

Shelves prove nothing and may be written again.  What is pushed always goes on from what
the remote has, so that no push is forced; what stays here has what both have, but for
packets that an owner purged.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Self

from greenlight.errors import ConflictError, StoreError
from greenlight.ledger.incoming import INCOMING, tracking_ref
from greenlight.model.finding import Finding
from greenlight.model.state import LedgerState
from greenlight.store.durable import unique_name
from greenlight.store.gitobjects import encode_commit
from greenlight.store.gitremote import GitRemote
from greenlight.store.repository import Store
from greenlight.store.shelf import PREFIX, Link, is_shelf, shelf_links

AUTHOR: Final = "greenlight <greenlight@localhost>"


@dataclass(frozen=True, slots=True)
class SharedShelves:
    """What becomes of the shelves of a push.

    Attributes:
        push: What the remote's shelves shall be, by ref.
        here: What the shelves here shall be after it, by ref: from where to where.
        remote: Where they go.
    """

    push: Mapping[str, str] = field(default_factory=dict)
    here: Mapping[str, tuple[str | None, str]] = field(default_factory=dict)
    remote: GitRemote | None = None

    @classmethod
    def plan(cls, store: Store, remote: GitRemote, state: LedgerState) -> Self:
        """Say what has to be pushed; the remote is asked only where something here is new.

        Raises:
            StoreError: The remote cannot be reached.
        """
        mine = store.refs.list(PREFIX)
        new = {
            ref: tip
            for ref, tip in mine.items()
            if is_shelf(ref) and store.refs.read(tracking_ref(remote, ref)) != tip
        }
        if not new:
            return cls()
        theirs = remote.refs(*new)
        push: dict[str, str] = {}
        here: dict[str, tuple[str | None, str]] = {}
        for ref, tip in new.items():
            merged = merge_shelf(store, remote, ref, tip, theirs.get(ref), state)
            if merged.push != theirs.get(ref):
                push[ref] = merged.push
            here[ref] = (tip, merged.here)
        return cls(push, here, remote)

    def settle(self, store: Store) -> None:
        """Move the shelves here, and remember what the remote has; after the push."""
        for ref, (old, new) in self.here.items():
            with suppress(ConflictError, StoreError):  # a seal in between: the next push has it
                if old != new:
                    store.refs.swap(ref, old=old, new=new)
        if self.remote is None:
            return
        for ref, tip in self.push.items():
            tracking = tracking_ref(self.remote, ref)
            with suppress(ConflictError, StoreError):
                store.refs.swap(tracking, old=store.refs.read(tracking), new=tip)


@dataclass(frozen=True, slots=True)
class Merged:
    """Two ends of one shelf, joined.

    Attributes:
        here: What the shelf here shall be.
        push: What the remote's shall be: it goes on from what that is.
    """

    here: str
    push: str


def merge_shelf(  # noqa: PLR0913, PLR0917 - two ends of a shelf
    store: Store, remote: GitRemote, ref: str, mine: str, theirs: str | None, state: LedgerState
) -> Merged:
    """Join the shelf here with the remote's.

    Raises:
        StoreError: The remote's cannot be fetched, or this one cannot be written.
    """
    if theirs is None or theirs == mine:
        return Merged(mine, mine)
    # Stops where it is found: at what was pushed last, most of the time.
    if any(
        not isinstance(link, Finding) and link.oid == theirs
        for link in shelf_links(store, ref, mine)
    ):
        return Merged(mine, mine)
    ours = links_of(store, ref, mine)
    fetched = fetch_shelf(store, remote, ref)
    if not _is_commit(store, fetched):
        # Whoever put it there keeps others from the shelf, and from nothing else.
        return Merged(mine, theirs)
    links = list(shelf_links(store, ref, fetched))
    other = [link for link in links if not isinstance(link, Finding)]
    is_odd = len(other) < len(links)
    known = {link.entry.commit for link in other}
    only_here = [link for link in reversed(ours) if link.entry.commit not in known]
    push = _shelve_on(store, fetched, only_here)
    purged = state.purged
    if is_odd or any(link.entry.packet_tree in purged for link in other):
        held = {link.entry.commit for link in ours}
        more = [
            link
            for link in reversed(other)
            if link.entry.commit not in held and link.entry.packet_tree not in purged
        ]
        return Merged(_shelve_on(store, mine, more), push)
    return Merged(push, push)


def take_shelf(
    store: Store, remote: GitRemote, ref: str, tip: str, state: LedgerState
) -> str | None:
    """Fetch a shelf of the remote where there is none here; return what it shall be here.

    Raises:
        StoreError: It cannot be fetched, or this one cannot be written.
    """
    if not is_shelf(ref):
        return None
    fetched = fetch_shelf(store, remote, ref) or tip
    links = list(shelf_links(store, ref, fetched))
    good = [link for link in links if not isinstance(link, Finding)]
    wanted = [link for link in reversed(good) if link.entry.packet_tree not in state.purged]
    if len(wanted) == len(links):
        return fetched
    return _shelve_on(store, "", wanted) or None


def fetch_shelf(store: Store, remote: GitRemote, ref: str) -> str:
    """Fetch a shelf of the remote; return its end, which the tracking ref keeps.

    Raises:
        StoreError: It cannot be fetched.
    """
    incoming = f"{INCOMING}{unique_name('shelf-')}"
    remote.fetch({ref: incoming})
    tip = store.refs.read(incoming) or ""
    tracking = tracking_ref(remote, ref)
    with suppress(ConflictError):
        store.refs.swap(tracking, old=store.refs.read(tracking), new=tip)
    with suppress(ConflictError, StoreError):
        store.refs.delete(incoming, old=tip)
    return tip


def _is_commit(store: Store, oid: str) -> bool:
    try:
        store.objects.read_as("commit", oid)
    except StoreError:
        return False
    return True


def links_of(store: Store, ref: str, tip: str) -> list[Link]:
    """Return the commits of a shelf, newest first; it ends where it is odd."""
    return [link for link in shelf_links(store, ref, tip) if not isinstance(link, Finding)]


def _shelve_on(store: Store, tip: str, links: list[Link]) -> str:
    """Write shelf commits for packets behind ``tip``; return the new end."""
    if not links:
        return tip
    tree = store.objects.write("tree", b"")
    for link in links:
        body = encode_commit(
            tree=tree,
            parents=(tip, link.entry.commit) if tip else (link.entry.commit,),
            author=AUTHOR,
            time=datetime.fromtimestamp(link.commit.time, UTC),
            message=link.entry.message,
        )
        tip = store.objects.write("commit", body)
    store.objects.flush()
    return tip
