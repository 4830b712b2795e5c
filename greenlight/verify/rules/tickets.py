"""Ticket numbers: reserved above the ceiling, each once; folded into the registry by an owner."""

from __future__ import annotations

import re
from typing import Final

from greenlight.codes import Code
from greenlight.model.state import LedgerState
from greenlight.model.tickets import TicketsFolded, TicketsReserved
from greenlight.verify.rules.placing import Placing, VoidError

_NUMBERED: Final = re.compile(r"(.+)-(0|[1-9][0-9]{0,12})")


def tickets_reserved(placing: Placing, body: TicketsReserved) -> None:
    """Reserve a range; every number of it is claimed.

    Raises:
        VoidError: One of them is taken.
    """
    placing.take(Code.TICKETS_TAKEN)
    placing.state.reservations[body.tickets[0]] = placing.said(body)
    note_highest(placing.state, body.tickets[-1])


def tickets_folded(placing: Placing, body: TicketsFolded) -> None:
    """Take reserved tickets into the registry.

    Raises:
        VoidError: One of them was not reserved, or was folded before.
    """
    for ticket in body.tickets:
        if f"ticket/{ticket}" not in placing.state.claims:
            raise VoidError(Code.TICKET_NOT_RESERVED, f"{ticket} was not reserved")
    placing.take(Code.TICKET_FOLDED)
    placing.state.folds[body.tickets[0]] = placing.said(body)


def note_highest(state: LedgerState, ticket: str) -> None:
    """Remember the highest number of a prefix, so that the next range begins above it."""
    numbered = _NUMBERED.fullmatch(ticket)
    if numbered is None:
        return
    prefix, number = numbered[1], int(numbered[2])
    if number > state.highest.get(prefix, -1):
        state.highest[prefix] = number
