"""Checkpoints: a ledger's head, signed by a log key and cosigned by witnesses (C2SP).

The text is a ``Head`` (C2SP tlog-checkpoint without extension lines).  A log signs it under
the ledger's origin as its name; a witness under a name made of its key, so that a trust
root is all that a verifier has to know.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Self

from greenlight.codes import Code
from greenlight.errors import MalformedError
from greenlight.model.body import Spoken
from greenlight.model.fields import Text
from greenlight.model.head import Head
from greenlight.model.trust import Role, TrustRoot
from greenlight.primitives.ed25519 import PublicKey, Signer
from greenlight.primitives.note import (
    COSIGNATURE,
    ED25519,
    Note,
    NoteKey,
    cosign_text,
    parse_note,
    sign_text,
)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint in its parts; nothing of it is verified.

    Attributes:
        head: Origin, size and root.
        note: The note that says so, with its signatures.
    """

    head: Head
    note: Note

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read a checkpoint.

        Raises:
            MalformedError: NOTE_MALFORMED; CHECKPOINT_MALFORMED: its text is no head.
        """
        note = parse_note(data)
        try:
            return cls(Head.decode(note.text.encode("utf-8")), note)
        except MalformedError as error:
            raise MalformedError(Code.CHECKPOINT_MALFORMED, f"no checkpoint: {error}") from error

    @classmethod
    def sign(cls, head: Head, signer: Signer) -> Self:
        """Return a checkpoint signed by a log key."""
        text = head.encode().decode("ascii")
        return cls(head, Note(text, (sign_text(text, head.origin, signer),)))

    def cosigned(self, signer: Signer, seconds: int) -> Checkpoint:
        """Return it with a witness's cosignature at a time."""
        line = cosign_text(self.note.text, witness_name(signer.public), signer, seconds)
        return Checkpoint(self.head, self.note.signed_also([line]))

    def encode(self) -> bytes:
        return self.note.encode()


def log_key(origin: str, key: PublicKey) -> NoteKey:
    """Return a log key of a ledger as notes name it."""
    return NoteKey(origin, ED25519, key)


def witness_name(key: PublicKey) -> str:
    """Return the name under which a witness cosigns."""
    return f"greenlight-witness/{key.thumbprint.hex()}"


def witness_key(key: PublicKey) -> NoteKey:
    """Return a witness's key as notes name it."""
    return NoteKey(witness_name(key), COSIGNATURE, key)


def keys_with(trust: TrustRoot, role: Role) -> tuple[PublicKey, ...]:
    """Return the keys of a trust root that have a role."""
    return tuple(item.public for item in trust.keys if role in item.roles)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointSigned(Spoken):
    """The body of ``checkpoint.signed``: a holder of a log key vouches for the ledger so far.

    Attributes:
        checkpoint: The note.

    Raises:
        MalformedError: It is no checkpoint in its one spelling.
    """

    KIND: ClassVar[str] = "checkpoint.signed"

    checkpoint: Annotated[
        str, Text(r"[^\u0000-\u0009\u000b-\u001f\u007f-\u009f]{1,65536}", "a signed note")
    ]

    def __post_init__(self) -> None:
        decoded = Checkpoint.decode(self.checkpoint.encode("utf-8"))
        if decoded.encode() != self.checkpoint.encode("utf-8"):
            raise MalformedError(Code.CHECKPOINT_MALFORMED, "not in its one spelling")

    def to_body(self) -> dict[str, object]:
        return {"checkpoint": self.checkpoint}

    @property
    def claims(self) -> tuple[str, ...]:
        return ()

    @property
    def decoded(self) -> Checkpoint:
        return Checkpoint.decode(self.checkpoint.encode("utf-8"))
