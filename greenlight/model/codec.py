"""Read and write the frozen types of the model: one strict reader for all of them.

The annotations of a type are its whole grammar: texts and integers with bounds
(``model.fields``), booleans, decimal numbers, enumerations, tuples, nested types and ``X | None``.
Unknown fields, missing fields and wrong types are refused, and all problems are
reported, each with a JSON pointer, not only the first (ADR 0002).

A document is an object that carries ``format`` (its version) and ``kind`` beside
the fields of its type; nested values carry neither.
"""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import Any, Final, TypeVar

from greenlight.model.fields import Measure, Range, Text

FORMAT_VERSION = 1
MAX_ROWS = 1_000_000  # elements of one array: above every count limit, below memory trouble

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Problem:
    """One way in which a value is not what its type says.

    Attributes:
        pointer: JSON pointer (RFC 6901) to the place.
        expected: What the type wants there.
        found: What stands there.
    """

    pointer: str
    expected: str
    found: str


@dataclass(frozen=True, slots=True)
class Member:
    """One field of a type, ready to be read."""

    name: str
    hint: Any
    default: Any
    metadata: Mapping[str, Any]

    @property
    def required(self) -> bool:
        # Only a person may leave something unsaid: a document has one spelling.
        return self.default is MISSING or self.metadata.get("class") != "given"


def name_of(cls: type) -> str:
    """Return the path of the document that ``cls`` is the type of."""
    name: str = cls.NAME  # type: ignore[attr-defined]  # set by model.fields.document
    return name


def kind_of(cls: type) -> str:
    """Return what a document says it is: its path without the ending."""
    return name_of(cls).removesuffix(".json")


@cache
def members(cls: type[Any]) -> tuple[Member, ...]:
    """Return the fields of ``cls`` with their resolved annotations, in order."""
    hints = typing.get_type_hints(cls, include_extras=True)
    return tuple(Member(f.name, hints[f.name], _default(f), f.metadata) for f in fields(cls))


def _default(declared: Field[Any]) -> Any:
    return declared.default


# --- writing ---------------------------------------------------------------


def to_plain(value: object) -> Any:
    """Return ``value`` as dicts, lists, texts, integers and booleans."""
    if type(value) is str or type(value) is int:
        return value  # most are: an enumeration is of neither type
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple):
        return [to_plain(item) for item in value]
    if is_dataclass(value) and not isinstance(value, type):
        return {
            member.name: to_plain(getattr(value, member.name)) for member in members(type(value))
        }
    return value


def to_document(value: object) -> dict[str, Any]:
    """Return the document that ``value`` is, with its kind and format version."""
    body: dict[str, Any] = to_plain(value)
    return {"format": FORMAT_VERSION, "kind": kind_of(type(value)), **body}


# --- reading ---------------------------------------------------------------


class Unreadable(Exception):  # noqa: N818 - internal control flow: problems are data
    """A value that is not what its type says; carries every problem found.

    Attributes:
        problems: At least one.
    """

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__(f"{len(problems)} problems")
        self.problems = problems


def from_document(cls: type[_T], data: object) -> _T:
    """Read a document of type ``cls``.

    Raises:
        Unreadable: It is not one; the problem at ``/format`` comes alone, because
            nothing is known about a version that nobody here has seen.
    """
    if not isinstance(data, dict):
        raise Unreadable([Problem("", "an object", describe(data))])
    version = data.get("format")
    if type(version) is not int or version != FORMAT_VERSION:  # True and 1.0 equal 1
        raise Unreadable([Problem("/format", str(FORMAT_VERSION), describe(version))])
    if data.get("kind") != kind_of(cls):
        raise Unreadable([Problem("/kind", kind_of(cls), describe(data.get("kind")))])
    body = {key: item for key, item in data.items() if key not in ("format", "kind")}
    return from_plain(cls, body)


def from_plain(cls: type[_T], data: object) -> _T:
    """Read a value of type ``cls`` from dicts, lists, texts, integers and booleans.

    Raises:
        Unreadable: It is not one.
    """
    problems: list[Problem] = []
    try:
        quick: _T = _quick(cls)(data)  # type: ignore[arg-type]  # a type is hashable
    except _Odd:
        pass
    else:
        return quick
    value = _read(cls, data, "", problems)
    if problems:
        raise Unreadable(problems)
    result: _T = value
    return result


