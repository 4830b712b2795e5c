"""Clocks that are wrong: the ledger's time never falls, and neither does a run's."""

from __future__ import annotations

from datetime import timedelta

import pytest

from greenlight.codes import Code
from greenlight.errors import RefusedError
from greenlight.primitives.timestamp import format_seconds, parse_seconds
from greenlight.services.verifying import Integrity
from tests.lanes_helper import Bench, Ran, contents, lane


def intact(ran: Ran) -> Ran:
    assert (ran.verdict.integrity, ran.verdict.report.findings) == (Integrity.INTACT, ())
    assert ran.status == "APPLIED_NOT_CLEAN"
    return ran


def times(ran: Ran) -> list[str]:
    """Every time of the packet, in the order in which they must not fall."""
    header = ran.document("header.json")
    rows = ran.document("execution-log.json")["steps"]
    return [header["opened_at"], *(row["started_at"] for row in rows), header["sealed_at"]]


def test_a_clock_that_is_somewhat_behind_takes_the_ledgers_time(bench):
    """200 seconds: times stand still until the clock has caught up."""
    intact(bench.run(lane()))
    last = bench.state.time
    bench.clock.shift = timedelta(seconds=-200)
    ran = intact(bench.run(lane()))
    assert bench.state.time == last
    assert set(times(ran)) == {format_seconds(last)}


def test_a_clock_far_behind_the_ledger_opens_no_run(bench):
    """400 seconds: refused before run.opened, and the ledger is as it was."""
    bench.run(lane())
    before, uses = bench.state.size, bench.state.uses
    head = contents(bench.store.git_dir / "refs")
    bench.clock.shift = timedelta(seconds=-400)
    with pytest.raises(RefusedError) as caught:
        bench.run(lane())
    assert caught.value.code is Code.CLOCK_AHEAD
    assert (bench.state.size, bench.state.uses) == (before, uses)
    assert contents(bench.store.git_dir / "refs") == head
    assert list(bench.rooms.iterdir()) == []
    bench.clock.shift = timedelta()
    intact(bench.run(lane()))


def test_a_clock_that_is_set_back_within_a_run_costs_no_packet(bench):
    """By an hour: its times stand still, and so does the ledger's."""

    def back(step):
        if step == "gate":
            bench.clock.shift = timedelta(hours=-1)

    ran = intact(bench.run(lane(), on_step=back))
    assert times(ran) == sorted(times(ran))
    packet = bench.state.packets[ran.result.sealed.statement.packet_id]
    assert packet.time >= bench.state.runs[packet.sealed.run].time


def test_a_small_step_back_within_a_run_is_not_seen(bench):
    """By ten seconds, as time services do: times stay in order."""

    def back(step):
        if step == "gate":
            bench.clock.shift = timedelta(seconds=-10)

    ran = intact(bench.run(lane(), on_step=back))
    assert times(ran) == sorted(times(ran))


def test_a_grant_that_ends_while_the_lane_runs_still_covers_it(bench):
    """It was in force when the run was opened, by the ledger's time, which the packet names."""
    ends = bench.clock().replace(microsecond=0) + timedelta(seconds=30)
    bench.grant("g", expires=format_seconds(ends))

    def later(step):
        if step == "write":
            bench.clock.shift = timedelta(seconds=60)

    ran = intact(bench.run(lane(), grant="g", on_step=later))
    assert times(ran)[0] < format_seconds(ends) < times(ran)[-1]


def test_a_grant_that_ended_by_ledger_time_is_refused(bench):
    """The asker's clock does not decide: the record that would open the run does."""
    now = bench.clock().replace(microsecond=0)
    bench.grant("g", expires=format_seconds(now + timedelta(seconds=30)))
    bench.clock.shift = timedelta(seconds=100)
    bench.run(lane())
    bench.clock.shift = timedelta()
    with pytest.raises(RefusedError) as caught:
        bench.run(lane(), grant="g")
    assert caught.value.code is Code.GRANT_EXPIRED
    assert len(list(bench.state.abandoned())) == 0


def test_a_run_begins_at_the_ledger_time_of_its_record(tmp_path):
    """What the header says, anybody can look up."""
    bench = Bench.make(tmp_path)
    with bench.store:
        ran = intact(bench.run(lane()))
        header = ran.document("header.json")
        opened = bench.state.runs[header["run_id"]].time
        assert parse_seconds(header["opened_at"]) == opened.replace(microsecond=0)
