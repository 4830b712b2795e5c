"""The rule of ``checkpoint.signed``: a log key signed it, about what came before."""

from __future__ import annotations

from greenlight.codes import Code
from greenlight.model.checkpoint import CheckpointSigned, log_key
from greenlight.primitives.ed25519 import PublicKey
from greenlight.primitives.note import verifies
from greenlight.verify.rules.placing import Placing, VoidError


def checkpoint_signed(placing: Placing, body: CheckpointSigned) -> None:
    """Keep a checkpoint.

    Whether its root is the tree's at that size, the fold cannot say: it has no older roots.
    ``ledger verify`` does; a wrong one, signed by a log key, is evidence of a fork.

    Raises:
        VoidError: Its signer did not sign the note, or it is about records that do not precede it.
    """
    checkpoint = body.decoded
    key = log_key(checkpoint.head.origin, _signer(placing))
    if not any(verifies(each, key, checkpoint.note.text) for each in checkpoint.note.signatures):
        raise VoidError(Code.CHECKPOINT_UNSIGNED, "its signer did not sign the note")
    if checkpoint.head.size > placing.index:
        raise VoidError(Code.CHECKPOINT_SIZE, "it is about records that do not precede it")
    placing.take()
    placing.state.checkpoints[placing.index] = placing.said(body)


def _signer(placing: Placing) -> PublicKey:
    trust = placing.state.trust
    held = None if trust is None else trust.find(placing.actor)
    if held is None:  # the fold has looked before
        raise VoidError(Code.TRUST_REFUSED, f"{placing.actor} is not in the trust root")
    return held.public
