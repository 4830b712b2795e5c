"""Records that are looked at ahead, in other processes, say what they say one by one."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given, settings

from greenlight.codes import Code
from greenlight.execution import forked
from greenlight.ledger import stream
from greenlight.ledger.pin import DEFAULT_REF, read_pin
from greenlight.ledger.read import read_ledger, read_records
from greenlight.model.record import decode_record
from greenlight.model.state import LedgerState
from greenlight.verify.ahead import keys_of, look_ahead
from greenlight.verify.fold import fold
from greenlight.verify.ledger import ChainCheck, verify_chain
from tests.ledger.actors import (
    EXECUTOR,
    OWNER,
    REVIEWER,
    Pen,
    begin,
    grant,
    outside,
    put,
    run_opened,
    trust_root,
)
from tests.ledger.test_snapshot import ACTS, records_of


@pytest.fixture
def long(store):
    """A store with a ledger of a few commits, some of several records, with a rotated root."""
    begin(store)
    put(store, [Pen(100 + n).sign(outside(n), EXECUTOR) for n in range(20)])
    put(store, [Pen(200).sign(grant("g2", max_uses=2), OWNER)])
    put(store, [Pen(300).sign(run_opened(30, use=2), EXECUTOR)])
    put(store, [Pen(400).sign(trust_root(2), OWNER)])
    put(store, [Pen(500 + n).sign(outside(50 + n), EXECUTOR) for n in range(9)])
    put(store, [Pen(600).sign(outside(50, packet_tree="sha256:" + "9" * 64), EXECUTOR)])
    return store


@pytest.fixture
def apart(monkeypatch):
    """Let even short ledgers be read in two processes, four records at a time."""
    monkeypatch.setattr(stream, "_MANY", 0)
    monkeypatch.setattr(stream, "_BATCH", 4)
    monkeypatch.setattr(forked, "worker_count", lambda: 2)


def full(store):
    return read_ledger(store, DEFAULT_REF, pin=read_pin(store), fully=True)


@pytest.mark.usefixtures("apart")
def test_in_processes(long):
    """The state, the tip and the hashes are those of a fold of the records one by one."""
    ledger = full(long)
    raw = list(read_records(long, ledger, 0, ledger.head.size))

    assert ledger.findings == ()
    assert ledger.state == fold(LedgerState(), map(decode_record, raw))
    assert ledger.tip == verify_chain(raw, head=ledger.head.encode()).tip
    assert len(ledger.state.voids) == 1


@pytest.mark.usefixtures("apart")
def test_a_missing_record(long):
    """What cannot be read is found in its commit, and everything before it was checked."""
    ledger = full(long)
    place = ledger.places[1]
    oid = place.blob_of(place.first + 17)
    (long.objects.directory / oid[:2] / oid[2:]).unlink()
    for path in (long.objects.directory / "pack").glob("*"):
        path.unlink()

    broken = full(long)

    assert [finding.code for finding in broken.findings] == [Code.LEDGER_MALFORMED]
    assert place.commit in broken.findings[0].where
    assert broken.state.size <= place.first + 17


@settings(max_examples=40, deadline=None)
@given(acts=ACTS)
def test_one_by_one_and_ahead(acts):
    """Any ledger that could be pushed comes to the same, sent through a pipe or not."""
    raws = [record.raw for record in records_of(acts)] + [b"rubbish"]
    plain, ahead = ChainCheck(), ChainCheck()
    for raw in raws:
        plain.add(raw)
        seen = look_ahead(raw, keys_of(ahead.state.trust))
        sent = pickle.loads(pickle.dumps(seen))  # noqa: S301 - our own
        assert sent == seen
        ahead.add_ahead(sent)
    assert (ahead.findings, ahead.tip, ahead.state) == (plain.findings, plain.tip, plain.state)


def test_a_signature_by_another_key_is_not_believed():
    """That a signature verified ahead counts only where the fold wants just that key."""
    records = records_of([])
    check = ChainCheck()
    for record in records:
        check.add(record.raw)
    raw, _ = check.tip.place(Pen(9).sign(outside(1), EXECUTOR), records[-1].time)
    good = look_ahead(raw, keys_of(check.state.trust))
    assert good.look.signed_by == EXECUTOR.public

    broken = raw[:-1] + bytes([raw[-1] ^ 1])
    forged = look_ahead(broken, keys_of(check.state.trust))
    assert forged.look.signed_by is None
    for signer in (None, REVIEWER.public, OWNER.public):
        again = ChainCheck(tip=check.tip, state=check.state)
        again.add_ahead(forged._replace(look=forged.look._replace(signed_by=signer)))
        assert [void.code for void in again.state.voids] == [Code.ENTRY_VOID]
