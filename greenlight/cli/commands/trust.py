"""``greenlight trust``: the trust root in force, and its next version."""

from __future__ import annotations

from greenlight.cli.answer import Answer
from greenlight.cli.surroundings import clock, signer_of, store_of
from greenlight.cli.values import Values
from greenlight.ledger.read import Ledger
from greenlight.model.trust import Role
from greenlight.services.granting import add_key, trust_dict
from greenlight.services.initialising import require_store
from greenlight.services.keys import read_public
from greenlight.services.packets import ledger_of


def add(arguments: Values) -> Answer:
    """Give a key roles in the next version of the trust root."""
    key = read_public(arguments.key).public
    roles = [Role(role) for role in arguments.role]
    with store_of(arguments) as store:
        require_store(store)
        add_key(store, signer_of(arguments), key, roles, clock=clock)
        return _answer(ledger_of(store))


def show(arguments: Values) -> Answer:
    """Show the trust root in force."""
    with store_of(arguments) as store:
        pin = require_store(store)
        ledger = ledger_of(store)
        ledger.require()
        if ledger.commit is None:
            data = {"trust_root": str(pin.digest), "ref": pin.ref}
            note = "no ledger was fetched yet: greenlight fetch REMOTE"
            return Answer(data, (f"trust root  {pin.digest}",), note=note)
        return _answer(ledger)


def _answer(ledger: Ledger) -> Answer:
    trust = ledger.state.trust
    lines = [f"trust root  {ledger.head.pin}"]
    if trust is not None:
        lines.append(f"version     {trust.version}, threshold {trust.threshold}")
        lines += [f"{', '.join(item.roles)}:  {item.key}" for item in trust.keys]
    return Answer(trust_dict(ledger), tuple(lines))
