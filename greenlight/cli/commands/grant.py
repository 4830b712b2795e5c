"""``greenlight grant``: let a key run lanes; list who may; take it back."""

from __future__ import annotations

from greenlight.cli.answer import Answer, table
from greenlight.cli.surroundings import clock, signer_of, store_of
from greenlight.cli.upkeep import written_store
from greenlight.cli.values import Values
from greenlight.services.founding import DELEGATION, NO_PRODUCTION
from greenlight.services.granting import Terms, grant_dict, issue_grant, new_grant_id, revoke_grant
from greenlight.services.initialising import require_store
from greenlight.services.keys import read_public
from greenlight.services.packets import ledger_of


def issue(arguments: Values) -> Answer:
    """Issue a grant."""
    executor = read_public(arguments.key).public
    terms = Terms(
        executor=executor.uri,
        lane=arguments.lane,
        modes=tuple(arguments.mode or ("staging",)),
        operations=tuple(arguments.operation or ("*",)),
        uses=arguments.uses,
        days=arguments.days,
        grant=arguments.id or new_grant_id(),
        authority=arguments.authority or NO_PRODUCTION,
        delegation=arguments.delegation or DELEGATION,
    )
    with written_store(arguments) as store:
        require_store(store)
        grant, index = issue_grant(store, signer_of(arguments), terms, clock=clock)
        known = ledger_of(store).state.trust
    held = known.find(executor.uri) if known else None
    note = None
    if held is None or "executor" not in held.roles:
        note = "this key is no executor yet: greenlight trust add KEY.pub --role executor"
    lines = (
        f"{grant.grant}  {grant.lane}: {', '.join(grant.modes)}, {grant.max_uses} runs",
        f"  until  {grant.expires or 'ever'}",
        f"  for    {grant.executor}",
    )
    return Answer({**grant.to_body(), "record": index}, lines, note=note)


def revoke(arguments: Values) -> Answer:
    """Take a grant back."""
    with written_store(arguments) as store:
        require_store(store)
        index = revoke_grant(
            store, signer_of(arguments), arguments.grant, arguments.reason, clock=clock
        )
    lines = (f"revoked  {arguments.grant}", "  what was opened under it stays opened")
    return Answer({"grant": arguments.grant, "reason": arguments.reason, "record": index}, lines)


def show(arguments: Values) -> Answer:
    """List the grants."""
    with store_of(arguments) as store:
        require_store(store)
        ledger = ledger_of(store)
        ledger.require()
    grants = list(ledger.state.grants.values())
    rows = [
        (
            held.grant.grant,
            held.grant.lane,
            ",".join(held.grant.modes),
            f"{ledger.state.uses.get(held.grant.grant, 0)}/{held.grant.max_uses} used",
            "revoked"
            if held.grant.grant in ledger.state.grants_revoked
            or ledger.state.is_revoked(held.issuer, held.index)
            else f"until {held.grant.expires or 'ever'}",
            held.grant.executor,
        )
        for held in grants
    ]
    return Answer({"grants": [grant_dict(held, ledger) for held in grants]}, tuple(table(rows)))
