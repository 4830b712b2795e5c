"""The repository that a command judges, beside the store that it writes to."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from greenlight.cli.surroundings import here
from greenlight.cli.values import Values
from greenlight.services.settings import Judging, judging_settings
from greenlight.store.repository import Store, open_store
from greenlight.store.worktree import WorkTree, work_tree_around

GITHUB = "https://api.github.com"


@dataclass(frozen=True, slots=True)
class Project:
    """What is judged, and by what.

    Attributes:
        root: The top of the work tree; the current folder where there is none.
        tree: The work tree, or None.
        repository: A store in it, to read commits from; None likewise.
        ledger: The store with the ledger: the one that is named, or the repository; None where
            neither serves.
        judging: The settings that judge.
    """

    root: Path
    tree: WorkTree | None
    repository: Store | None
    ledger: Store | None
    judging: Judging

    @property
    def head(self) -> str:
        """The commit that is checked out; empty where there is none."""
        return "" if self.tree is None else self.tree.head


@contextmanager
def project_of(arguments: Values) -> Iterator[Project]:
    """Open what lies around the current folder.

    Raises:
        UsageError: BASE_UNKNOWN.
        MalformedError: The settings are not to be read.
        StoreError: A store that is named does not serve.
    """
    start = here()
    with ExitStack() as stack:
        tree = work_tree_around(start)
        repository = None
        if tree is not None:
            repository = stack.enter_context(open_store(None, tree.root))
        ledger = repository
        if arguments.store is not None:
            ledger = stack.enter_context(open_store(arguments.store, start))
        judging = judging_settings(repository, tree, start, arguments.base or "")
        yield Project(start if tree is None else tree.root, tree, repository, ledger, judging)


def forge_address(url: str) -> str:
    """Return the address of the forge's API that the settings say.

    A variable alone does not decide it: whoever sets one could have any issue closed and any
    branch protected, by a forge of their own.
    """
    if url == "$GITHUB_API_URL":
        return os.environ.get("GITHUB_API_URL", "") or GITHUB
    return url or GITHUB
