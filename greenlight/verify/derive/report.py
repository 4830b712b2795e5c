"""``REPORT.md``: the report a person reads, rendered from the documents.

Every cell comes from a document of the packet, escaped; ``verify`` renders it again
and compares bytes, so nobody can write a friendlier one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from greenlight.model.evidence import Evidence
from greenlight.model.snapshot import FileState
from greenlight.primitives.text import escape
from greenlight.verify.derive.packet import Derived


def render_report(derived: Derived) -> bytes:
    """Render the report of an executed packet."""
    evidence = derived.evidence
    parts = (
        _head(derived),
        _changes(evidence),
        _preflight(evidence),
        _authority(evidence),
        _steps(evidence),
        _surfaces(derived),
        _rollback(evidence),
        _probes(evidence),
        _review(derived),
        _blockers(derived),
        _self_check(derived),
    )
    return "\n".join(line for part in parts for line in (*part, "")).encode()


def _head(derived: Derived) -> Iterator[str]:
    header = derived.header
    yield f"# {cell(header.title)}"
    yield ""
    yield f"- Lane: {header.lane}"
    yield f"- Packet: {header.packet_id}"
    yield f"- Final status: {header.final_status}"
    yield f"- Status: {header.status.value}; review: {derived.review.verdict.value}"
    yield f"- Delegation consumed: {cell(header.delegation_consumed)}"
    yield f"- Authority: {cell(header.authority)}"
    yield f"- Mode: {header.mode.value}"
    yield (
        f"- Production mutation: {header.production_mutation.value} · "
        f"REAL_RUN/QT001/cutover: {header.real_run.value} · Owner-ask: {header.owner_ask.value}"
    )
    yield f"- Opened {header.opened_at}, sealed {header.sealed_at}"


def _changes(evidence: Evidence) -> Iterator[str]:
    yield "## What changed"
    yield ""
    rows = [
        (row.path, row.change, row.surface or "NONE", _state(row.before), _state(row.after))
        for row in evidence.outcomes.mutations
    ]
    yield from _table(("path", "change", "surface", "before", "after"), rows)
    published = evidence.publication.published
    yield ""
    yield f"Published: {len(published)}; read back: {evidence.publication.result.value}."


def _preflight(evidence: Evidence) -> Iterator[str]:
    yield "## Preflight"
    yield ""
    rows = [
        (row.name, row.kind.value, row.treatment.value, row.expected, row.result.value)
        for row in evidence.preflight.inputs
    ]
    yield from _table(("input", "kind", "treatment", "expected", "result"), rows)


def _authority(evidence: Evidence) -> Iterator[str]:
    lock = evidence.authority
    yield "## Delegation and authority"
    yield ""
    yield f"- Grant {cell(lock.grant)}, use {lock.use} of {lock.max_uses}, until {lock.expires}"
    yield f"- Satisfies: {cell(', '.join(lock.satisfies)) or 'nothing'}"
    yield f"- Hands on: {cell(', '.join(lock.hands_on)) or 'nothing'}"
    yield f"- Grants nothing: {cell(', '.join(lock.not_authority)) or 'nothing named'}"


def _steps(evidence: Evidence) -> Iterator[str]:
    yield "## Steps"
    yield ""
    rows = [
        (row.step, row.state.value, "" if row.exit_code is None else str(row.exit_code), row.code)
        for row in evidence.log.steps
    ]
    yield from _table(("step", "state", "exit", "code"), rows)
    yield ""
    yield f"Never attempted: {cell(', '.join(evidence.lane.never)) or 'nothing named'}."


def _surfaces(derived: Derived) -> Iterator[str]:
    proof = derived.proof
    yield "## Forbidden surfaces"
    yield ""
    rows = [(row.id, row.name, row.verdict.value) for row in proof.surfaces]
    yield from _table(("id", "surface", "verdict"), rows)
    yield ""
    attempted = proof.any_forbidden_surface_attempted.value
    yield f"any_forbidden_surface_attempted: {attempted}"


def _rollback(evidence: Evidence) -> Iterator[str]:
    proof, gate = evidence.rollback, evidence.gate
    yield "## Rollback proof and gate"
    yield ""
    rows = [
        (row.id, row.path, _state(row.before), _state(row.applied), _state(row.restored))
        for row in proof.mutations
    ]
    yield from _table(("id", "path", "before", "applied", "restored"), rows)
    yield ""
    yield f"Proof: {proof.result.value}; production: {proof.production_rollback_status.value}."
    yield ""
    gates = [(row.evidence, row.expected, row.got, row.result.value) for row in gate.rows]
    yield from _table(("evidence", "expected", "got", "result"), gates)


def _probes(evidence: Evidence) -> Iterator[str]:
    probes = evidence.probes
    yield "## Bad-input probes"
    yield ""
    yield (
        f"{probes.fail_closed} fail closed; control {cell(probes.control)}; "
        f"any_fail_open={'true' if probes.any_fail_open else 'false'}."
    )
    yield ""
    rows = [(str(row.number), row.probe_class, row.got, row.result.value) for row in probes.probes]
    yield from _table(("n", "class", "refused with", "result"), rows)


def _review(derived: Derived) -> Iterator[str]:
    yield "## Post-execution review"
    yield ""
    rows = [
        (check.id, check.check, check.result.value, check.because)
        for check in derived.review.checks
    ]
    yield from _table(("id", "check", "result", "because"), rows)


def _blockers(derived: Derived) -> Iterator[str]:
    blockers = derived.blockers
    yield "## What still blocks production"
    yield ""
    rows = [(row.id, row.state.value, row.resolver.value, row.reason) for row in blockers.blockers]
    yield from _table(("id", "state", "resolver", "reason"), rows)
    yield ""
    yield f"Pending: {cell(blockers.pending_fold) or 'nothing'}."
    yield f"Next decision: {cell(blockers.next_decision)}, by {cell(blockers.decided_by)}."


def _self_check(derived: Derived) -> Iterator[str]:
    yield "## Final self-check"
    yield ""
    rows = [(str(item.number), item.item, item.result.value) for item in derived.self_check.items]
    yield from _table(("n", "item", "result"), rows)


def _state(state: FileState) -> str:
    if state.kind == "absent":
        return "ABSENT"
    return " ".join(part for part in (state.mode, state.digest[:23], state.target) if part)


def _table(names: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield a Markdown table; one without rows says so."""
    yield "| " + " | ".join(names) + " |"
    yield "|" + "---|" * len(names)
    empty = True
    for row in rows:
        empty = False
        yield "| " + " | ".join(cell(text) for text in row) + " |"
    if empty:
        yield "| none |" + " |" * (len(names) - 1)


# What Markdown, as forges read it, makes something of: an underscore within a word and the
# punctuation of a sentence it does not.  `://` and `www.` would become links, `@` a mention.
_MARKS = re.compile(
    r"[\\`*\[\]<>|#~&$@{}]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|(?<=:)/(?=/)|(?<=[Ww])\."
)


def cell(text: str) -> str:
    """Make text safe inside a Markdown cell: no control, no markup that renders."""
    return _MARKS.sub(r"\\\g<0>", escape(text))
