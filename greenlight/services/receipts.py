"""Authorisation receipts: issue them, find them, look at what became of them."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from greenlight.codes import Code
from greenlight.errors import MalformedError, RefusedError, UsageError
from greenlight.ledger.read import Ledger, read_records
from greenlight.model.finding import Finding
from greenlight.model.receipt import (
    MAX_OPERATION_BYTES,
    AuthorisationReceipt,
    Operation,
    OperationRecorded,
    ReceiptSpent,
    operation_digest,
)
from greenlight.model.record import decode_record
from greenlight.model.state import LedgerState, Said
from greenlight.primitives import cjson
from greenlight.primitives.ed25519 import Signer
from greenlight.primitives.limits import MAX_ENTRY_BYTES
from greenlight.primitives.text import escape
from greenlight.primitives.timestamp import format_micros, format_seconds
from greenlight.services.packets import MIN_PREFIX
from greenlight.services.reading import read_bounded
from greenlight.services.saying import Told, say
from greenlight.store.repository import Store
from greenlight.verify.presented import check_presented, read_presented

DEFAULT_HOURS: Final = 24


@dataclass(frozen=True, slots=True)
class Permit:
    """What a receipt shall say.

    Attributes:
        run_id: The run it is for.
        operation: What it permits.
        executor: Thumbprint URI of the key that may spend it; empty for the run's own.
        hours: For how long, from now.
        enforceable: False for an advisory one.
        plan: Digest of the plan, or empty.
        policy: Digest of the policy, or empty.
    """

    run_id: str
    operation: Operation
    executor: str = ""
    hours: int = DEFAULT_HOURS
    enforceable: bool = True
    plan: str = ""
    policy: str = ""

    def at(self, state: LedgerState, now: datetime) -> AuthorisationReceipt:
        """Return the receipt, issued at ``now``.

        Raises:
            RefusedError: RUN_NOT_OPENED: nobody says who may spend it.
            MalformedError: Something in it cannot stand in a receipt.
        """
        run = state.runs.get(self.run_id)
        executor = self.executor or ("" if run is None else run.executor)
        if not executor:
            raise RefusedError(
                Code.RUN_NOT_OPENED,
                f"the run {escape(self.run_id)} was not opened, so nobody is its executor",
                hint="open it first, or name the key that may: --executor KEY.pub",
            )
        return AuthorisationReceipt.from_body(
            {
                "receipt_id": str(uuid.uuid4()),
                "run_id": self.run_id,
                "operation_kind": self.operation.kind,
                "operation_digest": self.operation.digest,
                "enforceable": self.enforceable,
                "executor": executor,
                "issued_at": format_seconds(now),
                "expires_at": format_seconds(now + timedelta(hours=self.hours)),
                "plan": self.plan,
                "policy": self.policy,
            }
        )


def issue_receipts(
    store: Store, signer: Signer, permits: Sequence[Permit], *, clock: Callable[[], datetime]
) -> Told[AuthorisationReceipt]:
    """Issue receipts, all of them or none.

    Raises:
        RefusedError: TRUST_REFUSED: the key is no owner's; RECEIPT_TOO_LONG; RUN_NOT_OPENED.
        MalformedError: Something cannot stand in a receipt.
        StoreError: The store does not serve.
    """
    return say(
        store, signer, lambda state, now: [each.at(state, now) for each in permits], clock=clock
    )


def read_operation(kind: str, path: Path) -> Operation:
    """Read the content of an operation: a JSON object in any spelling.

    Raises:
        StoreError: FILE_UNREADABLE.
        MalformedError: It is no object, or holds what cannot be spelled in one way.
    """
    data = read_bounded(path, 4 * MAX_OPERATION_BYTES)
    content = cjson.decode_any(data)
    if not isinstance(content, dict):
        raise MalformedError(Code.MALFORMED, f"{escape(str(path))}: an operation is a JSON object")
    operation = Operation(kind, content)
    operation_digest(content)  # what cannot be spelled is refused here
    return operation


# --- which receipt is meant


@dataclass(frozen=True, slots=True)
class Named:
    """A receipt that somebody named or brought.

    Attributes:
        receipt_id: Its id.
        findings: What is wrong with the copy that was brought; none where an id was named.
    """

    receipt_id: str
    findings: tuple[Finding, ...] = ()


def name_receipt(store: Store, ledger: Ledger, name: str) -> Named:
    """Say which receipt is meant: an id, the beginning of one, or a file.

    Raises:
        UsageError: RECEIPT_MISSING, RECEIPT_AMBIGUOUS.
        MalformedError: The file is no receipt.
        StoreError: It cannot be read.
    """
    path = Path(name)
    if path.is_file():
        try:
            presented = read_presented(read_bounded(path, MAX_ENTRY_BYTES))
        except MalformedError as error:
            raise MalformedError(error.code, f"{escape(name)}: {error}") from error
        receipt_id = presented.receipt.receipt_id
        recorded = receipt_bytes(store, ledger, receipt_id)
        return Named(receipt_id, check_presented(presented, recorded, ledger.state.trust))
    if name in ledger.state.receipts:
        return Named(name)
    found = []
    if len(name) >= MIN_PREFIX:
        found = [known for known in ledger.state.receipts if known.startswith(name)]
    if len(found) > 1:
        raise UsageError(Code.RECEIPT_AMBIGUOUS, f"{escape(name)} fits {len(found)} receipts")
    if not found:
        raise UsageError(
            Code.RECEIPT_MISSING,
            f"no receipt {escape(name)} in this ledger",
            hint="greenlight receipt show lists them",
        )
    return Named(found[0])


def receipt_bytes(store: Store, ledger: Ledger, receipt_id: str) -> bytes | None:
    """Return a receipt's entry as it was signed, or None where the ledger holds none."""
    held = ledger.state.receipts.get(receipt_id)
    if held is None:
        return None
    raw = next(read_records(store, ledger, held.index, held.index + 1))
    return decode_record(raw).entry


