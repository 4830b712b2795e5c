"""The seam between a lane and what keeps its steps in: one protocol, and the weakest answer.

``Unconfined`` is an ordinary process.  It keeps no step from anything but the
caller's environment, and its grades say so: what it neither enforces nor observes
is UNKNOWN, and UNKNOWN is never clean (``docs/adr/0011-confinement-is-a-seam.md``).
"""

from __future__ import annotations

import os
import sys
from typing import Final, Protocol

from greenlight.errors import StoreError
from greenlight.execution.process import NOT_FOUND, run_process
from greenlight.execution.reading import open_beneath, open_root
from greenlight.execution.steps import PYTHON, StepResult, StepSpec
from greenlight.execution.workspace import Workspace
from greenlight.model.grades import Grade, Grades

TOOL_TABLE: Final = "greenlight's own tool table"


class Confinement(Protocol):
    """What runs a step, and what it can say about what the step did.

    ``grades`` never changes during a run, and claims nothing that ``run`` does not do for
    every step.  ``run`` returns for whatever the step does: it raises only where the machine
    fails, and when it returns the step's own process has ended.
    """

    @property
    def name(self) -> str:
        """What to call it in ``environment.json``."""
        ...

    @property
    def records(self) -> bool:
        """Whether it writes down what a step tries, so that a packet must have that."""
        ...

    def grades(self) -> Grades:
        """Return what is enforced and what is observed, for each kind of surface."""
        ...

    def run(self, spec: StepSpec, workspace: Workspace) -> StepResult:
        """Run one step in the workspace and say what came of it.

        Raises:
            StoreError: The machine cannot start or end a process.
        """
        ...


class Unconfined:
    """An ordinary process with an environment of its own; nothing else holds it back."""

    @property
    def name(self) -> str:
        return "unconfined"

    @property
    def records(self) -> bool:
        return False

    def grades(self) -> Grades:
        return Grades(
            path_workspace=Grade(observed_by="before/after snapshot"),
            environment=Grade(enforced_by="allow-list"),
            tool=Grade(enforced_by=TOOL_TABLE, observed_by=TOOL_TABLE),
        )

    def run(self, spec: StepSpec, workspace: Workspace) -> StepResult:
        if not is_folder(workspace, spec.cwd):
            return NOT_FOUND
        program = sys.executable if spec.argv[0] == PYTHON else spec.argv[0]
        return run_process(
            (program, *spec.argv[1:]),
            cwd=workspace.root / spec.cwd,
            env=complete(spec, workspace),
            timeout_seconds=spec.timeout_seconds,
            max_output_bytes=spec.max_output_bytes,
        )


def complete(spec: StepSpec, workspace: Workspace) -> dict[str, str]:
    """Return the environment of a step with the two folders that only its workspace knows."""
    return {"HOME": str(workspace.root), "TMPDIR": str(workspace.tmp)} | dict(spec.env)


def is_folder(workspace: Workspace, cwd: str) -> bool:
    """Report whether ``cwd`` is a folder of the workspace, reached through no link."""
    root = open_root(workspace.root)
    try:
        os.close(open_beneath(root, cwd.split("/") if cwd else ()))
    except StoreError:
        return False
    finally:
        os.close(root)
    return True
