"""Shelves: refs that keep packet commits reachable, and prove nothing.

One ref a month, ``refs/greenlight/shelf/<yyyy-mm>``; each commit of it has the empty
tree and two parents, the shelf commit before (none for the first) and the packet
commit.  What a packet is called there is a hint to find it by: verification takes
the id from the statement and the tree from the bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from greenlight.codes import Code
from greenlight.errors import ConflictError, MalformedError, StoreError
from greenlight.model.finding import Finding
from greenlight.primitives.text import escape
from greenlight.store.gitobjects import Commit, encode_commit, object_id, parse_commit
from greenlight.store.packets import Sink
from greenlight.store.repository import Store

PREFIX = "refs/greenlight/shelf/"
MAX_TRIES = 1000  # lost races; each means that another writer got through

_TREE = re.compile(r"sha256:[0-9a-f]{64}")
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,254}")
_REF = re.compile(re.escape(PREFIX) + r"[0-9]{4}-(?:0[1-9]|1[0-2])")
_PARENTS = 2


@dataclass(frozen=True, slots=True)
class ShelfEntry:
    """Where a shelf says that a packet is.

    Attributes:
        packet_tree: ``sha256:<hex>``.
        packet_id: Lane and run.
        commit: Object id of the packet commit.
    """

    packet_tree: str
    packet_id: str
    commit: str

    @property
    def message(self) -> str:
        """What the shelf commit says: the trailers are read, the subject is for people."""
        return (
            f"Shelve {self.packet_id}\n\n"
            f"Packet-Tree: {self.packet_tree}\nPacket-Id: {self.packet_id}\n"
        )


class Shelving:
    """Making packet commits reachable: shelf commits beside them, then the refs.

    Args:
        store: Where the shelves are.
        entries: What to shelve, and when each was sealed, in their order.
        author: Of the shelf commits.
    """

    def __init__(
        self, store: Store, entries: Sequence[tuple[ShelfEntry, datetime]], author: str
    ) -> None:
        self._store = store
        self._author = author
        self._months: dict[str, list[tuple[ShelfEntry, datetime]]] = {}
        for entry, time in entries:
            ref = f"{PREFIX}{time.astimezone(UTC):%Y-%m}"
            self._months.setdefault(ref, []).append((entry, time))
        self._ready: dict[str, tuple[str | None, str]] = {}  # by ref, from where to where

    def put(self, sink: Sink) -> None:
        """Put the shelf commits into ``sink``, behind what the refs name now."""
        for ref in self._months:
            self._put(sink, ref)

    def _put(self, sink: Sink, ref: str) -> None:
        old = tip = self._store.refs.read(ref)
        tree = sink.add("tree", b"").hex()
        for entry, time in self._months[ref]:
            parents = (entry.commit,) if tip is None else (tip, entry.commit)
            body = encode_commit(
                tree=tree,
                parents=parents,
                author=self._author,
                time=time,
                message=entry.message,
            )
            tip = sink.add("commit", body).hex()
        if tip is not None:
            self._ready[ref] = (old, tip)

    def move(self) -> None:
        """Make all that was written durable, and move the refs.

        Raises:
            StoreError: STORE_BUSY, IO_NOSPACE, IO_FAILED.
        """
        for ref in self._months:
            self._move(ref)
        self._store.objects.release()

    def _move(self, ref: str) -> None:
        for _ in range(MAX_TRIES):
            self._store.objects.flush()
            old, new = self._ready[ref]
            try:
                self._store.refs.swap(ref, old=old, new=new)
            except ConflictError:
                with self._store.objects.packing() as pack:
                    self._put(pack, ref)
            else:
                return
        raise StoreError(Code.STORE_BUSY, f"{ref} was moved by others {MAX_TRIES} times")


def shelve(  # noqa: PLR0913 - what a shelf commit says
    store: Store,
    commit: str,
    *,
    packet_tree: str,
    packet_id: str,
    author: str,
    time: datetime,
) -> None:
    """Make one packet commit reachable, durably.

    What was written before and not yet flushed, as the packet, is flushed with it.

    Raises:
        StoreError: STORE_BUSY, IO_NOSPACE, IO_FAILED.
    """
    entry = ShelfEntry(packet_tree, packet_id, commit)
    shelving = Shelving(store, [(entry, time)], author)
    with store.objects.packing() as pack:
        shelving.put(pack)
    shelving.move()


@dataclass(frozen=True, slots=True)
class Shelf:
    """What was read of one shelf.

    Attributes:
        entries: Newest first.
        stopped: Whether the reading ended at the commit where it was to stop.
        problems: SHELF_MALFORMED, where it ended at something that is no shelf commit.
    """

    entries: tuple[ShelfEntry, ...]
    stopped: bool
    problems: tuple[Finding, ...]


def shelf_entries(store: Store) -> Iterator[ShelfEntry | Finding]:
    """Yield what the shelves hold, newest first; a finding where one is odd.

    A shelf that holds something else ends there with SHELF_MALFORMED; the others go on.

    Raises:
        StoreError: A ref cannot be read.
    """
    for ref, tip in reversed(store.refs.list(PREFIX).items()):
        shelf = read_shelf(store, ref, tip)
        yield from shelf.entries
        yield from shelf.problems


@dataclass(frozen=True, slots=True)
class Link:
    """A shelf commit.

    Attributes:
        oid: Its object id.
        commit: What it is.
        entry: What it says of a packet.
        before: The shelf commit before it, or None.
    """

    oid: str
    commit: Commit
    entry: ShelfEntry
    before: str | None


def read_shelf(store: Store, ref: str, tip: str, *, stop: str | None = None) -> Shelf:
    """Read the shelf at ``tip`` to its beginning, or to before the shelf commit ``stop``."""
    entries: list[ShelfEntry] = []
    for link in shelf_links(store, ref, tip):
        if isinstance(link, Finding):
            return Shelf(tuple(entries), stopped=False, problems=(link,))
        if link.oid == stop:
            return Shelf(tuple(entries), stopped=True, problems=())
        entries.append(link.entry)
    return Shelf(tuple(entries), stopped=False, problems=())


def is_shelf(ref: str) -> bool:
    """Report whether a ref has the name of a shelf."""
    return _REF.fullmatch(ref) is not None


def shelf_links(store: Store, ref: str, tip: str) -> Iterator[Link | Finding]:
    """Yield the commits of a shelf, newest first; a finding where it ends at something else."""
    if not _REF.fullmatch(ref):
        yield Finding(Code.SHELF_MALFORMED, escape(ref), f"{PREFIX}<yyyy-mm>", "another name")
        return
    empty_tree = object_id("tree", b"", store.object_format)
    at: str | None = tip
    while at is not None:
        try:
            commit = parse_commit(store.objects.read_as("commit", at), store.object_format)
            entry, before = _entry(commit, empty_tree)
        except (MalformedError, StoreError) as error:
            where = f"{ref}@{at}"
            yield Finding(Code.SHELF_MALFORMED, where, "a shelf commit", escape(str(error)))
            return
        yield Link(at, commit, entry, before)
        at = before


def _entry(commit: Commit, empty_tree: str) -> tuple[ShelfEntry, str | None]:
    """Return what a shelf commit says, and the shelf commit before it."""
    trailers = commit.trailers
    tree, name = trailers.get("Packet-Tree", ""), trailers.get("Packet-Id", "")
    if commit.tree != empty_tree or not 1 <= len(commit.parents) <= _PARENTS:
        raise MalformedError(Code.SHELF_MALFORMED, "a shelf commit has no files and 1 or 2 parents")
    if not _TREE.fullmatch(tree) or not _ID.fullmatch(name):
        raise MalformedError(Code.SHELF_MALFORMED, "a shelf commit names a packet's tree and id")
    before = commit.parents[0] if len(commit.parents) == _PARENTS else None
    return ShelfEntry(tree, name, commit.parents[-1]), before
