from __future__ import annotations

import errno
import os
import struct
import zlib

import pytest

from greenlight.codes import Code
from greenlight.errors import StoreError
from greenlight.store import durable, packindex, packwriter
from greenlight.store.deflate import SAMPLE_BYTES
from greenlight.store.gitobjects import TreeEntry, encode_tree, object_id, raw_id
from greenlight.store.objects import ObjectStore
from greenlight.store.packentry import Segment
from greenlight.store.packindex import Pack


def some(store, count=30):
    """Blobs of many sizes and a tree that names them all, by name."""
    bodies = [os.urandom(number % 3) + b"line\n" * number**2 for number in range(count)]
    found = {object_id("blob", body, store.object_format): ("blob", body) for body in bodies}
    entries = [TreeEntry(b"100644", b"%d" % at, oid) for at, oid in enumerate(found)]
    tree = encode_tree(entries)
    return found | {object_id("tree", tree, store.object_format): ("tree", tree)}


def fresh(store):
    return ObjectStore(store.git_dir / "objects", store.object_format)


def files(store, pattern="*"):
    return sorted((store.git_dir / "objects" / "pack").glob(pattern))


def overwrite(path, data):
    path.chmod(0o644)
    path.write_bytes(data)


def put(store, found):
    store.objects.write_pack(found)
    store.objects.flush()


def require_all(store, found):
    with fresh(store) as reader:
        assert {oid: reader.read(oid) for oid in found} == found


def test_round_trip(store):
    """What was written as a pack is read, and nothing of it lies loose."""
    found = some(store)
    put(store, found)

    require_all(store, found)
    assert [path.suffix for path in files(store)] == [".idx", ".keep", ".pack"]
    assert [path.stat().st_mode & 0o777 for path in files(store, "*.[ip]*[xk]")] == [0o444] * 2
    assert not [p for p in (store.git_dir / "objects").iterdir() if len(p.name) == 2]


def test_git_agrees(store, git, tmp_path):
    """Git verifies the pack, and makes the very same index and name from it."""
    found = some(store)
    put(store, found)
    index, pack = files(store, "*.idx")[0], files(store, "*.pack")[0]
    copy = tmp_path / "copy.pack"
    copy.write_bytes(pack.read_bytes())

    git("fsck", "--strict", "--full", cwd=store.git_dir)
    listed = git("verify-pack", "-v", str(index), cwd=store.git_dir).decode()
    assert {line.split()[0] for line in listed.splitlines()} >= set(found)
    named = git("index-pack", "--strict", "--no-rev-index", str(copy), cwd=store.git_dir)
    assert f"pack-{named.decode().strip()}" == index.stem
    assert copy.with_suffix(".idx").read_bytes() == index.read_bytes()


@pytest.mark.parametrize("command", [("gc", "-q"), ("repack", "-adfq"), ("repack", "-adlq")])
def test_git_repacks(store, git, command):
    """After a gc or repack, with deltas, everything still reads, also in a store that is open."""
    found = some(store)
    put(store, found)
    with fresh(store) as before:
        first, *others = found
        assert before.read(first) == found[first]
        tree = next(oid for oid, (kind, _) in found.items() if kind == "tree")
        commit = git("commit-tree", tree, "-m", "m", cwd=store.git_dir).decode().strip()
        git("update-ref", "refs/heads/main", commit, cwd=store.git_dir)
        store.objects.release()
        written = files(store, "*.pack")
        git(*command, cwd=store.git_dir)
        assert files(store, "*.pack") != written
        assert {oid: before.read(oid) for oid in others} == {oid: found[oid] for oid in others}
    require_all(store, found)


def test_held_until_released(store, git):
    """A gc leaves a pack alone that no ref names yet; a released one it may take away."""
    found = some(store)
    put(store, found)
    git("gc", "-q", "--prune=now", cwd=store.git_dir)
    require_all(store, found)

    store.objects.release()
    assert not files(store, "*.keep")
    git("gc", "-q", "--prune=now", cwd=store.git_dir)
    assert not files(store)


def test_closing_releases(store):
    """A store that is closed before a ref moved leaves no keep file behind."""
    put(store, some(store))
    store.close()

    assert not files(store, "*.keep")


def test_keep_file_of_another(store):
    """A keep file that was there stays: somebody else holds that pack."""
    found = some(store)
    put(store, found)
    with fresh(store) as second:
        second.write_pack(found)
        second.flush()

    assert files(store, "*.keep")


