"""Whether a receipt that somebody presents is the one that the ledger holds.

A file is a copy: what counts is the entry in the ledger, with the same bytes and with
effect.  Where it is not that entry, what is wrong with the copy is said as well, so
that a forged one is told from one of another ledger.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from greenlight.codes import Code
from greenlight.errors import MalformedError, RejectedError
from greenlight.model.entry import Entry, decode_entry
from greenlight.model.finding import Finding
from greenlight.model.receipt import AuthorisationReceipt
from greenlight.model.trust import Role, TrustRoot
from greenlight.primitives import cose

_WHERE = "receipt file"


@dataclass(frozen=True, slots=True)
class Presented:
    """A receipt as it was presented, not yet believed.

    Attributes:
        raw: The bytes that were read, once.
        entry: The entry that they are.
        receipt: What it says.
    """

    raw: bytes
    entry: Entry
    receipt: AuthorisationReceipt


def read_presented(raw: bytes) -> Presented:
    """Parse a receipt file: the entry as it was signed.

    Raises:
        MalformedError: It is no receipt in its one spelling.
    """
    entry = decode_entry(raw)
    if entry.kind != AuthorisationReceipt.KIND:
        raise MalformedError(Code.MALFORMED, f"an entry of kind {entry.kind} is no receipt")
    receipt = AuthorisationReceipt.from_body(entry.body)
    if entry.claims != receipt.claims or entry.subject != receipt.subject:
        raise MalformedError(Code.MALFORMED, "subject or claims are not what the receipt says")
    return Presented(raw, entry, receipt)


def check_presented(
    presented: Presented, recorded: bytes | None, trust: TrustRoot | None
) -> tuple[Finding, ...]:
    """Hold a receipt against what the ledger holds under its id.

    Args:
        presented: What somebody brought.
        recorded: The entry with effect under this id, as it was signed; None where none is.
        trust: The trust root in force.
    """
    if recorded == presented.raw:
        return ()
    return tuple(_check(presented, recorded, trust))


def _check(
    presented: Presented, recorded: bytes | None, trust: TrustRoot | None
) -> Iterator[Finding]:
    issuer = presented.entry.issuer
    held = None if trust is None else trust.find(issuer)
    if held is None:
        yield Finding(Code.RECEIPT_ISSUER, _WHERE, "a key of the trust root", issuer)
    else:
        try:
            cose.require_signed(presented.entry.signed, key=held.public, payload=None)
        except RejectedError as error:
            yield Finding(Code.RECEIPT_SIGNATURE, _WHERE, f"a signature by {issuer}", str(error))
        if Role.OWNER not in held.roles:
            found = ", ".join(role.value for role in held.roles)
            yield Finding(Code.RECEIPT_ISSUER_ROLE, _WHERE, Role.OWNER.value, found)
    receipt = presented.receipt.receipt_id
    if recorded is None:
        yield Finding(Code.RECEIPT_NOT_RECORDED, "ledger", f"the receipt {receipt}", "none")
    else:
        said = "other bytes under this id"
        yield Finding(Code.RECEIPT_DIFFERS, _WHERE, f"the receipt {receipt} of the ledger", said)
