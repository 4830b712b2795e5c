"""Who else reaches an object: asked of the git executable, which knows every kind of ref.

Branches, tags, reflogs, indexes and other worktrees' heads may lead to what a packet is
made of.  Without git, or in a repository that it cannot walk, nobody knows.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import IO

from greenlight.errors import MalformedError, StoreError
from greenlight.store.config import parse_config
from greenlight.store.durable import wrapped
from greenlight.store.gitobjects import parse_commit, parse_tree
from greenlight.store.repository import Store

_OURS = "refs/greenlight/*"


def objects_of(store: Store, commit: str) -> set[str]:
    """Return the ids of a packet commit and of all below it, as far as they are here."""
    found = {commit}
    try:
        top = parse_commit(store.objects.read_as("commit", commit), store.object_format).tree
    except (MalformedError, StoreError):
        return found
    waiting = [top]
    while waiting:
        tree = waiting.pop()
        if tree in found:
            continue
        found.add(tree)
        try:
            entries = parse_tree(store.objects.read_as("tree", tree), store.object_format)
        except (MalformedError, StoreError):
            continue
        waiting += [entry.oid for entry in entries if entry.is_directory]
        found.update(entry.oid for entry in entries if not entry.is_directory)
    return found


def reached_by_shelves(
    store: Store, wanted: Collection[str], *, without: Collection[str], tips: Collection[str]
) -> set[str] | None:
    """Return which objects greenlight's refs reach; None where git cannot tell.

    Args:
        store: Where.
        wanted: Object ids.
        without: Refs that are not asked.
        tips: Commits that are asked beside the refs.
    """
    excluded = [f"--exclude={ref}" for ref in without]
    return _reached(store, wanted, [*excluded, f"--glob={_OURS}"], tips)


def reached_by_others(store: Store, wanted: Collection[str]) -> set[str] | None:
    """Return which objects anything but greenlight's refs reaches; None where git cannot tell."""
    asked = [f"--exclude={_OURS}", "--all", "--reflog", "--indexed-objects"]
    return _reached(store, wanted, asked, ())


def refs_with(store: Store, commit: str) -> tuple[str, ...]:
    """Return the names of refs, but for greenlight's, from which a commit is reached."""
    asked = ("for-each-ref", f"--contains={commit}", "--format=%(refname)")
    try:
        with _git(store, *asked) as lines:
            names = [line.decode("utf-8", "replace").rstrip("\n") for line in lines]
    except (OSError, subprocess.CalledProcessError):
        return ()
    return tuple(name for name in names if not name.startswith(_OURS.rstrip("*")))


def commit_named(store: Store, revision: str) -> str | None:
    """Return the commit that a revision names, as git reads revisions; None where none does."""
    if revision.startswith("-"):
        return None
    try:
        with _git(store, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}") as lines:
            return b"".join(lines).decode("ascii", "replace").strip() or None
    except (OSError, subprocess.CalledProcessError):
        return None


def _reached(
    store: Store, wanted: Collection[str], asked: list[str], tips: Collection[str]
) -> set[str] | None:
    looked = set(wanted)
    found: set[str] = set()
    try:
        with _git(store, "rev-list", "--objects", *asked, "--stdin", tips=tips) as lines:
            for line in lines:
                oid = line[: line.find(b" ")] if b" " in line else line.rstrip(b"\n")
                name = oid.decode("ascii", "replace")
                if name in looked:
                    found.add(name)
    except (OSError, subprocess.CalledProcessError):
        return None
    return found


@contextmanager
def _git(store: Store, *words: str, tips: Collection[str] = ()) -> Iterator[IO[bytes]]:
    """Run git without the settings of this machine; give its output line by line.

    Raises:
        OSError: There is no git.
        subprocess.CalledProcessError: It failed.
    """
    program = shutil.which("git")
    if program is None:
        raise FileNotFoundError("git")
    command = [program, "--git-dir", str(store.git_dir), *words]
    process = subprocess.Popen(  # noqa: S603 - our own words and object ids
        command,
        env={
            "PATH": os.defpath,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "LC_ALL": "C",
        },
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    with process:
        if process.stdin is None or process.stdout is None:
            raise OSError(command[0])
        # Git reads all of it before it answers.
        process.stdin.write("".join(f"{tip}\n" for tip in tips).encode("ascii"))
        process.stdin.close()
        yield process.stdout
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)


def remotes_of(store: Store) -> tuple[str, ...]:
    """Return the names of the remotes that the repository's own config has.

    Raises:
        StoreError: STORE_DAMAGED or IO_FAILED: the config cannot be read.
    """
    path = store.git_dir / "config"
    with wrapped(f"read {path}"):
        settings = parse_config(path.read_bytes())
    return tuple(sorted({name for section, name, _ in settings if section == "remote" and name}))
