"""A packet is found by what people call it, and by nothing that fits two."""

from __future__ import annotations

import pytest

from greenlight.codes import Code
from greenlight.errors import GreenlightError
from greenlight.services.packets import find_commit
from greenlight.store.packets import write_packet
from greenlight.store.repository import create_store
from greenlight.store.shelf import shelve
from tests.ledger.actors import AUTHOR, EXECUTOR, START, Pen, begin, outside, put


def tree_of(number):
    return f"sha256:{number}{number}{number}{number}" + "0" * 60


@pytest.fixture
def sealed(tmp_path):
    """A store with packets 1 and 2, and 3 in the ledger alone; and the commits of 1 and 2."""
    store = create_store(tmp_path / "s", object_format="sha1")
    begin(store)
    commits = {}
    for number in (1, 2, 3):
        body = outside(number, packet_tree=tree_of(number))
        put(store, [Pen(number * 100).sign(body, EXECUTOR)])
        if number == 3:
            break
        commits[number] = write_packet(
            store,
            {"number": b"%d" % number},
            {"seal.cose": b"x"},
            signer=EXECUTOR,
            author=AUTHOR,
            time=START,
            message="Seal",
        )
        shelve(
            store,
            commits[number],
            packet_tree=body.packet_tree,
            packet_id=body.packet,
            author=AUTHOR,
            time=START,
        )
    return store, commits


def test_by_every_name(sealed):
    """Id, run, tree with and without its algorithm, commit, and the beginning of each."""
    store, commits = sealed
    body = outside(1)
    names = (body.packet, body.run, tree_of(1), "1111", tree_of(1)[:12], commits[1][:12])

    assert {find_commit(store, name) for name in (*names, commits[1])} == {commits[1]}
    assert find_commit(store, "2222") == commits[2]


@pytest.mark.parametrize(
    ("name", "code"),
    [
        (outside(1).lane, Code.PACKET_AMBIGUOUS),
        (outside(1).run[:12], Code.PACKET_AMBIGUOUS),
        ("nothing-like-it", Code.PACKET_UNKNOWN),
        ("111", Code.PACKET_UNKNOWN),
        ("", Code.PACKET_UNKNOWN),
        ("%%%%", Code.PACKET_UNKNOWN),
        ("0" * 40, Code.PACKET_UNKNOWN),
        ("a" * 64, Code.PACKET_UNKNOWN),
        ("3333", Code.PACKET_MISSING),
        (outside(3).packet, Code.PACKET_MISSING),
    ],
)
def test_not_found(sealed, name, code):
    """A name of two, of none, too short, or of bytes that are not here: each its own code."""
    with pytest.raises(GreenlightError) as caught:
        find_commit(sealed[0], name)

    assert caught.value.code is code
