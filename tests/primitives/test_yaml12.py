from __future__ import annotations

import re
import time
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML
from ruamel.yaml.constructor import ConstructorError

from greenlight.codes import Code
from greenlight.errors import MalformedError
from greenlight.primitives import cjson
from greenlight.primitives.limits import MAX_YAML_DEPTH, MAX_YAML_NODES
from greenlight.primitives.yaml12 import load
from tests.primitives.test_cjson import values

LANE = """\
%YAML 1.2
---
# a comment
lane: doc-only   # another
enabled: yes
since: 2001-12-14t21:59:43.10-05:00
steps:
  - id: M-1
    run: ["sh", '-c', "printf '%s\\n' \\u00e9"]
    timeout_seconds: 60
  - id: M-2
    shell: true
    script: |
      set -e
      \tprintf 'a tab, and two lines\\n'
    note: >-
      folded
      text
  - {id: M-3, off: ~, "1": -1}
"""


def test_a_lane_is_read_with_its_lines():
    """Values are those of YAML 1.2, and each field knows the line it stands on."""
    located = load(LANE.encode())
    assert located.value == {
        "lane": "doc-only",
        "enabled": "yes",
        "since": "2001-12-14t21:59:43.10-05:00",
        "steps": [
            {"id": "M-1", "run": ["sh", "-c", "printf '%s\n' \u00e9"], "timeout_seconds": 60},
            {
                "id": "M-2",
                "shell": True,
                "script": "set -e\n\tprintf 'a tab, and two lines\\n'\n",
                "note": "folded text",
            },
            {"id": "M-3", "off": None, "1": -1},
        ],
    }
    assert located.lines[""] == 4
    assert located.lines["/steps"] == 7
    assert located.lines["/steps/0"] == located.lines["/steps/0/id"] == 8
    assert located.lines["/steps/0/run"] == located.lines["/steps/0/run/2"] == 9
    assert located.lines["/steps/1/script"] == 13
    assert located.lines["/steps/2/off"] == 19
    assert load(LANE.replace("\n", "\r\n").encode()) == located


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *[(word, word) for word in ("yes", "no", "on", "off", "Yes", "NO", "y", "n", "=", "tRUE")],
        *[(word, word) for word in ("2001-12-14", "12:30:45", "1_000", "0b1", "1.2.3", "+", "-a")],
        *[
            (word, word)
            for word in ("0x", "1e", "e1", "sha256:00", "a<<b", "nan", "inf", ".", "--1")
        ],
        *[(word, None) for word in ("null", "Null", "NULL", "~", "")],
        *[(word, True) for word in ("true", "True", "TRUE")],
        *[(word, False) for word in ("false", "False", "FALSE")],
        *[("0", 0), ("-1", -1), ("9007199254740991", 2**53 - 1), ("10", 10)],
        *[("'1'", "1"), ('"true"', "true"), ("'1.5'", "1.5"), ("''", ""), ("'<<'", "<<")],
        *[("|\n  007\n", "007\n"), (">\n  a\n  b\n", "a b\n"), ("'it''s'", "it's"), ("[]", [])],
        *[
            ("{}", {}),
            ("'a\n\n  b'", "a\nb"),
            ('"a\\tb\\u2028"', "a\tb\u2028"),
            ("\U0001f600",) * 2,
        ],
    ],
)
def test_scalars_are_those_of_the_core_schema(text, value):
    """YAML 1.1's booleans, times and numbers are text; quotes and blocks are always text."""
    found = load(f"key: {text}\n".encode()).value
    assert found == {"key": value}
    assert type(found["key"]) is type(value)


