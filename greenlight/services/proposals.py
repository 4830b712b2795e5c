"""A next trust root in a file, on its way from one owner to the other.

It is the body as JSON, in its one spelling.  Nobody's word is taken for it: whoever signs sees
what it changes, what it follows is compared with the ledger here, and the fold counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from greenlight.codes import Code
from greenlight.errors import MalformedError, RefusedError
from greenlight.model.state import LedgerState
from greenlight.model.trust import KeyRoles, TrustRoot
from greenlight.model.trust_signing import add_signature
from greenlight.primitives import cjson
from greenlight.primitives.ed25519 import Signer
from greenlight.primitives.limits import MAX_ENTRY_BYTES
from greenlight.primitives.text import escape
from greenlight.services.reading import read_bounded
from greenlight.services.trusting import is_owner


def format_proposal(root: TrustRoot) -> bytes:
    """Write a proposal."""
    return cjson.encode(root.to_body())


def read_proposal(path: Path) -> TrustRoot:
    """Read a proposal.

    Raises:
        StoreError: FILE_UNREADABLE.
        MalformedError: It is none; or a trust root cannot say that.
    """
    body = cjson.decode_any(read_bounded(path, MAX_ENTRY_BYTES), max_bytes=MAX_ENTRY_BYTES)
    if not isinstance(body, dict) or "format" not in body:
        raise MalformedError(
            Code.MALFORMED, f"{escape(str(path))}: not a proposed trust root of format 2"
        )
    return TrustRoot.from_body(body)


def require_next(state: LedgerState, root: TrustRoot) -> TrustRoot:
    """Return the root in force, which a proposal must follow.

    Raises:
        RefusedError: TRUST_STALE: it follows another one.
    """
    before = state.trust
    if before is None or root.follows != state.roots[str(before.version)].entry:
        raise RefusedError(
            Code.TRUST_STALE,
            "the proposal was made for another trust root than the one in force here",
            hint="make it again: greenlight trust … --out FILE",
        )
    return before


def sign_proposal(state: LedgerState, root: TrustRoot, signer: Signer) -> TrustRoot:
    """Add a signature, or put it in the place of an older one by the same key.

    Raises:
        RefusedError: TRUST_STALE; TRUST_REFUSED: the key is an owner neither before nor after.
    """
    before = require_next(state, root)
    if not (is_owner(before, signer) or is_owner(root, signer)):
        raise RefusedError(
            Code.TRUST_REFUSED, f"{signer.public.uri} is no owner, neither before nor after"
        )
    return add_signature(root, signer, before)


def differences(before: TrustRoot, after: TrustRoot) -> Iterator[str]:
    """Yield what a next root changes, a line each, for whoever is asked to sign it."""
    old = {item.public.uri: item for item in before.keys}
    new = {item.public.uri: item for item in after.keys}
    for key in sorted(old.keys() | new.keys()):
        if old.get(key) != new.get(key):
            yield f"{key}: {_roles(old.get(key))} -> {_roles(new.get(key))}"
    for name, was, will in (
        ("owners that sign", before.threshold, after.threshold),
        ("reviewers that approve", before.reviewers, after.reviewers),
        ("witnesses that cosign", before.witnesses, after.witnesses),
        ("expires", before.expires or "never", after.expires or "never"),
        ("both halves demanded", before.hybrid, after.hybrid),
    ):
        if was != will:
            yield f"{name}: {was} -> {will}"
    known = {item.key: item.since for item in before.revoked}
    for item in after.revoked:
        if known.get(item.key) != item.since:
            yield f"revoked from record {item.since} on: {item.key}: {item.reason}"


def _roles(item: KeyRoles | None) -> str:
    if item is None:
        return "nothing"
    roles = ", ".join(item.roles)
    return f"{roles} (both halves)" if item.post_quantum else roles
