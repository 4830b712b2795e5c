"""What a snapshot is, what its digest covers, what counts as a change."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenlight.codes import Code
from greenlight.model.grades import UNKNOWN, Grade, Grades
from greenlight.model.snapshot import (
    ABSENT,
    FileState,
    Mutation,
    Snapshot,
    SnapshotProblem,
    diff,
    shorten,
    spell_name,
    spell_target,
)

ONE = "sha256:" + hashlib.sha256(b"one").hexdigest()
TWO = "sha256:" + hashlib.sha256(b"two").hexdigest()
FILE = FileState("file", "0644", 3, ONE)
FOLDER = FileState("directory", "0755")
LINK = FileState("link", "", 3, ONE, "one")


def test_the_digest_is_sha256_over_the_documented_lines():
    """Anybody can compute it from docs/spec/execution.md."""
    snapshot = Snapshot({"b": FILE, "a": FOLDER}, (SnapshotProblem("b", "PATH_WINDOWS"),))
    lines = (
        "greenlight snapshot v1\n"
        "directory 0755 0 \0a\0\n"
        f"file 0644 3 {ONE}\0b\0\n"
        "problem PATH_WINDOWS\0b\0\n"
    )
    assert snapshot.digest.value == hashlib.sha256(lines.encode()).digest()


def test_the_digest_does_not_depend_on_the_order_of_discovery():
    """Folders are read in any order; a snapshot has one."""
    left = Snapshot({"a": FILE, "b": FOLDER})
    right = Snapshot({"b": FOLDER, "a": FILE})
    assert list(right.states) == ["a", "b"]
    assert left == right
    assert left.digest == right.digest


@pytest.mark.parametrize(
    "other",
    [
        replace(FILE, mode="0600"),
        replace(FILE, digest=TWO),
        replace(FILE, bytes=4),
        replace(FILE, kind="link"),
        replace(FILE, target="x"),
        ABSENT,
    ],
)
def test_the_digest_covers_every_field(other: FileState):
    """One field changed is another snapshot."""
    assert Snapshot({"a": FILE}).digest != Snapshot({"a": other}).digest


def test_the_digest_covers_paths_and_problems():
    """Another name is another snapshot, and so is a problem more."""
    assert Snapshot({"a": FILE}).digest != Snapshot({"b": FILE}).digest
    problem = SnapshotProblem("a", "FILE_UNREADABLE")
    assert Snapshot({"a": FILE}).digest != Snapshot({"a": FILE}, (problem,)).digest


def test_a_snapshot_cannot_be_changed():
    """States are read only, also for whoever holds the mapping they came from."""
    states = {"a": FILE}
    snapshot = Snapshot(states)
    states["b"] = FILE
    assert list(snapshot.states) == ["a"]
    with pytest.raises(TypeError):
        snapshot.states["c"] = FILE  # type: ignore[index]


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [
        (ABSENT, FILE, "created"),
        (ABSENT, FOLDER, "created"),
        (FILE, ABSENT, "deleted"),
        (FOLDER, ABSENT, "deleted"),
        (FILE, replace(FILE, digest=TWO), "modified"),
        (FILE, replace(FILE, digest=TWO, mode="0600"), "modified"),
        (FILE, replace(FILE, mode="0755"), "mode"),
        (FOLDER, replace(FOLDER, mode="0700"), "mode"),
        (LINK, replace(LINK, target="two", digest=TWO), "modified"),
        (FILE, FOLDER, "type"),
        (FILE, LINK, "type"),
    ],
)
def test_each_kind_of_change_has_its_word(before: FileState, after: FileState, change: str):
    """created, modified, deleted, mode, type."""
    mutations = diff(_of(before), _of(after))
    assert mutations == (Mutation("p", change, before, after),)


def test_nothing_changed_is_no_mutation():
    """A snapshot differs from itself in nothing."""
    snapshot = Snapshot({"a": FILE, "b": FOLDER, "c": LINK})
    assert diff(snapshot, snapshot) == ()


def test_what_was_not_read_counts_as_modified():
    """Two unread files are not equal: nobody saw either."""
    unread = FileState("file", "0000", 3)
    assert diff(_of(unread), _of(unread)) == (Mutation("p", "modified", unread, unread),)


def test_mutations_are_sorted_by_path():
    """Bytewise, as everything that is sorted."""
    after = Snapshot({"b": FILE, "a/b": FILE, "a": FOLDER, "a-b": FILE, "é": FILE})
    assert [m.path for m in diff(Snapshot(), after)] == ["a", "a-b", "a/b", "b", "é"]


@pytest.mark.parametrize(
    ("raw", "spelled", "problem"),
    [
        (b"plain.txt", "plain.txt", None),
        ("blau-grün".encode(), "blau-grün", None),
        (b"with space", "with space", None),
        (b".git", ".git", Code.PATH_DOTGIT),
        (b"nul", "nul", Code.PATH_WINDOWS),
        (b"\xff", "\\xff", Code.PATH_NOT_UTF8),
        (b"a\\b", "a\\x5cb", Code.PATH_BACKSLASH),
        (b"a\nb", "a\\x0ab", Code.PATH_CONTROL),
        ("u\u0308".encode(), "u\\xcc\\x88", Code.PATH_NOT_NFC),
        ("a\u2028b".encode(), "a\\xe2\\x80\\xa8b", Code.PATH_CONTROL),
    ],
)
def test_a_name_has_one_spelling(raw: bytes, spelled: str, problem: Code | None):
    """What is text stays; what is not is escaped and has a problem."""
    assert spell_name(raw) == (spelled, problem)


@given(st.binary(min_size=1, max_size=12), st.binary(min_size=1, max_size=12))
def test_no_two_names_share_a_spelling(left: bytes, right: bytes):
    """A hostile name cannot hide behind another one."""
    assert (spell_name(left)[0] == spell_name(right)[0]) == (left == right)


@given(st.binary(min_size=1, max_size=40))
def test_a_spelling_is_one_line_of_text(raw: bytes):
    """It can stand in a document: no control character, no surrogate; escaped means refused."""
    spelled, problem = spell_name(raw)
    assert spelled.encode().decode() == spelled
    assert spelled.isprintable() or problem is not None or not spelled.isascii()
    assert ("\\" in spelled) <= (problem is not None)


def test_what_is_too_long_to_show_is_named_by_its_digest():
    """Thirty-two levels of escaped names exceed a line of a document."""
    raw = b"\xff" * 5000
    assert shorten("x" * 4096, b"") == "x" * 4096
    assert shorten("x" * 4097, raw) == "\\sha256:" + hashlib.sha256(raw).hexdigest()
    assert spell_target(raw)[0] == shorten("x" * 4097, raw)
    assert spell_target(b"../a") == ("../a", None)


def test_a_grade_of_nothing_is_unknown():
    """Empty means no."""
    assert UNKNOWN.unknown
    assert not Grade(observed_by="snapshot").unknown
    assert not Grade(enforced_by="namespace").unknown
    assert all(grade.unknown for _, grade in Grades().rows())
    assert [name for name, _ in Grades().rows()] == [
        "path_workspace",
        "path_outside",
        "network",
        "program",
        "environment",
        "tool",
    ]


def _of(state: FileState) -> Snapshot:
    return Snapshot({} if state == ABSENT else {"p": state})
