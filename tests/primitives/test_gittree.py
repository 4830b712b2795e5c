from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from greenlight.codes import Code
from greenlight.errors import MalformedError
from greenlight.primitives.gittree import (
    EMPTY_TREE,
    ID_BYTES,
    blob_hasher,
    blob_id,
    tree_id,
    tree_objects,
)
from greenlight.primitives.packet_path import MAX_DEPTH, collisions, path_problem
from tests.oracles import git_packet_tree
from tests.tools import need

ALGORITHMS = sorted(ID_BYTES)


def write(folder: Path, files: Mapping[str, bytes]) -> None:
    for path, data in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)


def ours(files: Mapping[str, bytes], algorithm: str = "sha256") -> str:
    return tree_id(
        {path: blob_id(data, algorithm) for path, data in files.items()}, algorithm
    ).hex()


TREES = {
    "empty": {},
    "one": {"a": b"a"},
    "empty files": {"a": b"", "b/c": b""},
    "sort order": dict.fromkeys(
        ("a.b", "a/b", "a0", "a-", "a b", "aa", "b", "a!/b", "é", "z"), b"x"
    ),
    "sort order of directories": dict.fromkeys(
        ("a/b", "a-b/c", "a.c", "a0/d", "a中/e", "a/b.c", "a/b0/c"), b"x"
    ),
    "equal subtrees": {f"{name}/x/y": b"same" for name in "abc"},
    "odd names": {
        name: name.encode()
        for name in (
            *("-rf", "--", " leading", "a  b", "$Id$", "*", "?", "[a]", "!x", "#x", "~", "'", '"'),
            *("%41", "\u4e2d\u6587", "\U0001f600", "\u202eevil", "caf\u00e9", "a" * 255, "`x`"),
            *(".gitkeep", ".github/x", "git/x", "HEAD", "refs/heads/main", "objects/ab", "&&", "|"),
        )
    },
    "attributes": {
        ".gitattributes": b"* text eol=crlf ident filter=lfs working-tree-encoding=UTF-16\n",
        "crlf": b"a\r\nb\r\n",
        "mixed": b"a\r\nb\n",
        "ident": b"$Id$ $Id: 0123456789 $\n",
        "d/.gitattributes": b"x -diff\n[attr]binary text\n* binary\n",
        "d/x": b"\r\n",
        "utf16": "text\r\n".encode("utf-16"),
    },
    "ignored": {
        ".gitignore": b"*\n",
        "d/.gitignore": b"/secret\n",
        "d/secret": b"s",
        "build/out.o": b"o",
    },
    "modules": {".gitmodules": b'[submodule "x"]\n\tpath = d\n\turl = ../x\n', "d/x": b"x"},
    "mailmap": {".mailmap": b"A <a@example.org>\n", ".gitreview": b""},
    "deep": {"/".join(["d"] * MAX_DEPTH): b"x", "/".join(["d"] * 20 + ["e"]): b"y"},
    "bytes": {"all": bytes(range(256)), "zeros": bytes(70_000)},
}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("name", TREES)
def test_git_gives_the_same_id(name, algorithm, tmp_path):
    """git alone, by the recipe, names every tree as we do, in both object formats."""
    write(tmp_path, TREES[name])
    assert git_packet_tree(tmp_path, algorithm) == ours(TREES[name], algorithm)


def test_ten_thousand_entries_are_quick_and_equal(tmp_path):
    """A large packet takes a fraction of a second, and git agrees."""
    files = {f"artifacts/{n % 97}/{n:05}.txt": b"%d\n" % n for n in range(9_000)}
    files |= {f"flat-{n}": b"" for n in range(1_000)}
    blobs = {path: blob_id(data) for path, data in files.items()}
    started = time.perf_counter()
    found = tree_id(blobs)
    assert time.perf_counter() - started < 1
    write(tmp_path, files)
    assert git_packet_tree(tmp_path) == found.hex()


