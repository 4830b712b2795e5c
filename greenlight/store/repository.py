"""Find, open and create the Git repository that is the store.

HEAD, the index and the work tree are never touched, so a repository in the middle
of a merge is as good as any.  No hook is run.  What could not be read truly is
refused with a code of its own: a shallow or partial clone lacks objects, reftable
refs are in a format that is not read here, and a repository of another user could
have been prepared by that user (git's ``safe.directory``).
"""

from __future__ import annotations

import os
import re
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from greenlight.codes import Code
from greenlight.errors import StoreError, UsageError
from greenlight.store.config import Settings, is_true, parse_config
from greenlight.store.durable import (
    make_directories,
    sync_directory,
    unique_name,
    wrapped,
    write_new,
)
from greenlight.store.filerefs import FileRefs
from greenlight.store.gitobjects import OID_DIGITS
from greenlight.store.objects import ObjectStore
from greenlight.store.refs import RefStore

_POINTER = re.compile(r"gitdir: ([^\n\0]+)\n?")
_MAX_POINTER_BYTES = 16 * 1024  # a path; PATH_MAX is 4 KiB
# Extensions that change nothing for a reader of objects and refs, or are looked at below.
_KNOWN_EXTENSIONS = frozenset(
    {
        "noop",
        "objectformat",
        "partialclone",
        "preciousobjects",
        "refstorage",
        "relativeworktrees",
        "worktreeconfig",
    }
)


@dataclass(frozen=True, slots=True)
class Store(AbstractContextManager["Store"]):
    """A repository that can be a store; one for each thread.

    Attributes:
        git_dir: Its common directory: for a linked worktree, that of the main one.
        object_format: ``sha1`` or ``sha256``; storage, never evidence.
        objects: Its objects.
        refs: Its refs.
    """

    git_dir: Path
    object_format: str
    objects: ObjectStore
    refs: RefStore

    @property
    def own_dir(self) -> Path:
        """Where greenlight keeps what is not evidence: pin, snapshot, locks."""
        return self.git_dir / "greenlight"

    def make_own_dir(self) -> Path:
        """Make ``own_dir`` where it is missing, and return it.

        Raises:
            StoreError: IO_NOSPACE or IO_FAILED.
        """
        for directory in make_directories(self.own_dir):
            sync_directory(directory)
        return self.own_dir

    def close(self) -> None:
        """Give file handles back."""
        self.objects.close()

    def __exit__(self, *_: object) -> None:
        self.close()


def open_store(path: Path | None, start: Path) -> Store:
    """Open the repository at ``path``, or else the one around ``start``.

    Raises:
        StoreError: STORE_MISSING, STORE_FOREIGN_OWNER, STORE_SHALLOW, STORE_PARTIAL,
            STORE_REFTABLE, STORE_DAMAGED or IO_FAILED.
    """
    git_dir = _git_dir_at(path) if path is not None else _git_dir_around(start)
    if git_dir is None:
        raise StoreError(
            Code.STORE_MISSING,
            f"no Git repository at {path or start}",
            hint="git init && greenlight init, or greenlight init --store DIR",
        )
    _require_own(git_dir)
    with wrapped(f"read {git_dir / 'config'}"):
        settings = parse_config((git_dir / "config").read_bytes())
    _require_readable(git_dir, settings)
    object_format = settings.get(("extensions", "", "objectformat"), "sha1").lower()
    if object_format not in OID_DIGITS:
        raise StoreError(Code.STORE_DAMAGED, f"the repository's object format is {object_format!r}")
    return _store(git_dir, object_format)


def create_store(path: Path, *, object_format: str = "sha256") -> Store:
    """Make a bare repository at ``path``, which must not exist or be an empty folder.

    It is made beside and moved into place, so that a crash leaves a store or none.

    Raises:
        StoreError: STORE_EXISTS, IO_NOSPACE or IO_FAILED.
        UsageError: ``object_format`` is none.
    """
    if object_format not in OID_DIGITS:
        raise UsageError(Code.USAGE, f"an object format is sha1 or sha256, not {object_format!r}")
    path = path.absolute()
    with wrapped(f"look at {path}"):
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise StoreError(Code.STORE_EXISTS, f"{path} exists and is not an empty folder")
    made = make_directories(path.parent)
    staged = path.with_name(unique_name(f".{path.name}-"))
    for folder in ("objects/info", "objects/pack", "refs/heads", "refs/tags"):
        make_directories(staged / folder)
    version = "1" if object_format == "sha256" else "0"
    config = f"[core]\n\trepositoryformatversion = {version}\n\tfilemode = true\n\tbare = true\n"
    if object_format == "sha256":
        config += "[extensions]\n\tobjectformat = sha256\n"
    with wrapped(f"write {staged}"):
        write_new(staged / "config", config.encode("ascii"))
        write_new(staged / "HEAD", b"ref: refs/heads/main\n")
        for folder, _, _ in os.walk(staged):
            sync_directory(Path(folder))
        staged.replace(path)
    for directory in (*made, path.parent):
        sync_directory(directory)
    return _store(path, object_format)


