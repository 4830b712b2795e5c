r"""Signed notes (C2SP signed-note) with Ed25519 signatures and cosignatures (tlog-cosignature).

A note is text that ends in a line feed, an empty line, and signature lines ``— NAME BASE64``.
A signature names its key by name and by the first four bytes of a hash over the name, the
kind of signature and the key, so that a verifier knows which of its keys to try.  Unknown
keys are passed over; a known key whose signature does not verify is an error, not a stranger.

* kind 1: Ed25519 over the text (golang.org/x/mod/sumdb/note opens these);
* kind 4: Ed25519 over ``cosignature/v1\ntime T\n`` and the text, behind T in 8 bytes.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from greenlight.codes import Code
from greenlight.errors import MalformedError
from greenlight.primitives.ed25519 import SIGNATURE_BYTES, PublicKey, Signer
from greenlight.primitives.limits import MAX_INT64, MAX_NOTE_BYTES, MAX_NOTE_SIGNATURES

ED25519: Final = 1
COSIGNATURE: Final = 4
_KEY_ID_BYTES: Final = 4
_TIME_BYTES: Final = 8
_LINE: Final = re.compile("\u2014 ([^\\s+]{1,200}) ([A-Za-z0-9+/]+={0,2})")  # no space of Unicode's
_CONTROL: Final = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class NoteKey:
    """A key that signs notes.

    Attributes:
        name: Its name in notes: no space, no plus sign.
        kind: 1 for a log, 4 for a witness.
        key: The key.
    """

    name: str
    kind: int
    key: PublicKey

    @property
    def key_id(self) -> bytes:
        """The first four bytes of SHA-256 over name, line feed, kind and key."""
        said = self.name.encode("utf-8") + b"\n" + bytes([self.kind]) + self.key.raw
        return hashlib.sha256(said).digest()[:_KEY_ID_BYTES]

    @property
    def verifier(self) -> str:
        """The key as ``note`` verifiers write it: name, id and key."""
        key = base64.b64encode(bytes([self.kind]) + self.key.raw).decode("ascii")
        return f"{self.name}+{self.key_id.hex()}+{key}"


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """A signature line, not verified.

    Attributes:
        name: Of the key.
        key_id: Four bytes.
        body: What follows them.
    """

    name: str
    key_id: bytes
    body: bytes

    @property
    def line(self) -> str:
        text = base64.b64encode(self.key_id + self.body).decode("ascii")
        return f"\u2014 {self.name} {text}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A note in its parts, nothing verified.

    Attributes:
        text: What is signed; ends in a line feed.
        signatures: In their order.
    """

    text: str
    signatures: tuple[NoteSignature, ...]

    def encode(self) -> bytes:
        return (f"{self.text}\n" + "".join(each.line for each in self.signatures)).encode("utf-8")

    def signed_also(self, signatures: Iterable[NoteSignature]) -> Note:
        """Return the note with more signatures, each once."""
        new = [each for each in signatures if each not in self.signatures]
        return Note(self.text, (*self.signatures, *new))


def parse_note(data: bytes) -> Note:
    """Take a note apart; nothing is verified.

    Raises:
        MalformedError: NOTE_MALFORMED.
    """
    if len(data) > MAX_NOTE_BYTES:
        raise _malformed(f"at most {MAX_NOTE_BYTES} bytes")
    try:
        whole = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _malformed("UTF-8") from error
    text, empty, lines = whole.rpartition("\n\n")
    if not empty or not text or not lines.endswith("\n") or _CONTROL.search(whole):
        raise _malformed("text, an empty line, and signature lines")
    found = lines.removesuffix("\n").split("\n")
    if len(found) > MAX_NOTE_SIGNATURES:
        raise _malformed(f"at most {MAX_NOTE_SIGNATURES} signatures")
    return Note(f"{text}\n", tuple(map(_signature, found)))


def _signature(line: str) -> NoteSignature:
    found = _LINE.fullmatch(line)
    if found is None:
        raise _malformed("a signature line: a dash, a name, base64")
    try:
        raw = base64.b64decode(found[2], validate=True)
    except binascii.Error as error:
        raise _malformed("base64") from error
    signature = NoteSignature(found[1], raw[:_KEY_ID_BYTES], raw[_KEY_ID_BYTES:])
    if signature.line != f"{line}\n" or not signature.body:  # base64 that decodes alike
        raise _malformed("a signature in its one spelling")
    return signature


def sign_text(text: str, name: str, signer: Signer) -> NoteSignature:
    """Sign a text as a log does."""
    key = NoteKey(name, ED25519, signer.public)
    return NoteSignature(name, key.key_id, signer.sign(text.encode("utf-8")))


def cosign_text(text: str, name: str, signer: Signer, seconds: int) -> NoteSignature:
    """Sign a checkpoint as a witness does, at a time in seconds since 1970.

    Raises:
        MalformedError: There is no such time in a cosignature.
    """
    if not 0 < seconds <= MAX_INT64:
        raise MalformedError(Code.MALFORMED, f"a cosignature at {seconds} seconds since 1970")
    key = NoteKey(name, COSIGNATURE, signer.public)
    signed = signer.sign(_cosigned(text, seconds))
    return NoteSignature(name, key.key_id, seconds.to_bytes(_TIME_BYTES, "big") + signed)


def signed_at(signature: NoteSignature) -> int | None:
    """Return the time of a cosignature; None for what is none.

    A time is more than 0 and at most what fits int64 (C2SP tlog-cosignature).
    """
    if len(signature.body) != _TIME_BYTES + SIGNATURE_BYTES:
        return None
    seconds = int.from_bytes(signature.body[:_TIME_BYTES], "big")
    return seconds if 0 < seconds <= MAX_INT64 else None


def is_by(signature: NoteSignature, key: NoteKey) -> bool:
    """Report whether a signature says that it is a key's; it may be a lie."""
    return (signature.name, signature.key_id) == (key.name, key.key_id)


def verifies(signature: NoteSignature, key: NoteKey, text: str) -> bool:
    """Report whether a signature is a key's over a text."""
    if not is_by(signature, key):
        return False
    if key.kind == ED25519:
        return key.key.verify(signature.body, text.encode("utf-8"))
    seconds = signed_at(signature)
    if key.kind != COSIGNATURE or seconds is None:
        return False
    return key.key.verify(signature.body[_TIME_BYTES:], _cosigned(text, seconds))


def _cosigned(text: str, seconds: int) -> bytes:
    return f"cosignature/v1\ntime {seconds}\n{text}".encode()


def _malformed(expected: str) -> MalformedError:
    return MalformedError(Code.NOTE_MALFORMED, f"not a signed note: expected {expected}")
