"""The green-light audit of source 000: may this go on to a canary?

Every check is made, whatever the others come to, and the report is complete: what could not be
looked at has a section that says so.  A check that was skipped is fatal, unless the user is
lenient; then it is a warning, and never green.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from greenlight.codes import Code
from greenlight.errors import GreenlightError
from greenlight.model.audit import (
    ALONE,
    AUDIT_TYPE,
    BASELINE,
    GREEN,
    PROTECTION,
    VERSION,
    WARNINGS,
    Section,
    exit_of,
    word_of,
)
from greenlight.model.consumers import MAX_REGISTRY_BYTES, Registry, parse_registry
from greenlight.model.platform import Kernel, Platform, PlatformPolicy
from greenlight.primitives.text import escape
from greenlight.primitives.timestamp import format_seconds
from greenlight.services.baselines import BaselineVerdict
from greenlight.services.changes import changed_paths
from greenlight.services.protection import check_protection
from greenlight.services.reading import read_if_there
from greenlight.services.settings import Judging
from greenlight.services.smokes import (
    ParserUnderTest,
    SmokeResult,
    adversarial_smoke,
    ask,
    token_canonicalization,
)
from greenlight.store.repository import Store
from greenlight.store.worktree import read_file_at
from greenlight.verify.platform import check_platform
from greenlight.verify.protection import ERROR, FAIL, OK, SKIPPED

_SECONDS_OF_PARSER: Final = 10


@dataclass(frozen=True, slots=True)
class ForgeAccess:
    """How the forge is asked.

    Attributes:
        base: Address of its API.
        token: Empty where there is none.
    """

    base: str
    token: str


@dataclass(frozen=True, slots=True)
class Around:
    """What an audit looks at.

    Attributes:
        root: The top of the work tree.
        repository: A store in it; None where there is none.
        head: The commit that is checked out; empty likewise.
        judging: The settings that judge.
        registry: The registry that was named; None for that of the settings.
        forge: How the forge is asked.
        baseline: Makes the baseline's verdict.
        platform: What this host is.
        strict: Whether a check that was skipped is fatal.
        clock: Returns the time.
    """

    root: Path
    repository: Store | None
    head: str
    judging: Judging
    registry: Path | None
    forge: ForgeAccess
    baseline: Callable[[], BaselineVerdict]
    platform: Platform
    strict: bool
    clock: Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Audit:
    """What an audit came to.

    Attributes:
        sections: One for each check.
        report: The whole of it, as it is written.
    """

    sections: tuple[Section, ...]
    report: Mapping[str, object]

    @property
    def exit(self) -> int:
        return exit_of(self.sections)


def audit(around: Around, only: str = "") -> Audit:
    """Make every check, or one of them alone.

    Args:
        around: What to look at.
        only: Name of a check; empty for all.
    """
    began = around.clock()
    sections = tuple(
        section
        for names, make in _CHECKS
        if only in ("", *names)
        for section in make(around)
        if only in ("", section.name)
    )
    if only in _SMOKES:  # alone it is no part of an audit, and its own failure (000)
        sections = tuple(replace(each, exit=min(each.exit, ALONE)) for each in sections)
    code = exit_of(sections)
    report = {
        "version": VERSION,
        "timestamp": format_seconds(began),
        "audit_type": AUDIT_TYPE,
        "strict": around.strict,
        "commit": around.head,
        "judged_by": around.judging.to_dict(),
        "status": word_of(code),
        "exit_code": code,
        **{section.name: dict(section.body) for section in sections},
    }
    return Audit(sections, report)


# --- branch protection


def _branch_protection(around: Around) -> Section:
    title = "branch protection of the consumers"
    try:
        registry, source = _registry(around)
        if registry is None:
            return _skipped_protection(around, title, source)
        settings = around.judging.settings.forge
        found = check_protection(
            registry,
            base=around.forge.base,
            token=around.forge.token,
            seconds=settings.timeout_seconds,
            connections=settings.connections,
        )
    except GreenlightError as error:
        body = {"status": ERROR, "reason": f"{error.code}: {error}", "consumers_count": 0}
        said = f"could not be read: {error}"
        return Section("branch_protection", title, ERROR, PROTECTION, said, error.code, body)
    body = {**found.to_dict(), "registry": source}
    if found.status == SKIPPED:
        return _skipped_protection(around, title, found.reason, body)
    if found.status != OK:
        code = Code.AUDIT_PROTECTION if found.status == FAIL else Code.AUDIT_UNREAD
        said = found.reason
        return Section("branch_protection", title, found.status, PROTECTION, said, code, body)
    said = f"verified: {found.consumers} consumers checked"
    if found.warnings:
        said = f"{said}, {found.warnings} warnings"
        code = Code.AUDIT_WARNED
        return Section("branch_protection", title, OK, WARNINGS, said, code, body)
    return Section("branch_protection", title, OK, GREEN, said, None, body)


def _skipped_protection(
    around: Around, title: str, reason: str, body: Mapping[str, object] | None = None
) -> Section:
    """Say that nothing was looked at: fatal, or a warning for the lenient; never green."""
    made = {"status": SKIPPED, "reason": reason, "consumers_count": 0} | dict(body or {})
    code = PROTECTION if around.strict else WARNINGS
    said = f"skipped: {reason}"
    return Section("branch_protection", title, SKIPPED, code, said, Code.AUDIT_SKIPPED, made)


def _registry(around: Around) -> tuple[Registry | None, str]:
    """Return the registry and whence it is; None and why, where there is none.

    Raises:
        GreenlightError: It cannot be read, or is none.
    """
    judging = around.judging
    name = judging.settings.audit.registry
    if around.registry is None and judging.is_independent and around.repository is not None:
        data = read_file_at(around.repository, judging.commit, name, max_bytes=MAX_REGISTRY_BYTES)
        source = f"{name} at {judging.base}"
    else:
        path = around.registry or around.root / name
        data = read_if_there(path, MAX_REGISTRY_BYTES, Code.CONSUMERS_MALFORMED)
        source = str(path if around.registry else name)
    if data is None:
        return None, f"there is no consumer registry: {source}"
    return parse_registry(data), source


# --- the baseline


def _baseline(around: Around) -> Section:
    title = "baseline metrics"
    verdict = around.baseline()
    body = verdict.to_dict()
    if not verdict.ok:
        finding = next(iter(verdict.findings), None)
        said = f"{verdict.status}: {finding.found if finding else '; '.join(verdict.notes)}"
        code = finding.code if finding else Code.AUDIT_SKIPPED
        return Section("baseline_verification", title, verdict.status, BASELINE, said, code, body)
    if not verdict.where.commit:
        said = "holds, and was read from the work tree: the change under test could have brought it"
        code = Code.AUDIT_WARNED
        return Section("baseline_verification", title, "ok", WARNINGS, said, code, body)
    return Section(
        "baseline_verification", title, "ok", GREEN, f"holds: {verdict.measured}", None, body
    )


# --- the parser under test


def _smokes(around: Around) -> tuple[Section, ...]:
    command = around.judging.settings.audit.parser
    formats = around.judging.settings.audit.parser_formats
    parser = ParserUnderTest(
        argv=command, formats=formats, folder=around.root, timeout_seconds=_SECONDS_OF_PARSER
    )
    try:
        asked = ask(parser)
        results = [token_canonicalization(asked), adversarial_smoke(asked)]
    except GreenlightError as error:
        body = {"status": ERROR, "reason": f"{error.code}: {error}"}
        return tuple(
            Section(name, title, ERROR, WARNINGS, str(error), error.code, body)
            for name, title in _SMOKES.items()
        )
    return tuple(_smoke(result) for result in results)


_SMOKES: Final = {
    "token_canonicalization": "token canonicalisation",
    "adversarial_smoke": "adversarial smoke",
}


def _smoke(result: SmokeResult) -> Section:
    title = _SMOKES[result.smoke]
    body = result.to_dict()
    if result.green:
        said = f"{result.total} documents, by {result.parser}"
        return Section(result.smoke, title, "pass", GREEN, said, None, body)
    if not result.total:
        said, code = "no document was sent: nothing was tried", Code.AUDIT_SKIPPED
    else:
        first = result.violations[0]
        said = f"{len(result.violations)} violations; {first.case}: {first.found}"
        code = Code.AUDIT_WARNED
    return Section(result.smoke, title, "fail", WARNINGS, escape(said), code, body)


# --- the host, and the change


def _platform(around: Around) -> Section:
    wanted = around.judging.settings.platform
    policy = PlatformPolicy(wanted.systems, Kernel.parse(wanted.min_kernel))
    host = around.platform
    findings = check_platform(host, policy)
    body = {
        "status": "fail" if findings else "ok",
        "system": host.system,
        "kernel": host.release,
        "policy": {"systems": list(policy.systems), "min_kernel": str(policy.kernel)},
        "findings": [finding.to_dict() for finding in findings],
    }
    title = "platform policy"
    if findings:
        return Section(
            "platform", title, "fail", WARNINGS, str(findings[0]), findings[0].code, body
        )
    return Section("platform", title, "ok", GREEN, f"{host.system} {host.release}", None, body)


def _no_op(around: Around) -> Section:
    """Flag a change that changed nothing (the no-op guard of 002)."""
    title = "no-op guard"
    base, store = around.judging.commit, around.repository
    if not base or not around.head or store is None:
        said = "without a base nobody knows what the change is"
        unknown = {"status": "unknown", "reason": said}
        return Section("no_op", title, "unknown", WARNINGS, said, Code.BASE_UNKNOWN, unknown)
    try:
        changed = len(changed_paths(store, base, around.head))
    except GreenlightError as error:
        failed = {"status": ERROR, "reason": f"{error.code}: {error}"}
        return Section("no_op", title, ERROR, WARNINGS, str(error), error.code, failed)
    body = {"status": "ok" if changed else "flagged", "changed_files": changed}
    if changed:
        return Section("no_op", title, "ok", GREEN, f"{changed} files changed", None, body)
    said = f"NO-OP: nothing differs from {base[:12]}"
    return Section("no_op", title, "flagged", WARNINGS, said, Code.CHANGED_NOTHING, body)


def _one(check: Callable[[Around], Section]) -> Callable[[Around], tuple[Section, ...]]:
    return lambda around: (check(around),)


# Which sections a check makes, and the check.
_CHECKS: Final[Sequence[tuple[Sequence[str], Callable[[Around], Sequence[Section]]]]] = (
    (("branch_protection",), _one(_branch_protection)),
    (("baseline_verification",), _one(_baseline)),
    (tuple(_SMOKES), _smokes),
    (("platform",), _one(_platform)),
    (("no_op",), _one(_no_op)),
)
CHECKS: Final = tuple(name for names, _ in _CHECKS for name in names)
