"""The pull-request comments of source 002, from a packet's own documents and nothing else.

Pure.  Every mark is computed: done where the evidence says so, failed where it says otherwise,
and open where the packet says nothing.  Texts of a packet are hostile on a page: they are
shown as code, and can neither name anybody nor end the span that they stand in.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

DONE, FAILED, OPEN = "✅", "❌", "⏳"
A_TO_B, B_TO_C = "A-B", "B-C"
GATE_REPORT: Final = "gate-report"  # kind of what ``greenlight gate run --out`` writes

_MAX_ROWS: Final = 50  # of one list: a comment is read by people
_MAX_TEXT: Final = 300
_URL: Final = re.compile(r"https://[!-~]{1,500}")


@dataclass(frozen=True, slots=True)
class Evidence:
    """A packet that was verified just now.

    Attributes:
        packet: Its id.
        tree: What it is.
        statement: SHA-256 of its statement.
        documents: Its documents, by name, read.
        reports: Gate reports among its artifacts, by path, read.
        artifacts: Paths of all its artifacts.
    """

    packet: str
    tree: str
    statement: str
    documents: Mapping[str, Mapping[str, Any]]
    reports: Mapping[str, Mapping[str, Any]]
    artifacts: tuple[str, ...]


def comment(which: str, evidence: Evidence) -> str:
    """Return the comment of a hand-over, as Markdown."""
    lines = _a_to_b(evidence) if which == A_TO_B else _b_to_c(evidence)
    return "\n".join(lines) + "\n"


def code(text: object) -> str:
    """Return a text as a code span that it cannot end (CommonMark, section 6.1)."""
    plain = " ".join(str(text).split())
    plain = "".join(character if character.isprintable() else "?" for character in plain)
    plain = plain[:_MAX_TEXT] or "-"
    longest = max((len(run) for run in re.findall(r"`+", plain)), default=0)
    fence = "`" * (longest + 1)
    space = " " if plain[0] in "` " or plain[-1] in "` " else ""
    # A pipe would end a table's cell even in a span.
    return f"{fence}{space}{plain}{space}{fence}".replace("|", "\\|")


# --- A to B


def _a_to_b(evidence: Evidence) -> Iterator[str]:
    yield "**HANDOFF A→B**"
    yield f"Scope: {_scope(evidence)}"
    yield ""
    yield "Please verify:"
    for number, (mark, said) in enumerate(_claims(evidence), 1):
        yield f"{number}. {mark} {said}"
    yield ""
    yield from _anchors(evidence)


def _scope(evidence: Evidence) -> str:
    header = evidence.documents.get("header", {})
    lane, status = header.get("lane", "-"), header.get("status", "-")
    mutations = evidence.documents.get("outcomes", {}).get("mutations")
    said = f"lane {code(lane)}, status {code(status)}"
    if mutations is None:
        return f"{said}, {len(evidence.artifacts)} artifacts of evidence that was made elsewhere."
    paths = [code(row.get("path", "-")) for row in mutations[:10]]
    more = f" and {len(mutations) - 10} more" if len(mutations) > 10 else ""  # noqa: PLR2004 - as listed
    return f"{said}, {len(mutations)} paths changed: {', '.join(paths) or 'none'}{more}."


def _claims(evidence: Evidence) -> Iterator[tuple[str, str]]:
    yield DONE, f"packet INTACT, verified just now: {code(f'greenlight verify {evidence.packet}')}"
    gates = [row for report in evidence.reports.values() for row in report.get("gates", ())]
    for row in gates[:_MAX_ROWS]:
        yield _gate(row)
    if not gates:
        yield OPEN, "gates: no gate report is in this packet"
    yield _result(evidence, "rollback-proof", "rollback proof", "result")
    yield _result(evidence, "bad-input-probes", "bad-input probes", "result")
    yield _review(evidence)
    yield _blockers(evidence)


def _gate(row: Mapping[str, Any]) -> tuple[str, str]:
    verdict = row.get("verdict")
    mark = {"green": DONE, "red": FAILED}.get(str(verdict), OPEN)
    held = "; ".join(map(_held, row.get("metrics", ())))
    said = row.get("reason") or held or "no metrics"
    named = f"gate {code(row.get('name', '-'))} of {code(row.get('module', '-'))}"
    mode = "blocking" if row.get("mode") == "blocking" else "observing"
    return mark, f"{named}, {mode}, {code(verdict)}: {code(said)}"


def _held(each: Mapping[str, Any]) -> str:
    return f"{each.get('metric')} {each.get('found')} {each.get('op')} {each.get('limit')}"


def _result(evidence: Evidence, document: str, title: str, field: str) -> tuple[str, str]:
    found = evidence.documents.get(document)
    if found is None:
        return OPEN, f"{title}: this packet has none"
    word = str(found.get(field, "-"))
    mark = DONE if word == "PASS" else FAILED
    return mark, f"{title}: {code(word)}, in {code(f'{document}.json')}"


def _review(evidence: Evidence) -> tuple[str, str]:
    found = evidence.documents.get("post-execution-review")
    if found is None:
        return OPEN, "review: this packet has none"
    checks = found.get("checks", ())
    passed = sum(row.get("result") == "PASS" for row in checks)
    mark = DONE if checks and passed == len(checks) else FAILED
    verdict = code(found.get("verdict", "-"))
    return mark, f"review: {passed} of {len(checks)} checks, verdict {verdict}"


def _blockers(evidence: Evidence) -> tuple[str, str]:
    found = evidence.documents.get("production-readiness-blocker-map")
    if found is None:
        return OPEN, "blockers: this packet has no map"
    rows = [row for row in found.get("blockers", ()) if row.get("state") == "OPEN"]
    named = ", ".join(code(row.get("id", "-")) for row in rows[:10])
    return (FAILED, f"{len(rows)} open blockers: {named}") if rows else (DONE, "no open blocker")


def _anchors(evidence: Evidence) -> Iterator[str]:
    yield (
        f"Evidence: packet {code(evidence.packet)}, tree {code(evidence.tree)},"
        f" statement {code(evidence.statement)}."
    )


# --- B to C


def _b_to_c(evidence: Evidence) -> Iterator[str]:
    yield "**HANDOFF B→C**"
    yield f"Scope: {_scope(evidence)}"
    yield ""
    yield "Please add:"
    yield "- Troubleshooting notes for what failed here:"
    yield from _indented(_failures(evidence), "nothing failed in this packet")
    yield "- Exact reproduction commands:"
    yield from _indented(_commands(evidence), "")
    yield "- Threshold tuning guidance, from what was measured:"
    yield from _indented(_margins(evidence), "no threshold is in this packet")
    yield "- Links to observability dashboards:"
    yield from _indented(_links(evidence), "no link is in this packet")
    yield ""
    yield from _anchors(evidence)


def _indented(lines: Iterator[str], none: str) -> Iterator[str]:
    found = False
    for number, line in enumerate(lines):
        found = True
        if number == _MAX_ROWS:
            yield "  - and more: the packet has all of it"
            return
        yield f"  - {line}"
    if not found and none:
        yield f"  - {none}"


def _failures(evidence: Evidence) -> Iterator[str]:
    for row in evidence.documents.get("execution-log", {}).get("steps", ()):
        if row.get("code"):
            said = row.get("reason") or f"exit code {row.get('exit_code')}"
            yield f"step {code(row.get('step', '-'))}: {code(row['code'])}, {code(said)}"
    for report in evidence.reports.values():
        for row in report.get("gates", ()):
            if row.get("verdict") == "red":
                named = code(row.get("name", "-"))
                yield f"gate {named}: {code(row.get('code', '-'))}, {code(row.get('reason', '-'))}"


def _commands(evidence: Evidence) -> Iterator[str]:
    yield code(f"greenlight verify {evidence.packet}")
    yield code(f"greenlight checkout {evidence.packet} evidence && sh evidence/packet/RERUN.sh")
    if "execution-plan" in evidence.documents:
        yield code(f"greenlight rerun {evidence.packet}")
    for report in evidence.reports.values():
        base = report.get("judged_by", {}).get("commit")
        for row in report.get("gates", ()):
            more = f" --base {base}" if base else ""
            yield code(f"greenlight gate run {row.get('name', '-')}{more}")


def _margins(evidence: Evidence) -> Iterator[str]:
    for report in evidence.reports.values():
        for row in report.get("gates", ()):
            for each in row.get("metrics", ()):
                yield f"gate {code(row.get('name', '-'))}: {code(_held(each))}"


def _links(evidence: Evidence) -> Iterator[str]:
    """Yield the addresses in gate reports: as code, for a reader to judge before following."""
    text = json.dumps(list(evidence.reports.values()), ensure_ascii=True)
    for link in sorted(set(_URL.findall(text.replace('"', " ").replace("\\", " ")))):
        yield code(link)
