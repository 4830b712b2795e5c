"""An entry that is being folded in, and how a rule says that it has no effect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar

from greenlight.codes import Code
from greenlight.model.entry import Entry
from greenlight.model.record import Record
from greenlight.model.state import LedgerState, Said
from greenlight.model.trust import Role

_Body = TypeVar("_Body")

_TAKEN: Final[Mapping[str, Code]] = {  # by what a claim begins with, where the rule does not say
    "grant": Code.GRANT_USED_UP,
    "packet": Code.PACKET_CONFLICT,
    "ticket": Code.TICKETS_TAKEN,
    "trust": Code.TRUST_REFUSED,
}


class VoidError(Exception):
    """Internal control flow: an entry is void, which is data and no error.

    Attributes:
        code: Why.
    """

    def __init__(self, code: Code, reason: str) -> None:
        super().__init__(reason)
        self.code = code


@dataclass(frozen=True, slots=True)
class Placing:
    """An entry, where it is placed, and the state that it would change.

    Attributes:
        state: Up to the record before; a rule changes it last, when nothing can fail any more.
        record: The record.
        entry: The entry in it: signed by a key in the trust root, with a role of its kind.
        roles: What that key may do.
    """

    state: LedgerState
    record: Record
    entry: Entry
    roles: tuple[Role, ...]

    @property
    def index(self) -> int:
        return self.record.index

    @property
    def time(self) -> datetime:
        """Ledger time."""
        return self.record.time

    @property
    def actor(self) -> str:
        """Thumbprint URI of the signer."""
        return self.entry.issuer

    def take(self, code: Code | None = None) -> None:
        """Take every claim of the entry, or none.

        Args:
            code: Why it is void where a claim is taken; else it depends on the claim.

        Raises:
            VoidError: One of them is taken.
        """
        claims = self.state.claims
        for claim in self.entry.claims:
            by = claims.get(claim)
            if by is not None:
                word = claim.partition("/")[0]
                raise VoidError(
                    code or _TAKEN.get(word, Code.ENTRY_VOID), f"{claim} is taken by record {by}"
                )
        for claim in self.entry.claims:
            claims[claim] = self.index

    def said(self, body: _Body) -> Said[_Body]:
        """Return what is said here, to be kept in the state."""
        return Said(body, self.actor, self.index, self.time)