def _store(git_dir: Path, object_format: str) -> Store:
    return Store(
        git_dir=git_dir,
        object_format=object_format,
        objects=ObjectStore(git_dir / "objects", object_format),
        refs=FileRefs(git_dir, object_format),
    )


# --- finding


def _git_dir_around(start: Path) -> Path | None:
    start = start.absolute()
    for folder in (start, *start.parents):
        found = _git_dir_at(folder)
        if found is not None:
            return found
    return None


def _git_dir_at(folder: Path) -> Path | None:
    """Return the common directory of the repository whose top is ``folder``, or None."""
    for candidate in (folder / ".git", folder):
        with wrapped(f"look at {candidate}"):
            is_pointer = candidate.is_file()
            # As git decides: these three make a repository.
            parts = [(candidate / name).exists() for name in ("HEAD", "objects", "refs")]
        if is_pointer:
            return _follow(candidate)
        if all(parts):
            return _common(candidate)
    return None


def _follow(pointer: Path) -> Path:
    """Return the repository that a ``.git`` file points to."""
    with wrapped(f"read {pointer}"), pointer.open("rb") as file:
        text = file.read(_MAX_POINTER_BYTES).decode("utf-8", "surrogateescape")
    match = _POINTER.fullmatch(text)
    if match is None:
        raise StoreError(Code.STORE_DAMAGED, f"{pointer} does not say `gitdir: PATH`")
    return _common((pointer.parent / match[1]).resolve())


def _common(git_dir: Path) -> Path:
    """Return the directory that all worktrees of a repository have in common."""
    marker = git_dir / "commondir"
    if not marker.is_file():
        return git_dir.resolve()
    with wrapped(f"read {marker}"), marker.open("rb") as file:
        text = file.read(_MAX_POINTER_BYTES).decode("utf-8", "surrogateescape")
    return (git_dir / text.removesuffix("\n")).resolve()


# --- refusing


def _require_own(git_dir: Path) -> None:
    if not hasattr(os, "geteuid"):
        return  # Windows: greenlight only verifies there
    with wrapped(f"look at {git_dir}"):
        owner = git_dir.stat().st_uid
    if owner != os.geteuid():
        raise StoreError(
            Code.STORE_FOREIGN_OWNER,
            f"{git_dir} belongs to user {owner}, not to user {os.geteuid()}",
            hint="clone it, and work in the clone",
        )


def _require_readable(git_dir: Path, settings: Settings) -> None:
    version = settings.get(("core", "", "repositoryformatversion"), "0")
    unknown = {name for section, _, name in settings if section == "extensions"} - _KNOWN_EXTENSIONS
    if version not in ("0", "1") or (version == "1" and unknown):
        said = f"version {version}" + "".join(f", {name}" for name in sorted(unknown))
        raise StoreError(Code.STORE_DAMAGED, f"a repository format not known here: {said}")
    storage = settings.get(("extensions", "", "refstorage"), "files")
    if storage.partition(":")[0].lower() != "files" or (git_dir / "reftable").exists():
        raise StoreError(
            Code.STORE_REFTABLE,
            f"{git_dir} keeps its refs as {storage}",
            hint="git refs migrate --ref-format=files",
        )
    with wrapped(f"look at {git_dir}"):
        shallow = git_dir / "shallow"
        is_shallow = shallow.exists() and shallow.stat().st_size > 0
    if is_shallow:
        raise StoreError(
            Code.STORE_SHALLOW, f"{git_dir} is a shallow clone", hint="git fetch --unshallow"
        )
    if _is_partial(git_dir, settings):
        raise StoreError(
            Code.STORE_PARTIAL, f"{git_dir} is a partial clone", hint="clone it without --filter"
        )


def _is_partial(git_dir: Path, settings: Settings) -> bool:
    remotes = {subsection for section, subsection, _ in settings if section == "remote"}
    return (
        ("extensions", "", "partialclone") in settings
        or any(is_true(settings, "remote", "promisor", name) for name in remotes)
        or any(("remote", name, "partialclonefilter") in settings for name in remotes)
        or any((git_dir / "objects" / "pack").glob("*.promisor"))
    )
