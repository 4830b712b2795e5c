"""A packet leaves the shelves; the others stay where they are, and say what they said."""

from __future__ import annotations

import pytest

from greenlight.codes import Code
from greenlight.errors import StoreError
from greenlight.store.packets import write_packet
from greenlight.store.reach import (
    objects_of,
    reached_by_others,
    reached_by_shelves,
    refs_with,
    remotes_of,
)
from greenlight.store.repository import open_store
from greenlight.store.shelf import PREFIX, ShelfEntry, shelf_entries, shelve
from greenlight.store.unshelve import plan_removal, take_off
from tests.ledger.actors import AUTHOR, EXECUTOR, START

JANUARY, FEBRUARY = f"{PREFIX}2026-01", f"{PREFIX}2026-02"


def seal(store, number, month=1):
    """Write and shelve packet ``number``; return its commit."""
    time = START.replace(month=month, day=number % 27 + 1)
    files = {"number": b"%d" % number, "same": b"in all of them"}
    commit = write_packet(
        store,
        files,
        {"seal.cose": b"x"},
        signer=EXECUTOR,
        author=AUTHOR,
        time=time,
        message="Seal",
    )
    put_on(store, commit, number, time)
    return commit


def put_on(store, commit, number, time):
    shelve(
        store,
        commit,
        packet_tree=f"sha256:{number:064x}",
        packet_id=f"lane-{number:08d}-0000-4000-8000-000000000000",
        author=AUTHOR,
        time=time,
    )


def remove(store, *commits):
    def is_it(entry):
        return entry.commit in commits

    plan = plan_removal(store, is_it)
    for removal in plan.removals:
        take_off(store, removal, is_it)
    return plan


@pytest.mark.parametrize("gone", [{1}, {2}, {5}, {1, 5}, {2, 3}, {1, 2, 3, 4}])
def test_others_stay(store, git, gone):
    """Whichever goes, the others keep packet, author, time and message, in their order."""
    commits = {number: seal(store, number) for number in range(1, 6)}
    before = list(shelf_entries(store))
    times = git("log", "--grep=^Shelve", "--format=%an %at %s", JANUARY, cwd=store.git_dir)
    lines = dict(zip(range(5, 0, -1), times.splitlines(), strict=True))

    plan = remove(store, *(commits[number] for number in gone))

    assert plan.problems == ()
    left = [entry for entry in before if entry.commit not in {commits[n] for n in gone}]
    assert list(shelf_entries(store)) == left
    now = git("log", "--grep=^Shelve", "--format=%an %at %s", JANUARY, cwd=store.git_dir)
    assert now.splitlines() == [lines[n] for n in lines if n not in gone]
    git("fsck", "--strict", "--full", cwd=store.git_dir)


def test_what_was_shelved_before_keeps_its_commits(store):
    """A shelf is written again from the packet on; below it nothing changes."""
    seal(store, 1)
    below = store.refs.read(JANUARY)
    two = seal(store, 2)

    remove(store, two)

    assert store.refs.read(JANUARY) == below


def test_last_one(store, git):
    """A shelf that held nothing else is gone, packed or not; another month's is untouched."""
    one, other = seal(store, 1), seal(store, 2, month=2)
    git("pack-refs", "--all", cwd=store.git_dir)

    remove(store, one)

    assert store.refs.read(JANUARY) is None
    assert [entry.commit for entry in shelf_entries(store)] == [other]
    assert git("for-each-ref", cwd=store.git_dir).decode().split()[2:] == [FEBRUARY]


def test_shelved_twice(store):
    """A packet on two shelves, or twice on one, leaves all of them."""
    one = seal(store, 1)
    two = seal(store, 2)
    put_on(store, one, 1, START)
    put_on(store, one, 7, START.replace(month=2))

    plan = remove(store, one)

    assert [len(removal.taken) for removal in plan.removals] == [2, 1]
    assert [entry.commit for entry in shelf_entries(store)] == [two]


