from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from greenlight.codes import Code
from greenlight.errors import ConflictError, StoreError
from greenlight.store.filerefs import FileRefs, parse_packed_refs
from greenlight.store.refs import MemoryRefs
from greenlight.store.repository import create_store
from tests.contracts.refs import ONE, REF, TWO, RefStoreContract

SOURCES = Path(__file__).parents[2] / "greenlight"


@pytest.fixture
def git_dir(tmp_path):
    return create_store(tmp_path / "store.git", object_format="sha1").git_dir


class TestMemoryRefs(RefStoreContract):
    @pytest.fixture
    def refs(self):
        return MemoryRefs()


class TestFileRefs(RefStoreContract):
    @pytest.fixture
    def refs(self, git_dir):
        return FileRefs(git_dir, "sha1")


def test_delete_of_a_packed_ref(store, git):
    """A ref that is packed, or both packed and a file, is gone for git too; the others stay."""
    one, two = (store.objects.write("blob", body) for body in (b"1", b"2"))
    store.objects.flush()
    git("config", "user.name", "T", cwd=store.git_dir)
    tree = store.objects.write("tree", b"")
    store.objects.flush()
    commit = git("commit-tree", "-m", "x", tree, cwd=store.git_dir).decode().strip()
    git("tag", "-a", "-m", "x", "v1", commit, cwd=store.git_dir)
    other = f"{REF}-2"
    for ref in (REF, other):
        store.refs.swap(ref, old=None, new=one)
    git("pack-refs", "--all", "--prune", cwd=store.git_dir)
    store.refs.swap(other, old=one, new=two)

    store.refs.delete(REF, old=one)
    store.refs.delete(other, old=two)

    assert store.refs.list("refs/greenlight/") == {}
    listed = git("for-each-ref", "--format=%(refname) %(*objectname)", cwd=store.git_dir)
    assert listed.decode().split() == ["refs/tags/v1", commit]
    git("fsck", "--strict", cwd=store.git_dir)
    store.refs.swap(REF, old=None, new=two)
    assert git("rev-parse", REF, cwd=store.git_dir).decode().strip() == two


def test_delete_waits_for_git(refs, git_dir):
    """While git rewrites packed-refs nothing is deleted, and the ref stays as it was."""
    refs.swap(REF, old=None, new=ONE)
    (git_dir / "packed-refs.lock").write_bytes(b"")

    with pytest.raises(StoreError) as caught:
        refs.delete(REF, old=ONE)

    assert caught.value.code is Code.STORE_BUSY
    assert refs.read(REF) == ONE


@pytest.fixture
def refs(git_dir):
    return FileRefs(git_dir, "sha1", wait_seconds=0.05)


def test_git_reads_what_was_swapped(store, git):
    """git for-each-ref lists the ref with the id it was moved to."""
    oid = store.objects.write("blob", b"x")
    store.objects.flush()
    store.refs.swap(REF, old=None, new=oid)

    assert git("rev-parse", REF, cwd=store.git_dir).decode().strip() == oid


def test_packed_refs(store, git):
    """A ref that git pack-refs packed is read, listed, moved, and never created twice."""
    one, two = (store.objects.write("blob", body) for body in (b"1", b"2"))
    store.objects.flush()
    store.refs.swap(REF, old=None, new=one)
    git("pack-refs", "--all", "--prune", cwd=store.git_dir)
    assert not (store.git_dir / REF).exists()

    assert store.refs.read(REF) == one
    assert store.refs.list("refs/greenlight/") == {REF: one}
    with pytest.raises(ConflictError) as caught:
        store.refs.swap(REF, old=None, new=two)
    assert caught.value.code is Code.STORE_CONFLICT
    assert caught.value.current == one
    store.refs.swap(REF, old=one, new=two)
    assert store.refs.read(REF) == two
    assert store.refs.list("refs/greenlight/") == {REF: two}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"ref: refs/heads/main\n",
        b"1" * 39 + b"\n",
        b"1" * 40 + b"\n\n",
        b"1" * 40 + b" ",
        b"0" * 40 + b"\n",
        b"\xff" * 40,
        b"1" * 2000,
    ],
)
def test_damaged_ref(refs, git_dir, content):
    """A ref that is torn, symbolic or no object id is damage, not absence."""
    (git_dir / "refs/greenlight").mkdir()
    (git_dir / REF).write_bytes(content)

    with pytest.raises(StoreError) as caught:
        refs.read(REF)
    assert caught.value.code is Code.STORE_DAMAGED
    with pytest.raises(StoreError):
        refs.swap(REF, old=None, new=ONE)
    assert (git_dir / REF).read_bytes() == content


def test_damaged_refs_beside_others(refs, git_dir):
    """list() raises; scan() gives those that can be read, and says of the others why not."""
    refs.swap(REF, old=None, new=ONE)
    odd = "refs/greenlight/shelf/odd"
    (git_dir / odd).parent.mkdir(parents=True)
    (git_dir / odd).write_text("rubbish")
    with pytest.raises(StoreError):
        refs.list("refs/")
    assert refs.scan("refs/") == ({REF: ONE}, {odd: "holds no object id: 'rubbish'"})


