"""Maintenance: few packs, one index, nothing lost; whoever else has a pack keeps it."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenlight.codes import Code
from greenlight.errors import StoreError
from greenlight.services import maintaining
from greenlight.services.maintaining import maintain
from greenlight.services.seal_dir import Outside, seal_dir, seal_dirs
from greenlight.services.verifying import Integrity, Trust, verify_all
from greenlight.store import durable
from greenlight.store.due import MAX_PACKS, is_due, is_wanted
from greenlight.store.keep import hold
from greenlight.store.multipack import NAME, read_multipack
from greenlight.store.objects import ObjectStore
from greenlight.store.repack import FACTOR, Source, to_join
from greenlight.store.repository import open_store
from tests.lanes_helper import OWNER, Bench
from tests.services.test_crash import small_disk


def seal(bench, *names):
    """Seal a packet of one file for each name, one after the other."""
    for name in names:
        bench.write(f"evidence/{name}/{name}.txt", f"what {name} says\n")
        seal_dir(bench.folder / "evidence" / name, Outside(bench.store, OWNER, bench.clock))


@pytest.fixture(params=["sha1", "sha256"])
def bench(request, tmp_path):
    made = Bench.make(tmp_path, object_format=request.param)
    with made.store:
        seal(made, "one", "two", "three")
        yield made


def folder_of(store):
    return store.git_dir / "objects" / "pack"


def names(store, ending):
    return sorted(path.name for path in folder_of(store).glob(f"*{ending}"))


def loose(store):
    return list((store.git_dir / "objects").glob("[0-9a-f][0-9a-f]/*"))


def again(store):
    return open_store(store.git_dir, store.git_dir)


def require_intact(store, packets=3):
    with again(store) as opened:
        verdict = verify_all(opened, Trust())
        assert verdict.counts[Integrity.INTACT] == packets


def all_objects(store, git):
    asked = ("cat-file", "--batch-all-objects", "--batch-check")
    return set(git(*asked, cwd=store.git_dir).splitlines())


def test_one_pack_is_left(bench, git):
    """Loose objects and small packs become one pack; git and greenlight read what they did."""
    store = bench.store
    before = all_objects(store, git)
    assert len(names(store, ".pack")) == 3
    assert loose(store)

    done = maintain(store)

    assert (done.joined, done.packs, done.problems) == (3, 1, ())
    assert done.loose > 0
    assert done.loose_left == 0
    assert len(names(store, ".pack")) == 1
    assert not loose(store)
    assert not names(store, ".keep")
    assert all_objects(store, git) == before
    git("fsck", "--full", "--strict", cwd=store.git_dir)
    require_intact(store)


def test_again_there_is_nothing(bench):
    maintain(bench.store)
    packs = names(bench.store, "")
    done = maintain(bench.store)
    assert (done.joined, done.loose, done.bytes) == (0, 0, 0)
    assert names(bench.store, "") == packs


def test_index_of_all(bench, git):
    """Beside a pack of another program, one index finds the objects of all."""
    store = bench.store
    git("hash-object", "-w", "--stdin", cwd=store.git_dir, data=b"another's")
    git("repack", "-a", "-d", "-q", cwd=store.git_dir)  # ours become git's
    seal(bench, "four")

    done = maintain(store)

    assert done.is_indexed
    read = read_multipack(folder_of(store), store.object_format)
    assert read.is_ours
    assert list(read.packs) == names(store, ".idx")
    git("multi-pack-index", "verify", cwd=store.git_dir)
    require_intact(store, 4)


def test_joined_geometrically(bench):
    """What is large is not copied again for what is small."""
    store = bench.store
    bench.write("evidence/large/large.bin", os.urandom(200_000).hex())
    seal_dir(bench.folder / "evidence" / "large", Outside(store, OWNER, bench.clock))
    maintain(store)
    large = max(folder_of(store).glob("*.pack"), key=lambda path: path.stat().st_size).name
    before = names(store, ".pack")
    seal(bench, "four", "five")

    maintain(store)

    assert large in before
    assert large in names(store, ".pack")
    assert len(names(store, ".pack")) == len(before) == 2
    require_intact(store, 6)


@given(st.lists(st.integers(1, 2**40), max_size=30), st.integers(0, 2**30))
def test_geometric(sizes, loose_bytes):
    """Afterwards each pack has at least twice the bytes of all smaller ones together."""

    class Few:
        count = 1

    found = [Source(Few(), size) for size in sorted(sizes)]
    chosen = to_join(found, loose_bytes)
    assert chosen == found[: len(chosen)]
    if len(chosen) == 1:
        assert loose_bytes
    new = [loose_bytes + sum(each.size for each in chosen)] if chosen or loose_bytes else []
    left = [*new, *(each.size for each in found[len(chosen) :])]
    for number, size in enumerate(left[1:], 1):
        assert size >= FACTOR * sum(left[:number])


def test_too_many_objects_are_left(monkeypatch):
    monkeypatch.setattr("greenlight.store.repack.MAX_OBJECTS", 5)

    class Some:
        count = 2

    found = [Source(Some(), 10) for _ in range(9)]
    assert len(to_join(found, 0)) == 2


# --- what is not ours


def test_packs_of_others_stay(bench, git):
    store = bench.store
    git("repack", "-a", "-d", "-q", cwd=store.git_dir)
    (theirs,) = names(store, ".pack")
    bytes_of = (folder_of(store) / theirs).read_bytes()
    seal(bench, "four", "five")
    done = maintain(store)
    assert done.joined == 2
    assert (folder_of(store) / theirs).read_bytes() == bytes_of
    require_intact(store, 5)


@pytest.mark.parametrize("ending", [".keep", ".promisor", ".mtimes"])
def test_held_packs_stay(bench, ending):
    store = bench.store
    for name in names(store, ".idx"):
        (folder_of(store) / name).with_suffix(ending).write_bytes(b"somebody's reason\n")
    before = names(store, "")
    done = maintain(store)
    assert done.joined == 0
    assert set(before) <= set(names(store, ""))


def test_pack_under_way_stays(bench):
    """A pack that a sealer holds until its ref moves is nobody else's."""
    store = bench.store
    first = folder_of(store) / names(store, ".idx")[0]
    held = hold(first.with_suffix(".keep"))
    assert maintain(store).joined == 2
    assert first.exists()
    held.release()
    seal(bench, "four", "five")
    assert maintain(store).joined > 2
    assert not first.exists()


