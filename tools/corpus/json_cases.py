"""JSON in one spelling: what ``jq -S .`` prints; and JSON that nobody means well with."""

from __future__ import annotations

import unicodedata

from tools.corpus.kit import ACCEPT, EITHER, REFUSE, Bytes, case

BAD = "JSON_MALFORMED"


def spellings() -> None:
    """One value in many spellings."""
    good = '{\n  "a": 1,\n  "b": [\n    true,\n    null,\n    "é"\n  ]\n}\n'.encode()

    def other(name: str, data: bytes, about: str) -> None:
        case(f"json/{name}", data, BAD, means="json-map", about=about)

    case("json/canonical", good, ACCEPT, means="json-map", about="the one spelling")
    other("compact", '{"a":1,"b":[true,null,"é"]}'.encode(), "no white space")
    other("key-order", '{"b":[true,null,"é"],"a":1}'.encode(), "keys in another order")
    other("no-last-line-end", good[:-1], "the last line end is missing")
    other("two-last-line-ends", good + b"\n", "an empty line at the end")
    other("crlf", good.replace(b"\n", b"\r\n"), "line ends of Windows")
    other("tabs", good.replace(b"  ", b"\t"), "tabs for indents")
    other("byte-order-mark", b"\xef\xbb\xbf" + good, "U+FEFF in front")
    other("escaped-letter", good.replace(b'"a"', b'"\\u0061"'), "a letter as an escape")
    other("escaped-accent", good.replace("é".encode(), b"\\u00e9"), "an accent as an escape")
    other("upper-escape", good.replace("é".encode(), b"\\u00E9"), "an escape in capitals")
    other("float-one", good.replace(b" 1,", b" 1.0,"), "1.0 for 1")
    other("exponent", good.replace(b" 1,", b" 1e0,"), "1e0 for 1")
    other("key-twice-same", good.replace(b'"a": 1', b'"a": 1,\n  "a": 1'), "a key twice, alike")
    decomposed = unicodedata.normalize("NFD", "é").encode()
    other("decomposed", good.replace("é".encode(), decomposed), "NFD for NFC")
    case("json/solidus", b'"a/b"\n', ACCEPT, means="json-solidus", about="a slash as it is")
    case("json/escaped-solidus", b'"a\\/b"\n', BAD, means="json-solidus", about="a slash escaped")
    case("json/zero", b"0\n", ACCEPT, means="json-zero", about="zero")
    case("json/minus-zero", b"-0\n", BAD, means="json-zero", about="zero with a sign")
    case("json/no-number", b"00\n", BAD, about="a leading zero, which JSON has not")


def _hostile(name: str, data: Bytes, about: str, others: str = REFUSE) -> None:
    case(f"json/{name}", data, BAD, others=others, about=about)


