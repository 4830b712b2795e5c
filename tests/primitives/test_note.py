"""Signed notes and cosignatures: one spelling, keys tried by name and id, nothing else believed."""

from __future__ import annotations

import base64

import pytest

from greenlight.codes import Code
from greenlight.errors import MalformedError
from greenlight.primitives.ed25519 import PublicKey, SeedSigner
from greenlight.primitives.note import (
    COSIGNATURE,
    ED25519,
    Note,
    NoteKey,
    NoteSignature,
    cosign_text,
    is_by,
    parse_note,
    sign_text,
    signed_at,
    verifies,
)

LOG, WITNESS = SeedSigner(bytes([1]) * 32), SeedSigner(bytes([2]) * 32)
TEXT = "example.org/log\n5\nQEcp2YOb8M80UBgjGYXtOt6UHqwndmK2RYqILIMwjys=\n"
NAME = "example.org/log"
KEY = NoteKey(NAME, ED25519, LOG.public)
WITNESSES = NoteKey("w", COSIGNATURE, WITNESS.public)
NOTE = Note(TEXT, (sign_text(TEXT, NAME, LOG), cosign_text(TEXT, "w", WITNESS, 1_700_000_000)))


def test_a_note_reads_as_it_was_written():
    """And both of its signatures verify, each as what it is."""
    assert parse_note(NOTE.encode()) == NOTE
    log, witness = NOTE.signatures
    assert verifies(log, KEY, TEXT)
    assert verifies(witness, WITNESSES, TEXT)
    assert signed_at(witness) == 1_700_000_000
    assert signed_at(log) is None
    assert not verifies(log, WITNESSES, TEXT)
    assert not verifies(log, NoteKey(NAME, COSIGNATURE, LOG.public), TEXT)
    assert not verifies(log, KEY, TEXT.replace("5", "6"))
    assert NOTE.signed_also(NOTE.signatures) == NOTE


def test_a_key_of_golang_org_x_mod():
    """Key, note and signature of the package's own example."""
    raw = base64.b64decode("ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
    key = NoteKey("PeterNeumann", ED25519, PublicKey(raw[1:]))
    assert key.verifier == "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    text = (
        "If you think cryptography is the answer to your problem,\n"
        "then you don't know what your problem is.\n"
    )
    line = (
        "\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXg"
        "KvqfqdngotpRZb6KE6RyyBwJnAM=\n"
    )
    note = parse_note(f"{text}\n{line}".encode())
    assert is_by(note.signatures[0], key)
    assert verifies(note.signatures[0], key, note.text)


@pytest.mark.parametrize("at", range(len(NOTE.encode())))
def test_every_byte_counts(at):
    """A byte that is another: no note, another note, or a signature that does not verify."""
    data = bytearray(NOTE.encode())
    data[at] ^= 1
    try:
        note = parse_note(bytes(data))
    except MalformedError:
        return
    good = [verifies(each, key, note.text) for each in note.signatures for key in (KEY, WITNESSES)]
    assert good.count(True) < 2


BAD = {
    "empty": b"",
    "no signature": TEXT.encode(),
    "no empty line": TEXT.encode() + NOTE.signatures[0].line.encode(),
    "no text": b"\n" + NOTE.signatures[0].line.encode(),
    "not UTF-8": b"\xff" + NOTE.encode(),
    "a carriage return": NOTE.encode().replace(b"5\n", b"5\r\n"),
    "an escape": NOTE.encode().replace(b"5\n", b"\x1b[31m5\n"),
    "a hyphen for the dash": NOTE.encode().replace("\u2014".encode(), b"-"),
    "no line feed at the end": NOTE.encode()[:-1],
    "a line after it": NOTE.encode() + b"more\n",
    "two spaces": NOTE.encode().replace(b" example", b"  example"),
    "a name with a plus": NOTE.encode().replace(b" w ", b" w+w "),
    "base64 that decodes alike": NOTE.encode().replace(b"=\n", b"\n"),
    "no signature in it": f"{TEXT}\n\u2014 w AAAAAA==\n".encode(),
    "too many": (TEXT + "\n" + NOTE.signatures[0].line * 101).encode(),
    "a name with a no-break space": NOTE.encode().replace(b" w ", " w\u00a0w ".encode()),
    "a name with a line separator": NOTE.encode().replace(b" w ", " w\u2028w ".encode()),
    "too long": b"x" * 70_000,
}


@pytest.mark.parametrize("data", BAD.values(), ids=BAD)
def test_what_is_no_note(data):
    """NOTE_MALFORMED, before anything is verified."""
    with pytest.raises(MalformedError) as caught:
        parse_note(data)
    assert caught.value.code is Code.NOTE_MALFORMED


def test_a_key_that_is_only_called_so():
    """Name and id are a hint: the signature decides, whoever chose them."""
    forged = NoteSignature(NAME, KEY.key_id, WITNESS.sign(TEXT.encode()))
    assert is_by(forged, KEY)
    assert not verifies(forged, KEY, TEXT)
    assert not verifies(NoteSignature(NAME, KEY.key_id, b""), KEY, TEXT)
    assert not verifies(NoteSignature("w", WITNESSES.key_id, bytes(72)), WITNESSES, TEXT)


def test_the_time_is_signed():
    """A cosignature under another time does not verify."""
    witness = NOTE.signatures[1]
    later = NoteSignature(
        "w", witness.key_id, (1_700_000_001).to_bytes(8, "big") + witness.body[8:]
    )
    assert not verifies(later, WITNESSES, TEXT)


@pytest.mark.parametrize("seconds", [-1, 0, 2**63, 2**64])
def test_a_time_that_there_is_not(seconds):
    """A clock before 1970 signs nothing; a time that no int64 holds is no cosignature's."""
    with pytest.raises(MalformedError):
        cosign_text(TEXT, "w", WITNESS, seconds)
    if 0 <= seconds < 2**64:
        signed = WITNESS.sign(f"cosignature/v1\ntime {seconds}\n{TEXT}".encode())
        line = NoteSignature("w", WITNESSES.key_id, seconds.to_bytes(8, "big") + signed)
        assert signed_at(line) is None
        assert not verifies(line, WITNESSES, TEXT)
    assert signed_at(cosign_text(TEXT, "w", WITNESS, 2**63 - 1)) == 2**63 - 1
