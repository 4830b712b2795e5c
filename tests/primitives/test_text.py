from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenlight.errors import MalformedError
from greenlight.primitives.text import (
    ESCAPED_RANGES,
    escape,
    find_control,
    is_nfc,
    normalise_document,
)

BIDI = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


@given(st.text(alphabet=st.characters()))
def test_escaped_text_cannot_act_on_a_terminal(text):
    """Nothing that controls, reorders or hides is left, and nothing breaks the line."""
    shown = escape(text)
    for char in shown:
        assert unicodedata.category(char) not in {"Cc", "Cs", "Zl", "Zp"}
        assert unicodedata.bidirectional(char) not in BIDI
    assert len(shown.splitlines()) <= 1
    assert escape(shown) == shown
    shown.encode("utf-8")


def test_every_format_character_is_escaped_or_visible():
    """Of Unicode's format characters only those that print something stay."""
    visible = {0x0600, 0x0601, 0x0602, 0x0603, 0x0604, 0x0605, 0x06DD, 0x070F, 0x0890, 0x0891}
    visible |= {0x08E2, 0x110BD, 0x110CD, *range(0x13430, 0x13440)}
    stay = {
        point
        for point in range(0x110000)
        if unicodedata.category(chr(point)) == "Cf" and escape(chr(point)) == chr(point)
    }
    assert stay <= visible


def test_ranges_are_sorted_and_apart():
    """The table can be read from top to bottom."""
    flat = [point for pair in ESCAPED_RANGES for point in pair]
    assert flat == sorted(flat)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, UTF-8: \u00e9 \u4e2d", "plain, UTF-8: \u00e9 \u4e2d"),
        ("\x1b[31mred\n", "\\x1b[31mred\\n"),
        ("\x9b1m", "\\x9b1m"),
        ("invoice\u202efdp.exe", "invoice\\u202efdp.exe"),
        ("\U000e0041", "\\U000e0041"),
        ("C:\\new", "C:\\new"),
        ("\udc80", "\\udc80"),
    ],
)
def test_escapes_are_readable(text, shown):
    """Escapes look as in source code; all other text stays."""
    assert escape(text) == shown


@pytest.mark.parametrize(("text", "verdict"), [("\u00e9", True), ("e\u0301", False), ("", True)])
def test_nfc_is_known(text, verdict):
    """Composed text is NFC, decomposed text is not."""
    assert is_nfc(text) is verdict


@given(st.text())
def test_find_control_agrees_with_unicode(text):
    """The characters found are exactly those of category Cc."""
    controls = [char for char in text if unicodedata.category(char) == "Cc"]
    assert find_control(text) == (controls[0] if controls else None)
    assert find_control(text, allowed="".join(controls)) is None


@given(st.text())
def test_normalising_twice_is_normalising_once(text):
    """The normal form is its own normal form, in NFC and without CR."""
    once = normalise_document(text.encode())
    assert normalise_document(once) == once
    assert is_nfc(once.decode())
    assert b"\r" not in once


@pytest.mark.parametrize(
    ("data", "normal"),
    [
        (b"a\r\nb\rc\n", b"a\nb\nc\n"),
        ("e\u0301".encode(), "\u00e9".encode()),
        (b"a \t", b"a \t"),
        (b"", b""),
        (b"\xef\xbb\xbfa", b"\xef\xbb\xbfa"),
    ],
)
def test_the_normal_form_is_utf8_nfc_lf(data, normal):
    """Line ends and composition change, nothing else."""
    assert normalise_document(data) == normal


@pytest.mark.parametrize("data", [b"\xff", b"\xed\xa0\x80", b"\xc0\x80", b"a\x80"])
def test_other_encodings_are_refused(data):
    """What is not UTF-8 has no normal form."""
    with pytest.raises(MalformedError, match="offset"):
        normalise_document(data)
