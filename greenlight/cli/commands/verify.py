"""``greenlight verify``: is it what was sealed, by somebody who is trusted?"""

from __future__ import annotations

from greenlight.cli.answer import Answer
from greenlight.cli.private import private_of
from greenlight.cli.progress import progress
from greenlight.cli.surroundings import store_for, store_of
from greenlight.cli.terminal import print_lines
from greenlight.cli.trusting import given_trust, trust_for
from greenlight.cli.values import Values
from greenlight.cli.verdicts import Collected, answer_all, answer_one
from greenlight.services.initialising import require_store
from greenlight.services.verifying import Trust, Verdict, verify_all, verify_located
from greenlight.services.withheld import locate_or_withheld


def run(arguments: Values) -> Answer:
    """Verify one packet, or everything in the store."""
    trust = given_trust(arguments)
    if arguments.all:
        return _all(arguments, trust)
    clean = arguments.require == "clean"
    store = store_for(arguments, arguments.packet)
    with progress("verify"):
        found_here = locate_or_withheld(store, arguments.packet, trust)
        if isinstance(found_here, Verdict):
            return answer_one(found_here, require_clean=clean)
        verdict = verify_located(
            found_here,
            trust_for(trust, found_here, store),
            store=store,
            lineage=arguments.lineage,
            private=private_of(arguments.private),
        )
    return answer_one(verdict, require_clean=clean)


def _all(arguments: Values, trust: Trust) -> Answer:
    """Verify everything; a line is printed as soon as its packet is verified."""
    collected = Collected(require_clean=arguments.require == "clean", as_json=bool(arguments.json))

    def begin(packets: int) -> None:
        shown.total = packets

    def hand_on(verdict: Verdict) -> None:
        lines = collected.take(verdict)
        shown.advance(1, verdict.statement.byte_count if verdict.statement else 0)
        if not arguments.json:
            shown.clear()
            print_lines(lines)

    with store_of(arguments) as store, progress("verify") as shown:
        if trust.root is None:
            require_store(store)
        found = verify_all(
            store,
            trust,
            lineage=arguments.lineage,
            since=arguments.since,
            hand_on=hand_on,
            begin=begin,
        )
    return answer_all(found, collected)
