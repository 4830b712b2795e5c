"""What a policy says of an operation: facts in, a decision with its reasons out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from greenlight.model.policy import ContentRule, Effect, Policy, PolicyRule, Requirements
from greenlight.model.surface import tool_matches

APPROVED, REJECTED = "approved", "rejected"


@dataclass(frozen=True, slots=True)
class Review:
    """A countersignature, as a policy sees it.

    Attributes:
        reviewer: Thumbprint URI.
        verdict: approved or rejected.
        replayed: Whether the reviewer replayed the packet.
    """

    reviewer: str
    verdict: str
    replayed: bool


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known when somebody asks for an operation.

    Attributes:
        operation_kind: As ``publish_release``.
        content: The operation's content.
        run_id: The run it is for.
        lane: Of that run; empty where it was not opened.
        mode: Of that run, likewise.
        status: Of its packet; empty where there is none.
        packet_tree: Likewise.
        reviews: Countersignatures of that packet.
        open_blockers: How many; None where that is not known.
        executor: Thumbprint URI of the key that would act.
        at: Ledger time.
        reviewers: How many must approve at least, where a policy wants any: as the trust root says.
    """

    operation_kind: str
    content: Mapping[str, object]
    run_id: str
    lane: str
    mode: str
    status: str
    packet_tree: str
    reviews: tuple[Review, ...]
    open_blockers: int | None
    executor: str
    at: str
    reviewers: int = 1

    def to_dict(self) -> dict[str, object]:
        """Return the input that a Rego policy gets."""
        return {
            "operation": {"kind": self.operation_kind, "content": dict(self.content)},
            "run": {
                "run_id": self.run_id,
                "lane": self.lane,
                "mode": self.mode,
                "status": self.status,
                "packet_tree": self.packet_tree,
                "open_blockers": self.open_blockers,
            },
            "reviews": [
                {"reviewer": each.reviewer, "verdict": each.verdict, "replayed": each.replayed}
                for each in self.reviews
            ],
            "executor": self.executor,
            "at": self.at,
        }


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a request.

    Attributes:
        effect: allow: an enforceable receipt; advise: an advisory one; deny: none.
        rule: The rule that decided; empty where none did.
        hours: For how long.
        reasons: Why not, where the effect is deny.
    """

    effect: Effect
    rule: str = ""
    hours: int = 24
    reasons: tuple[str, ...] = ()


def decide(policy: Policy, facts: Facts) -> Decision:
    """Say what a policy says of an operation; no where it says nothing."""
    reasons: list[str] = []
    named = [rule for rule in policy.rules if _names(rule, facts)]
    for rule in named:
        if rule.effect is Effect.DENY:
            return Decision(Effect.DENY, rule.name, reasons=(f"rule {rule.name} denies it",))
    for rule in named:
        missing = tuple(_missing(rule.require, facts))
        if not missing:
            return Decision(rule.effect, rule.name, rule.hours)
        reasons += [f"rule {rule.name}: {each}" for each in missing]
    return Decision(Effect.DENY, reasons=tuple(reasons) or ("no rule names it",))


def _names(rule: PolicyRule, facts: Facts) -> bool:
    return (
        any(tool_matches(pattern, facts.operation_kind) for pattern in rule.operations)
        and any(tool_matches(pattern, facts.lane) for pattern in rule.lanes)
        and all(_holds(each, facts.content) for each in rule.content)
    )


def _holds(rule: ContentRule, content: Mapping[str, object]) -> bool:
    found: object = content
    for name in rule.field.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return isinstance(found, str) and any(tool_matches(each, found) for each in rule.matches)


def _missing(require: Requirements, facts: Facts) -> Iterator[str]:
    if require.status and facts.status not in require.status:
        wanted = " or ".join(require.status)
        yield f"the packet's status is {facts.status or 'unknown'}, not {wanted}"
    if require.countersignatures:
        approved = {each.reviewer for each in facts.reviews if each.verdict == APPROVED}
        least = max(require.countersignatures, facts.reviewers)
        if len(approved) < least:
            yield f"{len(approved)} of {least} reviewers approved"
        if any(each.verdict == REJECTED for each in facts.reviews):
            yield "a reviewer rejected the packet"
    if require.replayed and not any(
        each.replayed and each.verdict == APPROVED for each in facts.reviews
    ):
        yield "no reviewer who approved replayed it"
    if require.no_open_blockers and facts.open_blockers != 0:
        known = facts.open_blockers
        yield "open blockers are not known" if known is None else f"{known} blockers are open"
