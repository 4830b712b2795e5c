"""One unbroken history: every flipped bit of a record, every record moved, every head."""

from __future__ import annotations

import os
from datetime import timedelta

import pytest

from greenlight.codes import Code
from greenlight.model.head import Head
from greenlight.primitives import cbor
from greenlight.primitives.digest import Digest
from greenlight.verify.ledger import ChainCheck, Tip, verify_chain
from tests.ledger.actors import (
    EXECUTOR,
    OWNER,
    START,
    STRANGER,
    Pen,
    clock_corrected,
    grant,
    outside,
    packet_sealed,
    run_opened,
    trust_root,
)

SECOND = timedelta(seconds=1)
# Every bit in the long run, a sample of them in the suite.
STRIDE = 1 if os.environ.get("GREENLIGHT_LONG") == "1" else 37


def chain(*pairs, times=None):
    """Place signed bodies one after the other; return the records and the tips after each."""
    pen, tip = Pen(), Tip()
    records, tips = [], []
    for number, (body, signer) in enumerate(pairs):
        time = START + number * SECOND if times is None else times[number]
        raw, tip = tip.place(pen.sign(body, signer), time)
        records.append(raw)
        tips.append(tip)
    return records, tips


@pytest.fixture(scope="module")
def good():
    return chain(
        (trust_root(), OWNER),
        (grant(), OWNER),
        (run_opened(1), EXECUTOR),
        (packet_sealed(1), EXECUTOR),
        (outside(2), EXECUTOR),
        (outside(3), STRANGER),  # void, which is no damage
    )


def check(records, tip, **more):
    values = {"head": tip.head.encode(), "frontier": tip.frontier_bytes, "pin": tip.head.pin}
    return verify_chain(records, **(values | more))


def codes(result):
    return [finding.code for finding in result.findings]


def test_good_chain(good):
    """A good chain has no findings; its void entry stands in the state."""
    records, tips = good
    result = check(records, tips[-1])

    assert result.findings == ()
    assert result.tip == tips[-1]
    assert [void.index for void in result.state.voids] == [5]
    assert sorted(result.state.packets) == sorted((outside(2).packet, packet_sealed(1).packet))


def test_empty():
    """No records and no head are an empty ledger."""
    result = verify_chain([], head=None)

    assert result.findings == ()
    assert result.tip.size == 0


def test_every_flipped_bit(good):
    """Each single flipped bit of each record is found (a sample; all with GREENLIGHT_LONG=1)."""
    records, tips = good
    for number, raw in enumerate(records):
        for bit in range(0, len(raw) * 8, STRIDE):
            broken = bytearray(raw)
            broken[bit // 8] ^= 1 << bit % 8
            changed = [*records[:number], bytes(broken), *records[number + 1 :]]

            assert check(changed, tips[-1]).findings, (number, bit)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda r: [*r[:2], r[3], r[2], *r[4:]], {Code.LEDGER_INDEX, Code.LEDGER_LINK_BROKEN}),
        (lambda r: [*r[:2], *r[3:]], {Code.LEDGER_INDEX, Code.LEDGER_LINK_BROKEN}),
        (lambda r: [*r[:3], r[2], *r[3:]], {Code.LEDGER_INDEX, Code.LEDGER_LINK_BROKEN}),
        (lambda r: [*r, r[-1]], {Code.LEDGER_INDEX, Code.LEDGER_LINK_BROKEN}),
        (lambda r: r[:-1], {Code.LEDGER_HEAD_MISMATCH, Code.LEDGER_FRONTIER_MISMATCH}),
        (lambda r: [*r[:2], b"", *r[3:]], {Code.LEDGER_RECORD_MALFORMED}),
        (lambda r: [*r[:2], r[2] + b"\0", *r[3:]], {Code.LEDGER_RECORD_MALFORMED}),
        (lambda r: r[1:], {Code.TRUST_ROOT_MISMATCH, Code.LEDGER_INDEX}),
        (lambda _: [], {Code.LEDGER_HEAD_MISMATCH, Code.LEDGER_FRONTIER_MISMATCH}),
    ],
)
def test_records_moved(good, change, expected):
    """Swapped, dropped, repeated, cut and emptied records give the codes that say so."""
    records, tips = good

    assert expected <= set(codes(check(change(records), tips[-1])))