def test_same_pack_again(store, monkeypatch):
    """A pack that is there whole is kept as it is, and synced, since nobody knows who wrote it."""
    found = some(store)
    put(store, found)
    before = [(path.name, path.stat().st_ino) for path in files(store)]
    synced = []
    real = durable.sync_file
    monkeypatch.setattr(durable, "sync_file", lambda fd: (synced.append(fd), real(fd)))
    put(store, found)

    assert [(path.name, path.stat().st_ino) for path in files(store)] == before
    assert len(synced) == 2  # the pack and the index, beside the temporary ones of the writer


@pytest.mark.parametrize("ending", ["pack", "idx"])
@pytest.mark.parametrize("keep", [0, 4, 100, -1])
def test_torn_pack_is_replaced(store, ending, keep):
    """An empty or cut pack or index of a crash never counts as there: writing heals it."""
    found = some(store)
    put(store, found)
    path = files(store, f"*.{ending}")[0]
    good = path.read_bytes()
    overwrite(path, good[:keep])

    put(store, found)

    assert path.read_bytes() == good
    require_all(store, found)


@pytest.mark.parametrize("missing", ["pack", "idx"])
def test_half_there(store, missing):
    """A crash between the two renames leaves what is not there; writing again completes it."""
    found = some(store)
    put(store, found)
    files(store, f"*.{missing}")[0].unlink()
    with fresh(store) as reader, pytest.raises(StoreError) as caught:
        reader.read(next(iter(found)))
    assert caught.value.code is Code.STORE_DAMAGED

    put(store, found)
    require_all(store, found)


def test_temporary_files_are_ignored(store, git):
    """What a crash left under a temporary name is not read, and git prunes it."""
    found = some(store)
    put(store, found)
    folder = store.git_dir / "objects" / "pack"
    for path in files(store, "pack-*[kx]"):
        (folder / f"tmp_{path.suffix[1:]}_{'0' * 16}").write_bytes(path.read_bytes()[:99])

    require_all(store, found)
    git("prune", "--expire=now", cwd=store.git_dir)
    assert not files(store, "tmp_*")


def test_torn_loose_file_beside_a_pack(store):
    """As for git, a torn loose file is no damage where a pack has the object."""
    found = some(store)
    put(store, found)
    oid = next(iter(found))
    path = store.git_dir / "objects" / oid[:2] / oid[2:]
    path.parent.mkdir()
    path.write_bytes(b"torn")

    require_all(store, found)


def test_nothing_to_write(store):
    """A pack of no objects is none."""
    put(store, {})

    assert not files(store)


@pytest.mark.parametrize(
    "refusal",
    [
        (errno.ENOSPC, Code.IO_NOSPACE),
        (errno.EDQUOT, Code.IO_NOSPACE),
        (errno.EIO, Code.IO_FAILED),
        (errno.EROFS, Code.IO_FAILED),
    ],
)
@pytest.mark.parametrize("call", ["open", "write", "fsync", "close"])
@pytest.mark.parametrize("nth", [1, 2, 3])
def test_system_refuses(store, monkeypatch, refusal, call, nth):
    """Each refused call gives its code, and leaves no temporary file and no index of nothing."""
    number, code = refusal
    found = some(store, 3)
    calls = []
    real = getattr(durable.os, call)
    if (call, nth) == ("close", 2):
        nth = 4  # the second is the note of whose pack it is, which may be missing

    def refuse(*arguments):
        calls.append(arguments)
        if len(calls) != nth:
            return real(*arguments)
        if call == "close":
            real(*arguments)
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patched:
        patched.setattr(durable.os, call, refuse)
        with pytest.raises(StoreError) as caught:
            put(store, found)

    assert caught.value.code is code
    assert not files(store, "tmp_*")
    assert nth > 2 or not files(store, "*.idx")
    put(store, found)
    require_all(store, found)


@pytest.mark.parametrize("name", ["pack", "idx"])
def test_refused_rename(store, monkeypatch, name):
    """A rename that is refused leaves no index of what is not there."""
    real = type(store.git_dir).replace

    def refuse(path, target):
        if target.suffix == f".{name}":
            raise OSError(errno.EIO, "no")
        return real(path, target)

    with monkeypatch.context() as patched:
        patched.setattr(type(store.git_dir), "replace", refuse)
        with pytest.raises(StoreError):
            put(store, some(store))

    assert not files(store, "*.idx")
    assert not files(store, "tmp_*")
    assert not files(store, "*.keep")


@pytest.mark.parametrize("at", range(12, 150, 12))
def test_finish_reads_back(store, monkeypatch, at):
    """A byte of an entry that the system gives back otherwise is found before it has a name."""
    found = some(store, 4)
    real = packwriter.os.pread

    def flip(fd, most, offset):
        data = bytearray(real(fd, most, offset))
        if offset <= at < offset + len(data) - 1:
            data[at - offset] ^= 0x10
        return bytes(data)

    with monkeypatch.context() as patched:
        patched.setattr(packwriter.os, "pread", flip)
        with pytest.raises(StoreError) as caught:
            store.objects.write_pack(found)
    assert caught.value.code is Code.STORE_DAMAGED
    assert not files(store)


