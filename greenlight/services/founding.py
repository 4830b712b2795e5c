"""Found a ledger: trust root 1, and a first grant for the owner's own lanes."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from greenlight.codes import Code
from greenlight.errors import RefusedError, RejectedError
from greenlight.ledger.admit import append
from greenlight.ledger.incoming import follow
from greenlight.ledger.pin import (
    DEFAULT_REF,
    Pin,
    forget_founding,
    read_pin,
    remember,
    remove_pin,
    write_pin,
)
from greenlight.ledger.read import Ledger, read_ledger
from greenlight.model.entry import sign_entry
from greenlight.model.grant import Grant
from greenlight.model.state import LedgerState
from greenlight.model.trust import KeyRoles, Role, Succession, TrustRoot
from greenlight.model.trust_signing import add_signature
from greenlight.model.words import Mode
from greenlight.primitives.ed25519 import Signer
from greenlight.primitives.hybrid import half_of
from greenlight.primitives.timestamp import format_seconds
from greenlight.store.gitremote import ledger_remote
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
    forget_founding(store)
    origin = appended.head.origin
    digest = "sha256:" + origin.partition("/")[2]
    return Founded(origin=origin, trust_root=digest, grant=FIRST_GRANT)


def end_founding(store: Store, signer: Signer, begun: Pin, ref: str) -> Ledger | None:
    """Bring a founding to its end that was broken off; or clear it away.

    The ledger may be there already: here, or at the remote that counts, which may have taken it
    before whoever founded it was killed.  If what is there begins with the trust root that was
    noted then, it is that ledger.

    Args:
        store: Where it was begun.
        signer: Whose ledger it is.
        begun: What was noted of it.
        ref: The ledger's ref, as it is named now.

    Returns:
        None where the ledger is nowhere, and may be founded.

    Raises:
        RefusedError: TRUST_REFUSED: it was another key that founded it.
        RejectedError: It is broken.
        StoreError: The remote cannot be reached; the store does not serve.
    """
    ledger = _find_begun(store, begun) if begun.ref == ref else None
    if ledger is None:
        if store.refs.read(begun.ref) is None and read_pin(store) is not None:
            remove_pin(store)
        forget_founding(store)
        return None
    founder = ledger.state.roots["1"].actor
    if founder != signer.public.uri:
        raise RefusedError(
            Code.TRUST_REFUSED,
            f"this ledger was founded with another key, {founder}",
            hint="--signing-key FILE names that key",
        )
    if read_pin(store) is None:
        write_pin(store, begun)
    remember(store, ref, ledger.head)
    forget_founding(store)
    return ledger


def _find_begun(store: Store, begun: Pin) -> Ledger | None:
    """Return the ledger of a founding that was broken off, where it is anywhere."""
    if store.refs.read(begun.ref) is None:
        remote = ledger_remote(store)
        if remote is None or begun.ref not in remote.refs(begun.ref):
            return None
        try:
            follow(store, remote, begun)
        except RejectedError as error:
            if error.code is not Code.TRUST_ROOT_MISMATCH:
                raise
            return None  # somebody else was faster, with a ledger of their own
    ledger = read_ledger(store, begun.ref, pin=begun)
    ledger.require()
    return ledger


def _first_root(signer: Signer, succeeds: Succession | None) -> TrustRoot:
    half = half_of(signer)
    public = None if half is None else half.public
    root = TrustRoot.make(KeyRoles.of(signer.public, Role.OWNER, Role.EXECUTOR, half=public))
    if succeeds is not None:
        root = replace(root, format=2, succeeds=(succeeds,))
    return root if half is None else add_signature(root, signer)
