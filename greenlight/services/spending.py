"""Spend an authorisation receipt, do the operation, record what came of it.

In this order (docs/spec/receipts.md).  The spend is an entry that claims the receipt; with a
remote configured the remote has taken it before anything is done.  From then on the
receipt is spent, whatever happens: a crash leaves an operation without an outcome, which
``receipt show`` says, and going on takes a new receipt.

What is rejected while the run is open is recorded too, under an id of its own, and spends
nothing.
"""

from __future__ import annotations

import tempfile
import unicodedata
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from greenlight.codes import Code
from greenlight.errors import GreenlightError, RefusedError, StoreError
from greenlight.execution.process import run_process
from greenlight.execution.steps import StepResult
from greenlight.ledger.read import Ledger
from greenlight.model.finding import Finding
from greenlight.model.receipt import (
    FAILED,
    REJECTED,
    SUCCESS,
    Operation,
    OperationRecorded,
    ReceiptSpent,
)
from greenlight.model.state import LedgerState, Said
from greenlight.primitives import cjson
from greenlight.primitives.ed25519 import Signer
from greenlight.primitives.limits import MIB
from greenlight.primitives.text import escape
from greenlight.primitives.timestamp import format_micros
from greenlight.services.packets import ledger_of
from greenlight.services.receipts import name_receipt
from greenlight.services.saying import refresh, say
from greenlight.store.repository import Store
from greenlight.verify.receipt import Wanted, check_receipt

MAX_ANSWER: Final = 16_384  # characters of a forge's answer that an entry holds
MAX_MESSAGE: Final = 4096
_OUTPUT: Final = MIB  # of a command that does an operation: what is kept is far less
_TIMEOUT: Final = 600.0  # seconds for one try


@dataclass(frozen=True, slots=True)
class Attempt:
    """An operation that somebody wants to do now.

    Attributes:
        mode: Of the operation, exactly as it was said.
        receipt: An id, the beginning of one, or a file; empty for none.
        run_id: The run it belongs to.
        operation: What.
    """

    mode: str
    receipt: str
    run_id: str
    operation: Operation


@dataclass(frozen=True, slots=True)
class Spent:
    """A receipt that was spent: the operation may be done.

    Attributes:
        spend: What the ledger says.
        state: The ledger with it.
    """

    spend: Said[ReceiptSpent]
    state: LedgerState

    @property
    def operation_id(self) -> str:
        return self.spend.body.operation_id


def check(
    store: Store, attempt: Attempt, *, executor: str, clock: Callable[[], datetime]
) -> tuple[Finding, ...]:
    """Say all that keeps an operation from being done now; writes nothing.

    Args:
        store: Whose ledger counts.
        attempt: The operation.
        executor: Thumbprint URI of the key that would act.
        clock: The time of this machine.

    Raises:
        UsageError: No such receipt.
        MalformedError: The file is no receipt.
        RejectedError: The ledger is broken.
    """
    ledger = ledger_of(store)
    ledger.require()
    wanted, presented = _wanted(store, ledger, attempt, executor)
    return presented + _check(wanted, ledger.state, clock())


def spend(
    store: Store, signer: Signer, attempt: Attempt, *, clock: Callable[[], datetime]
) -> Spent:
    """Spend a receipt; where that is refused, record that it was.

    Raises:
        RefusedError: With the code of the first check that failed, and all in ``codes``.
        MalformedError: The file is no receipt.
        RejectedError: The ledger is broken.
        StoreError: The store, or the remote, does not serve: nothing may be done.
    """
    refresh(store)  # a receipt that was issued elsewhere a moment ago is known here
    ledger = ledger_of(store)
    ledger.require()
    operation_id = str(uuid.uuid4())
    wanted, presented = _wanted(store, ledger, attempt, signer.public.uri)

    def make(state: LedgerState, _time: datetime) -> Sequence[ReceiptSpent]:
        _require(presented + _check(wanted, state, clock()))
        return [
            ReceiptSpent(
                receipt_id=wanted.receipt_id,
                run_id=wanted.run_id,
                operation_id=operation_id,
                operation_kind=wanted.operation_kind,
                operation_digest=wanted.operation_digest,
                mode=wanted.mode,
            )
        ]

    try:
        told = say(store, signer, make, clock=clock)
    except RefusedError as error:
        _record_rejected(store, signer, wanted, error, clock=clock)
        raise
    return Spent(told.state.spends[wanted.receipt_id], told.state)


