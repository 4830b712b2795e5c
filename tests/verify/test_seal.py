"""A seal is intact or every step that objects says so."""

from __future__ import annotations

import dataclasses

import pytest

from greenlight.codes import Code
from greenlight.model.seal import CONTENT_TYPE, SEAL_FILES, format_signer, format_sums, make_seal
from greenlight.primitives import cose
from greenlight.primitives.ed25519 import SeedSigner
from greenlight.verify.seal import verify_seal
from tests.model.test_statement import GOOD

SIGNER = SeedSigner(bytes(32))
OTHER = SeedSigner(bytes(range(32)))
SEAL = make_seal(GOOD.encode(), SIGNER)


def summed(**changes: bytes) -> dict[str, bytes]:
    """Return the good seal with files replaced, and sums that are right again."""
    names = {"statement": "statement.cbor", "seal": "seal.cose", "signer": "signer.pub"}
    files = {name: SEAL[name] for name in names.values()}
    files |= {names[short]: data for short, data in changes.items()}
    return {**files, "SHA256SUMS": format_sums(files)}


def codes(files: dict[str, bytes]) -> list[Code]:
    return [finding.code for finding in verify_seal(files)[2]]


def sign(statement: bytes = GOOD.encode(), *, subject: str = GOOD.subject, detached: bool = True,
         signer: SeedSigner = SIGNER, content_type: str = CONTENT_TYPE) -> bytes:  # fmt: skip
    return cose.sign1(
        statement, signer, content_type=content_type, subject=subject, detached=detached
    )


def test_a_good_seal() -> None:
    """A good seal gives the statement, the key and no finding."""
    assert GOOD.executor == SIGNER.public.uri
    assert verify_seal(SEAL) == (GOOD, SIGNER.public, [])
    assert summed() == SEAL


@pytest.mark.parametrize("name", SEAL_FILES)
def test_every_flipped_bit_is_found(name: str) -> None:
    """A flipped bit in any of the four files is a finding, even with the sums made right."""
    for bit in range(8 * len(SEAL[name])):
        bad = bytearray(SEAL[name])
        bad[bit // 8] ^= 1 << bit % 8
        files = {**SEAL, name: bytes(bad)}
        assert codes(files)
        if name != "SHA256SUMS":
            rest = {key: data for key, data in files.items() if key != "SHA256SUMS"}
            assert codes({**rest, "SHA256SUMS": format_sums(rest)})


@pytest.mark.parametrize("name", SEAL_FILES)
def test_a_missing_file(name: str) -> None:
    """Each of the four files must be there."""
    files = {key: data for key, data in SEAL.items() if key != name}
    _, _, findings = verify_seal(files)
    assert (findings[0].code, findings[0].where) == (Code.SEAL_FILE_MISSING, f"seal/{name}")


def test_no_files() -> None:
    """Nothing at all is four findings, not a pass."""
    assert verify_seal({})[:2] == (None, None)
    assert codes({}) == [Code.SEAL_FILE_MISSING] * 4


def test_an_extra_file() -> None:
    """A fifth file is a finding, its name made harmless."""
    _, _, findings = verify_seal({**SEAL, "\x1b[2Jnotes": b""})
    assert [finding.code for finding in findings] == [Code.SEAL_FILE_EXTRA]
    assert "\x1b" not in str(findings[0])


@pytest.mark.parametrize(
    "sums",
    [
        b"",
        SEAL["SHA256SUMS"].upper(),
        SEAL["SHA256SUMS"].replace(b"  ", b" *"),
        SEAL["SHA256SUMS"] + b"\n",
        b"".join(reversed(SEAL["SHA256SUMS"].splitlines(keepends=True))),
    ],
)
def test_sums_in_another_spelling(sums: bytes) -> None:
    """The sums are one text, compared as a whole."""
    assert codes({**SEAL, "SHA256SUMS": sums}) == [Code.SEAL_SUMS_MISMATCH]


def test_sums_name_what_differs() -> None:
    """The finding says which file the sums do not fit."""
    _, _, findings = verify_seal({**SEAL, "signer.pub": SEAL["signer.pub"] + b" "})
    assert findings[0].code is Code.SEAL_SUMS_MISMATCH
    assert findings[0].found == "other sums for signer.pub"


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        (b"", Code.STATEMENT_MALFORMED),
        (GOOD.encode()[:75], Code.STATEMENT_MALFORMED),
        (GOOD.encode() + b"\0", Code.STATEMENT_MALFORMED),
        (GOOD.encode()[:-1] + b"\2", Code.UNSUPPORTED_VERSION),
    ],
)
def test_bytes_that_are_no_statement(statement: bytes, code: Code) -> None:
    """No statement, though it is signed: it is reported, and none is handed out."""
    files = summed(statement=statement, seal=sign(statement))
    assert verify_seal(files)[0] is None
    assert codes(files) == [code]


