"""What is read by a shape is what the parser would read, or nothing."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greenlight.errors import MalformedError
from greenlight.primitives import cbor, shapes
from greenlight.primitives.shapes import NOTHING, Shape, Shapes
from tests.primitives.test_cbor import VALUES


def parsed(data: bytes, tag: int | None = None) -> object:
    """Return what the parser alone makes of an item, or what it says is wrong."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Shapes, "find", lambda *_: NOTHING)
        try:
            return cbor.decode(data, tag=tag)
        except MalformedError as error:
            return str(error)


@given(VALUES, st.none() | st.just(18))
def test_an_item_is_read_by_its_own_shape(value: object, tag: int | None) -> None:
    """A shape gives back what it was learned from, unless there is text that is not ASCII."""
    data = cbor.encode(value, tag=tag)
    found = Shape(data, len(data) - len(cbor.encode(value))).read(data)
    assert found == parsed(data, tag) or (found is NOTHING and not ascii_only(value))
    assert found is NOTHING or repr(found) == repr(parsed(data, tag))


def ascii_only(value: object) -> bool:
    """Report whether no text in a value is beyond ASCII."""
    if isinstance(value, str):
        return value.isascii()
    if isinstance(value, dict):
        return all(map(ascii_only, value.values()))
    return not isinstance(value, list) or all(map(ascii_only, value))


@settings(max_examples=500)
@given(VALUES, st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=4))
def test_other_bytes_of_one_length(value: object, changes: list[tuple[int, int]]) -> None:
    """Whatever else has the same length: the shape says what the parser says, or nothing."""
    data = bytearray(cbor.encode(value))
    shape = Shape(bytes(data), 0)
    for at, byte in changes:
        data[at % len(data)] = byte
    found = shape.read(bytes(data))
    if found is not NOTHING:
        assert repr(found) == repr(parsed(bytes(data)))


@pytest.mark.parametrize(
    ("learned", "other"),
    [
        ("18ff", "1817"),  # 23 in one byte
        ("190100", "1900ff"),
        ("1a00010000", "1a0000ffff"),
        ("1b0000000100000000", "1b00000000ffffffff"),
        ("1b0000000100000000", "1b8000000000000000"),  # beyond int64
        ("3b0000000100000000", "3bffffffffffffffff"),
        ("390100", "3900ff"),
        ("6161", "61c3"),  # no UTF-8
    ],
)
def test_integers_that_could_be_shorter(learned: str, other: str) -> None:
    """An integer of the same width that has a shorter spelling, or is too large, is not read."""
    shape = Shape(bytes.fromhex(learned), 0)
    assert shape.read(bytes.fromhex(other)) is NOTHING
    assert isinstance(parsed(bytes.fromhex(other)), str)


def test_learned_when_a_length_is_a_habit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few items of one length go by before a shape is learned; all are forgotten at once."""
    known = Shapes()
    monkeypatch.setattr(cbor, "_SHAPES", known)
    monkeypatch.setattr(shapes, "MAX_SHAPES", 3)
    items = [cbor.encode({1: number, 2: "x"}) for number in range(100, 200)]
    for number, data in enumerate(items, 100):
        assert cbor.decode(data) == {1: number, 2: "x"}
    assert known.find(items[0], None) == {1: 100, 2: "x"}
    for length in range(30, 40):
        for _ in range(shapes.HABIT + 1):
            cbor.decode(cbor.encode("x" * length))
    assert known.find(items[0], None) is NOTHING
    assert known.find(cbor.encode("y" * 39), None) == "y" * 39


def test_long_items_are_not_learned() -> None:
    known = Shapes()
    data = cbor.encode(b"x" * shapes.MAX_LEARNED_BYTES)
    for _ in range(shapes.HABIT + 2):
        known.learn(data, 0, None)
    assert known.find(data, None) is NOTHING
