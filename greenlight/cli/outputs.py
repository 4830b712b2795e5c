"""Files that the user asked for: written whole, synced, and never over another by mistake."""

from __future__ import annotations

from pathlib import Path

from greenlight.codes import Code
from greenlight.errors import RefusedError, StoreError
from greenlight.primitives.text import escape
from greenlight.store.durable import replace_file, write_new


def write_output(path: Path, data: bytes) -> None:
    """Write a new file.

    Raises:
        RefusedError: OUTPUT_EXISTS.
        StoreError: IO_FAILED.
    """
    try:
        write_new(path, data)
    except FileExistsError as error:
        raise RefusedError(
            Code.OUTPUT_EXISTS, f"{escape(str(path))} is already there; nothing was overwritten"
        ) from error
    except OSError as error:
        reason = (error.strerror or "").lower()
        raise StoreError(Code.IO_FAILED, f"cannot write {escape(str(path))}: {reason}") from error


def write_report(path: Path, data: bytes) -> None:
    """Write a report, in the place of the last one where there is one; readers see either.

    Raises:
        RefusedError: OUTPUT_EXISTS: what is there is no regular file.
        StoreError: IO_FAILED, IO_NOSPACE.
    """
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise RefusedError(Code.OUTPUT_EXISTS, f"{escape(str(path))} is there and is no file")
    replace_file(path, data)
