"""Run gates side by side, and judge what each of them left.

A gate that crashes, hangs, prints garbage, nothing, or more than it may is red, never green;
so is one whose metric is missing, and one that skips where it may not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from greenlight.codes import Code
from greenlight.errors import MalformedError, UsageError
from greenlight.execution.confined import Confined
from greenlight.execution.forked import worker_count
from greenlight.execution.side_by_side import Lost, Task, side_by_side
from greenlight.model import codec
from greenlight.model.gate import SKIPPED as SKIP_EXIT
from greenlight.model.gate import Gate
from greenlight.model.gate_result import GREEN, RED, SKIPPED
from greenlight.primitives import cjson
from greenlight.primitives.digest import Digest
from greenlight.primitives.text import escape
from greenlight.services.gates.builtin import Around, Done, own_thresholds, run_builtin
from greenlight.services.gates.command import Left, run_command
from greenlight.services.settings import Judging
from greenlight.store.repository import Store
from greenlight.verify.thresholds import Measured, judge, read_artifact

if TYPE_CHECKING:
    from greenlight.services.baselines import BaselineVerdict

_GRACE_SECONDS: Final = 30.0  # for a box to be made, and what it left to be read
_OWN: Final = "greenlight itself"


@dataclass(frozen=True, slots=True)
class Place:
    """Where gates are run, and for whom.

    Attributes:
        root: The top of the work tree.
        repository: A store in the repository that is judged; None where there is none.
        store: The store with the ledger; None likewise.
        head: The commit that is checked out; empty where there is none.
        judging: The settings that judge.
        variables: The environment of whoever runs gates.
        baseline: Returns the metrics of the baseline at a path, or None where there is none that
            can be believed.
        verdict: Makes the verdict on the audit's baseline, with what is measured now.
        clock: Returns the time of this machine.
    """

    root: Path
    repository: Store | None
    store: Store | None
    head: str
    judging: Judging
    variables: Mapping[str, str]
    baseline: Callable[[str], Mapping[str, Decimal] | None]
    verdict: Callable[[], BaselineVerdict]
    clock: Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a gate came to.

    Attributes:
        gate: As it is declared.
        verdict: green, red or skipped.
        code: Why it is not green; None where it is, or was skipped.
        reason: The same in words, one line.
        exit_code: Of its command; None where it did not end by itself, or has none.
        milliseconds: How long it took.
        confined_by: What kept it from everything else.
        metrics: Each that has a threshold, held against it.
        artifact: SHA-256 of what it left; empty where that was nothing.
        left: What it left, read; None likewise.
    """

    gate: Gate
    verdict: str
    code: Code | None = None
    reason: str = ""
    exit_code: int | None = None
    milliseconds: int = 0
    confined_by: str = ""
    metrics: tuple[Measured, ...] = ()
    artifact: str = ""
    left: object = field(default=None, compare=False, repr=False)


def definition_of(gate: Gate) -> Digest:
    """Return the SHA-256 of a gate as it is declared: what it is, and not what it is for.

    Its mode is not part of it: a gate that comes to block is the same gate.
    """
    plain: dict[str, Any] = codec.to_plain(gate)
    del plain["about"], plain["mode"]
    return Digest.of(cjson.encode(_spelled(plain)))


def choose_gates(gates: Sequence[Gate], names: Sequence[str]) -> tuple[Gate, ...]:
    """Return the gates of these names, in the order in which they are declared; all without any.

    Raises:
        UsageError: GATE_UNKNOWN.
    """
    known = {gate.name for gate in gates}
    for name in names:
        if name not in known:
            listed = ", ".join(sorted(known)) or "none"
            raise UsageError(
                Code.GATE_UNKNOWN, f"no gate {escape(name)} is declared", hint=f"declared: {listed}"
            )
    return tuple(gate for gate in gates if not names or gate.name in names)


def run_gates(place: Place, gates: Sequence[Gate]) -> tuple[Outcome, ...]:
    """Run gates side by side, as many at once as there are processors.

    Raises:
        StoreError: The machine fails.
    """
    if not gates:
        return ()
    boxed = any(gate.command and not gate.network for gate in gates)
    confinement = Confined.here() if boxed else None
    tasks = [
        Task(_work(place, gate, confinement), gate.timeout_seconds + _GRACE_SECONDS)
        for gate in gates
    ]
    found = side_by_side(tasks, worker_count())
    return tuple(
        _lost(gate, each) if isinstance(each, Lost) else each
        for gate, each in zip(gates, found, strict=True)
    )


def _work(place: Place, gate: Gate, confinement: Confined | None) -> Callable[[], Outcome]:
    return lambda: run_gate(place, gate, confinement)