def test_pack_of_a_killed_sealer_is_freed(bench):
    """A ``.keep`` file of greenlight's that nobody locks is left by a crash."""
    store = bench.store
    first = folder_of(store) / names(store, ".idx")[0]
    if os.fork() == 0:
        hold(first.with_suffix(".keep"))
        os._exit(0)
    os.wait()
    assert names(store, ".keep")
    assert maintain(store).joined == 3
    assert not names(store, ".keep")


def test_unreached_objects_stay_loose(bench, git):
    store = bench.store
    theirs = git("hash-object", "-w", "--stdin", cwd=store.git_dir, data=b"another's").decode()
    done = maintain(store)
    assert done.loose_left == 1
    assert [path.parent.name + path.name for path in loose(store)] == [theirs.strip()]


def test_index_of_another_program_stays(bench, git):
    """Packs that git's own index of packs names are left alone, and so is it."""
    store = bench.store
    git("multi-pack-index", "write", cwd=store.git_dir)
    theirs = (folder_of(store) / NAME).read_bytes()
    before = names(store, ".pack")
    seal(bench, "four")

    done = maintain(store)

    assert not done.is_indexed
    assert (folder_of(store) / NAME).read_bytes() == theirs
    assert set(before) <= set(names(store, ".pack"))
    require_intact(store, 4)


def test_damaged_index_of_packs(bench):
    """Nobody knows which packs it names: none is touched, and the answer says what to do."""
    store = bench.store
    (folder_of(store) / NAME).write_bytes(b"MIDX and so on")
    before = names(store, ".pack")
    done = maintain(store)
    assert set(before) <= set(names(store, ".pack"))
    (problem,) = done.problems
    assert problem.code is Code.STORE_DAMAGED
    assert "git multi-pack-index write" in problem.found
    require_intact(store)


def test_chain_of_indexes_stays(bench):
    store = bench.store
    (folder_of(store) / f"{NAME}.d").mkdir()
    before = names(store, ".pack")
    assert not maintain(store).is_indexed
    assert set(before) <= set(names(store, ".pack"))


