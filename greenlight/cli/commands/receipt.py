"""``greenlight receipt``: permission for one operation, once; spent before it is done."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from greenlight.cli.answer import Answer, Fault, table
from greenlight.cli.exit_codes import Exit
from greenlight.cli.outputs import write_output
from greenlight.cli.surroundings import clock, here, signer_of, store_of, variables
from greenlight.cli.upkeep import written_store
from greenlight.cli.values import Values
from greenlight.cli.verdicts import finding_lines
from greenlight.codes import Code
from greenlight.model.receipt import SUCCESS, OperationRecorded
from greenlight.model.state import Said
from greenlight.primitives.timestamp import format_micros
from greenlight.services.initialising import require_store
from greenlight.services.keys import read_public
from greenlight.services.packets import ledger_of
from greenlight.services.reading import read_bounded
from greenlight.services.receipts import (
    Permit,
    ReceiptLine,
    issue_receipts,
    name_receipt,
    read_operation,
    receipt_bytes,
    receipt_line,
    receipt_lines,
    rejected_operations,
)
from greenlight.services.runs import name_run
from greenlight.services.spending import (
    MAX_ANSWER,
    Attempt,
    Doing,
    Outcome,
    perform,
)
from greenlight.services.spending import (
    check as check_attempt,
)
from greenlight.services.spending import (
    record as record_outcome,
)
from greenlight.services.spending import (
    spend as spend_receipt,
)
from greenlight.store.repository import Store


def issue(arguments: Values) -> Answer:
    """Issue a receipt."""
    operation = read_operation(arguments.kind, arguments.content)
    executor = read_public(arguments.executor).public.uri if arguments.executor else ""
    with written_store(arguments) as store:
        require_store(store)
        permit = Permit(
            name_run(store, arguments.run),
            operation,
            executor,
            arguments.hours,
            enforceable=not arguments.advisory,
        )
        told = issue_receipts(store, signer_of(arguments), [permit], clock=clock)
        receipt = told.bodies[0]
        line = receipt_line(told.state, receipt.receipt_id, clock())
        if arguments.out:
            _write_receipt(store, receipt.receipt_id, arguments.out)
    return Answer(line.to_dict(), tuple(_lines(line)))


def check(arguments: Values) -> Answer:
    """Say whether an operation may be done."""
    operation = read_operation(arguments.kind, arguments.content)
    with store_of(arguments) as store:
        require_store(store)
        if arguments.executor:
            executor = read_public(arguments.executor).public.uri
        else:
            executor = signer_of(arguments).public.uri
        attempt = Attempt(
            arguments.mode, arguments.receipt, name_run(store, arguments.run), operation
        )
        findings = check_attempt(store, attempt, executor=executor, clock=clock)
    data = {"allowed": not findings, "findings": [finding.to_dict() for finding in findings]}
    if not findings:
        return Answer(data, ("it may be done, once",))
    fault = Fault(findings[0].code, f"it may not be done: {len(findings)} checks failed")
    lines = tuple(finding_lines(findings))
    return Answer(data, lines, exit=Exit.REFUSED, fault=fault)


def spend(arguments: Values) -> Answer:
    """Spend a receipt; do the operation where a command is given."""
    operation = read_operation(arguments.kind, arguments.content)
    with written_store(arguments) as store:
        require_store(store)
        signer = signer_of(arguments)
        attempt = Attempt(
            arguments.mode, arguments.receipt, name_run(store, arguments.run), operation
        )
        spent = spend_receipt(store, signer, attempt, clock=clock)
        recorded = None
        if arguments.argv:
            doing = Doing(tuple(arguments.argv), here(), arguments.retries or 0, variables())
            outcome = perform(doing, spent, operation)
            recorded = record_outcome(store, signer, spent.operation_id, outcome, clock=clock)
        state = spent.state if recorded is None else ledger_of(store).state
        line = receipt_line(state, spent.spend.body.receipt_id, clock())
    note = None
    if recorded is None:
        note = f"now do it, then: greenlight receipt record {spent.operation_id} --status success"
    fault, code = None, Exit.OK
    if recorded is not None and recorded.body.status != SUCCESS:
        fault = Fault(Code.OPERATION_FAILED, f"it failed: {recorded.body.error_message}")
        code = Exit.REJECTED
    return Answer(line.to_dict(), tuple(_lines(line)), exit=code, fault=fault, note=note)


def record(arguments: Values) -> Answer:
    """Record what came of an operation."""
    response = ""
    if arguments.response:
        response = read_bounded(arguments.response, 4 * MAX_ANSWER).decode("utf-8", "replace")
    outcome = Outcome(arguments.status, arguments.error, response, arguments.retries or 0)
    with written_store(arguments) as store:
        require_store(store)
        said = record_outcome(
            store, signer_of(arguments), arguments.operation, outcome, clock=clock
        )
    return Answer(_recorded(said), (f"{said.body.status}  {said.body.operation_id}",))


def show(arguments: Values) -> Answer:
    """List the receipts, or show one."""
    with store_of(arguments) as store:
        require_store(store)
        ledger = ledger_of(store)
        ledger.require()
        if arguments.receipt:
            named = name_receipt(store, ledger, arguments.receipt)
            line = receipt_line(ledger.state, named.receipt_id, clock())
            if arguments.out:
                _write_receipt(store, named.receipt_id, arguments.out)
            return Answer(line.to_dict(), tuple(_lines(line)))
        lines = list(receipt_lines(ledger.state, clock()))
        rejected = rejected_operations(ledger.state)
    data = {
        "receipts": [line.to_dict() for line in lines],
        "rejected": [_recorded(said) for said in rejected],
    }
    return Answer(data, tuple(_listed(lines, rejected)))


def _listed(
    lines: Sequence[ReceiptLine], rejected: Sequence[Said[OperationRecorded]]
) -> Iterator[str]:
    yield from table(
        [
            (
                line.issued.body.receipt_id,
                line.state,
                line.outcome,
                line.issued.body.operation_kind,
                f"run {line.issued.body.run_id}",
                f"until {line.issued.body.expires_at}",
            )
            for line in lines
        ]
    )
    yield from table(
        [
            (
                f"rejected {format_micros(said.time)}",
                said.body.code,
                said.body.operation_kind,
                f"run {said.body.run_id}",
            )
            for said in rejected
        ]
    )


def _lines(line: ReceiptLine) -> Iterator[str]:
    body = line.issued.body
    yield f"{line.state}  {body.receipt_id}"
    yield f"  operation  {body.operation_kind}, {body.operation_digest}"
    yield f"  run        {body.run_id}"
    yield f"  executor   {body.executor}"
    yield f"  until      {body.expires_at}"
    if line.spend is not None:
        spend = line.spend
        yield f"  spent      record {spend.index} at {format_micros(spend.time)}"
        yield f"  for        operation {spend.body.operation_id}"
    if line.operation is not None:
        said = line.operation.body
        yield f"  outcome    {said.status}, {said.retry_count} retries"
        if said.error_message:
            yield f"  error      {said.error_message}"
    elif line.spend is not None:
        yield "  outcome    unknown: nothing was recorded; going on takes a new receipt"


def _recorded(said: Said[OperationRecorded]) -> dict[str, object]:
    return {**said.body.to_record(), "record": said.index, "time": format_micros(said.time)}


def _write_receipt(store: Store, receipt_id: str, path: Path) -> None:
    raw = receipt_bytes(store, ledger_of(store), receipt_id)
    if raw is not None:
        write_output(path, raw)
