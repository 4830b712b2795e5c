"""Reserved ticket numbers (requirement B11): proposed by anybody who may, folded by an owner."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Final

from greenlight.codes import Code
from greenlight.errors import MalformedError
from greenlight.model.body import Spoken, Ticket, require_ordered
from greenlight.model.fields import DigestText, Line, MaybeDigest, Range, Text

MAX_NUMBER: Final = 10**12  # far above any registry; every number stays a JSON integer
MAX_RANGE: Final = 1024  # tickets of one reservation; 001 reserves twenty
MAX_FILES: Final = 16  # files of a registry; 001 has three

Prefix = Annotated[
    str, Text(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9])?", "a ticket prefix, as TKT-OBJ")
]
Number = Annotated[int, Range(0, MAX_NUMBER)]


def ticket_name(prefix: str, number: int) -> str:
    """Return a ticket as it is claimed: ``TKT-OBJ-442``."""
    return f"{prefix}-{number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketsReserved(Spoken):
    """A range of numbers above the ceiling of a registry: PROPOSED, and not applied.

    Attributes:
        prefix: What stands before the number.
        ceiling: Highest number of the registry when it was read.
        first: First number.
        last: Last number.

    Raises:
        MalformedError: The range is empty, too long, or begins at or below the ceiling.
    """

    KIND: ClassVar[str] = "tickets.reserved"

    prefix: Prefix
    ceiling: Number
    first: Number
    last: Number

    def __post_init__(self) -> None:
        if not self.ceiling < self.first <= self.last or self.last - self.first >= MAX_RANGE:
            raise MalformedError(
                Code.MALFORMED, f"1 to {MAX_RANGE} numbers above the ceiling are a range"
            )

    @property
    def tickets(self) -> tuple[str, ...]:
        return tuple(ticket_name(self.prefix, n) for n in range(self.first, self.last + 1))

    @property
    def claims(self) -> tuple[str, ...]:
        return tuple(sorted(f"ticket/{ticket}" for ticket in self.tickets))


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldedFile:
    """A file of the registry, before and after the fold.

    Attributes:
        path: As the owner named it.
        before: SHA-256, none where it was absent.
        after: SHA-256.
    """

    path: Line
    before: MaybeDigest
    after: DigestText


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketsFolded(Spoken):
    """An owner took reserved tickets into the canonical registry.

    Attributes:
        tickets: Which, sorted.
        files: The registry's files, by path.

    Raises:
        MalformedError: A list has a second spelling, is empty or too long.
    """

    KIND: ClassVar[str] = "tickets.folded"

    tickets: tuple[Ticket, ...]
    files: tuple[FoldedFile, ...]

    def __post_init__(self) -> None:
        require_ordered("tickets", self.tickets)
        require_ordered("files", tuple(file.path for file in self.files))
        if not 1 <= len(self.tickets) <= MAX_RANGE or not 1 <= len(self.files) <= MAX_FILES:
            raise MalformedError(Code.MALFORMED, "a fold names tickets and files, not too many")

    @property
    def claims(self) -> tuple[str, ...]:
        return tuple(sorted(f"ticket/{ticket}/folded" for ticket in self.tickets))
