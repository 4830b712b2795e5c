from __future__ import annotations

import pytest

from greenlight.codes import Code
from greenlight.ledger import shelves
from greenlight.ledger.shelves import find_shelved
from greenlight.store.packets import write_packet
from greenlight.store.shelf import PREFIX, read_shelf, shelve
from tests.ledger.actors import AUTHOR, EXECUTOR, START


def seal(store, number, month=1):
    """Write and shelve packet ``number``; return its commit."""
    time = START.replace(month=month)
    commit = write_packet(
        store,
        {"number": b"%d" % number},
        {"seal.cose": b"x"},
        signer=EXECUTOR,
        author=AUTHOR,
        time=time,
        message="Seal",
    )
    shelve(
        store,
        commit,
        packet_tree=f"sha256:{number:x}" + "0" * 63,
        packet_id=f"lane-{number}0000000-0000-4000-8000-000000000000",
        author=AUTHOR,
        time=time,
    )
    return commit


def commits(store, prefix):
    return [entry.commit for entry in find_shelved(store, prefix).entries]


def test_found_by_tree_id_and_commit(store):
    """A packet's commit is found by the beginning of its tree, its id or itself."""
    one, two, three = seal(store, 1), seal(store, 2), seal(store, 3, month=2)

    assert commits(store, "sha256:1") == [one]
    assert commits(store, "2000") == [two]
    assert commits(store, "lane-3") == [three]
    assert commits(store, "30000000-0000") == [three]
    assert commits(store, three[:20]) == [three]
    assert commits(store, "lane-") == [three, two, one]
    assert commits(store, "lane_") == []


def test_only_what_is_new_is_read(store, monkeypatch):
    """A search reads no further back than the last one came."""
    seal(store, 1)
    commits(store, "lane")
    two = seal(store, 2)
    read = []

    def spy(store, ref, tip, *, stop=None):
        shelf = read_shelf(store, ref, tip, stop=stop)
        read.extend(shelf.entries)
        return shelf

    monkeypatch.setattr(shelves, "read_shelf", spy)

    assert len(commits(store, "lane")) == 2
    assert [entry.commit for entry in read] == [two]
    assert len(commits(store, "lane")) == 2
    assert len(read) == 1


def test_rewritten_shelf(store):
    """What a rewritten or deleted shelf no longer holds is no longer found."""
    seal(store, 1)
    ref = f"{PREFIX}2026-01"
    first = store.refs.read(ref)
    seal(store, 2)
    seal(store, 3, month=2)
    assert len(commits(store, "lane")) == 3

    store.refs.swap(ref, old=store.refs.read(ref), new=first)
    assert [e.packet_id[:6] for e in find_shelved(store, "lane").entries] == ["lane-3", "lane-1"]
    (store.git_dir / ref).unlink()
    assert [e.packet_id[:6] for e in find_shelved(store, "lane").entries] == ["lane-3"]


def test_rubbish_is_said_each_time(store):
    """A shelf with something else on it gives its finding on every search."""
    one = seal(store, 1)
    ref = f"{PREFIX}2026-03"
    store.refs.swap(ref, old=None, new=one)

    for _ in range(2):
        found = find_shelved(store, "lane")
        assert [entry.commit for entry in found.entries] == [one]
        assert [problem.code for problem in found.problems] == [Code.SHELF_MALFORMED]


@pytest.mark.parametrize("content", [b"", b"rubbish" * 999])
def test_damaged_table(store, content):
    """A damaged table is built again."""
    one = seal(store, 1)
    assert commits(store, "lane") == [one]
    (store.own_dir / "shelves.sqlite").write_bytes(content)

    assert commits(store, "lane") == [one]


def test_folder_in_the_way(store):
    """Where the table cannot be written, the shelves are searched without it."""
    one = seal(store, 1)
    (store.own_dir / "shelves.sqlite").mkdir()

    assert commits(store, "lane") == [one]


def test_no_shelf(store):
    """A store without shelves holds nothing."""
    assert find_shelved(store, "lane") == shelves.Shelved((), ())
