"""Read a settings file: TOML in, ``Settings`` out; a mistake names field, expected and found."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

from greenlight.codes import Code
from greenlight.errors import MalformedError
from greenlight.model.codec import Unreadable, from_plain
from greenlight.model.settings import DEFAULTS, MAX_SETTINGS_BYTES, Settings
from greenlight.primitives.text import escape

_MAX_SHOWN = 10  # mistakes in one message: more are not read
_MAX_DIGITS = 40  # of a number that a person writes
_TABLE = "greenlight"  # of [tool] in pyproject.toml


def parse_settings(data: bytes) -> Settings:
    """Read ``greenlight.toml``.

    Raises:
        MalformedError: SETTINGS_MALFORMED.
    """
    return _settings(read_toml(data))


def parse_pyproject(data: bytes) -> Settings | None:
    """Read ``[tool.greenlight]`` of ``pyproject.toml``; None where there is no such table.

    Raises:
        MalformedError: SETTINGS_MALFORMED.
    """
    tool = read_toml(data).get("tool")
    if not isinstance(tool, dict) or _TABLE not in tool:
        return None
    return _settings(tool[_TABLE])


def choose(own: bytes | None, pyproject: bytes | None) -> Settings:
    """Read the settings of a repository: one of two files, or the defaults.

    Args:
        own: Bytes of ``greenlight.toml``, where there is one.
        pyproject: Bytes of ``pyproject.toml``, likewise.

    Raises:
        MalformedError: SETTINGS_MALFORMED; SETTINGS_TWICE: both have settings.
    """
    found = None if own is None else parse_settings(own)
    other = None
    if pyproject is not None:
        try:
            other = parse_pyproject(pyproject)
        except MalformedError:
            if found is None:  # what is broken in it is not greenlight's, where it has its own
                raise
    if found is not None and other is not None:
        raise MalformedError(
            Code.SETTINGS_TWICE, "greenlight.toml and [tool.greenlight] in pyproject.toml: keep one"
        )
    return found or other or DEFAULTS


def read_toml(data: bytes) -> Mapping[str, object]:
    """Read TOML; its numbers with a point are decimal, and neither huge nor infinite.

    Raises:
        MalformedError: SETTINGS_MALFORMED.
    """
    if len(data) > MAX_SETTINGS_BYTES:
        raise MalformedError(
            Code.SETTINGS_MALFORMED, f"settings have at most {MAX_SETTINGS_BYTES} bytes"
        )
    try:
        return tomllib.loads(data.decode("utf-8"), parse_float=_number)
    except UnicodeDecodeError as error:
        raise MalformedError(Code.SETTINGS_MALFORMED, "settings are UTF-8") from error
    except (ValueError, RecursionError) as error:
        raise MalformedError(
            Code.SETTINGS_MALFORMED, f"not TOML: {escape(str(error) or 'nested too deeply')[:300]}"
        ) from error


def _number(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation as error:
        raise ValueError(f"not a number: {text[:40]}") from error
    if not number.is_finite() or len(text) > _MAX_DIGITS or abs(number.adjusted()) > _MAX_DIGITS:
        raise ValueError(f"not a number that can be compared: {text[:40]}")
    return number


def _settings(plain: object) -> Settings:
    try:
        return from_plain(Settings, plain)
    except Unreadable as error:
        lines = [
            f"{p.pointer or '/'}: expected {p.expected}, found {p.found}"
            for p in error.problems[:_MAX_SHOWN]
        ]
        raise MalformedError(Code.SETTINGS_MALFORMED, escape("; ".join(lines))) from error
