"""The kinds of field that documents and lane files are made of.

Each is a ``str`` or ``int`` with its bounds beside it, so that the strict reader
(``model.codec``) and the JSON Schema (``model.schema``) are made from one line.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, dataclass, field
from typing import Annotated, Any, TypeVar, dataclass_transform

_T = TypeVar("_T")

MAX_INTEGER = 2**53 - 1  # what every JSON reader holds exactly (RFC 8259 section 6)


@dataclass(frozen=True, slots=True)
class Text:
    """Bounds of a text field.

    Attributes:
        pattern: Regular expression that the whole text must match.
        shape: What to call it in a message, as in "a SHA-256 digest".
    """

    pattern: str
    shape: str


@dataclass(frozen=True, slots=True)
class Range:
    """Bounds of an integer field, both included."""

    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Measure:
    """Bounds of a measured number, from zero on: ``primitives.decimals``, ``model.baseline``."""

    high: int


# No control character, no line or paragraph separator: a document's text is one line.
_PRINTABLE = r"[^\u0000-\u001f\u007f-\u009f\u2028\u2029]"

Line = Annotated[str, Text(_PRINTABLE + r"{1,4096}", "one line of text")]
Note = Annotated[str, Text(_PRINTABLE + r"{0,4096}", "one line of text, or none")]
DigestText = Annotated[str, Text(r"sha256:[0-9a-f]{64}", "a digest sha256:<64 hex digits>")]
MaybeDigest = Annotated[
    str, Text(r"(?:sha256:[0-9a-f]{64})?", "a digest sha256:<64 hex digits>, or none")
]
TimeText = Annotated[
    str,
    Text(
        r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z",
        "a UTC time 2026-01-31T23:59:59Z",
    ),
]
MaybeTime = Annotated[
    str,
    Text(
        r"(?:[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z)?",
        "a UTC time 2026-01-31T23:59:59Z, or none",
    ),
]
Slug = Annotated[str, Text(r"[a-z0-9](?:[a-z0-9-]{0,126}[a-z0-9])?", "a slug of a-z, 0-9 and -")]
Label = Annotated[
    str, Text(r"[A-Za-z0-9](?:[A-Za-z0-9_./:-]{0,126}[A-Za-z0-9_])?", "a label without spaces")
]
MaybeLabel = Annotated[
    str,
    Text(r"(?:[A-Za-z0-9](?:[A-Za-z0-9_./:-]{0,126}[A-Za-z0-9_])?)?", "a label, or none"),
]
Uuid = Annotated[
    str,
    Text(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "a UUID in lower case"),
]
PacketId = Annotated[
    str,
    Text(
        r"[a-z0-9](?:[a-z0-9-]{0,126}[a-z0-9])?-"
        r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
        "a packet id <lane>-<run UUID>",
    ),
]
KeyUri = Annotated[
    str,
    Text(
        r"urn:ietf:params:oauth:ckt:sha-256:[A-Za-z0-9_-]{43}",
        "a key thumbprint URI (RFC 9679)",
    ),
]
Variable = Annotated[str, Text(r"[A-Za-z_][A-Za-z0-9_]{0,127}", "the name of a variable")]
Count = Annotated[int, Range(0, MAX_INTEGER)]
Positive = Annotated[int, Range(1, MAX_INTEGER)]
Integer = Annotated[int, Range(-MAX_INTEGER, MAX_INTEGER)]


def recorded(doc: str, example: Any = MISSING) -> Any:
    """Declare an observed field: a replay carries it over."""
    return _field("recorded", doc, example)


def outcome(doc: str, example: Any = MISSING) -> Any:
    """Declare an outcome: a replay executes again and compares."""
    return _field("outcome", doc, example)


def derived(doc: str, example: Any = MISSING) -> Any:
    """Declare a derived field: ``verify`` computes it from the other documents."""
    return _field("derived", doc, example)


def given(
    doc: str,
    example: Any = MISSING,
    *,
    default: Any = MISSING,
) -> Any:
    """Declare a field that a person writes in a lane file; it may have a default."""
    made = _field("given", doc, example)
    if default is not MISSING:
        made.default = default
    return made


def _field(kind: str, doc: str, example: object) -> Any:
    metadata: dict[str, object] = {"class": kind, "doc": doc}
    if example is not MISSING:
        metadata["example"] = example
    return field(metadata=metadata)


@dataclass_transform(
    frozen_default=True, kw_only_default=True, field_specifiers=(recorded, outcome, derived, given)
)
def value(cls: type[_T]) -> type[_T]:
    """Make ``cls`` a frozen value whose fields the codec reads."""
    return dataclass(frozen=True, slots=True, kw_only=True)(cls)


@dataclass_transform(
    frozen_default=True, kw_only_default=True, field_specifiers=(recorded, outcome, derived, given)
)
def document(name: str) -> Callable[[type[_T]], type[_T]]:
    """Make a class the type of the document kept at path ``name`` in a packet."""

    def make(cls: type[_T]) -> type[_T]:
        cls.NAME = name  # type: ignore[attr-defined]  # read by codec.name_of alone
        return dataclass(frozen=True, slots=True, kw_only=True)(cls)

    return make
