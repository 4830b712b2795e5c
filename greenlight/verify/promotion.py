"""Whether something may be promoted: every condition true, each with what was seen.

Pure: whoever asks gathers the facts (``services.promotion``).  What is not known is
``unknown`` and blocks like ``false``; nothing that a person typed or a variable says is a fact.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from greenlight.primitives.timestamp import format_micros

_FENCE: Final = re.compile(r" {0,3}(`{3,}|~{3,})")
_COMMENT: Final = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_ITEM: Final = re.compile(r"\s*(?:[-*+]|[0-9]{1,9}[.)])\s+\[([ xX])\]\s+(.*)")


class Truth(StrEnum):
    """What is known of a condition."""

    TRUE = "true"
    FALSE = "false"
    UNKNOWN = "unknown"

    @classmethod
    def of(cls, holds: bool) -> Truth:
        return cls.TRUE if holds else cls.FALSE


@dataclass(frozen=True, slots=True)
class Seen:
    """What a condition came to.

    Attributes:
        truth: true, false or unknown.
        evidence: What was seen, in one line.
    """

    truth: Truth
    evidence: str


def allows(seen: Sequence[Seen]) -> bool:
    """Report whether all conditions hold; without any, nothing is allowed."""
    return bool(seen) and all(each.truth is Truth.TRUE for each in seen)


# --- issues


def issue_closed(state: str, where: str) -> Seen:
    """Judge the state of an issue, as the forge says it."""
    if state not in ("open", "closed"):
        return Seen(Truth.UNKNOWN, f"{where} has the state {state[:40]!r}")
    return Seen(Truth.of(state == "closed"), f"{where} is {state}")


def checklist_item(text: str, item: str, where: str) -> Seen:
    """Judge a task list item of an issue's text: GitHub Flavored Markdown, section 5.3.

    What stands in a fence or a comment is no item, though it looks like one.

    Args:
        text: The issue's text.
        item: What the item begins with; exactly one must.
        where: The issue, for people.
    """
    found = [done for done, words in _items(text) if words.startswith(item.strip())]
    if len(found) != 1:
        number = "no item" if not found else f"{len(found)} items"
        return Seen(Truth.UNKNOWN, f"{where} has {number} that begins with {item.strip()!r}")
    word = "ticked" if found[0] else "not ticked"
    return Seen(Truth.of(found[0]), f"{where}: {item.strip()!r} is {word}")


def _items(text: str) -> Iterable[tuple[bool, str]]:
    fence = ""
    for line in _COMMENT.sub("", text).splitlines():
        mark = _FENCE.match(line)
        if fence:
            closes = mark is not None and mark[1].startswith(fence) and not line.strip(" `~")
            fence = "" if closes else fence
        elif mark is not None:
            fence = mark[1]
        else:
            item = _ITEM.fullmatch(line)
            if item is not None:
                yield item[1] != " ", item[2].strip()


# --- packets


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a reviewer said of a packet; nothing of one whose key was revoked before.

    Attributes:
        reviewer: Thumbprint URI.
        approved: Whether the reviewer approved.
    """

    reviewer: str
    approved: bool


def countersigned_packet(
    packet: str,
    integrity: str,
    status: str,
    opinions: Iterable[Opinion],
    least: int,
) -> Seen:
    """Judge whether a packet holds, is clean, and enough reviewers approved of it.

    Args:
        packet: Its id.
        integrity: INTACT, or what else verification said just now.
        status: As sealed.
        opinions: What reviewers said.
        least: How many must approve, each by a key of its own.
    """
    known = list(opinions)
    approved = {each.reviewer for each in known if each.approved}
    rejected = {each.reviewer for each in known if not each.approved}
    said = f"{packet} is {integrity} and {status}; {len(approved)} of {least} reviewers approved"
    if rejected:
        said = f"{said}, {len(rejected)} rejected it"
    if integrity == "UNVERIFIABLE":
        return Seen(Truth.UNKNOWN, said)
    holds = integrity == "INTACT" and status == "APPLIED_CLEAN" and not rejected
    return Seen(Truth.of(holds and len(approved) >= least), said)


def no_open_blocker(packet: str, open_ids: Iterable[str] | None, begins: str) -> Seen:
    """Judge whether a packet has no open blocker whose id begins so; None: its map is not read."""
    if open_ids is None:
        return Seen(Truth.UNKNOWN, f"the blocker map of {packet} cannot be read")
    named = f" of the class {begins}" if begins else ""
    found = sorted(each for each in open_ids if each.startswith(begins))
    if not found:
        return Seen(Truth.TRUE, f"{packet} has no open blocker{named}")
    return Seen(Truth.FALSE, f"{packet} has {len(found)} open{named}: {', '.join(found)}"[:1000])


def changed_something(packet: str, mutations: int | None) -> Seen:
    """Judge whether a batch changed anything (the no-op guard of 002)."""
    if mutations is None:
        return Seen(Truth.UNKNOWN, f"what {packet} changed cannot be read")
    if mutations == 0:
        return Seen(Truth.FALSE, f"NO-OP: {packet} changed nothing")
    return Seen(Truth.TRUE, f"{packet} changed {mutations} paths")


def days_elapsed(packet: str, sealed: datetime, last: datetime, now: datetime, days: int) -> Seen:
    """Judge whether whole days went by since a packet was sealed, in ledger time.

    Args:
        packet: Its id.
        sealed: Ledger time of its record.
        last: Ledger time of the last record.
        now: What this machine's clock says.
        days: How many.
    """
    if now < last:
        said = f"this clock says {format_micros(now)}, before the ledger's {format_micros(last)}"
        return Seen(Truth.UNKNOWN, said)
    passed = (now - sealed) // timedelta(days=1)
    said = f"{passed} of {days} days since {packet} was sealed at {format_micros(sealed)}"
    return Seen(Truth.of(passed >= days), said)


# --- gates and baselines


def gate_green(gate: str, verdict: str | None, *, same_commit: bool, independent: bool) -> Seen:
    """Judge the last recorded result of a gate.

    Args:
        gate: Its name.
        verdict: green, red or skipped; None where it was never recorded.
        same_commit: Whether that was of the commit that is to be promoted.
        independent: Whether it was judged by a base's settings.
    """
    if verdict is None:
        return Seen(Truth.UNKNOWN, f"no result of the gate {gate} is recorded")
    if not same_commit:
        return Seen(Truth.UNKNOWN, f"the last result of the gate {gate} is of another commit")
    if not independent:
        return Seen(Truth.UNKNOWN, f"the gate {gate} was judged by the change's own settings")
    return Seen(Truth.of(verdict == "green"), f"the gate {gate} is {verdict}")


def signed_baseline(status: str, said: str) -> Seen:
    """Judge a baseline by what verifying it came to: ``ok``, or a status of the audit's."""
    unread = status in ("current_read_error", "unreadable")
    truth = Truth.UNKNOWN if unread else Truth.of(status == "ok")
    return Seen(truth, f"the baseline is {status}: {said}" if said else f"the baseline is {status}")
