"""``greenlight handoff``: the pull-request comment of a hand-over, from a packet's evidence."""

from __future__ import annotations

from greenlight.cli.answer import Answer
from greenlight.cli.surroundings import store_for
from greenlight.cli.trusting import given_trust, trust_for
from greenlight.cli.values import Values
from greenlight.codes import Code
from greenlight.errors import UsageError
from greenlight.services.handing import hand_over
from greenlight.services.packets import locate
from greenlight.verify.handover import A_TO_B, B_TO_C


def run(arguments: Values) -> Answer:
    """Print the comment, as Markdown."""
    which = arguments.which.upper()
    if which not in (A_TO_B, B_TO_C):
        raise UsageError(Code.USAGE, f"a hand-over is {A_TO_B} or {B_TO_C}")
    trust = given_trust(arguments)
    store = store_for(arguments, arguments.packet)
    located = locate(store, arguments.packet)
    text = hand_over(which, located, trust_for(trust, located, store), store)
    data = {"which": which, "where": located.where, "comment": text}
    return Answer(data, raw=text.encode("utf-8"))