def test_ours_goes_with_the_second_pack(bench, git):
    """An index of all packs is removed with the pack before last; nothing looks for it then."""
    store = bench.store
    git("repack", "-a", "-d", "-q", cwd=store.git_dir)
    seal(bench, "four")
    maintain(store)
    assert names(store, NAME)
    git("repack", "-a", "-d", "-q", cwd=store.git_dir)
    maintain(store)
    assert not names(store, NAME)
    require_intact(store, 4)


# --- damage


def flip(path, at):
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)


@pytest.mark.parametrize("ending", [".pack", ".idx"])
def test_damaged_pack_stays(bench, ending):
    """A damaged pack is left where it is and named, each time; the others become one."""
    store = bench.store
    name = names(store, ".pack")[0].removesuffix(".pack")
    flip(folder_of(store) / f"{name}{ending}", -60)
    for _ in range(2):
        done = maintain(store)
        (problem,) = done.problems
        assert problem.code is Code.STORE_DAMAGED
        assert problem.where == f"{name}.idx"
        assert f"{name}.pack" in names(store, ".pack")
    assert len(names(store, ".pack")) == 2


def test_every_flipped_byte_of_a_pack(bench, git):
    """Whatever byte is wrong: it is named, or neutral; all that was whole is whole."""
    store = bench.store
    name = names(store, ".pack")[0]
    good = (folder_of(store) / name).read_bytes()
    before = all_objects(store, git)
    copy = store.git_dir.with_name("good.git")
    shutil.copytree(store.git_dir, copy)
    for at in range(0, len(good), 97):
        shutil.rmtree(store.git_dir)
        shutil.copytree(copy, store.git_dir)
        flip(folder_of(store) / name, at)
        with again(store) as opened:
            done = maintain(opened)
        if done.problems:
            assert name in names(store, ".pack")
        else:
            # Its own checksum, or an object that another pack has, too: no longer needed.
            assert all_objects(store, git) == before
            require_intact(store)


def test_damaged_loose_object_stays(bench):
    store = bench.store
    path = loose(store)[0]
    flip(path, 5)
    done = maintain(store)
    assert path.exists()
    assert done.problems


# --- at the same time


def test_two_at_once(bench):
    """The second says so, in one line, and does nothing."""
    lock = bench.store.make_own_dir() / "maintain"
    with durable.locked(lock), pytest.raises(StoreError) as caught:
        maintain(bench.store)
    assert caught.value.code is Code.STORE_BUSY
    assert "another maintenance" in str(caught.value)
    maintain(bench.store)


def test_readers_go_on(bench):
    """A reader that knew the packs finds every object after they were replaced."""
    store = bench.store
    with again(store) as reader:
        verify_all(reader, Trust())
        maintain(store)
        verdict = verify_all(reader, Trust())
    assert verdict.counts[Integrity.INTACT] == 3


SEALER = """
import sys
from contextlib import suppress
from pathlib import Path
from greenlight.services.seal_dir import Outside, seal_dir
from greenlight.store.repository import open_store
from tests.lanes_helper import OWNER, Bench
with open_store(Path(sys.argv[1]), Path("/")) as store:
    bench = Bench(Path(sys.argv[2]), store, Path(sys.argv[2]))
    for number in range(12):
        bench.write(f"evidence/{number}/{number}.txt", f"what {number} says\\n")
        seal_dir(bench.folder / "evidence" / str(number), Outside(store, OWNER, bench.clock))
print("done")
"""


def test_sealers_and_maintenance_at_once(bench, tmp_path, git):
    """Twelve seals while maintenance goes on and on: nothing is lost, nothing fails."""
    folder = tmp_path / "sealing"
    folder.mkdir()
    command = [sys.executable, "-c", SEALER, str(bench.store.git_dir), str(folder)]
    with subprocess.Popen(
        command, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, text=True
    ) as process:
        rounds = 0
        while process.poll() is None:
            maintain(bench.store)
            rounds += 1
        assert process.stdout.read() == "done\n"
    assert rounds > 3
    maintain(bench.store)
    git("fsck", "--full", "--strict", cwd=bench.store.git_dir)
    require_intact(bench.store, 15)


