"""CBOR: RFC 8949 section 4.2.1, and what is not."""

from __future__ import annotations

from tools.corpus.kit import ACCEPT, EITHER, REFUSE, Bytes, case

BAD = "CBOR_MALFORMED"


def spellings() -> None:
    """Values in several spellings each."""

    def spelling(name: str, data: str, means: str, about: str, expect: str = BAD) -> None:
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


def attacks() -> None:
    """What a careless reader falls for."""

    def hostile(name: str, data: Bytes, about: str, others: str = REFUSE) -> None:
        case(f"cbor/{name}", data, BAD, others=others, about=about)

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
