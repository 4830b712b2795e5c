"""Read the body of an entry as the frozen type of its kind.

The annotations of the type are the whole grammar (``model.codec``): all fields
are present, none is unknown, and what does not fit is refused, because a body
that two readers could read differently must not decide who may do what.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Self, TypeVar

from greenlight.codes import Code
from greenlight.errors import MalformedError
from greenlight.model import codec
from greenlight.model.fields import Text

_T = TypeVar("_T")

Lane = Annotated[str, Text(r"[a-z0-9](?:[a-z0-9-]{0,126}[a-z0-9])?", "a lane slug")]
LaneOrAll = Annotated[
    str, Text(r"\*|[a-z0-9](?:[a-z0-9-]{0,126}[a-z0-9])?", "a lane slug, or * for every lane")
]
GrantId = Annotated[str, Text(r"[a-z0-9](?:[a-z0-9-]{0,126}[a-z0-9])?", "a grant id")]
# No slash: a ticket is one segment of the claim ticket/<ticket>.
Ticket = Annotated[str, Text(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9])?", "a ticket")]
RunMode = Annotated[str, Text(r"dry_run|staging|prod", "one of dry_run, staging, prod")]
SealMode = Annotated[str, Text(r"dry_run|staging|prod|none", "one of dry_run, staging, prod, none")]
# No control character and no line separator; it begins and ends with something to be seen.
_SEEN = r"[^\s\u0000-\u001f\u007f-\u009f]"
Reason = Annotated[
    str,
    Text(
        _SEEN + r"(?:[^\u0000-\u001f\u007f-\u009f\u2028\u2029]{0,998}" + _SEEN + r")?",
        "one line of at most 1,000 characters",
    ),
]
Status = Annotated[
    str,
    Text(
        r"APPLIED_CLEAN|APPLIED_NOT_CLEAN|STOPPED|NOT_EXECUTED",
        "one of APPLIED_CLEAN, APPLIED_NOT_CLEAN, STOPPED, NOT_EXECUTED",
    ),
]
MaybeTime = Annotated[
    str,
    Text(
        r"(?:[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z)?",
        "a UTC time 2026-01-31T23:59:59Z, or none",
    ),
]
MicrosText = Annotated[
    str,
    Text(
        r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z",
        "a UTC time 2026-01-31T23:59:59.000001Z",
    ),
]


def read_body(cls: type[_T], body: Mapping[str, object]) -> _T:
    """Return ``body`` as a value of type ``cls``.

    Raises:
        MalformedError: It is not one; the message names every field that is wrong.
    """
    try:
        return codec.from_plain(cls, body)
    except codec.Unreadable as error:
        said = "; ".join(
            f"{p.pointer}: expected {p.expected}, found {p.found}" for p in error.problems
        )
        raise MalformedError(Code.MALFORMED, said) from error


def require_ordered(name: str, values: tuple[str, ...]) -> None:
    """Refuse a list of texts that has a second spelling.

    Raises:
        MalformedError: ``values`` is not sorted, or one of them stands there twice.
    """
    if list(values) != sorted(set(values)):
        raise MalformedError(Code.MALFORMED, f"{name} are sorted and unique")


class Spoken:
    """What most bodies have in common: they are their fields, and about their kind."""

    __slots__ = ()
    KIND: ClassVar[str]

    @classmethod
    def from_body(cls, body: Mapping[str, object]) -> Self:
        """Read a body of this kind.

        Raises:
            MalformedError: It is none; the message names every field that is wrong.
        """
        return read_body(cls, body)

    def to_body(self) -> dict[str, object]:
        """The body as plain values; every field is present."""
        plain: dict[str, object] = codec.to_plain(self)
        return plain

    @property
    def subject(self) -> str:
        """What the entry is about: its kind."""
        return self.KIND