class _Odd(Exception):  # noqa: N818 - internal control flow
    """Something is wrong, or unusual: for ``_read``, which says what."""


@cache
def _quick(hint: Any) -> Callable[[Any], Any]:
    """Return what reads a value that has nothing wrong, and raises for every other.

    It accepts nothing that ``_read`` refuses; to look at the annotations for each value would
    take most of the time of reading a ledger.
    """
    origin = typing.get_origin(hint)
    if origin is typing.Annotated:
        base, bound = typing.get_args(hint)[:2]
        if isinstance(bound, Range):
            return _quick_range(base, bound)
        return _quick_text(bound) if isinstance(bound, Text) else _quick_measure(base, bound)
    if origin is tuple:
        return _quick_array(_quick(typing.get_args(hint)[0]))
    if isinstance(hint, type) and is_dataclass(hint):
        return _quick_object(hint)

    def read(data: object) -> object:
        problems: list[Problem] = []
        value = _read(hint, data, "", problems)
        if problems:
            raise _Odd
        return value

    return read


def _quick_text(bound: Text) -> Callable[[Any], Any]:
    match = _compiled(bound.pattern).fullmatch

    def read(data: object) -> object:
        if not isinstance(data, str) or match(data) is None:
            raise _Odd
        return data

    return read


def _quick_range(base: type, bound: Range) -> Callable[[Any], Any]:
    low, high = bound.low, bound.high

    def read(data: Any) -> Any:
        if type(data) is not base or not low <= data <= high:  # type: ignore[operator]  # an int by the test before
            raise _Odd
        return data

    return read


def _quick_measure(base: Any, bound: Measure) -> Callable[[Any], Any]:
    def read(data: Any) -> Any:
        if type(data) not in (int, base) or not 0 <= data <= bound.high:
            raise _Odd
        return base(data)

    return read


