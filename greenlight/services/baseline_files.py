"""A baseline and its signatures, beside each other: in a folder, or in a commit."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from greenlight.codes import Code
from greenlight.errors import UsageError
from greenlight.model.baseline import MAX_BASELINE_BYTES, Tree
from greenlight.primitives.limits import MAX_SSHSIG_BYTES
from greenlight.primitives.text import escape
from greenlight.services.gpg import MAX_ARMOUR_BYTES
from greenlight.services.reading import read_if_there
from greenlight.store.durable import (
    make_directories,
    replace_file,
    sync_directory,
    wrapped,
    write_new,
)
from greenlight.store.repository import Store
from greenlight.store.worktree import WorkTree, is_clean, read_file_at, work_tree_around

SSH_SUFFIX: Final = ".sig"  # what ssh-keygen -Y sign writes
GPG_SUFFIX: Final = ".asc"  # what gpg --armor --detach-sign writes


@dataclass(frozen=True, slots=True)
class BaselineFiles:
    """What was read.

    Attributes:
        data: The baseline; None where there is none.
        ssh: The OpenSSH signature beside it; None likewise.
        gpg: The GPG signature beside it; None likewise.
    """

    data: bytes | None
    ssh: bytes | None
    gpg: bytes | None


def read_in_folder(path: Path) -> BaselineFiles:
    """Read a baseline where it lies.

    Raises:
        StoreError: FILE_UNREADABLE.
        MalformedError: BASELINE_MALFORMED: one of the files is too large.
    """
    return BaselineFiles(
        read_if_there(path, MAX_BASELINE_BYTES, Code.BASELINE_MALFORMED),
        read_if_there(beside(path, SSH_SUFFIX), MAX_SSHSIG_BYTES, Code.BASELINE_MALFORMED),
        read_if_there(beside(path, GPG_SUFFIX), MAX_ARMOUR_BYTES, Code.BASELINE_MALFORMED),
    )


def read_in_commit(store: Store, commit: str, path: str) -> BaselineFiles:
    """Read a baseline in a commit, by its path below the repository's top.

    Raises:
        StoreError: The commit cannot be read, or one of the files is none.
        MalformedError: A tree that readers may differ about.
    """
    return BaselineFiles(
        read_file_at(store, commit, path, max_bytes=MAX_BASELINE_BYTES),
        read_file_at(store, commit, f"{path}{SSH_SUFFIX}", max_bytes=MAX_SSHSIG_BYTES),
        read_file_at(store, commit, f"{path}{GPG_SUFFIX}", max_bytes=MAX_ARMOUR_BYTES),
    )


def beside(path: Path, suffix: str) -> Path:
    """Return the path of a signature beside a baseline."""
    return path.with_name(f"{path.name}{suffix}")


def below(tree: WorkTree, path: Path) -> str:
    """Return a path as the repository's commits have it.

    Raises:
        UsageError: USAGE: it lies elsewhere.
    """
    root = os.path.realpath(tree.root)
    whole = os.path.join(os.path.realpath(path.parent), path.name)  # noqa: PTH118 - the name as it is
    inside = os.path.relpath(whole, root)
    if inside.startswith("..") or not path.name:
        raise UsageError(
            Code.USAGE, f"{escape(str(path))} lies outside the repository {escape(root)}"
        )
    return inside


def put(path: Path, data: bytes, *, replace: bool) -> None:
    """Write a file beside a baseline, or the baseline, and make it durable.

    Raises:
        Taken: It is there, and may not be replaced.
        StoreError: IO_NOSPACE or IO_FAILED.
    """
    for directory in make_directories(path.parent):
        sync_directory(directory)
    with wrapped(f"write {path}"):
        if replace and path.is_file():
            replace_file(path, data)
        else:
            try:
                write_new(path, data)
            except FileExistsError as error:
                raise Taken(str(path)) from error
    sync_directory(path.parent)


class Taken(Exception):  # noqa: N818 - for the one who knows what it means
    """The file is there already."""


def state_of(folder: Path) -> tuple[str, Tree]:
    """Return HEAD of the repository around a folder, and whether its work tree is as HEAD."""
    tree = work_tree_around(folder)
    if tree is None or not tree.head:
        return "", Tree.UNKNOWN
    clean = is_clean(folder)
    if clean is None:
        return tree.head, Tree.UNKNOWN
    return tree.head, Tree.CLEAN if clean else Tree.DIRTY
