"""Other people's software reads a seal, accepts it, and refuses a broken one."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
import scitt_cose
from scitt_cose import CoseError

from greenlight.model.seal import CONTENT_TYPE, SEAL_FILES, format_sums
from greenlight.primitives import cose
from tests.conformance.seal_files import BROKEN_SEALS, FILES, PEM, SIGNER, write
from tests.model.test_statement import GOOD
from tests.tools import need

STATEMENT = FILES["statement.cbor"]
OTHER_STATEMENT = STATEMENT[:-1] + b"\2"


def test_scitt_cose_accepts() -> None:
    """scitt-cose verifies the detached seal and reads the headers as they are meant."""
    message = scitt_cose.verify_sign1(
        FILES["seal.cose"], public_key_pem=PEM, detached_payload=STATEMENT
    )
    assert message.payload == STATEMENT
    assert message.unprotected == {}
    assert message.protected == {
        1: -8,
        3: CONTENT_TYPE,
        4: SIGNER.public.thumbprint,
        15: {1: SIGNER.public.uri, 2: GOOD.subject},
    }


@pytest.mark.parametrize("seal", BROKEN_SEALS.values(), ids=BROKEN_SEALS.keys())
def test_scitt_cose_refuses(seal: bytes) -> None:
    """scitt-cose refuses the seals that greenlight refuses."""
    with pytest.raises(CoseError):
        scitt_cose.verify_sign1(seal, public_key_pem=PEM, detached_payload=STATEMENT)


def test_scitt_cose_refuses_another_statement() -> None:
    """scitt-cose refuses the seal beside another statement."""
    with pytest.raises(CoseError):
        scitt_cose.verify_sign1(
            FILES["seal.cose"], public_key_pem=PEM, detached_payload=OTHER_STATEMENT
        )


def test_attached_it_is_a_scitt_signed_statement() -> None:
    """With its payload inside, the message is a signed statement with issuer and subject."""
    data = cose.sign1(
        STATEMENT, SIGNER, content_type=CONTENT_TYPE, subject=GOOD.subject, detached=False
    )
    statement = scitt_cose.parse_signed_statement(data, public_key_pem=PEM)
    assert statement["issuer"] == SIGNER.public.uri
    assert statement["subject"] == GOOD.subject
    assert statement["content_type"] == CONTENT_TYPE


CWT_SCRIPT = """
import sys
from pathlib import Path
from cwt import COSE, COSEKey, CWTError
folder = Path(sys.argv[1])
key = COSEKey.from_pem((folder / "signer.pem").read_bytes(), kid=(folder / "kid").read_bytes())
try:
    COSE.new(verify_kid=True).decode(
        (folder / "seal.cose").read_bytes(),
        key,
        detached_payload=(folder / "statement.cbor").read_bytes(),
    )
except (CWTError, ValueError) as error:
    sys.exit(f"refused: {error}")
"""


def run_cwt(folder: Path, files: dict[str, bytes]) -> subprocess.CompletedProcess[str]:
    python = os.environ.get("GREENLIGHT_CWT_PYTHON")
    if not python:
        reason = "GREENLIGHT_CWT_PYTHON names no Python that has cwt (it needs an older cbor2)"
        if os.environ.get("GREENLIGHT_REQUIRE_TOOLS") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    write(folder, {**files, "kid": SIGNER.public.thumbprint})
    return subprocess.run(
        [python, "-I", "-c", CWT_SCRIPT, str(folder)], capture_output=True, text=True, check=False
    )


def test_cwt_accepts(tmp_path: Path) -> None:
    """cwt verifies the detached seal by the key that its kid names."""
    done = run_cwt(tmp_path, FILES)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "changes",
    [{"statement.cbor": OTHER_STATEMENT}, *({"seal.cose": seal} for seal in BROKEN_SEALS.values())],
    ids=["statement", *BROKEN_SEALS],
)
def test_cwt_refuses(tmp_path: Path, changes: dict[str, bytes]) -> None:
    """cwt refuses a broken seal, and another statement."""
    done = run_cwt(tmp_path, {**FILES, **changes})
    assert done.returncode == 1
    assert done.stderr.startswith("refused: ")


# What docs/spec/seal.md tells an outsider to type.
SPEC = (Path(__file__).parents[2] / "docs" / "spec" / "seal.md").read_text()
OPENSSL = SPEC.split("```sh\n")[1].split("```")[0]


def run_openssl(folder: Path, files: dict[str, bytes]) -> subprocess.CompletedProcess[str]:
    need("openssl")
    sums = format_sums({name: files[name] for name in SEAL_FILES if name != "SHA256SUMS"})
    return subprocess.run(
        [need("sh"), "-c", OPENSSL],
        cwd=write(folder, {**files, "SHA256SUMS": sums}),
        capture_output=True,
        text=True,
        check=False,
    )


def test_openssl_accepts(tmp_path: Path) -> None:
    """A shell and openssl verify the seal, without any COSE software."""
    done = run_openssl(tmp_path, FILES)
    assert done.returncode == 0, done.stderr
    assert "Verified Successfully" in done.stdout
    rebuilt = (tmp_path / "signed").read_bytes()
    assert rebuilt == cose.sig_structure(FILES["seal.cose"][4:242], STATEMENT)


@pytest.mark.parametrize(
    "changes",
    [{"statement.cbor": OTHER_STATEMENT}, *({"seal.cose": seal} for seal in BROKEN_SEALS.values())],
    ids=["statement", *BROKEN_SEALS],
)
def test_openssl_refuses(tmp_path: Path, changes: dict[str, bytes]) -> None:
    """openssl refuses a broken seal, and another statement."""
    assert run_openssl(tmp_path, {**FILES, **changes}).returncode == 1


@pytest.mark.parametrize("name", FILES)
def test_the_example_of_the_specification(name: str) -> None:
    """The bytes in docs/spec/seal.md are those that are made today."""
    text = SPEC.split(f"<!-- vector: {name} -->\n```\n")[1].split("```")[0]
    binary = name in {"statement.cbor", "seal.cose"}
    assert (bytes.fromhex(text) if binary else text.encode()) == FILES[name]


def test_sha256sum_reads_the_sums(tmp_path: Path) -> None:
    """``sha256sum -c --strict`` reads SHA256SUMS and notices a changed byte."""
    command = [need("sha256sum"), "-c", "--strict", "--quiet", "SHA256SUMS"]
    write(tmp_path, FILES)
    assert subprocess.run(command, cwd=tmp_path, check=False).returncode == 0
    write(tmp_path, {**FILES, "statement.cbor": OTHER_STATEMENT})
    done = subprocess.run(command, cwd=tmp_path, check=False, capture_output=True)
    assert done.returncode == 1


def test_cmp_reads_the_first_75_bytes(tmp_path: Path) -> None:
    """``printf`` and ``cmp`` compare the tree that the statement names."""
    write(tmp_path, FILES)
    script = "printf '\\254\\001\\170\\107sha256:%s' \"$1\" | cmp -n 75 - statement.cbor"
    for tree, expected in ((GOOD.packet_tree, 0), ("0" * 64, 1)):
        done = subprocess.run(
            [need("sh"), "-c", script, "sh", tree], cwd=tmp_path, check=False, capture_output=True
        )
        assert done.returncode == expected