def test_another_statement() -> None:
    """A statement that was not the one signed."""
    other = dataclasses.replace(GOOD, file_count=GOOD.file_count + 1)
    assert codes(summed(statement=other.encode())) == [Code.SEAL_SIGNATURE_INVALID]


def test_another_tree() -> None:
    """A statement about another packet, under the seal of this one."""
    other = dataclasses.replace(GOOD, packet_tree="f" * 64)
    expected = [Code.SEAL_MALFORMED, Code.SEAL_SIGNATURE_INVALID]
    assert codes(summed(statement=other.encode())) == expected


def test_another_subject() -> None:
    """A seal that is signed, about something else than its statement."""
    seal = sign(subject="sha256:" + "f" * 64)
    _, _, findings = verify_seal(summed(seal=seal))
    assert [finding.code for finding in findings] == [Code.SEAL_MALFORMED]
    assert findings[0].where == "seal/seal.cose#sub"


@pytest.mark.parametrize(
    "seal",
    [
        b"",
        sign(detached=False),
        sign(content_type="application/vnd.greenlight.entry+cbor"),
        SEAL["seal.cose"][1:],
        SEAL["seal.cose"] + b"\0",
        SEAL["seal.cose"].ljust(5000, b"\0"),
    ],
)
def test_another_shape(seal: bytes) -> None:
    """What is not a detached COSE_Sign1 of the profile, though it may be signed."""
    assert codes(summed(seal=seal)) == [Code.SEAL_MALFORMED]


def test_a_signature_cut_out_and_replaced() -> None:
    """Sixty-four other bytes are no signature."""
    seal = SEAL["seal.cose"][:-64] + bytes(64)
    assert codes(summed(seal=seal)) == [Code.SEAL_SIGNATURE_INVALID]


def test_each_place_that_names_another_key() -> None:
    """Seal, statement and signer.pub must name one key; what differs is named."""
    theirs = dataclasses.replace(GOOD, executor=OTHER.public.uri)
    cases = [
        (summed(signer=format_signer(OTHER.public)), ["seal/signer.pub"]),
        (summed(seal=sign(signer=OTHER)), ["seal/statement.cbor#11", "seal/signer.pub"]),
        (
            summed(statement=theirs.encode(), seal=sign(theirs.encode())),
            ["seal/statement.cbor#11"],
        ),
    ]
    for files, places in cases:
        findings = [
            finding for finding in verify_seal(files)[2] if finding.code is Code.SEAL_KEY_MISMATCH
        ]
        assert [finding.where for finding in findings] == places


def test_a_seal_re_made_by_somebody_else_is_a_seal() -> None:
    """Everything replaced by another key's is intact: whose key it is is another question."""
    theirs = dataclasses.replace(GOOD, executor=OTHER.public.uri)
    assert verify_seal(make_seal(theirs.encode(), OTHER)) == (theirs, OTHER.public, [])


@pytest.mark.parametrize(
    "line",
    [
        b"",
        SEAL["signer.pub"].rstrip(b"\n"),
        SEAL["signer.pub"] * 2,
        SEAL["signer.pub"].replace(b"\n", b" me@host\n"),
        SEAL["signer.pub"].replace(b"\n", b"\r\n"),
        b"ssh-rsa AAAA\n",
        b"\xff\n",
    ],
)
def test_a_signer_file_in_another_spelling(line: bytes) -> None:
    """signer.pub is one line, without a comment."""
    statement, key, findings = verify_seal(summed(signer=line))
    assert (statement, key) == (GOOD, None)
    assert [finding.code for finding in findings] == [Code.SEAL_KEY_MISMATCH]
