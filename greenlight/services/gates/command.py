"""Run the command of a gate over a work tree, and take what it left.

In a box where the host can make one (``execution.confined``): the gate sees the work tree and
what it writes is thrown away, so gates that run side by side cannot disturb each other, and
what was there before cannot pass for what the gate left.  Else in the work tree itself.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from greenlight.codes import Code
from greenlight.errors import StoreError
from greenlight.execution.attempts import Scope
from greenlight.execution.confined import Confined
from greenlight.execution.process import run_process
from greenlight.execution.reading import open_beneath, open_root, read_stable
from greenlight.execution.steps import PYTHON, StepResult, StepSpec, build_environment
from greenlight.execution.workspace import Workspace
from greenlight.model.gate import Gate
from greenlight.verify.thresholds import MAX_ARTIFACT_BYTES

_SCOPE: Final = Scope(allowed=("**",), execute=True)
_NO_BOX: Final = "nothing"
_PASSED: Final = ("PATH", "HOME", "LANG")


@dataclass(frozen=True, slots=True)
class Left:
    """What a gate's command left.

    Attributes:
        code: Why what it left does not count; None where it ended as it should.
        reason: The same in words; empty likewise.
        exit_code: None where it did not end by itself.
        data: The artifact; None where it left none.
        said: The last line that it printed.
        milliseconds: How long it took.
        confined_by: What kept it from everything else.
    """

    code: Code | None
    reason: str
    exit_code: int | None
    data: bytes | None
    said: str
    milliseconds: int
    confined_by: str


def run_command(
    gate: Gate, root: Path, confinement: Confined | None, variables: Mapping[str, str]
) -> Left:
    """Run the command of a gate.

    Args:
        gate: One that has a command.
        root: The top of the work tree.
        confinement: What a box is made of; None runs it without.
        variables: The environment of whoever runs gates; it gets the few that it names.

    Raises:
        StoreError: The box cannot be made; the machine fails.
    """
    env = _environment(gate, variables)
    if confinement is not None and confinement.ability.overlay and not gate.network:
        return _boxed(gate, root, confinement, env)
    return _plain(gate, root, env)


def _environment(gate: Gate, variables: Mapping[str, str]) -> dict[str, str]:
    names = [*gate.environment, *((gate.skip_when.env,) if gate.skip_when else ())]
    return build_environment((*_PASSED, *names), variables, {})


def _boxed(gate: Gate, root: Path, confinement: Confined, env: Mapping[str, str]) -> Left:
    env = {name: value for name, value in env.items() if name not in ("HOME", "TMPDIR")}
    spec = StepSpec(
        argv=gate.command,
        env=env,
        timeout_seconds=gate.timeout_seconds,
        max_output_bytes=MAX_ARTIFACT_BYTES,
        scope=_SCOPE,
    )
    with Workspace.create() as workspace:
        result, found = confinement.run_above(
            spec, workspace, root, lambda upper: _read(upper, gate.artifact)
        )
    return _left(gate, result, found, confinement.name)


def _plain(gate: Gate, root: Path, env: Mapping[str, str]) -> Left:
    before = _state(root, gate.artifact)
    program = sys.executable if gate.command[0] == PYTHON else gate.command[0]
    result = run_process(
        (program, *gate.command[1:]),
        cwd=root,
        env=env,
        timeout_seconds=gate.timeout_seconds,
        max_output_bytes=MAX_ARTIFACT_BYTES,
    )
    found = _read(root, gate.artifact) if _state(root, gate.artifact) != before else None
    return _left(gate, result, found, _NO_BOX)


def _left(gate: Gate, result: StepResult, found: bytes | StoreError | None, by: str) -> Left:
    code, reason = _ended(gate, result)
    data = found if gate.artifact else result.stdout
    if isinstance(data, StoreError):
        code, reason = code or data.code, reason or str(data)
        data = None
    lines = (result.stderr or result.stdout).decode("utf-8", "replace").split("\n")
    said = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return Left(code, reason, result.exit_code, data, said[:500], result.duration_ms, by)


def _ended(gate: Gate, result: StepResult) -> tuple[Code | None, str]:
    if result.not_found:
        return Code.GATE_NOT_STARTED, f"{gate.command[0]} cannot be started"
    if result.timed_out:
        return Code.GATE_TIMED_OUT, f"it did not end within {gate.timeout_seconds} s"
    if result.output_exceeded or result.code is Code.STEP_DISK_LIMIT:
        return Code.GATE_OUTPUT_LIMIT, f"it printed or wrote more than {MAX_ARTIFACT_BYTES} bytes"
    if result.exit_code is None:
        return Code.GATE_FAILED, f"it was killed by signal {result.signal}"
    return None, ""


def _read(top: Path, artifact: str) -> bytes | StoreError | None:
    """Return the artifact below a folder, following no link; None where it is not there."""
    if not artifact:
        return None
    *folders, name = artifact.split("/")
    found = bytearray()
    try:
        root = open_root(top)
        try:
            folder = open_beneath(root, folders)
        finally:
            os.close(root)
        try:
            read_stable(folder, name, found.extend, max_bytes=MAX_ARTIFACT_BYTES)
        finally:
            os.close(folder)
    except StoreError as error:
        with suppress(OSError):
            (top / artifact).lstat()
            return error
        return None
    return bytes(found)


def _state(root: Path, artifact: str) -> tuple[int, ...]:
    """Return what tells a file that was written from one that was there before."""
    with suppress(OSError):
        seen = (root / artifact).lstat()
        return seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns
    return ()
