"""Found a ledger: trust root 1, and a first grant for the owner's own lanes."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from greenlight.codes import Code
from greenlight.errors import RefusedError
from greenlight.ledger.admit import append
from greenlight.ledger.pin import DEFAULT_REF
from greenlight.model.entry import sign_entry
from greenlight.model.grant import Grant
from greenlight.model.state import LedgerState
from greenlight.model.trust import KeyRoles, Role, Succession, TrustRoot
from greenlight.model.trust_signing import add_signature
from greenlight.model.words import Mode
from greenlight.primitives.ed25519 import Signer
from greenlight.primitives.hybrid import half_of
from greenlight.primitives.timestamp import format_seconds
from greenlight.store.repository import Store

NO_PRODUCTION = "IMPLEMENTATION_EXECUTION_NO_PRODUCTION"  # 001:5, the authority of its lane
DELEGATION = "AUTHORIZE_IMPLEMENTATION_EXECUTION_NO_PRODUCTION"  # 001:5, what was consumed
FIRST_GRANT = "owner-first"
FIRST_GRANT_DAYS = 365
FIRST_GRANT_USES = 1000


@dataclass(frozen=True, slots=True)
class Founded:
    """A ledger that was begun.

    Attributes:
        origin: Its identity, ``greenlight/<hex>``.
        trust_root: Digest of record 0, to hand to others out of band.
        grant: Id of the first grant.
    """

    origin: str
    trust_root: str
    grant: str


def found_ledger(  # noqa: PLR0913 - what a ledger begins with
    store: Store,
    signer: Signer,
    *,
    clock: Callable[[], datetime],
    authority: str = NO_PRODUCTION,
    lanes: str = "*",
    operations: tuple[str, ...] = ("*",),
    ref: str = DEFAULT_REF,
    succeeds: Succession | None = None,
) -> Founded:
    """Begin a ledger whose owner, executor and first grantee is ``signer``.

    A key with a post-quantum half is named with it; the ledger that this one goes on from is
    named in its trust root, and signed with it.

    Raises:
        RefusedError: STORE_EXISTS: there is a ledger already.
        StoreError: As ``ledger.append``.
    """
    root = _first_root(signer, succeeds)

    def decide(state: LedgerState, now: datetime) -> list[bytes]:
        if state.size:
            raise RefusedError(Code.STORE_EXISTS, "there is a ledger in this store already")
        grant = Grant(
            grant=FIRST_GRANT,
            lane=lanes,
            executor=signer.public.uri,
            authority=authority,
            delegation=DELEGATION,
            operations=operations,
            modes=(Mode.DRY_RUN.value, Mode.STAGING.value),
            not_before=format_seconds(now),
            expires=format_seconds(now + timedelta(days=FIRST_GRANT_DAYS)),
            max_uses=FIRST_GRANT_USES,
        )
        return [sign_entry(body, uuid=str(uuid.uuid4()), signer=signer) for body in (root, grant)]

    appended = append(store, signer, decide, clock=clock, ref=ref)
    origin = appended.head.origin
    digest = "sha256:" + origin.partition("/")[2]
    return Founded(origin=origin, trust_root=digest, grant=FIRST_GRANT)


def _first_root(signer: Signer, succeeds: Succession | None) -> TrustRoot:
    half = half_of(signer)
    public = None if half is None else half.public
    root = TrustRoot.make(KeyRoles.of(signer.public, Role.OWNER, Role.EXECUTOR, half=public))
    if succeeds is not None:
        root = replace(root, format=2, succeeds=(succeeds,))
    return root if half is None else add_signature(root, signer)
