"""Authorisation receipts: issued by an owner, spent once, and what came of the operation."""

from __future__ import annotations

from greenlight.codes import Code
from greenlight.model.receipt import (
    MAX_VALID,
    REJECTED,
    AuthorisationReceipt,
    OperationRecorded,
    ReceiptSpent,
)
from greenlight.verify.receipt import Wanted, check_receipt
from greenlight.verify.rules.placing import Placing, VoidError


def receipt_issued(placing: Placing, body: AuthorisationReceipt) -> None:
    """Issue a receipt.

    Raises:
        VoidError: Its time is longer than a day or begins later than now, or its id is taken.
    """
    if body.expires - body.issued > MAX_VALID:
        raise VoidError(Code.RECEIPT_TOO_LONG, "a receipt is over after 24 hours at most")
    if body.issued > placing.time:
        raise VoidError(Code.RECEIPT_NOT_YET, "it was issued later than ledger time")
    placing.take(Code.ENTRY_VOID)
    placing.state.receipts[body.receipt_id] = placing.said(body)


def receipt_spent(placing: Placing, body: ReceiptSpent) -> None:
    """Spend a receipt for one operation.

    Raises:
        VoidError: With the code of the first check that failed.
    """
    wanted = Wanted(
        mode=body.mode,
        receipt_id=body.receipt_id,
        run_id=body.run_id,
        operation_kind=body.operation_kind,
        operation_digest=body.operation_digest,
        executor=placing.actor,
    )
    for finding in check_receipt(wanted, placing.state, placing.time):
        said = f"{finding.where}: expected {finding.expected}, found {finding.found}"
        raise VoidError(finding.code, said)
    placing.take(Code.OPERATION_TAKEN)  # the receipt's own claim is free: it was not spent
    placing.state.spends[body.receipt_id] = placing.said(body)


def operation_recorded(placing: Placing, body: OperationRecorded) -> None:
    """Keep what came of an operation.

    Raises:
        VoidError: It was not authorised, its run is another key's, or it was recorded before.
    """
    state = placing.state
    run = state.runs.get(body.run_id)
    if run is None or run.executor != placing.actor:
        raise VoidError(Code.RUN_NOT_OPENED, f"the run {body.run_id} was not opened by this key")
    if body.status == REJECTED:
        if f"operation/{body.operation_id}" in state.claims:
            raise VoidError(
                Code.OPERATION_TAKEN, "an operation that was authorised is not rejected"
            )
    else:
        _require_spent(placing, body)
    placing.take(Code.OPERATION_TAKEN)
    state.operations[body.operation_id] = placing.said(body)


def _require_spent(placing: Placing, body: OperationRecorded) -> None:
    spend = placing.state.spends.get(body.receipt_id)
    found = None
    if spend is not None:
        said = spend.body
        found = (said.operation_id, said.run_id, said.operation_kind, said.operation_digest)
    wanted = (body.operation_id, body.run_id, body.operation_kind, body.operation_digest)
    if found != wanted:
        raise VoidError(Code.OPERATION_NOT_AUTHORISED, "no receipt was spent for this operation")
