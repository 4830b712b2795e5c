"""The chain of ledger commits, from its end back: each with one parent, the first with none.

The tree of each is exactly ``records/``, ``frontier.cbor`` and ``head``; its records
follow each other.  Anything else that somebody pushed into the ref is
LEDGER_MALFORMED, with the commit.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from greenlight.codes import Code
from greenlight.errors import MalformedError, StoreError
from greenlight.ledger.places import Place
from greenlight.model.finding import Finding
from greenlight.primitives.limits import MAX_INT64, MAX_RECORDS_PER_COMMIT
from greenlight.primitives.text import escape
from greenlight.store.gitobjects import DIRECTORY, FILE, parse_commit, parse_tree
from greenlight.store.repository import Store

_RECORD = re.compile(rb"(0|[1-9][0-9]{0,18})\.cbor")
_SHAPE = [(FILE, b"frontier.cbor"), (FILE, b"head"), (DIRECTORY, b"records")]


class OddCommitError(Exception):
    """A commit in the ref that is no ledger commit: data, as everything that was pushed.

    Attributes:
        finding: LEDGER_MALFORMED.
    """

    def __init__(self, commit: str, found: str) -> None:
        super().__init__(found)
        self.finding = Finding(
            Code.LEDGER_MALFORMED, f"ledger commit {commit}", "a ledger commit", escape(found)
        )


def walk(store: Store, commit: str) -> Iterator[Place]:
    """Yield the ledger commits from ``commit`` back to the first.

    Raises:
        OddCommitError: One is none, or does not follow the one before.
    """
    return (place for place, _ in _chain(store, commit))


def walk_since(store: Store, commit: str, known: str, size: int) -> list[Place] | None:
    """Return the ledger commits after ``known``, oldest first; None if it is no ancestor.

    Args:
        store: Where they lie.
        commit: The newest.
        known: A ledger commit that was read before.
        size: Records of the ledger there.

    Raises:
        OddCommitError: As ``walk``.
    """
    found: list[Place] = []
    if commit == known:
        return found
    for place, parent in _chain(store, commit):
        found.append(place)
        if parent == known:
            _require_follows(place, size)
            return found[::-1]
        if place.first <= size:
            return None
    return None


def _chain(store: Store, commit: str) -> Iterator[tuple[Place, str | None]]:
    """Yield each ledger commit with its parent, newest first."""
    at: str | None = commit
    after: Place | None = None
    while at is not None:
        place, at = _read_commit(store, at)
        if after is not None:
            _require_follows(after, place.end)
        yield place, at
        after = place
    if after is not None:
        _require_follows(after, 0)


def _require_follows(place: Place, size: int) -> None:
    if place.first != size:
        raise OddCommitError(place.commit, f"begins with record {place.first}, not {size}")


def _read_commit(store: Store, oid: str) -> tuple[Place, str | None]:
    """Return a ledger commit and its parent."""
    try:
        commit = parse_commit(store.objects.read_as("commit", oid), store.object_format)
        top = parse_tree(store.objects.read_as("tree", commit.tree), store.object_format)
        if len(commit.parents) > 1:
            raise OddCommitError(oid, f"{len(commit.parents)} parents")
        if [(entry.mode, entry.name) for entry in top] != _SHAPE:
            raise OddCommitError(oid, "not exactly records/, frontier.cbor and head")
        entries = parse_tree(store.objects.read_as("tree", top[2].oid), store.object_format)
    except (MalformedError, StoreError) as error:
        raise OddCommitError(oid, f"{error.code}: {error}") from error
    by_index: dict[int, str] = {}
    for entry in entries:
        name = _RECORD.fullmatch(entry.name)
        if name is None or entry.mode != FILE:
            raise OddCommitError(oid, f"records/ holds {entry.name!r} of mode {entry.mode!r}")
        by_index[int(name[1])] = entry.oid
    first = min(by_index, default=-1)
    if not by_index or len(by_index) > MAX_RECORDS_PER_COMMIT:
        raise OddCommitError(oid, f"{len(by_index)} records")
    if max(by_index) - first + 1 != len(by_index) or max(by_index) > MAX_INT64:
        raise OddCommitError(oid, "its records do not follow each other")
    blobs = tuple(by_index[first + offset] for offset in range(len(by_index)))
    place = Place.of(oid, first, blobs, head=top[1].oid, frontier=top[0].oid)
    return place, commit.parents[0] if commit.parents else None
