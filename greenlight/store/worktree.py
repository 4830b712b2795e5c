"""The work tree around a folder, and files of commits: a change, and what it starts from."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from greenlight.codes import Code
from greenlight.errors import MalformedError, StoreError
from greenlight.store.gitobjects import FILE, is_oid, object_id, parse_tree
from greenlight.store.repository import Store

_SECONDS: Final = 30  # git answers in milliseconds; a broken one must not stop a command
_ORIGIN: Final = "refs/remotes/origin/HEAD"  # what a clone believes the default branch to be
_EXECUTABLE: Final = b"100755"


@dataclass(frozen=True, slots=True)
class WorkTree:
    """A work tree.

    Attributes:
        root: Its top.
        head: Object id of the commit that is checked out; empty before the first.
    """

    root: Path
    head: str


def work_tree_around(start: Path) -> WorkTree | None:
    """Return the work tree that a folder lies in; None where there is none, or no git."""
    root = _ask(start, "rev-parse", "--show-toplevel")
    if not root:
        return None
    return WorkTree(Path(root), _ask(start, "rev-parse", "--verify", "--quiet", "HEAD") or "")


def setting_of(start: Path, name: str) -> str:
    """Return a setting of the repository itself, which no commit can change; or none."""
    return _ask(start, "config", "--local", "--get", name) or ""


def commit_of(start: Path, revision: str) -> str | None:
    """Return the commit that a revision names in a work tree; None where none does."""
    if not revision or revision.startswith("-"):
        return None
    return _ask(start, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}") or None


def default_branch(start: Path) -> str:
    """Return what the clone knows as the default branch of its origin; empty where it does not."""
    return _ORIGIN if commit_of(start, _ORIGIN) else ""


def parent_of(start: Path, commit: str) -> str | None:
    """Return the first parent of a commit; None where it is the first commit."""
    return commit_of(start, f"{commit}^1")


def is_ancestor(start: Path, older: str, newer: str) -> bool:
    """Report whether a commit is another one, or before it."""
    return _ask(start, "merge-base", "--is-ancestor", older, newer) is not None


def committed_at(start: Path, commit: str) -> int | None:
    """Return when a commit was made, in seconds since 1970, as its committer said; or None."""
    found = _ask(start, "show", "-s", "--no-show-signature", "--format=%ct", commit)
    return int(found) if found is not None and found.isascii() and found.isdigit() else None


def is_clean(start: Path) -> bool | None:
    """Report whether `git status` shows nothing; None where it cannot say."""
    said = _ask(start, "-c", "core.fsmonitor=false", "status", "--porcelain", "-z")
    return None if said is None else not said


def tree_of(store: Store, commit: str) -> str:
    """Return the tree of a commit.

    Raises:
        MalformedError: It is no commit that git writes.
        StoreError: It cannot be read.
    """
    # The first line alone: what else stands in other people's commits is not ours to judge.
    head, _, _ = store.objects.read_as("commit", commit).partition(b"\n")
    tree = head.removeprefix(b"tree ").decode("ascii", "replace")
    if not head.startswith(b"tree ") or not is_oid(tree, store.object_format):
        raise MalformedError(Code.MALFORMED, f"commit {commit} has no tree")
    return tree


def read_file_at(store: Store, commit: str, path: str, *, max_bytes: int) -> bytes | None:
    """Return the bytes of a file in a commit; None where there is no such file.

    Args:
        store: A store in the repository.
        commit: Object id.
        path: Below its top, with slashes.
        max_bytes: More are refused.

    Raises:
        MalformedError: A tree that readers may differ about.
        StoreError: It cannot be read; LIMIT_EXCEEDED; FILE_UNREADABLE: it is no regular file.
    """
    oid = tree_of(store, commit)
    names = path.split("/")
    for depth, name in enumerate(names, 1):
        if oid == object_id("tree", b"", store.object_format):
            return None  # git knows the empty tree, and need not have it
        body = store.objects.read_as("tree", oid)
        entries = parse_tree(body, store.object_format)
        entry = next((each for each in entries if each.name == name.encode()), None)
        if entry is None:
            return None
        if entry.is_directory == (depth == len(names)):
            if not entry.is_directory:
                return None  # a file where the path goes on
            raise _odd(path)
        if not entry.is_directory and entry.mode not in (FILE, _EXECUTABLE):
            raise _odd(path)
        oid = entry.oid
    return store.objects.read_as("blob", oid, max_bytes=max_bytes)


def _odd(path: str) -> StoreError:
    return StoreError(Code.FILE_UNREADABLE, f"{path} is no regular file there")


def _ask(start: Path, *words: str) -> str | None:
    """Return what git says, on one line; None where it fails."""
    program = shutil.which("git")
    if program is None:
        return None
    try:
        done = subprocess.run(  # noqa: S603 - our own words, and revisions that begin with no dash
            [program, "-C", str(start), *words],
            env={
                "PATH": os.defpath,
                "GIT_CONFIG_NOSYSTEM": "1",
                "GIT_CONFIG_GLOBAL": os.devnull,
                "GIT_NO_REPLACE_OBJECTS": "1",  # a ref of the clone would be another commit
                "GIT_OPTIONAL_LOCKS": "0",
                "LC_ALL": "C",
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    if done.returncode:
        return None
    return os.fsdecode(done.stdout).removesuffix("\n")
