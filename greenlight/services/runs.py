"""Which run somebody means: its UUID, or the packet that it became or is to become."""

from __future__ import annotations

import re
from typing import Final

from greenlight.codes import Code
from greenlight.errors import UsageError
from greenlight.ledger.read import Ledger
from greenlight.primitives.text import escape
from greenlight.services.packets import MIN_PREFIX, ledger_of
from greenlight.store.repository import Store

_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def name_run(store: Store, name: str, ledger: Ledger | None = None) -> str:
    """Return the UUID of the run that is meant.

    A whole UUID means itself, whether or not such a run was opened: what asks for an open
    run says so itself.

    Raises:
        UsageError: RUN_UNKNOWN: no run begins with this, or more than one does.
        RejectedError: The ledger is broken.
    """
    if _UUID.fullmatch(name):
        return name
    if ledger is None:
        ledger = ledger_of(store)
        ledger.require()
    found = set()
    if len(name) >= MIN_PREFIX:
        found = {
            run.opened.run
            for run in ledger.state.runs.values()
            if run.opened.run.startswith(name) or run.opened.packet.startswith(name)
        }
    if len(found) == 1:
        return found.pop()
    said = f"fits {len(found)} runs" if found else "is no run of this ledger"
    raise UsageError(
        Code.RUN_UNKNOWN, f"{escape(name)} {said}", hint="greenlight log shows the runs"
    )