def test_symbolic_links_are_not_followed(refs, git_dir, tmp_path):
    """A folder of refs that is a symbolic link could lead out of the store: refused."""
    (tmp_path / "elsewhere").mkdir()
    (git_dir / "refs/greenlight").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(StoreError, match="symbolic link"):
        refs.swap(REF, old=None, new=ONE)

    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize(
    "data",
    [
        b"garbage\n",
        b"# pack-refs with: peeled fully-peeled sorted \n"
        + b"1" * 40
        + b" refs/b\n"
        + b"1" * 40
        + b" refs/a\n",
        b"1" * 40 + b" refs/a",
        b"1" * 39 + b" refs/a\n",
        b"1" * 64 + b" refs/a\n",
        b"1" * 40 + b" ../a\n",
        b"^" + b"1" * 40 + b"\n",
    ],
)
def test_damaged_packed_refs(data):
    """Lines that git would not write, or out of the order they claim, are damage."""
    with pytest.raises(StoreError) as caught:
        parse_packed_refs(data, "sha1")

    assert caught.value.code is Code.STORE_DAMAGED


def test_packed_refs_of_git():
    """Peeled lines and other people's refs are read past."""
    data = (
        b"# pack-refs with: peeled fully-peeled sorted \n"
        + b"1" * 40
        + b" refs/greenlight/ledger\n"
        + b"2" * 40
        + b" refs/tags/v1\n^"
        + b"3" * 40
        + b"\n"
    )

    assert parse_packed_refs(data, "sha1") == {"refs/greenlight/ledger": ONE, "refs/tags/v1": TWO}


def test_own_stale_lock_is_taken_over(refs, git_dir):
    """The .lock that a killed greenlight left behind stops nobody."""
    refs.swap(REF, old=None, new=ONE)
    os.link(git_dir / "greenlight/reflock", git_dir / f"{REF}.lock")

    refs.swap(REF, old=ONE, new=TWO)

    assert refs.read(REF) == TWO
    assert not (git_dir / f"{REF}.lock").exists()


def test_foreign_lock_is_busy(refs, git_dir):
    """A lock of git's is never broken: STORE_BUSY names the file and its age."""
    refs.swap(REF, old=None, new=ONE)
    lock = git_dir / f"{REF}.lock"
    lock.write_text("")
    os.utime(lock, (time.time() - 3600,) * 2)

    with pytest.raises(StoreError, match=r"ledger\.lock for 36[0-9]{2} s") as caught:
        refs.swap(REF, old=ONE, new=TWO)

    assert caught.value.code is Code.STORE_BUSY
    assert str(lock) in caught.value.hint
    assert lock.exists()
    assert refs.read(REF) == ONE


def test_foreign_lock_is_waited_for(git_dir):
    """A lock that git lets go in time costs only the wait."""
    refs = FileRefs(git_dir, "sha1", wait_seconds=10)
    refs.swap(REF, old=None, new=ONE)
    lock = git_dir / f"{REF}.lock"
    lock.write_text("")
    timer = threading.Timer(0.1, lock.unlink)
    timer.start()
    try:
        refs.swap(REF, old=ONE, new=TWO)
    finally:
        timer.join()

    assert refs.read(REF) == TWO


def test_git_waits_for_nothing_we_leave(store, git):
    """After a swap git itself can move the ref: no lock is left."""
    one, two = (store.objects.write("blob", body) for body in (b"1", b"2"))
    store.objects.flush()
    store.refs.swap(REF, old=None, new=one)

    git("update-ref", REF, two, one, cwd=store.git_dir)

    assert store.refs.read(REF) == two


def test_locks_are_not_listed(refs, git_dir):
    """A .lock file is no ref."""
    refs.swap(REF, old=None, new=ONE)
    (git_dir / f"{REF}.lock").write_text("")

    assert refs.list("refs/greenlight/") == {REF: ONE}


def test_empty_directory_in_the_way(refs, git_dir):
    """An empty directory that git left where a ref goes is removed."""
    (git_dir / REF).mkdir(parents=True)

    refs.swap(REF, old=None, new=ONE)

    assert refs.read(REF) == ONE


CLAIM = """
import sys
from pathlib import Path
from greenlight.errors import ConflictError
from greenlight.store.filerefs import FileRefs
refs = FileRefs(Path(sys.argv[1]), "sha1")
sys.stdin.readline()
for race in range(40):
    try:
        refs.swap(f"refs/greenlight/race-{race}", old=None, new=sys.argv[2] * 40)
        print(race)
    except ConflictError:
        pass
"""


def test_one_winner(git_dir):
    """Of several processes that claim a ref from None, exactly one wins each race."""
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", CLAIM, str(git_dir), digit],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for digit in "1234"
    ]
    for racer in racers:
        racer.stdin.write(b"\n")
        racer.stdin.flush()
    wins = [int(line) for racer in racers for line in racer.communicate()[0].split()]

    assert sorted(wins) == list(range(40))
    assert all(racer.returncode == 0 for racer in racers)


def test_the_unconditional_swap_is_banned():
    """dulwich's set_if_equals is called nowhere: from None it lets every racer win."""
    for path in SOURCES.rglob("*.py"):
        code = path.read_text(encoding="utf-8")
        assert "set_if_equals(" not in code.replace("set_if_equals(name, None, new)", ""), path


def test_swap_syncs_the_folder(refs, git_dir, monkeypatch):
    """After the rename the ref's folder is synced, before the lock is let go."""
    refs.swap(REF, old=None, new=ONE)
    synced = []

    def sync(path):
        synced.append((path, refs.read(REF), (git_dir / f"{REF}.lock").exists()))
        return True

    monkeypatch.setattr("greenlight.store.filerefs.sync_directory", sync)
    refs.swap(REF, old=ONE, new=TWO)

    assert synced == [((git_dir / REF).parent, TWO, True)]
