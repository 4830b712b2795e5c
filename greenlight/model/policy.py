"""Policies: what an owner lets through, in a plain declarative file (docs/spec/policy.md).

Rules are read from top to bottom.  A rule that denies what it names ends the matter; the
first rule that allows what it names, and whose requirements hold, decides; where none
does, the answer is no.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from greenlight.codes import Code
from greenlight.errors import MalformedError
from greenlight.model.codec import Unreadable, from_plain
from greenlight.model.fields import Count, Label, Line, Range, Text, given, value
from greenlight.model.lane_file import line_of
from greenlight.primitives import yaml12
from greenlight.primitives.limits import KIB

MAX_POLICY_BYTES = 256 * KIB  # written by a person
MAX_HOURS = 24  # C2

Pattern = Annotated[
    str, Text(r"[^\u0000-\u001f\u007f]{1,512}", "a text in which * stands for any characters")
]


class Effect(StrEnum):
    """What a rule says to what it names."""

    ALLOW = "allow"
    ADVISE = "advise"
    DENY = "deny"


@value
class ContentRule:
    """A field of an operation's content, and what it may be."""

    field: Label = given("Its name; a dot leads into an object.", "repository")
    matches: tuple[Pattern, ...] = given("One of these.", ["omega/*"])


@value
class Requirements:
    """What must be true of the run."""

    status: tuple[Label, ...] = given(
        "The packet's status is one of these.", ["APPLIED_CLEAN"], default=()
    )
    countersignatures: Count = given(
        "So many reviewers approved of the packet, and none rejected it.", 1, default=0
    )
    replayed: bool = given("One of them replayed it before.", True, default=False)
    no_open_blockers: bool = given("Nothing blocks production.", True, default=False)


@value
class PolicyRule:
    """One rule."""

    name: Label = given("What people call it.", "releases")
    effect: Effect = given("allow, advise or deny.", "allow")
    operations: tuple[Pattern, ...] = given("Kinds of operation.", ["publish_release"])
    lanes: tuple[Pattern, ...] = given("Lanes of the run.", ["release-*"], default=("*",))
    content: tuple[ContentRule, ...] = given(
        "Each of these holds of the operation's content.", [], default=()
    )
    require: Requirements = given(
        "What must be true of the run.", {"countersignatures": 1}, default=Requirements()
    )
    hours: Annotated[int, Range(1, MAX_HOURS)] = given(
        "For how long a receipt is issued.", 24, default=MAX_HOURS
    )


@value
class Policy:
    """A policy file."""

    policy: Annotated[int, Range(1, 1)] = given("Format version.", 1)
    about: Line = given("What it is for.", "releases of this repository", default="a policy")
    rules: tuple[PolicyRule, ...] = given("The rules, in order.", [])


def parse_policy(data: bytes) -> Policy:
    """Read a policy file.

    Raises:
        MalformedError: POLICY_MALFORMED or YAML_MALFORMED, with line, field, expected and found.
    """
    if len(data) > MAX_POLICY_BYTES:
        raise MalformedError(Code.POLICY_MALFORMED, f"a policy of {len(data)} bytes")
    located = yaml12.load(data)
    try:
        return from_plain(Policy, located.value)
    except Unreadable as error:
        lines = (
            f"line {line_of(located, p.pointer)}: {p.pointer or '/'}: "
            f"expected {p.expected}, found {p.found}"
            for p in error.problems[:10]
        )
        raise MalformedError(Code.POLICY_MALFORMED, "; ".join(lines)) from error
