"""Collections that stand on a base which never changes: what was folded, and what came since.

The base is kept elsewhere and asked entry by entry; only what is new lies in memory.
So a copy costs what is new, whatever the size of the base.
"""

from __future__ import annotations

from collections.abc import ItemsView, Iterable, Iterator, Mapping, Sequence, ValuesView
from typing import Protocol, Self, TypeVar, overload

Key = TypeVar("Key")
Value = TypeVar("Value")
Value_co = TypeVar("Value_co", covariant=True)
Other = TypeVar("Other")
Item = TypeVar("Item")
Item_co = TypeVar("Item_co", covariant=True)


class Table(Protocol[Key, Value_co]):
    """Entries that were folded before; the same for ever."""

    def find(self, key: Key) -> Value_co | None:
        """Return the value of ``key``, or None where it has none."""

    def pairs(self) -> Iterator[tuple[Key, Value_co]]:
        """Yield all entries, in the order of their records."""

    def __len__(self) -> int:
        """Return how many there are."""


class Listed(Protocol[Item_co]):
    """Items that were folded before; the same for ever."""

    def at(self, position: int) -> Item_co:
        """Return the item at a position, which must be there."""

    def each(self) -> Iterator[Item_co]:
        """Yield all items, in order."""

    def __len__(self) -> int:
        """Return how many there are."""


class Layered(Mapping[Key, Value]):
    """A mapping on a base.

    Attributes:
        base: What was folded before, or None.
        new: What came since; it counts where both have a key.
    """

    __slots__ = ("base", "new")

    def __init__(
        self, base: Table[Key, Value] | None = None, new: Mapping[Key, Value] | None = None
    ) -> None:
        self.base = base
        self.new: dict[Key, Value] = {} if new is None else dict(new)

    def copy(self) -> Self:
        return type(self)(self.base, self.new)

    def __setitem__(self, key: Key, value: Value) -> None:
        self.new[key] = value

    def __getitem__(self, key: Key) -> Value:
        if key in self.new:
            return self.new[key]
        found = None if self.base is None else self.base.find(key)
        if found is None:
            raise KeyError(key)
        return found

    @overload
    def get(self, key: Key, /) -> Value | None: ...

    @overload
    def get(self, key: Key, default: Value | Other, /) -> Value | Other: ...

    def get(self, key: Key, default: object = None, /) -> object:
        """Return the value of ``key``, or ``default``: no exception for each key that is new."""
        if key in self.new:
            return self.new[key]
        found = None if self.base is None else self.base.find(key)
        return default if found is None else found

    def __contains__(self, key: object) -> bool:
        return self.get(key) is not None  # type: ignore[arg-type]  # what is no key is not found

    def pairs(self) -> Iterator[tuple[Key, Value]]:
        """Yield all entries: those of the base first."""
        if self.base is None:
            yield from self.new.items()
            return
        for key, value in self.base.pairs():
            yield key, self.new.get(key, value)
        for key, value in self.new.items():
            if self.base.find(key) is None:
                yield key, value

    def __iter__(self) -> Iterator[Key]:
        return (key for key, _ in self.pairs())

    def __len__(self) -> int:
        if self.base is None:
            return len(self.new)
        return len(self.base) + sum(self.base.find(key) is None for key in self.new)

    def items(self) -> ItemsView[Key, Value]:
        return _Items(self)

    def values(self) -> ValuesView[Value]:
        return _Values(self)

    def __repr__(self) -> str:
        return repr(dict(self.pairs()))


class _Items(ItemsView[Key, Value]):
    """The entries in one pass, where the general view would look each one up."""

    _mapping: Layered[Key, Value]

    def __iter__(self) -> Iterator[tuple[Key, Value]]:
        return self._mapping.pairs()


class _Values(ValuesView[Value]):
    _mapping: Layered[object, Value]

    def __iter__(self) -> Iterator[Value]:
        return (value for _, value in self._mapping.pairs())


class Grown(Sequence[Item]):
    """A list on a base.

    Attributes:
        base: What was folded before, or None.
        new: What came since.
    """

    __slots__ = ("base", "new")

    def __init__(self, base: Listed[Item] | None = None, new: Iterable[Item] = ()) -> None:
        self.base = base
        self.new = list(new)

    def copy(self) -> Self:
        return type(self)(self.base, self.new)

    def append(self, item: Item) -> None:
        self.new.append(item)

    def since(self, before: Grown[Item]) -> list[Item]:
        """Return what came since ``before``, which this one was copied from."""
        return self.new[len(before.new) :]

    def __len__(self) -> int:
        return (0 if self.base is None else len(self.base)) + len(self.new)

    def __iter__(self) -> Iterator[Item]:
        if self.base is not None:
            yield from self.base.each()
        yield from self.new

    @overload
    def __getitem__(self, at: int) -> Item: ...

    @overload
    def __getitem__(self, at: slice) -> list[Item]: ...

    def __getitem__(self, at: int | slice) -> Item | list[Item]:
        if isinstance(at, slice):
            return list(self)[at]
        if self.base is None or -len(self.new) <= at < 0:
            return self.new[at]
        before = len(self.base)
        at += (before + len(self.new)) if at < 0 else 0
        if at < 0:
            raise IndexError(at)
        return self.base.at(at) if at < before else self.new[at - before]

    def __eq__(self, other: object) -> bool:
        return list(self) == list(other) if isinstance(other, Sequence) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # it changes

    def __repr__(self) -> str:
        return repr(list(self))
