"""What a step is given, and what came of it.

A step sees an environment of its own: the defaults below, the variables of the
caller that the lane allows by name, and those that it sets.  Nothing else of the
caller's environment reaches it.  ``HOME`` and ``TMPDIR`` are folders of the
workspace, filled in where the step is run (``execution.confinement``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from greenlight.codes import Code
from greenlight.errors import MalformedError
from greenlight.execution.attempts import EVERYTHING, Recorder, Scope
from greenlight.execution.proxy.recording import Recording
from greenlight.primitives.limits import DEFAULT_STEP_OUTPUT_BYTES
from greenlight.primitives.packet_path import path_problem

PYTHON: Final = "@python"  # as argv[0]: the interpreter that runs greenlight
DEFAULT_TIMEOUT_SECONDS: Final = 60

# Each takes away one way in which two runs of one lane could differ.
DEFAULT_ENVIRONMENT: Final[Mapping[str, str]] = {
    "LANG": "C.UTF-8",
    "PATH": "/usr/bin:/bin",
    "PYTHONDONTWRITEBYTECODE": "1",  # __pycache__ would be a mutation
    "PYTHONHASHSEED": "0",
    "SOURCE_DATE_EPOCH": "315532800",  # 1980-01-01, the first day a zip file can hold
    "TZ": "UTC",
}

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class StepSpec:
    """One command to run. Its standard input is empty.

    Attributes:
        argv: Program and arguments, handed over as they are; ``@python`` as the first is the
            interpreter that runs greenlight. No shell reads them.
        cwd: Folder below the workspace's root; empty for the root itself.
        env: The whole environment, but for HOME and TMPDIR where it does not name them.
        timeout_seconds: Then the step and its process group are killed.
        max_output_bytes: Of standard output and standard error together; then likewise.
        scope: What it may change, for a confinement that keeps it to that or writes it down.
        discard: Whether what it changes is thrown away, where that can be done.

    Raises:
        MalformedError: There is no program, an argument cannot be handed over, the folder is
            no path, a limit is not positive.
    """

    argv: tuple[str, ...]
    cwd: str = ""
    env: Mapping[str, str] = field(default_factory=lambda: DEFAULT_ENVIRONMENT)
    timeout_seconds: int = DEFAULT_TIMEOUT_SECONDS
    max_output_bytes: int = DEFAULT_STEP_OUTPUT_BYTES
    scope: Scope = EVERYTHING
    discard: bool = False

    def __post_init__(self) -> None:
        if not self.argv or not self.argv[0]:
            raise MalformedError(Code.LANE_MALFORMED, "expected a program to run, found none")
        if any("\0" in argument for argument in self.argv):
            raise MalformedError(Code.LANE_MALFORMED, "expected arguments without NUL, found one")
        problem = path_problem(self.cwd) if self.cwd else None
        if problem is not None:
            raise MalformedError(
                Code.LANE_PATH_ESCAPES, f"the step's folder {self.cwd!a}: {problem.meaning}"
            )
        if self.timeout_seconds <= 0 or self.max_output_bytes <= 0:
            raise MalformedError(Code.LANE_MALFORMED, "expected limits above zero, found others")
        for name, value in self.env.items():
            _require_variable(name, value)


@dataclass(frozen=True, slots=True)
class Usage:
    """What the kernel counted of a program and of those that it waited for.

    Attributes:
        elapsed_ns: Nanoseconds from its start to its end.
        peak_rss_bytes: Largest resident set of any one of them, not their sum; what the one
            that started it held then counts as its own (``execution.meter``).
    """

    elapsed_ns: int
    peak_rss_bytes: int


@dataclass(frozen=True, slots=True)
class StepResult:
    """What came of one command.

    Attributes:
        exit_code: As the program gave it; None where it did not end by itself.
        signal: Number of the signal that ended it; None where a limit did.
        timed_out: Whether it ran longer than it may.
        output_exceeded: Whether it wrote more than it may; the output is then cut there.
        not_found: Whether its program, or its folder, does not exist or cannot be run.
        stdout: What it wrote to standard output.
        stderr: What it wrote to standard error.
        duration_ms: Milliseconds from start to end.
        code: Why it failed; None where it ended with exit code 0.
        attempts: What it tried, where that was recorded.
        exchanges: What went through the recording proxy, where there was one.
        usage: What it took, where the one that ran it waited for it itself.
        outlived: Whether a process that it started left its group and still held its output
            when the step was over: nothing ended that process.
    """

    exit_code: int | None
    signal: int | None
    timed_out: bool
    output_exceeded: bool
    not_found: bool
    stdout: bytes
    stderr: bytes
    duration_ms: int
    code: Code | None
    outlived: bool = False
    attempts: Recorder | None = None
    exchanges: Recording | None = None
    usage: Usage | None = None


def build_environment(
    allow: Iterable[str], given: Mapping[str, str], set_: Mapping[str, str]
) -> dict[str, str]:
    """Return the variables of a step, sorted: defaults, then allowed ones, then set ones.

    Args:
        allow: Names that may pass from the caller; one that is not there is not made up.
        given: The caller's environment.
        set_: What the lane sets.

    Raises:
        MalformedError: A name or value that no program can be given.
    """
    env = dict(DEFAULT_ENVIRONMENT)
    env |= {name: given[name] for name in allow if name in given}
    env |= set_
    for name, value in env.items():
        _require_variable(name, value)
    return dict(sorted(env.items()))


def _require_variable(name: str, value: str) -> None:
    if not _NAME.fullmatch(name) or "\0" in value:
        # The value may be a secret, so it is not shown.
        raise MalformedError(
            Code.LANE_MALFORMED, f"expected a variable without NUL, found {name[:80]!a}"
        )
