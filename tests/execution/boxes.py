"""Run scripts in a box, as whoever runs the tests or as an ordinary user, and bring it all back."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from greenlight.execution.attempts import Scope
from greenlight.execution.box import child
from greenlight.execution.confined import Confined
from greenlight.execution.snapshot import take
from greenlight.execution.steps import StepSpec
from greenlight.execution.workspace import SourceFile, Workspace
from tests.execution.unprivileged import unprivileged

ROOM = Path("/tmp")  # noqa: S108 - where an ordinary user may write too
FILES = {"kb/doc.md": b"as it was\n", "kb/vault/key": b"secret\n", "out.txt": b"before\n"}
SCOPE = Scope(allowed=("out.txt", "kb/doc.md"), forbidden=("kb/vault/**",), programs=("psql",))


@dataclass
class Outcome:
    """What came of a script.

    Attributes:
        changed: What is not as it was in the workspace afterwards, by path.
        attempts: (kind, call, outcome) to the targets.
    """

    exit: int | None
    code: str
    out: str
    err: str
    changed: dict[str, str]
    attempts: dict[tuple[str, str, str], list[str]]
    complete: bool
    files: dict[str, str] = field(default_factory=dict)

    def denied(self, kind: str, call: str = "") -> list[str]:
        """Targets that were denied."""
        return [
            target
            for (k, c, outcome), targets in self.attempts.items()
            if (k, outcome) == (kind, "denied") and call in ("", c)
            for target in targets
        ]


def _run(  # noqa: PLR0913, PLR0917 - a script, and all about its box
    argv: tuple[str, ...],
    scope: Scope,
    files: Mapping[str, bytes],
    limits: child.Limits,
    seconds: int,
    output: int,
) -> str:
    confinement = Confined.here(ROOM)
    assert confinement.ability.full, confinement.ability.why
    confinement = Confined(confinement.ability, limits)
    with Workspace.create(ROOM) as workspace:
        workspace.populate(SourceFile(path, data, "0644") for path, data in sorted(files.items()))
        before = take(workspace.root)
        spec = StepSpec(argv, timeout_seconds=seconds, max_output_bytes=output, scope=scope)
        result = confinement.run(spec, workspace)
        after = take(workspace.root, keep_going=True)
        changed = {
            path: after.get(path).kind
            for path in sorted(before.states.keys() | after.states.keys())
            if before.get(path) != after.get(path)
        }
        contents = {
            path: (workspace.root / path).read_bytes().decode("utf-8", "replace")[:200]
            for path, kind in changed.items()
            if kind == "file" and (workspace.root / path).is_file()
        }
    assert result.attempts is not None
    attempts: list[tuple[list[str], str]] = [
        ([each.kind.value, each.call, each.outcome.value], each.target)
        for each in result.attempts.counts
    ]
    return json.dumps(
        {
            "exit": result.exit_code,
            "code": "" if result.code is None else result.code.name,
            "out": result.stdout.decode("utf-8", "replace")[:4000],
            "err": result.stderr.decode("utf-8", "replace")[:4000],
            "changed": changed,
            "files": contents,
            "attempts": attempts,
            "complete": result.attempts.complete,
        }
    )


def boxed(  # noqa: PLR0913 - a script, and all about its box
    *argv: str,
    ordinary: bool,
    scope: Scope = SCOPE,
    files: Mapping[str, bytes] = FILES,
    limits: child.Limits | None = None,
    seconds: int = 20,
    output: int = 100_000,
) -> Outcome:
    """Run a command in a box over ``files``; as `nobody` where ``ordinary`` and we are root."""

    def go() -> str:
        return _run(argv, scope, files, limits or child.Limits(), seconds, output)

    said: dict[str, Any] = json.loads(_asked(go) if ordinary else go())
    attempts: dict[tuple[str, str, str], list[str]] = {}
    for (kind, call, outcome), target in said.pop("attempts"):
        attempts.setdefault((kind, call, outcome), []).append(target)
    return Outcome(attempts=attempts, **said)


def _asked(function: Callable[[], str]) -> str:
    """As ``unprivileged``; what it will load is loaded now, for `nobody` may not read it."""
    _load_everything()
    return unprivileged(function) if os.geteuid() == 0 else function()


@cache
def _load_everything() -> None:
    script = "echo x > kb/new; echo x > /etc/new; psql; rm out.txt"
    _run(("sh", "-c", script), SCOPE, FILES, child.Limits(), 20, 1000)
