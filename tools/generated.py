"""Files that are made and committed: write them, or say which are not current."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path


def bring_up_to_date(wanted: Mapping[Path, bytes], present: Iterable[Path], *, check: bool) -> int:
    """Make the files of ``wanted`` what they must be, and remove the others of ``present``.

    Returns:
        An exit code: with ``check`` nothing is written, and 1 says that something differs.
    """
    stale = [path for path, data in wanted.items() if _read(path) != data]
    left_over = sorted(set(present) - wanted.keys())
    for path in [*stale, *left_over]:
        sys.stderr.write(f"{'not current' if check else 'made'}: {path}\n")
    if check:
        return 1 if stale or left_over else 0
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(wanted[path])
    for path in left_over:
        path.unlink()
    return 0


def _read(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None
