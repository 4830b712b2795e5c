"""Policies: rules in a plain file, and what they say of an operation."""

from __future__ import annotations

from dataclasses import replace

import pytest

from greenlight.codes import Code
from greenlight.errors import MalformedError
from greenlight.model.policy import Effect, parse_policy
from greenlight.verify.policy import Facts, Review, decide

FACTS = Facts(
    operation_kind="publish_release",
    content={"repository": "omega/marketops", "target": {"branch": "main"}, "count": 3},
    run_id="00000000-0000-0000-0000-000000000001",
    lane="release-docs",
    mode="staging",
    status="APPLIED_CLEAN",
    packet_tree="sha256:" + "a" * 64,
    reviews=(Review("key-1", "approved", replayed=True),),
    open_blockers=0,
    executor="key-0",
    at="2026-01-02T03:04:05.000000Z",
)
RULE = "  - {name: r, effect: allow, operations: [publish_release]%s}\n"


def policy(*rules):
    return parse_policy(("policy: 1\nrules:\n" + "".join(rules)).encode())


def said(*rules, **facts):
    return decide(policy(*rules), replace(FACTS, **facts))


def test_nothing_said_is_no():
    """An empty policy, and one about something else, let nothing through."""
    assert decide(parse_policy(b"policy: 1\nrules: []\n"), FACTS).effect is Effect.DENY
    assert said(RULE % "", operation_kind="tag_repo").reasons == ("no rule names it",)


HOLDS = {
    "": {},
    ", lanes: ['release-*']": {},
    ", content: [{field: repository, matches: ['omega/*']}]": {},
    ", content: [{field: target.branch, matches: [main, 'release/*']}]": {},
    ", require: {status: [APPLIED_CLEAN]}": {},
    ", require: {countersignatures: 1, replayed: true, no_open_blockers: true}": {},
}


@pytest.mark.parametrize("more", HOLDS)
def test_what_holds_is_allowed(more):
    """Each condition by itself."""
    decision = said(RULE % more)
    assert (decision.effect, decision.rule) == (Effect.ALLOW, "r")


REVIEWS = {
    "one of two": ((Review("a", "approved", replayed=False),), "1 of 2 reviewers approved"),
    "one of them twice": (
        (Review("a", "approved", replayed=False), Review("a", "approved", replayed=False)),
        "1 of 2 reviewers approved",
    ),
    "one against": (
        (
            Review("a", "approved", replayed=False),
            Review("b", "approved", replayed=False),
            Review("c", "rejected", replayed=False),
        ),
        "a reviewer rejected the packet",
    ),
}


@pytest.mark.parametrize(("reviews", "why"), REVIEWS.values(), ids=REVIEWS)
def test_reviewers_are_counted_once(reviews, why):
    """By their keys; one who is against stops it."""
    decision = said(RULE % ", require: {countersignatures: 2}", reviews=reviews)
    assert (decision.effect, decision.reasons) == (Effect.DENY, (f"rule r: {why}",))


FAILS = {
    "another lane": (", lanes: ['docs-*']", {}),
    "an unopened run": (", lanes: ['release-*']", {"lane": ""}),
    "another repository": (", content: [{field: repository, matches: ['beta/*']}]", {}),
    "a field that is no text": (", content: [{field: count, matches: ['*']}]", {}),
    "a field that is absent": (", content: [{field: nothing.at.all, matches: ['*']}]", {}),
    "a status that is not clean": (
        ", require: {status: [APPLIED_CLEAN]}",
        {"status": "APPLIED_NOT_CLEAN"},
    ),
    "no packet yet": (", require: {status: [APPLIED_CLEAN]}", {"status": ""}),
    "nobody replayed": (", require: {replayed: true}", {"reviews": ()}),
    "only who rejected replayed": (
        ", require: {replayed: true}",
        {"reviews": (Review("a", "rejected", replayed=True),)},
    ),
    "an open blocker": (", require: {no_open_blockers: true}", {"open_blockers": 1}),
    "blockers nobody knows": (", require: {no_open_blockers: true}", {"open_blockers": None}),
}


@pytest.mark.parametrize(("more", "facts"), FAILS.values(), ids=FAILS)
def test_what_does_not_hold_is_denied(more, facts):
    """And says why."""
    decision = said(RULE % more, **facts)
    assert decision.effect is Effect.DENY
    assert decision.reasons


def test_a_denial_ends_the_matter():
    """Wherever it stands; a later rule may allow what an earlier one asks too much for."""
    deny = "  - {name: never, effect: deny, operations: ['*'], lanes: ['release-*']}\n"
    assert said(RULE % "", deny).reasons == ("rule never denies it",)
    strict = RULE % ", require: {countersignatures: 5}"
    advise = "  - {name: a, effect: advise, operations: ['*'], hours: 2}\n"
    decision = said(strict, advise)
    assert (decision.effect, decision.rule, decision.hours) == (Effect.ADVISE, "a", 2)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "policy: 2\nrules: []\n",
        "policy: 1\n",
        "policy: 1\nrules: [1]\n",
        "policy: 1\nrules: []\nmore: 1\n",
        "policy: 1\nrules:\n  - {name: r, effect: permit, operations: ['*']}\n",
        "policy: 1\nrules:\n  - {name: r, effect: allow, operations: '*'}\n",
        "policy: 1\nrules:\n  - {name: r, effect: allow, operations: ['*'], hours: 25}\n",
        "policy: 1\nrules:\n  - {name: r, effect: allow, operations: ['*'], hour: 1}\n",
    ],
)
def test_what_is_no_policy(text):
    """A misspelt word is refused, with its line: it would let through what nobody meant."""
    with pytest.raises(MalformedError) as caught:
        parse_policy(text.encode())
    assert caught.value.code in (Code.POLICY_MALFORMED, Code.YAML_MALFORMED)


def test_a_policy_that_is_too_large():
    """It is measured before it is parsed."""
    with pytest.raises(MalformedError):
        parse_policy(b"#" * (256 * 1024 + 1))
