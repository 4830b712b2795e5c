"""Signatures under a baseline: others' programs read ours, and we read theirs."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from greenlight.codes import Code
from greenlight.errors import GreenlightError, StoreError
from greenlight.model.baseline import encode_baseline
from greenlight.primitives.ed25519 import SeedSigner
from greenlight.primitives.openssh import format_public, parse_allowed_signers
from greenlight.services import gpg
from greenlight.services.baseline_signing import sign_with_gpg, sign_with_ssh
from greenlight.services.baselines import (
    BaselineVerdict,
    Trusting,
    Where,
    verify_baseline,
    verify_for_audit,
)
from greenlight.services.keys import new_key
from greenlight.verify.baseline import NAMESPACE, BaselineTrust
from tests.tools import need
from tools.vectors.baseline import GOOD, LEAD, STRANGER, line

WHO = "sre-lead@example.com"
LATER = datetime(2090, 1, 1, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A baseline that nobody signed."""
    made = tmp_path / "baselines" / "metrics_baseline_v1.json"
    made.parent.mkdir()
    made.write_bytes(encode_baseline(GOOD))
    return made


def now() -> datetime:
    return datetime.now(UTC)


def verified(path: Path, trusting: Trusting, at: datetime | None = None) -> BaselineVerdict:
    return verify_baseline(Where(path), trusting, now=at or now())


def codes(verdict: BaselineVerdict) -> list[Code]:
    return [finding.code for finding in verdict.findings]


def code_of(act: object, *words: object, **more: object) -> Code:
    with pytest.raises(GreenlightError) as raised:
        act(*words, **more)  # type: ignore[operator]
    return raised.value.code


# --- OpenSSH


def test_ssh_keygen_verifies_what_is_signed(path: Path, tmp_path: Path) -> None:
    """By the line of an allowed_signers file, for this namespace and no other."""
    signed = sign_with_ssh(path, LEAD)
    assert signed.path == path.with_name(f"{path.name}.sig")
    signers = tmp_path / "allowed_signers"
    signers.write_text(line(f'namespaces="{NAMESPACE}"'))

    def check(namespace: str, data: bytes) -> int:
        words = ["-Y", "verify", "-f", signers, "-I", WHO, "-n", namespace, "-s", signed.path]
        return subprocess.run(
            [need("ssh-keygen"), *words], input=data, capture_output=True, check=False
        ).returncode

    assert check(NAMESPACE, path.read_bytes()) == 0
    assert check("git", path.read_bytes()) != 0
    assert check(NAMESPACE, path.read_bytes() + b" ") != 0


def test_what_ssh_keygen_signs_is_accepted(path: Path, tmp_path: Path) -> None:
    """Byte for byte what greenlight writes."""
    key = new_key(tmp_path / "key", seed=LEAD.seed, comment="lead")
    words = ["-q", "-Y", "sign", "-f", key.path, "-n", NAMESPACE, path]
    subprocess.run([need("ssh-keygen"), *words], check=True, capture_output=True)
    theirs = path.with_name(f"{path.name}.sig")
    data = theirs.read_bytes()
    assert verified(path, Trusting(BaselineTrust((LEAD.public,)))).ok
    theirs.unlink()
    sign_with_ssh(path, LEAD)
    assert theirs.read_bytes() == data


def test_somebody_else_s_signature_is_never_overwritten_silently(path: Path) -> None:
    """One's own is, and on demand any other."""
    signed = sign_with_ssh(path, LEAD)
    first = signed.path.read_bytes()
    assert code_of(sign_with_ssh, path, STRANGER) is Code.BASELINE_SIGNED_BY_OTHER
    assert signed.path.read_bytes() == first
    path.write_bytes(encode_baseline(replace(GOOD, runs=7)))
    assert codes(verified(path, Trusting(BaselineTrust((LEAD.public,))))) == [
        Code.BASELINE_SIGNATURE_BAD
    ]
    sign_with_ssh(path, LEAD)  # the old one was one's own, though over other bytes
    assert verified(path, Trusting(BaselineTrust((LEAD.public,)))).ok
    assert sign_with_ssh(path, STRANGER, replace=True).signer == format_public(STRANGER.public)
    signed.path.write_bytes(b"what nobody can read")
    assert code_of(sign_with_ssh, path, LEAD) is Code.BASELINE_SIGNED_BY_OTHER


