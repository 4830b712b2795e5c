from __future__ import annotations

import pytest

from greenlight.ledger import projection
from greenlight.ledger.peek import peek
from greenlight.ledger.pin import DEFAULT_REF, Pin, read_pin
from greenlight.ledger.read import read_ledger
from greenlight.ledger.snapshot import forget
from tests.ledger.actors import (
    EXECUTOR,
    LANE,
    Pen,
    begin,
    outside,
    packet_sealed,
    put,
    run_opened,
    uuid,
)


@pytest.fixture(params=["in tables", "in memory"])
def ledger(store, request):
    """A ledger of three packets; where it is in memory, the tables end before them."""
    base = begin(store).ledger
    pen = Pen()
    put(store, [pen.sign(run_opened(1), EXECUTOR)])
    put(store, [pen.sign(packet_sealed(1), EXECUTOR)])
    put(store, [pen.sign(outside(2), EXECUTOR)])
    put(store, [pen.sign(outside(2, packet_tree="sha256:" + "9" * 64), EXECUTOR)])
    known = base if request.param == "in memory" else None
    return read_ledger(store, DEFAULT_REF, pin=read_pin(store), base=known)


def test_rows(store, ledger):
    """Every packet is found, conflicts too."""
    rows = projection.find(ledger, "")

    assert [(row.record, row.packet, row.state) for row in rows] == [
        (3, f"{LANE}-{uuid(1)}", "SEALED"),
        (4, f"{LANE}-{uuid(2)}", "SEALED"),
        (5, f"{LANE}-{uuid(2)}", "CONFLICT"),
    ]
    assert rows[0].time == "2026-01-02T03:04:06.678901Z"
    assert peek(store.git_dir, f"{LANE}-{uuid(1)}", 5) == [(f"{LANE}-{uuid(1)}", "APPLIED_CLEAN")]


@pytest.mark.parametrize(
    ("prefix", "records"),
    [
        (LANE, [3, 4, 5]),
        (f"{LANE}-{uuid(1)}", [3]),
        (uuid(2), [4, 5]),
        ("sha256:9", [5]),
        ("9999", [5]),
        ("f", []),
        ("%", []),
        ("' OR 1", []),
        ("", [3, 4, 5]),
    ],
)
def test_prefix(ledger, prefix, records):
    """A prefix of id, run or tree finds its packets, and nothing in it is a pattern."""
    assert [row.record for row in projection.find(ledger, prefix)] == records


def test_broken_ledger(store, ledger):
    """Packets of a ledger that is not the pinned one are found too: whose it is, is said beside."""
    pin = Pin.of(read_pin(store).digest.of(b"another"))
    broken = read_ledger(store, DEFAULT_REF, pin=pin)

    assert broken.findings
    assert projection.find(broken, LANE) == projection.find(ledger, LANE)


def test_nothing_to_look_at(store, ledger):
    """A shell's completion finds nothing where nothing is kept, and says nothing."""
    forget(store)

    assert peek(store.git_dir, LANE, 5) == []
    assert len(projection.find(ledger, LANE)) == 3
