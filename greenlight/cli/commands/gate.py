"""``greenlight gate``: list gates, run them, let one block that has graduated."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING

from greenlight.cli.answer import Answer, Fault, table
from greenlight.cli.exit_codes import Exit
from greenlight.cli.outputs import write_report
from greenlight.cli.project import Project, project_of
from greenlight.cli.surroundings import clock, signer_of, variables
from greenlight.cli.values import Values
from greenlight.codes import Code
from greenlight.errors import StoreError, UsageError
from greenlight.ledger.pin import read_pin
from greenlight.model.gate import Gate, Mode, Threshold
from greenlight.model.gate_result import GREEN, RED, SKIPPED
from greenlight.model.state import LedgerState
from greenlight.primitives import cjson
from greenlight.services.gates.recording import graduate as graduate_gate
from greenlight.services.gates.recording import has_graduated, mode_of, record_results
from greenlight.services.gates.running import (
    Outcome,
    Place,
    choose_gates,
    definition_of,
    run_gates,
)
from greenlight.services.packets import ledger_of
from greenlight.verify.graduation import DAYS, green_days

if TYPE_CHECKING:
    from greenlight.services.baselines import BaselineVerdict
    from greenlight.store.repository import Store

QUICK_SECONDS = 60  # a gate that may take longer is none to wait for at every commit


def list_(arguments: Values) -> Answer:
    """Show what the settings that judge mean."""
    with project_of(arguments) as project:
        state = _state(project)
        gates = project.judging.settings.gates
        rows, data = [], []
        for gate in gates:
            mode = mode_of(state, gate)
            days = _days(state, gate)
            rows.append((gate.name, gate.module, _mode(mode, gate, days), _what(gate)))
            rows.extend(("", "", "", f"  {_limit(each)}") for each in gate.thresholds)
            data.append(_gate(gate, mode, days, graduated=has_graduated(state, gate)))
        lines = [f"judged by {project.judging.source}"]
        lines += table(rows) or ["no gates are declared"]
        answer = {"judged_by": project.judging.to_dict(), "gates": data}
    return Answer(answer, tuple(lines))


def run(arguments: Values) -> Answer:
    """Run gates side by side."""
    with project_of(arguments) as project:
        gates = choose_gates(project.judging.settings.gates, arguments.names or ())
        if arguments.quick:
            gates = tuple(gate for gate in gates if gate.timeout_seconds <= QUICK_SECONDS)
        if not gates:
            raise UsageError(
                Code.GATE_UNKNOWN,
                f"no gates are declared: judged by {project.judging.source}",
                hint="docs/spec/settings.md says how gates are declared",
            )
        place = _place(arguments, project)
        outcomes = run_gates(place, gates)
        state = _state(project)
        record = ""
        if arguments.record:
            told = record_results(
                _ledger(project), signer_of(arguments), place, outcomes, clock=clock
            )
            state = told.state
            record = f"{told.indexes[0]} to {told.indexes[-1]}"
        modes = {gate.name: mode_of(state, gate) for gate in gates}
    if arguments.metrics:
        from greenlight.services.gates.metrics import openmetrics  # noqa: PLC0415 - seldom needed

        write_report(arguments.metrics, openmetrics(outcomes, modes).encode())
    return _answer(arguments, project, outcomes, modes, record)


def graduate(arguments: Values) -> Answer:
    """Let a gate block from now on."""
    with project_of(arguments) as project:
        (gate,) = choose_gates(project.judging.settings.gates, [arguments.name])
        told = graduate_gate(_ledger(project), signer_of(arguments), gate, clock=clock)
    data = {"gate": gate.name, "module": gate.module, "record": told.indexes[0]}
    return Answer(data, (f"BLOCKING  {gate.name} of {gate.module}", f"  record  {told.indexes[0]}"))


def _believing() -> ModuleType:
    from greenlight.cli import believing  # noqa: PLC0415 - of gates that look at a baseline

    return believing


def _verdict(arguments: Values, project: Project) -> BaselineVerdict:
    verdict: BaselineVerdict = _believing().verdict_of(arguments, project)()
    return verdict


def _place(arguments: Values, project: Project) -> Place:
    return Place(
        root=project.root,
        store=project.ledger,
        head=project.head,
        judging=project.judging,
        variables=variables(),
        baseline=lambda path: _believing().metrics_of(arguments, project, path),
        verdict=lambda: _verdict(arguments, project),
        clock=clock,
    )


def _ledger(project: Project) -> Store:
    store = project.ledger
    if store is None or read_pin(store) is None:
        raise StoreError(
            Code.STORE_MISSING, "there is no ledger here to record in", hint="greenlight init"
        )
    return store


def _state(project: Project) -> LedgerState | None:
    """Return what the ledger says; None where there is none.

    Raises:
        RejectedError: It is broken.
    """
    store = project.ledger
    if store is None or read_pin(store) is None:
        return None
    ledger = ledger_of(store)
    ledger.require()
    return ledger.state


def _days(state: LedgerState | None, gate: Gate) -> int:
    if state is None or state.time is None:
        return 0
    now = max(clock(), state.time)
    return green_days(state.gates.get((gate.name, gate.module)), str(definition_of(gate)), now)


# --- for people


def _answer(
    arguments: Values,
    project: Project,
    outcomes: Sequence[Outcome],
    modes: dict[str, Mode],
    record: str,
) -> Answer:
    rows = [
        (
            outcome.verdict.upper(),
            outcome.gate.name,
            modes[outcome.gate.name].value,
            f"{outcome.milliseconds} ms",
            outcome.reason or _held(outcome),
        )
        for outcome in outcomes
    ]
    lines = [f"judged by {project.judging.source}", *table(rows)]
    blocking = [each for each in outcomes if modes[each.gate.name] is Mode.BLOCKING]
    red = [each for each in blocking if each.verdict == RED]
    skipped = [each for each in blocking if each.verdict == SKIPPED]
    counts = {
        word: sum(each.verdict == word for each in outcomes) for word in (GREEN, RED, SKIPPED)
    }
    lines.append(", ".join(f"{number} {word}" for word, number in counts.items()))
    if record:
        lines.append(f"recorded  {record}")
    data: dict[str, object] = {
        "judged_by": project.judging.to_dict(),
        "commit": project.head,
        "counts": counts,
        "blocked": bool(red),
        "gates": [_outcome(each, modes[each.gate.name]) for each in outcomes],
        "recorded": record,
    }
    if arguments.out:
        report = {"format": 1, "kind": "gate-report", **data}
        write_report(arguments.out, cjson.encode(report))
    if red:
        first = red[0]
        fault = Fault(first.code or Code.GATE_FAILED, f"{first.gate.name}: {first.reason}")
        return Answer(data, tuple(lines), exit=Exit.REJECTED, fault=fault)
    if skipped:
        fault = Fault(Code.GATE_SKIPPED, f"{skipped[0].gate.name} was skipped, which is not green")
        return Answer(data, tuple(lines), exit=Exit.SKIPPED, fault=fault)
    return Answer(data, tuple(lines))


def _held(outcome: Outcome) -> str:
    shown = []
    for each in outcome.metrics:
        said = each.to_dict()
        shown.append(f"{said['metric']} {said['found']} {said['op']} {said['limit']}")
    return "; ".join(shown)


def _outcome(outcome: Outcome, mode: Mode) -> dict[str, object]:
    return {
        "name": outcome.gate.name,
        "module": outcome.gate.module,
        "mode": mode.value,
        "verdict": outcome.verdict,
        "code": "" if outcome.code is None else outcome.code.name,
        "reason": outcome.reason,
        "exit_code": outcome.exit_code,
        "milliseconds": outcome.milliseconds,
        "confined_by": outcome.confined_by,
        "artifact": outcome.artifact,
        "metrics": [each.to_dict() for each in outcome.metrics],
        "definition": str(definition_of(outcome.gate)),
    }


def _gate(gate: Gate, mode: Mode, days: int, *, graduated: bool) -> dict[str, object]:
    return {
        "name": gate.name,
        "about": gate.about,
        "module": gate.module,
        "mode": mode.value,
        "declared_mode": gate.mode.value,
        "graduated": graduated,
        "green_days": days,
        "command": list(gate.command),
        "builtin": "" if gate.builtin is None else gate.builtin.value,
        "artifact": gate.artifact,
        "timeout_seconds": gate.timeout_seconds,
        "expected_exits": list(gate.expected_exits),
        "skip_when": None
        if gate.skip_when is None
        else {"env": gate.skip_when.env, "values": list(gate.skip_when.values)},
        "thresholds": [_limit(each) for each in gate.thresholds],
        "definition": str(definition_of(gate)),
    }


def _mode(mode: Mode, gate: Gate, days: int) -> str:
    if mode is Mode.OBSERVING:
        return f"observing, {days} of {DAYS} green days"
    return "blocking" if gate.mode is Mode.BLOCKING else "blocking, graduated"


def _what(gate: Gate) -> str:
    what = f"builtin {gate.builtin}" if gate.builtin is not None else " ".join(gate.command)
    if gate.skip_when is None:
        return what
    words = " or ".join(each or "not set" for each in gate.skip_when.values)
    return f"{what}; may skip where {gate.skip_when.env} is {words}"


def _limit(threshold: Threshold) -> str:
    limit = str(threshold.value)
    of = threshold.of or threshold.metric
    if threshold.times is not None:
        limit = f"{threshold.times} times the baseline's {of}"
    elif threshold.plus is not None:
        limit = f"the baseline's {of} plus {threshold.plus}"
    return f"{threshold.metric} {threshold.op} {limit}"
