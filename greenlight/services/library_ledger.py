"""The library's part about the ledger: receipts, reviews, remotes, verifying it as a log.

As ``services.library``: nothing is read from the environment, and nothing is trusted that
was not given.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from greenlight.model.finding import Finding
from greenlight.model.receipt import PROD, AuthorisationReceipt, Operation
from greenlight.primitives.ed25519 import Signer
from greenlight.services import countersigning, ledgers, receipts, remotes, spending
from greenlight.services.countersigning import Countersigned, Opinion
from greenlight.services.ledgers import Asked, LedgerVerdict
from greenlight.services.receipts import DEFAULT_HOURS, Permit
from greenlight.services.remotes import Exchanged
from greenlight.services.runs import name_run
from greenlight.services.spending import Attempt, Spent
from greenlight.store.repository import Store


def _now() -> datetime:
    return datetime.now(UTC)


def issue_receipt(  # noqa: PLR0913 - what a receipt is bound to
    run: str,
    kind: str,
    content: Mapping[str, object],
    store: Store,
    signer: Signer,
    *,
    hours: int = DEFAULT_HOURS,
    enforceable: bool = True,
) -> AuthorisationReceipt:
    """Permit one operation of a run, once, by the run's executor.

    Args:
        run: UUID of the run, or its packet.
        kind: As ``publish_release``.
        content: What exactly, as JSON has it.
        store: Whose ledger it is.
        signer: An owner's key.
        hours: For how long, 24 at most.
        enforceable: False for an advisory one, which authorises nothing.

    Raises:
        RefusedError: TRUST_REFUSED, RECEIPT_TOO_LONG, RUN_NOT_OPENED.
        MalformedError: The content cannot be spelled in one way.
    """
    permit = Permit(
        name_run(store, run), Operation(kind, content), hours=hours, enforceable=enforceable
    )
    return receipts.issue_receipts(store, signer, [permit], clock=_now).bodies[0]


def check_receipt(  # noqa: PLR0913 - what a receipt is bound to
    receipt: str,
    run: str,
    kind: str,
    content: Mapping[str, object],
    store: Store,
    *,
    executor: str,
) -> tuple[Finding, ...]:
    """Say all that keeps an operation from being done now; empty where nothing does.

    Args:
        receipt: Its id, the beginning of one, or a file.
        run: UUID of the run, or its packet.
        kind: As ``publish_release``.
        content: What exactly.
        store: Whose ledger it is.
        executor: Thumbprint URI of the key that would act.
    """
    attempt = Attempt(PROD, receipt, name_run(store, run), Operation(kind, content))
    return spending.check(store, attempt, executor=executor, clock=_now)


def spend_receipt(  # noqa: PLR0913, PLR0917 - what a receipt is bound to
    receipt: str,
    run: str,
    kind: str,
    content: Mapping[str, object],
    store: Store,
    signer: Signer,
    *,
    mode: str,
) -> Spent:
    """Spend a receipt; only when this returns may the operation be done.

    Args:
        receipt: Its id, the beginning of one, or a file.
        run: UUID of the run, or its packet.
        kind: As ``publish_release``.
        content: What exactly.
        store: Whose ledger it is.
        signer: The key of the run's executor.
        mode: Of the operation: exactly ``prod``.

    Raises:
        RefusedError: With the code of the first check that failed, and all in ``codes``.
        StoreError: The store, or the remote, does not serve: nothing may be done.
    """
    attempt = Attempt(mode, receipt, name_run(store, run), Operation(kind, content))
    return spending.spend(store, signer, attempt, clock=_now)


def countersign_packet(
    name: str, store: Store, signer: Signer, *, verdict: str = "approved", comment: str = ""
) -> Countersigned:
    """Verify a packet, and sign what a reviewer thinks of it.

    Raises:
        RefusedError: REVIEWER_IS_EXECUTOR, COUNTERSIGNED_BEFORE, APPROVAL_REFUSED, TRUST_REFUSED.
    """
    opinion = Opinion(verdict, replayed=False, comment=comment)
    return countersigning.countersign(store, signer, name, opinion, clock=_now)


def push(store: Store, signer: Signer, remote: str = "") -> Exchanged:
    """Have a remote take what was made here."""
    return remotes.push(store, signer, remote, clock=_now)


def fetch(store: Store, remote: str = "") -> Exchanged:
    """Get what a remote has; what is rewound, forked or broken is not followed.

    Raises:
        RejectedError: LEDGER_REWOUND, LEDGER_FORK, TRUST_ROOT_MISMATCH.
    """
    return remotes.fetch(store, remote)


def verify_ledger(store: Store) -> LedgerVerdict:
    """Recompute the whole ledger; ``findings`` is empty where it is whole."""
    return ledgers.verify_ledger(store, Asked(), clock=_now)
