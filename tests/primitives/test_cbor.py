"""Deterministic CBOR: one spelling, and other people's reader agrees."""

from __future__ import annotations

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenlight.codes import Code
from greenlight.errors import MalformedError
from greenlight.primitives import cbor


def cbor_text(text: str) -> bool:
    """Report whether ``text`` is NFC without lone surrogates, as text must be."""
    try:
        cbor.encode(text)
    except MalformedError:
        return False
    return True


SCALARS = (
    st.integers(-(2**63), 2**63 - 1)
    | st.binary(max_size=40)
    | st.text(max_size=20).filter(cbor_text)
    | st.booleans()
    | st.none()
)
KEYS = st.integers(-(2**63), 2**63 - 1) | st.text("abcz", max_size=30)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=20,
)


@given(VALUES)
def test_round_trip(value: object) -> None:
    """What is written is read back, and reads the same with cbor2 alone."""
    data = cbor.encode(value)
    assert cbor.decode(data) == value
    assert cbor2.loads(data) == value


@given(
    st.dictionaries(st.integers(0, 2**63 - 1), st.none())
    | st.dictionaries(st.text("ab"), st.none())
)
def test_unmixed_keys_are_in_both_orders(value: dict[object, None]) -> None:
    """For keys of one kind RFC 8949 4.2.1 and the older length-first order are one."""
    assert cbor.encode(value) == cbor2.dumps(value, canonical=True)


@given(st.binary(max_size=60))
def test_what_is_read_is_in_its_one_spelling(data: bytes) -> None:
    """Reading any bytes either fails cleanly or encodes to the same bytes again."""
    try:
        value = cbor.decode(data)
    except MalformedError as error:
        assert error.code is Code.CBOR_MALFORMED  # noqa: PT017  # either outcome is allowed
    else:
        assert cbor.encode(value) == data


