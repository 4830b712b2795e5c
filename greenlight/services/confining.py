"""Run any command in a disposable workspace that begins as a folder is, and say what it did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from greenlight.execution.attempts import Scope
from greenlight.execution.confined import Confined
from greenlight.execution.snapshot import take
from greenlight.execution.steps import StepResult, StepSpec, build_environment
from greenlight.execution.workspace import Workspace
from greenlight.model.snapshot import Mutation, diff


@dataclass(frozen=True, slots=True)
class ConfinedRun:
    """What a command did.

    Attributes:
        result: How it ended, what it printed, what it tried.
        changes: What it changed; the folder itself is as it was.
        exact: Whether the kernel made the list: what was written again is then on it too.
    """

    result: StepResult
    changes: tuple[Mutation, ...]
    exact: bool


def run_confined(  # noqa: PLR0913 - a command, and where it runs
    argv: Sequence[str],
    folder: Path,
    confinement: Confined,
    *,
    scope: Scope,
    variables: dict[str, str],
    timeout_seconds: int,
    parent: Path | None = None,
) -> ConfinedRun:
    """Run ``argv`` in a workspace that begins as ``folder`` is; nothing of it stays.

    Raises:
        StoreError: The folder cannot be read, or the box cannot be made.
    """
    spec = StepSpec(
        argv=tuple(argv),
        env=build_environment((), {}, variables),
        timeout_seconds=timeout_seconds,
        scope=scope,
    )
    with Workspace.create(parent) as workspace:
        if not confinement.ability.overlay:
            workspace.copy_tree(folder)
            before = take(workspace.root)
            result = confinement.run(spec, workspace)
            after = take(workspace.root, keep_going=True)
            return ConfinedRun(result, diff(before, after), exact=False)
        # The overlay lies over the folder itself: nothing is copied, and nothing can change it.
        result, changed = confinement.run_over(spec, workspace, folder.resolve())
        return ConfinedRun(result, changed, exact=True)
