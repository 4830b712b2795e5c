"""Everything a verdict about an executed lane is computed from."""

from __future__ import annotations

from dataclasses import dataclass

from greenlight.model.documents import (
    Attempts,
    AuthorityLock,
    BadInputProbes,
    Environment,
    Exchanges,
    ExecutionLog,
    Header,
    Lineage,
    Outcomes,
    Pins,
    Preflight,
    Publication,
    ReservedTickets,
    RollbackGate,
    RollbackProof,
    SecretScan,
    SurfaceStates,
    Workspace,
)
from greenlight.model.lane import Lane


@dataclass(frozen=True, slots=True)
class Evidence:
    """The lane, what was recorded, and what came out.

    Derived fields inside these documents are never read by ``verify.derive``: they
    are what it computes.

    Attributes:
        lane: The lane file, parsed.
        lane_digest: SHA-256 of its bytes, as ``sha256:<hex>``.
        frozen: The rollback proof that ships with greenlight, as its exact bytes.
        attempts: What steps tried; None where nothing recorded it.
        exchanges: What went to allowed destinations; None where there was no proxy.
        states: What refs and databases were; None where the lane names none.
    """

    lane: Lane
    lane_digest: str
    header: Header
    authority: AuthorityLock
    preflight: Preflight
    lineage: Lineage
    workspace: Workspace
    environment: Environment
    log: ExecutionLog
    outcomes: Outcomes
    pins: Pins
    rollback: RollbackProof
    gate: RollbackGate
    probes: BadInputProbes
    scan: SecretScan
    publication: Publication
    tickets: ReservedTickets
    frozen: bytes
    attempts: Attempts | None = None
    states: SurfaceStates | None = None
    exchanges: Exchanges | None = None
