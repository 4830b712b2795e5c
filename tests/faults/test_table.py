"""A sample of the fault suites with the tests; ``python -m tests.faults`` is the whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults import cuts
from tests.faults.acts import ACTS
from tests.faults.table import (
    QUICK,
    broken_acts,
    cut_off,
    raced,
    raced_by_clones,
    written,
)


@pytest.mark.parametrize("act", [act.name for act in ACTS])
def test_an_act_that_is_broken_off(tmp_path: Path, act: str):
    """Killed or refused at its system calls: old or new, nothing lost, and the next one works."""
    try:
        rows = list(broken_acts(tmp_path, QUICK, (act,)))
    except OSError as error:
        pytest.skip(f"this machine cannot watch system calls: {error}")
    assert [row.failures for row in rows] == [()] * len(rows)
    assert all(row.points for row in rows)


def test_races_for_one_receipt(tmp_path: Path):
    """Exactly one winner each, also where one of the racers is killed."""
    row = raced(tmp_path, QUICK)
    assert row.failures == ()
    assert row.points == QUICK.races


def test_races_of_two_clones_for_one_receipt(tmp_path: Path):
    """Exactly one winner each; after each race both clones see the same ledger and holder."""
    row = raced_by_clones(tmp_path, QUICK)
    assert row.failures == ()
    assert row.points == QUICK.remote_races


def test_writers_at_once(tmp_path: Path):
    """All that was acknowledged is in one chain."""
    row = written(tmp_path, QUICK)
    assert row.failures == ()


def test_power_cuts(tmp_path: Path):
    """Nothing acknowledged is lost, and git finds nothing wrong."""
    if cuts.why_not():
        pytest.skip(cuts.why_not())
    try:
        row = cut_off(tmp_path, QUICK)
    except OSError as error:
        pytest.skip(f"no image can be mounted here: {error}")
    assert row.failures == ()
