"""What this host lets a box be made of: found by making one."""

from __future__ import annotations

import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from greenlight.errors import StoreError
from greenlight.execution.attempts import EVERYTHING
from greenlight.execution.box import child, kernel, landlock, running, tree
from greenlight.execution.box.tracing import strace

TRUE = ("/bin/true",)
_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Ability:
    """What works here.

    Attributes:
        namespaces: User, mount, process, network, ipc and uts namespaces.
        overlay: An overlay over a workspace.
        landlock: Version of Landlock; 0 for none.
        notify: Whether the filter can ask a supervisor.
        filter: Whether there is a filter at all.
        trace: Whether strace records, where the filter cannot ask.
        why: Of each that does not work, why, for people.
    """

    namespaces: bool
    overlay: bool
    landlock: int
    notify: bool
    filter: bool
    trace: bool = False
    why: tuple[tuple[str, str], ...] = ()

    @property
    def full(self) -> bool:
        """Whether everything works."""
        return self.namespaces and self.overlay and self.notify and self.landlock >= 1

    @property
    def walls(self) -> child.Walls:
        return child.Walls(self.namespaces, self.landlock > 0, self.notify, self.trace)

    @property
    def records(self) -> bool:
        """Whether somebody writes down what a step tries."""
        return self.notify or self.trace


NOTHING = Ability(
    namespaces=False,
    overlay=False,
    landlock=0,
    notify=False,
    filter=False,
    why=(("box", "not Linux on a machine that greenlight knows"),),
)


@cache
def find_ability(parent: Path) -> Ability:
    """Try what can be had for workspaces below ``parent``, the best first; kept for the process."""
    if not kernel.SUPPORTED or sys.platform != "linux":
        return NOTHING
    version = landlock.abi()
    why: list[tuple[str, str]] = []
    if not version:
        why.append(("landlock", "the kernel has none, or it is switched off"))
    traced = strace() is not None
    for namespaces, overlay, notify, trace in (
        (True, True, True, False),
        (True, False, True, False),
        (True, True, False, traced),
        (True, True, False, False),
        (True, False, False, traced),
        (True, False, False, False),
        (False, False, True, False),
        (False, False, False, False),
    ):
        walls = child.Walls(namespaces, version > 0, notify, trace)
        wrong = _try(parent, walls, overlay=overlay)
        if not wrong:
            return Ability(
                namespaces, overlay, version, notify, filter=True, trace=trace, why=tuple(why)
            )
        missing = "overlay" if overlay else "recorder" if notify else "namespaces"
        if not namespaces:
            missing = "recorder" if notify else "filter"
        why.append((missing, wrong))
    return Ability(
        namespaces=False, overlay=False, landlock=version, notify=False, filter=False,
        why=tuple(why),
    )  # fmt: skip


def _try(parent: Path, walls: child.Walls, *, overlay: bool) -> str:
    """Make a box and start a program in it; return why that failed, or an empty text."""
    try:
        with tempfile.TemporaryDirectory(prefix="greenlight-probe-", dir=parent) as name:
            folder = Path(name)
            for below in ("root", "tmp", "upper", "work", "new"):
                (folder / below).mkdir()
            layout = tree.Layout(folder, overlay=overlay, execute=not walls.namespaces)
            cwd = tree.WORKSPACE if walls.namespaces else str(folder / "root")
            command = child.Command(TRUE, {"PATH": "/usr/bin:/bin"}, cwd, child.Limits())
            bounds = running.Bounds(_SECONDS, 1024, child.Limits().disk_bytes)
            done = running.run_boxed(layout, command, EVERYTHING, walls, bounds)
    except (running.BoxError, StoreError, OSError) as error:
        return str(error)
    return "" if done.status == 0 else f"a program that does nothing ended with {done.status}"
