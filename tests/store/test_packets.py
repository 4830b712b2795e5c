from __future__ import annotations

from datetime import UTC, datetime

import pytest

from greenlight.codes import Code
from greenlight.errors import ConflictError, MalformedError, StoreError, UsageError
from greenlight.model.finding import Finding
from greenlight.primitives.ed25519 import SeedSigner
from greenlight.primitives.openssh import format_public
from greenlight.store.gitobjects import TreeEntry, encode_commit, encode_tree, object_id
from greenlight.store.packets import read_packet, write_packet
from greenlight.store.repository import Store
from greenlight.store.shelf import PREFIX, ShelfEntry, shelf_entries, shelve

SIGNER = SeedSigner(b"\7" * 32)
AUTHOR = "A Tester <tester@example.org>"
TIME = datetime(2026, 1, 31, 23, 59, 59, tzinfo=UTC)
FILES = {"header.json": b"{}\n", "artifacts/a/b.txt": b"deep\n", "artifacts/same": b"{}\n"}
SEAL = {"seal.cose": b"\xd2", "SHA256SUMS": b"sums\n"}
TREE = "sha256:" + "1" * 64


def write(store, files=FILES, seal=SEAL):
    return write_packet(
        store, files, seal, signer=SIGNER, author=AUTHOR, time=TIME, message="Seal\n\nLane: x\n"
    )


def put_on_shelf(store, commit, number=1, time=TIME):
    return shelve(
        store, commit, packet_tree=TREE, packet_id=f"lane-{number}", author=AUTHOR, time=time
    )


def by_hand(store, entries, parents=(), body=None):
    """Write a commit over a tree with these entries at the top."""
    tree = store.objects.write("tree", encode_tree(entries) if body is None else body)
    commit = encode_commit(tree=tree, parents=parents, author=AUTHOR, time=TIME, message="m")
    oid = store.objects.write("commit", commit)
    store.objects.flush()
    return oid


def hostile(store, *entries):
    """A packet commit whose packet/ holds exactly these entries."""
    packet = store.objects.write("tree", encode_tree(entries))
    blob = store.objects.write("blob", b"seal")
    seal = store.objects.write("tree", encode_tree([TreeEntry(b"100644", b"seal.cose", blob)]))
    return by_hand(
        store, [TreeEntry(b"40000", b"packet", packet), TreeEntry(b"40000", b"seal", seal)]
    )


def files_of(store, packet):
    return {path: store.objects.read_as("blob", oid) for path, oid in packet.names.items()}


def test_round_trip(store):
    """What was written is read, byte for byte, with nothing to object to."""
    packet = read_packet(store, write(store))

    assert files_of(store, packet) == FILES
    assert packet.seal == SEAL
    assert packet.problems == ()


def test_git_agrees(store, git, tmp_path):
    """git fsck --strict and verify-commit accept the commit; the tree is what git archives."""
    commit = write(store)
    allowed = tmp_path / "allowed_signers"
    allowed.write_text(f"tester {format_public(SIGNER.public)}\n")
    settings = ("-c", "gpg.format=ssh", "-c", f"gpg.ssh.allowedSignersFile={allowed}")

    git("fsck", "--strict", "--full", cwd=store.git_dir)
    git(*settings, "verify-commit", commit, cwd=store.git_dir)
    listed = git("ls-tree", "-r", "--name-only", commit, cwd=store.git_dir).decode().split()
    assert listed == sorted([f"packet/{p}" for p in FILES] + [f"seal/{p}" for p in SEAL])
    assert (
        git("cat-file", "blob", f"{commit}:packet/artifacts/a/b.txt", cwd=store.git_dir)
        == b"deep\n"
    )


def test_same_packet_same_commit(store):
    """Sealing again gives the same commit and disturbs nothing."""
    assert write(store) == write(store)


@pytest.mark.parametrize(
    ("mode", "code"),
    [
        (b"100755", Code.FILE_MODE_REFUSED),
        (b"120000", Code.FILE_TYPE_REFUSED),
        (b"160000", Code.FILE_TYPE_REFUSED),
    ],
)
def test_other_modes_are_reported(store, mode, code):
    """An executable file, a link, a submodule: each is a finding, none is dropped in silence."""
    blob = store.objects.write("blob", b"x")
    commit = hostile(store, TreeEntry(mode, b"odd", blob), TreeEntry(b"100644", b"ok", blob))

    packet = read_packet(store, commit)

    assert [(p.code, p.where) for p in packet.problems] == [(code, "packet/odd")]
    assert files_of(store, packet)["ok"] == b"x"


def test_name_not_utf8_is_reported(store):
    """A name in no encoding is a finding, with its bytes."""
    blob = store.objects.write("blob", b"x")

    packet = read_packet(store, hostile(store, TreeEntry(b"100644", b"\xff\x1b", blob)))

    assert [p.code for p in packet.problems] == [Code.PATH_NOT_UTF8]
    assert "\\xff\\x1b" in packet.problems[0].found


def test_empty_folder_is_reported(store):
    """A tree without entries, which git add would never make, is a finding."""
    empty = store.objects.write("tree", b"")
    blob = store.objects.write("blob", b"x")
    commit = hostile(store, TreeEntry(b"40000", b"e", empty), TreeEntry(b"100644", b"ok", blob))

    assert Code.DIRECTORY_EMPTY in [p.code for p in read_packet(store, commit).problems]