def _lost(gate: Gate, lost: Lost) -> Outcome:
    code = Code.GATE_TIMED_OUT if lost.timed_out else Code.GATE_FAILED
    return _red(Outcome(gate, RED), code, lost.reason)


def run_gate(place: Place, gate: Gate, confinement: Confined | None) -> Outcome:
    """Run one gate, and judge what it left.

    Raises:
        StoreError: The machine fails.
    """
    if gate.builtin is not None:
        return _builtin(place, gate)
    left = run_command(gate, place.root, confinement, place.variables)
    outcome = Outcome(
        gate,
        GREEN,
        exit_code=left.exit_code,
        milliseconds=left.milliseconds,
        confined_by=left.confined_by,
    )
    if left.code is None and left.exit_code == SKIP_EXIT:
        return _skipped(place, outcome, left)
    problem = _problem(gate, left)
    if problem is not None:
        return _red(outcome, *problem)
    if gate.exit_only:
        return outcome
    try:
        artifact = read_artifact(left.data or b"")
    except MalformedError as error:
        return _red(outcome, error.code, str(error))
    return _judged(place, outcome, artifact, str(Digest.of(left.data or b"")))


def _problem(gate: Gate, left: Left) -> tuple[Code, str] | None:
    if left.code is not None:
        return left.code, left.reason
    if left.exit_code not in gate.expected_exits:
        said = f"it ended with exit code {left.exit_code}"
        return Code.GATE_FAILED, f"{said}: {left.said}" if left.said else said
    if left.data is None and not gate.exit_only:
        return Code.GATE_LEFT_NOTHING, f"it did not write {gate.artifact}"
    return None


def _builtin(place: Place, gate: Gate) -> Outcome:
    if gate.builtin is None:
        raise AssertionError(gate.name)
    began = monotonic()
    around = Around(
        root=place.root,
        repository=place.repository,
        store=place.store,
        head=place.head,
        base=place.judging.commit,
        clock=place.clock,
        settings=place.judging.settings,
        baseline=place.verdict,
    )
    done: Done = run_builtin(gate.builtin, around)
    took = round((monotonic() - began) * 1000)
    outcome = Outcome(gate, GREEN, milliseconds=took, confined_by=_OWN)
    digest = Digest.of(cjson.encode(_spelled(dict(done.metrics))))
    outcome = _judged(place, outcome, _numbers(done.metrics), str(digest))
    return outcome if done.code is None else _red(outcome, done.code, done.reason)


def _judged(place: Place, outcome: Outcome, artifact: object, digest: str) -> Outcome:
    gate = outcome.gate
    thresholds = gate.thresholds
    if gate.builtin is not None and not thresholds:
        thresholds = own_thresholds(gate.builtin)
    baseline = None
    if any(each.value is None for each in thresholds):
        baseline = place.baseline(gate.baseline or place.judging.settings.audit.baseline)
    metrics = judge(thresholds, artifact, baseline)
    outcome = replace(outcome, metrics=metrics, artifact=digest, left=artifact)
    for each in metrics:
        if each.code is not None:
            return _red(outcome, each.code, each.reason)
    return outcome


def _skipped(place: Place, outcome: Outcome, left: Left) -> Outcome:
    when = outcome.gate.skip_when
    if when is None:
        said = "it skipped (exit 78), and nothing is declared under which it may"
        return _red(outcome, Code.GATE_SKIPPED, said)
    value = place.variables.get(when.env, "")
    if value not in when.values:
        said = f"it skipped (exit 78), and may not where {when.env} is {escape(value)[:80]!r}"
        return _red(outcome, Code.GATE_SKIPPED, said)
    shown = f"{when.env} is {value!r}" if value else f"{when.env} is not set"
    reason = f"{shown}: {left.said}" if left.said else shown
    return replace(outcome, verdict=SKIPPED, reason=_line(reason))


def _red(outcome: Outcome, code: Code, reason: str) -> Outcome:
    return replace(outcome, verdict=RED, code=code, reason=_line(reason))


def _line(reason: str) -> str:
    """Return what a command said as one line, without anything that a terminal obeys."""
    return " ".join(escape(reason).split())[:1000]


def _spelled(plain: Any) -> Any:
    """Return a value whose numbers with a point are texts, which canonical JSON has."""
    if isinstance(plain, dict):
        return {name: _spelled(item) for name, item in plain.items()}
    if isinstance(plain, list | tuple):
        return [_spelled(item) for item in plain]
    return str(plain) if isinstance(plain, Decimal | float) else plain


def _numbers(metrics: Mapping[str, object]) -> dict[str, object]:
    return {
        name: Decimal(str(item)) if type(item) in (int, float) else item
        for name, item in metrics.items()
    }
