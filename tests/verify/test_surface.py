"""Patterns of surfaces: what they match, what overlaps, and that no pattern is slow."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenlight.codes import Code
from greenlight.model.surface import (
    REJECTS,
    SIXTEEN,
    SurfaceClass,
    matches,
    matches_any,
    tool_matches,
)
from greenlight.verify.derive.scope_lock import overlap


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("a.md", "a.md", True),
        ("a.md", "b.md", False),
        ("a.md", "xa.md", False),
        ("a.md", "aXmd", False),
        ("kb", "kb", True),
        ("kb", "kb/a/b", True),
        ("kb", "kb2", False),
        ("kb/*", "kb/a", True),
        ("kb/*", "kb/a/b", True),  # below a folder that is matched
        ("kb/*", "kb", False),
        ("kb/*.md", "kb/a.md", True),
        ("kb/*.md", "kb/a/b.md", False),
        ("kb/?.md", "kb/a.md", True),
        ("kb/?.md", "kb/ab.md", False),
        ("kb/?", "kb/", False),
        ("kb/**", "kb/a", True),
        ("kb/**", "kb/a/b/c", True),
        ("kb/**", "kb", False),
        ("**", "a", True),
        ("**", "a/b/c", True),
        ("**/x", "x", True),
        ("**/x", "a/b/x", True),
        ("**/x", "a/b/x/y", True),
        ("**/x", "a/bx", False),
        ("a/**/z", "a/z", True),
        ("a/**/z", "a/b/c/z", True),
        ("a/**/z", "a/b/c/y", False),
        ("**/.env", "srv/.env", True),
        ("**/credentials/**", "a/credentials/b", True),
        ("**/credentials/**", "credentials", False),
        ("a*c", "abbc", True),
        ("a*c", "ab/c", False),
        ("a**c", "abc", True),
        ("a**c", "ab/c", False),  # only a segment of two stars crosses segments
        ("*a*b*", "xaybz", True),
        ("*a*b*", "xbya", False),
        ("*ab", "aab", True),
        ("[ab]", "a", False),
        ("[ab]", "[ab]", True),
        ("a+", "aa", False),
        ("*", "Ä", True),
    ],
)
def test_matches(pattern: str, path: str, expected: bool) -> None:
    """A pattern matches these paths, or it does not."""
    assert matches(pattern, path) is expected


@pytest.mark.parametrize(
    ("pattern", "tool", "expected"),
    [
        ("query_pg", "query_pg", True),
        ("query_pg", "query_pg2", False),
        ("directus_*", "directus_delete_items", True),
        ("directus_*", "directus", False),
        ("*", "anything/at:all", True),
        ("a?", "ab", False),
        ("a?", "a?", True),
        ("a.b", "axb", False),
    ],
)
def test_tool_matches(pattern: str, tool: str, expected: bool) -> None:
    """Of a tool's name only a star is special."""
    assert tool_matches(pattern, tool) is expected


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("kb/a.md", "kb/a.md", True),
        ("kb", "kb/registry/**", True),
        ("kb/registry/x.json", "kb/registry/**", True),
        ("kb/a.md", "kb/registry/**", False),
        ("kb/*", "kb/registry/**", True),  # both have wildcards: errs towards yes
        ("kb/*.md", "kb/*.json", True),
        ("doc/*", "kb/*", False),
        ("**/.env", "kb/.env", True),
        ("**/.env", "kb/env", False),
    ],
)
def test_overlap_is_symmetric(one: str, other: str, expected: bool) -> None:
    """Two patterns overlap, or not, whichever comes first."""
    assert overlap(one, other) is overlap(other, one) is expected


NAMES = st.text("ab", min_size=1, max_size=3)
SEGMENT = st.text("ab*?", min_size=1, max_size=4)


def as_regex(pattern: str) -> str:
    """Spell a pattern as a regular expression, slowly but plainly: the second reader."""
    segments = pattern.split("/")
    spelled = ""
    for index, segment in enumerate(segments):
        last = index == len(segments) - 1
        if segment == "**":
            spelled += ".+" if last else "(?:[^/]+/)*"
        else:
            plain = {"*": "[^/]*", "?": "[^/]"}
            spelled += "".join(plain.get(c, re.escape(c)) for c in segment) + ("" if last else "/")
    return f"(?:{spelled})(?:/.*)?"


@given(
    pattern=st.lists(st.one_of(SEGMENT, st.just("**")), min_size=1, max_size=4).map("/".join),
    path=st.lists(NAMES, min_size=1, max_size=5).map("/".join),
)
def test_matches_as_a_plain_regular_expression_does(pattern: str, path: str) -> None:
    """The fast matcher and the obvious one agree."""
    assert matches(pattern, path) is (re.fullmatch(as_regex(pattern), path) is not None)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("*a" * 200 + "b", "a" * 4000),
        ("**/" * 300 + "x", "a/" * 1000 + "a"),
        ("**/*a/" * 100 + "x", "a/" * 500 + "a"),
    ],
)
def test_no_pattern_takes_long(pattern: str, path: str) -> None:
    """Patterns that make a backtracking matcher run for years are answered at once."""
    started = time.monotonic()
    assert matches(pattern, path) is False
    assert tool_matches(pattern, path) is False
    assert time.monotonic() - started < 5


def test_matches_any_asks_all() -> None:
    """One pattern of several is enough, and none of none."""
    assert matches_any(["x", "kb/*"], "kb/a")
    assert not matches_any([], "kb/a")


def test_every_class_has_a_code() -> None:
    """Each class of surface is refused with a code; the sixteen are those of the source."""
    assert set(REJECTS) == set(SurfaceClass)
    assert len(SIXTEEN) == 16
    assert REJECTS[SurfaceClass.SECRETS] is Code.SECRETS_REFUSED
    cutover = (
        SurfaceClass.PERMIT,
        SurfaceClass.ACTIVATION,
        SurfaceClass.REPOINT,
        SurfaceClass.CUTOVER,
    )
    assert {REJECTS[kind] for kind in cutover} == {Code.CUTOVER_REFUSED}
