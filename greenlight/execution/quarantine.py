"""Keep what held a secret where only its owner can read it, out of every packet.

::

    <where>/                0700
        <random>/           0700
            index.txt       0600   the reason, then "<number>  <name, escaped>" a line
            0001            0600   the material, byte for byte

Names in the folder are numbers: an artifact's own name may be hostile.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from greenlight.codes import Code
from greenlight.errors import StoreError
from greenlight.execution.copying import write_file
from greenlight.execution.reading import fault, open_beneath, open_root
from greenlight.primitives.text import escape

_PRIVATE_FILE: Final = 0o600
_PRIVATE_FOLDER: Final = 0o700


def keep(material: Mapping[str, bytes], where: Path, reason: str) -> Path:
    """Put ``material`` into a new folder of ``where`` and return that folder.

    Args:
        material: Bytes by the name they had.
        where: Made where it is missing; then, and if it is there, nobody else's.
        reason: Why it was taken out, for the person who will look.

    Raises:
        StoreError: ``where`` belongs to somebody else or is a link; the system refuses.
    """
    try:
        where.mkdir(mode=_PRIVATE_FOLDER, parents=True, exist_ok=True)
    except OSError as error:
        raise fault(error, str(where)) from error
    folder = f"{secrets.token_hex(8)}"
    top = open_root(where)
    try:
        if os.fstat(top).st_uid != os.geteuid():
            raise StoreError(Code.IO_FAILED, "the quarantine folder belongs to another user")
        os.fchmod(top, _PRIVATE_FOLDER)
        directory = open_beneath(top, (folder,), create=_PRIVATE_FOLDER)
        try:
            _fill(directory, material, reason)
            os.fsync(directory)
        finally:
            os.close(directory)
        os.fsync(top)
    except OSError as error:
        raise fault(error, str(where)) from error
    finally:
        os.close(top)
    return where / folder


def _fill(directory: int, material: Mapping[str, bytes], reason: str) -> None:
    lines = [escape(reason)]
    for number, (name, data) in enumerate(sorted(material.items()), start=1):
        write_file(directory, f"{number:04d}", data, _PRIVATE_FILE)
        lines.append(f"{number:04d}  {escape(name)}")
    # Last, so that an index never promises what is not there.
    index = "".join(f"{line}\n" for line in lines).encode("utf-8", "backslashreplace")
    write_file(directory, "index.txt", index, _PRIVATE_FILE)
