"""``greenlight hook``: install hooks, and what they call."""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

from greenlight.cli.answer import Answer, Fault
from greenlight.cli.exit_codes import Exit
from greenlight.cli.surroundings import here, store_of
from greenlight.cli.values import Values
from greenlight.codes import Code
from greenlight.errors import (
    MalformedError,
    RefusedError,
    RejectedError,
    StoreError,
    UsageError,
)
from greenlight.ledger.pin import read_pin
from greenlight.primitives.digest import Digest
from greenlight.services.hooks import CLIENT, SERVER, install_hooks

_MAX_INPUT_BYTES = 4 * 1024 * 1024  # ten thousand refs
_MAX_SECONDS = 900  # a million records; size is bounded by receive.maxInputSize


def install(arguments: Values) -> Answer:
    """Write the hooks of a server, or of a clone."""
    with store_of(arguments) as store:
        if arguments.server:
            if arguments.trust:
                from greenlight.services.initialising import pin_store  # noqa: PLC0415 - seldom

                pin_store(store.git_dir, here(), Digest.parse(arguments.trust))
            if read_pin(store) is None:
                raise StoreError(
                    Code.STORE_MISSING,
                    "no trust root is pinned here, by which a push could be judged",
                    hint="greenlight hook install --server --trust sha256:…",
                )
        start = store.git_dir if arguments.store is not None or arguments.server else here()
        installed = install_hooks(store, start, SERVER if arguments.server else CLIENT)
    data = {"hooks": [{"path": str(each.path), "changed": each.changed} for each in installed]}
    lines = [f"{'WRITTEN' if each.changed else 'AS IT WAS'}  {each.path}" for each in installed]
    return Answer(data, tuple(lines))


def pre_commit(arguments: Values) -> Answer:
    """Run the gates that take a minute at most."""
    return _gates(arguments, quick=True)


def pre_push(arguments: Values) -> Answer:
    """Run all gates."""
    return _gates(arguments, quick=False)


def _gates(arguments: Values, *, quick: bool) -> Answer:
    """Run gates: red stops what Git is about, and nothing else does."""
    from greenlight.cli.commands import gate  # noqa: PLC0415 - of these two alone

    asked = {"names": [], "quick": quick, "record": False, "out": None, "metrics": None}
    asked |= {"key": None, "allowed_signers": None, "trust_root": None, "gpg_keyring": None}
    try:
        answer = gate.run(Values(**{**vars(arguments), **asked}))
    except UsageError as error:
        if error.code is not Code.GATE_UNKNOWN:
            raise
        return Answer({"gates": []}, ("no gates are declared that could be run here",))
    if answer.exit is Exit.SKIPPED:
        return replace(answer, exit=Exit.OK, fault=None)
    return answer


def _end_within(seconds: int) -> None:
    """Refuse a push that cannot be judged in time: it would keep the server's process for ever."""

    def refuse(*_: object) -> None:
        raise RefusedError(
            Code.LIMIT_EXCEEDED, f"the push cannot be judged within {seconds} seconds"
        )

    signal.signal(signal.SIGALRM, refuse)
    signal.alarm(seconds)


def pre_receive(arguments: Values) -> Answer:
    """Check a push; git calls this, and throws the push away where it fails."""
    from greenlight.services.receiving import check_push, parse_updates  # noqa: PLC0415 - as below
    from greenlight.store.quarantined import with_quarantine  # noqa: PLC0415 - of this alone

    data = sys.stdin.buffer.read(_MAX_INPUT_BYTES + 1)
    if len(data) > _MAX_INPUT_BYTES:  # what is not read is not judged, and git would move it
        raise MalformedError(Code.LIMIT_EXCEEDED, f"a push of more than {_MAX_INPUT_BYTES} bytes")
    updates = parse_updates(data.decode("utf-8", "surrogateescape"))
    _end_within(_MAX_SECONDS)
    with store_of(arguments) as store:
        pin = read_pin(store)
        if pin is None:
            raise StoreError(Code.STORE_MISSING, "no trust root is pinned on this server")
        folder = os.environ.get("GIT_QUARANTINE_PATH") or os.environ.get("GIT_OBJECT_DIRECTORY")
        seen = with_quarantine(store, Path(folder)) if folder else store
        with seen.objects:
            try:
                refusals = check_push(store, seen, pin, updates)
            except RejectedError as error:
                said = f"the ledger on this server is broken: {error}"
                raise StoreError(error.code, said) from error
    data = {
        "refusals": [
            {"code": each.code.name, "ref": each.ref, "reason": each.reason} for each in refusals
        ]
    }
    if not refusals:
        return Answer(data)
    more = f"; {len(refusals) - 1} more" if len(refusals) > 1 else ""
    first = refusals[0]
    fault = Fault(first.code, f"{first.ref}: {first.reason}{more}")
    # On standard error, which git shows to whoever pushes.
    for each in refusals[1:]:
        sys.stderr.write(f"greenlight: {each}\n")
    return Answer(data, exit=Exit.REJECTED, fault=fault)
