"""Grants: who may run what, said by an owner, kept in the ledger."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from greenlight.ledger.admit import append
from greenlight.ledger.read import Ledger
from greenlight.model.entry import sign_entry
from greenlight.model.grant import Grant, GrantRevoked
from greenlight.model.state import GrantState, LedgerState
from greenlight.primitives.ed25519 import Signer
from greenlight.primitives.timestamp import format_seconds
from greenlight.services.founding import DELEGATION, NO_PRODUCTION
from greenlight.services.saying import say
from greenlight.store.repository import Store

DEFAULT_DAYS = 30
DEFAULT_USES = 1  # whoever lets somebody run more often says how often


@dataclass(frozen=True, slots=True)
class Terms:
    """What a grant gives.

    Attributes:
        executor: Thumbprint URI of the key that may run.
        lane: Slug, or ``*``.
        modes: Modes a run may have.
        operations: What may be done; ``*`` for every tool operation that the lane names.
        uses: How often.
        days: For how many days from now; None for no end.
        grant: Its id; empty for a new one.
        authority: Label of the authority.
        delegation: Label of the delegation.
    """

    executor: str
    lane: str = "*"
    modes: tuple[str, ...] = ("staging",)
    operations: tuple[str, ...] = ("*",)
    uses: int = DEFAULT_USES
    days: int | None = DEFAULT_DAYS
    grant: str = ""
    authority: str = NO_PRODUCTION
    delegation: str = DELEGATION

    def at(self, now: datetime) -> Grant:
        """Return the grant that these terms make now.

        Raises:
            MalformedError: One of the terms cannot stand in a grant.
        """
        expires = "" if self.days is None else format_seconds(now + timedelta(days=self.days))
        return Grant.from_body(
            {
                "grant": self.grant,
                "lane": self.lane,
                "executor": self.executor,
                "authority": self.authority,
                "delegation": self.delegation,
                "operations": sorted(set(self.operations)),
                "modes": sorted(set(self.modes)),
                "not_before": format_seconds(now),
                "expires": expires,
                "max_uses": self.uses,
            }
        )


def issue_grant(
    store: Store, signer: Signer, terms: Terms, *, clock: Callable[[], datetime]
) -> tuple[Grant, int]:
    """Write a grant into the ledger; return it with the index of its record.

    Raises:
        RefusedError: TRUST_REFUSED: the key is no owner's.
        MalformedError: One of the terms cannot stand in a grant.
        StoreError: The store does not serve.
    """
    issued: list[Grant] = []

    def decide(_state: LedgerState, now: datetime) -> Sequence[bytes]:
        issued[:] = [terms.at(now)]
        return [sign_entry(issued[0], uuid=str(uuid.uuid4()), signer=signer)]

    terms.at(clock())  # before the store is touched: a bad word leaves no trace
    appended = append(store, signer, decide, clock=clock)
    return issued[0], appended.indexes[0]


def revoke_grant(
    store: Store, signer: Signer, grant: str, reason: str, *, clock: Callable[[], datetime]
) -> int:
    """Take a grant back; return the index of the record that says so.

    Raises:
        RefusedError: TRUST_REFUSED: the key is no owner's; DELEGATION_MISSING; GRANT_REVOKED.
        MalformedError: The reason is not one line, or the id is none.
        StoreError: The store does not serve.
    """
    body = GrantRevoked.from_body({"grant": grant, "reason": reason})
    return say(store, signer, lambda _state, _now: [body], clock=clock).indexes[0]


def new_grant_id() -> str:
    """Return an id that no other grant has."""
    return str(uuid.uuid4())


def grant_dict(held: GrantState, ledger: Ledger) -> dict[str, object]:
    """Return a grant as ``--json`` prints it."""
    spent = ledger.state.uses.get(held.grant.grant, 0)
    gone = ledger.state.grants_revoked.get(held.grant.grant)
    return {
        **held.grant.to_body(),
        "spent": spent,
        "issuer": held.issuer,
        "record": held.index,
        "revoked": None if gone is None else gone.body.reason,
    }
