"""``greenlight audit``: may this go on to a canary (source 000)?"""

from __future__ import annotations

import json
import os
from pathlib import Path

from greenlight.cli.answer import Answer, Fault
from greenlight.cli.believing import verdict_of
from greenlight.cli.exit_codes import Exit
from greenlight.cli.outputs import write_report
from greenlight.cli.project import Project, forge_address, project_of
from greenlight.cli.surroundings import clock, signer_of
from greenlight.cli.values import Values
from greenlight.codes import Code
from greenlight.errors import StoreError, UsageError
from greenlight.execution.host import platform_of_host
from greenlight.ledger.pin import read_pin
from greenlight.model.audit import GREEN, VERSION, Section, word_of
from greenlight.model.decided import AuditRecorded, SectionWord
from greenlight.primitives.digest import Digest
from greenlight.services.auditing import CHECKS, Around, Audit, ForgeAccess, audit
from greenlight.services.saying import say
from greenlight.store.repository import Store

_RULE = "=" * 60


def run(arguments: Values) -> Answer:
    """Make every check, write the report, and end with the highest of their exits."""
    if arguments.only and arguments.only not in CHECKS:
        raise UsageError(Code.USAGE, f"a check is one of {', '.join(CHECKS)}")
    if arguments.only and arguments.record:
        raise UsageError(Code.USAGE, "one check alone is no audit: nothing to record")
    with project_of(arguments) as project:
        settings = project.judging.settings.audit
        found = audit(
            Around(
                root=project.root,
                repository=project.repository,
                head=project.head,
                judging=project.judging,
                registry=arguments.registry,
                forge=_forge(project),
                baseline=verdict_of(arguments, project),
                platform=platform_of_host(),
                strict=not arguments.lenient,
                clock=clock,
            ),
            arguments.only or "",
        )
        data = _spelled(found)
        path = arguments.report
        if path is None and settings.report:
            path = project.root / settings.report
        if path is not None:
            write_report(path, data)
        record = _record(arguments, project, found, data) if arguments.record else None
    return _answer(found, path, record)


def _forge(project: Project) -> ForgeAccess:
    base = forge_address(project.judging.settings.forge.url)
    return ForgeAccess(base, os.environ.get("GITHUB_TOKEN", "").strip())


def _spelled(found: Audit) -> bytes:
    text = json.dumps(found.report, indent=2, sort_keys=True, allow_nan=False)
    return f"{text}\n".encode("ascii")


def _record(arguments: Values, project: Project, found: Audit, data: bytes) -> int:
    store = _ledger(project)
    body = AuditRecorded(
        exit=found.exit,
        strict=not arguments.lenient,
        commit=project.head,
        base=project.judging.commit,
        settings=str(project.judging.digest),
        report=str(Digest.of(data)),
        sections=tuple(SectionWord(name=each.name, status=each.status) for each in found.sections),
    )
    told = say(store, signer_of(arguments), lambda _state, _now: [body], clock=clock)
    return told.indexes[0]


def _ledger(project: Project) -> Store:
    store = project.ledger
    if store is None or read_pin(store) is None:
        raise StoreError(
            Code.STORE_MISSING, "there is no ledger here to record in", hint="greenlight init"
        )
    return store


def _answer(found: Audit, path: Path | None, record: int | None) -> Answer:
    lines = [_RULE, f"GREEN-LIGHT AUDIT v{VERSION}", _RULE]
    lines += [_line(number, section) for number, section in enumerate(found.sections, 1)]
    code = found.exit
    lines += [_RULE, f"{word_of(code).upper()}: exit {code}"]
    if path is not None:
        lines.append(f"  report  {path}")
    if record is not None:
        lines.append(f"  record  {record}")
    data = {**found.report, "report": "" if path is None else str(path), "record": record}
    if code == GREEN:
        return Answer(data, tuple(lines))
    worst = next(section for section in found.sections if section.exit == code)
    fault = Fault(worst.code or Code.AUDIT_WARNED, f"{worst.title}: {worst.said}", _hint(worst))
    return Answer(data, tuple(lines), exit=Exit(code), fault=fault)


def _line(number: int, section: Section) -> str:
    word = "PASS" if section.exit == GREEN else "WARN" if section.exit == Exit.WARNINGS else "FATAL"
    return f"[P0-{number}] {word:5}  {section.title}: {section.said}"


def _hint(section: Section) -> str | None:
    if section.code is Code.BASELINE_MISSING:
        return "greenlight baseline capture --duration 3600, then greenlight baseline sign"
    if section.code is Code.AUDIT_SKIPPED:
        return "set GITHUB_TOKEN; on a machine that shall not ask a forge: --lenient"
    return None
