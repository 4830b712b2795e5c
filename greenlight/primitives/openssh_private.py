"""OpenSSH private key files (``openssh-key-v1``, OpenSSH's PROTOCOL.key), Ed25519 alone.

The door to ``cryptography`` and ``bcrypt``, which are imported for a passphrase only: a
file without one is a plain structure that is taken apart here.  The public key is
computed from the seed and compared with both places of the file that state it.

Writing draws no randomness.  The salt and the check number of a file are a keyed hash, by
the seed, of everything else that is written: two files share a salt only where they share
all of their content, so no key stream covers two plaintexts, and whoever does not know the
seed cannot tell a salt from a random one.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct
from typing import Final

from greenlight.codes import Code
from greenlight.errors import MalformedError
from greenlight.primitives.ed25519 import SEED_BYTES, PublicKey, SeedSigner
from greenlight.primitives.limits import MAX_KEY_ROUNDS, MAX_PRIVATE_KEY_BYTES
from greenlight.primitives.openssh import (
    KEY_TYPE,
    format_public_blob,
    pack_string,
    parse_public_blob,
    unpack_string,
)

_BEGIN: Final = b"-----BEGIN OPENSSH PRIVATE KEY-----\n"
_END: Final = b"\n-----END OPENSSH PRIVATE KEY-----\n"
_MAGIC: Final = b"openssh-key-v1\0"
_NONE: Final = b"none"
_CIPHER: Final = b"aes256-ctr"  # what ssh-keygen writes
_KDF: Final = b"bcrypt"
_ROUNDS: Final = 24  # ssh-keygen's own number since OpenSSH 9.4: 0.2 s
_SALT_BYTES: Final = 16
_AES_KEY_BYTES, _AES_BLOCK_BYTES = 32, 16
_PLAIN_BLOCK_BYTES: Final = 8
_COLUMNS: Final = 70


def parse_private(data: bytes, passphrase: bytes | None) -> SeedSigner:
    """Read a private key file.

    Raises:
        MalformedError: KEY_PASSPHRASE: there is a passphrase, and it is wrong or not given;
            KEY_UNREADABLE: not an OpenSSH Ed25519 key, or one that contradicts itself.
    """
    if len(data) > MAX_PRIVATE_KEY_BYTES:
        raise _unreadable(f"{len(data)} bytes, at most {MAX_PRIVATE_KEY_BYTES} are read")
    data = data.replace(b"\r\n", b"\n")
    blob = dearmour(data)
    try:
        cipher, kdf, options, public, secret = parse_container(blob)
        kind, _ = unpack_string(public, 0)
        if kind != KEY_TYPE.encode("ascii"):
            raise _unreadable(f"a key of another kind than {KEY_TYPE}")
        if cipher == _NONE and kdf == _NONE:
            signer = SeedSigner(_parse_secret(secret))
        elif kdf == _KDF:
            _, at = unpack_string(options, 0)
            if int.from_bytes(options[at:], "big") > MAX_KEY_ROUNDS:
                raise _unreadable(f"more than {MAX_KEY_ROUNDS} rounds between passphrase and key")
            signer = SeedSigner(_decrypt(data, passphrase))
        else:
            raise _unreadable("an encryption that OpenSSH does not have")
    except ValueError as error:
        raise _unreadable(str(error)) from error
    if format_public_blob(signer.public) != public:
        raise _unreadable("its public and its private half are not one key")
    return signer


def parse_public_of(data: bytes) -> PublicKey | None:
    """Return the public half of a private key file, which no passphrase hides.

    None where it is not a file of one Ed25519 key; ``parse_private`` says what is wrong.
    """
    try:
        _, _, _, public, _ = parse_container(dearmour(data.replace(b"\r\n", b"\n")))
    except (MalformedError, ValueError):
        return None
    return parse_public_blob(public)


def format_private(seed: bytes, passphrase: bytes | None = None, comment: str = "") -> bytes:
    """Write a private key file, encrypted where a passphrase is given.

    Raises:
        MalformedError: The seed is not 32 bytes, or the passphrase is empty.
    """
    signer = SeedSigner(seed)
    if passphrase is not None and not passphrase:
        raise MalformedError(Code.KEY_PASSPHRASE, "an empty passphrase protects nothing")
    public = format_public_blob(signer.public)
    note = comment.encode()
    unique = hashlib.blake2b(
        pack_string(passphrase or b"") + note, key=seed, person=b"greenlight key"
    ).digest()
    secret = public + pack_string(seed + signer.public.raw) + pack_string(note)
    return format_container(public, secret, passphrase, unique)


def format_container(
    public: bytes, secret: bytes, passphrase: bytes | None, unique: bytes
) -> bytes:
    """Write the file of one key of any kind, encrypted where a passphrase is given.

    Args:
        public: The public key, its kind first.
        secret: The private part, without check numbers and padding.
        passphrase: None for none.
        unique: At least 20 bytes that nobody without the key can tell from random ones, and
            that no other file shares.
    """
    check, salt = unique[:4], unique[4 : 4 + _SALT_BYTES]
    secret = check + check + secret
    if passphrase is None:
        cipher, kdf, options = _NONE, _NONE, b""
        secret = padded(secret, _PLAIN_BLOCK_BYTES)
    else:
        cipher, kdf = _CIPHER, _KDF
        options = pack_string(salt) + struct.pack(">I", _ROUNDS)
        secret = _crypt(padded(secret, _AES_BLOCK_BYTES), passphrase, salt, _ROUNDS)
    blob = b"".join(
        (
            _MAGIC,
            *map(pack_string, (cipher, kdf, options)),
            struct.pack(">I", 1),
            pack_string(public),
            pack_string(secret),
        )
    )
    text = base64.b64encode(blob)
    lines = [text[at : at + _COLUMNS] for at in range(0, len(text), _COLUMNS)]
    return _BEGIN + b"\n".join(lines) + _END


def open_container(blob: bytes, passphrase: bytes | None) -> bytes:
    """Return the private part of a container that OpenSSH's own cipher may protect.

    Returns:
        What ``format_container`` was given, and the padding behind it.

    Raises:
        ValueError: Not that structure, or another cipher.
        MalformedError: KEY_PASSPHRASE: there is a passphrase, and it is wrong or not given.
    """
    cipher, kdf, options, _, secret = parse_container(blob)
    if (cipher, kdf) == (_NONE, _NONE):
        if secret[:4] != secret[4:8]:
            raise ValueError("its check numbers differ")
        return secret[8:]
    if (cipher, kdf) != (_CIPHER, _KDF) or len(secret) % _AES_BLOCK_BYTES:
        raise ValueError("an encryption that is not used for such keys")
    salt, at = unpack_string(options, 0)
    rounds = int.from_bytes(options[at:], "big")
    if not 0 < rounds <= MAX_KEY_ROUNDS or len(salt) != _SALT_BYTES:
        raise ValueError(f"not 1 to {MAX_KEY_ROUNDS} rounds between passphrase and key")
    if not passphrase:
        raise MalformedError(Code.KEY_PASSPHRASE, "the key file needs its passphrase")
    plain = _crypt(secret, passphrase, salt, rounds)
    if plain[:4] != plain[4:8]:
        raise MalformedError(Code.KEY_PASSPHRASE, "the passphrase is wrong")
    return plain[8:]


def dearmour(data: bytes) -> bytes:
    """Return what is in an OpenSSH private key file.

    Raises:
        MalformedError: KEY_UNREADABLE: it is none.
    """
    if not (data.startswith(_BEGIN) and data.endswith(_END)):
        hint = "this is the public half" if data.startswith(KEY_TYPE.encode("ascii")) else None
        raise _unreadable("it is no OpenSSH private key", hint=hint)
    try:
        blob = base64.b64decode(data[len(_BEGIN) : -len(_END)].replace(b"\n", b""), validate=True)
    except binascii.Error as error:
        raise _unreadable("it holds no base64") from error
    if not blob.startswith(_MAGIC):
        raise _unreadable("it is not of format openssh-key-v1")
    return blob


def parse_container(blob: bytes) -> tuple[bytes, bytes, bytes, bytes, bytes]:
    """Return cipher, kdf, kdf options, public key and secret part.

    Raises:
        ValueError: Not that structure, or more keys than one.
    """
    cipher, at = unpack_string(blob, len(_MAGIC))
    kdf, at = unpack_string(blob, at)
    options, at = unpack_string(blob, at)
    if blob[at : at + 4] != struct.pack(">I", 1):
        raise ValueError("it does not hold exactly one key")
    public, at = unpack_string(blob, at + 4)
    secret, at = unpack_string(blob, at)
    if cipher == _NONE and at != len(blob):  # an AEAD cipher's tag would follow
        raise ValueError("something follows the key")
    return cipher, kdf, options, public, secret


def _parse_secret(secret: bytes) -> bytes:
    """Return the seed from the part that a passphrase would encrypt.

    Raises:
        ValueError: Not that structure, or its copies of the public key differ.
    """
    if secret[:4] != secret[4:8]:
        raise ValueError("its check numbers differ")
    kind, at = unpack_string(secret, 8)
    public, at = unpack_string(secret, at)
    pair, at = unpack_string(secret, at)
    _, at = unpack_string(secret, at)  # the comment
    if padded(secret[:at], _PLAIN_BLOCK_BYTES) != secret:
        raise ValueError("its padding is not 1, 2, 3 and so on")
    seed, copy = pair[:SEED_BYTES], pair[SEED_BYTES:]
    if kind != KEY_TYPE.encode("ascii") or copy != public:
        raise ValueError("its public and its private half are not one key")
    if len(seed) != SEED_BYTES or SeedSigner(seed).public.raw != public:
        raise ValueError("its public and its private half are not one key")
    return seed


def _decrypt(data: bytes, passphrase: bytes | None) -> bytes:
    from cryptography.exceptions import (  # noqa: PLC0415  # the import costs 30 ms
        InvalidTag,
        UnsupportedAlgorithm,
    )
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415
        Ed25519PrivateKey,
    )
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415
        load_ssh_private_key,
    )

    if not passphrase:
        raise MalformedError(Code.KEY_PASSPHRASE, "the key file needs its passphrase")
    try:
        key = load_ssh_private_key(data, passphrase)
    except UnsupportedAlgorithm as error:
        raise _unreadable(f"an encryption that is not known here: {error}") from error
    except (InvalidTag, ValueError, TypeError) as error:
        # The structure was read before: what is left to be wrong is the passphrase.
        raise MalformedError(Code.KEY_PASSPHRASE, "the passphrase is wrong") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise _unreadable(f"a key of another kind than {KEY_TYPE}")
    return key.private_bytes_raw()


def _crypt(secret: bytes, passphrase: bytes, salt: bytes, rounds: int) -> bytes:
    """Encrypt or decrypt: in counter mode they are one."""
    import bcrypt  # noqa: PLC0415  # for a passphrase only, as cryptography
    from cryptography.hazmat.primitives.ciphers import Cipher  # noqa: PLC0415
    from cryptography.hazmat.primitives.ciphers.algorithms import AES  # noqa: PLC0415
    from cryptography.hazmat.primitives.ciphers.modes import CTR  # noqa: PLC0415

    derived = bcrypt.kdf(
        password=passphrase,
        salt=salt,
        desired_key_bytes=_AES_KEY_BYTES + _AES_BLOCK_BYTES,
        rounds=rounds,
        ignore_few_rounds=True,  # what it calls few is what OpenSSH uses
    )
    cipher = Cipher(AES(derived[:_AES_KEY_BYTES]), CTR(derived[_AES_KEY_BYTES:])).encryptor()
    return cipher.update(secret) + cipher.finalize()


def padded(secret: bytes, block: int) -> bytes:
    """Fill up to a whole number of blocks with 1, 2, 3 and so on."""
    return secret + bytes(range(1, 1 + -len(secret) % block))


def _unreadable(message: str, *, hint: str | None = None) -> MalformedError:
    return MalformedError(Code.KEY_UNREADABLE, f"not a readable key file: {message}", hint=hint)
