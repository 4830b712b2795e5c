"""The documents of a packet: one type a document, in the order in which people read them.

Each is loaded when it is asked for: making seventy types takes longer than verifying a
small packet, and a packet sealed from outside has one document.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # what the table below gives at run time
    from greenlight.model.documents.attempts import Attempts as Attempts
    from greenlight.model.documents.authority_lock import AuthorityLock as AuthorityLock
    from greenlight.model.documents.bad_input_probes import BadInputProbes as BadInputProbes
    from greenlight.model.documents.blocker_map import BlockerMap as BlockerMap
    from greenlight.model.documents.environment import Environment as Environment
    from greenlight.model.documents.exchanges import Exchanges as Exchanges
    from greenlight.model.documents.execution_log import ExecutionLog as ExecutionLog
    from greenlight.model.documents.execution_plan import ExecutionPlan as ExecutionPlan
    from greenlight.model.documents.forbidden_surface_proof import (
        ForbiddenSurfaceProof as ForbiddenSurfaceProof,
    )
    from greenlight.model.documents.governance_addendum import (
        GovernanceAddendum as GovernanceAddendum,
    )
    from greenlight.model.documents.header import Header as Header
    from greenlight.model.documents.lineage import Lineage as Lineage
    from greenlight.model.documents.outcomes import Outcomes as Outcomes
    from greenlight.model.documents.pins import Pins as Pins
    from greenlight.model.documents.preflight import Preflight as Preflight
    from greenlight.model.documents.publication import Publication as Publication
    from greenlight.model.documents.reserved_tickets import ReservedTickets as ReservedTickets
    from greenlight.model.documents.review import Review as Review
    from greenlight.model.documents.rollback_gate import RollbackGate as RollbackGate
    from greenlight.model.documents.rollback_proof import RollbackProof as RollbackProof
    from greenlight.model.documents.scope_lock import ScopeLock as ScopeLock
    from greenlight.model.documents.secret_scan import SecretScan as SecretScan
    from greenlight.model.documents.self_check import SelfCheck as SelfCheck
    from greenlight.model.documents.surface_states import SurfaceStates as SurfaceStates
    from greenlight.model.documents.workspace import Workspace as Workspace

    DOCUMENTS: tuple[type, ...]

# Type -> its module, in reading order.
_MODULES = {
    "Header": "header",
    "AuthorityLock": "authority_lock",
    "Preflight": "preflight",
    "Lineage": "lineage",
    "Workspace": "workspace",
    "Environment": "environment",
    "ScopeLock": "scope_lock",
    "ExecutionPlan": "execution_plan",
    "ExecutionLog": "execution_log",
    "Outcomes": "outcomes",
    "Attempts": "attempts",
    "Exchanges": "exchanges",
    "SurfaceStates": "surface_states",
    "Pins": "pins",
    "ForbiddenSurfaceProof": "forbidden_surface_proof",
    "RollbackProof": "rollback_proof",
    "RollbackGate": "rollback_gate",
    "BadInputProbes": "bad_input_probes",
    "SecretScan": "secret_scan",
    "Publication": "publication",
    "Review": "review",
    "BlockerMap": "blocker_map",
    "ReservedTickets": "reserved_tickets",
    "GovernanceAddendum": "governance_addendum",
    "SelfCheck": "self_check",
}


def __getattr__(name: str) -> Any:
    if name == "DOCUMENTS":
        return tuple(__getattr__(each) for each in _MODULES)
    if name not in _MODULES:
        raise AttributeError(name)
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
