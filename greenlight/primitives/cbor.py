"""Deterministic CBOR: one spelling for each value, and nothing else is read.

The door to ``cbor2``.  Rules, for writing and for reading:

* RFC 8949 section 4.2.1: shortest heads, definite lengths, map keys in the bytewise
  order of their encodings.  (``cbor2.dumps(canonical=True)`` orders by length first,
  section 4.2.3: another order as soon as the keys of a map mix signs or types.)
* Types: integers that fit int64, byte strings, text in NFC, booleans, null, arrays, and
  maps whose keys are integers or text.  No floats, no other simple values, and no tags
  but the one a caller asks for around the whole item.
* No duplicate keys, no bytes after the item, no nesting beyond ``MAX_CBOR_DEPTH``.

Reading scans the bytes before ``cbor2`` sees them.  ``strict_hashable_types``, its switch
against keys that were chosen to collide, refuses integer keys as well, so the scan has to
keep other keys, shared references and bignums away from it; what ``cbor2`` then reads
must encode to the same bytes again.  An item of a shape that was read before is compared with
that instead (``primitives.shapes``).
"""

from __future__ import annotations

import unicodedata
from typing import Final

import cbor2

from greenlight.codes import Code
from greenlight.errors import MalformedError
from greenlight.primitives.limits import MAX_CBOR_DEPTH, MAX_INT64, MAX_RECORD_BYTES
from greenlight.primitives.shapes import NOTHING, Shapes

# Major types, RFC 8949 section 3.1
_UNSIGNED, _NEGATIVE, _BYTES, _TEXT, _ARRAY, _MAP, _TAG, _SIMPLE = range(8)
_KEY_TYPES: Final = frozenset({_UNSIGNED, _NEGATIVE, _TEXT})
_FALSE_TRUE_NULL: Final = frozenset({0xF4, 0xF5, 0xF6})
_ONE_BYTE: Final = 24  # arguments from here on do not fit the initial byte
_WIDTHS: Final = {24: 1, 25: 2, 26: 4, 27: 8}  # bytes of an argument after the initial byte
_SHAPES: Final = Shapes()


def encode(value: object, *, tag: int | None = None) -> bytes:
    """Encode ``value``, inside ``tag`` where one is given; tuples are written as arrays.

    Raises:
        MalformedError: An integer beyond int64, text that is not NFC, or too much nesting.
        TypeError: A type that the rules above do not name.
    """
    ordered = _ordered(value, MAX_CBOR_DEPTH)
    return cbor2.dumps(ordered if tag is None else cbor2.CBORTag(tag, ordered))


