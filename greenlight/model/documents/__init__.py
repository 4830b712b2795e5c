"""The documents of a packet: one type a document, in the order in which people read them."""

from __future__ import annotations

from greenlight.model.documents.authority_lock import AuthorityLock
from greenlight.model.documents.bad_input_probes import BadInputProbes
from greenlight.model.documents.blocker_map import BlockerMap
from greenlight.model.documents.environment import Environment
from greenlight.model.documents.execution_log import ExecutionLog
from greenlight.model.documents.execution_plan import ExecutionPlan
from greenlight.model.documents.forbidden_surface_proof import ForbiddenSurfaceProof
from greenlight.model.documents.governance_addendum import GovernanceAddendum
from greenlight.model.documents.header import Header
from greenlight.model.documents.lineage import Lineage
from greenlight.model.documents.outcomes import Outcomes
from greenlight.model.documents.pins import Pins
from greenlight.model.documents.preflight import Preflight
from greenlight.model.documents.publication import Publication
from greenlight.model.documents.reserved_tickets import ReservedTickets
from greenlight.model.documents.review import Review
from greenlight.model.documents.rollback_gate import RollbackGate
from greenlight.model.documents.rollback_proof import RollbackProof
from greenlight.model.documents.scope_lock import ScopeLock
from greenlight.model.documents.secret_scan import SecretScan
from greenlight.model.documents.self_check import SelfCheck
from greenlight.model.documents.workspace import Workspace

DOCUMENTS: tuple[type, ...] = (
    Header,
    AuthorityLock,
    Preflight,
    Lineage,
    Workspace,
    Environment,
    ScopeLock,
    ExecutionPlan,
    ExecutionLog,
    Outcomes,
    Pins,
    ForbiddenSurfaceProof,
    RollbackProof,
    RollbackGate,
    BadInputProbes,
    SecretScan,
    Publication,
    Review,
    BlockerMap,
    ReservedTickets,
    GovernanceAddendum,
    SelfCheck,
)

__all__ = [
    "DOCUMENTS",
    "AuthorityLock",
    "BadInputProbes",
    "BlockerMap",
    "Environment",
    "ExecutionLog",
    "ExecutionPlan",
    "ForbiddenSurfaceProof",
    "GovernanceAddendum",
    "Header",
    "Lineage",
    "Outcomes",
    "Pins",
    "Preflight",
    "Publication",
    "ReservedTickets",
    "Review",
    "RollbackGate",
    "RollbackProof",
    "ScopeLock",
    "SecretScan",
    "SelfCheck",
    "Workspace",
]
