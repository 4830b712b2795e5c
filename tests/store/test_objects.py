from __future__ import annotations

import errno
import os
import subprocess
import sys
import zlib

import pytest

from greenlight.codes import Code
from greenlight.errors import MalformedError, StoreError
from greenlight.store import durable
from greenlight.store.gitobjects import object_id
from greenlight.store.objects import ObjectStore


def path_of(store, oid):
    return store.git_dir / "objects" / oid[:2] / oid[2:]


def overwrite(path, data):
    path.chmod(0o644)
    path.write_bytes(data)


@pytest.mark.parametrize("size", [*range(70), 1000, 70_000])
def test_round_trip(store, size):
    """An object of any length, around the header's buffer too, reads as it was written."""
    body = os.urandom(size)
    oid = store.objects.write("blob", body)
    store.objects.flush()

    assert ObjectStore(store.git_dir / "objects", store.object_format).read(oid) == ("blob", body)


def test_git_reads_what_was_written(store, git):
    """git cat-file gives back the bytes, under the id git itself computes."""
    oid = store.objects.write("blob", b"hello\n")
    store.objects.flush()

    assert git("cat-file", "blob", oid, cwd=store.git_dir) == b"hello\n"
    assert git("hash-object", "--stdin", cwd=store.git_dir, data=b"hello\n").decode().strip() == oid
    git("fsck", "--strict", "--full", cwd=store.git_dir)


@pytest.mark.parametrize("keep", [0, 1, 5, 10, -1])
def test_torn_object_is_replaced(store, keep):
    """An empty or cut object file of a crash never counts as there: writing heals it."""
    body = b"precious\n" * 100
    oid = store.objects.write("blob", body)
    store.objects.flush()
    overwrite(path_of(store, oid), path_of(store, oid).read_bytes()[:keep])

    with pytest.raises(StoreError) as caught:
        store.objects.read(oid)
    assert caught.value.code is Code.STORE_DAMAGED

    store.objects.write("blob", body)
    store.objects.flush()
    assert store.objects.read(oid) == ("blob", body)


def test_whole_object_is_synced_again(store, monkeypatch):
    """An object that git left unsynced is synced before greenlight acknowledges it."""
    body = b"written by git, not synced\n"
    oid = store.objects.write("blob", body)
    store.objects.flush()
    synced = []
    monkeypatch.setattr("greenlight.store.durable.sync_file", synced.append)
    other = ObjectStore(store.git_dir / "objects", store.object_format)

    other.write("blob", body)

    assert len(synced) == 1
    assert path_of(store, oid).stat().st_mode & 0o777 == 0o444


@pytest.mark.parametrize(
    "damage",
    [
        lambda body: zlib.compress(b"blob 5\0" + body) + b"trailing",
        lambda body: zlib.compress(b"blob 5\0" + body + b"more"),
        lambda body: zlib.compress(b"blob 5\0" + body + b"m" * 100_000),
        lambda body: zlib.compress(b"blob 6\0" + body),
        lambda body: zlib.compress(b"blob 2\0" + body),
        lambda body: zlib.compress(b"blob 05\0" + body),
        lambda body: zlib.compress(b"blob +5\0" + body),
        lambda body: zlib.compress(b"blub 5\0" + body),
        lambda body: zlib.compress(b"tree 5\0" + body),
        lambda _: zlib.compress(b"blob 5\0other"),
        lambda _: zlib.compress(b"x" * 100),
        lambda _: b"not zlib at all",
        lambda _: b"",
    ],
)
def test_damage_is_found(store, damage):
    """Trailing bytes, a length that lies, another type or content: each is STORE_DAMAGED."""
    oid = store.objects.write("blob", b"12345")
    store.objects.flush()
    overwrite(path_of(store, oid), damage(b"12345"))

    with pytest.raises(StoreError) as caught:
        store.objects.read(oid)

    assert caught.value.code is Code.STORE_DAMAGED