def _wanted(
    store: Store, ledger: Ledger, attempt: Attempt, executor: str
) -> tuple[Wanted, tuple[Finding, ...]]:
    receipt_id, presented = "", tuple[Finding, ...]()
    if attempt.receipt:
        named = name_receipt(store, ledger, attempt.receipt)
        receipt_id, presented = named.receipt_id, named.findings
    wanted = Wanted(
        mode=attempt.mode,
        receipt_id=receipt_id,
        run_id=attempt.run_id,
        operation_kind=attempt.operation.kind,
        operation_digest=attempt.operation.digest,
        executor=executor,
    )
    return wanted, presented


def _check(wanted: Wanted, state: LedgerState, now: datetime) -> tuple[Finding, ...]:
    """Check at ledger time, that this clock is not behind it, and that the trust root is in force.

    A clock that was set back must not make a receipt last longer, nor look as if it did.
    """
    at = now if state.time is None else max(now, state.time)
    more: list[Finding] = []
    if at > now:
        where, expected = "clock", f"{format_micros(at)}, the ledger's time, or later"
        more.append(Finding(Code.CLOCK_BEHIND, where, expected, format_micros(now)))
    trust = state.trust
    if trust is not None and trust.is_expired(at):
        # The fold says it of every entry: whoever looks before must hear it, too.
        where, expected = f"trust root {trust.version}#/expires", f"before {trust.expires}"
        more.append(Finding(Code.TRUST_EXPIRED, where, expected, format_micros(at)))
    return (*check_receipt(wanted, state, at), *more)


def _require(findings: Sequence[Finding]) -> None:
    if findings:
        raise RefusedError(
            findings[0].code,
            "; ".join(f"{f.where}: expected {f.expected}, found {f.found}" for f in findings),
            hint="nothing was spent; greenlight receipt check says the same without trying",
            codes=tuple(finding.code for finding in findings),
        )


def _record_rejected(
    store: Store,
    signer: Signer,
    wanted: Wanted,
    error: RefusedError,
    *,
    clock: Callable[[], datetime],
) -> None:
    """Record a refusal where the run is open and this key's; the refusal itself stands anyway."""

    def make(state: LedgerState, _time: datetime) -> Sequence[OperationRecorded]:
        run = state.runs.get(wanted.run_id)
        if run is None or run.executor != signer.public.uri:
            raise error  # nobody's run: there is nothing to record it in
        return [
            OperationRecorded(
                operation_id=str(uuid.uuid4()),
                run_id=wanted.run_id,
                receipt_id=wanted.receipt_id,
                operation_kind=wanted.operation_kind,
                operation_digest=wanted.operation_digest,
                status=REJECTED,
                code=error.code.name,
                error_message=one_line(str(error), MAX_MESSAGE),
                github_response="",
                retry_count=0,
            )
        ]

    with suppress(GreenlightError):
        say(store, signer, make, clock=clock)


