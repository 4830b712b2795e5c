"""Seven green days, counted from the ledger, whatever clocks do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenlight.codes import Code
from greenlight.verify.graduation import (
    DAYS,
    after_correction,
    after_result,
    green_days,
)
from tests.ledger.actors import (
    DEFINITION,
    EXECUTOR,
    OWNER,
    REVIEWER,
    START,
    audit_recorded,
    clock_corrected,
    gate_result,
    graduated,
    promotion_decided,
    trust_root,
)
from tests.verify.test_fold import Story

FIRST = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
OTHER = "sha256:" + "e" * 64


def count(results, now):
    """Count as a person would: go back from the last red day, and look at each day by itself."""
    definition = results[-1][1].definition if results else DEFINITION
    start = 0
    for index, (_, result) in enumerate(results):
        if result.verdict == "red" or result.definition != definition:
            start = index + 1
    red = {time.date() for time, result in results if result.verdict == "red"}
    green = {
        time.date() for time, result in results[start:] if result.verdict == "green" and result.base
    }
    return sum(day < now.date() for day in green - red)


def folded(results):
    state = None
    for index, (time, result) in enumerate(results):
        state = after_result(state, result, time, index)
    return state


WORDS = {
    "green": gate_result(),
    "red": gate_result("red"),
    "skipped": gate_result("skipped"),
    "own": gate_result(base=""),
    "own red": gate_result("red", base=""),
    "other": gate_result(definition=OTHER),
}


@pytest.mark.parametrize("length", range(5))
def test_every_short_history(length):
    """All words in all orders, each on the same day or the next: as a person counts."""
    for words in product(WORDS, repeat=length):
        for steps in product((0, 1), repeat=length):
            time, results = FIRST, []
            for word, step in zip(words, steps, strict=True):
                time += step * DAY
                results.append((time, WORDS[word]))
            state = folded(results)
            definition = results[-1][1].definition if results else DEFINITION
            for later in (0, 1):
                now = time + later * DAY
                assert green_days(state, definition, now) == count(results, now), results


@given(
    st.lists(st.tuples(st.sampled_from(sorted(WORDS)), st.integers(0, 80)), min_size=1, max_size=40)
)
def test_any_history(acts):
    """The same of long ones, hours apart; another definition has had none."""
    time, results = FIRST, []
    for word, hours in acts:
        time += timedelta(hours=hours)
        results.append((time, WORDS[word]))
    now = time + DAY
    last = results[-1][1].definition
    state = folded(results)
    assert min(green_days(state, last, now), DAYS) == min(count(results, now), DAYS)
    assert green_days(state, "sha256:" + "f" * 64, now) == 0


def test_a_day_counts_once_it_is_over():
    """Red may still come until midnight."""
    state = folded([(FIRST, gate_result())])
    assert green_days(state, DEFINITION, FIRST) == 0
    midnight = FIRST.replace(hour=0) + DAY
    assert green_days(state, DEFINITION, midnight - timedelta(microseconds=1)) == 0
    assert green_days(state, DEFINITION, midnight) == 1
    assert green_days(None, DEFINITION, midnight) == 0


def test_days_without_a_result():
    """Neither counted nor breaking: seven days that were green, however far apart."""
    results = [(FIRST + 30 * n * DAY, gate_result()) for n in range(7)]
    assert green_days(folded(results), DEFINITION, results[-1][0]) == 6
    assert green_days(folded(results), DEFINITION, results[-1][0] + DAY) == 7


def test_a_clock_that_jumped_ahead():
    """Days that an owner's correction says have not been are taken back, that day's too."""
    state = folded([(FIRST + n * DAY, gate_result()) for n in range(10)])
    for back in range(12):
        at = FIRST + timedelta(days=back)
        corrected = after_correction(state, at, 99)
        assert green_days(corrected, DEFINITION, FIRST + 100 * DAY) == min(back, 10)
        assert (corrected.index == 99) == (back < 10)


@given(st.integers(0, 9), st.integers(0, 30))
def test_a_corrected_day_can_be_green_again(back, more):
    """Once: the same day does not count twice."""
    state = folded([(FIRST + n * DAY, gate_result()) for n in range(10)])
    at = FIRST + timedelta(days=back)
    state = after_correction(state, at, 10)
    for n in range(more):
        state = after_result(state, gate_result(), at + timedelta(hours=n), 11 + n)
    days = {(at + timedelta(hours=n)).date() for n in range(more)}
    assert green_days(state, DEFINITION, at + 100 * DAY) == back + len(days)


# --- in the ledger


@pytest.fixture
def story():
    return Story().add(trust_root(), OWNER)


def days(story, *verdicts, start=START):
    for number, verdict in enumerate(verdicts):
        story.add(gate_result(verdict), EXECUTOR, start + number * DAY)
    return story


def test_it_blocks_after_seven_days_and_not_before(story):
    """Whoever says so earlier says it in vain; and it is said once."""
    days(story, *["green"] * 7)
    story.add(graduated(), EXECUTOR, START + 6 * DAY)
    assert story.void is Code.GATE_NOT_GRADUATED
    story.add(graduated(), REVIEWER, START + 7 * DAY)
    assert story.void is Code.TRUST_REFUSED
    story.add(graduated(definition=OTHER), EXECUTOR, START + 7 * DAY)
    assert story.void is Code.GATE_NOT_GRADUATED
    story.add(graduated(gate="other"), EXECUTOR, START + 7 * DAY)
    assert story.void is Code.GATE_NOT_GRADUATED
    story.add(graduated(), EXECUTOR, START + 7 * DAY)
    assert story.void is None
    at = story.state.size - 1
    assert story.state.gates["smoke", "registry"].graduated == at
    story.add(graduated(), OWNER, START + 8 * DAY)
    assert story.void is Code.GATE_GRADUATED_BEFORE
    story.add(gate_result("red"), EXECUTOR, START + 9 * DAY)
    held = story.state.gates["smoke", "registry"]
    assert (held.graduated, held.verdict, held.days) == (at, "red", ())


def test_each_module_counts_by_itself(story):
    """One that is red keeps nobody else back."""
    for number in range(8):
        time = START + number * DAY
        story.add(gate_result(module="a"), EXECUTOR, time)
        story.add(gate_result("red", module="b"), EXECUTOR, time)
    story.add(graduated(module="b"), EXECUTOR, START + 8 * DAY)
    assert story.void is Code.GATE_NOT_GRADUATED
    story.add(graduated(module="a"), EXECUTOR, START + 8 * DAY)
    assert story.void is None


def test_a_red_day_starts_the_count_again(story):
    """Six green ones before it are gone."""
    days(story, *["green"] * 6, "red", *["green"] * 6)
    story.add(graduated(), EXECUTOR, START + 14 * DAY)
    assert story.void is Code.GATE_NOT_GRADUATED
    story.add(gate_result(), EXECUTOR, START + 14 * DAY)
    story.add(graduated(), EXECUTOR, START + 15 * DAY)
    assert story.void is None


def test_a_jump_of_the_clock_gives_nothing_away(story):
    """Seven days within a minute, and an owner who sets the clock right."""
    days(story, *["green"] * 7)
    story.add(clock_corrected(START + timedelta(seconds=9)), OWNER, START + timedelta(seconds=9))
    assert story.void is None
    story.add(graduated(), EXECUTOR, START + 30 * DAY)
    assert story.void is Code.GATE_NOT_GRADUATED
    assert story.state.gates["smoke", "registry"].days == ()


@pytest.mark.parametrize(
    ("verdict", "holds", "void"),
    [
        ("ALLOWED", ("true", "true"), False),
        ("ALLOWED", ("true", "unknown"), True),
        ("ALLOWED", ("false",), True),
        ("ALLOWED", (), True),
        ("BLOCKED", ("true", "false"), False),
        ("BLOCKED", ("unknown",), False),
        ("BLOCKED", ("true",), True),
        ("BLOCKED", (), False),
    ],
)
def test_a_promotion_says_what_its_conditions_give(story, verdict, holds, void):
    """Nobody writes ALLOWED over a condition that did not hold."""
    story.add(promotion_decided(verdict, *holds), EXECUTOR)
    assert story.void is (Code.ENTRY_VOID if void else None)
    story.add(promotion_decided(verdict, *holds), REVIEWER)
    assert story.void is Code.TRUST_REFUSED


def test_an_audit_stands(story):
    """By an executor; a reviewer's key has another task."""
    story.add(audit_recorded(), EXECUTOR)
    assert story.void is None
    story.add(audit_recorded(), REVIEWER)
    assert story.void is Code.TRUST_REFUSED
