"""Plan publications in a dry run; review the plan against a policy into receipts (source 003)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from greenlight.codes import Code
from greenlight.errors import RefusedError
from greenlight.ledger.read import Ledger
from greenlight.model.policy import MAX_POLICY_BYTES, Effect, parse_policy
from greenlight.model.publication import (
    MAX_PLAN_BYTES,
    PublicationPlan,
    parse_plan,
    parse_request,
)
from greenlight.model.receipt import AuthorisationReceipt, Operation
from greenlight.primitives.digest import Digest
from greenlight.primitives.ed25519 import Signer
from greenlight.primitives.timestamp import format_micros, format_seconds
from greenlight.services.blockers import open_blockers
from greenlight.services.packets import ledger_of
from greenlight.services.reading import read_bounded
from greenlight.services.receipts import Permit, issue_receipts
from greenlight.services.rego import ask
from greenlight.services.runs import name_run
from greenlight.services.saying import Told, ledger_time, refresh
from greenlight.store.repository import Store
from greenlight.verify.policy import APPROVED, Decision, Facts, Review, decide

REGO = ".rego"


@dataclass(frozen=True, slots=True)
class Reviewed:
    """An operation of a plan, and what a policy says of it.

    Attributes:
        operation: What.
        decision: Of the policy; None where none was asked.
    """

    operation: Operation
    decision: Decision | None

    def to_dict(self) -> dict[str, object]:
        """Return the object that ``--json`` prints."""
        decision = self.decision
        return {
            "operation_kind": self.operation.kind,
            "operation_digest": self.operation.digest,
            "decision": None
            if decision is None
            else {
                "effect": decision.effect.value,
                "rule": decision.rule,
                "hours": decision.hours,
                "reasons": list(decision.reasons),
            },
        }


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan, and what a policy would say of it.

    Attributes:
        plan: The document.
        reviewed: Its operations, in their order.
    """

    plan: PublicationPlan
    reviewed: tuple[Reviewed, ...]


@dataclass(frozen=True, slots=True)
class LoadedPolicy:
    """A policy file that was read once.

    Attributes:
        path: For messages.
        data: Its bytes.
    """

    path: Path
    data: bytes

    @property
    def digest(self) -> str:
        return str(Digest.of(self.data))

    def decide(self, facts: Facts) -> Decision:
        """Say what it says of an operation.

        Raises:
            MalformedError: It cannot be read or evaluated.
            StoreError: TOOL_MISSING: it is Rego, and nothing here evaluates that.
        """
        if self.path.suffix != REGO:
            return decide(parse_policy(self.data), facts)
        if ask(self.path, self.data, facts.to_dict()):
            return Decision(Effect.ALLOW, self.path.name)
        said = (f"data.greenlight.allow of {self.path.name} is not true",)
        return Decision(Effect.DENY, reasons=said)


def load_policy(path: Path) -> LoadedPolicy:
    """Read a policy file.

    Raises:
        StoreError: FILE_UNREADABLE.
        MalformedError: It is too large, or no policy.
    """
    policy = LoadedPolicy(path, read_bounded(path, MAX_POLICY_BYTES))
    if path.suffix != REGO:
        parse_policy(policy.data)
    return policy


def make_plan(
    store: Store,
    request: Path,
    run: str,
    *,
    policy: LoadedPolicy | None,
    clock: Callable[[], datetime],
) -> Planned:
    """Plan what a request names, for a run; writes nothing anywhere.

    Raises:
        MalformedError: The request or the policy cannot be read.
        UsageError: RUN_UNKNOWN.
        RejectedError: The ledger is broken.
    """
    operations = parse_request(read_bounded(request, MAX_PLAN_BYTES))
    ledger = ledger_of(store)
    ledger.require()
    run_id = name_run(store, run, ledger)
    opened = ledger.state.runs.get(run_id)
    lane = "" if opened is None else opened.opened.lane
    now = clock()
    plan = PublicationPlan(run_id, lane, format_seconds(now), operations)
    return Planned(plan, _review(store, ledger, plan, policy, now))


def authorise(
    store: Store,
    signer: Signer,
    plan_file: Path,
    policy: LoadedPolicy,
    *,
    clock: Callable[[], datetime],
) -> tuple[Planned, Told[AuthorisationReceipt] | None]:
    """Review a plan, and issue a receipt for each of its operations, or for none.

    Returns:
        The plan with what the policy says of each operation; the receipts, or None where
        it denies one of them: then nothing was issued.

    Raises:
        RefusedError: RUN_NOT_OPENED; TRUST_REFUSED: the key is no owner's.
        MalformedError: The plan or the policy cannot be read.
        StoreError: The store does not serve.
    """
    plan = parse_plan(read_bounded(plan_file, MAX_PLAN_BYTES))
    refresh(store)
    ledger = ledger_of(store)
    ledger.require()
    if plan.run_id not in ledger.state.runs:
        raise RefusedError(Code.RUN_NOT_OPENED, f"the run {plan.run_id} was not opened")
    reviewed = _review(store, ledger, plan, policy, clock())
    planned = Planned(plan, reviewed)
    permits = _permits(plan, policy, reviewed)
    if permits is None:
        return planned, None
    return planned, issue_receipts(store, signer, permits, clock=clock)


def _permits(
    plan: PublicationPlan, policy: LoadedPolicy, reviewed: Sequence[Reviewed]
) -> list[Permit] | None:
    permits = []
    for each in reviewed:
        decision = each.decision
        if decision is None or decision.effect is Effect.DENY:
            return None
        permits.append(
            Permit(
                plan.run_id,
                each.operation,
                hours=decision.hours,
                enforceable=decision.effect is Effect.ALLOW,
                plan=plan.digest,
                policy=policy.digest,
            )
        )
    return permits


def _review(
    store: Store,
    ledger: Ledger,
    plan: PublicationPlan,
    policy: LoadedPolicy | None,
    now: datetime,
) -> tuple[Reviewed, ...]:
    if policy is None:
        return tuple(Reviewed(operation, None) for operation in plan.operations)
    blockers = open_blockers(store, ledger, plan.run_id)
    return tuple(
        Reviewed(operation, policy.decide(_facts(ledger, plan, operation, blockers, now)))
        for operation in plan.operations
    )


def _facts(
    ledger: Ledger,
    plan: PublicationPlan,
    operation: Operation,
    blockers: int | None,
    now: datetime,
) -> Facts:
    state = ledger.state
    run = state.runs.get(plan.run_id)
    packet = None if run is None else state.packets.get(run.opened.packet)
    reviews: tuple[Review, ...] = ()
    if packet is not None and run is not None:
        reviews = tuple(
            Review(reviewer, said.body.verdict, said.body.replayed)
            for (name, reviewer), said in state.countersignatures.items()
            # Whoever was revoked approves of nothing; what it objected to stays objected to.
            if name == run.opened.packet
            and (said.body.verdict != APPROVED or not state.is_revoked(said.actor, said.index))
        )
    return Facts(
        operation_kind=operation.kind,
        content=operation.content,
        run_id=plan.run_id,
        lane="" if run is None else run.opened.lane,
        mode="" if run is None else run.opened.mode,
        status="" if packet is None else packet.sealed.status,
        packet_tree="" if packet is None else packet.sealed.packet_tree,
        reviews=reviews,
        open_blockers=blockers,
        executor="" if run is None else run.executor,
        at=format_micros(ledger_time(state, now)),
        reviewers=1 if state.trust is None else state.trust.reviewers,
    )