def decode(data: bytes, *, max_bytes: int = MAX_RECORD_BYTES, tag: int | None = None) -> object:
    """Decode the one item that ``data`` is; with ``tag``, the item inside that tag.

    Raises:
        MalformedError: The bytes are not what ``encode`` writes, or more than ``max_bytes``.
    """
    if len(data) > max_bytes:
        raise _malformed(f"{len(data)} bytes, at most {max_bytes} are read")
    known = _SHAPES.find(data, tag)
    if known is not NOTHING:
        return known
    start = 0
    if tag is not None:
        head = cbor2.dumps(cbor2.CBORTag(tag, 0))[:-1]  # without the 0
        if not data.startswith(head):
            raise _malformed(f"expected tag {tag}")
        start = len(head)
    end = _scan(data, start, MAX_CBOR_DEPTH)
    if end != len(data):
        raise _malformed(f"{len(data) - end} bytes after the item")
    try:
        value = cbor2.loads(
            data[start:],
            max_depth=MAX_CBOR_DEPTH + 1,
            allow_indefinite=False,
            allow_duplicate_keys=False,
        )
    except (cbor2.CBORError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise _malformed(str(error)) from error
    # The scan saw types, text and order; heads and values are what a second writer makes of them.
    if cbor2.dumps(value) != data[start:]:
        raise _malformed("the item does not encode to the same bytes again")
    _SHAPES.learn(data, start, tag)
    return value


def bytes_head(length: int) -> bytes:
    """Return the head of a byte string of so many bytes (RFC 8949 section 3)."""
    return _head(_BYTES, length)


def integer(value: int) -> bytes:
    """Return an integer from 0 to int64, as ``encode`` writes it."""
    return _head(_UNSIGNED, value)


def _head(kind: int, argument: int) -> bytes:
    if argument < _ONE_BYTE:
        return bytes((kind << 5 | argument,))
    width = 1 if argument < 1 << 8 else 2 if argument < 1 << 16 else 4 if argument < 1 << 32 else 8
    return bytes((kind << 5 | 23 + width.bit_length(),)) + argument.to_bytes(width)


def _ordered(value: object, depth: int) -> object:
    """Return ``value`` with the keys of its maps in order, which ``cbor2.dumps`` keeps."""
    kind = type(value)
    if kind is str:
        _require_nfc(value)  # type: ignore[arg-type]  # ``kind`` has just said that it is text
        return value
    if kind is int:
        if not -MAX_INT64 - 1 <= value <= MAX_INT64:  # type: ignore[operator]  # an int, see above
            raise _malformed("an integer beyond int64")
        return value
    if kind in {bytes, bool} or value is None:
        return value
    if not isinstance(value, (dict, list, tuple)):
        raise TypeError(f"{kind.__name__} is not one of the types that are written")
    if depth == 0:
        raise _malformed(f"nested more than {MAX_CBOR_DEPTH} deep")
    if isinstance(value, dict):
        for key in value:
            if type(key) not in {int, str}:
                raise TypeError(f"CBOR map keys are integers or text, not {type(key).__name__}")
        keys = sorted((_ordered(key, 0) for key in value), key=cbor2.dumps)
        return {key: _ordered(value[key], depth - 1) for key in keys}
    return [_ordered(item, depth - 1) for item in value]


def _scan(data: bytes, at: int, depth: int) -> int:
    """Return the position after the item at ``at``.

    Raises:
        MalformedError: The item is not deterministic, not whole, or not of the types allowed.
    """
    if at >= len(data):
        raise _malformed("the bytes end inside an item")
    initial = data[at]
    if initial in _FALSE_TRUE_NULL:
        return at + 1
    kind = initial >> 5
    if kind >= _TAG:
        raise _malformed("a tag, a float or a simple value other than false, true and null")
    argument = initial & 0x1F
    if argument < _ONE_BYTE:
        at += 1
    else:
        argument, at = _argument(data, at)
    if kind <= _NEGATIVE:
        if argument > MAX_INT64:
            raise _malformed("an integer beyond int64")
        return at
    if kind <= _TEXT:
        return _scan_string(data, at, argument, kind)
    if depth == 0:
        raise _malformed(f"nested more than {MAX_CBOR_DEPTH} deep")
    scan = _scan_map if kind == _MAP else _scan_array
    return scan(data, at, argument, depth)


def _scan_array(data: bytes, at: int, count: int, depth: int) -> int:
    """Return the position after the ``count`` items at ``at``."""
    for _ in range(count):  # a count larger than the data ends at the first missing item
        at = _scan(data, at, depth - 1)
    return at


def _scan_string(data: bytes, at: int, length: int, kind: int) -> int:
    """Return the position after the ``length`` bytes at ``at``."""
    end = at + length
    if end > len(data):
        raise _malformed("a string is longer than the bytes that are there")
    if kind == _TEXT:
        raw = data[at:end]
        if not raw.isascii():
            _require_nfc(_utf8(raw))
    return end


def _scan_map(data: bytes, at: int, count: int, depth: int) -> int:
    """Return the position after the ``count`` pairs at ``at``."""
    previous = b""
    for _ in range(count):
        if at < len(data) and data[at] >> 5 not in _KEY_TYPES:
            raise _malformed("a map key that is neither an integer nor text")
        end = _scan(data, at, 0)
        key = data[at:end]
        if key <= previous:
            raise _malformed("map keys are not in order, or one stands twice")
        previous = key
        at = _scan(data, end, depth - 1)
    return at


def _argument(data: bytes, at: int) -> tuple[int, int]:
    """Read the argument of the long head at ``at``: its value and the position after it."""
    width = _WIDTHS.get(data[at] & 0x1F)
    if width is None:
        raise _malformed("an indefinite length, or a head that CBOR does not define")
    raw = data[at + 1 : at + 1 + width]
    if len(raw) != width:
        raise _malformed("the bytes end inside a head")
    argument = int.from_bytes(raw, "big")
    shortest = _ONE_BYTE if width == 1 else 1 << (4 * width)  # RFC 8949 4.2.1, first rule
    if argument < shortest:
        raise _malformed("a head that is not the shortest")
    return argument, at + 1 + width


def _utf8(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise _malformed("text is not UTF-8") from error


def _require_nfc(text: str) -> None:
    if text.isascii():
        return
    if not unicodedata.is_normalized("NFC", text):
        raise _malformed("text is not in Unicode normalisation form C")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise _malformed("text has half of a surrogate pair")


def _malformed(message: str) -> MalformedError:
    return MalformedError(Code.CBOR_MALFORMED, f"not deterministic CBOR: {message}")
