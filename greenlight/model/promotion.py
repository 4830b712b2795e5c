"""What must be true before something is promoted: conditions as data (source 002)."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

from greenlight.model.fields import Note, Range, Slug, Text, given, value
from greenlight.model.gate import MaybePath

MAX_TARGETS: Final = 64
MAX_DAYS: Final = 3650

Repository = Annotated[
    str,
    Text(
        r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})/[A-Za-z0-9_.-]{1,100})?",
        "a repository owner/name, or none",
    ),
]
MaybeSlug = Annotated[str, Text(r"(?:[a-z0-9](?:[a-z0-9-]{0,126}[a-z0-9])?)?", "a slug, or none")]
MaybeWord = Annotated[str, Text(r"[^\u0000-\u001f\u007f]{0,256}", "a word, or none")]


class ConditionKind(StrEnum):
    """What a condition asks."""

    ISSUE_CLOSED = "issue_closed"
    CHECKLIST_ITEM = "checklist_item"
    GATE_GREEN = "gate_green"
    SIGNED_BASELINE = "signed_baseline"
    COUNTERSIGNED_PACKET = "countersigned_packet"
    NO_OPEN_BLOCKER = "no_open_blocker"
    DAYS_ELAPSED = "days_elapsed"
    CHANGED_SOMETHING = "changed_something"


@value
class Condition:
    """One thing that must be true; which fields it takes depends on its kind."""

    kind: ConditionKind = given("What it asks.", "issue_closed")
    about: Note = given("What it is for.", "the migration is done", default="")
    repository: Repository = given(
        "issue_closed, checklist_item: the forge's repository; without it, the origin's.",
        "omega/marketops",
        default="",
    )
    issue: Annotated[int, Range(0, 2**31 - 1)] = given(
        "issue_closed, checklist_item: the issue's number.", 490, default=0
    )
    item: Note = given(
        "checklist_item: what the ticked line of the issue's text begins with.",
        "Week 6",
        default="",
    )
    gate: MaybeSlug = given("gate_green: the gate's name.", "pqc-sign-verify", default="")
    packet: MaybeWord = given(
        "countersigned_packet, no_open_blocker, changed_something, days_elapsed: a packet.",
        "fix7-p0-0b5c1d2e",
        default="",
    )
    lane: MaybeSlug = given(
        "The same: or the newest packet of this lane; without both, the newest of all.",
        "fix7-p0",
        default="",
    )
    reviewers: Annotated[int, Range(1, 100)] = given(
        "countersigned_packet: how many approved of it, and none rejected it.", 2, default=1
    )
    blocker: MaybeWord = given(
        "no_open_blocker: what its id begins with; without it, any.", "cutover", default=""
    )
    baseline: MaybePath = given(
        "signed_baseline: its path; without it, that of the audit.",
        "baselines/metrics_baseline_v1.json",
        default="",
    )
    days: Annotated[int, Range(0, MAX_DAYS)] = given(
        "days_elapsed: whole days of ledger time since the packet was sealed.", 7, default=0
    )


@value
class Target:
    """Something that may be promoted to."""

    name: Slug = given("What people call it.", "production")
    about: Note = given("What it is.", "the public registry", default="")
    conditions: tuple[Condition, ...] = given("All of these must be true.", [], default=())
