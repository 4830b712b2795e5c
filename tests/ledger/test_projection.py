from __future__ import annotations

import sqlite3

import pytest

from greenlight.ledger import projection
from greenlight.ledger.pin import DEFAULT_REF, read_pin
from greenlight.ledger.read import read_ledger
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


@pytest.fixture
def ledger(store):
    begin(store)
    pen = Pen()
    put(store, [pen.sign(run_opened(1), EXECUTOR)])
    put(store, [pen.sign(packet_sealed(1), EXECUTOR)])
    put(store, [pen.sign(outside(2), EXECUTOR)])
    put(store, [pen.sign(outside(2, packet_tree="sha256:" + "9" * 64), EXECUTOR)])
    return read_ledger(store, DEFAULT_REF, pin=read_pin(store))


def path(store):
    return store.own_dir / "projection.sqlite"


def test_rows(store, ledger):
    """Every packet stands in the projection, conflicts too, with its record's commit."""
    rows = projection.rows(store, ledger)

    assert [(row.record, row.packet, row.state) for row in rows] == [
        (3, f"{LANE}-{uuid(1)}", "SEALED"),
        (4, f"{LANE}-{uuid(2)}", "SEALED"),
        (5, f"{LANE}-{uuid(2)}", "CONFLICT"),
    ]
    assert [row.ledger_commit for row in rows] == [place.commit for place in ledger.places[2:]]
    assert rows[0].time == "2026-01-02T03:04:06.678901Z"


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
def test_prefix(store, ledger, prefix, records):
    """A prefix of id, run or tree finds its packets, and nothing in it is a pattern."""
    assert [row.record for row in projection.find(store, ledger, prefix)] == records


def spoil(store, how):
    if how == "absent":
        path(store).unlink()
    elif how == "empty":
        path(store).write_bytes(b"")
    elif how == "rubbish":
        path(store).write_bytes(b"no database" * 1000)
    elif how == "torn":
        path(store).write_bytes(path(store).read_bytes()[:5000])
    else:
        base = sqlite3.connect(path(store))
        base.execute("DELETE FROM packets")
        if how == "stale":
            base.execute("UPDATE bound SET head = ?", (b"an older head",))
        else:
            base.execute("UPDATE bound SET version = '0'")
        base.commit()
        base.close()


@pytest.mark.parametrize("how", ["absent", "empty", "rubbish", "torn", "stale", "version"])
def test_rebuilt(store, ledger, how):
    """A projection that is absent, damaged or bound to another head is built again."""
    good = projection.rows(store, ledger)
    spoil(store, how)

    assert projection.rows(store, ledger) == good


@pytest.mark.parametrize("how", ["absent", "empty", "rubbish", "torn", "stale"])
def test_append_is_not_stopped(store, ledger, how):
    """An append is acknowledged whatever the projection is like, and look-ups are right after."""
    spoil(store, how)

    after = put(store, [Pen(6000).sign(outside(7), EXECUTOR)]).ledger

    assert after.places[:-1] == ledger.places
    assert [row.record for row in projection.rows(store, after)] == [3, 4, 5, 6]


def test_kept_up_to_date(store, ledger):
    """After an append the projection is bound to the new head without being built again."""
    before = path(store).stat().st_ino
    after = put(store, [Pen(6000).sign(outside(7), EXECUTOR)]).ledger
    assert path(store).stat().st_ino == before

    assert len(projection.rows(store, after)) == 4
    assert path(store).stat().st_ino == before
    assert ledger.tip.size == 6


def test_folder_in_the_way(store, ledger):
    """Where the projection cannot be written, appends and look-ups go on without it."""
    path(store).unlink()
    path(store).mkdir()
    after = put(store, [Pen(6000).sign(outside(7), EXECUTOR)]).ledger

    assert [row.record for row in projection.rows(store, after)] == [3, 4, 5, 6]
    assert after.places[:-1] == ledger.places
