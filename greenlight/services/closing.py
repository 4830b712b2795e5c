"""Close the evidence of a run: documents, report, script and manifest; then nothing is added.

The door that all executed evidence goes through.  What would not verify is not
sealed: greenlight judges its own work with the functions that a stranger will use.
"""

from __future__ import annotations

from collections.abc import Mapping

from greenlight.codes import Code
from greenlight.errors import RefusedError
from greenlight.model.evidence import Evidence
from greenlight.model.finding import Finding
from greenlight.model.packet import LANE, REPORT, FileFact
from greenlight.services.finishing import finish
from greenlight.verify.claims import verify_applied, verify_consistency
from greenlight.verify.derive.packet import Derived, derive_packet
from greenlight.verify.derive.report import render_report


def require_sealable(evidence: Evidence) -> Derived:
    """Check that what the evidence claims is what it carries.

    Raises:
        RefusedError: With the code of the first contradiction, and all of them.
    """
    derived = derive_packet(evidence)
    findings = verify_applied(evidence, derived)
    if evidence.header.status is not derived.status:
        claimed, carried = evidence.header.status.value, derived.status.value
        findings.append(Finding(Code.OVERCLAIM, "header.json#/status", carried, claimed))
    _require(findings)
    return derived


def close_packet(
    evidence: Evidence, lane: bytes, artifacts: Mapping[str, bytes]
) -> tuple[Derived, dict[str, bytes]]:
    """Make all files of a packet from its evidence.

    Args:
        evidence: Lane, records and outcomes; the status is derived here.
        lane: The bytes of ``lane.yaml``.
        artifacts: Bytes by path in the packet.

    Returns:
        What was derived, and every file of ``packet/`` by path.

    Raises:
        RefusedError: The documents contradict each other or the artifacts.
    """
    derived = derive_packet(evidence)
    files = dict(artifacts)
    files |= derived.encoded()
    files[LANE] = lane
    files[REPORT] = render_report(derived)
    facts = {path: FileFact.of(data) for path, data in files.items()}
    _require(verify_consistency(derived.evidence, derived, facts))
    finish(files)
    return derived, files


def _require(findings: list[Finding]) -> None:
    if findings:
        raise RefusedError(
            findings[0].code,
            "; ".join(map(str, findings)),
            codes=tuple(finding.code for finding in findings),
        )