@given(VALUES, st.data())
def test_a_flipped_bit_never_gives_the_same_value(value: object, data: st.DataObject) -> None:
    """No two spellings: a changed byte is refused or means something else."""
    good = cbor.encode(value)
    bit = data.draw(st.integers(0, 8 * len(good) - 1))
    bad = bytearray(good)
    bad[bit // 8] ^= 1 << bit % 8
    try:
        other = cbor.decode(bytes(bad))
    except MalformedError:
        return
    assert cbor.encode(other) != good


# Maps whose keys mix signs and types: bytewise order (RFC 8949 4.2.1), then length-first
# (4.2.3), which cbor2's canonical=True writes.
MIXED_MAPS = [
    ({10: 0, 100: 0, -1: 0, "z": 0, "aa": 0}, "0a 1864 20 617a 626161", "0a 20 1864 617a 626161"),
    ({24: 0, -1: 0}, "1818 20", "20 1818"),
    ({-1: 0, 1: 0, -2: 0}, "01 20 21", "01 20 21"),
    ({256: 0, -24: 0, "": 0}, "190100 37 60", "37 60 190100"),
    ({-25: 0, "a": 0, -1: 0}, "20 3818 6161", "20 3818 6161"),
]


@pytest.mark.parametrize(("value", "bytewise", "length_first"), MIXED_MAPS)
def test_mixed_maps_are_in_bytewise_order(
    value: dict[int | str, int], bytewise: str, length_first: str
) -> None:
    """Keys are ordered by their bytes; the older order is refused where it differs."""
    expected = _map(bytewise)
    older = _map(length_first)
    assert cbor.encode(value) == expected
    assert cbor.decode(expected) == value
    assert cbor2.dumps(value, canonical=True) == older
    if older != expected:
        with pytest.raises(MalformedError):
            cbor.decode(older)


def _map(keys: str) -> bytes:
    items = [bytes.fromhex(key) + b"\x00" for key in keys.split()]
    return bytes([0xA0 + len(items)]) + b"".join(items)


REFUSED = {
    "no bytes": "",
    "bytes after the item": "0000",
    "head longer than needed": "1800",
    "two-byte head longer than needed": "1900ff",
    "four-byte head longer than needed": "1a0000ffff",
    "eight-byte head longer than needed": "1b00000000ffffffff",
    "length longer than needed": "5801ff",
    "count longer than needed": "980100",
    "reserved head": "1c",
    "indefinite bytes": "5f4100ff",
    "indefinite text": "7f6161ff",
    "indefinite array": "9f00ff",
    "indefinite map": "bf0000ff",
    "a lone break": "ff",
    "integer beyond int64": "1b8000000000000000",
    "negative integer beyond int64": "3b8000000000000000",
    "half float": "f93c00",
    "single float": "fa3fc00000",
    "double float": "fb3ff8000000000000",
    "undefined": "f7",
    "simple value": "e0",
    "two-byte simple value": "f820",
    "bignum": "c249010000000000000000",
    "small bignum": "c24101",
    "date": "c074323031332d30332d32315432303a30343a30305a",
    "set": "d9010281 00",
    "regular expression": "d8236161",
    "shared value": "d81c80",
    "cycle": "d81c81d81d00",
    "string reference": "d90100826161d81900",
    "self-described": "d9d9f700",
    "a tag nobody asked for": "d28000",
    "duplicate keys": "a201000100",
    "keys out of order": "a202000100",
    "bytes as a key": "a1410000",
    "array as a key": "a18000",
    "boolean as a key": "a1f400",
    "tag as a key": "a1c10000",
    "text that is no UTF-8": "61ff",
    "text with a surrogate": "63eda080",
    "text that is not NFC": "6365cc81",
    "text longer than the data": "6261",
    "bytes that would be 16 EiB": "5bffffffffffffffff",
    "array that would be 16 EiB": "9bffffffffffffffff",
    "map that would be 16 EiB": "bbffffffffffffffff",
    "array cut short": "820000"[:4],
    "map without its value": "a100",
    "nested too deep": "81" * 17 + "00",
}


@pytest.mark.parametrize("data", REFUSED.values(), ids=REFUSED.keys())
def test_refused(data: str) -> None:
    """What is not deterministic CBOR of the types allowed is refused, with one code."""
    with pytest.raises(MalformedError) as raised:
        cbor.decode(bytes.fromhex(data))
    assert raised.value.code is Code.CBOR_MALFORMED


def test_depth() -> None:
    """Sixteen arrays in one another are read; writing stops at the same depth."""
    value: object = 0
    for _ in range(16):
        value = [value]
    assert cbor.decode(cbor.encode(value)) == value
    with pytest.raises(MalformedError):
        cbor.encode([value])


def test_size_is_looked_at_first() -> None:
    """More bytes than allowed are refused whatever they are."""
    assert cbor.decode(cbor.encode(b"1234"), max_bytes=5) == b"1234"
    with pytest.raises(MalformedError, match="at most 4"):
        cbor.decode(cbor.encode(b"1234"), max_bytes=4)


def test_a_tag_is_read_only_where_it_was_asked_for() -> None:
    """The tag is part of what is expected: another, none, or a longer head are refused."""
    data = cbor.encode([1], tag=18)
    assert data.hex() == "d28101"
    assert cbor.decode(data, tag=18) == [1]
    assert cbor.decode(cbor.encode([1], tag=394), tag=394) == [1]
    for other in ("8101", "d18101", "d8128101", "d2d28101", "d2", "d38101"):
        with pytest.raises(MalformedError):
            cbor.decode(bytes.fromhex(other), tag=18)


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, "e\u0301", "\ud800"])
def test_values_that_cannot_be_written(value: object) -> None:
    """What could not be read back is not written."""
    with pytest.raises(MalformedError):
        cbor.encode(value)


@pytest.mark.parametrize("value", [1.5, {1, 2}, {b"k": 0}, {True: 0}, object(), bytearray(1)])
def test_types_that_cannot_be_written(value: object) -> None:
    """A type without a spelling is a mistake of the caller."""
    with pytest.raises(TypeError):
        cbor.encode(value)
    with pytest.raises(TypeError):
        cbor.encode([value])


def test_colliding_keys_cost_nothing() -> None:
    """Keys chosen to share a hash never reach a dictionary: they are refused by their type."""
    keys = b"".join(bytes.fromhex("c24a") + (2 + k * (2**61 - 1)).to_bytes(10, "big") + b"\x00"
                    for k in range(1000))  # fmt: skip
    with pytest.raises(MalformedError, match="key"):
        cbor.decode(bytes.fromhex("b903e8") + keys)
