"""SSHSIG: signatures by SSH keys over any message, as Git puts them into commits.

The format is OpenSSH's PROTOCOL.sshsig, for Ed25519 and SHA-512 alone.  ``sign`` writes
what ``ssh-keygen -Y sign -n <namespace>`` writes, byte for byte.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct
from typing import Final

from greenlight.codes import Code
from greenlight.errors import MalformedError
from greenlight.primitives.ed25519 import KEY_BYTES, SIGNATURE_BYTES, PublicKey, Signer
from greenlight.primitives.limits import MAX_SSHSIG_BYTES
from greenlight.primitives.openssh import KEY_TYPE, format_public_blob, pack_string

_MAGIC: Final = b"SSHSIG"
_VERSION: Final = 1
_HASH: Final = b"sha512"
_BEGIN: Final = "-----BEGIN SSH SIGNATURE-----\n"
_END: Final = "\n-----END SSH SIGNATURE-----\n"
_COLUMNS: Final = 70  # where ssh-keygen breaks lines; PROTOCOL.sshsig asks for 76, reads any


def sign(message: bytes, signer: Signer, namespace: str = "git") -> str:
    """Return the armoured signature over ``message``, with its last line end."""
    signature = signer.sign(_signed_data(message, namespace))
    return _armour(_blob(signer.public, namespace, signature))


def verify(message: bytes, armoured: str, namespace: str) -> PublicKey:
    """Return the key whose signature over ``message`` ``armoured`` is.

    The last line end may be missing: Git's commit headers drop it.

    Raises:
        MalformedError: SSHSIG_MALFORMED: another format, version, hash or namespace, another
            kind of key, or a signature that does not verify.
    """
    key, signature = _parse(armoured, namespace)
    if not key.verify(signature, _signed_data(message, namespace)):
        raise _malformed("the signature does not verify")
    return key


def claimed_key(armoured: str, namespace: str) -> PublicKey:
    """Return the key that a signature says it is by; nothing is verified.

    Raises:
        MalformedError: SSHSIG_MALFORMED, as ``verify`` says of its form.
    """
    return _parse(armoured, namespace)[0]


def _parse(armoured: str, namespace: str) -> tuple[PublicKey, bytes]:
    if len(armoured) > MAX_SSHSIG_BYTES:
        raise _malformed(f"{len(armoured)} characters, at most {MAX_SSHSIG_BYTES} are read")
    text = armoured if armoured.endswith("\n") else armoured + "\n"
    if not (text.startswith(_BEGIN) and text.endswith(_END)):
        raise _malformed("no armour around it")
    try:
        blob = base64.b64decode(text[len(_BEGIN) : -len(_END)].replace("\n", ""), validate=True)
    except (binascii.Error, ValueError) as error:
        raise _malformed("the armour holds no base64") from error
    # One kind of key, one hash, one version: everything but the key and the signature is
    # known beforehand, so the blob is taken apart by place and compared whole.
    key_at = len(_MAGIC) + 4 + 4 + 4 + len(KEY_TYPE) + 4
    key = _key_at(blob, key_at)
    signature = blob[-SIGNATURE_BYTES:]
    if _blob(key, namespace, signature) != blob or _armour(blob) != text:
        raise _malformed(
            f"not one spelling of version {_VERSION}, {KEY_TYPE}, sha512, namespace {namespace}"
        )
    return key, signature


def _key_at(blob: bytes, at: int) -> PublicKey:
    raw = blob[at : at + KEY_BYTES]
    if len(raw) != KEY_BYTES:
        raise _malformed("it ends inside the key")
    return PublicKey(raw)


def _signed_data(message: bytes, namespace: str) -> bytes:
    digest = hashlib.sha512(message).digest()
    return b"".join((_MAGIC, *map(pack_string, (namespace.encode(), b"", _HASH, digest))))


def _blob(key: PublicKey, namespace: str, signature: bytes) -> bytes:
    signature_blob = pack_string(KEY_TYPE.encode("ascii")) + pack_string(signature)
    parts = (format_public_blob(key), namespace.encode(), b"", _HASH, signature_blob)
    return _MAGIC + struct.pack(">I", _VERSION) + b"".join(map(pack_string, parts))


def _armour(blob: bytes) -> str:
    text = base64.b64encode(blob).decode("ascii")
    lines = (text[at : at + _COLUMNS] for at in range(0, len(text), _COLUMNS))
    return _BEGIN + "\n".join(lines) + _END


def _malformed(message: str) -> MalformedError:
    return MalformedError(Code.SSHSIG_MALFORMED, f"not a valid SSH signature: {message}")