def test_dangerous_names_never_reach_a_path(store):
    """Names such as .. and .git are handed on as text, for verification to refuse."""
    blob = store.objects.write("blob", b"x")
    commit = hostile(store, TreeEntry(b"100644", b"..", blob), TreeEntry(b"100644", b".git", blob))

    assert sorted(read_packet(store, commit).names) == ["..", ".git"]


@pytest.mark.parametrize("case", ["parents", "extra", "file", "missing", "blob", "unsorted"])
def test_not_a_packet_commit(store, case):
    """A commit with parents, other names at the top, or a tree readers could differ about."""
    tree = store.objects.write("tree", b"")
    blob = store.objects.write("blob", b"x")
    packet, seal = TreeEntry(b"40000", b"packet", tree), TreeEntry(b"40000", b"seal", tree)
    if case == "parents":
        oid = by_hand(store, [packet, seal], parents=(write(store),))
    elif case == "extra":
        oid = by_hand(store, [packet, seal, TreeEntry(b"100644", b"x", blob)])
    elif case == "file":
        oid = by_hand(store, [TreeEntry(b"100644", b"packet", blob), seal])
    elif case == "missing":
        oid = by_hand(store, [packet])
    elif case == "blob":
        oid = blob
    else:
        oid = by_hand(store, (), body=encode_tree([seal]) + encode_tree([packet]))
    store.objects.flush()

    with pytest.raises(MalformedError) as caught:
        read_packet(store, oid)

    assert caught.value.code is Code.SHELF_MALFORMED


def test_tree_bomb(store):
    """A tree that unfolds to more names than a packet may have ends with a limit, soon."""
    blob = store.objects.write("blob", b"")
    level = store.objects.write("tree", encode_tree([TreeEntry(b"100644", b"f", blob)]))
    for _ in range(8):
        entries = [TreeEntry(b"40000", b"%02d" % n, level) for n in range(20)]
        level = store.objects.write("tree", encode_tree(entries))

    with pytest.raises(MalformedError) as caught:
        read_packet(store, hostile(store, TreeEntry(b"40000", b"x", level)))

    assert caught.value.code is Code.LIMIT_EXCEEDED


def test_depth_bomb(store):
    """A path of more folders than a packet may have ends with a limit."""
    level = store.objects.write("tree", b"")
    for _ in range(40):
        level = store.objects.write("tree", encode_tree([TreeEntry(b"40000", b"d", level)]))

    with pytest.raises(MalformedError) as caught:
        read_packet(store, hostile(store, TreeEntry(b"40000", b"x", level)))

    assert caught.value.code is Code.LIMIT_EXCEEDED


def test_missing_blob(store):
    """A packet with a blob that is not here is damage, never a smaller packet."""
    oid = object_id("blob", b"nowhere\n", store.object_format)
    commit = hostile(store, TreeEntry(b"100644", b"lost", oid))

    with pytest.raises(StoreError) as caught:
        files_of(store, read_packet(store, commit))

    assert caught.value.code is Code.STORE_DAMAGED


def test_author_is_refused_before_anything_points_to_it(store):
    """An author that cannot stand in a commit leaves no ref."""
    with pytest.raises(UsageError):
        write_packet(store, FILES, SEAL, signer=SIGNER, author="x", time=TIME, message="m")

    assert store.refs.list("refs/") == {}


def test_shelf(store, git):
    """What was shelved is listed newest first, over months, and survives gc --prune=now."""
    commits = [write(store, {"n": b"%d" % n}) for n in range(3)]
    for number, commit in enumerate(commits):
        put_on_shelf(store, commit, number, TIME.replace(month=1 if number < 2 else 3))
    git("fsck", "--strict", "--full", cwd=store.git_dir)
    git("gc", "-q", "--prune=now", cwd=store.git_dir)

    entries = list(shelf_entries(store))

    assert entries == [ShelfEntry(TREE, f"lane-{n}", commits[n]) for n in (2, 1, 0)]
    assert [files_of(store, read_packet(store, entry.commit))["n"] for entry in entries] == [
        b"2",
        b"1",
        b"0",
    ]


def test_shelf_lost_race(store):
    """A shelf moved by another in between is shelved onto, not over."""
    commits = [write(store, {"n": b"%d" % n}) for n in range(2)]
    real = store.refs

    class Racing:
        list = staticmethod(real.list)
        lost = False

        def read(self, ref):
            return real.read(ref)

        def swap(self, ref, *, old, new):
            if not self.lost:
                self.lost = True
                put_on_shelf(store, commits[0], 0)
                raise ConflictError("moved", current=real.read(ref))
            real.swap(ref, old=old, new=new)

    racing = Store(store.git_dir, store.object_format, store.objects, Racing())
    put_on_shelf(racing, commits[1], 1)

    assert [entry.commit for entry in shelf_entries(store)] == commits[::-1]


def test_rubbish_on_a_shelf(store):
    """A shelf with something else on it gives a finding; the other shelves are read."""
    commit = write(store)
    put_on_shelf(store, commit, 1, TIME.replace(month=3))
    put_on_shelf(store, commit, 1)
    ref = f"{PREFIX}2026-01"
    store.refs.swap(ref, old=store.refs.read(ref), new=commit)
    store.refs.swap(f"{PREFIX}attic", old=None, new=commit)

    found = list(shelf_entries(store))

    assert [type(item) for item in found] == [Finding, ShelfEntry, Finding]
    assert {item.code for item in found if isinstance(item, Finding)} == {Code.SHELF_MALFORMED}
