"""What a step tried: a write, a connection, a program, a call; and what came of it.

Seen from outside the step.  A list of attempts is never complete for certain: two threads of a
step can change a path between the look and the kernel's own.  So "no attempt" is never read
from it; what it holds did happen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from greenlight.execution.proxy.recording import Destination
from greenlight.model.documents.attempts import AttemptKind, AttemptOutcome
from greenlight.model.surface import matches_any

MAX_ATTEMPTS: Final = 1000  # different ones of one step; more are counted, and the list says so
MAX_TARGET: Final = 300  # characters


@dataclass(frozen=True, slots=True)
class Attempt:
    """One thing that a step tried.

    Attributes:
        kind: What was tried.
        call: The system call.
        target: Path, destination, program with its arguments, or nothing.
        outcome: What came of it.
    """

    kind: AttemptKind
    call: str
    target: str
    outcome: AttemptOutcome


@dataclass(slots=True)
class Recorder:
    """The attempts of one command, each counted.

    Attributes:
        counts: How often each was made.
        dropped: How many others there were, beyond MAX_ATTEMPTS different ones.
        undecoded: Calls whose arguments could not be read; they were denied.
    """

    counts: dict[Attempt, int] = field(default_factory=dict)
    dropped: int = 0
    undecoded: int = 0

    def add(self, attempt: Attempt) -> None:
        """Count an attempt."""
        if attempt in self.counts:
            self.counts[attempt] += 1
        elif len(self.counts) < MAX_ATTEMPTS:
            self.counts[attempt] = 1
        else:
            self.dropped += 1

    @property
    def complete(self) -> bool:
        """Whether nothing that was seen is left out; what was not seen nobody knows."""
        return not self.dropped and not self.undecoded


@dataclass(frozen=True, slots=True)
class Scope:
    """What a command may change in its workspace, and what it must not.

    Attributes:
        allowed: Paths or patterns of the surfaces that may change.
        forbidden: Paths or patterns that must not.
        programs: Names of programs that must not be started.
        execute: Whether what lies in the workspace may be started.
        destinations: Where it may connect to, through a recording proxy.
    """

    allowed: tuple[str, ...] = ()
    forbidden: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    execute: bool = False
    destinations: tuple[Destination, ...] = ()

    def forbids(self, path: str) -> bool:
        """Report whether a path of the workspace is forbidden."""
        return matches_any(self.forbidden, path)

    def allows(self, path: str) -> bool:
        """Report whether a path of the workspace, or something below it, may change."""
        return matches_any(self.allowed, path) or _leads_to(self.allowed, path)


def _leads_to(patterns: Sequence[str], path: str) -> bool:
    """Report whether a folder must be there for something that is allowed."""
    return any(pattern.startswith(f"{path}/") for pattern in patterns)


EVERYTHING: Final = Scope(allowed=("**",))
