r"""Documents as JSON in one spelling: what ``jq -S .`` prints.

UTF-8, keys sorted by code point, two-space indent, LF at the end, no escape that
is not needed (RFC 8259 leaves all of this open; a packet's tree does not).  Only
what every reader holds exactly is a value: text in NFC, integers within
±(2^53 - 1), booleans, null, arrays, objects.  No floats: a measured value is a
decimal string with its unit in the field's name.  Files of measurements, which are
no packet's documents, ask for ``decimals``: numbers of ``primitives.decimals``.

Control characters are refused, but for LF and tab, which a step's arguments may
hold: jq escapes U+007F and Python does not, and a terminal acts on the rest.

Reading is strict: a document is parsed, written again, and must be the same
bytes.  So a duplicate key, a byte order mark, a lone surrogate or ``-0`` has no
way in, and two readers cannot differ (CVE-2017-12635).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from types import ModuleType
from typing import Final, NoReturn, TypeAlias

from greenlight.codes import Code
from greenlight.errors import MalformedError
from greenlight.primitives.limits import MAX_DOCUMENT_BYTES, MAX_JSON_DEPTH, MAX_SAFE_INTEGER
from greenlight.primitives.text import escape, is_nfc

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | bool | None"

_INTEGER_DIGITS: Final = len(str(MAX_SAFE_INTEGER)) + 1  # and a sign
_CONTROL: Final = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f]")
# In the one spelling, whatever stands behind this indent is nested deeper than allowed,
# or as deep as allowed and has to be looked at.
_DEEPEST: Final = "\n" + "  " * MAX_JSON_DEPTH


def encode(value: object, *, decimals: bool = False) -> bytes:
    """Return the one spelling of ``value``; tuples are arrays.

    Args:
        value: What is spelt.
        decimals: Whether a ``Decimal`` may stand in it.

    Raises:
        MalformedError: A value, a key or a text is not among those listed above,
            or the nesting is deeper than MAX_JSON_DEPTH.
    """
    _check_value(value, "", 0, decimals=decimals)
    text = _spell(value, decimals=decimals)
    _check_text(text)
    return _utf8(text)


def decode(data: bytes, *, max_bytes: int = MAX_DOCUMENT_BYTES, decimals: bool = False) -> Json:
    """Return the value that ``data`` spells.

    Args:
        data: The bytes.
        max_bytes: More are not looked at.
        decimals: Whether a number with a point may stand in it; it is then a ``Decimal``.

    Raises:
        MalformedError: ``data`` is not what ``encode`` writes, or longer than ``max_bytes``.
    """
    if len(data) > max_bytes:
        raise _malformed(f"at most {max_bytes} bytes", f"{len(data)}")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _malformed("UTF-8", f"another byte at offset {error.start}") from error
    value = _parse(text, decimals=decimals)
    again = _spell(value, decimals=decimals)
    if again != text:
        raise _difference(text, again)
    _check_text(text)
    if _DEEPEST in text:
        _check_value(value, "", 0, decimals=decimals)
    return value


def decode_any(data: bytes, *, max_bytes: int = MAX_DOCUMENT_BYTES) -> Json:
    """Return the value that ``data`` spells in any way that people and programs write JSON.

    As strict as ``decode`` about what a value may be, and a key stands once.

    Raises:
        MalformedError: It is no such JSON, or longer than ``max_bytes``.
    """
    if len(data) > max_bytes:
        raise _malformed(f"at most {max_bytes} bytes", f"{len(data)}")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _malformed("UTF-8", f"another byte at offset {error.start}") from error
    value = _parse(text, object_pairs_hook=_no_duplicates)
    encode(value)
    return value


def _spell(value: object, *, decimals: bool = False) -> str:
    default = _decimals().plain if decimals else None
    spelt = json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True, default=default)
    return spelt + "\n"


def _decimals() -> ModuleType:
    from greenlight.primitives import decimals  # noqa: PLC0415 - few documents have measurements

    return decimals


def _utf8(text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise _malformed(
            "Unicode text", f"a lone surrogate, {error.object[error.start]!a}"
        ) from error


def _is_decimal(value: object) -> bool:
    return isinstance(value, _decimals().Decimal)


def _parse(
    text: str,
    object_pairs_hook: Callable[[list[tuple[str, Json]]], dict[str, Json]] | None = None,
    *,
    decimals: bool = False,
) -> Json:
    try:
        value: Json = json.loads(
            text,
            object_pairs_hook=object_pairs_hook,
            parse_int=_integer,
            parse_float=_decimals().parse_decimal if decimals else _refuse_number,
            parse_constant=_refuse_number,
        )
    except RecursionError as error:
        # Far deeper than MAX_JSON_DEPTH: Python's own limit is around 1,000.
        raise _malformed(f"at most {MAX_JSON_DEPTH} levels", "more") from error
    except json.JSONDecodeError as error:
        raise _malformed(
            "JSON", f"{error.msg[:1].lower()}{error.msg[1:]} at line {error.lineno}"
        ) from error
    return value


def _integer(digits: str) -> int:
    # The length first: converting a long number takes quadratic time.
    if len(digits) > _INTEGER_DIGITS or abs(int(digits)) > MAX_SAFE_INTEGER:
        _refuse_number(digits)
    return int(digits)


def _refuse_number(digits: str) -> NoReturn:
    raise _malformed("an integer within plus or minus 2^53 - 1", digits[:40])


def _check_value(value: object, pointer: str, depth: int, *, decimals: bool = False) -> None:
    """Refuse what JSON can spell, or Python would turn into something it can spell."""
    if isinstance(value, str | bool) or value is None or (decimals and _is_decimal(value)):
        return
    if isinstance(value, int):
        if abs(value) > MAX_SAFE_INTEGER:
            raise _malformed(
                "an integer within plus or minus 2^53 - 1", f"a larger one at {pointer or '/'}"
            )
        return
    if depth == MAX_JSON_DEPTH:
        raise _malformed(f"at most {MAX_JSON_DEPTH} levels", f"more at {pointer[:160]}")
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):  # json.dumps would quote it without a word
                raise _malformed("a text as key", f"{key!a} at {pointer or '/'}")
            _check_value(item, f"{pointer}/{key}", depth + 1, decimals=decimals)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            _check_value(item, f"{pointer}/{index}", depth + 1, decimals=decimals)
    else:
        raise _malformed(
            "text, integer, boolean, null, array or object",
            f"{type(value).__name__} at {pointer or '/'}",
        )


def _check_text(text: str) -> None:
    r"""Refuse control characters and text that is not NFC, in a document's one spelling.

    The document is in NFC as a whole.  That is stricter than each text alone in one
    case: an escape such as ``\n`` before a combining mark.
    """
    control = _CONTROL.search(text)
    if control is not None:
        raise _malformed("no control characters", escape(control.group()))
    if "\\" in text:
        # Without the escaped backslashes, every backslash left opens another escape.
        rest = text.replace("\\\\", "")
        for short in ("\\u", "\\r", "\\b", "\\f"):
            if short in rest:
                raise _malformed("no control characters", f"one that is spelt {short}")
    if not is_nfc(text):
        raise _malformed("text in Unicode normalisation form C", "another form")


def _difference(text: str, again: str) -> MalformedError:
    """Say where a document departs from its one spelling, or why it cannot have one."""
    try:
        json.loads(text, object_pairs_hook=_no_duplicates)
    except MalformedError as error:
        return error
    found = text.split("\n")
    expected = again.split("\n")
    line = 0
    while line < min(len(found), len(expected)) and found[line] == expected[line]:
        line += 1
    pair = [lines[line][:80] if line < len(lines) else "the end" for lines in (expected, found)]
    return _malformed(f"{pair[0]!a}", f"{pair[1]!a} at line {line + 1}")


def _no_duplicates(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    result: dict[str, Json] = {}
    for key, value in pairs:
        if key in result:
            raise _malformed("each key once", f"{key[:80]!a} twice")
        result[key] = value
    return result


def _malformed(expected: str, found: str) -> MalformedError:
    return MalformedError(Code.JSON_MALFORMED, f"expected {expected}, found {found}")
