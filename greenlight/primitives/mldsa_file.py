"""The files of the post-quantum half of a key, in OpenSSH's shapes.

The private file is an ``openssh-key-v1`` container with a key of kind ``ssh-mldsa-44``, under
the same cipher and bcrypt rounds as the Ed25519 file beside it; the secret is the 32-byte seed.
The public line is ``ssh-mldsa-44 <base64> [comment]``, with the blob of
draft-sfluhrer-ssh-mldsa.  OpenSSH itself does not read them yet.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from typing import Final

from greenlight.codes import Code
from greenlight.errors import MalformedError
from greenlight.primitives.limits import MAX_POST_QUANTUM_PUBLIC_BYTES, MAX_PRIVATE_KEY_BYTES
from greenlight.primitives.mldsa import MldsaSigner, PostQuantumKey
from greenlight.primitives.openssh import pack_string, unpack_string
from greenlight.primitives.openssh_private import (
    dearmour,
    format_container,
    open_container,
    padded,
    parse_container,
)

KIND: Final = "ssh-mldsa-44"  # draft-sfluhrer-ssh-mldsa section 3

_LINE: Final = re.compile(rf"{KIND} ([A-Za-z0-9+/=]+)(?: ([^\r\n\0]+))?\n?")
_BLOCKS: Final = (8, 16)  # bytes: plain, encrypted


def format_half(key: PostQuantumKey, comment: str = "") -> str:
    """Write a public line, without a line end.

    Raises:
        MalformedError: KEY_UNREADABLE: the comment has a line break or a blank at its ends.
    """
    if comment != comment.strip() or not comment.isprintable():
        raise MalformedError(Code.KEY_UNREADABLE, f"not a comment for a key: {comment!r}")
    line = f"{KIND} {base64.b64encode(_blob(key)).decode('ascii')}"
    return f"{line} {comment}" if comment else line


def parse_half(text: str) -> tuple[PostQuantumKey, str]:
    """Read a public line: the key and its comment.

    Raises:
        MalformedError: KEY_TYPE_WRONG: the line of another kind of key; KEY_UNREADABLE.
    """
    if len(text) > MAX_POST_QUANTUM_PUBLIC_BYTES:
        raise _unreadable(f"more than {MAX_POST_QUANTUM_PUBLIC_BYTES} bytes")
    if re.match(r"(sk-)?(ssh|ecdsa)-", text) and not text.startswith(f"{KIND} "):
        raise MalformedError(Code.KEY_TYPE_WRONG, f"a public key of another kind than {KIND}")
    match = _LINE.fullmatch(text)
    if match is None:
        raise _unreadable(f"not a line of a {KIND} key")
    try:
        key = _parse_blob(base64.b64decode(match[1], validate=True))
    except (binascii.Error, ValueError) as error:
        raise _unreadable(f"not a line of a {KIND} key") from error
    comment = match[2] or ""
    if format_half(key, comment) != text.removesuffix("\n"):
        raise _unreadable("not in its one spelling")
    return key, comment


def format_half_private(seed: bytes, passphrase: bytes | None = None, comment: str = "") -> bytes:
    """Write a private file, encrypted where a passphrase is given.

    Raises:
        MalformedError: The seed is not 32 bytes, or the passphrase is empty.
    """
    if passphrase is not None and not passphrase:
        raise MalformedError(Code.KEY_PASSPHRASE, "an empty passphrase protects nothing")
    public, note = _blob(MldsaSigner(seed).public), comment.encode()
    unique = hashlib.blake2b(
        pack_string(passphrase or b"") + note, key=seed, person=b"greenlight half"
    ).digest()
    secret = public + pack_string(seed) + pack_string(note)
    return format_container(public, secret, passphrase, unique)


def public_of_half(data: bytes) -> PostQuantumKey:
    """Return the public key that a private file states, which no passphrase hides.

    Raises:
        MalformedError: KEY_TYPE_WRONG: the file of another kind of key; KEY_UNREADABLE.
    """
    try:
        return _parse_blob(_public(data))
    except ValueError as error:
        raise _unreadable(str(error)) from error


def parse_half_private(data: bytes, passphrase: bytes | None) -> MldsaSigner:
    """Read a private file.

    Raises:
        MalformedError: KEY_PASSPHRASE: there is a passphrase, and it is wrong or not given;
            KEY_TYPE_WRONG: the file of another kind of key; KEY_UNREADABLE: it is none, or
            contradicts itself.
    """
    try:
        public = _public(data)
        seed = _seed(open_container(dearmour(_unix(data)), passphrase), public)
    except ValueError as error:
        raise _unreadable(str(error)) from error
    signer = MldsaSigner(seed)
    if _blob(signer.public) != public:
        raise _unreadable("its public and its private half are not one key")
    return signer


def _seed(secret: bytes, public: bytes) -> bytes:
    """Return the seed of the private part.

    Raises:
        ValueError: Not that structure, or of another key.
    """
    if secret[: len(public)] != public:
        raise ValueError("its public and its private half are not one key")
    seed, at = unpack_string(secret, len(public))
    _, at = unpack_string(secret, at)  # the comment
    # Two check numbers stand in front of what is padded.
    if not any(padded(bytes(8) + secret[:at], size)[8:] == secret for size in _BLOCKS):
        raise ValueError("its padding is not 1, 2, 3 and so on")
    return seed


def _unix(data: bytes) -> bytes:
    if len(data) > MAX_PRIVATE_KEY_BYTES:
        raise _unreadable(f"{len(data)} bytes, at most {MAX_PRIVATE_KEY_BYTES} are read")
    return data.replace(b"\r\n", b"\n")


def _public(data: bytes) -> bytes:
    """Return the public key of a private file, its kind first."""
    _, _, _, public, _ = parse_container(dearmour(_unix(data)))
    kind, _ = unpack_string(public, 0)
    if kind != KIND.encode("ascii"):
        raise MalformedError(Code.KEY_TYPE_WRONG, f"a key of another kind than {KIND}")
    return public


def _blob(key: PostQuantumKey) -> bytes:
    return pack_string(KIND.encode("ascii")) + pack_string(key.raw)


def _parse_blob(blob: bytes) -> PostQuantumKey:
    kind, at = unpack_string(blob, 0)
    raw, at = unpack_string(blob, at)
    if kind != KIND.encode("ascii") or at != len(blob):
        raise ValueError(f"not the blob of a {KIND} key")
    return PostQuantumKey(raw)


def _unreadable(message: str) -> MalformedError:
    return MalformedError(Code.KEY_UNREADABLE, f"not a readable key: {message}")