REFUSED = [
    ("", 1, "", "expected a document"),
    ("# nothing\n", 2, "", "expected a document"),
    ("a: 1\nb: &x 2\n", 2, "/b", "expected no anchor, found &x"),
    ("a: &x [1]\n", 1, "/a", "expected no anchor"),
    ("&x a: 1\n", 1, "", "expected no anchor"),
    ("a: 1\nb: *a\n", 2, "/b", "found the alias *a"),
    ("a:\n  - !!str 1\n", 2, "/a/0", "expected no tag"),
    ("a: !local x\n", 1, "/a", "expected no tag"),
    ("a: ! x\n", 1, "/a", "expected no tag"),
    ("a: !!map {}\n", 1, "/a", "expected no tag"),
    ("!!python/object:os.system a: 1\n", 1, "", "expected no tag"),
    ("a: {b: 1}\n<<: {c: 1}\n", 2, "", "expected no merge key"),
    ("a: <<\n", 1, "/a", "expected no merge key"),
    ("a: {<<: {c: 1}}\n", 1, "/a", "expected no merge key"),
    ("a: 1\n---\nb: 2\n", 2, "", "expected one document"),
    ("a: 1\n...\n---\nb: 2\n", 3, "", "expected one document"),
    ("%YAML 1.1\n---\na: 1\n", 1, "", "no directive but %YAML 1.2"),
    ("%YAML 1.9\n---\na: 1\n", 1, "", "no directive but %YAML 1.2"),
    ("%TAG ! tag:x,2000:\n---\na: 1\n", 1, "", "no directive"),
    ("%YAML 1.2\n%YAML 1.2\n---\na: 1\n", 2, "", "expected YAML"),
    ("1: a\n", 1, "", "expected a text as key, in quotes, found 1"),
    ("true: a\n", 1, "", "expected a text as key"),
    (": a\n", 1, "", "expected a text as key"),
    ("[a]: b\n", 1, "", "expected a text as key, found a list"),
    ("{a: b}: c\n", 1, "", "expected a text as key, found a map"),
    *[(f"a: {n}\n", 1, "/a", "no floating-point") for n in ("1.5", "1e3", ".5", "1.", ".inf")],
    *[(f"a: {n}\n", 1, "/a", "no floating-point") for n in ("-.INF", ".nan", "1E-3", "-0.0")],
    *[(f"a: {n}\n", 1, "/a", "plain decimal") for n in ("007", "0o17", "0x1F", "+1", "-0", "00")],
    ("a: 9007199254740992\n", 1, "/a", "2^53 - 1"),
    (f"a: {'1' * 5000}\n", 1, "/a", "2^53 - 1"),
    ("a:\n  b: [x, e\u0301]\n", 2, "/a/b/1", "normalisation form C"),
    ("e\u0301: x\n", 1, "", "normalisation form C"),
    ("a: 1\nb: \x1b[0m\n", 2, "", "no control characters"),
    ("a: \x7f\n", 1, "", "no control characters"),
    ("a: \x85\n", 1, "", "no control characters"),
    ("a: 1\rb: 2\n", 1, "", "no control characters"),
    ('a: "\\e[0m"\n', 1, "/a", "no control characters"),
    ('a: "\\0"\n', 1, "/a", "no control characters"),
    ('a: "\\N"\n', 1, "/a", "no control characters"),
    ('a: "\\ud800"\n', 1, "/a", "a lone surrogate"),
    ('a: "\\U00110000"\n', 1, "/a", "expected YAML"),
    ("a: 1\nb: x\u2028y\n", 2, "", "expected LF as line end"),
    ("a: x\u2029y\n", 1, "", "expected LF as line end"),
    ("\ufeffa: 1\n", 1, "", "byte order mark"),
    ("a: \ufffe\n", 1, "", "expected YAML"),
    ("a:\n\tb: 1\n", 2, "/a", "cannot start any token"),
    ("steps:\n  - run: [sh, -c\n", 3, "/steps/0/run", "expected ',' or ']', found"),
    ("a: 'x\n", 2, "/a", "unexpected end of stream"),
    ("a: b: c\n", 1, "", "mapping values are not allowed"),
    ("- a\nb: c\n", 2, "", "expected"),
    ("a: " + "[" * (MAX_YAML_DEPTH + 1) + "\n", 1, "/a/0", "at most 32 levels"),
]


