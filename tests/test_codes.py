"""Every code is shown by something that breaks: a vector, or a test that names it."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from greenlight.codes import Code, Giver

TESTS = Path(__file__).parent
VECTORS = TESTS / "vectors"


@cache
def vector_codes() -> dict[str, list[Path]]:
    """Map each code to the folders ``vectors/<area>/<CODE>__<what>/`` that show it."""
    found: dict[str, list[Path]] = {}
    for folder in sorted(VECTORS.glob("*/*__*/")):
        found.setdefault(folder.name.partition("__")[0], []).append(folder)
    return found


@cache
def words_of_tests() -> frozenset[str]:
    """Return every code that a transcript shows, or a test names: ``Code.X`` or a whole text."""
    tests = (path for path in TESTS.rglob("test_*.py") if path != Path(__file__))
    found = {
        word
        for path in tests
        for pair in re.findall(
            r"\bCode\.([A-Z][A-Z0-9_]+)\b|[\"'`]([A-Z][A-Z0-9_]+)[:\"'`]",
            path.read_text(encoding="utf-8"),
        )
        for word in pair
    }
    for transcript in (TESTS / "transcripts").rglob("*.txt"):
        found |= set(re.findall(r"\b[A-Z][A-Z0-9_]+\b", transcript.read_text(encoding="utf-8")))
    return frozenset(found)


def test_the_vectors_are_there() -> None:
    """A folder that moved away does not make every test pass."""
    assert len(vector_codes()) > len(Code) / 4


@pytest.mark.parametrize("code", [c for c in Code if c.giver is Giver.VERIFY], ids=str)
def test_a_code_of_verify_has_a_vector(code: Code) -> None:
    """Somebody else's verifier can be held to it: the folder is named after the code."""
    folders = vector_codes().get(code.name, [])
    assert folders, f"no tests/vectors/<area>/{code.name}__*/"
    assert [folder for folder in folders if not any(folder.iterdir())] == []


@pytest.mark.parametrize("code", [c for c in Code if c.giver is not Giver.VERIFY], ids=str)
def test_every_other_code_is_shown_by_a_test(code: Code) -> None:
    """Naming it is the least; the test says when it is given."""
    assert code.name in words_of_tests(), f"no test names Code.{code.name}"


def test_every_vector_is_of_a_code() -> None:
    """No folder outlives its code: codes are never renamed."""
    assert vector_codes().keys() - {code.name for code in Code} <= {"GOOD"}


def test_codes_are_words_that_stay() -> None:
    """Capitals, digits and underscores, and no meaning given to two."""
    assert [code.name for code in Code if not re.fullmatch(r"[A-Z][A-Z0-9_]+", code.name)] == []
    meanings = [code.meaning for code in Code]
    assert sorted({m for m in meanings if meanings.count(m) > 1}) == []
    assert [code.name for code in Code if code.meaning.endswith(".")] == []
