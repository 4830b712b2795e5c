"""A user's file: its bytes, once, and never more than were asked for."""

from __future__ import annotations

from pathlib import Path

from greenlight.codes import Code
from greenlight.errors import MalformedError, StoreError
from greenlight.primitives.text import escape


def read_bounded(path: Path, most: int, code: Code = Code.MALFORMED) -> bytes:
    """Do as ``read_if_there`` does, of a file that has to be there: else FILE_UNREADABLE."""
    data = read_if_there(path, most, code)
    if data is None:
        raise StoreError(
            Code.FILE_UNREADABLE, f"cannot read {escape(str(path))}: no such file or directory"
        )
    return data


def read_if_there(path: Path, most: int, code: Code = Code.MALFORMED) -> bytes | None:
    """Return the bytes of a file; None where there is none.  What cannot be read is never absent.

    Args:
        path: The file.
        most: The most bytes it may have.
        code: What it is to be larger.

    Raises:
        StoreError: FILE_UNREADABLE.
        MalformedError: ``code``.
    """
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        reason = (error.strerror or "").lower()
        raise StoreError(
            Code.FILE_UNREADABLE, f"cannot read {escape(str(path))}: {reason}"
        ) from error
    if len(data) > most:
        raise MalformedError(code, f"{escape(str(path))}: more than {most} bytes")
    return data
