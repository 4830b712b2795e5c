"""Keep secrets out of a packet: what holds one is withheld, named, and kept locally, apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from greenlight.codes import Code
from greenlight.errors import RefusedError
from greenlight.execution.quarantine import keep
from greenlight.model.documents import ExecutionLog
from greenlight.model.documents.secret_scan import Hit
from greenlight.model.evidence import Evidence
from greenlight.model.packet import ATTEMPTS, EXCHANGES
from greenlight.services.closing import close_packet
from greenlight.services.scanning import find_in_documents, withheld_paths
from greenlight.store.repository import Store
from greenlight.verify.derive.packet import Derived

REDACTED = "withheld: it holds a secret"


def withhold(store: Store, evidence: Evidence, artifacts: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the artifacts without those that hold a secret, which are quarantined.

    Raises:
        StoreError: The quarantine cannot be written.
    """
    names = withheld_paths(evidence.scan.hits)
    if names:
        material = {name: artifacts[name] for name in names if name in artifacts}
        where = store.make_own_dir() / "quarantine"
        keep(material, where, f"{evidence.header.packet_id}: a secret in evidence")
    return {path: data for path, data in artifacts.items() if path not in names}


def close_without_secrets(
    evidence: Evidence, lane: bytes, artifacts: Mapping[str, bytes], masked: Mapping[str, str]
) -> tuple[Derived, dict[str, bytes]]:
    """Close a packet; a secret that shows only in a document made later is withheld there.

    Args:
        evidence: What is closed.
        lane: The bytes of the lane file.
        artifacts: Bytes by path in the packet.
        masked: Values of the masked variables, by name.

    Raises:
        RefusedError: SECRET_IN_EVIDENCE: it stands where nothing can be withheld; or what
            ``closing.close_packet`` refuses.
    """
    derived, files = close_packet(evidence, lane, artifacts)
    documents = {path: data for path, data in files.items() if path not in artifacts}
    found = find_in_documents(documents, masked)
    if not found:
        return derived, files
    derived, files = close_packet(_redact(evidence, found), lane, artifacts)
    documents = {path: data for path, data in files.items() if path not in artifacts}
    if still := find_in_documents(documents, masked):
        raise RefusedError(
            Code.SECRET_IN_EVIDENCE,
            f"a secret stands in {', '.join(still)}, where it cannot be withheld",
            hint="the run stays ABANDONED; take the secret out of the lane and run again",
        )
    return derived, files


def _redact(evidence: Evidence, found: list[str]) -> Evidence:
    """Withhold the free words of a run, reasons and targets of attempts, and say where."""
    rows = tuple(replace(row, reason=REDACTED if row.reason else "") for row in evidence.log.steps)
    attempts = evidence.attempts
    if attempts is not None:
        tried = tuple(replace(row, target=REDACTED) for row in attempts.attempts)
        attempts = replace(attempts, attempts=tried) if ATTEMPTS in found else attempts
    exchanges = evidence.exchanges
    if exchanges is not None and EXCHANGES in found:
        asked = tuple(replace(row, path=REDACTED) for row in exchanges.exchanges)
        exchanges = replace(exchanges, exchanges=asked)
    hits = tuple(Hit(rule="document", path=path, offset=0) for path in found)
    scan = replace(evidence.scan, hits=(*evidence.scan.hits, *hits))
    return replace(
        evidence, log=ExecutionLog(steps=rows), scan=scan, attempts=attempts, exchanges=exchanges
    )
