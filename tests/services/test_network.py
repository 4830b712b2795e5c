"""Lanes that allow a destination: what they reach is on record, and a replay reaches nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from greenlight.errors import GreenlightError
from greenlight.execution.confined import Confined
from greenlight.services.rerun import ReplayRoom, rerun_packet
from greenlight.services.verifying import Integrity
from tests.execution.test_proxy import served
from tests.lanes_helper import Bench, lane
from tests.tools import need, need_box


@pytest.fixture
def plain() -> Iterator[int]:
    need_box()
    need("/usr/bin/python3")
    yield from served(None)


def reaching(port: int, script: str, **more: Any) -> dict[str, Any]:
    program = f"import urllib.request as r; {script}"
    return lane(
        network=[{"host": "localhost", "port": port}],
        steps=[
            {
                "id": "write",
                "run": ["/usr/bin/python3", "-c", program],
                "touches": ["GREETING"],
            }
        ],
        **more,
    )


FETCH = "open('greeting.txt', 'wb').write(r.urlopen('http://localhost:{}/x').read())"


def test_a_lane_that_reaches_out(bench: Bench, plain: int) -> None:
    bench.confinement = Confined.here()
    ran = bench.run(reaching(plain, FETCH.format(plain)))
    (row,) = ran.document("exchanges.json")["exchanges"]
    assert (row["step"], row["host"], row["status"]) == ("write", "localhost", 200)
    assert ran.verdict.integrity is Integrity.INTACT
    # It reached something, of which nobody here knows what it is.
    assert ran.status == "APPLIED_NOT_CLEAN"
    evidence = ran.verdict
    room = ReplayRoom(bench.confinement, bench.clock, {}, bench.rooms)
    with_it = ReplayRoom(bench.confinement, bench.clock, {}, bench.rooms, network=True)
    assert rerun_packet(ran.located, evidence, with_it).result == "PASS"
    with pytest.raises(GreenlightError, match=r"OVERCLAIM|REPLAY"):
        assert rerun_packet(ran.located, evidence, room).report.require()


def test_a_forbidden_name_is_recognised(bench: Bench, plain: int) -> None:
    bench.confinement = Confined.here()
    asked = "exec('try: r.urlopen(\"http://db.example:5432/\")\\nexcept OSError: 0')"
    forbidden = [
        {"id": f"F{port}", "surface_class": "other", "name": "x", "network": [f"db.example:{port}"]}
        for port in (5432, 5433)
    ]
    ran = bench.run(reaching(plain, f"{FETCH.format(plain)}; {asked}", forbidden=forbidden))
    rows = ran.document("forbidden-surface-proof.json")["surfaces"]
    assert [row["verdict"] for row in rows] == ["BLOCKED", "UNTOUCHED"]
    assert ran.status == "STOPPED"
    assert json.loads(ran.files["exchanges.json"])["exchanges"][-1]["outcome"] == "refused"
