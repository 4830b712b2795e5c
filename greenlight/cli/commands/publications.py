"""``greenlight plan`` and ``greenlight authorise``: from what is wanted to receipts."""

from __future__ import annotations

from collections.abc import Iterator

from greenlight.cli.answer import Answer, Fault
from greenlight.cli.exit_codes import Exit
from greenlight.cli.outputs import write_output
from greenlight.cli.surroundings import clock, signer_of, store_of
from greenlight.cli.upkeep import written_store
from greenlight.cli.values import Values
from greenlight.codes import Code
from greenlight.model.policy import Effect
from greenlight.services.authorising import Planned, Reviewed, load_policy, make_plan
from greenlight.services.authorising import authorise as authorise_plan
from greenlight.services.initialising import require_store


def plan(arguments: Values) -> Answer:
    """Plan publications; nothing is written but the plan itself."""
    policy = load_policy(arguments.policy) if arguments.policy else None
    with store_of(arguments) as store:
        require_store(store)
        planned = make_plan(store, arguments.request, arguments.run, policy=policy, clock=clock)
    if arguments.out:
        write_output(arguments.out, planned.plan.encode())
    lines = (*_lines(planned), "  blocked by mode: a dry run does none of this")
    return Answer({"blocked_by_mode": True, **_data(planned)}, lines)


def authorise(arguments: Values) -> Answer:
    """Review a plan, and issue its receipts or none."""
    policy = load_policy(arguments.policy)
    with written_store(arguments) as store:
        require_store(store)
        planned, told = authorise_plan(
            store, signer_of(arguments), arguments.plan, policy, clock=clock
        )
    lines = list(_lines(planned))
    data = _data(planned)
    if told is None:
        denied = sum(_is_denied(each) for each in planned.reviewed)
        fault = Fault(
            Code.POLICY_DENIED,
            f"denied: {denied} of {len(planned.reviewed)} operations; no receipt was issued",
        )
        return Answer({**data, "receipts": []}, tuple(lines), exit=Exit.REFUSED, fault=fault)
    for receipt in told.bodies:
        word = "receipt " if receipt.enforceable else "advisory"
        lines.append(f"  {word}  {receipt.receipt_id}  {receipt.operation_kind}")
    return Answer({**data, "receipts": [each.to_body() for each in told.bodies]}, tuple(lines))


def _lines(planned: Planned) -> Iterator[str]:
    plan = planned.plan
    yield f"{len(plan.operations)} operations for run {plan.run_id}"
    for each in planned.reviewed:
        decision = each.decision
        said = "" if decision is None else f"  {decision.effect.value} {decision.rule}".rstrip()
        yield f"  {each.operation.kind}  {each.operation.digest}{said}"
        if decision is not None:
            yield from (f"    {reason}" for reason in decision.reasons)


def _data(planned: Planned) -> dict[str, object]:
    return {
        "run_id": planned.plan.run_id,
        "lane": planned.plan.lane,
        "plan": planned.plan.digest,
        "operations": [each.to_dict() for each in planned.reviewed],
    }


def _is_denied(reviewed: Reviewed) -> bool:
    return reviewed.decision is not None and reviewed.decision.effect is Effect.DENY
