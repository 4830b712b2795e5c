"""Read the documents of a packet strictly: bytes in, typed documents and findings out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from greenlight.codes import Code
from greenlight.errors import MalformedError
from greenlight.model.codec import name_of
from greenlight.model.documents import DOCUMENTS
from greenlight.model.evidence import Evidence
from greenlight.model.finding import Finding
from greenlight.model.lane import Lane
from greenlight.model.lane_file import parse_lane
from greenlight.model.packet import LANE
from greenlight.primitives.digest import Digest
from greenlight.verify.document import parse_one

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Parsed:
    """The documents that could be read, by type, and what was wrong with the others."""

    documents: Mapping[type, object]
    lane: Lane | None
    findings: tuple[Finding, ...]

    def get(self, cls: type[_T]) -> _T | None:
        found = self.documents.get(cls)
        return found if isinstance(found, cls) else None


def parse_documents(texts: Mapping[str, bytes]) -> Parsed:
    """Read every document of an executed packet that is there."""
    documents: dict[type, object] = {}
    findings: list[Finding] = []
    for cls in DOCUMENTS:
        data = texts.get(name_of(cls))
        if data is None:
            continue
        found, wrong = parse_one(cls, data)
        findings += wrong
        if found is not None:
            documents[cls] = found
    lane = None
    if LANE in texts:
        try:
            lane = parse_lane(texts[LANE])
        except MalformedError as error:
            code = error.code
            findings.append(Finding(Code.LANE_DIFFERS, LANE, "a lane file", f"{code}: {error}"))
    return Parsed(documents, lane, tuple(findings))


def evidence_of(parsed: Parsed, texts: Mapping[str, bytes], frozen: bytes) -> Evidence | None:
    """Gather what verdicts are computed from; None where a piece of it is missing."""
    if parsed.lane is None or LANE not in texts:
        return None
    pieces = {name: parsed.documents.get(cls) for name, cls in EVIDENCE_DOCUMENTS.items()}
    if any(piece is None for piece in pieces.values()):
        return None
    return Evidence(
        lane=parsed.lane,
        lane_digest=str(Digest.of(texts[LANE])),
        frozen=frozen,
        attempts=parsed.get(_BY_NAME["Attempts"]),
        states=parsed.get(_BY_NAME["SurfaceStates"]),
        exchanges=parsed.get(_BY_NAME["Exchanges"]),
        **pieces,  # type: ignore[arg-type]  # each piece is of the class it was looked up by
    )


_BY_NAME = {cls.__name__: cls for cls in DOCUMENTS}
# Field of Evidence -> the document it is read from.
EVIDENCE_DOCUMENTS: Mapping[str, type] = {
    "header": _BY_NAME["Header"],
    "authority": _BY_NAME["AuthorityLock"],
    "preflight": _BY_NAME["Preflight"],
    "lineage": _BY_NAME["Lineage"],
    "workspace": _BY_NAME["Workspace"],
    "environment": _BY_NAME["Environment"],
    "log": _BY_NAME["ExecutionLog"],
    "outcomes": _BY_NAME["Outcomes"],
    "pins": _BY_NAME["Pins"],
    "rollback": _BY_NAME["RollbackProof"],
    "gate": _BY_NAME["RollbackGate"],
    "probes": _BY_NAME["BadInputProbes"],
    "scan": _BY_NAME["SecretScan"],
    "publication": _BY_NAME["Publication"],
    "tickets": _BY_NAME["ReservedTickets"],
}
