"""A second note of refs that only this repository has, and that a plain fetch can take away.

``git fetch --prune`` with a refspec that covers ``refs/greenlight/*`` deletes what the other
side does not have: what waits here, and what was seen there.  Files in
``greenlight/spare/`` name such refs and where they led, so that they are made again as long
as git has the objects.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Final

from greenlight.errors import ConflictError, StoreError, UsageError
from greenlight.store.durable import make_directories, replace_file, sync_directory, wrapped
from greenlight.store.gitobjects import is_oid
from greenlight.store.refs import require_name
from greenlight.store.repository import Store

_TOP: Final = "refs/greenlight/"
_MAX_BYTES: Final = 65  # an object id and a line feed


def note_ref(store: Store, ref: str, commit: str) -> None:
    """Note where a ref below ``refs/greenlight/`` leads, durably.

    Raises:
        StoreError: IO_NOSPACE, IO_FAILED.
    """
    path = _path(store, ref)
    for made in make_directories(path.parent):
        sync_directory(made)
    replace_file(path, f"{commit}\n".encode("ascii"))


def forget_ref(store: Store, ref: str) -> None:
    """Let go of the note of a ref, before the ref goes.

    Raises:
        StoreError: IO_FAILED.
    """
    path = _path(store, ref)
    with wrapped(f"remove {path}"):
        try:
            path.unlink()
        except FileNotFoundError:
            return
    sync_directory(path.parent)


def restore_refs(store: Store, prefix: str) -> None:
    """Make the noted refs below ``prefix`` again that are gone; what cannot be is left out."""
    folder = store.own_dir / "spare"
    try:
        paths = sorted(folder.iterdir())
    except OSError:
        return
    for path in paths:
        ref = _TOP + path.name.replace("+", "/")
        if not ref.startswith(prefix):
            continue
        with suppress(OSError, ConflictError, StoreError, UsageError):
            _restore(store, require_name(ref), path)


def noted(store: Store, ref: str) -> str | None:
    """Return where a ref leads by its note; None where there is none, or it cannot be read."""
    try:
        return _read(store, _path(store, ref))
    except (OSError, UsageError):
        return None


def _restore(store: Store, ref: str, path: Path) -> None:
    if store.refs.read(ref) is not None:
        return
    commit = _read(store, path)
    if commit is not None:
        store.objects.read_as("commit", commit)
        store.refs.swap(ref, old=None, new=commit)


def _read(store: Store, path: Path) -> str | None:
    with path.open("rb") as file:
        commit = file.read(_MAX_BYTES).decode("ascii", "replace").removesuffix("\n")
    return commit if is_oid(commit, store.object_format) else None


def _path(store: Store, ref: str) -> Path:
    name = require_name(ref).removeprefix(_TOP).replace("/", "+")
    return store.own_dir / "spare" / name