def test_many(store):
    """A long shelf is written again as one pack, which nothing holds after that."""
    first = seal(store, 1)
    second = seal(store, 2)
    for number in range(70):
        put_on(store, second, 100 + number, START)

    remove(store, first)

    assert len(list(shelf_entries(store))) == 71
    assert not list(store.objects.directory.glob("pack/*.keep"))


def test_sealer_beside(store):
    """What somebody shelves while a shelf is written again stays on it."""
    one, two = seal(store, 1), seal(store, 2)

    def is_it(entry):
        return entry.commit == one

    (removal,) = plan_removal(store, is_it).removals
    with open_store(store.git_dir, store.git_dir) as other:
        three = seal(other, 3)
    take_off(store, removal, is_it)

    assert [entry.commit for entry in shelf_entries(store)] == [three, two]


def test_another_purge_beside(store):
    """Where somebody else took it off, or removed the shelf, there is nothing left to do."""
    one, two = seal(store, 1), seal(store, 2)

    def is_it(entry):
        return entry.commit == one

    (removal,) = plan_removal(store, is_it).removals
    take_off(store, removal, is_it)
    after = store.refs.read(JANUARY)
    take_off(store, removal, is_it)
    assert store.refs.read(JANUARY) == after
    store.refs.delete(JANUARY, old=after)
    take_off(store, removal, is_it)

    assert store.refs.read(JANUARY) is None
    assert two


def test_odd_shelf(store):
    """Above something that is no shelf commit a shelf is mended; that it ends there is said."""
    one = seal(store, 1)
    store.refs.swap(f"{PREFIX}2026-03", old=None, new=one)
    two = seal(store, 2)

    plan = remove(store, two)

    assert [problem.code for problem in plan.problems] == [Code.SHELF_MALFORMED]
    left = [entry for entry in shelf_entries(store) if isinstance(entry, ShelfEntry)]
    assert [entry.commit for entry in left] == [one]


def test_who_reaches_what(store, git):
    """Objects of a packet are counted by who reaches them: other packets, or other refs."""
    one, two = seal(store, 1), seal(store, 2)
    objects = objects_of(store, one)
    listed = git("rev-list", "--objects", one, cwd=store.git_dir).decode().splitlines()
    assert objects == {line.split()[0] for line in listed}
    shared = objects & objects_of(store, two)
    assert len(shared) == 3  # the seal's file and folder, and one file

    assert reached_by_shelves(store, objects, without=(), tips=()) == objects
    alone = reached_by_shelves(store, objects, without=[JANUARY], tips=[two])
    assert alone == shared
    assert reached_by_shelves(store, objects, without=[JANUARY], tips=()) == set()
    assert reached_by_others(store, objects) == set()
    git("update-ref", "refs/heads/evidence", one, cwd=store.git_dir)
    assert reached_by_others(store, objects) == objects
    assert refs_with(store, one) == ("refs/heads/evidence",)
    assert refs_with(store, two) == ()


def test_nobody_knows_without_git(store, monkeypatch, tmp_path):
    """Without git, or where it fails, nobody says what is reached."""
    one = seal(store, 1)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert reached_by_shelves(store, {one}, without=(), tips=()) is None
    assert reached_by_others(store, {one}) is None
    assert refs_with(store, one) == ()
    monkeypatch.undo()
    missing = "1" * len(one)
    assert reached_by_shelves(store, {one}, without=(), tips=[missing]) is None


def test_objects_that_are_gone(store):
    """What is missing of a packet is not walked, and hinders nobody."""
    one = seal(store, 1)
    for path in store.objects.directory.glob("pack/*"):
        path.unlink()
    with open_store(store.git_dir, store.git_dir) as fresh:
        assert objects_of(fresh, one) == {one}


def test_remotes(store, git):
    """Remotes are named by the repository's own config; a damaged one is said."""
    assert remotes_of(store) == ()
    git("remote", "add", "origin", "https://example.org/x.git", cwd=store.git_dir)
    assert remotes_of(store) == ("origin",)
    (store.git_dir / "config").write_text("[broken\n")
    with pytest.raises(StoreError) as caught:
        remotes_of(store)
    assert caught.value.code is Code.STORE_DAMAGED
