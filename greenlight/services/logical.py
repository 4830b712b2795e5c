"""Look at refs and databases in a workspace, trusting neither.

A ref is read from files, whose folder a step may have made anything of.  A database is opened
by a program of its own, in the same box as a step: its file is hostile, and so is its schema.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from greenlight.errors import GreenlightError
from greenlight.execution.gather import read_file
from greenlight.execution.steps import PYTHON, StepResult
from greenlight.model.logical import Logical, LogicalKind
from greenlight.primitives.digest import Digest
from greenlight.primitives.text import escape

ABSENT: Final = "absent"
_MAX_REF: Final = 1024

# Everything in one order: what SQLite says of itself, rows by their values, each value by type.
DUMP: Final = """
import sqlite3, sys
path, part = sys.argv[1:]
base = sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)
if part == "schema":
    rows = base.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema")
else:
    name = part.partition(":")[2]
    found = base.execute("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?", (name,))
    if found.fetchone() is None:
        print("absent")
        sys.exit()
    rows = base.execute(f'SELECT * FROM "{name}"')
for line in sorted(repr(row) for row in rows):
    print(line)
"""


def look_logically(
    wanted: Logical, root: Path, run: Callable[[tuple[str, ...]], StepResult]
) -> str:
    """Return what a logical surface is now; empty where nobody can say.

    Args:
        wanted: The surface.
        root: The workspace.
        run: Runs a command in the workspace and throws its changes away.
    """
    if wanted.kind is LogicalKind.REF:
        return _ref(root, wanted.path, wanted.part)
    done = run((PYTHON, "-c", DUMP, wanted.path, wanted.part))
    if done.code is not None:
        return ABSENT if not _is_there(root, wanted.path) else ""
    return str(Digest.of(done.stdout))


def _is_there(root: Path, path: str) -> bool:
    return (root / path).is_file() and not (root / path).is_symlink()


def _ref(root: Path, repository: str, ref: str) -> str:
    """Return the value of a ref: a loose one counts before a packed one."""
    try:
        text = _text(root, f"{repository}/{ref}")
        if text is None:
            text = _packed(_text(root, f"{repository}/packed-refs") or "", ref)
    except GreenlightError:
        return ""
    return escape(text[:_MAX_REF]) if text else ABSENT


def _text(root: Path, path: str) -> str | None:
    if not (root / path).is_file():
        return None
    data = read_file(root, path).data or b""
    return data.decode("utf-8", "backslashreplace").strip()


def _packed(text: str, ref: str) -> str:
    for line in text.splitlines():
        value, _, name = line.partition(" ")
        if name == ref:
            return value
    return ""
