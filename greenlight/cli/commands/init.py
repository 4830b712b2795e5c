"""``greenlight init``: begin a ledger, or pin the one that is here."""

from __future__ import annotations

from greenlight.cli.answer import Answer
from greenlight.cli.surroundings import clock, here, signer_of
from greenlight.cli.values import Values
from greenlight.codes import Code
from greenlight.errors import MalformedError, UsageError
from greenlight.ledger.pin import DEFAULT_REF
from greenlight.primitives.digest import Digest
from greenlight.services.initialising import (
    Initialised,
    init_store,
    pin_store,
    succession_of,
)


def run(arguments: Values) -> Answer:
    """Make a store ready."""
    ref = arguments.ledger_ref or DEFAULT_REF
    if arguments.trust is not None:
        remote = arguments.remote or ""
        digest = _digest(arguments.trust)
        pinned = pin_store(arguments.store, here(), digest, ref=ref, remote=remote)
        note = None
        if not pinned.size:
            note = "nothing is there yet: greenlight fetch REMOTE"
        return Answer(pinned.to_dict(), tuple(_lines(pinned)), note=note)
    if (arguments.succeeds is None) != (arguments.succeeds_reason is None):
        raise UsageError(Code.USAGE, "--succeeds and --succeeds-reason go together")
    succeeds = None
    if arguments.succeeds is not None:
        succeeds = succession_of(arguments.succeeds, arguments.succeeds_reason)
    made = init_store(
        arguments.store,
        here(),
        signer_of(arguments),
        clock=clock,
        ref=ref,
        remote=arguments.remote or "",
        succeeds=succeeds,
    )
    return Answer(
        made.to_dict(),
        tuple(_lines(made)),
        note="give the trust root to others by another way than the repository;"
        " they type: greenlight init --trust DIGEST",
    )


def _digest(text: str) -> Digest:
    try:
        digest = Digest.parse(text)
    except MalformedError as error:
        raise UsageError(Code.USAGE, str(error)) from error
    if digest.algorithm != "sha256":
        raise UsageError(Code.USAGE, "a trust root's digest is sha256:<64 hex digits>")
    return digest


def _lines(made: Initialised) -> list[str]:
    lines = [
        f"store       {made.store}",
        f"ledger      {made.ref}, {made.size} records",
        f"trust root  {made.trust_root}",
    ]
    if made.grant:
        lines.append(f"grant       {made.grant}: this key may run its own lanes")
    return lines
