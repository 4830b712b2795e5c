"""``greenlight verify``: is it what was sealed, by somebody who is trusted?"""

from __future__ import annotations

from greenlight.cli.answer import Answer
from greenlight.cli.progress import progress
from greenlight.cli.surroundings import store_for, store_of
from greenlight.cli.trusting import given_trust, trust_for
from greenlight.cli.values import Values
from greenlight.cli.verdicts import answer_all, answer_one
from greenlight.services.initialising import require_store
from greenlight.services.packets import locate
from greenlight.services.verifying import verify_all, verify_located


def run(arguments: Values) -> Answer:
    """Verify one packet, or everything in the store."""
    trust = given_trust(arguments)
    clean = arguments.require == "clean"
    if arguments.all:
        with store_of(arguments) as whole, progress("verify"):
            if trust.root is None:
                require_store(whole)
            found = verify_all(whole, trust, lineage=arguments.lineage)
            return answer_all(found, require_clean=clean)
    store = store_for(arguments, arguments.packet)
    with progress("verify"):
        located = locate(store, arguments.packet)
        verdict = verify_located(
            located, trust_for(trust, located, store), store=store, lineage=arguments.lineage
        )
    return answer_one(verdict, require_clean=clean)
