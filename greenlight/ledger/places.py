"""Where each record lies: the commits of a ledger, on a base that need not be in memory."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, Self, overload


@dataclass(frozen=True, slots=True)
class Place:
    """A ledger commit and the records it adds.

    Attributes:
        commit: Object id.
        first: Index of its first record.
        ids: Object ids of its records, in order, one behind the other.
        head: Object id of its head.
        frontier: Object id of its frontier.
    """

    commit: str
    first: int
    ids: bytes
    head: str
    frontier: str

    @classmethod
    def of(cls, commit: str, first: int, blobs: Sequence[str], *, head: str, frontier: str) -> Self:
        return cls(commit, first, bytes.fromhex("".join(blobs)), head, frontier)

    @property
    def count(self) -> int:
        """How many records it adds."""
        return len(self.ids) * 2 // len(self.commit)

    @property
    def end(self) -> int:
        """Index after its last record: the size of the ledger there."""
        return self.first + self.count

    @property
    def blobs(self) -> tuple[str, ...]:
        """Object ids of its records, in order."""
        return tuple(map(self.blob_of, range(self.first, self.end)))

    def part(self, first: int, stop: int) -> Self:
        """Return the same commit with some of its records alone."""
        width = len(self.commit) // 2
        ids = self.ids[(first - self.first) * width : (stop - self.first) * width]
        return type(self)(self.commit, first, ids, self.head, self.frontier)

    def blob_of(self, index: int) -> str:
        """Return the object id of one of its records, by index."""
        width = len(self.commit) // 2
        at = (index - self.first) * width
        return self.ids[at : at + width].hex()


class Earlier(Protocol):
    """The first commits of a ledger, kept elsewhere; the same for ever."""

    def of_record(self, index: int) -> Place:
        """Return the commit that added a record, which must be there."""

    def each(self, first: int = 0) -> Iterator[Place]:
        """Yield the commits, oldest first, from the one that added record ``first`` on."""

    def __len__(self) -> int:
        """Return how many there are."""


class Places(Sequence[Place]):
    """The commits of a ledger, oldest first.

    Attributes:
        base: The first of them, or None.
        new: Those that follow.
    """

    __slots__ = ("base", "new")

    def __init__(self, base: Earlier | None = None, new: Iterable[Place] = ()) -> None:
        self.base = base
        self.new = tuple(new)

    def followed_by(self, places: Iterable[Place]) -> Self:
        """Return these and then ``places``."""
        return type(self)(self.base, (*self.new, *places))

    def of_record(self, index: int) -> Place:
        """Return the commit that added the record at ``index``, which must be there."""
        if self.base is not None and (not self.new or index < self.new[0].first):
            return self.base.of_record(index)
        return self.new[bisect_right(self.new, index, key=lambda place: place.first) - 1]

    def from_record(self, index: int) -> Iterator[Place]:
        """Yield the commits from the one that added the record at ``index`` on."""
        if self.base is not None and (not self.new or index < self.new[0].first):
            yield from self.base.each(index)
        yield from (place for place in self.new if place.end > index)

    def __len__(self) -> int:
        return (0 if self.base is None else len(self.base)) + len(self.new)

    def __iter__(self) -> Iterator[Place]:
        return self.from_record(0)

    @overload
    def __getitem__(self, at: int) -> Place: ...

    @overload
    def __getitem__(self, at: slice) -> tuple[Place, ...]: ...

    def __getitem__(self, at: int | slice) -> Place | tuple[Place, ...]:
        if isinstance(at, int) and -len(self.new) <= at < 0:
            return self.new[at]
        return tuple(self)[at]

    def __eq__(self, other: object) -> bool:
        return tuple(self) == tuple(other) if isinstance(other, Sequence) else NotImplemented

    def __hash__(self) -> int:
        return hash(tuple(self))
