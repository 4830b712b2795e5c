"""Is the seal a seal?  Pure: the files of ``seal/`` in, findings out.

The steps, in this order, each reporting what it can even where an earlier one objected:

1. Exactly the four files of the format are there.
2. ``SHA256SUMS`` is what the other three give.
3. ``statement.cbor`` is a statement, of a version that is known.
4. ``signer.pub`` is one Ed25519 key in its one spelling.
5. ``seal.cose`` is a detached COSE_Sign1 of the profile.
6. One key: kid and issuer of the seal, executor of the statement, ``signer.pub``.
7. The seal's subject is the statement's packet tree.
8. The signature verifies over the very bytes that step 3 parsed.

Not here: whether the packet's bytes give the tree (``verify.packet``), and whether the key
is anybody's whom the reader trusts (``verify.signer``).  Without that a seal says only
that its own key made it.
"""

from __future__ import annotations

from collections.abc import Mapping

from greenlight.codes import Code
from greenlight.errors import MalformedError
from greenlight.model.finding import Finding
from greenlight.model.seal import (
    CONTENT_TYPE,
    SEAL,
    SEAL_FILES,
    SIGNER,
    STATEMENT,
    SUMS,
    format_signer,
    format_sums,
)
from greenlight.model.statement import Statement
from greenlight.primitives import cose, openssh
from greenlight.primitives.ed25519 import PublicKey, format_uri
from greenlight.primitives.limits import MAX_SEAL_BYTES
from greenlight.primitives.text import escape

FOLDER = "seal"


def verify_seal(
    files: Mapping[str, bytes],
) -> tuple[Statement | None, PublicKey | None, list[Finding]]:
    """Check the files of ``seal/``, given by name.

    Returns:
        The statement and the key of ``signer.pub``, each None where it cannot be read, and
        the findings.  Only without findings has that key signed that statement.
    """
    findings = _check_files(files) + _check_sums(files)
    statement = _parse_statement(files, findings)
    key = _parse_signer(files, findings)
    seal = _parse_seal(files, findings)
    if seal is not None:
        findings += _check_one_key(seal, statement, key)
        if statement is not None:
            findings += _check_subject(seal, statement)
        if STATEMENT in files and key is not None:
            findings += _check_signature(seal, key, files[STATEMENT])
    return statement, key, findings


def _where(name: str) -> str:
    return f"{FOLDER}/{name}"


def _check_files(files: Mapping[str, bytes]) -> list[Finding]:
    """Step 1."""
    missing = [
        Finding(Code.SEAL_FILE_MISSING, _where(name), "a file", "none")
        for name in SEAL_FILES
        if name not in files
    ]
    extra = [
        Finding(Code.SEAL_FILE_EXTRA, _where(escape(name)), "no such file", "a file")
        for name in sorted(set(files) - set(SEAL_FILES))
    ]
    return missing + extra


def _check_sums(files: Mapping[str, bytes]) -> list[Finding]:
    """Step 2.  Nothing rests on the sums: they let ``sha256sum -c`` notice bit rot."""
    if SUMS not in files:
        return []
    named = {name: files[name] for name in SEAL_FILES if name != SUMS and name in files}
    if files[SUMS] == format_sums(named):
        return []
    found = files[SUMS].splitlines(keepends=True)
    differing = [name for name in named if format_sums({name: named[name]}) not in found]
    return [
        Finding(
            Code.SEAL_SUMS_MISMATCH,
            _where(SUMS),
            "the SHA-256 sums of the other three files, sorted by name",
            f"other sums for {', '.join(differing)}" if differing else "other lines",
        )
    ]


def _parse_statement(files: Mapping[str, bytes], findings: list[Finding]) -> Statement | None:
    """Step 3."""
    if STATEMENT not in files:
        return None
    try:
        return Statement.decode(files[STATEMENT])
    except MalformedError as error:
        expected = "a statement of format version 1"
        findings.append(Finding(error.code, _where(STATEMENT), expected, escape(str(error))))
        return None


def _parse_signer(files: Mapping[str, bytes], findings: list[Finding]) -> PublicKey | None:
    """Step 4.  What the file must be is said by the key that it holds."""
    if SIGNER not in files:
        return None
    try:
        key, _ = openssh.parse_public(files[SIGNER].decode("ascii"))
    except (MalformedError, UnicodeDecodeError):
        key = None
    if key is not None and files[SIGNER] == format_signer(key):
        return key
    findings.append(
        Finding(
            Code.SEAL_KEY_MISMATCH,
            _where(SIGNER),
            "one line with an ssh-ed25519 key and no comment",
            "something else",
        )
    )
    return None


def _parse_seal(files: Mapping[str, bytes], findings: list[Finding]) -> cose.Sign1 | None:
    """Step 5."""
    if SEAL not in files:
        return None
    try:
        seal = cose.parse_sign1(files[SEAL], CONTENT_TYPE, max_bytes=MAX_SEAL_BYTES)
    except MalformedError as error:
        findings.append(
            Finding(error.code, _where(SEAL), "a detached COSE_Sign1", escape(str(error)))
        )
        return None
    if seal.payload is not None:
        findings.append(
            Finding(Code.SEAL_MALFORMED, _where(SEAL), "a detached payload", "a payload inside")
        )
        return None
    return seal


def _check_one_key(
    seal: cose.Sign1, statement: Statement | None, key: PublicKey | None
) -> list[Finding]:
    """Step 6.  The kid decides which key the seal names; the others must be that key."""
    expected = format_uri(seal.kid)
    named = {f"{_where(SEAL)}#iss": seal.issuer}
    if statement is not None:
        named[f"{_where(STATEMENT)}#11"] = statement.executor
    if key is not None:
        named[_where(SIGNER)] = key.uri
    return [
        Finding(Code.SEAL_KEY_MISMATCH, where, expected, found)
        for where, found in named.items()
        if found != expected
    ]


def _check_subject(seal: cose.Sign1, statement: Statement) -> list[Finding]:
    """Step 7."""
    if seal.subject == statement.subject:
        return []
    return [
        Finding(
            Code.SEAL_MALFORMED,
            f"{_where(SEAL)}#sub",
            statement.subject,
            escape(seal.subject),
        )
    ]


def _check_signature(seal: cose.Sign1, key: PublicKey, statement: bytes) -> list[Finding]:
    """Step 8."""
    if cose.verify_sign1(seal, key, statement):
        return []
    return [
        Finding(
            Code.SEAL_SIGNATURE_INVALID,
            _where(SEAL),
            f"a signature by {key.uri} over statement.cbor",
            "one that does not verify",
        )
    ]
