"""Verdicts as answers: the lines, the exit code and the message of each."""

from __future__ import annotations

from greenlight.cli.answer import Answer, Fault
from greenlight.cli.exit_codes import Exit
from greenlight.codes import Code
from greenlight.model.finding import Finding
from greenlight.model.words import Status
from greenlight.primitives.text import escape
from greenlight.services.verifying import Integrity, StoreVerdict, Verdict
from greenlight.verify.countersigned import Countersignature


def verdict_lines(verdict: Verdict) -> list[str]:
    """Return what people read of a verdict."""
    statement = verdict.statement
    lines = [f"{verdict.integrity.value}  {_name(verdict)}"]
    if statement is not None:
        lines.append(f"  tree        {statement.subject}")
        lines.append(f"  status      {statement.status.value}")
    lines.append(f"  ledger      {verdict.state or 'not looked up, or it does not vouch'}")
    halves = "  + ML-DSA-44" if verdict.both_halves else ""
    lines.append(f"  signer      {verdict.signer or 'unknown'}{halves}")
    lines.append(f"  trusted by  {verdict.trusted_by or 'nobody who was asked'}")
    lines += [f"  {_review_line(review)}" for review in verdict.reviews]
    lines += [
        f"  {row.retain:<10}  {escape(row.artifact)}, {row.bytes} bytes; here: {row.held}"
        for row in verdict.retained
    ]
    return lines + finding_lines(verdict.report.findings)


def _review_line(review: Countersignature) -> str:
    """Return what a reviewer said: rejected, or approved, and by whom."""
    body = review.said.body
    more = [f"record {review.said.index}"]
    more += ["replayed"] if body.replayed else []
    more += ["its key was REVOKED since"] if review.revoked else []
    comment = f": {escape(body.comment)}" if body.comment else ""
    return f"{body.verdict:<10}  by {body.reviewer} ({', '.join(more)}){comment}"


def _name(verdict: Verdict) -> str:
    return verdict.statement.packet_id if verdict.statement else verdict.where


def finding_lines(findings: tuple[Finding, ...]) -> list[str]:
    """Return the findings, indented, in their order."""
    return [f"  {finding}" for finding in findings]


def answer_one(verdict: Verdict, *, require_clean: bool) -> Answer:
    """Return the answer for one packet."""
    fault = fault_of(verdict, require_clean=require_clean)
    return Answer(
        verdict.to_dict(),
        tuple(verdict_lines(verdict)),
        exit=Exit.OK if fault is None else Exit.REJECTED,
        fault=fault,
    )


def fault_of(verdict: Verdict, *, require_clean: bool) -> Fault | None:
    """Return what keeps a verdict from being a success, or None."""
    where = _name(verdict)
    if verdict.integrity is not Integrity.INTACT:
        codes = verdict.report.codes
        hint = None
        if verdict.integrity is Integrity.UNVERIFIABLE and Code.SIGNER_UNKNOWN in codes:
            hint = "say whom you trust: --trust-root DIGEST, --allowed-signers FILE, --key FILE"
        if verdict.integrity is Integrity.WITHHELD:
            return Fault(codes[0], f"{where} is WITHHELD: {verdict.report.findings[0].found}")
        count = "1 finding" if len(codes) == 1 else f"{len(codes)} findings"
        return Fault(codes[0], f"{where} is {verdict.integrity.value}: {count}", hint)
    if require_clean and verdict.status != Status.APPLIED_CLEAN.value:
        message = f"{where} is INTACT, but its status is {verdict.status}"
        return Fault(Code.STATUS_NOT_CLEAN, message)
    return None


def line_of(verdict: Verdict) -> str:
    """Return the one line of a packet among many."""
    return f"{verdict.integrity.value}  {verdict.status or '-'}  {_name(verdict)}"


class Collected:
    """What is kept of the verdicts of a whole store, while they come and go.

    Attributes:
        fault: The first that is no success.
        data: What ``--json`` prints of each; empty where it is not asked for.
    """

    def __init__(self, *, require_clean: bool, as_json: bool) -> None:
        self.fault: Fault | None = None
        self.data: list[dict[str, object]] = []
        self._require_clean = require_clean
        self._as_json = as_json

    def take(self, verdict: Verdict) -> list[str]:
        """Take a verdict and return its lines."""
        # A purge that is done is nothing to mend: the store is as its owner wants it.
        if self.fault is None and (self._require_clean or not verdict.settled):
            self.fault = fault_of(verdict, require_clean=self._require_clean)
        if self._as_json:
            self.data.append(verdict.to_dict())
        return [line_of(verdict), *finding_lines(verdict.report.findings)]


def answer_all(found: StoreVerdict, collected: Collected) -> Answer:
    """Return the answer for a whole store; the lines of its packets were printed before."""
    lines = finding_lines(found.report.findings)
    lines += [f"  void: {finding}" for finding in found.voids]
    after = f" after check {found.since}" if found.since else ""
    lines.append(f"{found.integrity.value}  {found.count} packets{after} and their ledger")
    lines.append(f"  check  {found.check}")
    data = {
        "integrity": found.integrity.value,
        "packets": collected.data,
        "check": found.check,
        "findings": [finding.to_dict() for finding in found.report.findings],
        "voids": [finding.to_dict() for finding in found.voids],
    }
    fault = _fault_of_store(found, collected.fault)
    exit_code = Exit.OK if fault is None else Exit.REJECTED
    return Answer(data, tuple(lines), exit=exit_code, fault=fault)


def _fault_of_store(found: StoreVerdict, fault: Fault | None) -> Fault | None:
    if not found.report.clean:
        first = found.report.findings[0]
        return Fault(first.code, f"the store is {found.integrity.value}: {first}")
    if fault is None and found.integrity is not Integrity.INTACT:
        return Fault(Code.PACKET_UNKNOWN, "there is no packet here that could be intact")
    return fault
