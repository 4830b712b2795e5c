"""The second seal of a packet: the same statement, signed by the other half of the same key."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Annotated, ClassVar, Self

from greenlight.model.body import Spoken
from greenlight.model.fields import DigestText, PacketId, Text
from greenlight.model.seal import CONTENT_TYPE
from greenlight.model.statement import Statement
from greenlight.model.trust_parts import unbase64
from greenlight.primitives import cose
from greenlight.primitives.mldsa import PostQuantumSigner

# A COSE_Sign1 by ML-DSA-44 of ours takes under 2,800 bytes.
_Signature = Annotated[str, Text(r"[A-Za-z0-9+/]{1,5464}={0,2}", "a COSE_Sign1 in base64")]


@dataclass(frozen=True, slots=True, kw_only=True)
class SealDoubled(Spoken):
    """A packet's statement was signed by the post-quantum half of its executor's key too.

    Attributes:
        packet: Packet id, lane and run.
        packet_tree: What the packet is.
        signature: Base64 of a detached COSE_Sign1 (ML-DSA-44) over ``seal/statement.cbor``.

    Raises:
        MalformedError: ``signature`` is not base64 in its one spelling.
    """

    KIND: ClassVar[str] = "seal.doubled"

    packet: PacketId
    packet_tree: DigestText
    signature: _Signature

    def __post_init__(self) -> None:
        unbase64(self.signature)

    @classmethod
    def make(cls, statement: bytes, half: PostQuantumSigner) -> Self:
        """Sign the bytes of a statement.

        Raises:
            MalformedError: They are none.
        """
        said = Statement.decode(statement)
        message = cose.sign1_post_quantum(
            statement,
            half,
            issuer=said.executor,
            content_type=CONTENT_TYPE,
            subject=said.subject,
        )
        return cls(
            packet=said.packet_id,
            packet_tree=said.subject,
            signature=base64.b64encode(message).decode("ascii"),
        )

    @property
    def claims(self) -> tuple[str, ...]:
        return (f"seal/{self.packet_tree}",)

    @property
    def subject(self) -> str:
        return self.packet_tree

    @property
    def message(self) -> bytes:
        """The COSE_Sign1."""
        return unbase64(self.signature)
