"""OpenSSH itself reads what greenlight writes, and greenlight what OpenSSH writes."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import sshsig as other_sshsig
from sshsig.ssh_public_key import PublicKey as OtherPublicKey

from greenlight.codes import Code
from greenlight.errors import MalformedError
from greenlight.primitives import sshsig
from greenlight.primitives.ed25519 import SeedSigner
from greenlight.primitives.openssh import format_public, parse_allowed_signers, parse_public
from greenlight.primitives.openssh_private import format_private, parse_private
from tests.tools import need

SIGNER = SeedSigner(bytes(range(32)))
MESSAGE = b"tree 0\nauthor me\n\nsubject\n"
PASSPHRASE = b"correct horse"


def keygen(*arguments: str, stdin: bytes = b"", timeout_seconds: int = 30) -> str:
    done = subprocess.run(
        [need("ssh-keygen"), *arguments],
        input=stdin,
        capture_output=True,
        check=False,
        timeout=timeout_seconds,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


def store_key(folder: Path, data: bytes) -> str:
    path = folder / "key"
    path.write_bytes(data)
    path.chmod(0o600)
    return str(path)


@pytest.mark.parametrize("passphrase", [None, PASSPHRASE], ids=["plain", "passphrase"])
def test_ssh_keygen_reads_our_key(tmp_path: Path, passphrase: bytes | None) -> None:
    """``ssh-keygen -y`` reads a key file of ours, and finds key and comment in it."""
    path = store_key(tmp_path, format_private(SIGNER.seed, passphrase, "me@host"))
    line = keygen("-y", "-P", (passphrase or b"").decode(), "-f", path)
    assert line == format_public(SIGNER.public, "me@host") + "\n"


@pytest.mark.parametrize("cipher", [None, "aes256-ctr", "aes256-cbc", "aes256-gcm@openssh.com"])
def test_we_read_a_key_of_ssh_keygen(tmp_path: Path, cipher: str | None) -> None:
    """A key file of ssh-keygen is read, with each cipher it commonly uses."""
    path = tmp_path / "key"
    options = ["-Z", cipher, "-N", PASSPHRASE.decode()] if cipher else ["-N", ""]
    keygen("-q", "-t", "ed25519", "-C", "me@host", "-f", str(path), *options)
    signer = parse_private(path.read_bytes(), PASSPHRASE if cipher else None)
    assert parse_public((tmp_path / "key.pub").read_text()) == (signer.public, "me@host")
    if cipher:
        for wrong in (None, b"wrong"):
            with pytest.raises(MalformedError) as raised:
                parse_private(path.read_bytes(), wrong)
            assert raised.value.code is Code.KEY_PASSPHRASE


@pytest.mark.parametrize(
    ("kind", "passphrase"), [("rsa", ""), ("ecdsa", ""), ("ecdsa", "secret"), ("rsa-pem", "")]
)
def test_other_kinds_of_keys_are_unreadable(tmp_path: Path, kind: str, passphrase: str) -> None:
    """RSA and ECDSA keys are refused for what they are, before any passphrase is asked for."""
    path = tmp_path / "key"
    options = ["-b", "2048"] if kind.startswith("rsa") else []
    options += ["-m", "PEM"] if kind == "rsa-pem" else []
    name = kind.removesuffix("-pem")
    keygen("-q", "-t", name, *options, "-N", passphrase, "-f", str(path))
    with pytest.raises(MalformedError) as raised:
        parse_private(path.read_bytes(), None)
    assert raised.value.code is Code.KEY_UNREADABLE


@pytest.mark.parametrize("namespace", ["git", "greenlight"])
@pytest.mark.parametrize("message", [b"", MESSAGE, bytes(range(256)) * 40])
def test_signatures_are_those_of_ssh_keygen(tmp_path: Path, namespace: str, message: bytes) -> None:
    """``ssh-keygen -Y sign`` writes the same bytes."""
    path = store_key(tmp_path, format_private(SIGNER.seed))
    theirs = keygen("-Y", "sign", "-n", namespace, "-f", path, stdin=message)
    assert theirs == sshsig.sign(message, SIGNER, namespace)
    assert sshsig.verify(message, theirs, namespace) == SIGNER.public


def keygen_verify(folder: Path, line: str, namespace: str, message: bytes) -> int:
    (folder / "allowed").write_text(line + "\n")
    (folder / "signature").write_text(sshsig.sign(MESSAGE, SIGNER, "git"))
    command = [
        need("ssh-keygen"), "-Y", "verify", "-n", namespace, "-I", "me@host",
        "-f", str(folder / "allowed"), "-s", str(folder / "signature"),
    ]  # fmt: skip
    return subprocess.run(command, input=message, capture_output=True, check=False).returncode


def test_ssh_keygen_verifies(tmp_path: Path) -> None:
    """``ssh-keygen -Y verify`` accepts our signature, for its namespace and message alone."""
    line = f"me@host {format_public(SIGNER.public)}"
    assert keygen_verify(tmp_path, line, "git", MESSAGE) == 0
    assert keygen_verify(tmp_path, line, "greenlight", MESSAGE) != 0
    assert keygen_verify(tmp_path, line, "git", MESSAGE + b".") != 0


PUBLIC = format_public(SIGNER.public)


@pytest.mark.parametrize(
    "line",
    [
        f"me@host {PUBLIC}",
        f'"me@host,you" {PUBLIC} a comment',
        f'me@host namespaces="git,greenlight" {PUBLIC}',
        f'me@host namespaces="git",valid-after="20200101Z",valid-before="20990101120000Z" {PUBLIC}',
        f"# somebody\n\nme@host {PUBLIC}",
    ],
)
def test_lines_that_both_read(tmp_path: Path, line: str) -> None:
    """Lines that ssh-keygen verifies by give us the same key."""
    assert keygen_verify(tmp_path, line, "git", MESSAGE) == 0
    assert [signer.key for signer in parse_allowed_signers(line + "\n")] == [SIGNER.public]


@pytest.mark.parametrize(
    "line",
    [
        f"me@host no-such-option {PUBLIC}",
        f'me@host namespaces="git {PUBLIC}',
        f'me@host valid-after="2020" {PUBLIC}',
        "me@host ssh-ed25519 AAAA",
    ],
)
def test_lines_that_neither_reads(tmp_path: Path, line: str) -> None:
    """Lines that ssh-keygen cannot read are refused here too."""
    assert keygen_verify(tmp_path, line, "git", MESSAGE) != 0
    with pytest.raises(MalformedError):
        parse_allowed_signers(line + "\n")


def test_the_package_sshsig_agrees() -> None:
    """The Python package sshsig accepts our signature and refuses a changed one."""
    key = OtherPublicKey.from_openssh_str(format_public(SIGNER.public))
    armoured = sshsig.sign(MESSAGE, SIGNER)
    assert other_sshsig.verify(MESSAGE, armoured, [key]) == key
    with pytest.raises(other_sshsig.InvalidSignature):
        other_sshsig.verify(MESSAGE + b".", armoured, [key])
    with pytest.raises(other_sshsig.InvalidSignature):
        other_sshsig.verify(MESSAGE, armoured, [key], namespace="greenlight")
