"""``greenlight promote``: may this be promoted: each condition with what was seen."""

from __future__ import annotations

import os
import re
from contextlib import ExitStack
from pathlib import Path

from greenlight.cli.answer import Answer, Fault, table
from greenlight.cli.believing import verdict_at
from greenlight.cli.exit_codes import Exit
from greenlight.cli.project import Project, forge_address, project_of
from greenlight.cli.surroundings import clock, signer_of
from greenlight.cli.values import Values
from greenlight.codes import Code
from greenlight.errors import StoreError
from greenlight.ledger.pin import read_pin
from greenlight.services.promoting import (
    Around,
    IssueSeen,
    Promotion,
    choose_target,
    look,
    record,
)
from greenlight.store.repository import Store
from greenlight.store.worktree import setting_of

# As people clone: https, ssh, and the short form of ssh.
_REMOTE = re.compile(
    r"(?:https?://[^/]+/|ssh://(?:[^@/]+@)?[^/]+/|[^@/:]+@[^:/]+:)"
    r"([A-Za-z0-9][A-Za-z0-9-]{0,38}/[A-Za-z0-9_.-]{1,100}?)(?:\.git)?/?"
)


def run(arguments: Values) -> Answer:
    """Look at every condition now."""
    with project_of(arguments) as project, ExitStack() as stack:
        target = choose_target(project.judging.settings.promotion, arguments.target)
        around = Around(
            store=_ledger(project),
            head=project.head,
            judging=project.judging,
            origin=_origin(project),
            issue=_issues(project, stack),
            baseline=lambda path: verdict_at(arguments, project, path)(),
            clock=clock,
        )
        found = look(around, target)
        index = None if arguments.dry_run else record(around, signer_of(arguments), found)
    return _answer(project, found, index)


def _ledger(project: Project) -> Store:
    store = project.ledger
    if store is None or read_pin(store) is None:
        raise StoreError(
            Code.STORE_MISSING, "there is no ledger here to decide by", hint="greenlight init"
        )
    return store


def _origin(project: Project) -> str:
    """Return the forge's name of this repository, as its origin's address has it."""
    if project.tree is None:
        return ""
    found = _REMOTE.fullmatch(setting_of(Path(project.root), "remote.origin.url"))
    return found[1] if found else ""


class _Issues:
    """Reads issues; the forge is asked for the first of them, and not before."""

    def __init__(self, project: Project, stack: ExitStack) -> None:
        self._settings = project.judging.settings.forge
        self._stack = stack
        self._forge: object = None

    def __call__(self, repository: str, number: int) -> IssueSeen:
        from greenlight.forge.client import Forge  # noqa: PLC0415 - of conditions that ask it
        from greenlight.forge.issues import read_issue  # noqa: PLC0415 - likewise

        token = os.environ.get("GITHUB_TOKEN", "").strip()
        if not token:
            raise StoreError(
                Code.FORGE_UNAUTHORIZED, "GITHUB_TOKEN not set (cannot query GitHub API)"
            )
        if not isinstance(self._forge, Forge):
            base = forge_address(self._settings.url)
            forge = Forge(base, token, self._settings.timeout_seconds, 1)
            self._forge = self._stack.enter_context(forge)
        seen = read_issue(self._forge, repository, number)
        return IssueSeen(seen.state, seen.text)


def _issues(project: Project, stack: ExitStack) -> _Issues:
    return _Issues(project, stack)


def _answer(project: Project, found: Promotion, index: int | None) -> Answer:
    verdict = "ALLOWED" if found.allowed else "BLOCKED"
    rows = [(f"  {row.seen.truth.upper()}", row.kind, row.seen.evidence) for row in found.rows]
    lines = [f"{verdict}  {found.target.name}", *table(rows)]
    lines.append("not recorded: a dry run" if index is None else f"record  {index}")
    data = {
        "target": found.target.name,
        "verdict": verdict,
        "commit": project.head,
        "judged_by": project.judging.to_dict(),
        "packet_tree": found.packet,
        "conditions": [
            {
                "kind": row.kind,
                "about": row.about,
                "holds": row.seen.truth.value,
                "evidence": row.seen.evidence,
            }
            for row in found.rows
        ],
        "record": index,
    }
    blocked_by = found.blocked_by
    if blocked_by is None:
        return Answer(data, tuple(lines))
    said = f"{blocked_by.kind} is {blocked_by.seen.truth}: {blocked_by.seen.evidence}"
    fault = Fault(Code.PROMOTION_BLOCKED, f"{found.target.name}: {said}")
    return Answer(data, tuple(lines), exit=Exit.REFUSED, fault=fault)