def test_every_flipped_bit_is_found_or_neutral(store):
    """A flipped bit of a stored object gives STORE_DAMAGED, or the very same bytes."""
    body = b"twenty-two small files"
    oid = store.objects.write("blob", body)
    store.objects.flush()
    path = path_of(store, oid)
    good = path.read_bytes()
    path.chmod(0o644)
    neutral = 0
    for bit in range(len(good) * 8):
        flipped = bytearray(good)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        try:
            assert store.objects.read(oid) == ("blob", body)
            neutral += 1
        except StoreError as error:
            assert error.code is Code.STORE_DAMAGED  # noqa: PT017 - either outcome is right
    assert neutral <= 8  # bits of zlib's header that change nothing


def test_missing_object(store):
    """An object that is nowhere is STORE_DAMAGED, and the message names it."""
    oid = object_id("blob", b"nowhere", store.object_format)

    with pytest.raises(StoreError, match=f"{oid} is missing") as caught:
        store.objects.read(oid)

    assert caught.value.code is Code.STORE_DAMAGED


def test_object_id_never_leaves_the_folder(store):
    """What is no object id is refused before it becomes a path."""
    with pytest.raises(MalformedError):
        store.objects.read("../../config")


def test_wrong_kind(store):
    """A blob where a tree should be is STORE_DAMAGED."""
    oid = store.objects.write("blob", b"")
    store.objects.flush()

    with pytest.raises(StoreError, match="not a tree"):
        store.objects.read_as("tree", oid)


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.ENOSPC, Code.IO_NOSPACE),
        (errno.EDQUOT, Code.IO_NOSPACE),
        (errno.EIO, Code.IO_FAILED),
        (errno.EROFS, Code.IO_FAILED),
    ],
)
@pytest.mark.parametrize("call", ["open", "write", "fsync", "close"])
def test_system_refuses(store, monkeypatch, number, code, call):
    """Each refused call gives its code, leaves no temporary file, and syncs nothing twice."""
    made = []
    real = getattr(durable.os, call)

    def refuse(*arguments):
        if call == "close":
            real(*arguments)
        made.append(arguments)
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patched:
        patched.setattr(durable.os, call, refuse)
        with pytest.raises(StoreError) as caught:
            store.objects.write("blob", b"will not fit")

    assert caught.value.code is code
    assert len(made) == 1
    assert not list((store.git_dir / "objects").rglob("tmp_obj_*"))
    oid = store.objects.write("blob", b"will not fit")
    store.objects.flush()
    assert store.objects.read(oid)[1] == b"will not fit"


def test_failed_directory_sync_is_no_acknowledgement(store, monkeypatch):
    """flush() raises where a directory cannot be synced."""
    store.objects.write("blob", b"x")

    def refuse(_fd):
        raise OSError(errno.EIO, "no")

    monkeypatch.setattr(durable.os, "fsync", refuse)
    with pytest.raises(StoreError) as caught:
        store.objects.flush()

    assert caught.value.code is Code.IO_FAILED


def test_flush_reads_back(store):
    """flush() finds an object that is not on disk as it was written."""
    oid = store.objects.write("blob", b"x" * 100)
    overwrite(path_of(store, oid), b"")

    with pytest.raises(StoreError) as caught:
        store.objects.flush()

    assert caught.value.code is Code.STORE_DAMAGED


def test_short_writes_are_finished(store, monkeypatch):
    """A write that takes fewer bytes than it was given goes on where it stopped."""
    real = os.write
    monkeypatch.setattr(durable.os, "write", lambda fd, data: real(fd, data[:7]))
    body = os.urandom(200)

    oid = store.objects.write("blob", body)
    store.objects.flush()

    assert store.objects.read(oid) == ("blob", body)


def test_packed_objects(store, git):
    """Objects that git gc moved into a pack are read from it, deltas too, and verified."""
    bodies = [b"line\n" * 2000 + b"%d\n" % number for number in range(20)]
    oids = [store.objects.write("blob", body) for body in bodies]
    store.objects.flush()
    git("pack-objects", "-q", "objects/pack/pack", cwd=store.git_dir, data="\n".join(oids).encode())
    git("prune-packed", "-q", cwd=store.git_dir)
    assert not path_of(store, oids[0]).exists()

    assert [store.objects.read(oid)[1] for oid in oids] == bodies