def test_what_is_no_baseline_is_not_signed(path: Path) -> None:
    """Nor one in another spelling: its signature would be over what nobody reads."""
    path.write_bytes(path.read_bytes() + b"\n")
    assert code_of(sign_with_ssh, path, LEAD) is Code.BASELINE_MALFORMED
    path.unlink()
    assert code_of(sign_with_ssh, path, LEAD) is Code.BASELINE_MISSING
    assert list(path.parent.iterdir()) == []


# --- GPG


@dataclass(frozen=True)
class Keyring:
    """A home of gpg with one key."""

    home: Path
    fingerprint: str

    @property
    def env(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "HOME": str(self.home), "GNUPGHOME": str(self.home)}

    def run(self, *words: str | Path, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        argv = [need("gpg"), "--batch", "--no-tty", "--yes", *map(str, words)]
        return subprocess.run(argv, env=self.env, input=data, capture_output=True, check=False)

    def export(self) -> bytes:
        return self.run("--armor", "--export", self.fingerprint).stdout


def made_key(user: str, *, expires: str = "0", algorithm: str = "ed25519") -> Keyring:
    home = Path(tempfile.mkdtemp(prefix="gl-gpg-"))  # short: a socket lies in it
    ring = Keyring(home, "")
    made = ring.run(
        "--passphrase", "", "--status-fd", "1", "--quick-gen-key", user, algorithm, "sign", expires
    )
    assert made.returncode == 0, made.stderr
    words = made.stdout.decode().partition("KEY_CREATED ")[2].split()
    return Keyring(home, words[1])


def removed(ring: Keyring) -> None:
    subprocess.run([need("gpgconf"), "--kill", "all"], env=ring.env, check=False)
    shutil.rmtree(ring.home, ignore_errors=True)


@pytest.fixture(scope="module")
def lead() -> Iterator[Keyring]:
    need("gpg")
    ring = made_key(f"SRE Lead <{WHO}>")
    yield ring
    removed(ring)


@pytest.fixture(scope="module")
def other() -> Iterator[Keyring]:
    need("gpg")
    ring = made_key("Somebody <somebody@example.com>")
    yield ring
    removed(ring)


def by_gpg(keyring: bytes | None, signer: str = "") -> Trusting:
    return Trusting(BaselineTrust(signer=signer), keyring, "the keyring")


def test_gpg_verifies_what_is_signed(path: Path, lead: Keyring) -> None:
    """As 000 says: a detached signature in armour, by the key of the mail address."""
    signed = sign_with_gpg(path, WHO, lead.env)
    assert signed.path == path.with_name(f"{path.name}.asc")
    assert signed.path.read_bytes().startswith(b"-----BEGIN PGP SIGNATURE-----\n")
    assert signed.signer == f"GPG key {lead.fingerprint}"
    assert lead.run("--verify", signed.path, path).returncode == 0
    path.write_bytes(path.read_bytes() + b" ")
    assert lead.run("--verify", signed.path, path).returncode != 0


def test_what_gpg_signs_is_accepted(path: Path, lead: Keyring) -> None:
    """The very command of 000:361."""
    target = path.with_name(f"{path.name}.asc")
    done = lead.run("--armor", "--output", target, "--detach-sign", path)
    assert done.returncode == 0, done.stderr
    verdict = verified(path, by_gpg(lead.export()))
    assert (verdict.ok, verdict.signer) == (True, f"GPG key {lead.fingerprint}")
    for who in (WHO, f"SRE Lead <{WHO}>", lead.fingerprint):
        assert verified(path, by_gpg(lead.export(), who)).ok
    binary = lead.run("--export", lead.fingerprint).stdout
    assert verified(path, by_gpg(binary)).ok


def test_a_stranger_of_gpg_is_one(path: Path, lead: Keyring, other: Keyring) -> None:
    """Not in the keyring, in it under another name, or no keyring at all."""
    sign_with_gpg(path, "somebody@example.com", other.env)
    assert codes(verified(path, by_gpg(lead.export()))) == [Code.BASELINE_SIGNER_NOT_TRUSTED]
    both = lead.export() + other.export()
    assert verified(path, by_gpg(both)).ok
    for who in (WHO, "example.com", "somebody", "body@example.com", lead.fingerprint):
        assert codes(verified(path, by_gpg(both, who))) == [Code.BASELINE_SIGNER_NOT_TRUSTED]
    none = verified(path, by_gpg(None))
    assert codes(none) == [Code.BASELINE_SIGNER_UNKNOWN]
    assert other.fingerprint[-16:] in str(none.findings[0])


def test_the_user_s_own_keyring_decides_nothing(
    path: Path, lead: Keyring, other: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it holds the very key, and calls it ultimately trusted."""
    sign_with_gpg(path, WHO, lead.env)
    monkeypatch.setenv("GNUPGHOME", str(lead.home))
    monkeypatch.setenv("HOME", str(lead.home))
    assert codes(verified(path, by_gpg(other.export()))) == [Code.BASELINE_SIGNER_NOT_TRUSTED]


@pytest.mark.parametrize("where", ["baseline", "signature"])
def test_what_was_edited_is_found(path: Path, lead: Keyring, where: str) -> None:
    signed = sign_with_gpg(path, WHO, lead.env)
    if where == "baseline":
        path.write_bytes(encode_baseline(replace(GOOD, runs=7)))
    else:
        lines = signed.path.read_text().splitlines()
        at = next(n for n, text in enumerate(lines) if n > 1 and len(text) > 40)
        lines[at] = lines[at].swapcase()
        signed.path.write_text("\n".join(lines) + "\n")
    assert codes(verified(path, by_gpg(lead.export()))) == [Code.BASELINE_SIGNATURE_BAD]


@pytest.mark.parametrize("kind", ["clear", "inline", "text", "two", "empty", "html", "public key"])
def test_other_things_of_gpg_are_no_signature(
    path: Path, lead: Keyring, other: Keyring, kind: str
) -> None:
    """A message in the clear, one that holds what it signs, one over lines, two in one."""
    target = path.with_name(f"{path.name}.asc")
    made = {
        "clear": lambda: lead.run("--clear-sign", "--output", "-", path).stdout,
        "inline": lambda: lead.run("--armor", "--sign", "--output", "-", path).stdout,
        "text": lambda: (
            lead.run("--armor", "--textmode", "--detach-sign", "--output", "-", path).stdout
        ),
        "two": lambda: (
            lead.run("--detach-sign", "--output", "-", path).stdout
            + other.run("--detach-sign", "--output", "-", path).stdout
        ),
        "empty": lambda: b"",
        "html": lambda: b"<html>not found</html>",
        "public key": lead.export,
    }[kind]()
    target.write_bytes(made)
    keyring = lead.export() + other.export()
    assert codes(verified(path, by_gpg(keyring))) == [Code.BASELINE_SIGNATURE_BAD]


def test_a_gpg_key_that_is_over_counts_no_more(path: Path) -> None:
    """At the time that is asked about, and not a day before."""
    ring = made_key(f"Late <{WHO}>", expires="5d")
    try:
        sign_with_gpg(path, WHO, ring.env)
        keyring = ring.export()
    finally:
        removed(ring)
    assert verified(path, by_gpg(keyring), now() + timedelta(days=4)).ok
    late = verified(path, by_gpg(keyring), now() + timedelta(days=6))
    assert codes(late) == [Code.BASELINE_KEY_EXPIRED]


def test_a_gpg_key_that_was_revoked_counts_no_more(path: Path) -> None:
    """Where the keyring says so; whenever it signed."""
    ring = made_key(f"Lost <{WHO}>")
    try:
        sign_with_gpg(path, WHO, ring.env)
        assert verified(path, by_gpg(ring.export())).ok
        file = ring.home / "openpgp-revocs.d" / f"{ring.fingerprint}.rev"
        revocation = file.read_text().replace("\n:-----BEGIN", "\n-----BEGIN")
        assert ring.run("--import", data=revocation.encode()).returncode == 0
        keyring = ring.export()
    finally:
        removed(ring)
    assert codes(verified(path, by_gpg(keyring))) == [Code.BASELINE_KEY_REVOKED]


def test_a_signature_by_sha_1_is_none(path: Path) -> None:
    """Collisions are for sale: a rogue one could be over another baseline."""
    ring = made_key(f"Old <{WHO}>", algorithm="rsa2048")
    try:
        target = path.with_name(f"{path.name}.asc")
        ring.run("--armor", "--digest-algo", "SHA1", "--output", target, "--detach-sign", path)
        assert target.is_file()
        keyring = ring.export()
    finally:
        removed(ring)
    assert codes(verified(path, by_gpg(keyring))) == [Code.BASELINE_SIGNATURE_BAD]


def test_gpg_s_refusals_are_one_line(path: Path, lead: Keyring, tmp_path: Path) -> None:
    """Nobody of that name, no keyring, no gpg."""
    assert code_of(sign_with_gpg, path, "nobody@example.com", lead.env) is Code.GPG_FAILED
    assert not path.with_name(f"{path.name}.asc").exists()
    sign_with_gpg(path, WHO, lead.env)
    for keyring in (b"", b"no keys", path.read_bytes()):
        assert code_of(verified, path, by_gpg(keyring)) is Code.GPG_FAILED
    with pytest.raises(StoreError) as raised:
        gpg.sign(b"data", WHO, {"PATH": str(tmp_path)})
    assert raised.value.code is Code.TOOL_MISSING


def test_somebody_else_s_gpg_signature_stays(path: Path, lead: Keyring, other: Keyring) -> None:
    signed = sign_with_gpg(path, WHO, lead.env)
    first = signed.path.read_bytes()
    words = (path, "somebody@example.com", other.env)
    assert code_of(sign_with_gpg, *words) is Code.BASELINE_SIGNED_BY_OTHER
    assert signed.path.read_bytes() == first
    path.write_bytes(encode_baseline(replace(GOOD, runs=7)))
    sign_with_gpg(path, WHO, lead.env)  # one's own, over other bytes
    sign_with_gpg(*words, replace=True)
    assert verified(path, by_gpg(other.export())).ok


def test_an_enormous_signature_is_not_read(path: Path) -> None:
    """Nor handed to gpg."""
    path.with_name(f"{path.name}.asc").write_bytes(b"x" * (gpg.MAX_ARMOUR_BYTES + 1))
    assert code_of(verified, path, by_gpg(None)) is Code.BASELINE_MALFORMED
    path.with_name(f"{path.name}.asc").unlink()
    path.with_name(f"{path.name}.sig").write_bytes(b"x" * 100_000)
    audited = verify_for_audit(Where(path), Trusting(), current=None, how=None, clock=now)
    assert audited.status == "malformed_baseline"


# --- both


def test_one_trusted_signature_is_enough_and_a_bad_one_is_too_much(
    path: Path, lead: Keyring
) -> None:
    """A stranger's beside it changes nothing; one over other bytes says what was edited."""
    sign_with_gpg(path, WHO, lead.env)
    sign_with_ssh(path, STRANGER)
    trusted = by_gpg(lead.export())
    assert verified(path, trusted).ok
    neither = Trusting(BaselineTrust((SeedSigner(b"\x44" * 32).public,)))
    assert codes(verified(path, neither)) == [
        Code.BASELINE_SIGNER_NOT_TRUSTED, Code.BASELINE_SIGNER_UNKNOWN,
    ]  # fmt: skip
    path.write_bytes(encode_baseline(replace(GOOD, runs=7)))
    sign_with_gpg(path, WHO, lead.env)
    assert codes(verified(path, trusted)) == [Code.BASELINE_SIGNATURE_BAD]


def test_a_line_by_name_and_time_is_asked_at_this_time(path: Path) -> None:
    """What ssh-keygen says of the line at that time too."""
    sign_with_ssh(path, LEAD)
    signers = parse_allowed_signers(line('valid-before="20800101Z"'))
    trusting = Trusting(BaselineTrust(signers, signer=WHO))
    assert verified(path, trusting).ok
    assert codes(verified(path, trusting, LATER)) == [Code.BASELINE_KEY_EXPIRED]
