"""``greenlight confine``: any command in a box over this folder; what it changed, what it tried."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from greenlight.cli.answer import Answer, Fault, table
from greenlight.cli.exit_codes import Exit
from greenlight.cli.values import Values
from greenlight.execution.attempts import Scope
from greenlight.execution.confined import Confined
from greenlight.services.confining import ConfinedRun, run_confined

EVERYTHING = ("**",)


def run(arguments: Values) -> Answer:
    """Run a command over the working directory, which stays as it is."""
    confinement = Confined.here()
    scope = Scope(
        allowed=tuple(arguments.allow or EVERYTHING),
        forbidden=tuple(arguments.forbid or ()),
        programs=tuple(arguments.forbid_program or ()),
    )
    done = run_confined(
        arguments.argv,
        Path.cwd(),
        confinement,
        scope=scope,
        variables={},
        timeout_seconds=arguments.timeout,
    )
    code = done.result.code
    fault = None
    if code is not None:
        what = f"the command ended with exit code {done.result.exit_code}"
        if done.result.exit_code is None:
            what = f"the command did not end by itself: {code.meaning}"
        fault = Fault(code, what)
    return Answer(
        _data(done, confinement),
        tuple(_lines(done, confinement)),
        exit=Exit.OK if fault is None else Exit.REJECTED,
        fault=fault,
    )


def _data(done: ConfinedRun, confinement: Confined) -> dict[str, object]:
    result = done.result
    recorder = result.attempts
    return {
        "exit_code": result.exit_code,
        "signal": result.signal,
        "code": "" if result.code is None else result.code.name,
        "stdout": result.stdout.decode("utf-8", "replace"),
        "stderr": result.stderr.decode("utf-8", "replace"),
        "exact": done.exact,
        "changes": [
            {
                "path": each.path,
                "change": each.change,
                "before": _state(each.before),
                "after": _state(each.after),
            }
            for each in done.changes
        ],
        "recorded": recorder is not None and confinement.records,
        "complete": recorder is not None and recorder.complete,
        "attempts": [
            {
                "kind": each.kind.value,
                "call": each.call,
                "target": each.target,
                "outcome": each.outcome.value,
                "count": count,
            }
            for each, count in (recorder.counts.items() if recorder else ())
        ],
        "confinement": confinement.name,
    }


def _state(state: object) -> dict[str, object]:
    names = ("kind", "mode", "bytes", "digest", "target")
    return {name: getattr(state, name) for name in names}


def _lines(done: ConfinedRun, confinement: Confined) -> Iterator[str]:
    for text in (done.result.stdout, done.result.stderr):
        yield from text.decode("utf-8", "replace").splitlines()
    yield f"changed ({'by the overlay' if done.exact else 'by before and after'})"
    yield from table(
        [
            (
                f"  {each.change}",
                each.path,
                each.after.mode or each.before.mode,
                each.after.digest or each.before.digest,
            )
            for each in done.changes
        ]
    ) or ["  nothing"]
    recorder = done.result.attempts
    if recorder is None or not confinement.records:
        yield "tried: not recorded on this host"
        return
    yield "tried"
    rows = [
        (f"  {each.outcome.value}", each.kind.value, each.call, f"{count}x", each.target)
        for each, count in recorder.counts.items()
    ]
    yield from table(rows) or ["  nothing that was seen"]
    if not recorder.complete:
        yield f"  {recorder.dropped} more, and {recorder.undecoded} that could not be read"
