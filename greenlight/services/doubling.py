"""The second seal: a packet's statement, signed by the post-quantum half of the same key too."""

from __future__ import annotations

import uuid

from greenlight.codes import Code
from greenlight.errors import RefusedError
from greenlight.model.doubled import SealDoubled
from greenlight.model.entry import sign_entry
from greenlight.model.state import LedgerState
from greenlight.model.statement import Statement
from greenlight.primitives.ed25519 import Signer
from greenlight.primitives.hybrid import half_of
from greenlight.primitives.mldsa import PostQuantumSigner


def named_half(state: LedgerState, signer: Signer) -> PostQuantumSigner | None:
    """Return the other half of a key, where the trust root in force names that very half."""
    held = None if state.trust is None else state.trust.find(signer.public.uri)
    half = half_of(signer)
    if held is None or half is None or held.half != half.public:
        return None
    return half


def require_half(state: LedgerState, signer: Signer) -> None:
    """Refuse a key that lacks the half which the trust root demands, before anything is done.

    A half that will be wanted is opened here: a passphrase is asked for while nothing has
    happened yet.

    Raises:
        RefusedError: TRUST_HYBRID_MISSING.
        MalformedError: KEY_PASSPHRASE, KEY_UNREADABLE.
        StoreError: TOOL_MISSING.
    """
    half = named_half(state, signer)
    if half is not None:
        half.sign(b"")
    elif state.trust is not None and state.trust.hybrid:
        raise RefusedError(
            Code.TRUST_HYBRID_MISSING,
            f"the trust root demands both halves of keys, and that of {signer.public.uri}"
            " which it names is not here",
            hint="it is FILE.mldsa44 beside the key FILE, or in $GREENLIGHT_SIGNING_KEY_MLDSA44",
        )


def second_seal(statement: Statement, half: PostQuantumSigner, signer: Signer) -> bytes:
    """Return the entry that holds the second seal of a statement."""
    body = SealDoubled.make(statement.encode(), half)
    return sign_entry(body, uuid=str(uuid.uuid4()), signer=signer)
