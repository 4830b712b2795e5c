"""What people see: answers on stdout, everything else on stderr, nothing a terminal acts on.

Messages are ``greenlight: error: CODE: …`` and ``greenlight: hint: …``.  Every line that
is printed goes through ``primitives.text.escape``; JSON is ASCII.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from greenlight.cli.answer import Answer
from greenlight.codes import Code
from greenlight.errors import GreenlightError, StoreError
from greenlight.primitives.text import escape

JSON_FORMAT = 1


def print_answer(command: str, answer: Answer, *, as_json: bool) -> None:
    """Print an answer.

    Raises:
        StoreError: It cannot be written (a full disk); a reader that went away is no error.
    """
    if as_json:
        data = _json(command, answer.data)
    elif answer.raw is not None:
        data = _shown(answer.raw) if sys.stdout.isatty() else answer.raw
    else:
        data = _text(answer.lines)
    write_out(data)
    if answer.fault is not None:
        print_error(answer.fault.code, answer.fault.message, answer.fault.hint)
    if answer.note is not None and not as_json:
        _write_err(f"greenlight: hint: {escape(answer.note)}\n")


def print_lines(lines: Iterable[str]) -> None:
    """Print lines of an answer that is still being made.

    Raises:
        StoreError: As ``print_answer``.
    """
    write_out(_text(lines))


def _text(lines: Iterable[str]) -> bytes:
    return "".join(f"{escape(line)}\n" for line in lines).encode(_encoding(), "backslashreplace")


def print_failure(command: str, error: GreenlightError, *, as_json: bool) -> None:
    """Say what went wrong; under ``--json`` also as the object on stdout."""
    if as_json:
        fault = {
            "code": error.code.name,
            "codes": [code.name for code in error.codes],
            "message": str(error),
            "hint": error.hint,
        }
        write_out(_json(command, {"error": fault}))
    print_error(error.code, str(error), error.hint)


def print_error(code: Code, message: str, hint: str | None = None) -> None:
    """Write a message and its hint to stderr, each on one line."""
    text = f"greenlight: error: {code}: {escape(message)}\n"
    if hint:
        text += f"greenlight: hint: {escape(hint)}\n"
    _write_err(text)


def write_out(data: bytes) -> None:
    """Write to stdout, all of it, now.

    Raises:
        StoreError: The system refused it; not where the reader went away.
    """
    if not data:
        return
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        silence()
    except OSError as error:
        silence()
        code = Code.IO_NOSPACE if error.errno == errno.ENOSPC else Code.IO_FAILED
        raise StoreError(code, f"cannot write to standard output: {error.strerror}") from error


def silence() -> None:
    """Keep the interpreter from complaining at its end about a stdout that is gone."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def _json(command: str, data: Mapping[str, Any]) -> bytes:
    import json  # noqa: PLC0415 - only where it is asked for

    whole = {"format": JSON_FORMAT, "command": command, **data}
    return json.dumps(whole, indent=2, sort_keys=True).encode("ascii") + b"\n"


def _shown(raw: bytes) -> bytes:
    """Return a file's bytes as a terminal may show them, line by line."""
    lines = raw.decode("utf-8", "backslashreplace").split("\n")
    return "\n".join(map(escape, lines)).encode(_encoding(), "backslashreplace")


def _encoding() -> str:
    return sys.stdout.encoding or "utf-8"


def _write_err(text: str) -> None:
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except OSError:
        return  # nobody is left to tell
