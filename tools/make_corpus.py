"""Write the hostile corpus: ``python tools/make_corpus.py [--check]``.

Each case is bytes that somebody could send, and the answer that must come.  They are written
here as Python, so that what is special about them can be read, and kept as data, so that
another parser can be held to them (docs/spec/baseline.md).
"""

from __future__ import annotations

import sys
import unicodedata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # run as a plain script, also where nothing is installed

from generated import bring_up_to_date  # noqa: E402 - after the path is set, as all below

from greenlight.primitives import cbor, cjson, cose  # noqa: E402
from greenlight.primitives.ed25519 import SeedSigner  # noqa: E402
from greenlight.services.parsers import COSE_TYPE  # noqa: E402

PATH = ROOT / "greenlight" / "data" / "hostile-corpus.json"
KEY = SeedSigner(b"greenlight hostile corpus: a key")  # 32 bytes; it vouches for nothing
ACCEPT, REFUSE, EITHER = "accept", "refuse", "either"
Bytes = bytes | list[bytes | tuple[bytes, int]]

CASES: list[dict[str, Any]] = []


def case(  # noqa: PLR0913 - the columns of a table
    name: str, data: Bytes, expect: str, *, means: str = "", others: str = "", about: str
) -> None:
    """Add a case; ``means`` names the value that it spells, where others spell it too."""
    parts = data if isinstance(data, list) else [data]
    kind = name.partition("/")[0]
    CASES.append(
        {
            "about": about,
            "expect": expect,
            "format": kind,
            "means": means,
            "name": name,
            # Which of several spellings another parser takes is its own affair: one of them.
            "others": others or (ACCEPT if expect == ACCEPT else EITHER if means else REFUSE),
            "parts": [_part(part) for part in parts],
        }
    )


def _part(part: bytes | tuple[bytes, int]) -> dict[str, Any]:
    data, times = part if isinstance(part, tuple) else (part, 1)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = "\0"
    shown = all(char == "\n" or " " <= char <= "~" for char in text)
    return {
        "hex": "" if shown else data.hex(),
        "text": text if shown else "",
        "times": times,
    }


