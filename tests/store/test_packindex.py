from __future__ import annotations

import hashlib
import os
import struct
import subprocess
import sys
import tracemalloc
import zlib

import pytest

from greenlight.codes import Code
from greenlight.errors import StoreError
from greenlight.store import packindex, packs
from greenlight.store.gitobjects import object_id
from greenlight.store.objects import ObjectStore
from greenlight.store.packindex import PACK_MAGIC, Pack
from greenlight.store.packwriter import PackWriter

FIRST = 12  # where the first entry of a pack stands


def blobs(store, *bodies):
    return {object_id("blob", body, store.object_format): ("blob", body) for body in bodies}


def fresh(store):
    return ObjectStore(store.git_dir / "objects", store.object_format)


def files(store):
    folder = store.git_dir / "objects" / "pack"
    return next(folder.glob("*.pack")), next(folder.glob("*.idx"))


def overwrite(path, data):
    path.chmod(0o644)
    path.write_bytes(data)


def put(store, found):
    store.objects.write_pack(found)
    store.objects.flush()
    return files(store)


def by_hand(store, oid, entry, offset=FIRST):
    """Place a pack with one entry, of these bytes, and an index that says ``offset``."""
    pack = PackWriter(store.git_dir / "objects" / "pack", store.object_format)
    pack.note(bytes.fromhex(oid), offset, zlib.crc32(entry))
    body = PACK_MAGIC + (1).to_bytes(4) + entry
    checksum = hashlib.new(store.object_format, body).digest()
    stem = store.git_dir / "objects" / "pack" / "pack-hostile"
    stem.with_suffix(".pack").write_bytes(body + checksum)
    stem.with_suffix(".idx").write_bytes(b"".join(pack.index(checksum)))
    pack.abandon()


def refused(store, oid, **options):
    with fresh(store) as reader, pytest.raises(StoreError) as caught:
        reader.read(oid, **options)
    return caught.value


def test_every_flipped_byte_is_found_or_neutral(store):
    """A flipped byte of pack or index gives STORE_DAMAGED, or the very same bytes."""
    found = blobs(store, *(b"%d" % number * number for number in range(12)))
    for path in put(store, found):
        good = path.read_bytes()
        # All of what describes objects; of the fan-out, which is long and dull, some.
        for at in (*range(0, len(good), 61), *range(len(good) - 300, len(good), 3)):
            overwrite(path, good[:at] + bytes([good[at] ^ 0x41]) + good[at + 1 :])
            with fresh(store) as reader:
                for oid, expected in found.items():
                    try:
                        assert reader.read(oid) == expected
                    except StoreError as error:
                        assert error.code is Code.STORE_DAMAGED  # noqa: PT017 - or the true bytes
            with pytest.raises(StoreError):
                Pack(files(store)[1], store.object_format).verify(found)
        overwrite(path, good)


def test_every_cut_is_found(store):
    """A pack or index that is cut anywhere gives STORE_DAMAGED, or the very same bytes."""
    found = blobs(store, *(b"%d" % number * number for number in range(5)))
    for path in put(store, found):
        good = path.read_bytes()
        for size in (0, 1, 7, 8, 11, 12, *range(13, len(good), 23), len(good) - 1):
            overwrite(path, good[:size])
            with fresh(store) as reader:
                for oid, expected in found.items():
                    try:
                        assert reader.read(oid) == expected
                    except StoreError as error:
                        assert error.code is Code.STORE_DAMAGED  # noqa: PT017 - or the true bytes
            with pytest.raises(StoreError):
                Pack(files(store)[1], store.object_format).verify(found)
        overwrite(path, good)


BODY = b"12345"
PLAIN = zlib.compress(BODY)


@pytest.mark.parametrize(
    "entry",
    [
        b"",
        b"\x35",  # a header, and nothing
        b"\x35" + PLAIN[:-1],
        b"\x34" + PLAIN,
        b"\x36" + PLAIN,
        b"\x30" + PLAIN,
        b"\x25" + PLAIN,  # a tree
        b"\x05" + PLAIN,  # type 0
        b"\x55" + PLAIN,  # type 5
        b"\x65\x01" + PLAIN,  # a delta of what stands before the pack
        b"\x75" + b"\1" * 40 + PLAIN,  # a delta of what is nowhere
        b"\xb5" + b"\x80" * 30 + PLAIN,  # a size without end
        b"\xb5" + b"\xff" * 30,
        b"\x35not zlib at all",
        b"\x35" + zlib.compress(b"other"),
        b"\x35" + zlib.compress(b"1" * 100_000),
    ],
)
def test_hostile_entries(store, entry):
    """A size that lies, an unknown type, other content, a cut: each is STORE_DAMAGED."""
    oid = object_id("blob", BODY, store.object_format)
    by_hand(store, oid, entry)

    assert refused(store, oid).code is Code.STORE_DAMAGED


@pytest.mark.parametrize("offset", [0, 4, 11, 26, 40, 1000, 2**31 - 1, 2**31, 2**40, 2**63])
def test_hostile_offsets(store, offset):
    """An offset outside of the pack, or into another entry, is STORE_DAMAGED."""
    oid = object_id("blob", BODY, store.object_format)
    by_hand(store, oid, b"\x35" + PLAIN, offset)

    assert refused(store, oid).code is Code.STORE_DAMAGED


