"""The second seal of a packet: by the post-quantum half of its executor's key.  Pure.

The key is the one that a trust root of the ledger named when the entry was placed, never one
that came along with the packet.
"""

from __future__ import annotations

from greenlight.codes import Code
from greenlight.errors import MalformedError, RejectedError
from greenlight.model.doubled import SealDoubled
from greenlight.model.finding import Finding
from greenlight.model.seal import CONTENT_TYPE
from greenlight.model.state import LedgerState, Said
from greenlight.model.statement import Statement
from greenlight.primitives import cose
from greenlight.primitives.limits import MAX_SEAL_BYTES
from greenlight.primitives.mldsa import PostQuantumKey


def verify_doubled(
    statement: Statement, signed: bytes, state: LedgerState, index: int
) -> list[Finding]:
    """Verify the second seal of a packet, and require it where it was demanded.

    Args:
        statement: Of the packet.
        signed: The bytes of ``seal/statement.cbor``.
        state: The fold of the ledger.
        index: Of the record that sealed the packet.
    """
    held = state.doubled.get(statement.subject)
    if held is None:
        if not state.demands_hybrid(index):
            return []
        where = f"ledger/records/{index}.cbor"
        return [Finding(Code.SEAL_HYBRID_MISSING, where, "a second seal by ML-DSA-44", "none")]
    problem = _problem(statement, signed, state, held)
    if not problem:
        return []
    where = f"ledger/records/{held.index}.cbor"
    expected = f"a signature by the other half of {statement.executor}"
    return [Finding(Code.SEAL_HYBRID_INVALID, where, expected, problem)]


def _problem(
    statement: Statement, signed: bytes, state: LedgerState, held: Said[SealDoubled]
) -> str:
    """Say what is wrong with the second seal; empty where nothing is."""
    if held.actor != statement.executor:
        return f"one that {held.actor} placed"
    try:
        message = cose.parse_sign1(
            held.body.message, CONTENT_TYPE, max_bytes=MAX_SEAL_BYTES, alg=cose.ML_DSA_44
        )
        half = state.halves.get(message.kid.hex())
        if half is None:
            return "one by a key that no trust root names"
        cose.open_post_quantum(
            held.body.message,
            key=PostQuantumKey.parse(half),
            issuer=statement.executor,
            payload=signed,
            content_type=CONTENT_TYPE,
        )
    except (MalformedError, RejectedError) as error:
        return str(error)
    return "" if message.subject == statement.subject else f"one about {message.subject}"