def test_packs_replaced_while_open(store, git):
    """A repack that removes every pack that was open does not lose an object."""
    oids = [store.objects.write("blob", b"%d" % number) for number in range(5)]
    store.objects.flush()
    names = "\n".join(oids).encode()
    git("pack-objects", "-q", "objects/pack/pack", cwd=store.git_dir, data=names)
    git("prune-packed", "-q", cwd=store.git_dir)
    store.objects.read(oids[0])
    old = list((store.git_dir / "objects/pack").iterdir())
    more = store.objects.write("blob", b"more")
    store.objects.flush()
    git(
        "pack-objects",
        "-q",
        "objects/pack/pack",
        cwd=store.git_dir,
        data=names + f"\n{more}".encode(),
    )
    git("prune-packed", "-q", cwd=store.git_dir)
    for path in old:
        path.unlink()

    assert store.objects.read(more)[1] == b"more"
    assert store.objects.read(oids[4])[1] == b"4"


def test_damaged_pack(store, git):
    """Whatever a damaged pack makes the library raise, one StoreError comes out."""
    oids = [store.objects.write("blob", b"line\n" * 500 + b"%d" % n) for n in range(4)]
    store.objects.flush()
    git("pack-objects", "-q", "objects/pack/pack", cwd=store.git_dir, data="\n".join(oids).encode())
    git("prune-packed", "-q", cwd=store.git_dir)
    for ending in ("pack", "idx"):
        path = next((store.git_dir / "objects/pack").glob(f"*.{ending}"))
        good = path.read_bytes()
        path.chmod(0o644)
        for at in range(0, len(good), max(1, len(good) // 60)):
            path.write_bytes(good[:at] + bytes([good[at] ^ 0x55]) + good[at + 1 :])
            with ObjectStore(store.git_dir / "objects", store.object_format) as objects:
                for number, oid in enumerate(oids):
                    try:
                        body = objects.read(oid)[1]
                    except StoreError as error:
                        assert error.code is Code.STORE_DAMAGED  # noqa: PT017 - or the true bytes
                    else:
                        assert body == b"line\n" * 500 + b"%d" % number
        path.write_bytes(good)


def test_new_store_never_loads_dulwich(tmp_path):
    """Sealing into and reading from a store without packs does not pay for dulwich."""
    code = (
        "import sys; from pathlib import Path\n"
        "from greenlight.store.repository import create_store\n"
        "s = create_store(Path(sys.argv[1]))\n"
        "oid = s.objects.write('blob', b'x'); s.objects.flush(); s.objects.read(oid)\n"
        "sys.exit('dulwich' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "s")], check=False)

    assert done.returncode == 0


@pytest.mark.parametrize(
    "data",
    [
        b"blob 9999999999999999999\0" + b"x" * 10,
        b"tree 99999999\0" + bytes(100_000),
        b"commit 99999999\0" + bytes(100_000),
    ],
)
def test_bombs_are_not_inflated(store, data):
    """An object larger than its kind may be is refused by the size it declares."""
    oid = store.objects.write("blob", b"12345")
    store.objects.flush()
    overwrite(path_of(store, oid), zlib.compress(data))

    with pytest.raises(StoreError) as caught:
        store.objects.read(oid)

    assert caught.value.code is Code.LIMIT_EXCEEDED


def test_reader_sets_a_limit(store, git):
    """A reader that expects little is given no more, from a loose file or a pack."""
    oid = store.objects.write("blob", b"x" * 1001)
    store.objects.flush()
    for _ in range(2):
        assert len(store.objects.read_as("blob", oid, max_bytes=1001)) == 1001
        with pytest.raises(StoreError) as caught:
            store.objects.read_as("blob", oid, max_bytes=1000)
        assert caught.value.code is Code.LIMIT_EXCEEDED
        git("pack-objects", "-q", "objects/pack/pack", cwd=store.git_dir, data=oid.encode())
        git("prune-packed", "-q", cwd=store.git_dir)
