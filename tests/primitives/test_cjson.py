from __future__ import annotations

import json
import math
import subprocess
import sys
import time
import unicodedata
from enum import StrEnum
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from greenlight.codes import Code
from greenlight.errors import MalformedError
from greenlight.primitives.cjson import decode, encode
from greenlight.primitives.limits import MAX_JSON_DEPTH, MAX_SAFE_INTEGER
from tests.tools import need

ROOT = Path(__file__).parents[2]


def plain(text: str) -> bool:
    """Report whether a document may hold ``text``."""
    return unicodedata.is_normalized("NFC", text) and not any(
        unicodedata.category(char) == "Cc" and char not in "\n\t" for char in text
    )


texts = (
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
    .map(lambda text: unicodedata.normalize("NFC", text))
    .filter(plain)
    # an escape before a combining mark is not NFC in the file as a whole
    .filter(lambda text: plain(json.dumps(text, ensure_ascii=False)))
)
integers = st.integers(-MAX_SAFE_INTEGER, MAX_SAFE_INTEGER)
values = st.recursive(
    st.none() | st.booleans() | integers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


@given(values)
def test_a_value_survives_its_spelling(value):
    """Whatever can be written is read back equal."""
    assert decode(encode(value)) == value


@given(st.lists(values, max_size=6))
@example(["\ufffe", "\uffff", "\ufdd0", "\U0001ffff", "\u2028", "\u00ad", "/", "\\", '"', "\\u00"])
@example([MAX_SAFE_INTEGER, -MAX_SAFE_INTEGER, 0, -1, 10**15])
@example(
    [{}, [], [{}], {"": {}}, {"b": 1, "a": 1, "B": 1, "\u00e9": 1, "\U0001f600": 1, "\uffff": 1}]
)
def test_jq_prints_the_same_bytes(items):
    """jq -S, another reader and writer, agrees on every byte."""
    data = encode(items)
    done = subprocess.run([need("jq"), "-S", "."], input=data, capture_output=True, check=True)
    assert done.stdout == data


def deep(levels: int) -> list[object]:
    value: list[object] = []
    for _ in range(levels - 1):
        value = [value]
    return value


REFUSED = {
    "duplicate key": b'{\n  "a": 1,\n  "a": 1\n}\n',
    "duplicate key, other value": b'{\n  "a": 1,\n  "a": 2\n}\n',
    "duplicate key by escape": b'{\n  "a": 1,\n  "\\u0061": 1\n}\n',
    "unsorted": b'{\n  "b": 1,\n  "a": 1\n}\n',
    "not a number": b"NaN\n",
    "infinity": b"[\n  Infinity\n]\n",
    "minus infinity": b"-Infinity\n",
    "float": b"1.5\n",
    "whole float": b"1.0\n",
    "exponent": b"1e3\n",
    "huge exponent": b"1e999\n",
    "minus zero": b"-0\n",
    "beyond 2^53": b"9007199254740992\n",
    "below -2^53": b"-9007199254740992\n",
    "400 digits": b"1" * 400 + b"\n",
    "5000 digits": b"1" * 5000 + b"\n",
    "byte order mark": b"\xef\xbb\xbf1\n",
    "UTF-16": "1\n".encode("utf-16"),
    "invalid UTF-8": b'"\xff"\n',
    "overlong UTF-8": b'"\xc0\x80"\n',
    "surrogate in UTF-8": b'"\xed\xa0\x80"\n',
    "lone surrogate": b'"\\ud800"\n',
    "lone low surrogate": b'"\\udc00"\n',
    "pair by escape": b'"\\ud83d\\ude00"\n',
    "escaped letter": b'"\\u0061"\n',
    "escaped slash": b'"\\/"\n',
    "capital escape": b'"\\u001B"\n',
    "escape": b'"\\u001b"\n',
    "NUL": b'"\\u0000"\n',
    "raw control": b'"\x01"\n',
    "raw LF": b'"\n"\n',
    "carriage return": b'"\\r"\n',
    "backspace": b'"\\b"\n',
    "form feed": b'"\\f"\n',
    "form feed behind backslashes": b'"\\\\\\f"\n',
    "control in a key": b'{\n  "\\u001b": 1\n}\n',
    "DEL": b'"\x7f"\n',
    "escaped DEL": b'"\\u007f"\n',
    "C1": '"\x9b"\n'.encode(),
    "decomposed": '"e\u0301"\n'.encode(),
    "decomposed key": '{\n  "e\u0301": 1\n}\n'.encode(),
    "LF before a mark": '"\\n\u0301"\n'.encode(),
    "no LF": b"1",
    "two LF": b"1\n\n",
    "CR LF": b"1\r\n",
    "space before": b" 1\n",
    "space after": b"1 \n",
    "tab indent": b"[\n\t1\n]\n",
    "four spaces": b"[\n    1\n]\n",
    "compact": b"[1]\n",
    "open empty array": b"[\n]\n",
    "comma at the end": b"[\n  1,\n]\n",
    "comment": b"1 // one\n",
    "single quotes": b"'a'\n",
    "two values": b"1\n1\n",
    "nothing": b"",
    "LF alone": b"\n",
    "unfinished": b'{\n  "a": \n',
    "word": b"True\n",
    "100,000 arrays": b"[" * 100_000,
    "100,000 closed arrays": b"[" * 100_000 + b"]" * 100_000 + b"\n",
    "100,000 objects": b'{"a":' * 100_000,
    "33 levels": json.dumps(deep(MAX_JSON_DEPTH + 1), indent=2).encode() + b"\n",
    "34 levels": json.dumps(deep(MAX_JSON_DEPTH + 2), indent=2).encode() + b"\n",
}


@pytest.mark.parametrize("name", REFUSED)
def test_another_spelling_is_refused(name):
    """Whatever is not the one spelling of an allowed value gets a code, and quickly."""
    started = time.perf_counter()
    with pytest.raises(MalformedError) as caught:
        decode(REFUSED[name])
    assert caught.value.code is Code.JSON_MALFORMED
    assert time.perf_counter() - started < 1
    assert len(str(caught.value)) < 400


def test_a_difference_is_named():
    """The message says which key stands twice, or which line is spelt differently."""
    with pytest.raises(MalformedError, match="found 'a' twice"):
        decode(REFUSED["duplicate key"])
    with pytest.raises(MalformedError, match="at line 2"):
        decode(REFUSED["four spaces"])
    with pytest.raises(MalformedError, match="found 'the end' at line 2"):
        decode(REFUSED["no LF"])


def test_the_limits_themselves_are_allowed():
    """Thirty-two levels, 2^53 - 1, LF and tab, any printable text."""
    for value in (deep(MAX_JSON_DEPTH), MAX_SAFE_INTEGER, "a\n\tb", "\u2028\u202e \\u001b"):
        assert decode(encode(value)) == value


class Word(StrEnum):
    ONE = "one"


def test_tuples_and_words_are_written():
    """Tuples are arrays, enumerations of text are text."""
    assert encode((Word.ONE, ())) == b'[\n  "one",\n  []\n]\n'


CYCLE: list[object] = []
CYCLE.append(CYCLE)


@pytest.mark.parametrize(
    "value",
    [
        *[1.0, math.nan, b"", {1: 2}, {None: 1}, {True: 1}, {1, 2}, object, 2**53, -(2**53)],
        *["\x7f", "\x1b", "\r", "\x85", "e\u0301", "\ud800", {"\udc80": 1}, {"\x00": 1}, CYCLE],
        *[deep(MAX_JSON_DEPTH + 1), {"a": {1: 1}}, [[1.5]], "\n\u0301", range(3)],
    ],
    ids=lambda value: f"{value!a:.40}",
)
def test_what_cannot_be_read_is_not_written(value):
    """Values that have no spelling raise, and none is turned into another."""
    with pytest.raises(MalformedError) as caught:
        encode(value)
    assert caught.value.code is Code.JSON_MALFORMED


def test_size_is_measured_first():
    """A document over the limit is refused unread."""
    with pytest.raises(MalformedError, match="at most 3 bytes"):
        decode(b"1234\n", max_bytes=3)


json_like = st.lists(
    st.sampled_from(
        [
            *['"', "a", "\\", "u0061", "\n", "  ", "{", "}", "[", "]", ",", ": ", "1", "-", "0"],
            *["true", "null", "e\u0301", "\x7f", "\n  ", "1.5", "{}", "[]", '"a": 1', ",\n  "],
        ]
    ),
    max_size=14,
).map("".join)


@given(json_like | st.text())
def test_what_parses_is_written_back(text):
    """Parsing implies writing the same bytes; everything else is refused, never a crash."""
    for candidate in (text, text + "\n"):
        try:
            data = candidate.encode()
            value = decode(data)
        except (MalformedError, UnicodeEncodeError):
            continue
        assert encode(value) == data


@given(values, st.data())
def test_a_flipped_bit_is_another_document_or_none(value, data):
    """No flip of one bit gives a second spelling of the same value."""
    good = encode(value)
    at = data.draw(st.integers(0, 8 * len(good) - 1))
    bad = bytearray(good)
    bad[at // 8] ^= 1 << at % 8
    try:
        other = decode(bytes(bad))
    except MalformedError:
        return
    assert encode(other) == bytes(bad) != good


def test_start_up_imports_little():
    """Reading documents needs no more than json and unicodedata: start-up is short."""
    program = (
        "import __future__, sys, json, unicodedata, re, enum, typing; before = set(sys.modules);"
        "import greenlight.primitives.cjson; print(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, text=True, cwd=ROOT
    )
    foreign = [name for name in done.stdout.split() if not name.startswith("greenlight")]
    assert foreign == []
