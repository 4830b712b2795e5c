"""Git hooks that call greenlight: written once, and never over somebody else's.

* ``pre-receive`` of a server checks what is pushed (``services.receiving``).
* ``pre-commit`` and ``pre-push`` of a clone run the gates (docs/spec/gates.md).
"""

from __future__ import annotations

import shlex
import stat
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from greenlight.codes import Code
from greenlight.errors import RefusedError, StoreError
from greenlight.primitives.text import escape
from greenlight.store.durable import (
    make_directories,
    sync_directory,
    unique_name,
    wrapped,
    write_new,
)
from greenlight.store.repository import Store

PRE_RECEIVE, PRE_COMMIT, PRE_PUSH = "pre-receive", "pre-commit", "pre-push"
SERVER: Final = (PRE_RECEIVE,)
CLIENT: Final = (PRE_COMMIT, PRE_PUSH)
MARK: Final = "# Written by `greenlight hook install`; it may be written again."
_MAX_HOOK_BYTES: Final = 64 * 1024
_SECONDS: Final = 30


@dataclass(frozen=True, slots=True)
class Installed:
    """A hook that is there.

    Attributes:
        path: Where.
        changed: Whether it was written now.
    """

    path: Path
    changed: bool


def install_hooks(store: Store, start: Path, names: tuple[str, ...]) -> list[Installed]:
    """Write hooks that call greenlight; all of them or, where one is somebody else's, none.

    Args:
        store: The repository.
        start: A folder in it: git reads ``core.hooksPath`` from there.
        names: Which.

    Raises:
        RefusedError: HOOK_FOREIGN.
        StoreError: git is missing; the folder cannot be written.
    """
    folder = hooks_folder(store, start)
    found = []
    for name in names:
        path = folder / name
        text = hook_text(name)
        held = _read(path)
        if held is not None and MARK not in held.splitlines():
            raise RefusedError(
                Code.HOOK_FOREIGN,
                f"{escape(str(path))} is there already; nothing was overwritten",
                hint=f"let it call: {command(name)}",
            )
        found.append((path, text, held == text and _is_executable(path)))
    for made in make_directories(folder):
        sync_directory(made)
    for path, text, done in found:
        if not done:
            _write(path, text)
    return [Installed(path, not done) for path, _, done in found]


def hooks_folder(store: Store, start: Path) -> Path:
    """Return where git looks for hooks.

    Raises:
        StoreError: TOOL_MISSING, IO_FAILED.
    """
    try:
        done = subprocess.run(  # noqa: S603 - our own words
            ["git", "-C", str(start), "rev-parse", "--git-path", "hooks"],  # noqa: S607 - the user's
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except FileNotFoundError as error:
        raise StoreError(Code.TOOL_MISSING, "git is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise StoreError(Code.IO_FAILED, "git does not answer") from error
    said = done.stdout.decode("utf-8", "surrogateescape").removesuffix("\n")
    if done.returncode or not said:
        return store.git_dir / "hooks"
    return (start / said).absolute()


def command(name: str) -> str:
    """Return the command that a hook calls."""
    return f"{shlex.quote(sys.executable)} -I -m greenlight hook {name}"


def hook_text(name: str) -> str:
    """Return a hook: what it calls gets its words and standard input."""
    return f'#!/bin/sh\n{MARK}\nexec {command(name)} "$@"\n'


def _read(path: Path) -> str | None:
    with wrapped(f"read {path}"):
        if path.is_symlink() or (path.exists() and not path.is_file()):
            return ""  # whatever it is, it is not ours
        if not path.exists():
            return None
        with path.open("rb") as file:
            return file.read(_MAX_HOOK_BYTES).decode("utf-8", "replace")


def _is_executable(path: Path) -> bool:
    return bool(path.stat().st_mode & stat.S_IXUSR)


def _write(path: Path, text: str) -> None:
    temporary = path.with_name(unique_name("tmp-"))
    with wrapped(f"write {path}"):
        write_new(temporary, text.encode("utf-8"), mode=0o755)
        temporary.replace(path)
        sync_directory(path.parent)