def _quick_array(element: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def read(data: object) -> object:
        if not isinstance(data, list) or len(data) > MAX_ROWS:
            raise _Odd
        return tuple([element(item) for item in data])

    return read


def _quick_object(hint: type[Any]) -> Callable[[Any], Any]:
    readers = {member.name: _quick(member.hint) for member in members(hint)}  # type: ignore[arg-type]  # a type is hashable

    def read(data: object) -> object:
        if not isinstance(data, dict) or data.keys() != readers.keys():
            raise _Odd
        return hint(**{name: reader(data[name]) for name, reader in readers.items()})

    return read


def _read(hint: Any, data: object, pointer: str, problems: list[Problem]) -> Any:
    origin = typing.get_origin(hint)
    if origin is typing.Annotated:
        base, bound = typing.get_args(hint)[:2]
        return _read_bounded(base, bound, data, pointer, problems)
    if origin is tuple:
        return _read_array(typing.get_args(hint)[0], data, pointer, problems)
    if origin in (typing.Union, types.UnionType):
        return None if data is None else _read(optional(hint), data, pointer, problems)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return _read_enum(hint, data, pointer, problems)
    if isinstance(hint, type) and is_dataclass(hint):
        return _read_object(hint, data, pointer, problems)
    if hint is Decimal and type(data) is int:
        data = Decimal(data)
    if type(data) is not hint:  # exactly: True is an int to isinstance
        problems.append(Problem(pointer, _NAMES.get(hint, str(hint)), describe(data)))
    return data


def optional(hint: Any) -> Any:
    """Return ``X`` of the type form ``X | None``."""
    return next(arg for arg in typing.get_args(hint) if arg is not type(None))


def _read_bounded(
    base: Any,
    bound: Text | Range | Measure,
    data: Any,
    pointer: str,
    problems: list[Problem],
) -> object:
    if isinstance(bound, Text):
        if not isinstance(data, str) or not _compiled(bound.pattern).fullmatch(data):
            problems.append(Problem(pointer, bound.shape, describe(data)))
    elif isinstance(bound, Measure):
        # A whole number has no point, so it comes as an integer; True is none.
        if type(data) in (int, base) and 0 <= data <= bound.high:
            return base(data)
        problems.append(Problem(pointer, f"a number from 0 to {bound.high}", describe(data)))
    elif type(data) is not base or not bound.low <= data <= bound.high:
        problems.append(
            Problem(pointer, f"an integer from {bound.low} to {bound.high}", describe(data))
        )
    return data


_compiled = cache(re.compile)


def _read_array(
    element: Any,
    data: object,
    pointer: str,
    problems: list[Problem],
) -> tuple[object, ...]:
    if not isinstance(data, list):
        problems.append(Problem(pointer, "an array", describe(data)))
        return ()
    if len(data) > MAX_ROWS:
        problems.append(Problem(pointer, f"at most {MAX_ROWS} elements", str(len(data))))
        return ()
    return tuple(
        _read(element, item, f"{pointer}/{index}", problems) for index, item in enumerate(data)
    )


def _read_enum(
    hint: type[Enum], data: object, pointer: str, problems: list[Problem]
) -> Enum | None:
    words = [str(word.value) for word in hint]
    if isinstance(data, str) and data in words:
        return hint(data)
    problems.append(Problem(pointer, "one of " + ", ".join(words), describe(data)))
    return None


def _read_object(hint: type, data: object, pointer: str, problems: list[Problem]) -> object:
    if not isinstance(data, dict):
        problems.append(Problem(pointer, "an object", describe(data)))
        return None
    values: dict[str, Any] = {}
    known = members(hint)
    for member in known:
        place = f"{pointer}/{member.name}"
        if member.name in data:
            values[member.name] = _read(member.hint, data[member.name], place, problems)
        elif member.required:
            problems.append(Problem(place, "this field", "nothing"))
    names = {member.name for member in known}
    problems.extend(
        Problem(f"{pointer}/{escape_pointer(str(key))}", "no field of this name", describe(key))
        for key in data
        if key not in names
    )
    return None if problems else hint(**values)


def escape_pointer(name: str) -> str:
    """Escape a name for use in a JSON pointer (RFC 6901 section 3)."""
    return name.replace("~", "~0").replace("/", "~1")


_ABSENT: Final = object()
_NAMES = {str: "a text", int: "an integer", bool: "true or false", Decimal: "a number"}
_MAX_SHOWN = 80  # characters of a found value in a message


def describe(data: object) -> str:
    """Say what stands where something else was expected, briefly and on one line."""
    if data is None:
        return "nothing"
    if data is _ABSENT:
        return "no such field"
    if isinstance(data, dict):
        return "an object"
    if isinstance(data, list):
        return f"an array of {len(data)}"
    if isinstance(data, bool | Decimal):
        return str(data).lower()
    text = repr(data)
    return text if len(text) <= _MAX_SHOWN else text[:_MAX_SHOWN] + "…"


def differences(expected: object, found: object, pointer: str = "") -> Iterator[Problem]:
    """Compare two plain values and yield every place in which they differ."""
    if isinstance(expected, dict) and isinstance(found, dict):
        for key in sorted(expected.keys() | found.keys()):
            place = f"{pointer}/{escape_pointer(str(key))}"
            # A field that is null is not one that is absent.
            yield from differences(expected.get(key, _ABSENT), found.get(key, _ABSENT), place)
    elif isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        for index, (left, right) in enumerate(zip(expected, found, strict=True)):
            yield from differences(left, right, f"{pointer}/{index}")
    elif type(expected) is not type(found) or expected != found:
        yield Problem(pointer, describe(expected), describe(found))


def draft(cls: type[_T], **known: object) -> _T:
    """Make a value of which only the recorded fields and outcomes are known yet.

    Derived fields that are not given get an empty value of their type, which
    ``verify.derive`` replaces; leaving out any other field is a TypeError.
    """
    blanks = {
        member.name: _blank(member.hint)
        for member in members(cls)  # type: ignore[arg-type]  # a type is hashable
        if member.name not in known and member.metadata.get("class") == "derived"
    }
    return cls(**known, **blanks)


def _blank(hint: Any) -> object:
    if typing.get_origin(hint) is typing.Annotated:
        hint = typing.get_args(hint)[0]
    if typing.get_origin(hint) is tuple:
        return ()
    if isinstance(hint, type) and issubclass(hint, Enum):
        return list(hint)[-1]  # the most careful word stands last: UNKNOWN, NOT_EXECUTED
    return {str: "", int: 0, bool: False}.get(hint)