def test_beside_a_git_gc(bench, git):
    store = bench.store
    for number in range(4):
        seal(bench, f"more-{number}")
        with subprocess.Popen(["git", "gc", "-q"], cwd=store.git_dir):
            maintain(store)
    git("fsck", "--full", "--strict", cwd=store.git_dir)
    require_intact(store, 7)


# --- killed, full


_STEPS = frozenset({"os.rename", "os.remove", "os.link", "os.truncate", "open", "os.utime"})


def run_until(store, step):
    """Maintain in a process that kills itself before its so-manieth change of a file."""
    child = os.fork()
    if child == 0:
        changes = [0]

        def count(event, arguments):
            if event not in _STEPS or (event == "open" and not arguments[2] & os.O_CREAT):
                return
            changes[0] += 1
            if changes[0] == step:
                os.kill(os.getpid(), signal.SIGKILL)

        try:
            with again(store) as opened:
                sys.addaudithook(count)
                maintain(opened)
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitpid(child, 0)[1]


@pytest.mark.parametrize("object_format", ["sha1", "sha256"])
def test_killed_at_every_step(tmp_path, git, object_format):
    """Killed before any change of a file: all is there, nothing is wedged, nothing is left over."""
    bench = Bench.make(tmp_path, object_format=object_format)
    with bench.store:
        seal(bench, "one", "two")
        git("gc", "-q", cwd=bench.store.git_dir)
        seal(bench, "three", "four")
    store = bench.store
    before = all_objects(store, git)
    good = store.git_dir.with_name("good.git")
    shutil.copytree(store.git_dir, good)
    step = 0
    status = -1
    while status != 0:
        step += 1
        shutil.rmtree(store.git_dir)
        shutil.copytree(good, store.git_dir)
        status = run_until(store, step)
        assert status in (0, signal.SIGKILL)
        assert all_objects(store, git) == before, step
        _age(store)
        with again(store) as opened:
            maintain(opened)
        assert all_objects(store, git) == before, step
        assert not [name for name in names(store, "") if "tmp_" in name or ".lock" in name]
        assert not names(store, ".keep")
        # One beside git's; or two, where the new one had come and is large beside the old ones.
        assert len(names(store, ".pack")) <= 3
        if step % 10 == 1:
            git("fsck", "--full", "--strict", cwd=store.git_dir)
            require_intact(store, 4)
    assert step > 30


def _age(store):
    """Let two hours pass for every temporary file, and for a pack without an index."""
    packs = folder_of(store).glob("*.pack")
    unindexed = [path for path in packs if not path.with_suffix(".idx").exists()]
    for path in (*store.git_dir.rglob("tmp*"), *unindexed):
        os.utime(path, (time.time() - 7200, time.time() - 7200))


def test_young_temporaries_stay(bench):
    """What somebody may be writing is left: by age, and a pack by its writer's lock."""
    store = bench.store
    young = folder_of(store) / "tmp_idx_0123456789abcdef"
    young.write_bytes(b"")
    gits = folder_of(store) / "tmp_pack_A1b2C3"
    gits.write_bytes(b"")
    os.utime(gits, (0, 0))
    with store.objects.packing() as pack:
        pack.add("blob", b"under way")
        (under_way,) = folder_of(store).glob("tmp_pack_[0-9a-f]*")
        os.utime(under_way, (0, 0))
        with again(store) as other:
            assert maintain(other).removed == 0
    assert young.exists()
    assert gits.exists()
    left = folder_of(store) / "tmp_pack_0123456789abcdef"
    left.write_bytes(b"")
    os.utime(left, (0, 0))
    assert maintain(store).removed == 1
    assert not left.exists()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("call", ["open", "write", "fsync", "link"])
def test_system_refuses(bench, monkeypatch, git, number, call):
    """Each refused call gives its code in one line; all is there, and the next time does it."""
    store = bench.store
    before = all_objects(store, git)
    real = getattr(os, call)
    for nth in range(1, 200):
        calls = []

        def refuse(*arguments, calls=calls, nth=nth, **options):
            calls.append(arguments)
            if len(calls) == nth:
                raise OSError(number, os.strerror(number))
            return real(*arguments, **options)

        with monkeypatch.context() as patched:
            patched.setattr(durable.os, call, refuse)
            try:
                with again(store) as opened:
                    maintain(opened)
            except StoreError as error:
                assert error.code in (Code.IO_NOSPACE, Code.IO_FAILED)  # noqa: PT017 - or none
        assert all_objects(store, git) == before
        if len(calls) < nth:
            break
    maintain(store)
    assert len(names(store, ".pack")) == 1
    require_intact(store)


