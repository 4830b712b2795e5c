"""Make values of the model's types, and break them, from the annotations alone."""

from __future__ import annotations

import dataclasses
import re
import types
import typing
from collections.abc import Callable, Iterator
from decimal import Decimal
from enum import Enum
from typing import Any

from hypothesis import strategies as st

from greenlight.model.codec import escape_pointer, kind_of, members, optional
from greenlight.model.fields import MAX_INTEGER, Line, Measure, Note, Range, Text

# Long texts show nothing that short ones do not; NFC and printable, as in a document.
_CHARACTERS = st.sampled_from("abcXYZ 0189-_./:'\"\\é漢😀{}[]")
_MAX_ITEMS = 2


def values_of(hint: Any) -> st.SearchStrategy[Any]:  # noqa: PLR0911 - one for each form
    """Return a strategy for plain values that a field of this annotation accepts."""
    if hint in (Line, Note):
        return st.text(_CHARACTERS, min_size=int(hint == Line), max_size=12)
    origin = typing.get_origin(hint)
    if origin is typing.Annotated:
        return _bounded(typing.get_args(hint)[1])
    if origin is tuple:
        return st.lists(values_of(typing.get_args(hint)[0]), max_size=_MAX_ITEMS)
    if origin in (typing.Union, types.UnionType):
        return st.none() | values_of(optional(hint))
    if issubclass(hint, Enum):
        return st.sampled_from([word.value for word in hint])
    if dataclasses.is_dataclass(hint):
        return objects_of(hint)
    if hint is Decimal:
        return st.integers(-MAX_INTEGER, MAX_INTEGER)
    return {bool: st.booleans(), str: st.text(_CHARACTERS), int: st.integers()}[hint]


def objects_of(cls: type) -> st.SearchStrategy[dict[str, Any]]:
    """Return a strategy for the fields of a type, those with a default sometimes left out."""
    known = members(cls)
    return st.fixed_dictionaries(
        {m.name: values_of(m.hint) for m in known if m.required},
        optional={m.name: values_of(m.hint) for m in known if not m.required},
    )


def documents_of(cls: type) -> st.SearchStrategy[dict[str, Any]]:
    """Return a strategy for whole documents of a type."""
    return objects_of(cls).map(lambda body: {"format": 1, "kind": kind_of(cls), **body})


def _bounded(bound: Text | Range | Measure) -> st.SearchStrategy[Any]:
    if isinstance(bound, Measure):
        # In the one spelling: what is whole has no point, and no zero stands at the end.
        parts = st.integers(1, 10**9).map(lambda n: Decimal(n).scaleb(-4).normalize())
        return parts.map(lambda n: int(n) if n == n.to_integral_value() else n)
    if isinstance(bound, Text):
        ascii_only = st.characters(min_codepoint=0x20, max_codepoint=0x7E)
        return st.from_regex(bound.pattern, fullmatch=True, alphabet=ascii_only)
    return st.integers(bound.low, bound.high)


@dataclasses.dataclass(frozen=True)
class Break:
    """One way to make a good value bad.

    Attributes:
        pointer: Where a reader must object.
        what: What is done there.
        apply: Does it, to a copy of its own.
    """

    pointer: str
    what: str
    apply: Callable[[], None]


def breaks_of(cls: type, data: dict[str, Any], pointer: str = "") -> Iterator[Break]:
    """Yield every way to break ``data``, an object of type ``cls``; each changes it in place."""
    yield Break(f"{pointer}/no_such_field", "add a field", lambda: data.update(no_such_field=1))
    for member in members(cls):
        name = member.name
        place = f"{pointer}/{escape_pointer(name)}"
        if member.required:
            yield Break(place, "drop a field", lambda name=name: data.pop(name))
        if name in data:
            yield from _breaks(member.hint, data, name, place)


def _broken_texts(
    bound: Text, value: str, place: str, put: Callable[[Any], Callable[[], None]]
) -> Iterator[Break]:
    """Yield texts that do not fit; of what may hold any character, as a word of a command, none."""
    for what, text in (("end a text with LF", f"{value}\n"), ("break a pattern", f"\x1b{value}")):
        if re.fullmatch(bound.pattern, text) is None:
            yield Break(place, what, put(text))


def _breaks(hint: Any, holder: Any, key: Any, place: str) -> Iterator[Break]:
    def put(value: Any) -> Callable[[], None]:
        return lambda: holder.__setitem__(key, value)

    value = holder[key]
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        yield Break(place, "change a type", put(["not this"]))
        if value is not None:
            yield from _breaks(optional(hint), holder, key, place)
    elif origin is tuple:
        yield Break(place, "change a type", put("not this"))
        for index in range(len(value)):
            yield from _breaks(typing.get_args(hint)[0], value, index, f"{place}/{index}")
    elif origin is typing.Annotated:
        bound = typing.get_args(hint)[1]
        yield Break(place, "change a type", put([]))
        if isinstance(bound, Text):
            yield from _broken_texts(bound, value, place, put)
        else:
            yield Break(place, "leave a range", put(bound.high + 1))
            yield Break(place, "true for a number", put(True))
    elif issubclass(hint, Enum):
        yield Break(place, "an unknown word", put(value + "?"))
        yield Break(place, "change a type", put(1))
    elif dataclasses.is_dataclass(hint):
        yield Break(place, "change a type", put([]))
        yield from breaks_of(hint, value, place)
    else:
        yield Break(place, "change a type", put({}))
