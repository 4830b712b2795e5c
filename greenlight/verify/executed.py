"""Verify the documents of an executed packet: steps 6 to 10 of ``verify.packet``."""

from __future__ import annotations

from collections.abc import Iterator

from greenlight.codes import Code
from greenlight.model.codec import name_of
from greenlight.model.documents import Header
from greenlight.model.finding import Finding
from greenlight.model.lane import Prior
from greenlight.model.packet import REPORT, Packet
from greenlight.model.statement import Statement
from greenlight.primitives.text import escape
from greenlight.verify.claims import verify_admissible, verify_applied, verify_consistency
from greenlight.verify.derive.packet import Derived, derive_packet
from greenlight.verify.derive.report import render_report
from greenlight.verify.document import compare_statement, compare_values
from greenlight.verify.documents import Parsed, evidence_of, parse_documents


def verify_executed(
    packet: Packet, statement: Statement | None, frozen: bytes
) -> tuple[Derived | None, list[Finding]]:
    """Check the documents against statement, artifacts and each other.

    Args:
        packet: The packet.
        statement: Its statement, where it could be read.
        frozen: The rollback proof that ships with greenlight.

    Returns:
        What the evidence gives, where it is complete, and everything that is wrong.
    """
    parsed = parse_documents(packet.texts)
    findings = [*parsed.findings, *compare_statement(statement, parsed.get(Header))]  # (6) (7)
    derived, wrong = _derive(packet, parsed, statement, frozen)  # (8) (9) (10)
    return derived, findings + wrong


def _derive(
    packet: Packet, parsed: Parsed, statement: Statement | None, frozen: bytes
) -> tuple[Derived | None, list[Finding]]:
    evidence = evidence_of(parsed, packet.texts, frozen)
    if evidence is None:
        return None, []  # a finding of step (6) says what is missing or unreadable
    findings = verify_admissible(evidence.lane)
    if findings:
        # No run was ever opened with such a lane, and no time is spent on what it says.
        return None, findings
    derived = derive_packet(evidence)
    findings = verify_consistency(evidence, derived, packet.files)  # (8)
    findings += _lineage(evidence.lane.lineage, statement)
    for document in derived.documents.values():  # (9)
        found = parsed.documents.get(type(document))
        if found is not None:
            findings += compare_values(name_of(type(document)), document, found)
    report = render_report(derived)
    if packet.texts.get(REPORT) not in (None, report):
        found_text = _first_difference(report, packet.texts[REPORT])
        findings.append(Finding(Code.REPORT_DIFFERS, REPORT, *found_text))
    findings += verify_applied(evidence, derived)  # (10)
    return derived, findings


def _lineage(priors: tuple[Prior, ...], statement: Statement | None) -> Iterator[Finding]:
    if statement is None:
        return
    wanted = sorted(prior.packet_tree.removeprefix("sha256:") for prior in priors)
    found = list(statement.lineage)
    if wanted != found:
        where = "seal/statement.cbor"
        shown = (", ".join(wanted) or "none", ", ".join(found) or "none")
        yield Finding(Code.LINEAGE_DIFFERS, where, *shown)


def _first_difference(wanted: bytes, found: bytes) -> tuple[str, str]:
    """Return the first line in which two texts differ, from both."""
    left, right = wanted.split(b"\n"), found.split(b"\n")
    for number, (one, other) in enumerate(zip(left, right, strict=False), start=1):
        if one != other:
            shown = (escape(text.decode("utf-8", "backslashreplace")) for text in (one, other))
            first, second = (f"line {number}: {text}" for text in shown)
            return first, second
    return f"{len(left)} lines", f"{len(right)} lines"
