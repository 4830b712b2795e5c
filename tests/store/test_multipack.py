"""The multi-pack-index: git reads ours, we read git's, and no damage of it hides an object."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenlight.codes import Code
from greenlight.errors import StoreError
from greenlight.store import multipack
from greenlight.store.gitobjects import object_id
from greenlight.store.multipack import MultiPack, read_multipack, write_multipack
from greenlight.store.objects import ObjectStore
from greenlight.store.packindex import Pack, find_name


def packs_of(store):
    folder = store.git_dir / "objects" / "pack"
    return [Pack(path, store.object_format) for path in sorted(folder.glob("*.idx"))]


def fill(store, packs=3, each=20):
    """Write packs, of which each has one object that the next has too; return all ids."""
    found = {}
    for number in range(packs):
        bodies = [b"%d of %d" % (at, number) for at in range(each)] + [b"%d" % number]
        bodies.append(b"%d" % (number + 1))
        objects = {object_id("blob", body, store.object_format): ("blob", body) for body in bodies}
        store.objects.write_pack(objects)
        found |= objects
    store.objects.flush()
    store.objects.release()
    return found


def folder_of(store):
    return store.git_dir / "objects" / "pack"


def fresh(store):
    return ObjectStore(store.git_dir / "objects", store.object_format)


def write(store):
    write_multipack(folder_of(store), packs_of(store), store.object_format)
    return folder_of(store) / multipack.NAME


def test_git_reads_ours(store, git):
    """Git verifies the file, finds every object by it, and says nothing of the chunk of ours."""
    found = fill(store)
    write(store)
    git("multi-pack-index", "verify", cwd=store.git_dir)
    git("config", "core.multiPackIndex", "true", cwd=store.git_dir)
    said = git(
        "cat-file", "--batch-all-objects", "--batch-check=%(objectname)", cwd=store.git_dir
    ).split()
    assert {line.decode() for line in said} == set(found)
    assert not git("fsck", "--full", "--no-dangling", cwd=store.git_dir).strip()


def test_we_read_gits(store, git):
    found = fill(store)
    git("multi-pack-index", "write", cwd=store.git_dir)
    read = read_multipack(folder_of(store), store.object_format)
    assert not read.is_ours
    assert read.is_whole()
    places = {name: Pack(folder_of(store) / name, store.object_format) for name in read.packs}
    for oid, (kind, body) in found.items():
        name, offset = read.find(oid)
        assert places[name].read(oid, offset, 2**20) == (kind, body)
    assert read.find("0" * len(oid)) is None
    with fresh(store) as reader:
        assert {oid: reader.read(oid) for oid in found} == found


def test_same_places_as_gits(store, git):
    found = fill(store)
    git("multi-pack-index", "write", cwd=store.git_dir)
    theirs = read_multipack(folder_of(store), store.object_format)
    write(store)
    ours = read_multipack(folder_of(store), store.object_format)
    assert ours.is_ours
    assert ours.packs == theirs.packs
    unique = [oid for oid in found if sum(p.find(oid) is not None for p in packs_of(store)) == 1]
    assert unique
    assert [ours.find(oid) for oid in unique] == [theirs.find(oid) for oid in unique]


def test_long_offsets(store, monkeypatch):
    """Where an offset does not fit into 31 bits, it stands in a table of its own."""
    found = fill(store, packs=2)
    monkeypatch.setattr(multipack, "FAR", 64)
    real = multipack.Pack.names

    path = write(store)
    assert b"LOFF" in path.read_bytes()
    read = MultiPack(path, store.object_format)
    for oid in found:
        name, offset = read.find(oid)
        places = dict(real(Pack(folder_of(store) / name, store.object_format)))
        assert places[bytes.fromhex(oid)] == offset


def test_only_one_pack_is_opened(store, monkeypatch):
    """A look-up by the index of all reads no index of a pack."""
    found = fill(store)
    write(store)
    loaded = []
    monkeypatch.setattr(Pack, "load", loaded.append)
    with fresh(store) as reader:
        for oid in found:
            assert reader.read(oid) == found[oid]
    assert not loaded


def test_every_flipped_byte_hides_nothing(store):
    """Whatever is wrong with it, every object is found: in the pack it is in."""
    found = fill(store, packs=2, each=4)
    path = write(store)
    good = path.read_bytes()
    path.chmod(0o644)
    for at in (*range(120), *range(120, len(good) - 700, 61), *range(len(good) - 700, len(good))):
        path.write_bytes(good[:at] + bytes([good[at] ^ 0x41]) + good[at + 1 :])
        with fresh(store) as reader:
            assert {oid: reader.read(oid) for oid in found} == found, at


def test_every_length_hides_nothing(store):
    found = fill(store, packs=2, each=2)
    path = write(store)
    good = path.read_bytes()
    path.chmod(0o644)
    for length in (*range(0, len(good), 7), len(good) - 1):
        path.write_bytes(good[:length])
        with fresh(store) as reader:
            assert {oid: reader.read(oid) for oid in found} == found, length


def test_names_packs_that_are_gone(store):
    found = fill(store, packs=2, each=2)
    write(store)
    for pack in packs_of(store):
        pack.path.unlink()
        pack.index.unlink()
    store.objects.write_pack(found)
    store.objects.flush()
    with fresh(store) as reader:
        assert {oid: reader.read(oid) for oid in found} == found


def test_missing_stays_missing(store):
    fill(store)
    write(store)
    with fresh(store) as reader, pytest.raises(StoreError) as caught:
        reader.read(object_id("blob", b"nobody has this", store.object_format))
    assert caught.value.code is Code.STORE_DAMAGED


def damaged(store, data):
    path = folder_of(store) / multipack.NAME
    path.unlink(missing_ok=True)
    path.write_bytes(data)
    with pytest.raises(StoreError) as caught:
        MultiPack(path, store.object_format)
    assert caught.value.code is Code.STORE_DAMAGED
    return str(caught.value)


def test_each_damage_is_named(store):
    fill(store, packs=2, each=2)
    path = write(store)
    good = path.read_bytes()
    assert "it is cut" in damaged(store, good[:20])
    assert "not one of version 1" in damaged(store, b"MIDZ" + good[4:])
    assert "not one of version 1" in damaged(store, good[:5] + b"\3" + good[6:])
    assert "does not name its packs" in damaged(store, good[:8] + b"\0\0\0\5" + good[12:])
    assert "it has no PNAM" in damaged(store, good.replace(b"PNAM", b"PNAN", 1))
    assert "does not name its packs" in damaged(store, good.replace(b"pack-", b"../k-", 1))
    table = 12 + 2 * 12 + 4  # where the third chunk begins
    swapped = good[:table] + struct.pack(">Q", 5) + good[table + 8 :]
    assert "one behind the other" in damaged(store, swapped)


@given(st.sets(st.binary(min_size=4, max_size=4), max_size=40), st.binary(min_size=4, max_size=4))
def test_find_name(names, wanted):
    """The place of a name is its place in the sorted list, and a stranger has none."""
    ordered = sorted(names)
    fanout = tuple(sum(name[0] <= first for name in ordered) for first in range(256))
    table = b"head" + b"".join(ordered)
    for place, name in enumerate(ordered):
        assert find_name(table, 4, name, fanout) == place
    if wanted not in names:
        assert find_name(table, 4, wanted, fanout) is None


def test_written_files_are_read_only(store):
    fill(store)
    assert write(store).stat().st_mode & 0o777 == 0o444
