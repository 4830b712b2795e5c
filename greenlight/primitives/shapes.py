"""Shapes of CBOR items that were read before: the next item of one shape is read without a parser.

What CBOR bytes mean is decided by their heads alone.  So where an item has the same length as one
that was read before, and the same bytes wherever that one had heads, map keys and short values,
it has the same structure, and what differs lies at the same places.  An item of a known shape
takes one match of a regular expression, which has a group for each value; a ledger has a few
dozen shapes.

A shape is learned from an item that passed ``cbor.decode``, when its length has been seen a few
times.  It answers only where that would give the same: its text must be ASCII, and its integers
shortest; all else is for the parser to judge.  This is memory and no state: with or without it
the same bytes give the same value or the same error.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any, Final

from greenlight.primitives.limits import MAX_INT64

_UNSIGNED, _NEGATIVE, _BYTES, _TEXT, _ARRAY, _MAP = range(6)
_CONSTANTS: Final = {0xF4: False, 0xF5: True, 0xF6: None}
_ONE_BYTE: Final = 24
_WIDTHS: Final = {24: 1, 25: 2, 26: 4, 27: 8}
_LEAST: Final = {1: 24, 2: 1 << 8, 4: 1 << 16, 8: 1 << 32}  # RFC 8949 4.2.1: the shortest form

MAX_LEARNED_BYTES: Final = 8192  # of an item: the entries of a run and a packet take 800
MAX_SHAPES: Final = 1024  # then all are forgotten: a few KiB each
_OF_ONE_LENGTH: Final = 4  # tried one after the other
HABIT: Final = 16  # times that a length is seen before a shape is learned, which takes 1 ms
_ASCII: Final = b"[\\x00-\\x7f]"
NOTHING: Final = object()

Slot = tuple[int, int, int]  # where a value begins, where it ends, and its major type
Build = Callable[[Sequence[object]], object]
Take = Callable[[Any], Sequence[Any]]


class Shape:
    """The structure of one item, and where its values lie.

    Args:
        data: An item that was read: deterministic, and of the types allowed.
        start: Where it begins, behind a tag.
    """

    __slots__ = ("_build", "_integers", "_match", "_texts")

    def __init__(self, data: bytes, start: int) -> None:
        slots: list[Slot] = []
        end, item = _learn(data, start, slots)
        if end != len(data):
            raise ValueError(end)
        pattern, at = b"", 0
        for first, stop, kind in slots:
            ones = _ASCII if kind == _TEXT else b"."
            pattern += re.escape(data[at:first]) + b"(" + ones + b"{%d})" % (stop - first)
            at = stop
        self._match = re.compile(pattern + re.escape(data[at:]), re.DOTALL).fullmatch
        self._texts = [at for at, slot in enumerate(slots) if slot[2] == _TEXT]
        self._integers = [(at, slot) for at, slot in enumerate(slots) if slot[2] <= _NEGATIVE]
        self._build = _builder(item, {slot: at for at, slot in enumerate(slots)})

    def read(self, data: bytes) -> object:
        """Return the value of an item, or NOTHING: another shape, or no item at all."""
        match = self._match(data)
        if match is None:
            return NOTHING
        values: list[Any] = list(match.groups())
        for at in self._texts:
            values[at] = values[at].decode()
        for at, (first, stop, kind) in self._integers:
            argument = int.from_bytes(values[at])
            if not _LEAST[stop - first] <= argument <= MAX_INT64:
                return NOTHING
            values[at] = argument if kind == _UNSIGNED else -1 - argument
        return self._build(values)


class _Array(list[object]):
    """Items of an array: slots, constants in a tuple of one, arrays and maps."""


class _Map(list[tuple[object, object]]):
    """Keys of a map, each with its value as in an array."""


def _learn(data: bytes, at: int, slots: list[Slot]) -> tuple[int, object]:
    """Return the position after the item at ``at``, and its structure; note where values lie."""
    initial = data[at]
    if initial in _CONSTANTS:
        return at + 1, (_CONSTANTS[initial],)
    kind, argument, width = initial >> 5, initial & 0x1F, 0
    at += 1
    if argument >= _ONE_BYTE:
        width = _WIDTHS[argument]
        argument = int.from_bytes(data[at : at + width])
    if kind <= _NEGATIVE and not width:
        return at, (argument if kind == _UNSIGNED else -1 - argument,)
    if kind <= _TEXT:
        first = at if kind <= _NEGATIVE else at + width
        stop = at + width if kind <= _NEGATIVE else at + width + argument
        slots.append((first, stop, kind))
        return stop, slots[-1]
    at += width
    if kind == _ARRAY:
        items = _Array()
        for _ in range(argument):
            at, item = _learn(data, at, slots)
            items.append(item)
        return at, items
    pairs = _Map()
    for _ in range(argument):
        key: list[Slot] = []  # a key is no value: its bytes are compared
        at, name = _learn(data, at, key)
        at, item = _learn(data, at, slots)
        pairs.append((_plain(data, key[0]) if key else name[0], item))  # type: ignore[index]  # a constant
    return at, pairs


def _plain(data: bytes, slot: Slot) -> object:
    first, stop, kind = slot
    if kind == _TEXT:
        return data[first:stop].decode()
    argument = int.from_bytes(data[first:stop])
    return argument if kind == _UNSIGNED else -1 - argument


def _builder(item: object, order: dict[Slot, int]) -> Build:
    """Return what makes an item's value of the values that lie in it."""
    if isinstance(item, _Array):
        builds = [_builder(each, order) for each in item]
        places = [order.get(each) for each in item if isinstance(each, tuple)]
        if len(places) == len(item) and None not in places:
            take = _taking(places)
            return lambda values: list(take(values))
        return lambda values: [build(values) for build in builds]
    if isinstance(item, _Map):
        keys = [key for key, _ in item]
        places = [order.get(each) for _, each in item if isinstance(each, tuple)]
        if len(places) == len(item) and None not in places:
            take = _taking(places)
            return lambda values: dict(zip(keys, take(values), strict=True))
        pairs = [(key, _builder(each, order)) for key, each in item]
        return lambda values: {key: build(values) for key, build in pairs}
    place = order.get(item)  # type: ignore[call-overload]  # the same
    if place is not None:
        return itemgetter(place)
    constant: object = item[0]  # type: ignore[index]  # a tuple of one
    return lambda _: constant


def _taking(places: list[Any]) -> Take:
    """Return what takes the items at some places, in C where there are several."""
    if len(places) > 1:
        return itemgetter(*places)
    return lambda values: tuple(values[place] for place in places)


class Shapes:
    """The shapes that were learned."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int | None], tuple[Shape, ...]] = {}
        self._seen: dict[tuple[int, int | None], int] = {}
        self._count = 0

    def find(self, data: bytes, tag: int | None) -> object:
        """Return the value of an item where it has a shape that was learned, else NOTHING."""
        known = self._known.get((len(data), tag))
        if known:
            for shape in known:
                value = shape.read(data)
                if value is not NOTHING:
                    return value
        return NOTHING

    def learn(self, data: bytes, start: int, tag: int | None) -> None:
        """Remember an item that was read, so that the next of its shape is found."""
        if len(data) > MAX_LEARNED_BYTES:
            return
        if self._count >= MAX_SHAPES:
            self._known, self._seen, self._count = {}, {}, 0
        key = len(data), tag
        self._seen[key] = seen = self._seen.get(key, 0) + 1
        if seen <= HABIT:
            return
        known = self._known.get(key, ())
        if len(known) < _OF_ONE_LENGTH:
            self._known[key] = (*known, Shape(data, start))
            self._count += 1
