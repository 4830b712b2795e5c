"""All documents of an executed packet, from its evidence."""

from __future__ import annotations

from dataclasses import dataclass, replace

from greenlight.model.codec import name_of, to_document
from greenlight.model.documents import (
    BlockerMap,
    ForbiddenSurfaceProof,
    Header,
    Review,
    SelfCheck,
)
from greenlight.model.evidence import Evidence
from greenlight.model.words import Status
from greenlight.primitives import cjson
from greenlight.verify.derive.blocker_map import derive_blocker_map
from greenlight.verify.derive.checked import (
    changed_paths,
    derive_authority_lock,
    derive_environment,
    derive_lineage,
    derive_pins,
    derive_preflight,
    derive_publication,
    derive_rollback_proof,
    derive_scan,
    derive_tickets,
    judge_probes,
)
from greenlight.verify.derive.execution_plan import derive_execution_plan
from greenlight.verify.derive.forbidden_surface_proof import derive_forbidden_surface_proof
from greenlight.verify.derive.governance_addendum import derive_governance_addendum
from greenlight.verify.derive.review import derive_review
from greenlight.verify.derive.scope_lock import derive_scope_lock
from greenlight.verify.derive.self_check import derive_self_check
from greenlight.verify.derive.status import derive_header, derive_status
from greenlight.verify.gate import run_gate


@dataclass(frozen=True, slots=True)
class Derived:
    """What the evidence gives.

    Attributes:
        evidence: With the verdict that each of its documents carries in itself.
        documents: Every document of the packet by path, with all derived fields set.
        status: What the evidence carries.
    """

    evidence: Evidence
    documents: dict[str, object]
    header: Header
    proof: ForbiddenSurfaceProof
    blockers: BlockerMap
    review: Review
    self_check: SelfCheck
    status: Status

    def encoded(self) -> dict[str, bytes]:
        """Return the bytes of every document, by path."""
        return {path: cjson.encode(to_document(item)) for path, item in self.documents.items()}


def judge(evidence: Evidence) -> Evidence:
    """Return the evidence with the verdict that each of its documents carries in itself."""
    evidence = replace(
        evidence,
        authority=derive_authority_lock(evidence),
        preflight=derive_preflight(evidence),
        lineage=derive_lineage(evidence),
        environment=derive_environment(evidence),
        pins=derive_pins(evidence),
        rollback=derive_rollback_proof(evidence),
        probes=judge_probes(evidence.probes),
        scan=derive_scan(evidence),
        publication=derive_publication(evidence),
        tickets=derive_tickets(evidence),
    )
    gate = run_gate(
        evidence.rollback,
        changed_paths(evidence),
        frozen=evidence.frozen,
        judges=evidence.gate.judges,
    )
    return replace(evidence, gate=gate)


def _optional(evidence: Evidence) -> tuple[object, ...]:
    """Return what only some packets have; ``verify.observed`` says which must."""
    return evidence.attempts, evidence.states, evidence.exchanges


def derive_packet(evidence: Evidence) -> Derived:
    """Compute every document from the evidence.  Pure: run, rerun and verify share it."""
    evidence = judge(evidence)
    scope = derive_scope_lock(evidence.lane)
    plan = derive_execution_plan(evidence.lane)
    proof = derive_forbidden_surface_proof(evidence)
    addendum = derive_governance_addendum(evidence.tickets)
    blockers = derive_blocker_map(evidence)
    review = derive_review(evidence, scope=scope, plan=plan, proof=proof, addendum=addendum)
    status = derive_status(evidence, review)
    header = derive_header(evidence, proof, status)
    self_check = derive_self_check(
        evidence, scope=scope, proof=proof, review=review, blockers=blockers, header=header
    )
    documents: tuple[object, ...] = (
        header,
        evidence.authority,
        evidence.preflight,
        evidence.lineage,
        evidence.workspace,
        evidence.environment,
        scope,
        plan,
        evidence.log,
        evidence.outcomes,
        evidence.pins,
        proof,
        evidence.rollback,
        evidence.gate,
        evidence.probes,
        evidence.scan,
        evidence.publication,
        review,
        blockers,
        evidence.tickets,
        addendum,
        self_check,
        *(each for each in _optional(evidence) if each is not None),
    )
    return Derived(
        evidence=evidence,
        documents={name_of(type(item)): item for item in documents},
        header=header,
        proof=proof,
        blockers=blockers,
        review=review,
        self_check=self_check,
        status=status,
    )
