"""Lanes that are run in one call share one write; what was run is sealed, whatever comes after."""

from __future__ import annotations

import json
from typing import Any

import pytest

from greenlight.codes import Code
from greenlight.errors import RefusedError
from greenlight.model.words import Status
from greenlight.services import run as run_module
from greenlight.services.packets import read_commit
from greenlight.services.run import Ended, Job, run_lanes
from greenlight.services.verifying import Integrity, Trust, verify_all, verify_located
from greenlight.store.objects import ObjectStore
from tests.lanes_helper import Bench, lane, shell


def jobs(bench: Bench, *lanes: dict[str, Any]) -> list[Job]:
    return [Job(bench.request(each), bench.provider, bench.folder) for each in lanes]


def run(bench: Bench, *lanes: dict[str, Any]) -> Ended:
    return run_lanes(jobs(bench, *lanes), bench.around)


def named(name: str, **fields: Any) -> dict[str, Any]:
    return lane(lane=name, **fields)


def intact(bench: Bench, ended: Ended) -> list[str]:
    """The lanes whose packets verify, as they are in the store."""
    verdicts = [
        verify_located(read_commit(bench.store, each.sealed.commit), Trust(), store=bench.store)
        for each in ended.results
    ]
    assert {verdict.integrity for verdict in verdicts} <= {Integrity.INTACT}
    return [verdict.statement.lane for verdict in verdicts if verdict.statement]


def test_three_lanes_are_one_pack_and_one_append(bench: Bench, monkeypatch) -> None:
    packs = []
    real = ObjectStore.packing
    monkeypatch.setattr(
        ObjectStore,
        "packing",
        lambda self: (packs.append(self is bench.store.objects), real(self))[1],
    )
    before = bench.state.size
    ended = run(bench, named("one"), named("two"), named("three"))
    assert ended.error is None
    assert intact(bench, ended) == ["one", "two", "three"]
    assert packs.count(True) == 1
    first = ended.results[0].sealed.index
    assert [each.sealed.index for each in ended.results] == [first, first + 1, first + 2]
    assert bench.state.size == before + 6
    assert verify_all(bench.store, Trust()).integrity is Integrity.INTACT


def test_a_lane_that_is_refused_keeps_all_from_running(bench: Bench) -> None:
    before = bench.state.size
    wrong = named("wrong", mode="prod")
    with pytest.raises(RefusedError) as caught:
        run(bench, named("one"), wrong)
    assert caught.value.code is Code.PRODUCTION_TARGET_REFUSED
    assert bench.state.size == before


def test_a_lane_that_stops_is_sealed_and_the_next_one_runs(bench: Bench) -> None:
    ended = run(bench, named("one", steps=[shell("exit 3", touches=["GREETING"])]), named("two"))
    assert intact(bench, ended) == ["one", "two"]
    states = [each.derived.status for each in ended.results]
    assert states == [Status.STOPPED, Status.APPLIED_NOT_CLEAN]


def test_a_grant_that_is_used_up_on_the_way(bench: Bench) -> None:
    """Each lane alone would be admitted; the first is sealed, the second is said."""
    bench.grant("once", max_uses=1)
    wanted = [
        Job(bench.request(named(name), "once"), bench.provider, bench.folder)
        for name in ("one", "two")
    ]
    ended = run_lanes(wanted, bench.around)
    assert intact(bench, ended) == ["one"]
    assert ended.error is not None
    assert ended.error.code is Code.GRANT_USED_UP
    assert list(bench.state.abandoned()) == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_what_was_run_is_sealed_before_anything_goes_on(bench: Bench, monkeypatch, error) -> None:
    real = run_module.open_run

    def interrupted(store, signer, request, *rest, **more):
        if json.loads(request.lane)["lane"] == "two":
            raise error
        return real(store, signer, request, *rest, **more)

    monkeypatch.setattr(run_module, "open_run", interrupted)
    with pytest.raises(error):
        run(bench, named("one"), named("two"), named("three"))
    found = verify_all(bench.store, Trust())
    assert [verdict.statement.lane for verdict in found.packets if verdict.statement] == ["one"]
    assert found.integrity is Integrity.INTACT