def fill(folder):
    """Write until there is no space."""
    with (folder / "filler").open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))


def test_full_disk(tmp_path, git):
    """On a disk that is really full, nothing is lost and nothing is left behind."""
    folder = tmp_path / "disk"
    with small_disk(folder, "3m"):
        bench = Bench.make(folder)
        with bench.store as store:
            for name in ("one", "two"):
                bench.write(f"evidence/{name}/{name}.bin", os.urandom(200_000).hex())
                seal_dir(bench.folder / "evidence" / name, Outside(store, OWNER, bench.clock))
            shutil.rmtree(bench.folder / "evidence")
            before = all_objects(store, git)
            fill(folder)
            with pytest.raises(StoreError) as caught:
                maintain(store)
            assert caught.value.code is Code.IO_NOSPACE
            assert all_objects(store, git) == before
            assert not names(store, ".keep")
            (folder / "filler").unlink()
            assert maintain(store).packs == 1
            require_intact(store, 2)


# --- when


def test_due_after_so_many_packs(bench):
    store = bench.store
    maintain(store)
    assert not is_due(store)
    seal(bench, *(f"p{number}" for number in range(MAX_PACKS)))
    assert not is_due(store)
    seal(bench, "last")
    assert is_due(store)
    maintain(store)
    assert not is_due(store)


def test_due_after_so_many_loose(bench):
    store = bench.store
    maintain(store)
    folder = store.git_dir / "objects" / "17"
    folder.mkdir(exist_ok=True)
    digits = 38 if store.object_format == "sha1" else 62
    for number in range(27):
        (folder / f"{number:0{digits}d}").write_bytes(b"")
    assert is_due(store)


@pytest.mark.parametrize(("value", "wanted"), [("false", False), ("no", False), ("true", True)])
def test_config(bench, git, value, wanted):
    store = bench.store
    assert is_wanted(store)
    git("config", "greenlight.maintain", value, cwd=store.git_dir)
    assert is_wanted(store) is wanted


def test_many_loose_objects(bench, git):
    """A store with many loose objects of others is walked once, and they stay."""
    store = bench.store
    asked = "".join(f"blob\ndata {len(str(n))}\n{n}\n" for n in range(2000)).encode()
    git("fast-import", "--quiet", cwd=store.git_dir, data=asked)
    packs = names(store, ".pack")
    done = maintain(store)
    assert done.joined == 3
    assert set(names(store, ".pack")) - set(packs)
    require_intact(store)


def test_tells(bench):
    told = []
    done = maintain(bench.store, tell=lambda objects, size: told.append((objects, size)))
    assert sum(objects for objects, _ in told) >= done.loose
    assert 0 < sum(size for _, size in told) <= done.bytes


def test_only_joined_by_name_of_the_new_pack(bench, monkeypatch):
    """A pack that comes out as one of those that went in is not removed as replaced."""
    store = bench.store
    maintain(store)
    (only,) = names(store, ".idx")
    real = maintaining.to_join
    monkeypatch.setattr(maintaining, "to_join", lambda found, size: real(found, size) or found)
    done = maintain(store)
    assert done.joined == 0
    assert names(store, ".idx") == [only]
    require_intact(store)


def test_seals_of_one_call_share_a_pack(bench):
    for name in ("x", "y"):
        bench.write(f"evidence/{name}/{name}.txt", name)
    folders = [bench.folder / "evidence" / name for name in ("x", "y")]
    before = set(names(bench.store, ".pack"))
    seal_dirs(folders, Outside(bench.store, OWNER, bench.clock))
    assert len(set(names(bench.store, ".pack")) - before) == 1


def test_object_store_alone(tmp_path):
    """Packs are noted beside the objects, wherever those are."""
    (tmp_path / "objects" / "pack").mkdir(parents=True)
    with ObjectStore(tmp_path / "objects", "sha1") as objects, objects.packing() as pack:
        pack.add("blob", b"x")
    assert len(list((tmp_path / "greenlight" / "packs").iterdir())) == 1
