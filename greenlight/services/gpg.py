"""The door to GnuPG: detached signatures, made by the user's own gpg, verified by a stranger to it.

Verifying takes a file of public keys and a home that exists for this one question, so that
what the user's own keyring happens to hold, and whom it happens to trust, decides nothing.
gpg is asked at a time that is given, and only its status lines are read (doc/DETAILS of
GnuPG); what they do not clearly say is no.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from greenlight.codes import Code
from greenlight.errors import MalformedError, RefusedError, StoreError
from greenlight.execution.process import run_process
from greenlight.execution.steps import DEFAULT_ENVIRONMENT, StepResult
from greenlight.model.finding import Finding
from greenlight.primitives.limits import KIB, MIB
from greenlight.primitives.text import escape
from greenlight.verify.baseline import (
    key_expired,
    key_revoked,
    not_trusted,
    signature_bad,
    signer_unknown,
)

MAX_ARMOUR_BYTES: Final = 64 * KIB  # an RSA 4096 signature is under 1 KiB
MAX_KEYRING_BYTES: Final = 4 * MIB  # some hundred keys with their signatures
SECONDS: Final = 30  # to verify
SIGNING_SECONDS: Final = 120  # a person may be asked for a passphrase
_OUTPUT_BYTES: Final = 4 * MIB
_STATUS: Final = re.compile(r"\[GNUPG:\] ([A-Z_]+) ?(.*)")
_BINARY: Final = "00"  # signature class: over the bytes, not over lines (RFC 9580 5.2.1)
_FINGERPRINT: Final = re.compile(r"[0-9A-F]{40}|[0-9A-F]{64}")
_NO_KEY: Final = "9"  # last field of ERRSIG


@dataclass(frozen=True, slots=True)
class GpgSignature:
    """What gpg made.

    Attributes:
        armoured: The detached signature.
        fingerprint: Of the key, or subkey, that made it.
    """

    armoured: bytes
    fingerprint: str


def sign(data: bytes, signer: str, variables: Mapping[str, str]) -> GpgSignature:
    """Sign bytes with the user's own gpg, as ``gpg --armor --detach-sign --local-user SIGNER``.

    Args:
        data: What is signed.
        signer: Mail address, name or fingerprint.
        variables: The user's environment: GNUPGHOME, GPG_TTY, an agent.

    Raises:
        StoreError: TOOL_MISSING: there is no gpg.
        RefusedError: GPG_FAILED: it did not sign.
    """
    words = ("--armor", "--detach-sign", "--digest-algo", "SHA512", "--local-user", signer)
    done = _gpg(("--status-fd", "2", *words, "--output", "-"), variables, SIGNING_SECONDS, data)
    created = [rest.split() for name, rest in _status(done.stderr) if name == "SIG_CREATED"]
    if done.exit_code != 0 or len(created) != 1 or not _FINGERPRINT.fullmatch(created[0][-1]):
        raise RefusedError(
            Code.GPG_FAILED,
            f"gpg did not sign as {escape(signer)}: {_why(done)}",
            hint="gpg --list-secret-keys; an agent may need GPG_TTY=$(tty)",
        )
    return GpgSignature(done.stdout, created[0][-1])


def claimed_by(data: bytes, armoured: bytes) -> str:
    """Return the key id of 16 digits that a signature says it is by; empty where it says none."""
    with tempfile.TemporaryDirectory(prefix="greenlight-") as home:
        lines = _status(_verify(Path(home), data, armoured, ()).stdout)
    found = [rest.split() for name, rest in lines if name in ("ERRSIG", "NO_PUBKEY")]
    return found[0][0] if found and found[0] else ""


def verify(
    data: bytes, armoured: bytes, keyring: bytes | None, *, signer: str, at: datetime
) -> tuple[str, list[Finding]]:
    """Check a detached signature.

    Args:
        data: What was signed.
        armoured: The signature.
        keyring: Public keys, as ``gpg --export`` writes them; None where none were given.
        signer: Who must have signed: a mail address, user id or fingerprint; empty for anybody.
        at: Now.

    Returns:
        Who signed, for people; what is wrong.

    Raises:
        StoreError: TOOL_MISSING.
        MalformedError: GPG_FAILED: the keyring holds no keys.
    """
    if len(armoured) > MAX_ARMOUR_BYTES:
        return "", [signature_bad(f"{len(armoured)} bytes, at most {MAX_ARMOUR_BYTES} are read")]
    if keyring is None:
        return "", [signer_unknown(f"GPG key {claimed_by(data, armoured) or 'unknown'}")]
    with tempfile.TemporaryDirectory(prefix="greenlight-") as folder:
        home = Path(folder)
        when = ("--faked-system-time", f"{int(at.timestamp())}!")
        _import(home, keyring, when)
        lines = _status(_verify(home, data, armoured, when).stdout)
        who, findings = _judge(lines)
        if not findings and signer and not _is_of(home, who, signer, when):
            findings = [not_trusted(f"a key of {signer}", f"GPG key {who}")]
    return f"GPG key {who}" if who else "", findings


def _judge(lines: Sequence[tuple[str, str]]) -> tuple[str, list[Finding]]:
    """Return the fingerprint of the primary key that signed, and what is wrong."""
    said = {name: rest.split() for name, rest in lines}
    valid = said.get("VALIDSIG", [])
    who = valid[-1] if valid and _FINGERPRINT.fullmatch(valid[-1]) else ""
    shown = f"GPG key {who or (said.get('ERRSIG') or ['unknown'])[0]}"
    count = sum(name == "NEWSIG" for name, _ in lines)
    finding = None
    if count != 1:
        finding = signature_bad(f"gpg finds {count} signatures, not one")
    elif "BADSIG" in said:
        finding = signature_bad("gpg says BADSIG: it is one over other bytes")
    elif "REVKEYSIG" in said:
        finding = key_revoked(shown, "in the keyring")
    elif "EXPKEYSIG" in said or "EXPSIG" in said:
        finding = key_expired(shown, "and gpg says that its time, or the signature's, is over")
    elif said.get("ERRSIG", [])[5:6] == [_NO_KEY]:
        finding = not_trusted("a key of the keyring", shown)
    elif "ERRSIG" in said or "GOODSIG" not in said or not who:
        finding = signature_bad("gpg does not say that it is good")
    elif valid[8:9] != [_BINARY]:
        finding = signature_bad(f"one of class {valid[8]}, not over the bytes as they are")
    return who, [] if finding is None else [finding]


def _import(home: Path, keyring: bytes, when: tuple[str, ...]) -> None:
    done = _gpg((*when, "--status-fd", "1", "--import"), _environment(home), SECONDS, keyring)
    results = [rest.split() for name, rest in _status(done.stdout) if name == "IMPORT_RES"]
    if len(results) != 1 or results[0][:1] == ["0"]:
        raise MalformedError(
            Code.GPG_FAILED,
            f"the keyring holds no public keys: {_why(done)}",
            hint="gpg --armor --export WHO > keys.asc",
        )


def _verify(home: Path, data: bytes, armoured: bytes, when: tuple[str, ...]) -> StepResult:
    signature, signed = home / "signature.asc", home / "signed"
    signature.write_bytes(armoured)
    signed.write_bytes(data)
    words = (*when, "--status-fd", "1", "--trust-model", "always", "--weak-digest", "SHA1")
    more = ("--no-auto-key-retrieve", "--verify", str(signature), str(signed))
    return _gpg((*words, *more), _environment(home), SECONDS)


def _is_of(home: Path, fingerprint: str, signer: str, when: tuple[str, ...]) -> bool:
    """Report whether a key has a valid user id that is, or has the mail address, ``signer``."""
    if signer.replace(" ", "").upper() == fingerprint:
        return True
    words = (*when, "--with-colons", "--fixed-list-mode", "--list-keys", fingerprint)
    done = _gpg(words, _environment(home), SECONDS)
    for line in done.stdout.decode("utf-8", "replace").splitlines():
        fields = line.split(":")
        if fields[0] == "uid" and fields[1] not in ("r", "e", "i"):
            name = re.sub(r"\\x([0-9a-f]{2})", lambda m: chr(int(m[1], 16)), fields[9])
            if name == signer or name.endswith(f"<{signer}>"):
                return True
    return False


def _environment(home: Path) -> dict[str, str]:
    return {**DEFAULT_ENVIRONMENT, "HOME": str(home), "GNUPGHOME": str(home), "LC_ALL": "C"}


def _gpg(
    words: Sequence[str], variables: Mapping[str, str], seconds: int, data: bytes = b""
) -> StepResult:
    """Run gpg; standard input is ``data``.

    Raises:
        StoreError: TOOL_MISSING; IO_FAILED.
    """
    with tempfile.TemporaryFile() as stdin:
        stdin.write(data)
        stdin.seek(0)
        done = run_process(
            ("gpg", "--batch", "--no-tty", *words),
            cwd=Path("/"),
            env={**variables, "LC_ALL": "C"},
            timeout_seconds=seconds,
            max_output_bytes=_OUTPUT_BYTES,
            stdin=stdin,
        )
    if done.not_found:
        raise StoreError(Code.TOOL_MISSING, "gpg is not installed", hint="apt install gnupg")
    return done


def _status(output: bytes) -> list[tuple[str, str]]:
    lines = output.decode("utf-8", "replace").splitlines()
    return [(match[1], match[2]) for match in map(_STATUS.fullmatch, lines) if match]


def _why(done: StepResult) -> str:
    if done.timed_out:
        return "no answer in time"
    lines = done.stderr.decode("utf-8", "replace").splitlines()
    said = [line for line in lines if line.startswith("gpg: ")]
    return escape(said[-1].removeprefix("gpg: ")[:200]) if said else f"exit code {done.exit_code}"
