"""Authorisation receipts: permission to do one operation once (source 003).

Three kinds of entry.  ``receipt.issued`` is the permission: bound to a run, to the kind
and content of one operation, to the key that may do it and to a day at most.
``receipt.spent`` takes it, before the operation is done.  ``operation.recorded`` says
what came of the operation, or that it was rejected.  Field names are those of 003.

An inclusion receipt (RFC 9942) is another thing: a proof that an entry stands in the
ledger (docs/adr/0014-what-receipt-means.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, ClassVar, Final

from greenlight.codes import Code
from greenlight.errors import MalformedError
from greenlight.model.body import Spoken
from greenlight.model.fields import (
    DigestText,
    KeyUri,
    MaybeDigest,
    Note,
    Range,
    Text,
    TimeText,
    Uuid,
)
from greenlight.primitives import cjson
from greenlight.primitives.digest import Digest
from greenlight.primitives.timestamp import parse_seconds

PROD: Final = "prod"  # the one word under which an operation is done (C1)
MAX_VALID: Final = timedelta(hours=24)  # C2: a receipt's time, and its age, at most
MAX_RETRIES: Final = 1000  # of one operation under one spend; a forge's answer is waited for
MAX_OPERATION_BYTES: Final = 256 * 1024  # a release text; GitHub takes 125,000 characters

OperationKind = Annotated[
    str, Text(r"[a-z][a-z0-9_]{0,63}", "an operation kind, as publish_release")
]
MaybeUuid = Annotated[
    str,
    Text(
        r"(?:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})?",
        "a UUID in lower case, or none",
    ),
]
Answer = Annotated[  # what a forge said: one line of JSON, shortened by whoever records it
    str, Text(r"[^\u0000-\u001f\u007f-\u009f\u2028\u2029]{0,16384}", "one line of text, or none")
]
OperationStatus = Annotated[
    str, Text(r"success|failed|rejected", "one of success, failed, rejected")
]
SUCCESS, FAILED, REJECTED = "success", "failed", "rejected"


def operation_digest(content: Mapping[str, object]) -> str:
    """Return the digest that a receipt names: SHA-256 of the content's one spelling as JSON.

    Raises:
        MalformedError: The content cannot be spelled (``primitives.cjson``), or is too large.
    """
    data = cjson.encode(dict(content))
    if len(data) > MAX_OPERATION_BYTES:
        raise MalformedError(Code.MALFORMED, f"an operation's content of {len(data)} bytes")
    return str(Digest.of(data))


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation that is to be done.

    Attributes:
        kind: As ``publish_release``.
        content: What exactly, as plain values.
    """

    kind: str
    content: Mapping[str, object]

    @property
    def digest(self) -> str:
        return operation_digest(self.content)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorisationReceipt(Spoken):
    """The body of ``receipt.issued``.

    Attributes:
        receipt_id: UUID.
        run_id: The run it is for: no other may use it.
        operation_kind: As ``publish_release``.
        operation_digest: Of the operation's content (``operation_digest``).
        enforceable: Whether it authorises; an advisory one never does.
        executor: Thumbprint URI of the key that may spend it.
        issued_at: When.
        expires_at: First second at which it is over; 24 h later at most.
        plan: SHA-256 of the publication plan it was issued from, or none.
        policy: SHA-256 of the policy that let it through, or none.

    Raises:
        MalformedError: A time is none, or it is over before it begins.
    """

    KIND: ClassVar[str] = "receipt.issued"

    receipt_id: Uuid
    run_id: Uuid
    operation_kind: OperationKind
    operation_digest: DigestText
    enforceable: bool
    executor: KeyUri
    issued_at: TimeText
    expires_at: TimeText
    plan: MaybeDigest
    policy: MaybeDigest

    def __post_init__(self) -> None:
        if parse_seconds(self.issued_at) >= parse_seconds(self.expires_at):
            raise MalformedError(Code.MALFORMED, "a receipt that is over before it begins")

    @property
    def claims(self) -> tuple[str, ...]:
        return (f"receipt/{self.receipt_id}",)

    @property
    def issued(self) -> datetime:
        return parse_seconds(self.issued_at)

    @property
    def expires(self) -> datetime:
        return parse_seconds(self.expires_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptSpent(Spoken):
    """A receipt was taken for one operation, which may now be done; it stays taken.

    Attributes:
        receipt_id: What is spent.
        run_id: The run that spends it.
        operation_id: UUID of the operation.
        operation_kind: What is about to be done.
        operation_digest: Of its content.
        mode: Exactly ``prod``; another word has no effect.
    """

    KIND: ClassVar[str] = "receipt.spent"

    receipt_id: Uuid
    run_id: Uuid
    operation_id: Uuid
    operation_kind: OperationKind
    operation_digest: DigestText
    mode: Note

    @property
    def claims(self) -> tuple[str, ...]:
        return (f"operation/{self.operation_id}", f"receipt/{self.receipt_id}/spent")


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationRecorded(Spoken):
    """What came of an operation (C6): the audit record of 003.

    Attributes:
        operation_id: UUID; for what was authorised, the one that spent the receipt.
        run_id: The run it belongs to.
        receipt_id: The receipt it was done under or rejected with; empty where there was none.
        operation_kind: As ``publish_release``.
        operation_digest: Of its content.
        status: success, failed or rejected.
        code: The reject code of what was rejected; empty otherwise.
        error_message: What went wrong, in one line; empty where nothing did.
        github_response: The forge's answer, one line; empty where none came.
        retry_count: Further tries under the same spend.

    Raises:
        MalformedError: Status and code contradict each other.
    """

    KIND: ClassVar[str] = "operation.recorded"

    operation_id: Uuid
    run_id: Uuid
    receipt_id: MaybeUuid
    operation_kind: OperationKind
    operation_digest: DigestText
    status: OperationStatus
    code: Annotated[str, Text(r"(?:[A-Z][A-Z0-9_]{0,63})?", "a reject code, or none")]
    error_message: Note
    github_response: Answer
    retry_count: Annotated[int, Range(0, MAX_RETRIES)]

    def __post_init__(self) -> None:
        if bool(self.code) != (self.status == REJECTED):
            raise MalformedError(Code.MALFORMED, "a rejected operation has a code, no other has")
        if self.status != REJECTED and not self.receipt_id:
            raise MalformedError(Code.MALFORMED, "what was done was done under a receipt")

    @property
    def claims(self) -> tuple[str, ...]:
        return (f"operation/{self.operation_id}/recorded",)

    def to_record(self) -> dict[str, object]:
        """Return the audit record as 003 has it: null where there is none."""
        plain = self.to_body()
        for name in ("receipt_id", "error_message", "github_response", "code"):
            plain[name] = plain[name] or None
        return plain
