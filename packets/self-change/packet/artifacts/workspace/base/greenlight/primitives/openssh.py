"""OpenSSH's public texts: key lines and ``allowed_signers``.

A public key line is ``ssh-ed25519 <base64> [comment]`` (RFC 8709 section 4 for what the
base64 holds).  ``allowed_signers`` is what ssh-keygen(1) describes under ALLOWED SIGNERS;
two deviations, so that a verdict depends on the file alone: a time without ``Z`` is UTC
here and local time there, and an option that greenlight does not know is refused.
"""

from __future__ import annotations

import base64
import binascii
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from greenlight.codes import Code
from greenlight.errors import MalformedError
from greenlight.primitives.ed25519 import KEY_BYTES, PublicKey
from greenlight.primitives.limits import MAX_ALLOWED_SIGNERS_BYTES, MAX_PUBLIC_KEY_BYTES

KEY_TYPE: Final = "ssh-ed25519"

_KEY_TYPES: Final = re.compile(r"(sk-)?(ssh|ecdsa)-[A-Za-z0-9@.-]+")
_LINE: Final = re.compile(rf"{KEY_TYPE} ([A-Za-z0-9+/=]+)(?: ([^\r\n\0]+))?\n?")
# Words are split at blanks outside double quotes, as OpenSSH does.
_WORD: Final = re.compile(r'((?:[^\s"]|"[^"]*")+)(?:\s+|$)')
_WORDS: Final = 4  # principals, options, key type and key; a comment may follow
_OPTION: Final = re.compile(r'([A-Za-z-]+)(?:="([^"]*)")?(?:,|$)')
_TIME_FORMS: Final = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}  # by digits


@dataclass(frozen=True, slots=True)
class AllowedSigner:
    """One line of an ``allowed_signers`` file.

    Attributes:
        principals: Patterns of the names the key may sign for.
        key_type: OpenSSH's name of the kind of key.
        key: The key, or None where it is not an Ed25519 key: it can vouch for nothing here.
        namespaces: Patterns of what it may sign, or None for anything.
        valid_after: From when on it is valid, or None.
        valid_before: Until when it is valid, or None.
        cert_authority: It is an authority for certificates, and signs nothing itself.
    """

    principals: tuple[str, ...]
    key_type: str
    key: PublicKey | None
    namespaces: tuple[str, ...] | None = None
    valid_after: datetime | None = None
    valid_before: datetime | None = None
    cert_authority: bool = False


def format_public_blob(key: PublicKey) -> bytes:
    """Return the key as it stands inside OpenSSH's formats: RFC 8709 section 4."""
    return pack_string(KEY_TYPE.encode("ascii")) + pack_string(key.raw)


def format_public(key: PublicKey, comment: str = "") -> str:
    """Write a public key line, without a line end.

    Raises:
        MalformedError: The comment has a line break, or starts or ends with a blank.
    """
    if comment != comment.strip() or not comment.isprintable():
        raise MalformedError(Code.KEY_UNREADABLE, f"not a comment for a key: {comment!r}")
    line = f"{KEY_TYPE} {base64.b64encode(format_public_blob(key)).decode('ascii')}"
    return f"{line} {comment}" if comment else line


def parse_public(line: str) -> tuple[PublicKey, str]:
    """Read a public key line, with or without its line end: the key and its comment.

    Raises:
        MalformedError: KEY_UNREADABLE: not one line with an OpenSSH Ed25519 key.
    """
    match = _LINE.fullmatch(line) if len(line) <= MAX_PUBLIC_KEY_BYTES else None
    if match is None:
        raise _unreadable("not one line with an ssh-ed25519 key")
    return _parse_base64(match[1]), match[2] or ""


def parse_allowed_signers(text: str) -> tuple[AllowedSigner, ...]:
    """Read an ``allowed_signers`` file.

    Raises:
        MalformedError: ALLOWED_SIGNERS_MALFORMED, with the number of the line.
    """
    if len(text) > MAX_ALLOWED_SIGNERS_BYTES:
        raise _refused(f"{len(text)} characters, at most {MAX_ALLOWED_SIGNERS_BYTES} are read")
    return tuple(_parse_lines(text))


def pack_string(data: bytes) -> bytes:
    """Write an SSH string: RFC 4251 section 5."""
    return struct.pack(">I", len(data)) + data


