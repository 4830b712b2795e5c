"""The settings that judge a change: read from where its author cannot rewrite them.

A threshold that is edited in the change under test must not judge that change.  So gates,
thresholds and all other settings come from a base: what ``--base`` names, or the
repository's own ``greenlight.base``, or the default branch of its origin.  Where the base
is the very commit that is checked out, its first parent is taken: the last commit is then
the change under test.  Without any of them the work tree's own settings are used, and
whoever reads the result is told (docs/adr/0054).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from greenlight.codes import Code
from greenlight.errors import MalformedError, UsageError
from greenlight.model.settings import FILE, MAX_SETTINGS_BYTES, PYPROJECT, Settings
from greenlight.model.settings_file import choose
from greenlight.primitives.digest import Digest
from greenlight.primitives.limits import MIB
from greenlight.primitives.text import escape
from greenlight.services.reading import read_if_there
from greenlight.store.repository import Store
from greenlight.store.worktree import (
    WorkTree,
    commit_of,
    default_branch,
    parent_of,
    read_file_at,
    setting_of,
)
from greenlight.verify.settings import check_settings

SETTING: Final = "greenlight.base"  # of the repository's own config, which no commit changes
_MAX_PYPROJECT_BYTES: Final = MIB


@dataclass(frozen=True, slots=True)
class Judging:
    """The settings that judge, and whence they are.

    Attributes:
        settings: What they say.
        digest: SHA-256 of the file; of nothing where the defaults are used.
        base: What named the base; empty where the work tree's own settings judge.
        commit: Object id of the base; likewise.
        file: Which file they stand in; empty where the defaults are used.
    """

    settings: Settings
    digest: Digest
    base: str
    commit: str
    file: str

    @property
    def is_independent(self) -> bool:
        """Whether they are from elsewhere than the change that they judge."""
        return bool(self.commit)

    @property
    def source(self) -> str:
        """Say whence they are, for people."""
        what = self.file or "the defaults: there are no settings"
        if self.is_independent:
            return f"{what} at {self.base} ({self.commit[:12]})"
        return f"{what} in the work tree itself: the change under test could have edited it"

    def to_dict(self) -> dict[str, object]:
        """Return the object that ``--json`` prints."""
        return {
            "file": self.file,
            "base": self.base,
            "commit": self.commit,
            "digest": str(self.digest),
            "independent": self.is_independent,
        }


def judging_settings(store: Store | None, tree: WorkTree | None, start: Path, base: str) -> Judging:
    """Read the settings that judge what is checked out.

    Args:
        store: A store in the repository; None where there is no repository.
        tree: The work tree; None likewise.
        start: The folder to look in where there is no work tree.
        base: A revision that was asked for; empty to find it.

    Raises:
        UsageError: BASE_UNKNOWN: what was asked for is no commit here.
        MalformedError: SETTINGS_MALFORMED, SETTINGS_TWICE, GATE_TWICE.
        StoreError: The repository cannot be read.
    """
    if store is None or tree is None:
        if base:
            raise _unknown(base)
        return _of_folder(start)
    name, commit = find_base(tree, base)
    if not commit:
        return _of_folder(tree.root)
    own = read_file_at(store, commit, FILE, max_bytes=MAX_SETTINGS_BYTES)
    other = read_file_at(store, commit, PYPROJECT, max_bytes=_MAX_PYPROJECT_BYTES)
    return _judging(own, other, name, commit)


def settings_of_folder(folder: Path) -> Settings:
    """Return the settings of a folder as they are, for what judges nobody."""
    return _of_folder(folder).settings


def find_base(tree: WorkTree, asked: str) -> tuple[str, str]:
    """Return what names the base, and its commit; two empty texts where there is none.

    Raises:
        UsageError: BASE_UNKNOWN.
    """
    name = asked or setting_of(tree.root, SETTING) or default_branch(tree.root)
    if not name:
        return "", ""
    commit = commit_of(tree.root, name)
    if commit is None:
        raise _unknown(name)
    if commit == tree.head:
        parent = parent_of(tree.root, commit)
        return (f"{name}^", parent) if parent else ("", "")
    return name, commit


def _unknown(base: str) -> UsageError:
    return UsageError(
        Code.BASE_UNKNOWN,
        f"no commit {escape(base)} here to judge by",
        hint="is the clone a shallow one? fetch the branch that changes go to",
    )


def _of_folder(folder: Path) -> Judging:
    own = read_if_there(folder / FILE, MAX_SETTINGS_BYTES, Code.SETTINGS_MALFORMED)
    other = read_if_there(folder / PYPROJECT, _MAX_PYPROJECT_BYTES, Code.SETTINGS_MALFORMED)
    return _judging(own, other, "", "")


def _judging(own: bytes | None, other: bytes | None, base: str, commit: str) -> Judging:
    settings = choose(own, other)
    for finding in check_settings(settings):
        raise MalformedError(
            finding.code, f"{finding.where}: expected {finding.expected}, found {finding.found}"
        )
    file, data = "", b""
    if own is not None:
        file, data = FILE, own
    elif other is not None and settings is not choose(None, None):
        file, data = PYPROJECT, other
    return Judging(settings, Digest.of(data), base, commit, file)
