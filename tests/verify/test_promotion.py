"""The promotion guard's judgements: true only where it was seen, and unknown blocks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from greenlight.verify.promotion import (
    Opinion,
    Seen,
    Truth,
    allows,
    changed_something,
    checklist_item,
    countersigned_packet,
    days_elapsed,
    gate_green,
    issue_closed,
    no_open_blocker,
    signed_baseline,
)

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def test_all_must_be_true():
    """Every combination of three words in up to four places; none at all is not allowed."""
    assert not allows([])
    for length in range(1, 5):
        for words in product(Truth, repeat=length):
            seen = [Seen(word, "x") for word in words]
            assert allows(seen) == (set(words) == {Truth.TRUE})


@pytest.mark.parametrize(
    ("state", "truth"),
    [("closed", "true"), ("open", "false"), ("", "unknown"), ("CLOSED", "unknown")],
)
def test_issue(state, truth):
    """A word that the forge never says is not known."""
    assert issue_closed(state, "omega/x#1").truth == truth


CHECKLIST = """
# Done when

- [x] Week 5: everything
- [ ] Week 6: the migration
* [X] Week 7
1. [x] Numbered
   - [x] Nested
- [x]Not an item
- [y] Neither
[x] Nor this

<!-- - [x] Hidden -->
```
- [x] In a fence
```
~~~ markdown
```
- [x] In the other fence
~~~
- [x] After
- [x] Twice a
- [ ] Twice b
<!-- never closed
- [x] Swallowed
"""


@pytest.mark.parametrize(
    ("item", "truth"),
    [
        ("Week 5", "true"),
        ("Week 6", "false"),
        ("Week 7", "true"),
        ("Numbered", "true"),
        ("Nested", "true"),
        ("After", "true"),
        ("Twice a", "true"),
        ("Twice", "unknown"),
        ("Week", "unknown"),
        ("Not an item", "unknown"),
        ("Neither", "unknown"),
        ("Nor this", "unknown"),
        ("Hidden", "unknown"),
        ("In a fence", "unknown"),
        ("In the other", "unknown"),
        ("Swallowed", "unknown"),
        ("week 5", "unknown"),
        ("eek 5", "unknown"),
    ],
)
def test_checklist(item, truth):
    """What a reader of the page does not see as a ticked box is none."""
    assert checklist_item(CHECKLIST, item, "omega/x#1").truth == truth
    assert checklist_item(CHECKLIST.replace("\n", "\r\n"), item, "omega/x#1").truth == truth


def opinions(*words):
    return [Opinion(name, approved) for name, approved in words]


@pytest.mark.parametrize(
    ("integrity", "status", "said", "least", "truth"),
    [
        ("INTACT", "APPLIED_CLEAN", [("a", True)], 1, "true"),
        ("INTACT", "APPLIED_CLEAN", [("a", True), ("b", True)], 2, "true"),
        ("INTACT", "APPLIED_CLEAN", [("a", True), ("a", True)], 2, "false"),
        ("INTACT", "APPLIED_CLEAN", [], 1, "false"),
        ("INTACT", "APPLIED_CLEAN", [("a", True), ("b", False)], 1, "false"),
        ("INTACT", "APPLIED_NOT_CLEAN", [("a", True)], 1, "false"),
        ("INTACT", "STOPPED", [("a", True)], 1, "false"),
        ("REJECTED", "APPLIED_CLEAN", [("a", True)], 1, "false"),
        ("WITHHELD", "APPLIED_CLEAN", [("a", True)], 1, "false"),
        ("UNVERIFIABLE", "APPLIED_CLEAN", [("a", True)], 1, "unknown"),
    ],
)
def test_countersigned(integrity, status, said, least, truth):
    """INTACT, clean, enough distinct approvals, and nobody who rejected it."""
    found = countersigned_packet("p", integrity, status, opinions(*said), least)
    assert found.truth == truth
    assert integrity in found.evidence


def test_blockers():
    """Of a class, by what their ids begin with; a map that cannot be read is unknown."""
    assert no_open_blocker("p", [], "").truth is Truth.TRUE
    assert no_open_blocker("p", ["cutover-1"], "").truth is Truth.FALSE
    assert no_open_blocker("p", ["cutover-1"], "cutover").truth is Truth.FALSE
    assert no_open_blocker("p", ["secrets-1"], "cutover").truth is Truth.TRUE
    assert no_open_blocker("p", None, "").truth is Truth.UNKNOWN
    assert len(no_open_blocker("p", [f"b{n}" for n in range(10_000)], "").evidence) <= 1000


def test_no_op():
    """A batch that changed nothing is flagged; one that cannot be read is not let through."""
    assert changed_something("p", 3).truth is Truth.TRUE
    assert changed_something("p", None).truth is Truth.UNKNOWN
    found = changed_something("p", 0)
    assert (found.truth, found.evidence) == (Truth.FALSE, "NO-OP: p changed nothing")


@pytest.mark.parametrize(
    ("passed", "truth"),
    [
        (timedelta(days=7), "true"),
        (timedelta(days=7) - timedelta(microseconds=1), "false"),
        (timedelta(days=8), "true"),
        (timedelta(0), "false"),
    ],
)
def test_days(passed, truth):
    """Whole days: seven are over when the last microsecond is."""
    assert days_elapsed("p", NOW, NOW, NOW + passed, 7).truth == truth


def test_a_clock_behind_the_ledger():
    """It says nothing about how long ago anything was."""
    last = NOW + timedelta(days=30)
    assert days_elapsed("p", NOW, last, last - timedelta(microseconds=1), 7).truth == "unknown"
    assert days_elapsed("p", NOW, last, last, 7).truth == "true"


@pytest.mark.parametrize(
    ("verdict", "same", "independent", "truth"),
    [
        ("green", True, True, "true"),
        ("red", True, True, "false"),
        ("skipped", True, True, "false"),
        (None, True, True, "unknown"),
        ("green", False, True, "unknown"),
        ("green", True, False, "unknown"),
        ("red", False, False, "unknown"),
    ],
)
def test_gate(verdict, same, independent, truth):
    """Green for this very commit, by settings that it did not bring itself; a skip is no green."""
    found = gate_green("g", verdict, same_commit=same, independent=independent)
    assert found.truth == truth


@pytest.mark.parametrize(
    ("status", "truth"),
    [
        ("ok", "true"),
        ("unsigned", "false"),
        ("regressed", "false"),
        ("missing_baseline", "false"),
        ("current_read_error", "unknown"),
        ("unreadable", "unknown"),
    ],
)
def test_baseline(status, truth):
    """Only one that is signed and holds."""
    assert signed_baseline(status, "").truth == truth
