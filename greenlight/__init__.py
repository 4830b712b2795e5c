"""greenlight: execute a change inside a scope lock, and seal evidence that anybody can check.

What is listed in ``__all__`` is the library (docs/library.md); each name is loaded when it
is first used, so that ``import greenlight`` costs nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False  # type checkers read it as true; importing typing would cost 5 ms

__version__ = "0.1.0"

if TYPE_CHECKING:
    from greenlight.codes import Code
    from greenlight.errors import (
        ConflictError,
        GreenlightError,
        MalformedError,
        RefusedError,
        RejectedError,
        StoreError,
        UsageError,
    )
    from greenlight.model.finding import Finding, Report
    from greenlight.services.library import (
        checkout_packet,
        init_store,
        load_key,
        maintain,
        open_store,
        pin_store,
        purge_packet,
        rerun_packet,
        run_lane,
        run_lanes,
        seal_dir,
        seal_dirs,
        verify_all,
        verify_packet,
    )
    from greenlight.services.library_ledger import (
        check_receipt,
        countersign_packet,
        fetch,
        issue_receipt,
        push,
        spend_receipt,
        verify_ledger,
    )
    from greenlight.services.verifying import Integrity, Trust, Verdict
    from greenlight.store.repository import Store

__all__ = [
    "Code",
    "ConflictError",
    "Finding",
    "GreenlightError",
    "Integrity",
    "MalformedError",
    "RefusedError",
    "RejectedError",
    "Report",
    "Store",
    "StoreError",
    "Trust",
    "UsageError",
    "Verdict",
    "check_receipt",
    "checkout_packet",
    "countersign_packet",
    "fetch",
    "init_store",
    "issue_receipt",
    "load_key",
    "maintain",
    "open_store",
    "pin_store",
    "purge_packet",
    "push",
    "rerun_packet",
    "run_lane",
    "run_lanes",
    "seal_dir",
    "seal_dirs",
    "spend_receipt",
    "verify_all",
    "verify_ledger",
    "verify_packet",
]

_HOMES = {
    "Code": "codes",
    "Finding": "model.finding",
    "Integrity": "services.verifying",
    "Report": "model.finding",
    "Store": "store.repository",
    "Trust": "services.verifying",
    "Verdict": "services.verifying",
    "check_receipt": "services.library_ledger",
    "countersign_packet": "services.library_ledger",
    "fetch": "services.library_ledger",
    "issue_receipt": "services.library_ledger",
    "push": "services.library_ledger",
    "spend_receipt": "services.library_ledger",
    "verify_ledger": "services.library_ledger",
}


def __getattr__(name: str) -> object:
    """Load a name of the library (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - `greenlight --version` needs none

    home = _HOMES.get(name, "errors" if name.endswith("Error") else "services.library")
    value: object = getattr(import_module(f"greenlight.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