# --- what became of it


@dataclass(frozen=True, slots=True)
class ReceiptLine:
    """A receipt and what became of it.

    Attributes:
        issued: The receipt.
        spend: What spent it, or None.
        operation: What came of that, or None where nothing was recorded.
        state: ISSUED, ADVISORY, EXPIRED, SPENT, or REVOKED: the key that issued it was.
    """

    issued: Said[AuthorisationReceipt]
    spend: Said[ReceiptSpent] | None
    operation: Said[OperationRecorded] | None
    state: str

    @property
    def outcome(self) -> str:
        """What came of the operation; ``unknown`` where it was spent and nothing recorded."""
        if self.spend is None:
            return ""
        return "unknown" if self.operation is None else self.operation.body.status

    def to_dict(self) -> dict[str, object]:
        """Return the object that ``--json`` prints."""
        spend, operation = self.spend, self.operation
        return {
            **self.issued.body.to_body(),
            "issuer": self.issued.actor,
            "record": self.issued.index,
            "state": self.state,
            "outcome": self.outcome,
            "spent": None
            if spend is None
            else {
                "operation_id": spend.body.operation_id,
                "record": spend.index,
                "time": format_micros(spend.time),
                "by": spend.actor,
            },
            "operation": None if operation is None else operation.body.to_record(),
        }


def receipt_line(state: LedgerState, receipt_id: str, now: datetime) -> ReceiptLine:
    """Return a receipt, which must be there, and what became of it."""
    issued, spend = state.receipts[receipt_id], state.spends.get(receipt_id)
    operation = None if spend is None else state.operations.get(spend.body.operation_id)
    if spend is not None:
        word = "SPENT"
    elif state.is_revoked(issued.actor, issued.index):
        word = "REVOKED"
    elif now >= issued.body.expires:
        word = "EXPIRED"
    else:
        word = "ISSUED" if issued.body.enforceable else "ADVISORY"
    return ReceiptLine(issued, spend, operation, word)


def receipt_lines(state: LedgerState, now: datetime) -> Iterator[ReceiptLine]:
    """Yield all receipts, newest first."""
    held = sorted(state.receipts.values(), key=lambda said: said.index, reverse=True)
    return (receipt_line(state, said.body.receipt_id, now) for said in held)


def rejected_operations(state: LedgerState) -> list[Said[OperationRecorded]]:
    """Return the operations that were rejected, newest first."""
    held = [said for said in state.operations.values() if said.body.code]
    return sorted(held, key=lambda said: said.index, reverse=True)
