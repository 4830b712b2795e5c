"""Whether an operation may be done under an authorisation receipt (source 003, C3).

Pure: what is about to be done, what the ledger holds and a time come in, findings go out.
The fold, ``receipt check`` and ``receipt spend`` ask the same function, so a receipt
that one of them refuses has no effect in any.  All checks are made and all failures
reported, in this order:

1. the mode is exactly ``prod``;
2. a receipt is there;
3. it is enforceable: an advisory one authorises nothing;
4. it is for this run, which was opened, by the key that would act;
5. it is for this kind of operation;
6. it is for this content;
7. its issuer was an owner, which the fold has seen to, and is not revoked since then;
8. it was not spent;
9. it is not over, and not over later than a day after it was issued;
10. it is not older than 24 hours: exactly 24 hours old is not stale;
11. it was not issued later than now.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from greenlight.codes import Code
from greenlight.model.finding import Finding
from greenlight.model.receipt import MAX_VALID, PROD, AuthorisationReceipt
from greenlight.model.state import LedgerState, Said
from greenlight.primitives.timestamp import format_micros, format_seconds


@dataclass(frozen=True, slots=True)
class Wanted:
    """An operation that somebody is about to do.

    Attributes:
        mode: Of the operation: whatever the caller said.
        receipt_id: The receipt presented; empty where none was.
        run_id: The run it belongs to.
        operation_kind: What it is.
        operation_digest: Of its content.
        executor: Thumbprint URI of the key that would act.
    """

    mode: str
    receipt_id: str
    run_id: str
    operation_kind: str
    operation_digest: str
    executor: str


def check_receipt(wanted: Wanted, state: LedgerState, at: datetime) -> tuple[Finding, ...]:
    """Say all that keeps an operation from being done.

    Args:
        wanted: The operation.
        state: The ledger: what counts, whatever copy of a receipt was presented.
        at: The time of the spend: ledger time.
    """
    return tuple(_check(wanted, state, at))


def _check(wanted: Wanted, state: LedgerState, at: datetime) -> Iterator[Finding]:
    if wanted.mode != PROD:
        yield Finding(Code.RECEIPT_MODE_NOT_PROD, "operation#/mode", PROD, ascii(wanted.mode))
    held = state.receipts.get(wanted.receipt_id)
    if held is None:
        found = wanted.receipt_id or "none"
        yield Finding(Code.RECEIPT_MISSING, "ledger", "a receipt that was issued", found)
        return
    where = f"receipt {wanted.receipt_id}"
    receipt = held.body
    if not receipt.enforceable:
        yield Finding(Code.RECEIPT_ADVISORY, f"{where}#/enforceable", "true", "false")
    yield from _binding(wanted, receipt, state, where)
    if state.is_revoked(held.actor, held.index):
        found = f"{held.actor}, which was revoked"
        yield Finding(Code.KEY_REVOKED, f"{where}#issuer", "an issuer that is trusted", found)
    spend = state.spends.get(wanted.receipt_id)
    if spend is not None:
        by = f"spent by record {spend.index} for operation {spend.body.operation_id}"
        yield Finding(Code.RECEIPT_SPENT, where, "a receipt that was not spent", by)
    yield from _time(held, at, where)


def _binding(
    wanted: Wanted, receipt: AuthorisationReceipt, state: LedgerState, where: str
) -> Iterator[Finding]:
    for code, name, expected, found in (
        (Code.RECEIPT_RUN_MISMATCH, "run_id", receipt.run_id, wanted.run_id),
        (
            Code.RECEIPT_KIND_MISMATCH,
            "operation_kind",
            receipt.operation_kind,
            wanted.operation_kind,
        ),
        (
            Code.RECEIPT_CONTENT_MISMATCH,
            "operation_digest",
            receipt.operation_digest,
            wanted.operation_digest,
        ),
        (Code.RECEIPT_EXECUTOR_MISMATCH, "executor", receipt.executor, wanted.executor),
    ):
        if expected != found:
            yield Finding(code, f"{where}#/{name}", expected, found or "none")
    run = state.runs.get(wanted.run_id)
    if run is None:
        yield Finding(Code.RUN_NOT_OPENED, "ledger", f"the run {wanted.run_id}", "none")
    elif run.executor != wanted.executor:
        yield Finding(Code.RUN_NOT_OPENED, f"run {wanted.run_id}", run.executor, wanted.executor)


def _time(held: Said[AuthorisationReceipt], at: datetime, where: str) -> Iterator[Finding]:
    receipt, now = held.body, format_micros(at)
    if receipt.expires - receipt.issued > MAX_VALID:
        limit = format_seconds(receipt.issued + MAX_VALID)
        yield Finding(
            Code.RECEIPT_TOO_LONG, f"{where}#/expires_at", f"{limit} at most", receipt.expires_at
        )
    if at >= receipt.expires:
        expected = f"before {receipt.expires_at}"
        yield Finding(Code.RECEIPT_EXPIRED, f"{where}#/expires_at", expected, now)
    if at - receipt.issued > MAX_VALID:
        limit = format_seconds(receipt.issued + MAX_VALID)
        yield Finding(Code.RECEIPT_STALE, f"{where}#/issued_at", f"{limit} at the latest", now)
    if receipt.issued > at or held.time > at:
        later = max(format_micros(receipt.issued), format_micros(held.time))
        yield Finding(Code.RECEIPT_NOT_YET, f"{where}#/issued_at", f"{later} or later", now)
