"""A glance at the snapshot for shells that complete a packet's id: no proof, no ledger.

Finds the repository by its outline alone and reads the local table as it is, stale or
not.  What is chosen here is looked up and verified like anything else that was typed.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

PATTERN: Final = "ledger-*.sqlite"  # ledger.snapshot keeps one, and is slow to load


def peek(start: Path, prefix: str, limit: int) -> list[tuple[str, str]]:
    """Return up to ``limit`` packet ids that begin with ``prefix``, newest first, with status.

    Args:
        start: The store, or a folder in its work tree.
        prefix: Of the id.
        limit: How many.
    """
    with suppress(OSError, sqlite3.Error):
        for folder in (start.absolute(), *start.absolute().parents):
            for git_dir in (folder / ".git", folder):
                for path in (git_dir / "greenlight").glob(PATTERN):
                    return _read(path, prefix, limit)
    return []


def _read(path: Path, prefix: str, limit: int) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=0.2)) as base:
        found = base.execute(
            "SELECT packet, status FROM packets WHERE packet >= ? AND packet < ?"
            " ORDER BY record DESC LIMIT ?",
            (prefix, prefix + chr(0x10FFFF), limit),
        )
        return [(str(packet), str(status)) for packet, status in found]