@pytest.mark.parametrize(("text", "line", "pointer", "said"), REFUSED)
def test_what_is_not_in_the_subset_is_refused(text, line, pointer, said):
    """Each refusal has its code and names line, field, what was expected and what was found."""
    with pytest.raises(MalformedError) as caught:
        load(text.encode())
    message = str(caught.value)
    assert caught.value.code is Code.YAML_MALFORMED
    assert message.startswith(f"line {line}: " + (f"field {pointer}" if pointer else "expected"))
    assert said in message
    assert re.search("expected .+, found .+", message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "steps:\n  - run: a\n    id: b\n    run: c\n",
            "line 4: field /steps/0/run: expected each field once, found it again (line 2)",
        ),
        (
            "a~/b: {x: 1, 'x': 2}\n",
            "line 1: field /a~0~1b/x: expected each field once, found it again (line 1)",
        ),
    ],
)
def test_a_field_given_twice_has_its_own_code(text, message):
    """The second of two equal keys is named with the line of the first."""
    with pytest.raises(MalformedError) as caught:
        load(text.encode())
    assert caught.value.code is Code.LANE_DUPLICATE_KEY
    assert str(caught.value) == message


def test_bytes_that_are_not_utf8_are_refused():
    """Other encodings are refused with the line they begin on."""
    with pytest.raises(MalformedError, match="line 2: expected UTF-8, found byte 0xff"):
        load(b"a: 1\nb: \xff\n")
    with pytest.raises(MalformedError, match="expected UTF-8"):
        load("a: 1\n".encode("utf-16"))


@pytest.mark.parametrize(
    "text",
    [
        *["[" * 100_000, "{" * 100_000, "- " * 100_000, "? " * 100_000, "a: " * 100_000],
        *["a: 'x" + "y" * 900_000, "a:\n" * 100_000, "[" + "a: b," * 100_000, "&a " * 100_000],
        *["--- a\n" * 100_000, "[a," * 100_000, "!" * 100_000, "%" * 100_000, "a: |\n" * 99_999],
        *["\n" * 1_000_000 + "\0", "a" * (2**20 + 1), "- x\n" * (MAX_YAML_NODES + 1)],
        *["{" + ",".join(f"k{n}" for n in range(100_000)) + "}"],
    ],
    ids=lambda text: f"{text[:8]!a}",
)
def test_a_bomb_is_refused_in_time(text):
    """Depth, count and size are limited before they cost anything."""
    started = time.perf_counter()
    with pytest.raises(MalformedError):
        load(text.encode())
    assert time.perf_counter() - started < 5  # 0.5 s on an idle machine


@given(values)
def test_a_json_document_is_a_yaml_document(value):
    """YAML 1.2 contains JSON: what the one reader writes the other reads as the same value."""
    try:
        found = load(cjson.encode(value)).value
    except MalformedError as error:
        # U+FFFE is no YAML, and U+2028 stands in a lane only as an escape.
        assert re.search("LF as line end|expected YAML", str(error))  # noqa: PT017
        return
    assert found == value


FRAGMENTS = [
    *["a", "b", ": ", ":", "- ", "-", "? ", "[", "]", "{", "}", ",", "\n", "\n  ", "\n    ", " "],
    *["'", '"', "|", ">", "|2", " #", "&", "*", "!", "!!", "%", "%YAML 1.2\n", "---", "...", "@"],
    *["\t", "\\", "\\x", "\\ud800", "\\U0011", "1", "007", "1.5", "null", "true", "<<", "\u00e9"],
    *["e\u0301", "\ufffe", "\ufeff", "\x7f", "\r\n", "\n- ", "a: ", "- a: ", "%YAML 1.9\n"],
]


@given(st.lists(st.sampled_from(FRAGMENTS), max_size=12).map("".join) | st.text())
def test_what_is_read_is_what_yaml_says(text):
    """No input crashes the reader, and ruamel's own YAML 1.2 reader sees the same value."""
    try:
        data = text.encode()
        value = load(data).value
    except (MalformedError, UnicodeEncodeError):
        return
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            wanted = YAML(typ="safe", pure=True).load(text)
        except ConstructorError as error:
            if "tag:yaml.org,2002:value" not in str(error):
                raise
            return  # "=" is a text in YAML 1.2; ruamel gives it the tag that 1.1 had for it
        assert wanted == value