def json_cases() -> None:
    """JSON in one spelling: what ``jq -S .`` prints."""
    bad = "JSON_MALFORMED"
    good = '{\n  "a": 1,\n  "b": [\n    true,\n    null,\n    "é"\n  ]\n}\n'.encode()

    def other(name: str, data: bytes, about: str) -> None:
        case(f"json/{name}", data, bad, means="json-map", about=about)

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
    case("json/escaped-solidus", b'"a\\/b"\n', bad, means="json-solidus", about="a slash escaped")
    case("json/zero", b"0\n", ACCEPT, means="json-zero", about="zero")
    case("json/minus-zero", b"-0\n", bad, means="json-zero", about="zero with a sign")
    case("json/no-number", b"00\n", bad, about="a leading zero, which JSON has not")

    def hostile(name: str, data: Bytes, about: str, others: str = REFUSE) -> None:
        case(f"json/{name}", data, bad, others=others, about=about)

    hostile("key-twice", b'{\n  "a": 1,\n  "a": 2\n}\n', "two values for a key (CVE-2017-12635)")
    hostile("key-twice-escaped", b'{\n  "a": 1,\n  "\\u0061": 2\n}\n', "the same, spelt differently")
    hostile("overlong-slash", b'"\xc0\xaf"\n', "an overlong slash")
    hostile("overlong-nul", b'"\xc0\x80"\n', "NUL as Java writes it")
    hostile("overlong-three", b'"\xe0\x80\xaf"\n', "an overlong slash of three bytes")
    hostile("beyond-unicode", b'"\xf4\x90\x80\x80"\n', "a code point beyond U+10FFFF")
    hostile("five-bytes", b'"\xf8\x88\x80\x80\x80"\n', "a form that UTF-8 lost in 2003")
    hostile("lone-continuation", b'"\x80"\n', "a continuation byte alone")
    hostile("cut-character", b'"\xe2\x82"\n', "a character that is cut")
    hostile("encoded-surrogate", b'"\xed\xa0\x80"\n', "half of a pair, as CESU-8 has it")
    hostile("lone-surrogate", b'"\\ud800"\n', "half of a pair, escaped", EITHER)
    hostile("pair-reversed", b'"\\udc00\\ud800"\n', "two halves the wrong way round", EITHER)
    hostile("escaped-nul", b'"a\\u0000b"\n', "NUL, escaped", EITHER)
    hostile("raw-nul", b'"a\x00b"\n', "NUL, as it is")
    hostile("raw-escape", b'"\x1b[2J"\n', "a terminal sequence")
    hostile("raw-delete", b'"\x7f"\n', "U+007F, which jq escapes", EITHER)
    hostile("c1-control", b'"\xc2\x9b2J"\n', "U+009B: a terminal sequence in one character", EITHER)
    hostile("not-a-number", b"NaN\n", "NaN")
    hostile("infinity", b"-Infinity\n", "minus infinity")
    hostile("hexadecimal", b"0x10\n", "a number in hexadecimal")
    hostile("plus", b"+1\n", "a number with a plus")
    hostile("bare-point", b".5\n", "a number that begins with a point")
    hostile("trailing-comma", b"[\n  1,\n]\n", "a comma too many")
    hostile("comment", b"// x\n1\n", "a comment")
    hostile("single-quotes", b"'a'\n", "the other quotes")
    hostile("bare-key", b"{a: 1}\n", "a key without quotes")
    hostile("big-integer", b"9007199254740992\n", "2^53, which not every reader holds", EITHER)
    hostile("huge-exponent", b"1e400\n", "a number beyond binary64", EITHER)
    hostile("million-digits", [(b"9", 1_000_000), b"\n"], "quadratic for a careless reader", EITHER)
    hostile("deep-arrays", [(b"[", 100_000), (b"]", 100_000), b"\n"], "a stack's worth", EITHER)
    hostile("deep-arrays-open", [(b"[", 100_000)], "the same, never closed")
    hostile("deep-objects", [(b'{"a":', 100_000), b"1", (b"}", 100_000)], "likewise", EITHER)
    hostile("one-too-deep", nested(33), "one level more than is read", EITHER)
    case("json/as-deep-as-may-be", nested(32), ACCEPT, about="as many levels as are read")
    hostile("unclosed-text", b'"abc\n', "a text without an end")
    hostile("unclosed-object", b'{\n  "a": 1\n', "an object without an end")
    hostile("trailing-value", b"1\n2\n", "two values")
    hostile("trailing-byte", b"1\n\x00", "NUL behind the value")
    hostile("empty", b"", "nothing")
    hostile("only-space", b" \n", "white space alone")
    hostile("only-mark", b"\xef\xbb\xbf", "a byte order mark alone")
    hostile("utf-16", "\ufeff1\n".encode("utf-16-le"), "UTF-16", EITHER)
    hostile("utf-32", "1\n".encode("utf-32-be"), "UTF-32", EITHER)
    hostile("too-large", [b'"', (b"a" * 1024, 17 * 1024), b'"\n'], "17 MiB of text", EITHER)
    hostile("bad-escape", b'"\\x41"\n', "an escape that JSON has not")
    hostile("word", b"True\n", "a word of Python")
    case("json/safe-integer", b"9007199254740991\n", ACCEPT, about="2^53 - 1")
    case("json/large-text", [b'"', (b"a" * 1024, 1024), b'"\n'], ACCEPT, about="1 MiB of text")
    case(
        "json/many-zeros", [b"[\n", (b"  0,\n", 50_000), b"  0\n]\n"], ACCEPT,
        about="an array of 50,001",
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


def cbor_cases() -> None:
    """CBOR: RFC 8949 section 4.2.1."""
    bad = "CBOR_MALFORMED"

    def spelling(name: str, data: str, means: str, about: str, expect: str = bad) -> None:
        case(f"cbor/{name}", bytes.fromhex(data), expect, means=means, about=about)

    spelling("one", "01", "cbor-one", "1", ACCEPT)
    spelling("one-in-two", "1801", "cbor-one", "1 in two bytes")
    spelling("one-in-three", "190001", "cbor-one", "1 in three bytes")
    spelling("one-in-five", "1a00000001", "cbor-one", "1 in five bytes")
    spelling("one-in-nine", "1b0000000000000001", "cbor-one", "1 in nine bytes")
    spelling("one-bignum", "c24101", "cbor-one", "1 as a bignum")
    spelling("one-half", "f93c00", "cbor-one", "1 as a half-precision float")
    spelling("minus-one", "20", "cbor-minus-one", "-1", ACCEPT)
    spelling("minus-one-long", "3800", "cbor-minus-one", "-1 in two bytes")
    spelling("array", "820102", "cbor-array", "[1, 2]", ACCEPT)
    spelling("array-long-head", "98020102", "cbor-array", "a head that is not the shortest")
    spelling("array-indefinite", "9f0102ff", "cbor-array", "without a length")
    spelling("bytes", "4161", "cbor-bytes", "h'61'", ACCEPT)
    spelling("bytes-chunks", "5f4161ff", "cbor-bytes", "in chunks")
    spelling("text", "62c3a9", "cbor-text", "é", ACCEPT)
    spelling("text-decomposed", "6365cc81", "cbor-text", "é in NFD")
    spelling("text-chunks", "7f62c3a9ff", "cbor-text", "in chunks")
    spelling("map", "a40a0118640220036161" + "04", "cbor-map", "bytewise order", ACCEPT)
    spelling("map-length-first", "a40a01200318640261" + "6104", "cbor-map", "RFC 7049's order")
    spelling("map-reversed", "a46161042003186402" + "0a01", "cbor-map", "the other way round")
    spelling("map-indefinite", "bf0a0118640220036161" + "04ff", "cbor-map", "without a length")
    spelling("map-key-twice", "a50a010a0118640220036161" + "04", "cbor-map", "a key twice, alike")
    spelling("false", "f4", "cbor-false", "false", ACCEPT)
    spelling("false-long", "f814", "cbor-false", "false in two bytes")

    def hostile(name: str, data: Bytes, about: str, others: str = REFUSE) -> None:
        case(f"cbor/{name}", data, bad, others=others, about=about)

    hostile("key-twice", bytes.fromhex("a201010102"), "two values for a key")
    hostile("empty", b"", "nothing")
    hostile("cut-head", b"\x19\x01", "it ends inside a head")
    hostile("cut-text", b"\x63ab", "it ends inside a text")
    hostile("cut-array", b"\x82\x01", "it ends inside an array")
    hostile("cut-map", b"\xa1\x01", "it ends before a value")
    hostile("trailing", b"\x01\x00", "a byte behind the item", EITHER)
    hostile("endless-array", b"\x9f" + b"\x01" * 8, "an indefinite array that never ends")
    hostile("break-alone", b"\xff", "a break without a beginning")
    hostile("reserved-head", b"\x1c", "a head that CBOR does not define")
    hostile("reserved-simple", b"\xf8\x10", "a simple value in the wrong form")
    hostile("undefined", b"\xf7", "undefined", EITHER)
    hostile("nan", b"\xf9\x7e\x00", "NaN", EITHER)
    hostile("float", b"\xfb\x3f\xf1\x99\x99\x99\x99\x99\x9a", "1.1", EITHER)
    hostile("beyond-int64", b"\x1b" + b"\xff" * 8, "2^64 - 1", EITHER)
    hostile("bignum", b"\xc2\x59\x03\xe8" + b"\xff" * 1000, "a bignum of 1,000 bytes", EITHER)
    hostile("huge-array", b"\x9b" + b"\x7f" * 8, "announces more items than there are bytes")
    hostile("huge-bytes", b"\x5b" + b"\x7f" * 8, "announces more bytes than there are")
    hostile("huge-map", b"\xbb" + b"\x7f" * 8, "announces more pairs than there are bytes")
    hostile("deep-arrays", [(b"\x81", 100_000), b"\x01"], "a stack's worth", EITHER)
    hostile("deep-maps", [(b"\xa1\x01", 100_000), b"\x01"], "likewise", EITHER)
    hostile("deep-tags", [(b"\xd8\x1d", 100_000), b"\x01"], "likewise", EITHER)
    hostile("deep-chunks", [(b"\x5f", 100_000)], "chunks inside chunks")
    hostile("one-too-deep", b"\x81" * 17 + b"\x01", "one level more than is read", EITHER)
    case("cbor/as-deep-as-may-be", b"\x81" * 16 + b"\x01", ACCEPT, about="as deep as is read")
    hostile("tag", b"\xc1\x01", "a tag", EITHER)
    hostile("shared-reference", bytes.fromhex("d81c81d81d00"), "an array that holds itself", EITHER)
    hostile("overlong", b"\x62\xc0\xaf", "text with an overlong slash")
    hostile("surrogate", b"\x63\xed\xa0\x80", "text with half of a pair")
    hostile("bytes-as-key", b"\xa1\x41\x61\x01", "bytes for a key", EITHER)
    hostile("array-as-key", b"\xa1\x81\x01\x01", "an array for a key", EITHER)
    hostile("false-as-key", b"\xa1\xf4\x01", "false for a key", EITHER)
    hostile("too-large", [b"\x5a\x00\x20\x00\x00", (bytes(1024), 2048)], "2 MiB of bytes", EITHER)
    case("cbor/large-bytes", [b"\x5a\x00\x10\x00\x00", (bytes(1024), 1024)], ACCEPT, about="1 MiB")
    case("cbor/int64", b"\x1b\x7f" + b"\xff" * 7, ACCEPT, about="2^63 - 1")
    case("cbor/least-int64", b"\x3b\x7f" + b"\xff" * 7, ACCEPT, about="-2^63")


def yaml_cases() -> None:
    """YAML: the subset that lane files are written in; people write it in many ways."""
    bad = "YAML_MALFORMED"

    def hostile(name: str, data: Bytes, about: str, expect: str = bad, others: str = EITHER) -> None:
        case(f"yaml/{name}", data, expect, others=others, about=about)

    case("yaml/map", b"a: 1\nb: [x, 'y', null]\n", ACCEPT, about="a map")
    case("yaml/words", b"a: yes\nb: off\n", ACCEPT, about="yes and off are text in YAML 1.2")
    case("yaml/many", [b"a:\n", (b"  - x\n", 2000)], ACCEPT, about="2,000 items")
    hostile("key-twice", b"a: 1\na: 2\n", "two values for a key", "LANE_DUPLICATE_KEY")
    hostile("alias", b"a: &x 1\nb: *x\n", "an alias")
    laughs = "".join(
        f"{name}: &{name} [{', '.join(['*' + before] * 9)}]\n"
        for before, name in zip("abcdefgh", "bcdefghi", strict=True)
    )
    hostile("billion-laughs", ("a: &a [x, x]\n" + laughs).encode(), "nine to the ninth")
    hostile("itself", b"&a [*a]\n", "a list that holds itself")
    hostile("python-tag", b"!!python/object/apply:os.system ['true']\n", "a tag that runs")
    hostile("string-tag", b"a: !!str 1\n", "a tag")
    hostile("merge", b"a: {b: 1}\nc:\n  <<: {d: 2}\n", "a merge key")
    hostile("float", b"a: 1.5\n", "a float")
    hostile("octal", b"a: 0o17\n", "15 here, a text elsewhere")
    hostile("leading-zero", b"a: 017\n", "17 or 15")
    hostile("not-a-number", b"a: .nan\n", "NaN")
    hostile("number-as-key", b"1: a\n", "a key that is no text")
    hostile("list-as-key", b"? [a]\n: b\n", "a list for a key")
    hostile("byte-order-mark", b"\xef\xbb\xbfa: 1\n", "U+FEFF in front")
    hostile("next-line", "a: x\u0085y\n".encode(), "U+0085, a line end in YAML 1.1")
    hostile("line-separator", "a: x\u2028y\n".encode(), "U+2028, likewise")
    hostile("escape", b"a: \x1b[2J\n", "a terminal sequence")
    hostile("nul", b"a: x\x00y\n", "NUL")
    hostile("not-utf-8", b"a: \xff\n", "no UTF-8")
    hostile("overlong", b"a: \xc0\xaf\n", "an overlong slash")
    hostile("utf-16", "a: 1\n".encode("utf-16"), "UTF-16")
    hostile("decomposed", b"a: e\xcc\x81\n", "NFD")
    hostile("surrogate", b'a: "\\ud800"\n', "half of a pair, escaped")
    hostile("two-documents", b"a: 1\n---\nb: 2\n", "two documents")
    hostile("directive", b"%YAML 1.1\n---\na: 1\n", "another version")
    hostile("unclosed", b'a: "x\n', "a text without an end")
    hostile("unclosed-flow", b"a: [1, 2\n", "a list without an end")
    hostile("tab-indent", b"a:\n\tb: 1\n", "a tab for an indent")
    hostile("deep-flow", [(b"[", 20_000), (b"]", 20_000)], "a stack's worth")
    hostile("deep-flow-open", [(b"[", 100_000)], "likewise, never closed")
    hostile("deep-dashes", [(b"- ", 10_000), b"x\n"], "likewise, in one line")
    hostile("too-many", [b"a:\n", (b"  - x\n", 21_000)], "more nodes than are read")
    hostile("too-large", [b"a: ", (b"x" * 1024, 1100), b"\n"], "more than 1 MiB")
    hostile("huge-integer", [b"a: ", (b"9", 100_000), b"\n"], "quadratic for a careless reader")


def cose_cases() -> None:
    """COSE_Sign1, signed by a key of the corpus's own."""
    bad, invalid = "SEAL_MALFORMED", "SEAL_SIGNATURE_INVALID"
    good = cose.sign1(b"payload", KEY, content_type=COSE_TYPE, subject="corpus", detached=False)
    protected, unprotected, payload, signature = cbor.decode(good, tag=18)  # type: ignore[misc]  # an array of four

    def made(
        head: object = protected, open_: object = unprotected, body: object = payload,
        sign: object = signature,
    ) -> bytes:  # fmt: skip
        return cbor.encode((head, open_, body, sign), tag=18)

    def hostile(name: str, data: Bytes, about: str, expect: str = bad) -> None:
        case(f"cose/{name}", data, expect, about=about)

    case("cose/signed", good, ACCEPT, means="cose-signed", about="the one spelling")
    case("cose/no-tag", good[1:], bad, means="cose-signed", about="without its tag")
    case("cose/tag-long", b"\xd8\x12" + good[1:], bad, means="cose-signed", about="a long tag")
    case("cose/tag-twice", b"\xd2" + good, bad, means="cose-signed", about="the tag twice")
    case(
        "cose/open-header", made(open_={99: 1}), bad, means="cose-signed",
        about="something that nobody signed",
    )  # fmt: skip
    case(
        "cose/indefinite", b"\xd2\x9f" + good[2:] + b"\xff", bad, means="cose-signed",
        about="without a length",
    )  # fmt: skip
    head = cbor.decode(protected)
    assert isinstance(head, dict)
    hostile("no-algorithm", made(cbor.encode({k: v for k, v in head.items() if k != 1})), "no alg")
    hostile("other-algorithm", made(cbor.encode({**head, 1: -7})), "ES256 for EdDSA")
    hostile("critical", made(cbor.encode({**head, 2: [99]})), "a critical header nobody knows")
    hostile("other-type", made(cbor.encode({**head, 3: "text/plain"})), "another content type")
    hostile("short-key-id", made(cbor.encode({**head, 4: b"x"})), "a key id of one byte")
    hostile("long-head", made(b"\xb8" + protected[:1] + protected[1:]), "a header not canonical")
    hostile("empty-head", made(b""), "an empty header")
    hostile("short-signature", made(sign=signature[:-1]), "63 bytes")
    hostile("long-signature", made(sign=signature + b"\0"), "65 bytes")
    hostile("no-signature", made(sign=None), "no signature")
    hostile("detached", made(body=None), "no payload anywhere")
    hostile("three", cbor.encode((protected, {}, payload), tag=18), "an array of three")
    hostile("five", cbor.encode((protected, {}, payload, signature, 0), tag=18), "one of five")
    hostile("trailing", good + b"\0", "a byte behind it")
    hostile("cut", good[:-1], "the last byte is missing")
    hostile("empty", b"", "nothing")
    hostile("another-payload", made(body=b"another"), "what was not signed", invalid)
    flipped = bytes([signature[0] ^ 1]) + signature[1:]
    hostile("flipped-bit", made(sign=flipped), "one bit of the signature", invalid)
    order = 2**252 + 27742317777372353535851937790883648493
    scalar = (int.from_bytes(signature[32:], "little") + order).to_bytes(32, "little")
    hostile("malleable", made(sign=signature[:32] + scalar), "S beyond the group's order", invalid)
    hostile("zeros", made(sign=bytes(64)), "a signature of zeros", invalid)


def text_cases() -> None:
    """Short texts that are compared: tokens, paths, digests, times, keys."""

    def token(name: str, text: str, about: str, expect: str = "MALFORMED", means: str = "") -> None:
        case(f"token/{name}", text.encode("utf-8"), expect, means=means, about=about)

    token("plain", "release-docs", "a label", ACCEPT, "token")
    token("cyrillic", "relеase-docs", "a Cyrillic е", means="token")  # noqa: RUF001 - the point
    token("greek", "releαse-docs", "a Greek alpha", means="token")  # noqa: RUF001 - the point
    token("full-width", "release－docs", "a full-width hyphen", means="token")  # noqa: RUF001
    token("dash", "release–docs", "an en dash", means="token")  # noqa: RUF001 - the point
    token("zero-width", "release\u200b-docs", "a zero width space", means="token")
    token("joiner", "release\u200d-docs", "a zero width joiner", means="token")
    token("soft-hyphen", "release\u00ad-docs", "a soft hyphen", means="token")
    token("variation", "release\ufe0f-docs", "a variation selector", means="token")
    token("tag", "release-docs\U000e0041", "a tag character", means="token")
    token("mark", "\ufeffrelease-docs", "a byte order mark", means="token")
    token("override", "release-\u202escod", "turned round", means="token")
    token("line-end", "release-docs\n", "a line end", means="token")
    token("space", " release-docs", "a space", means="token")
    token("no-break-space", "release-docs\u00a0", "a no-break space", means="token")
    token("combining", "rele\u0301ase-docs", "an accent", means="token")
    token("dotless", "releaſe-docs", "a long s", means="token")
    token("nul", "release-docs\0", "NUL", means="token")
    token("empty", "", "nothing")
    token("too-long", "a" * 200, "longer than a label")
    case("token/not-utf-8", b"release\xff", "MALFORMED", about="no UTF-8")

    def path(name: str, text: str, expect: str, about: str, means: str = "") -> None:
        case(f"path/{name}", text.encode("utf-8"), expect, means=means, about=about)

    path("plain", "docs/a.txt", ACCEPT, "a path", "path")
    path("dot", "docs/./a.txt", "PATH_DOTS", "a dot", "path")
    path("two-slashes", "docs//a.txt", "PATH_DOTS", "an empty segment", "path")
    path("back", "docs/../docs/a.txt", "PATH_DOTS", "there and back", "path")
    path("backslash", "docs\\a.txt", "PATH_BACKSLASH", "the other slash", "path")
    path("absolute", "/docs/a.txt", "PATH_ABSOLUTE", "from the root")
    path("up", "../a.txt", "PATH_DOTS", "out of the folder")
    path("git", ".git/config", "PATH_DOTGIT", "Git's own folder")
    path("git-case", ".GiT/config", "PATH_DOTGIT", "the same on a Mac (CVE-2014-9390)")
    path("git-short", "git~1/config", "PATH_DOTGIT", "the same on NTFS")
    path("git-ignorable", ".g\u200cit/config", "PATH_DOTGIT", "the same on HFS+")
    path("device", "aux.txt", "PATH_WINDOWS", "a device of Windows")
    path("stream", "a.txt::$DATA", "PATH_WINDOWS", "a stream of NTFS")
    path("last-dot", "a.", "PATH_WINDOWS", "a dot that Windows drops")
    path("decomposed", "e\u0301", "PATH_NOT_NFC", "NFD")
    path("control", "a\nb", "PATH_CONTROL", "a line end")
    path("deep", "a/" * 40 + "a", "PATH_TOO_DEEP", "more levels than allowed")
    path("long", "a" * 300, "PATH_TOO_LONG", "a longer name than file systems have")
    path("empty", "", "PATH_DOTS", "nothing")

    digits = "0123456789abcdef" * 4
    digest = f"sha256:{digits}"
    for name, text, expect, about in (
        ("plain", digest, ACCEPT, "a digest"),
        ("capitals", f"sha256:{digits.upper()}", "MALFORMED", "capitals"),
        ("bare", digits, "MALFORMED", "without its algorithm"),
        ("spaces", f"sha256:{digits[:32]} {digits[32:]}", "MALFORMED", "a space inside"),
        ("algorithm-capitals", f"SHA256:{digits}", "MALFORMED", "the name in capitals"),
        ("line-end", f"{digest}\n", "MALFORMED", "a line end"),
    ):
        case(f"digest/{name}", text.encode(), expect, means="digest", about=about)
    case("digest/short", digest[:-2].encode(), "MALFORMED", about="a byte too few")
    case("digest/md5", b"md5:" + b"0" * 32, "MALFORMED", about="another algorithm")

    moment = "2026-01-31T23:59:59Z"
    for name, text, expect, about in (
        ("plain", moment, ACCEPT, "a time"),
        ("offset", "2026-01-31T23:59:59+00:00", "MALFORMED", "an offset for Z"),
        ("small-z", "2026-01-31T23:59:59z", "MALFORMED", "a small z"),
        ("space", "2026-01-31 23:59:59Z", "MALFORMED", "a space for T"),
        ("fraction", "2026-01-31T23:59:59.0Z", "MALFORMED", "a fraction of nothing"),
        ("basic", "20260131T235959Z", "MALFORMED", "the basic form"),
        ("zone", "2026-02-01T00:59:59+01:00", "MALFORMED", "another zone"),
    ):
        case(f"time/{name}", text.encode(), expect, means="time", about=about)
    case("time/leap", b"2026-06-30T23:59:60Z", "MALFORMED", about="a leap second")
    case("time/no-day", b"2026-02-30T00:00:00Z", "MALFORMED", about="a day that is not")
    case("time/arabic", "٢٠٢٦-01-31T23:59:59Z".encode(), "MALFORMED", about="digits of others")


def main() -> int:
    """Write or check, as the command line says."""
    for fill in (json_cases, cbor_cases, yaml_cases, cose_cases, text_cases):
        fill()
    names = [each["name"] for each in CASES]
    assert len(set(names)) == len(names)
    whole = {
        "cases": sorted(CASES, key=lambda each: each["name"]),
        "cose_key": KEY.public.raw.hex(),
        "format": 1,
        "kind": "hostile-corpus",
    }
    return bring_up_to_date({PATH: cjson.encode(whole)}, [], check="--check" in sys.argv[1:])


if __name__ == "__main__":
    raise SystemExit(main())