def test_early_sync_that_failed_is_an_error_for_good(store, monkeypatch):
    """The kernel may report a second try as a success: the first word counts."""
    calls = []
    real = durable.os.fsync

    def refuse_first(fd):
        calls.append(fd)
        if len(calls) == 1:
            raise OSError(errno.EIO, "no")
        return real(fd)

    with monkeypatch.context() as patched:
        patched.setattr(durable.os, "fsync", refuse_first)
        with pytest.raises(StoreError):
            store.objects.write_pack(some(store))
    assert not files(store)


def test_name_that_is_not_true(store):
    """An object that was handed over under a wrong name is never written."""
    with pytest.raises(StoreError) as caught:
        store.objects.write_pack({object_id("blob", b"a", store.object_format): ("blob", b"b")})

    assert caught.value.code is Code.STORE_DAMAGED
    assert not files(store)


def test_an_object_stands_once(store, git):
    """However often it comes, by itself, in a segment or as a large blob."""
    body = b"line\n" * 1000
    segment = Segment(store.object_format)
    segment.add("blob", body)
    segment.add("blob", b"other")
    with store.objects.packing() as pack:
        oid = pack.add("blob", body)
        pack.add_segment(segment)
        for data in (body, os.urandom(100_000), body):
            blob = pack.blob(len(data), data[:10])
            blob.write(data)
            blob.finish(raw_id("blob", data, store.object_format))
        assert pack.count == 3
    store.objects.flush()
    git("fsck", "--full", "--strict", cwd=store.git_dir)
    assert fresh(store).read(oid.hex()) == ("blob", body)


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 200_000])
@pytest.mark.parametrize("make", [os.urandom, lambda size: (b"text " * size)[:size]])
def test_large_blobs_in_pieces(store, git, size, make):
    """Stored or compressed, cut into pieces anywhere, it is git's blob."""
    data = make(size)
    oid = raw_id("blob", data, store.object_format)
    with store.objects.packing() as pack:
        blob = pack.blob(size, data[:SAMPLE_BYTES])
        for start in range(0, size, 33_333):
            blob.write(memoryview(data)[start : start + 33_333])
        blob.finish(oid)
    store.objects.flush()
    assert git("cat-file", "blob", oid.hex(), cwd=store.git_dir) == data
    assert fresh(store).read(oid.hex()) == ("blob", data)


def test_a_gc_that_takes_the_temporary_file(store, monkeypatch):
    """A prune of everything may take the name of a pack under way: it is written again."""
    found = some(store)
    real = type(store.git_dir).replace
    taken = []

    def take_first(path, target):
        if path.name.startswith("tmp_pack_") and not taken:
            taken.append(path.unlink())
        return real(path, target)

    monkeypatch.setattr(type(store.git_dir), "replace", take_first)
    put(store, found)
    assert taken
    require_all(store, found)


@pytest.mark.parametrize("size", [0, 1, 15, 16, 2047, 2048, 2**18 - 1, 2**18])
def test_sizes(store, size):
    """An object of any length, around the steps of the size's spelling too, reads the same."""
    body = os.urandom(size)
    found = {object_id("blob", body, store.object_format): ("blob", body)}
    put(store, found)

    require_all(store, found)


def test_far_offsets(store, git, monkeypatch):
    """Objects beyond 2 GiB stand in the table of long offsets, as git writes and reads it."""
    # A small number stands in for 2 GiB in choosing the table; the bit is git's own.
    monkeypatch.setattr(packwriter, "_NEAR_BYTES", 300)
    found = some(store)
    put(store, found)

    index = files(store, "*.idx")[0].read_bytes()
    assert len(index) > 1032 + len(found) * (store_width(store) + 8) + 2 * store_width(store)
    require_all(store, found)
    Pack(files(store, "*.idx")[0], store.object_format).verify(found)
    git("fsck", "--full", cwd=store.git_dir)


def store_width(store):
    return {"sha1": 20, "sha256": 32}[store.object_format]


def test_crcs_are_those_of_the_entries(store):
    """The index holds the CRC of each entry's bytes, which git copies by."""
    body = b"x" * 100
    oid = object_id("blob", body, store.object_format)
    put(store, {oid: ("blob", body)})
    width = len(oid) // 2
    index, pack = files(store, "*.idx")[0].read_bytes(), files(store, "*.pack")[0].read_bytes()

    (crc,) = struct.unpack_from(">I", index, 8 + 1024 + width)
    assert crc == zlib.crc32(pack[packindex.PACK_HEADER_BYTES : -width])