# --- doing it, and what came of it


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an operation.

    Attributes:
        status: success or failed.
        error_message: One line; empty where nothing went wrong.
        response: What the forge said, one line.
        retries: Further tries under the same spend.
    """

    status: str
    error_message: str = ""
    response: str = ""
    retries: int = 0


def record(
    store: Store,
    signer: Signer,
    operation_id: str,
    outcome: Outcome,
    *,
    clock: Callable[[], datetime],
) -> Said[OperationRecorded]:
    """Record what came of an operation for which a receipt was spent.

    Raises:
        RefusedError: OPERATION_NOT_AUTHORISED, OPERATION_TAKEN.
        StoreError: The store does not serve: the operation keeps an unknown outcome.
    """

    def make(state: LedgerState, _time: datetime) -> Sequence[OperationRecorded]:
        said = next(
            (s.body for s in state.spends.values() if s.body.operation_id == operation_id), None
        )
        if said is None:
            raise RefusedError(
                Code.OPERATION_NOT_AUTHORISED, f"no receipt was spent for {escape(operation_id)}"
            )
        return [
            OperationRecorded(
                operation_id=operation_id,
                run_id=said.run_id,
                receipt_id=said.receipt_id,
                operation_kind=said.operation_kind,
                operation_digest=said.operation_digest,
                status=outcome.status,
                code="",
                error_message=one_line(outcome.error_message, MAX_MESSAGE),
                github_response=one_line(outcome.response, MAX_ANSWER),
                retry_count=outcome.retries,
            )
        ]

    told = say(store, signer, make, clock=clock)
    return told.state.operations[operation_id]


@dataclass(frozen=True, slots=True)
class Doing:
    """A command that does an operation.

    Attributes:
        argv: The command.
        folder: Where it runs.
        retries: Further tries where it fails.
        variables: Its environment.
    """

    argv: tuple[str, ...]
    folder: Path
    retries: int = 0
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)


def perform(doing: Doing, spent: Spent, operation: Operation) -> Outcome:
    """Run a command that does the operation, again where it fails and may be tried again.

    It learns what it is doing from GREENLIGHT_OPERATION_ID, GREENLIGHT_RUN_ID and
    GREENLIGHT_RECEIPT_ID: a forge that takes an idempotency key can be given the first.
    GREENLIGHT_OPERATION_CONTENT names a file with the content that was authorised: the bytes
    that were held when the receipt was spent, whatever became of the file they came from.
    """
    body = spent.spend.body
    with tempfile.TemporaryDirectory(prefix="greenlight-") as folder:
        content = Path(folder) / "content.json"
        content.write_bytes(cjson.encode(dict(operation.content)))
        variables = {
            **doing.variables,
            "GREENLIGHT_OPERATION_ID": body.operation_id,
            "GREENLIGHT_RUN_ID": body.run_id,
            "GREENLIGHT_RECEIPT_ID": body.receipt_id,
            "GREENLIGHT_OPERATION_CONTENT": str(content),
        }
        return _try(doing, variables)


def _try(doing: Doing, variables: Mapping[str, str]) -> Outcome:
    outcome = Outcome(FAILED, "it was not tried")
    for attempt in range(doing.retries + 1):
        try:
            result = run_process(
                doing.argv,
                cwd=doing.folder,
                env=variables,
                timeout_seconds=_TIMEOUT,
                max_output_bytes=_OUTPUT,
            )
        except StoreError as error:
            return Outcome(FAILED, str(error), retries=attempt)
        outcome = _outcome(result, attempt)
        if outcome.status == SUCCESS:
            break
    return outcome


def _outcome(result: StepResult, retries: int) -> Outcome:
    answer = result.stdout.decode("utf-8", "replace")
    if result.code is None and result.exit_code == 0:
        return Outcome(SUCCESS, "", answer, retries)
    why = f"exit code {result.exit_code}" if result.code is None else result.code.meaning
    said = result.stderr.decode("utf-8", "replace").strip().splitlines()
    return Outcome(FAILED, f"{why}: {said[-1]}" if said else why, answer, retries)


def one_line(text: str, limit: int) -> str:
    """Return a text as one line of printable characters, cut at ``limit`` of them."""
    return unicodedata.normalize("NFC", escape(" ".join(text.split())))[:limit]
