from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenlight.codes import Code
from greenlight.primitives import packet_path
from greenlight.primitives.packet_path import (
    MAX_DEPTH,
    MAX_PATH_BYTES,
    MAX_SEGMENT_BYTES,
    collisions,
    fold_segment,
    name_problem,
    path_problem,
)

# Git's utf8.c, next_hfs_char: what HFS+ skips when it compares names.
HFS_IGNORABLE = [
    *range(0x200C, 0x2010),
    *range(0x202A, 0x202F),
    *range(0x206A, 0x2070),
    0xFEFF,
]

DOTGIT = [
    ".git",
    ".GIT",
    ".Git",
    ".git.",
    ".git ",
    ".git. . ",
    ".git::$INDEX_ALLOCATION",
    ".git:stream",
    ".git\\",
    ".git\\config",
    "git~1",
    "GIT~1",
    "Git~2",
    "git~9",
    "git~10",
    "git~1.",
    "git~1::$DATA",
    ".g\u0131t",
    ".g\u0130t".replace("\u0130", "I"),
    "\uff0egit",
    ".\u24d6it",
    *[f".g{chr(point)}it" for point in HFS_IGNORABLE],
    *[f"{chr(point)}.git" for point in HFS_IGNORABLE],
    *[f".git{chr(point)}" for point in HFS_IGNORABLE],
    ".gi\u00adt",
]
WINDOWS = [
    *["CON", "con", "PRN", "aux", "NUL", "NUL.txt", "nul.tar.gz", "Nul .txt", "CONIN$", "conout$"],
    *[f"COM{digit}" for digit in "0123456789\u00b9\u00b2\u00b3"],
    *[f"lpt{digit}.log" for digit in "0123456789\u00b9\u00b2\u00b3"],
    *["C:", "C:name", "name:stream", "a.", "a ", "...", " ", ". ", "CLOCK$"],
]
LEGAL = [
    *["a", ".a", "..a", "a..b", ".gitignore", ".gitattributes", ".github", "git", "git~", "git~a"],
    *["agit~1", ".git2", ".gitt", "git~1.txt", " a", "a b", "a~1", "-rf", "$Id$", "*", "?", '"'],
    *["console", "com", "com10", "nulls", "lpt", "auxiliary.txt", "%41", "#", "\u4e2d\u6587"],
    *["\u00e9.txt", "\U0001f600", "a" * MAX_SEGMENT_BYTES, "\u0131", "~", "=", "&", "(", "'", "`"],
]
NAMES_REFUSED = [
    *[(name, Code.PATH_DOTGIT) for name in DOTGIT],
    *[(name, Code.PATH_WINDOWS) for name in WINDOWS],
    *[(name, Code.PATH_DOTS) for name in ("", ".", "..", "a/b", "/")],
    *[(name, Code.PATH_BACKSLASH) for name in ("a\\b", "..\\a", "\\", "C:\\x", "\\\\server\\x")],
    *[(f"a{chr(point)}b", Code.PATH_CONTROL) for point in (*range(0x20), *range(0x7F, 0xA0))],
    ("a\udc80", Code.PATH_NOT_UTF8),
    ("\ud800", Code.PATH_NOT_UTF8),
    ("e\u0301", Code.PATH_NOT_NFC),
    ("\u212b", Code.PATH_NOT_NFC),
    ("a" * (MAX_SEGMENT_BYTES + 1), Code.PATH_TOO_LONG),
    ("\u00e9" * (MAX_SEGMENT_BYTES // 2 + 1), Code.PATH_TOO_LONG),
]


@pytest.mark.parametrize(("name", "code"), NAMES_REFUSED)
def test_a_dangerous_name_is_refused_at_every_depth(name, code):
    """Each class of name has its code, alone and as a segment of a path."""
    assert name_problem(name) is code
    if "/" not in name:
        assert path_problem(f"a/{name}/b") is code
        assert path_problem(f"a/{name}") is code


@pytest.mark.parametrize("name", LEGAL)
def test_an_odd_name_is_legal(name):
    """What every system holds alike is taken, however odd it looks."""
    assert name_problem(name) is None
    assert path_problem(f"{name}/{name}") is None


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/", Code.PATH_ABSOLUTE),
        ("/etc/passwd", Code.PATH_ABSOLUTE),
        ("//server/share", Code.PATH_ABSOLUTE),
        ("", Code.PATH_DOTS),
        ("a/", Code.PATH_DOTS),
        ("a//b", Code.PATH_DOTS),
        ("./a", Code.PATH_DOTS),
        ("a/../b", Code.PATH_DOTS),
        ("..", Code.PATH_DOTS),
        ("/".join(["d"] * MAX_DEPTH), None),
        ("/".join(["d"] * (MAX_DEPTH + 1)), Code.PATH_TOO_DEEP),
        ("/".join(["a" * 127] * MAX_DEPTH) + "a", None),
        ("/".join(["a" * 127] * MAX_DEPTH) + "aa", Code.PATH_TOO_LONG),
        ("/" * 10_000_000, Code.PATH_TOO_LONG),
    ],
)
def test_paths_as_a_whole(path, code):
    """Absolute, empty, dotted, deep and long paths are refused, the limits themselves are not."""
    assert path_problem(path) is code


