"""A packet as verification sees it: a fact a file, and bytes only where they are read.

Artifacts may be large and are never parsed, so of them only size and digests are kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from greenlight.model.finding import Finding
from greenlight.primitives.gittree import blob_id, tree_id

ARTIFACTS = "artifacts/"
MANIFEST = "MANIFEST.sha256"
RERUN = "RERUN.sh"
REPORT = "REPORT.md"
LANE = "lane.yaml"
HEADER = "header.json"

# What a packet holds beside artifacts, by whether a lane was executed.  Spelled out, so that
# knowing the names does not load every type; a test holds them to ``documents.DOCUMENTS``.
EXECUTED = frozenset(
    {
        MANIFEST,
        RERUN,
        REPORT,
        LANE,
        "bad-input-probes.json",
        "delegation-and-authority-lock.json",
        "environment.json",
        "execution-log.json",
        "execution-plan.json",
        "final-self-check.json",
        "forbidden-surface-proof.json",
        "governance-addendum.json",
        "header.json",
        "lineage.json",
        "outcomes.json",
        "pins.json",
        "post-execution-review.json",
        "preflight.json",
        "production-readiness-blocker-map.json",
        "publication.json",
        "reserved-tickets.json",
        "rollback-gate.json",
        "rollback-proof.json",
        "scope-lock.json",
        "secret-scan.json",
        "workspace.json",
    }
)
# What an executed packet has where something recorded what its steps tried.
ATTEMPTS = "attempts.json"
# And where its lane names refs or databases.
STATES = "surface-states.json"
# And where its lane allows destinations, and they were reached through the proxy.
EXCHANGES = "exchanges.json"
SEALED_ONLY = frozenset({MANIFEST, RERUN, HEADER})


@dataclass(frozen=True, slots=True)
class FileFact:
    """What one read of a file gives.

    Attributes:
        size: Bytes.
        sha256: SHA-256 of the content, as the manifest lists it.
        blob: Git's SHA-256 blob id, as the tree holds it.
    """

    size: int
    sha256: bytes
    blob: bytes

    @classmethod
    def of(cls, data: bytes) -> FileFact:
        return cls(len(data), hashlib.sha256(data).digest(), blob_id(data))

    @property
    def digest(self) -> str:
        """Return the digest as documents write it."""
        return f"sha256:{self.sha256.hex()}"


@dataclass(frozen=True, slots=True)
class Packet:
    """A packet's files and seal.

    Attributes:
        files: A fact for every file of ``packet/``, by path.
        texts: The bytes of those that are read: everything outside ``artifacts/``.
        seal: The files of ``seal/``, whole.
        refused: What could not be read as part of a packet.
    """

    files: Mapping[str, FileFact]
    texts: Mapping[str, bytes]
    seal: Mapping[str, bytes]
    refused: tuple[Finding, ...] = ()

    @classmethod
    def of(cls, files: Mapping[str, bytes], seal: Mapping[str, bytes]) -> Packet:
        facts = {path: FileFact.of(data) for path, data in files.items()}
        return cls(facts, {path: data for path, data in files.items() if is_text(path)}, seal)

    @property
    def tree(self) -> str:
        """The packet tree, as the statement writes it (docs/spec/packet.md)."""
        blobs = {path: fact.blob for path, fact in self.files.items()}
        return f"sha256:{tree_id(blobs).hex()}"

    @property
    def byte_count(self) -> int:
        return sum(fact.size for fact in self.files.values())


def is_text(path: str) -> bool:
    """Report whether verification reads a file's bytes, not only its digests."""
    return not path.startswith(ARTIFACTS)