def unpack_string(data: bytes, at: int) -> tuple[bytes, int]:
    """Read the SSH string at ``at``: its bytes, and the position after it.

    Raises:
        ValueError: The data ends inside the string.
    """
    start = at + 4
    if start > len(data):
        raise ValueError("the data ends inside a length")
    end = start + int.from_bytes(data[at:start], "big")
    if end > len(data):
        raise ValueError("the data ends inside a string")
    return data[start:end], end


def parse_public_blob(blob: bytes) -> PublicKey | None:
    """Read a key as it stands inside OpenSSH's formats; None where it is none of Ed25519."""
    try:
        key = PublicKey(blob[-KEY_BYTES:])
    except MalformedError:
        return None
    return key if blob == format_public_blob(key) else None


def _parse_base64(text: str) -> PublicKey:
    try:
        blob = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise _unreadable("not the base64 of an Ed25519 key") from error
    key = parse_public_blob(blob)
    if key is None or base64.b64encode(blob).decode("ascii") != text:
        raise _unreadable("not the base64 of an Ed25519 key")
    return key


def _parse_lines(text: str) -> Iterator[AllowedSigner]:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip() and not line.lstrip().startswith("#"):
            try:
                yield _parse_signer(line.strip())
            except MalformedError as error:
                raise _refused(f"line {number}: {error}") from error


def _parse_signer(line: str) -> AllowedSigner:
    words = _first_words(line)
    if len(words) < 3:  # noqa: PLR2004  # principals, key type, key
        raise _refused("expected principals, options, a key type and a key")
    principals = tuple(words[0].replace('"', "").split(","))
    if not all(principals):
        raise _refused("an empty principal")
    if _KEY_TYPES.fullmatch(words[1]):
        options, rest = "", words[1:]
    else:
        options, rest = words[1], words[2:]
    if len(rest) < 2 or not _KEY_TYPES.fullmatch(rest[0]):  # noqa: PLR2004  # key type, key
        raise _refused("expected a key type and a key after the options")
    return _with_options(
        options,
        AllowedSigner(principals, rest[0], _parse_base64(rest[1]) if rest[0] == KEY_TYPE else None),
    )


def _first_words(line: str) -> list[str]:
    """Return the words before the comment: at most principals, options, key type and key."""
    words: list[str] = []
    at = 0
    while at < len(line) and len(words) < _WORDS:
        match = _WORD.match(line, at)
        if match is None:
            raise _refused("a quote that is not closed")
        words.append(match[1])
        at = match.end()
    return words


def _with_options(options: str, signer: AllowedSigner) -> AllowedSigner:
    namespaces: tuple[str, ...] | None = None
    times: dict[str, datetime] = {}
    cert_authority = False
    at = 0
    while at < len(options):
        match = _OPTION.match(options, at)
        if match is None:
            raise _refused(f"options that cannot be read: {options!r}")
        at = match.end()
        name, value = match[1].lower(), match[2]
        if name == "cert-authority" and value is None:
            cert_authority = True
        elif name == "namespaces" and value and namespaces is None:
            namespaces = tuple(value.split(","))
        elif name in {"valid-after", "valid-before"} and value and name not in times:
            times[name] = _parse_time(value)
        else:
            raise _refused(f"an option that is unknown, empty or given twice: {match[0]!r}")
    return AllowedSigner(
        signer.principals,
        signer.key_type,
        signer.key,
        namespaces,
        times.get("valid-after"),
        times.get("valid-before"),
        cert_authority,
    )


def _parse_time(text: str) -> datetime:
    """Read ``YYYYMMDD[HHMM[SS]][Z]``."""
    digits = text.removesuffix("Z")
    form = _TIME_FORMS.get(len(digits))
    if form is None or not (digits.isascii() and digits.isdecimal()):
        raise _refused(f"not a time: {text!r}")
    try:
        return datetime.strptime(digits, form).replace(tzinfo=UTC)
    except ValueError as error:
        raise _refused(f"not a time: {text!r}") from error


def _unreadable(message: str) -> MalformedError:
    return MalformedError(Code.KEY_UNREADABLE, message)


def _refused(message: str) -> MalformedError:
    return MalformedError(Code.ALLOWED_SIGNERS_MALFORMED, message)
