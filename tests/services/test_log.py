"""The newest lines of a log are the first of all of them, wherever they come from."""

from __future__ import annotations

import pytest

from greenlight.services.logs import read_log
from greenlight.store.repository import create_store
from tests.ledger.actors import (
    EXECUTOR,
    OWNER,
    Pen,
    begin,
    grant,
    outside,
    packet_purged,
    packet_sealed,
    put,
    run_opened,
)


@pytest.fixture
def lived(tmp_path):
    """A store with sealed, purged and conflicting packets, and abandoned runs between them."""
    with create_store(tmp_path / "s.git") as store:
        begin(store)
        pen = Pen()
        put(store, [pen.sign(grant("g9"), OWNER)])
        for n in range(1, 9):
            put(store, [pen.sign(run_opened(n, use=n), EXECUTOR)])
        put(store, [pen.sign(packet_sealed(n), EXECUTOR) for n in (2, 5, 3)])
        put(store, [pen.sign(outside(20), EXECUTOR)])
        put(store, [pen.sign(outside(20, packet_tree="sha256:" + "9" * 64), EXECUTOR)])
        put(store, [pen.sign(run_opened(30, use=9), EXECUTOR)])
        put(store, [pen.sign(packet_purged(5), OWNER)])
        put(store, [pen.sign(packet_sealed(7), EXECUTOR)])
        yield store


def require_prefixes(store):
    whole = read_log(store, entries=True)
    states = [line.state for line in whole.packets]
    assert {"SEALED", "CONFLICT", "ABANDONED", "WITHHELD"} == set(states)
    assert [line.index for line in whole.packets] == sorted(
        (line.index for line in whole.packets), reverse=True
    )
    assert len(whole.entries) == whole.size
    for limit in range(1, whole.size + 2):
        some = read_log(store, entries=True, limit=limit)
        assert some.packets == whole.packets[:limit]
        assert some.entries == whole.entries[:limit]
        assert (some.size, some.voids) == (whole.size, whole.voids)


def test_from_the_tables(lived):
    require_prefixes(lived)


def test_from_memory(lived, monkeypatch):
    """The same where what came since the tables is held in memory."""
    monkeypatch.setattr("greenlight.ledger.append.keep", lambda *_: None)
    monkeypatch.setattr("greenlight.ledger.read.extend", lambda *_: None)
    put(lived, [Pen(900).sign(outside(40), EXECUTOR), Pen(950).sign(outside(40), EXECUTOR)])
    require_prefixes(lived)


def test_a_store_without_a_ledger(tmp_path):
    with create_store(tmp_path / "s.git") as store:
        assert read_log(store, entries=True, limit=5).packets == ()