def test_offset_without_a_table(store):
    """An index that names a long offset and has none is STORE_DAMAGED."""
    found = blobs(store, BODY)
    index = put(store, found)[1]
    width = len(next(iter(found))) // 2
    data = bytearray(index.read_bytes()[:-width])
    struct.pack_into(">I", data, 8 + 1024 + width + 4, 2**31 + 7)
    overwrite(index, bytes(data) + hashlib.new(store.object_format, data).digest())

    assert refused(store, next(iter(found))).code is Code.STORE_DAMAGED


def test_the_good_entry_is_read(store):
    """The same pack by hand, without the damage, gives the object."""
    oid = object_id("blob", BODY, store.object_format)
    by_hand(store, oid, b"\x35" + PLAIN)

    with fresh(store) as reader:
        assert reader.read(oid) == ("blob", BODY)


def test_bomb_is_not_inflated(store):
    """An entry that inflates to more than it declares is cut off at what it declares."""
    oid = object_id("blob", BODY, store.object_format)
    by_hand(store, oid, b"\x35" + zlib.compress(bytes(64 * 2**20)))
    tracemalloc.start()
    try:
        assert refused(store, oid).code is Code.STORE_DAMAGED
        assert tracemalloc.get_traced_memory()[1] < 4 * 2**20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(("kind", "size"), [(0x10, 2**20), (0x20, 2**26), (0x30, 2**33)])
def test_size_of_a_kind(store, kind, size):
    """An entry that declares more than its kind may have is refused before it is inflated."""
    header = bytearray([kind | size & 15])
    size >>= 4
    while size:
        header[-1] |= 0x80
        header.append(size & 0x7F)
        size >>= 7
    oid = object_id("blob", BODY, store.object_format)
    by_hand(store, oid, bytes(header) + PLAIN)

    assert refused(store, oid).code is Code.LIMIT_EXCEEDED


def test_reader_sets_a_limit(store):
    """A reader that expects little is given no more."""
    found = blobs(store, b"x" * 1001)
    put(store, found)
    oid = next(iter(found))

    assert refused(store, oid, max_bytes=1000).code is Code.LIMIT_EXCEEDED
    with fresh(store) as reader:
        assert len(reader.read_as("blob", oid, max_bytes=1001)) == 1001


def test_whole_copy_in_another_pack(store):
    """Where one pack has an object torn and another has it whole, it is read."""
    found = blobs(store, BODY)
    put(store, found)
    oid = next(iter(found))
    by_hand(store, oid, b"\x35" + zlib.compress(b"other"))

    with fresh(store) as reader:
        assert reader.read(oid) == ("blob", BODY)


def test_packs_that_appear_are_found(store):
    """A store that is open finds packs that another process writes, one after the other."""
    with fresh(store) as reader, fresh(store) as writer:
        for number in range(20):
            found = blobs(store, b"%d" % number)
            writer.write_pack(found)
            writer.flush()
            assert {oid: reader.read(oid) for oid in found} == found
            writer.release()


def test_many_packs_few_files(store):
    """Few files stay open, however many packs there are."""
    found = {}
    for number in range(40):
        found |= (each := blobs(store, b"%d" % number, b"shared"))
        store.objects.write_pack(each)
    store.objects.flush()
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else None  # noqa: PTH112, PTH208
    with fresh(store) as reader:
        assert {oid: reader.read(oid) for oid in found} == found
        if before is not None:
            assert len(os.listdir("/proc/self/fd")) <= before + packs.MAX_OPEN + 1  # noqa: PTH208


def test_large_index_is_mapped(store, monkeypatch):
    """An index too large to hold is mapped, and reads the same."""
    found = blobs(store, *(b"%d" % number for number in range(300)))
    put(store, found)
    monkeypatch.setattr(packindex, "_HELD_BYTES", 100)

    with fresh(store) as reader:
        assert {oid: reader.read(oid) for oid in found} == found
    Pack(files(store)[1], store.object_format).verify(found)


def test_index_of_version_1(store, git):
    """An index of the old version is read too, by dulwich."""
    if store.object_format == "sha256":
        pytest.skip("version 1 is for SHA-1 alone")
    found = blobs(store, *(b"%d" % number for number in range(30)))
    pack, index = put(store, found)
    index.unlink()
    git("index-pack", "--index-version=1", str(pack), cwd=store.git_dir)

    with fresh(store) as reader:
        assert {oid: reader.read(oid) for oid in found} == found


def test_own_packs_never_load_dulwich(store):
    """Reading what greenlight packed does not pay for dulwich."""
    found = blobs(store, b"x", b"y")
    put(store, found)
    code = (
        "import sys; from pathlib import Path\n"
        "from greenlight.store.repository import open_store\n"
        "with open_store(Path(sys.argv[1]), Path('/')) as s:\n"
        "    for oid in sys.argv[2:]: s.objects.read(oid)\n"
        "sys.exit('dulwich' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(store.git_dir), *found], check=False)

    assert done.returncode == 0
