"""Whether settings can be carried out: what relates two fields of them (docs/spec/settings.md)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final

from greenlight.codes import Code
from greenlight.model.finding import Finding
from greenlight.model.gate import MAX_GATES, SKIPPED, Gate, Threshold
from greenlight.model.promotion import MAX_TARGETS, Condition, ConditionKind
from greenlight.model.settings import Settings

_MAX_THRESHOLDS: Final = 256  # of one gate
_MAX_CONDITIONS: Final = 256  # of one target

# What a condition of each kind must say, and whether it does.
_NEEDS: Final[dict[ConditionKind, tuple[str, Callable[[Condition], bool]]]] = {
    ConditionKind.ISSUE_CLOSED: ("an issue", lambda condition: condition.issue > 0),
    ConditionKind.CHECKLIST_ITEM: (
        "an issue and an item",
        lambda condition: condition.issue > 0 and bool(condition.item.strip()),
    ),
    ConditionKind.GATE_GREEN: ("a gate", lambda condition: bool(condition.gate)),
    ConditionKind.DAYS_ELAPSED: ("days", lambda condition: condition.days > 0),
}


def check_settings(settings: Settings) -> tuple[Finding, ...]:
    """Return what cannot be carried out; nothing where all of it can."""
    return tuple(_check(settings))


def _check(settings: Settings) -> Iterator[Finding]:
    yield from _named("/gates", [gate.name for gate in settings.gates], MAX_GATES)
    for index, gate in enumerate(settings.gates):
        yield from _gate(f"/gates/{index}", gate)
    targets = settings.promotion
    yield from _named("/promotion", [target.name for target in targets], MAX_TARGETS)
    gates = {gate.name for gate in settings.gates}
    for index, target in enumerate(targets):
        where = f"/promotion/{index}/conditions"
        if not 1 <= len(target.conditions) <= _MAX_CONDITIONS:
            expected = f"1 to {_MAX_CONDITIONS} conditions: a target without any is open to all"
            yield _finding(where, expected, str(len(target.conditions)))
        for number, condition in enumerate(target.conditions):
            yield from _condition(f"{where}/{number}", condition, gates)
    if settings.audit.parser and not settings.audit.parser_formats:
        yield _finding("/audit/parser_formats", "what the parser reads", "nothing")
    if not settings.platform.systems:
        yield _finding("/platform/systems", "at least one operating system", "none")


def _named(where: str, names: list[str], most: int) -> Iterator[Finding]:
    if len(names) > most:
        yield _finding(where, f"at most {most}", str(len(names)))
    for name, times in Counter(names).items():
        if times > 1:
            yield Finding(Code.GATE_TWICE, where, f"one that is called {name}", str(times))


def _gate(where: str, gate: Gate) -> Iterator[Finding]:
    if bool(gate.command) == (gate.builtin is not None):
        found = "both" if gate.command else "neither"
        yield _finding(where, "a command or a builtin", found)
    if SKIPPED in gate.expected_exits:
        yield _finding(f"{where}/expected_exits", "skip_when says when a gate may skip", "78")
    if not gate.expected_exits:
        yield _finding(f"{where}/expected_exits", "at least one exit code", "none")
    if gate.skip_when is not None and not gate.skip_when.values:
        yield _finding(f"{where}/skip_when/values", "at least one value", "none")
    if gate.exit_only and (gate.thresholds or gate.artifact):
        yield _finding(f"{where}/exit_only", "a gate without thresholds and artifact", "one with")
    if len(gate.thresholds) > _MAX_THRESHOLDS:
        yield _finding(f"{where}/thresholds", f"at most {_MAX_THRESHOLDS}", "more")
    for index, threshold in enumerate(gate.thresholds):
        yield from _threshold(f"{where}/thresholds/{index}", threshold)


def _threshold(where: str, threshold: Threshold) -> Iterator[Finding]:
    limits = (threshold.value, threshold.times, threshold.plus)
    given = sum(limit is not None for limit in limits)
    if given != 1:
        yield _finding(where, "one of value, times, plus", f"{given} of them")
    if threshold.of and threshold.value is not None:
        yield _finding(f"{where}/of", "with times or plus alone", threshold.of)
    if threshold.times is not None and threshold.times < 0:
        yield _finding(f"{where}/times", "a number that is not negative", str(threshold.times))


def _condition(where: str, condition: Condition, gates: set[str]) -> Iterator[Finding]:
    needs, holds = _NEEDS.get(condition.kind, ("", lambda _: True))
    if not holds(condition):
        yield _finding(where, f"{condition.kind} names {needs}", "it does not")
    if condition.gate and condition.gate not in gates:
        yield _finding(f"{where}/gate", "the name of a gate that is declared", condition.gate)
    if condition.packet and condition.lane:
        yield _finding(where, "a packet or a lane", "both")


def _finding(where: str, expected: str, found: str) -> Finding:
    return Finding(Code.SETTINGS_MALFORMED, where, expected, found)