def test_the_longest_path_is_the_limit():
    """The longest accepted path of the table above has exactly MAX_PATH_BYTES bytes."""
    assert len("/".join(["a" * 127] * MAX_DEPTH) + "a") == MAX_PATH_BYTES


@pytest.mark.parametrize(
    ("paths", "pairs"),
    [
        (["a", "b"], []),
        (["a/b", "a/c", "a.b"], []),
        (["a", "a"], [("a", "a")]),
        (["a", "A"], [("A", "a")]),
        (["a/x", "A/y"], [("A/y", "a/x")]),
        (["a", "a/b"], [("a", "a/b")]),
        (["a/b", "A"], [("A", "a/b")]),
        (["d/a", "D/a/b"], [("D/a/b", "d/a")]),
        (["\u00e9", "e\u0301"], [("e\u0301", "\u00e9")]),
        (["\u00c9", "\u00e9"], [("\u00c9", "\u00e9")]),
        (["stra\u00dfe", "STRASSE"], [("STRASSE", "stra\u00dfe")]),
        (["\u03c3", "\u03c2"], [("\u03c2", "\u03c3")]),
        (["a\u200d", "a"], [("a", "a\u200d")]),
        (["\ufb01le", "file"], [("file", "\ufb01le")]),
        (["\u0131", "i"], [("i", "\u0131")]),
        (["K", "\u212a"], [("K", "\u212a")]),
        (["\u2100", "a/c"], []),
        (["x/a", "y/A"], []),
    ],
)
def test_paths_that_fold_to_one_collide(paths, pairs):
    """Case, normalisation, ignorable characters, and files where directories are."""
    assert collisions(paths) == pairs
    assert collisions(reversed(paths)) == pairs


names = st.text(st.characters(exclude_characters="/"), min_size=1, max_size=8)


@given(names)
def test_folding_is_stable_and_covers_the_file_systems(name):
    """A name folds to itself, and to what each way of folding a file system uses gives."""
    folded = fold_segment(name)
    assert fold_segment(folded) == folded
    for form in ("NFC", "NFD"):
        assert fold_segment(unicodedata.normalize(form, name)) == folded
    assert fold_segment(name.casefold()) == folded


few = st.text("aAi\u0131\u200d\u00df\u1e9esS", min_size=1, max_size=2)


@given(st.lists(st.lists(few, min_size=1, max_size=3).map("/".join), max_size=8))
def test_collisions_agree_with_a_slow_reader(paths):
    """Without collision, all prefixes fold to as many names as they are."""
    spelled, folded = set(), set()
    for path in paths:
        segments = path.split("/")
        for end in range(1, len(segments) + 1):
            spelled.add((tuple(segments[:end]), end == len(segments)))
            folded.add(tuple(map(fold_segment, segments[:end])))
    distinct = len(spelled) == len(folded) and len(set(paths)) == len(paths)
    assert (collisions(paths) == []) is distinct


@given(st.text())
def test_an_accepted_path_is_plain(path):
    """Whatever is accepted is NFC, UTF-8, relative, and has no segment to fear."""
    if path_problem(path) is not None:
        return
    assert unicodedata.is_normalized("NFC", path)
    assert not path.startswith("/")
    for segment in path.encode().split(b"/"):
        assert segment not in {b"", b".", b".."}
        assert 0 < len(segment) <= MAX_SEGMENT_BYTES
        assert not segment.lower().startswith((b".git.", b".git ")) or segment[-1:] not in b". "


def test_ten_thousand_paths_are_quick():
    """Checking a large packet's paths takes a fraction of a second."""
    paths = [f"artifacts/{n % 100:03}/caf\u00e9-{n:06}.json" for n in range(10_000)]
    started = time.perf_counter()
    assert all(path_problem(path) is None for path in paths)
    assert collisions(paths) == []
    assert time.perf_counter() - started < 2


@given(
    st.text("abcCOoNnPpRrLlTtUuXx019._-/~ :$\u212a\u017f\u0131é", max_size=24)
    | st.lists(
        st.sampled_from(
            ["con", "CON.txt", "com1", "com10", "lpt9.x", "nul", "nul-", "aux.", "a.b.c", ".git"]
        ),
        max_size=30,
    ).map("/".join)
)
def test_plain_paths_are_found_plain_by_the_rules(path):
    """The short way and the rules say the same of every path."""
    assert packet_path.path_problem(path) == packet_path._first_problem(path)  # noqa: SLF001


def test_plain_paths_have_their_limits():
    """What is plain may still be too long, or too deep."""
    assert path_problem("a" * MAX_SEGMENT_BYTES) is None
    assert path_problem("a" * (MAX_SEGMENT_BYTES + 1)) is Code.PATH_TOO_LONG
    assert path_problem("/".join("a" * MAX_DEPTH)) is None
    assert path_problem("/".join("a" * (MAX_DEPTH + 1))) is Code.PATH_TOO_DEEP
