"""What a packet withholds, where the user says that it lies in a folder."""

from __future__ import annotations

from pathlib import Path


def private_of(folder: Path | None) -> dict[str, bytes] | None:
    """Return the files of the private tree in ``folder``; None where none was named.

    Raises:
        StoreError: It cannot be read.
    """
    if folder is None:
        return None
    from greenlight.services.private import read_private_folder  # noqa: PLC0415 - asked for rarely

    return read_private_folder(folder)
