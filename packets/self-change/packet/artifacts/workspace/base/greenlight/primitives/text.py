"""Text from outside: shown without danger, compared in one normal form.

A name or a message in evidence may carry terminal escapes, or characters that
reorder or hide others (CVE-2024-52005, "Trojan Source" CVE-2021-42574), so it is
escaped before a person reads it.  The table of what is escaped is fixed here and
not taken from Python's Unicode database: ``REPORT.md`` is compared byte for byte,
and must not change with the Python that renders it.
"""

from __future__ import annotations

import unicodedata
from typing import Final

from greenlight.codes import Code
from greenlight.errors import MalformedError

# First and last code point of each range that is shown as an escape.
ESCAPED_RANGES: Final = (
    (0x0000, 0x001F),  # C0 controls: ESC starts terminal sequences, LF forges lines
    (0x007F, 0x009F),  # DEL and C1 controls: U+009B is ESC [ in one character
    (0x00AD, 0x00AD),  # soft hyphen: invisible
    (0x034F, 0x034F),  # combining grapheme joiner: invisible
    (0x061C, 0x061C),  # Arabic letter mark: reorders
    (0x115F, 0x1160),  # Hangul fillers: invisible
    (0x17B4, 0x17B5),  # Khmer inherent vowels: invisible
    (0x180B, 0x180F),  # Mongolian selectors and vowel separator: invisible
    (0x200B, 0x200F),  # zero width characters, direction marks
    (0x2028, 0x202E),  # line and paragraph separators, embeddings and overrides
    (0x2060, 0x206F),  # word joiner, invisible operators, isolates
    (0x3164, 0x3164),  # Hangul filler: invisible
    (0xD800, 0xF8FF),  # surrogates cannot be encoded; private use means nothing to others
    (0xFE00, 0xFE0F),  # variation selectors: invisible
    (0xFEFF, 0xFEFF),  # byte order mark: invisible
    (0xFFA0, 0xFFA0),  # half-width Hangul filler: invisible
    (0xFFF0, 0xFFFB),  # interlinear annotations: hide text
    (0xFFFE, 0xFFFF),  # noncharacters
    (0x1BCA0, 0x1BCA3),  # shorthand format controls: invisible
    (0x1D173, 0x1D17A),  # musical format controls: invisible
    (0xE0000, 0x10FFFF),  # tags, more variation selectors, private use
)
_SHORT: Final = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}
_LAST_OF_LATIN_1: Final = 0xFF
_LAST_OF_PLANE_0: Final = 0xFFFF


def escape(text: str) -> str:
    r"""Return ``text`` so that it can be shown on one line of a terminal or a report.

    Characters of ``ESCAPED_RANGES`` become ``\n``, ``\x1b``, ``\u202e`` or
    ``\U000e0041``; all others stay, the backslash too: this is for reading.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_spell(char) if _is_escaped(char) else char for char in text)


def is_nfc(text: str) -> bool:
    """Report whether ``text`` is in Unicode normalisation form C (UAX 15)."""
    return text.isascii() or unicodedata.is_normalized("NFC", text)


def find_control(text: str, *, allowed: str = "") -> str | None:
    """Return the first control character (C0, DEL, C1) of ``text`` not in ``allowed``."""
    if text.isascii() and text.isprintable():
        return None
    for char in text:
        if (char < " " or "\x7f" <= char <= "\x9f") and char not in allowed:
            return char
    return None


def normalise_document(data: bytes) -> bytes:
    """Return ``data`` by the rule ``full-normalized-content``: UTF-8, NFC, LF.

    CR LF and a single CR become LF; everything else stays, trailing white space,
    a byte order mark and a missing last LF included.

    Raises:
        MalformedError: ``data`` is not UTF-8.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedError(
            Code.MALFORMED, f"expected UTF-8, found another byte at offset {error.start}"
        ) from error
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return unicodedata.normalize("NFC", text).encode("utf-8")


def _is_escaped(char: str) -> bool:
    point = ord(char)
    return any(first <= point <= last for first, last in ESCAPED_RANGES)


def _spell(char: str) -> str:
    point = ord(char)
    if char in _SHORT:
        return _SHORT[char]
    if point <= _LAST_OF_LATIN_1:
        return f"\\x{point:02x}"
    if point <= _LAST_OF_PLANE_0:
        return f"\\u{point:04x}"
    return f"\\U{point:08x}"