segments = st.text(st.sampled_from("ab.-0/ \u00e9\U0001f600"), min_size=1, max_size=4).map(
    lambda text: text.replace("/", "_")
)
paths = st.lists(segments, min_size=1, max_size=4).map("/".join)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.dictionaries(paths, st.binary(max_size=8), max_size=12))
def test_git_agrees_on_generated_trees(tmp_path_factory, files):
    """Whatever packet paths allow, git names it as we do."""
    legal: dict[str, bytes] = {}
    for path, data in files.items():
        if path_problem(path) is None and not collisions([*legal, path]):
            legal[path] = data
    folder = tmp_path_factory.mktemp("tree")
    write(folder, legal)
    assert git_packet_tree(folder) == ours(legal)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_git_stores_the_objects_as_they_are(algorithm, tmp_path):
    """Each body, stored by git itself, gets the id we gave it, and nothing is missing."""
    git = need("git")
    subprocess.run([git, "init", "-q", f"--object-format={algorithm}", str(tmp_path)], check=True)

    def store(kind: str, data: bytes) -> str:
        command = [git, "-C", str(tmp_path), "hash-object", "-w", "-t", kind, "--stdin"]
        done = subprocess.run(command, input=data, capture_output=True, check=True)
        return done.stdout.decode().strip()

    files = TREES["sort order of directories"] | TREES["odd names"]
    blobs = {path: blob_id(data, algorithm) for path, data in files.items()}
    for path, data in files.items():
        assert store("blob", data) == blobs[path].hex()
    value = b""
    for value, body in tree_objects(blobs, algorithm):
        assert store("tree", body) == value.hex()
    command = [git, "-C", str(tmp_path), "ls-tree", "-r", "--name-only", "-z", value.hex()]
    listed = subprocess.run(command, capture_output=True, check=True).stdout.decode()
    assert listed.rstrip("\0").split("\0") == sorted(files)
    assert (
        subprocess.run([git, "-C", str(tmp_path), "fsck", "--strict"], check=False).returncode == 0
    )


def test_children_come_before_parents_and_none_twice():
    """A writer can store the objects as they come, and a pack gets none of them twice."""
    blobs = {path: blob_id(data) for path, data in TREES["equal subtrees"].items()}
    seen: list[bytes] = []
    for value, body in tree_objects(blobs):
        for child in (v for v, _ in tree_objects(blobs) if v in body):
            assert child in seen
        assert value not in seen
        seen.append(value)
    assert len(seen) == 3  # y's directory, x's directory, the root
    assert seen[-1] == tree_id(blobs)


def test_the_empty_tree_has_an_id():
    """A packet without files is the empty tree, which is also what a failed recipe prints."""
    assert list(tree_objects({})) == [(bytes.fromhex(EMPTY_TREE), b"")]
    assert tree_id({}, "sha1").hex() == "4b825dc642cb6eb9a060e54bf8d69288fbee4904"


@given(st.binary(max_size=300), st.integers(1, 50))
def test_a_blob_can_be_hashed_in_pieces(data, step):
    """The streaming hasher gives what the whole gives."""
    hasher = blob_hasher(len(data))
    for start in range(0, len(data), step):
        hasher.update(memoryview(data)[start : start + step])
    assert hasher.digest() == blob_id(data)


@pytest.mark.parametrize(
    ("names", "code"),
    [
        (["a", "a/b"], Code.PATH_COLLISION),
        (["a", "a.b", "a/b"], Code.PATH_COLLISION),
        (["d/a", "d/a/b/c"], Code.PATH_COLLISION),
        ([""], Code.PATH_DOTS),
        (["/a"], Code.PATH_DOTS),
        (["a/"], Code.PATH_DOTS),
        (["a//b"], Code.PATH_DOTS),
        (["a/../b"], Code.PATH_DOTS),
        (["./a"], Code.PATH_DOTS),
        (["a\0b"], Code.PATH_CONTROL),
        (["a\0b/c"], Code.PATH_CONTROL),
        (["a\udc80"], Code.PATH_NOT_UTF8),
    ],
)
def test_what_has_no_tree_is_refused(names, code):
    """Files that are directories, empty names, dots, NUL and other encodings have no id."""
    with pytest.raises(MalformedError) as caught:
        tree_id({name: bytes(32) for name in names})
    assert caught.value.code is code


def test_a_wrong_id_is_a_bug():
    """Ids of the other algorithm, and algorithms Git has not, do not get into a tree."""
    with pytest.raises(ValueError, match="32 bytes"):
        tree_id({"a": bytes(20)})
    with pytest.raises(ValueError, match="object format"):
        blob_id(b"", "md5")