def attacks() -> None:
    """What a careless reader falls for."""
    _hostile("key-twice", b'{\n  "a": 1,\n  "a": 2\n}\n', "two values for a key (CVE-2017-12635)")
    _hostile(
        "key-twice-escaped", b'{\n  "a": 1,\n  "\\u0061": 2\n}\n', "the same, spelt differently"
    )
    _hostile("overlong-slash", b'"\xc0\xaf"\n', "an overlong slash")
    _hostile("overlong-nul", b'"\xc0\x80"\n', "NUL as Java writes it")
    _hostile("overlong-three", b'"\xe0\x80\xaf"\n', "an overlong slash of three bytes")
    _hostile("beyond-unicode", b'"\xf4\x90\x80\x80"\n', "a code point beyond U+10FFFF")
    _hostile("five-bytes", b'"\xf8\x88\x80\x80\x80"\n', "a form that UTF-8 lost in 2003")
    _hostile("lone-continuation", b'"\x80"\n', "a continuation byte alone")
    _hostile("cut-character", b'"\xe2\x82"\n', "a character that is cut")
    _hostile("encoded-surrogate", b'"\xed\xa0\x80"\n', "half of a pair, as CESU-8 has it")
    _hostile("lone-surrogate", b'"\\ud800"\n', "half of a pair, escaped", EITHER)
    _hostile("pair-reversed", b'"\\udc00\\ud800"\n', "two halves the wrong way round", EITHER)
    _hostile("escaped-nul", b'"a\\u0000b"\n', "NUL, escaped", EITHER)
    _hostile("raw-nul", b'"a\x00b"\n', "NUL, as it is")
    _hostile("raw-escape", b'"\x1b[2J"\n', "a terminal sequence")
    _hostile("raw-delete", b'"\x7f"\n', "U+007F, which jq escapes", EITHER)
    _hostile(
        "c1-control", b'"\xc2\x9b2J"\n', "U+009B: a terminal sequence in one character", EITHER
    )
    _hostile("not-a-number", b"NaN\n", "NaN")
    _hostile("infinity", b"-Infinity\n", "minus infinity")
    _hostile("hexadecimal", b"0x10\n", "a number in hexadecimal")
    _hostile("plus", b"+1\n", "a number with a plus")
    _hostile("bare-point", b".5\n", "a number that begins with a point")
    _hostile("trailing-comma", b"[\n  1,\n]\n", "a comma too many")
    _hostile("comment", b"// x\n1\n", "a comment")
    _hostile("single-quotes", b"'a'\n", "the other quotes")
    _hostile("bare-key", b"{a: 1}\n", "a key without quotes")
    _hostile("big-integer", b"9007199254740992\n", "2^53, which not every reader holds", EITHER)
    _hostile("huge-exponent", b"1e400\n", "a number beyond binary64", EITHER)


def excesses() -> None:
    """Too deep, too long, or not whole."""
    _hostile(
        "million-digits", [(b"9", 1_000_000), b"\n"], "quadratic for a careless reader", EITHER
    )
    _hostile("deep-arrays", [(b"[", 100_000), (b"]", 100_000), b"\n"], "a stack's worth", EITHER)
    _hostile("deep-arrays-open", [(b"[", 100_000)], "the same, never closed")
    _hostile("deep-objects", [(b'{"a":', 100_000), b"1", (b"}", 100_000)], "likewise", EITHER)
    _hostile("one-too-deep", nested(33), "one level more than is read", EITHER)
    case("json/as-deep-as-may-be", nested(32), ACCEPT, about="as many levels as are read")
    _hostile("unclosed-text", b'"abc\n', "a text without an end")
    _hostile("unclosed-object", b'{\n  "a": 1\n', "an object without an end")
    _hostile("trailing-value", b"1\n2\n", "two values")
    _hostile("trailing-byte", b"1\n\x00", "NUL behind the value")
    _hostile("empty", b"", "nothing")
    _hostile("only-space", b" \n", "white space alone")
    _hostile("only-mark", b"\xef\xbb\xbf", "a byte order mark alone")
    _hostile("utf-16", "\ufeff1\n".encode("utf-16-le"), "UTF-16", EITHER)
    _hostile("utf-32", "1\n".encode("utf-32-be"), "UTF-32", EITHER)
    _hostile("too-large", [b'"', (b"a" * 1024, 17 * 1024), b'"\n'], "17 MiB of text", EITHER)
    _hostile("bad-escape", b'"\\x41"\n', "an escape that JSON has not")
    _hostile("word", b"True\n", "a word of Python")
    case("json/safe-integer", b"9007199254740991\n", ACCEPT, about="2^53 - 1")
    case("json/large-text", [b'"', (b"a" * 1024, 1024), b'"\n'], ACCEPT, about="1 MiB of text")
    case(
        "json/many-zeros", [b"[\n", (b"  0,\n", 10_000), b"  0\n]\n"], ACCEPT,
        about="an array of 10,001",
    )  # fmt: skip
    case(
        "json/turned-round", '"\u202ecod.exe"\n'.encode(), ACCEPT,
        about="U+202E is text; whoever shows it escapes it (CVE-2021-42574)",
    )  # fmt: skip


def nested(levels: int) -> bytes:
    """Return arrays inside arrays, in the one spelling."""
    lines = ["  " * n + "[" for n in range(levels - 1)] + ["  " * (levels - 1) + "[]"]
    lines += ["  " * n + "]" for n in reversed(range(levels - 1))]
    return "".join(f"{line}\n" for line in lines).encode()
