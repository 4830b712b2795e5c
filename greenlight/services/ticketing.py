"""Reserve ticket numbers above the ceiling; list them; fold them into the registry.

A reservation is decided from the ledger at the moment it is appended, so two clones that
reserve at once get ranges that do not overlap.  A fold says first in the ledger what the
registry's files become, and then writes them: a crash in between is finished by the same
command, and no other content is ever written over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from greenlight.codes import Code
from greenlight.errors import RefusedError, UsageError
from greenlight.model.registry import ceiling_of, fold_file
from greenlight.model.state import LedgerState
from greenlight.model.tickets import (
    MAX_FILES,
    MAX_RANGE,
    FoldedFile,
    TicketsFolded,
    TicketsReserved,
    ticket_name,
)
from greenlight.primitives.digest import Digest
from greenlight.primitives.ed25519 import Signer
from greenlight.primitives.limits import MIB
from greenlight.primitives.text import escape
from greenlight.primitives.timestamp import format_micros
from greenlight.services.packets import ledger_of
from greenlight.services.reading import read_bounded
from greenlight.services.saying import say
from greenlight.store.durable import replace_file
from greenlight.store.repository import Store

MAX_REGISTRY_BYTES: Final = 64 * MIB


@dataclass(frozen=True, slots=True)
class TicketLine:
    """A reservation.

    Attributes:
        first: First ticket.
        last: Last ticket.
        count: How many.
        by: Thumbprint URI of who reserved them.
        holder: The run, or empty for a reservation of its own.
        record: Index of its record.
        time: Ledger time.
        folded: How many stand in the registry.
    """

    first: str
    last: str
    count: int
    by: str
    holder: str
    record: int
    time: str
    folded: int

    @property
    def standing(self) -> str:
        """PROPOSED until an owner folds them."""
        if self.folded == self.count:
            return "FOLDED"
        return "PROPOSED" if self.folded == 0 else "PARTLY FOLDED"

    def to_dict(self) -> dict[str, object]:
        """Return the object that ``--json`` prints."""
        return {
            "first": self.first,
            "last": self.last,
            "count": self.count,
            "by": self.by,
            "run": self.holder,
            "record": self.record,
            "time": self.time,
            "folded": self.folded,
            "standing": self.standing,
        }


def reserve_tickets(  # noqa: PLR0913 - what a reservation is made of
    store: Store,
    signer: Signer,
    prefix: str,
    count: int,
    *,
    ceiling: int,
    clock: Callable[[], datetime],
) -> tuple[TicketsReserved, int]:
    """Reserve the next free numbers above a ceiling; return them with the index of the record.

    Raises:
        RefusedError: TRUST_REFUSED.
        MalformedError: A prefix or count that cannot be.
        StoreError: The store does not serve.
    """

    def make(state: LedgerState, _now: datetime) -> Sequence[TicketsReserved]:
        first = max(ceiling, state.highest.get(prefix, 0)) + 1
        body = {"prefix": prefix, "ceiling": ceiling, "first": first, "last": first + count - 1}
        return [TicketsReserved.from_body(body)]

    if not 1 <= count <= MAX_RANGE:
        raise UsageError(Code.USAGE, f"1 to {MAX_RANGE} tickets can be reserved at once")
    told = say(store, signer, make, clock=clock)
    return told.bodies[0], told.indexes[0]


def read_ceiling(path: Path, prefix: str) -> int:
    """Return the ceiling of a registry in JSON.

    Raises:
        MalformedError: REGISTRY_MALFORMED.
        StoreError: FILE_UNREADABLE.
    """
    return ceiling_of(read_bounded(path, MAX_REGISTRY_BYTES), prefix)


def list_tickets(store: Store) -> list[TicketLine]:
    """List the reservations, newest first; those of runs too.

    Raises:
        RejectedError: The ledger is broken.
    """
    ledger = ledger_of(store)
    ledger.require()
    found = list(_lines(ledger.state))
    return sorted(found, key=lambda line: line.record, reverse=True)


def _lines(state: LedgerState) -> Iterator[TicketLine]:
    for said in state.reservations.values():
        yield _line(state, said.body.tickets, said.actor, "", said.index, said.time)
    for run in state.runs.values():
        if run.opened.tickets:
            tickets = tuple(sorted(run.opened.tickets, key=_order))
            yield _line(state, tickets, run.executor, run.opened.run, run.index, run.time)


def _line(  # noqa: PLR0913, PLR0917 - the columns
    state: LedgerState, tickets: tuple[str, ...], by: str, run: str, index: int, time: datetime
) -> TicketLine:
    folded = sum(f"ticket/{ticket}/folded" in state.claims for ticket in tickets)
    return TicketLine(
        tickets[0], tickets[-1], len(tickets), by, run, index, format_micros(time), folded
    )


def _order(ticket: str) -> tuple[str, int, str]:
    prefix, _, number = ticket.rpartition("-")
    return (prefix, int(number), "") if number.isdigit() else (prefix, 0, number)


# --- the fold


@dataclass(frozen=True, slots=True)
class Folded:
    """A fold that was made, or finished.

    Attributes:
        body: What the ledger says.
        record: Index of its record.
        written: Files that were written now.
    """

    body: TicketsFolded
    record: int
    written: tuple[str, ...]


def fold_tickets(  # noqa: PLR0913 - what a fold is made of
    store: Store,
    signer: Signer,
    prefix: str,
    last: int,
    files: Sequence[Path],
    *,
    clock: Callable[[], datetime],
) -> Folded:
    """Take the reserved tickets up to number ``last`` into the registry's files.

    Raises:
        RefusedError: TRUST_REFUSED: the key is no owner's; TICKET_NOT_RESERVED;
            TICKET_FOLDED; REGISTRY_CHANGED: a file is neither as before nor as after.
        MalformedError: REGISTRY_MALFORMED.
        StoreError: A file cannot be read or written; the same command goes on.
    """
    if not 1 <= len(files) <= MAX_FILES:
        raise UsageError(Code.USAGE, f"1 to {MAX_FILES} files are a registry, the JSON first")
    ledger = ledger_of(store)
    ledger.require()
    contents = [read_bounded(path, MAX_REGISTRY_BYTES) for path in files]
    held = _known_fold(ledger.state, prefix, last, files)
    if held is not None:
        body, record = held
        return Folded(body, record, tuple(_finish(body, prefix, files, contents)))
    ceiling = ceiling_of(contents[0], prefix)
    tickets = tuple(ticket_name(prefix, number) for number in range(ceiling + 1, last + 1))
    if not 1 <= len(tickets) <= MAX_RANGE:
        raise RefusedError(
            Code.TICKET_FOLDED,
            f"the registry's ceiling is {ceiling}: {prefix}-{last} is not above it"
            if not tickets
            else f"more than {MAX_RANGE} tickets at once",
        )
    new = [fold_file(data, prefix, ceiling, tickets) for data in contents]
    rows = [
        FoldedFile(path=str(path), before=_digest(old), after=_digest(after))
        for path, old, after in zip(files, contents, new, strict=True)
    ]
    body = TicketsFolded.from_body(
        {
            "tickets": sorted(tickets),
            "files": [
                {"path": row.path, "before": row.before, "after": row.after}
                for row in sorted(rows, key=lambda row: row.path)
            ],
        }
    )
    told = say(store, signer, lambda _state, _now: [body], clock=clock)
    written = _finish(body, prefix, files, contents)
    return Folded(body, told.indexes[0], tuple(written))


def _known_fold(
    state: LedgerState, prefix: str, last: int, files: Sequence[Path]
) -> tuple[TicketsFolded, int] | None:
    """Return the fold of this last ticket over these files, where the ledger has it."""
    index = state.claims.get(f"ticket/{ticket_name(prefix, last)}/folded")
    if index is None:
        return None
    for said in state.folds.values():
        names = [file.path for file in said.body.files]
        if said.index == index and names == sorted(map(str, files)):
            return said.body, said.index
    return None


def _finish(
    body: TicketsFolded, prefix: str, files: Sequence[Path], contents: Sequence[bytes]
) -> list[str]:
    """Write the files that are still as before; refuse any that are something else."""
    rows = {row.path: row for row in body.files}
    tickets = tuple(sorted(body.tickets, key=_order))
    ceiling = _order(tickets[0])[1] - 1
    todo: list[tuple[Path, bytes]] = []
    for path, data in zip(files, contents, strict=True):
        row = rows[str(path)]
        if _digest(data) == row.after:
            continue
        after = fold_file(data, prefix, ceiling, tickets) if _digest(data) == row.before else b""
        if _digest(after) != row.after:
            raise RefusedError(
                Code.REGISTRY_CHANGED,
                f"{escape(str(path))} is neither what it was before the fold nor what it became",
            )
        todo.append((path, after))
    for path, after in todo:
        replace_file(path, after)
    return [str(path) for path, _ in todo]


def _digest(data: bytes) -> str:
    return str(Digest.of(data))
