"""Whether live rules are those that the registry says, compared both ways (000).

A check that the registry names and the forge does not enforce is a violation.  One that the
forge enforces and the registry does not name, and whatever weakens a rule that is there, is
a warning.  What could not be read is neither: it is said, and is never "absent".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from greenlight.model.consumers import Consumer, Ssti
from greenlight.model.live_rules import LiveRules

OK, FAIL, SKIPPED, ERROR = "ok", "fail", "skipped", "error"
_PROTECTED: Final = (Ssti.ENFORCED, Ssti.NOT_APPLICABLE)


@dataclass(frozen=True, slots=True)
class Compared:
    """What came of one consumer.

    Attributes:
        consumer: As registered.
        rules: As enforced; None where they could not be read.
        violations: What is registered and not enforced.
        warnings: What is weaker than it looks, or not registered.
        unread: What could not be read.
    """

    consumer: Consumer
    rules: LiveRules | None
    violations: tuple[str, ...]
    warnings: tuple[str, ...]
    unread: tuple[str, ...]

    @property
    def status(self) -> str:
        if self.violations:
            return FAIL
        return ERROR if self.unread else OK

    def to_dict(self) -> dict[str, object]:
        """Return the object of a report."""
        checks = () if self.rules is None else self.rules.checks
        return {
            "name": self.consumer.name,
            "repository": self.consumer.repository,
            "branch": self.consumer.branch if self.rules is None else self.rules.branch,
            "status": self.status,
            "required_checks": list(self.consumer.required_checks),
            "live_checks": sorted({check.context for check in checks}),
            "ssti_protection": self.consumer.ssti_protection.value,
            "violations": list(self.violations),
            "warnings": list(self.warnings),
            "unread": list(self.unread),
        }


@dataclass(frozen=True, slots=True)
class Protection:
    """What came of all consumers: the section of a report.

    Attributes:
        status: ok, fail, skipped or error.
        reason: Why, where it is not ok.
        consumers: How many are registered.
        compared: One for each that was looked at.
    """

    status: str
    reason: str
    consumers: int
    compared: tuple[Compared, ...]

    @property
    def warnings(self) -> int:
        return sum(len(each.warnings) for each in self.compared)

    def to_dict(self) -> dict[str, object]:
        """Return the section, with 000's fields."""
        return {
            "status": self.status,
            "reason": self.reason,
            "consumers_count": self.consumers,
            "consumers_checked": sum(each.rules is not None for each in self.compared),
            "violations": [
                f"{each.consumer.name}: {said}"
                for each in self.compared
                for said in each.violations
            ],
            "warnings": [
                f"{each.consumer.name}: {said}" for each in self.compared for said in each.warnings
            ],
            "unread": [
                f"{each.consumer.name}: {said}" for each in self.compared for said in each.unread
            ],
            "consumers": [each.to_dict() for each in self.compared],
        }


def compare(consumer: Consumer, rules: LiveRules | None, unread: str = "") -> Compared:
    """Compare what is registered of a consumer with the rules of its branch.

    Args:
        consumer: As registered.
        rules: As enforced; None where they could not be read.
        unread: Why they could not.
    """
    warnings = []
    if consumer.ssti_protection not in _PROTECTED:
        warnings.append(f"its protection against template injection is {consumer.ssti_protection}")
    if rules is None:
        return Compared(consumer, None, (), tuple(warnings), (unread or "nothing was read",))
    violations = []
    # While something could not be read nobody knows that a check is not there.
    live = {check.context for check in rules.checks}
    missing = [name for name in consumer.required_checks if name not in live]
    if not rules.unread:
        if not rules.protected:
            violations.append(f"{rules.branch} is not protected")
        violations += [f"{name} is registered and not required" for name in missing]
    unread_parts = list(rules.unread)
    if rules.unread and missing:
        unread_parts.append(f"whether {', '.join(missing)} is required is therefore not known")
    warnings += _weak(rules, consumer.required_checks)
    warnings += [
        f"{name} is required and not registered"
        for name in sorted(live - set(consumer.required_checks))
    ]
    return Compared(consumer, rules, tuple(violations), tuple(warnings), tuple(unread_parts))


def _weak(rules: LiveRules, required: Iterable[str]) -> list[str]:
    found = []
    for name in required:
        checks = [check for check in rules.checks if check.context == name]
        if checks and not any(check.admins for check in checks):
            known = any(check.admins is None for check in checks)
            word = "may not bind" if known else "does not bind"
            found.append(f"{name} {word} administrators")
        if checks and all(check.app is None for check in checks):
            found.append(f"{name} may be reported by any app")
    for allowed, what in ((rules.force_pushes, "pushed by force"), (rules.deletions, "deleted")):
        if allowed is None:
            found.append(f"whether {rules.branch} may be {what} is not known")
        elif allowed:
            found.append(f"{rules.branch} may be {what}")
    return found


def conclude(compared: Sequence[Compared]) -> Protection:
    """Say what came of all consumers; where none was read, nothing is verified."""
    count = len(compared)
    if not count:
        return Protection(ERROR, "no consumer is registered: nothing was read", 0, ())
    states = [each.status for each in compared]
    failed = sum(len(each.violations) for each in compared)
    unread = sum(bool(each.unread) for each in compared)
    if FAIL in states:
        return Protection(FAIL, f"{failed} violations", count, tuple(compared))
    if ERROR in states:
        said = f"{unread} of {count} consumers could not be read whole"
        return Protection(ERROR, said, count, tuple(compared))
    return Protection(OK, "", count, tuple(compared))


def skipped(consumers: int, reason: str) -> Protection:
    """Say that nothing was looked at."""
    return Protection(SKIPPED, reason, consumers, ())
