"""Hashes of the ledger's tree: any full subtree, from memory, tables or both, at any size."""

from __future__ import annotations

import hashlib
import sqlite3
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greenlight.errors import StoreError
from greenlight.ledger.base import Base, Tables
from greenlight.ledger.hashes import HASH_SCHEMA, Hashes, HashTable, insert_hashes
from greenlight.ledger.pin import DEFAULT_REF, read_pin
from greenlight.ledger.read import read_ledger, read_records
from greenlight.primitives.merkle import leaf_hash, root_of
from tests.ledger.actors import EXECUTOR, Pen, begin, outside, put

MANY = [hashlib.sha256(b"%d" % number).digest() for number in range(70_000)]


@pytest.fixture
def tables():
    """Empty tables, in memory."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.executescript(HASH_SCHEMA)
    return Tables(connection, None)


def on_tables(tables, *sizes):
    """Write down the first of MANY, up to each size in turn; return the tree on the tables."""
    for before, after in pairwise((0, *sizes)):
        base = HashTable(Base(tables, before)) if before else None
        insert_hashes(tables.connection, Hashes(base, MANY[before:after]))
    return Hashes(HashTable(Base(tables, sizes[-1])))


def expected(level, index):
    return root_of(MANY[index << level : (index + 1) << level])


def require_all(hashes, size, levels=range(18)):
    for level in levels:
        for index in {0, 1, 255, 256, (size >> level) // 2, (size >> level) - 1}:
            if 0 <= index < size >> level:
                assert hashes.subtree(level, index) == expected(level, index), (level, index)
        with pytest.raises(IndexError):
            hashes.subtree(level, size >> level)
    for wrong in ((-1, 0), (0, -1), (63, 0)):
        with pytest.raises(IndexError):
            hashes.subtree(*wrong)


@pytest.mark.parametrize(
    "size", [0, 1, 2, 3, 255, 256, 257, 511, 512, 1000, 65_535, 65_536, 70_000]
)
def test_of_any_size(tables, size):
    """From tables and from memory alone, each subtree is the root of its leaves."""
    require_all(Hashes(None, MANY[:size]), size)
    require_all(on_tables(tables, size), size)


def test_every_subtree_of_a_small_tree(tables):
    hashes = on_tables(tables, 100, 530)
    for level in range(10):
        for index in range(530 >> level):
            assert hashes.subtree(level, index) == expected(level, index)


@settings(max_examples=60, deadline=None)
@given(
    cuts=st.lists(st.integers(1, 1500), min_size=1, max_size=6, unique=True),
    new=st.integers(0, 600),
)
def test_written_in_pieces(cuts, new):
    """However it grew, and with any number of records since, the tree is the same."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.executescript(HASH_SCHEMA)
    kept = on_tables(Tables(connection, None), *sorted(cuts))
    size = max(cuts)

    require_all(kept, size, range(12))
    require_all(kept.followed_by(MANY[size : size + new]), size + new, range(12))


def test_one_by_one_across_a_tile(tables):
    """Appended singly, as lanes do: 65,536 is completed by the record that completes it."""
    sizes = [65_000, *range(65_278, 65_282), *range(65_534, 65_539)]
    require_all(on_tables(tables, *sizes), sizes[-1])


def test_an_earlier_reader_sees_its_size(tables):
    """Rows that others add are not in the tree of who read before."""
    before = on_tables(tables, 300)
    on_tables_again = Hashes(HashTable(Base(tables, 300)), MANY[300:700])
    insert_hashes(tables.connection, on_tables_again)

    require_all(before, 300)
    require_all(Hashes(HashTable(Base(tables, 700))), 700)


def test_few_reads(tables):
    """A subtree takes at most 256 hashes of one level, and one look at the tables for each tile."""
    hashes = on_tables(tables, 70_000)
    asked = []
    tables.connection.set_trace_callback(asked.append)
    for level in range(17):
        hashes.subtree(level, (70_000 >> level) - 1)

    assert len(asked) <= 17


def test_a_hash_that_is_missing(tables):
    """No checksum shows a row that is gone: the tables are given up, and that is said."""
    hashes = on_tables(tables, 300)
    tables.connection.execute("DELETE FROM hashes WHERE level = 0 AND first = 0")
    with pytest.raises(StoreError):
        hashes.subtree(3, 5)


def test_of_a_ledger(store):
    """A ledger as it was appended to, as it is read, and as it is read in full."""
    begin(store)
    for at in range(0, 12, 3):
        pen = Pen(100 + 10 * at)
        appended = put(store, [pen.sign(outside(at + n), EXECUTOR) for n in range(3)])
        ledger = appended.ledger
        raw = list(read_records(store, ledger, 0, ledger.head.size))
        leaves = [leaf_hash(each) for each in raw]
        again = read_ledger(store, DEFAULT_REF, pin=read_pin(store))
        full = read_ledger(store, DEFAULT_REF, pin=read_pin(store), fully=True)
        for one in (ledger, again, full):
            assert one.hashes.size == len(leaves)
            for level in range(4):
                for index in range(len(leaves) >> level):
                    wanted = root_of(leaves[index << level : (index + 1) << level])
                    assert one.hashes.subtree(level, index) == wanted


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM hashes",
        "UPDATE hashes SET hashes = zeroblob(96)",
        "DROP TABLE hashes",
    ],
)
def test_damage_is_mended(store, damage):
    """Hashes that decay are made again from the records."""
    begin(store)
    put(store, [Pen(100).sign(outside(1), EXECUTOR)])
    good = read_ledger(store, DEFAULT_REF, pin=read_pin(store), fully=True).hashes.subtree(1, 0)
    ledger = read_ledger(store, DEFAULT_REF, pin=read_pin(store))
    (path,) = store.own_dir.glob("ledger-*.sqlite")
    connection = sqlite3.connect(path)
    connection.execute(damage)
    connection.commit()
    connection.close()

    assert ledger.hashes.subtree(1, 0) == good
    assert read_ledger(store, DEFAULT_REF, pin=read_pin(store)).hashes.subtree(1, 0) == good
