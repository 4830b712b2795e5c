"""The next version of the trust root: what changes, who signs it, and how it is put in force.

A change is a function from the root in force to the next one, without signatures.  Where the
signer alone is enough the next root goes into the ledger at once; otherwise it is a proposal
that others sign first (``services.proposals``).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from greenlight.codes import Code
from greenlight.errors import RefusedError
from greenlight.ledger.admit import append
from greenlight.ledger.read import Ledger
from greenlight.model.entry import sign_entry
from greenlight.model.state import LedgerState
from greenlight.model.trust import KeyRoles, Revocation, Role, TrustRoot
from greenlight.model.trust_signing import add_signature
from greenlight.primitives.ed25519 import PublicKey, Signer
from greenlight.primitives.hybrid import half_of
from greenlight.primitives.mldsa import PostQuantumKey
from greenlight.primitives.timestamp import format_micros
from greenlight.services.saying import ledger_time
from greenlight.store.repository import Store

Change = Callable[[TrustRoot, LedgerState], TrustRoot]

_FEW = frozenset({Code.TRUST_THRESHOLD, Code.TRUST_NEW_OWNERS, Code.TRUST_HYBRID_MISSING})


# --- what changes


def adding(key: PublicKey, roles: Sequence[Role], half: PostQuantumKey | None = None) -> Change:
    """Give a key roles, beside those that it has, and a post-quantum half where one is given."""

    def change(before: TrustRoot, state: LedgerState) -> TrustRoot:
        held = before.find(key.uri)
        kept = held.half if held is not None and half is None else half
        after = KeyRoles.of(key, *roles, *(held.roles if held else ()), half=kept)
        if held == after:
            raise _nothing()
        return _with_keys(before, state, [*_others(before, key.uri), after])

    return change


def rotating(old: PublicKey, new: PublicKey, half: PostQuantumKey | None = None) -> Change:
    """Put a key in the place of another, with its roles; the old one is not revoked."""

    def change(before: TrustRoot, state: LedgerState) -> TrustRoot:
        held = _require(before, old.uri)
        if new != old and before.find(new.uri) is not None:
            raise RefusedError(Code.USAGE, f"{new.uri} is in the trust root already")
        after = KeyRoles.of(new, *held.roles, half=half)
        if after == held:
            raise _nothing()
        made = _with_keys(before, state, [*_others(before, old.uri), after])
        # Only format 2 asks the new owner to sign too.
        return _second(made, state) if Role.OWNER in held.roles else made

    return change


def revoking(key: str, reason: str, since: int | None = None) -> Change:
    """Take a key away, and what it signed from an index on.

    Args:
        key: Its thumbprint URI.
        reason: Why, in one line.
        since: Index of the first record that it no longer vouches for; None for the next one.
    """

    def change(before: TrustRoot, state: LedgerState) -> TrustRoot:
        at = state.size if since is None else since
        gone = before.revocation(key)
        if gone is None:
            # A key that was never here has signed nothing here.
            if before.find(key) is None and not any(
                held.root.find(key) for held in state.roots.values()
            ):
                raise RefusedError(Code.TRUST_REFUSED, f"{key} was never in the trust root")
        elif since is None or gone.since <= since:
            raise RefusedError(Code.KEY_REVOKED, f"{key} is revoked from {gone.since} on already")
        if at > state.size:
            raise RefusedError(
                Code.USAGE, f"the ledger has {state.size} records: {at} is yet to come"
            )
        lost = Revocation.from_body({"key": key, "since": at, "reason": reason})
        others = [item for item in before.revoked if item.key != key]
        revoked = tuple(sorted((*others, lost), key=lambda item: item.key))
        keys = tuple(_others(before, key))
        return replace(_second(before, state), keys=keys, revoked=revoked)

    return change


def setting(
    *,
    thresholds: Mapping[Role, int] | None = None,
    expires: str | None = None,
    hybrid: bool | None = None,
) -> Change:
    """Set thresholds, the expiry, or whether both halves of keys are demanded."""

    def change(before: TrustRoot, state: LedgerState) -> TrustRoot:
        wanted = thresholds or {}
        made = before if expires is None else replace(before, expires=expires)
        if wanted or hybrid is not None:
            made = replace(
                _second(made, state),
                threshold=wanted.get(Role.OWNER, before.threshold),
                reviewers=wanted.get(Role.REVIEWER, before.reviewers),
                witnesses=wanted.get(Role.WITNESS, before.witnesses),
                hybrid=before.hybrid if hybrid is None else hybrid,
            )
        if replace(made, format=before.format) == before:
            raise _nothing()
        return made

    return change


def _others(before: TrustRoot, key: str) -> list[KeyRoles]:
    return [item for item in before.keys if item.public.uri != key]


def _require(before: TrustRoot, key: str) -> KeyRoles:
    held = before.find(key)
    if held is None:
        raise RefusedError(Code.TRUST_REFUSED, f"{key} is not in the trust root")
    return held


def _with_keys(before: TrustRoot, state: LedgerState, keys: Sequence[KeyRoles]) -> TrustRoot:
    made = TrustRoot.make(*keys)
    body = before if made.format == 1 else _second(before, state)
    return replace(body, keys=made.keys)


def _second(root: TrustRoot, state: LedgerState) -> TrustRoot:
    """Return a root in format 2, which says what format 1 says and more."""
    if root.format != 1:
        return root
    follows = "" if root.version == 1 else state.roots[str(root.version)].entry
    return replace(root, format=2, follows=follows)


def _nothing() -> RefusedError:
    return RefusedError(Code.USAGE, "the trust root says that already; nothing was written")


# --- how it is put in force


def next_root(state: LedgerState, change: Change, *, proposed: bool = False) -> TrustRoot:
    """Return the version that follows the one in force, not signed by anybody.

    Args:
        state: Of the ledger.
        change: From the one to the other.
        proposed: Whether several will sign it, which takes format 2.

    Raises:
        RefusedError: There is no root; nothing would change; or what the change says.
        MalformedError: No trust root can say that.
    """
    before = state.trust
    if before is None:
        raise RefusedError(Code.TRUST_REFUSED, "there is no trust root to change")
    blank = replace(before, signatures=(), succeeds=())
    follows = state.roots[str(before.version)].entry
    made = change(blank, state)
    if proposed or before.threshold != 1 or made.threshold != 1:
        made = _second(made, state)
    if made.format == 1:
        return replace(made, version=before.version + 1)
    return replace(made, version=before.version + 1, follows=follows)


def signed_by(root: TrustRoot, before: TrustRoot, signers: Sequence[Signer]) -> TrustRoot:
    """Return a root of format 2 under the signatures of those who are its owners, or were."""
    if root.format == 1:
        return root
    for signer in signers:
        if is_owner(root, signer) or is_owner(before, signer):
            root = add_signature(root, signer, before)
    return root


def is_owner(root: TrustRoot, signer: Signer) -> bool:
    """Report whether a key is an owner of a root."""
    held = root.find(signer.public.uri)
    return held is not None and Role.OWNER in held.roles


def put_root(
    store: Store,
    signer: Signer,
    make: Callable[[LedgerState], TrustRoot],
    *,
    also: Sequence[Signer] = (),
    clock: Callable[[], datetime],
) -> TrustRoot:
    """Put the next trust root in force, signed by ``signer`` and others whose keys are here.

    Args:
        store: Whose trust root it is.
        signer: An owner of the root in force: the entry is its own.
        make: The next root of the newest state; it may carry signatures.
        also: Others who sign.
        clock: The time of this machine.

    Raises:
        RefusedError: With the code of what stands in the way; nothing was written.
        RejectedError: The ledger is broken.
        StoreError: The store does not serve.
    """
    made: list[TrustRoot] = []

    def decide(state: LedgerState, now: datetime) -> Sequence[bytes]:
        root, before = make(state), state.trust
        if root.is_expired(ledger_time(state, now)):
            raise RefusedError(Code.TRUST_EXPIRED, f"it would be over since {root.expires}")
        signers = [signer, *also]
        if before is not None and half_of(signer) is None and not root.signatures and not also:
            signers = []  # the entry's own signature is that
        made[:] = [root if before is None else signed_by(root, before, signers)]
        return [sign_entry(made[0], uuid=str(uuid.uuid4()), signer=signer)]

    try:
        append(store, signer, decide, clock=clock)
    except RefusedError as error:
        if error.code not in _FEW:
            raise
        raise RefusedError(
            error.code,
            str(error),
            hint="write it with --out FILE; others add: greenlight trust sign FILE;"
            " then: greenlight trust apply FILE",
        ) from error
    return made[0]


def add_key(
    store: Store,
    signer: Signer,
    key: PublicKey,
    roles: Sequence[Role],
    *,
    clock: Callable[[], datetime],
) -> TrustRoot:
    """Make the next version of the trust root, in which ``key`` has ``roles`` too.

    Raises:
        RefusedError: TRUST_REFUSED: ``signer`` is no owner; USAGE: nothing would change.
        StoreError: The store does not serve.
    """
    change = adding(key, roles)
    return put_root(store, signer, lambda state: next_root(state, change), clock=clock)


# --- what it says


def trust_dict(ledger: Ledger) -> dict[str, object]:
    """Return the trust root in force as ``--json`` prints it."""
    shown: dict[str, object] = {"trust_root": str(ledger.head.pin), "ref": ledger.ref}
    if ledger.state.trust is not None:
        shown |= root_dict(ledger.state.trust) | {"versions": _versions(ledger.state)}
    return shown


def root_dict(root: TrustRoot) -> dict[str, object]:
    """Return a trust root as ``--json`` prints it, whichever format it has."""
    return {
        "root_format": root.format,
        "version": root.version,
        "keys": [
            {"key": item.key, "post_quantum": item.post_quantum, "roles": list(item.roles)}
            for item in root.keys
        ],
        "threshold": root.threshold,
        "reviewers": root.reviewers,
        "witnesses": root.witnesses,
        "expires": root.expires,
        "hybrid": root.hybrid,
        "revoked": [
            {"key": item.key, "since": item.since, "reason": item.reason} for item in root.revoked
        ],
    }


def _versions(state: LedgerState) -> list[dict[str, object]]:
    held = sorted(state.roots.values(), key=lambda each: each.index)
    return [
        {
            "version": each.root.version,
            "record": each.index,
            "time": format_micros(each.time),
            "by": each.actor,
            "signed_by": [one.key for one in each.root.signatures],
            "succeeds": [
                {"origin": one.origin, "size": one.size, "root": one.root, "reason": one.reason}
                for one in each.root.succeeds
            ],
        }
        for each in held
    ]
