"""What stood between a step and each kind of surface: prevented, observed, or neither.

Where nothing enforced and nothing observed, the word is UNKNOWN, and UNKNOWN is
never clean (``docs/spec/execution.md``).  A grade names the mechanism, so that a
reader can judge how much it is worth.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

# What a grade says where attempts.json was written: the one who records stands outside the step.
RECORDER = "seccomp user notification"
TRACER = "strace, attached from outside"
RECORDERS = frozenset({RECORDER, TRACER})


@dataclass(frozen=True, slots=True)
class Grade:
    """What is known about one kind of surface.

    Attributes:
        enforced_by: What denied a step the surface; empty where nothing did.
        observed_by: What would have noticed that a step used it; empty where nothing would.
    """

    enforced_by: str = ""
    observed_by: str = ""

    @property
    def unknown(self) -> bool:
        """Whether nothing can be said about what a step did here."""
        return not self.enforced_by and not self.observed_by


UNKNOWN = Grade()


@dataclass(frozen=True, slots=True)
class Grades:
    """One grade for each kind of surface; empty means no.

    Attributes:
        path_workspace: Files of the disposable workspace.
        path_outside: All other files of the machine.
        network: Connections, names looked up.
        program: Programs started.
        environment: Variables given to a step.
        tool: Named operations that greenlight carries out for a lane.
    """

    path_workspace: Grade = UNKNOWN
    path_outside: Grade = UNKNOWN
    network: Grade = UNKNOWN
    program: Grade = UNKNOWN
    environment: Grade = UNKNOWN
    tool: Grade = UNKNOWN

    def rows(self) -> Iterator[tuple[str, Grade]]:
        """Yield kind and grade, in the order of the attributes."""
        for member in fields(self):
            yield member.name, getattr(self, member.name)