def test_version_unknown(good):
    """A record of a later format version is said to be that, not guessed at."""
    records, tips = good
    later = cbor.encode(cbor.decode(records[2]) | {1: 2})

    assert Code.UNSUPPORTED_VERSION in codes(check([*records[:2], later], tips[-1]))


def test_one_link_of_the_two(good):
    """Each of the two digests is compared: one that is right does not excuse the other."""
    records, tips = good
    for key in (3, 4):
        value = cbor.decode(records[2])
        value[key] = bytes(len(value[key]))
        broken = [*records[:2], cbor.encode(value)]
        links = [f for f in check(broken, tips[2]).findings if f.code is Code.LEDGER_LINK_BROKEN]

        assert [finding.where for finding in links] == ["ledger/records/2.cbor"]


@pytest.mark.parametrize(
    "head",
    [
        lambda h: Head(h.origin, h.size + 1, h.root),
        lambda h: Head(h.origin, h.size, bytes(32)),
        lambda h: Head("greenlight/" + "0" * 64, h.size, h.root),
    ],
)
def test_head_that_lies(good, head):
    """A head with another origin, size or root is found."""
    records, tips = good

    result = check(records, tips[-1], head=head(tips[-1].head).encode())

    assert codes(result) == [Code.LEDGER_HEAD_MISMATCH]


@pytest.mark.parametrize("head", [b"", b"rubbish\n", b"\xff" * 300])
def test_head_that_is_none(good, head):
    """Rubbish in the place of a head is found, and shown without harm."""
    records, tips = good

    assert codes(check(records, tips[-1], head=head)) == [Code.LEDGER_HEAD_MISMATCH]


def test_frontier_that_lies(good):
    """A frontier of an earlier size is found."""
    records, tips = good

    result = check(records, tips[-1], frontier=tips[-2].frontier_bytes)

    assert codes(result) == [Code.LEDGER_FRONTIER_MISMATCH]


def test_pin(good):
    """Another record 0 than the pinned one is found; without a pin nobody can tell."""
    records, tips = good
    other, other_tips = chain((trust_root(), OWNER), (grant("g2"), OWNER))

    assert codes(check(records, tips[-1], pin=Digest.of(b"x"))) == [Code.TRUST_ROOT_MISMATCH]
    assert codes(check(other, other_tips[-1], pin=None)) == []


def test_rewound(good):
    """A head that was seen is still contained: a shorter, or another ledger is not it."""
    records, tips = good

    assert codes(check(records, tips[-1], seen=tips[2].head)) == []
    assert codes(check(records, tips[-1], seen=tips[-1].head)) == []
    assert codes(check(records[:3], tips[2], seen=tips[-1].head)) == [Code.LEDGER_REWOUND]
    fork, fork_tips = chain(
        (trust_root(), OWNER), (grant(), OWNER), (run_opened(7), EXECUTOR), (outside(9), EXECUTOR)
    )
    assert fork_tips[1] == tips[1]
    assert codes(check(fork, fork_tips[-1], seen=tips[2].head)) == [Code.LEDGER_REWOUND]
    assert codes(check(fork, fork_tips[-1], seen=tips[1].head)) == []


def test_time_backwards():
    """Ledger time may stand still; it falls only by an owner's correction, to its time."""
    back = START - timedelta(days=1)
    for body, signer, time, expected in (
        (outside(1), EXECUTOR, START, []),
        (outside(1), EXECUTOR, START - timedelta(microseconds=1), [Code.LEDGER_TIME_BACKWARDS]),
        (clock_corrected(back), OWNER, back, []),
        (clock_corrected(back), OWNER, back - SECOND, [Code.LEDGER_TIME_BACKWARDS]),
        (clock_corrected(back), EXECUTOR, back, [Code.LEDGER_TIME_BACKWARDS]),
        (clock_corrected(back), STRANGER, back, [Code.LEDGER_TIME_BACKWARDS]),
    ):
        records, tips = chain((trust_root(), OWNER), (body, signer), times=[START, time])

        assert codes(check(records, tips[-1])) == expected


def test_going_on(good):
    """A check that goes on from a tip and a state finds what one from the start finds."""
    records, tips = good
    first = check(records[:3], tips[2])
    on = ChainCheck(pin=tips[0].head.pin, tip=first.tip, state=first.state)
    for raw in records[3:]:
        on.add(raw)
    result = on.finish(head=tips[-1].head.encode(), frontier=tips[-1].frontier_bytes)

    assert result == check(records, tips[-1])
