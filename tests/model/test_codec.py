"""One strict reader for all types of the model."""

from __future__ import annotations

import copy
from enum import StrEnum
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from greenlight.model import codec
from greenlight.model.codec import (
    Problem,
    Unreadable,
    differences,
    draft,
    from_document,
    from_plain,
    name_of,
    to_document,
    to_plain,
)
from greenlight.model.documents import DOCUMENTS, Header, Pins, Review
from greenlight.model.documents.pins import PinRow
from greenlight.model.fields import Count, Slug, derived, outcome, recorded, value
from greenlight.model.fields import given as field
from greenlight.model.kinds import PacketPurged
from greenlight.model.lane import Lane, Step
from greenlight.model.snapshot import FileState
from greenlight.primitives import cjson
from tests.values import documents_of

DIGEST = "sha256:" + "0" * 64
ROW = {
    "name": "P7",
    "path": "kb/p7.md",
    "rule": "full-normalized-content",
    "pinned": DIGEST,
    "before": DIGEST,
    "after": "",
    "intact": False,
}
PINS = {"format": 1, "kind": "pins", "pins": [ROW]}
some = settings(max_examples=20, suppress_health_check=list(HealthCheck))


class Word(StrEnum):
    """Words of a value made for these tests."""

    GOOD = "good"
    BAD = "bad"
    UNKNOWN = "unknown"


@value
class Inner:
    """A nested value."""

    count: Count = recorded("How many.")


@value
class Outer:
    """A value with a field of every form."""

    slug: Slug = recorded("A text.")
    count: Count = outcome("A number.")
    sure: bool = derived("A truth.")
    word: Word = derived("A word.")
    rows: tuple[Inner, ...] = derived("Nested values.")
    maybe: Inner | None = derived("One, or none.")


GOOD = {
    "slug": "a",
    "count": 1,
    "sure": True,
    "word": "good",
    "rows": [{"count": 2}],
    "maybe": None,
}


def problems(cls: type, data: object) -> list[Problem]:
    with pytest.raises(Unreadable) as caught:
        from_plain(cls, data)
    return caught.value.problems


@pytest.mark.parametrize("cls", DOCUMENTS, ids=name_of)
@some
@given(data=st.data())
def test_a_document_is_read_and_written_back_the_same(cls: type, data: st.DataObject) -> None:
    """Reading and writing are inverse, through bytes too."""
    plain = data.draw(documents_of(cls))
    read = from_document(cls, cjson.decode(cjson.encode(plain)))
    assert to_document(read) == plain
    assert isinstance(read, cls)


def test_every_form_of_field_is_read() -> None:
    """Texts, numbers, truths, words, arrays, nested values and none."""
    read = from_plain(Outer, GOOD)
    assert read == Outer(
        slug="a", count=1, sure=True, word=Word.GOOD, rows=(Inner(count=2),), maybe=None
    )
    assert from_plain(Outer, {**GOOD, "maybe": {"count": 3}}).maybe == Inner(count=3)


@pytest.mark.parametrize(
    ("change", "pointer", "expected", "found"),
    [
        ({"slug": 1}, "/slug", "a slug of a-z, 0-9 and -", "1"),
        ({"slug": "a\n"}, "/slug", "a slug of a-z, 0-9 and -", r"'a\n'"),
        ({"slug": None}, "/slug", "a slug of a-z, 0-9 and -", "nothing"),
        ({"count": -1}, "/count", "an integer from 0 to 9007199254740991", "-1"),
        ({"count": True}, "/count", "an integer from 0 to 9007199254740991", "true"),
        ({"count": 1.0}, "/count", "an integer from 0 to 9007199254740991", "1.0"),
        ({"count": "1"}, "/count", "an integer from 0 to 9007199254740991", "'1'"),
        ({"sure": 1}, "/sure", "true or false", "1"),
        ({"word": "GOOD"}, "/word", "one of good, bad, unknown", "'GOOD'"),
        ({"word": ["good"]}, "/word", "one of good, bad, unknown", "an array of 1"),
        ({"rows": {}}, "/rows", "an array", "an object"),
        ({"rows": [1]}, "/rows/0", "an object", "1"),
        ({"rows": [{"count": 1}, {}]}, "/rows/1/count", "this field", "nothing"),
        ({"maybe": []}, "/maybe", "an object", "an array of 0"),
        ({"a/b~c": 1}, "/a~1b~0c", "no field of this name", "'a/b~c'"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(
    change: dict[str, object], pointer: str, expected: str, found: str
) -> None:
    """Pointer, what was expected, what was found."""
    assert problems(Outer, {**GOOD, **change}) == [Problem(pointer, expected, found)]


def test_all_problems_are_reported() -> None:
    """The first does not hide the second."""
    broken = {"slug": "?", "word": "x", "rows": [{"count": -1}, {"count": "2"}], "extra": 0}
    assert [p.pointer for p in problems(Outer, broken)] == [
        "/slug",
        "/count",
        "/sure",
        "/word",
        "/rows/0/count",
        "/rows/1/count",
        "/maybe",
        "/extra",
    ]


@pytest.mark.parametrize("data", [None, [], "text", 1, True])
def test_what_is_no_object_is_no_document(data: object) -> None:
    """Neither a document nor a value."""
    with pytest.raises(Unreadable) as caught:
        from_document(Pins, data)
    assert [(p.pointer, p.expected) for p in caught.value.problems] == [("", "an object")]
    assert [(p.pointer, p.expected) for p in problems(Inner, data)] == [("", "an object")]


@pytest.mark.parametrize("version", [0, 2, True, 1.0, "1", None])
def test_an_unknown_version_comes_alone(version: object) -> None:
    """Of a version that nobody here has seen, nothing else can be said."""
    with pytest.raises(Unreadable) as caught:
        from_document(Pins, {"format": version, "kind": "?", "more": 1})
    assert [p.pointer for p in caught.value.problems] == ["/format"]


def test_one_kind_does_not_pass_for_another() -> None:
    """The kind stands in the document, not only in its name."""
    with pytest.raises(Unreadable) as caught:
        from_document(Pins, {**PINS, "kind": "header"})
    assert caught.value.problems == [Problem("/kind", "pins", "'header'")]


def test_a_nested_value_carries_no_version() -> None:
    """Format and kind belong to documents alone."""
    with pytest.raises(Unreadable) as caught:
        from_document(Pins, {**PINS, "pins": [{**ROW, "format": 1}]})
    assert [p.pointer for p in caught.value.problems] == ["/pins/0/format"]


def test_an_array_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit is checked before the elements are read."""
    monkeypatch.setattr(codec, "MAX_ROWS", 2)
    assert problems(Outer, {**GOOD, "rows": [None] * 3}) == [
        Problem("/rows", "at most 2 elements", "3")
    ]


def test_only_a_person_may_leave_a_field_unsaid() -> None:
    """A lane has defaults; a document has one spelling."""
    assert from_plain(Step, {"id": "S1"}) == Step(id="S1")
    without = {key: item for key, item in ROW.items() if key != "after"}
    with pytest.raises(Unreadable) as caught:
        from_document(Pins, {**PINS, "pins": [without]})
    assert [p.pointer for p in caught.value.problems] == ["/pins/0/after"]


def test_a_default_for_code_is_none_for_a_document() -> None:
    """The type of a file state has defaults for those who make one; its document has none."""
    assert FileState("absent") == from_plain(FileState, to_plain(FileState("absent")))
    assert [p.pointer for p in problems(FileState, {"kind": "absent"})] == [
        "/mode",
        "/bytes",
        "/digest",
        "/target",
    ]


def test_what_is_found_is_shown_briefly() -> None:
    """A hostile value does not flood the message."""
    (problem,) = problems(Outer, {**GOOD, "slug": "?" * 10_000})
    assert len(problem.found) < 100
    (problem,) = problems(Outer, {**GOOD, "slug": "\x1b[2J\u202e"})
    assert problem.found.isascii()


def test_differences_name_every_place() -> None:
    """Both sides are walked; what one side lacks is a difference too."""
    found = copy.deepcopy(PINS)
    found["pins"][0]["intact"] = True  # type: ignore[index]
    found["extra"] = 1
    del found["kind"]
    assert list(differences(PINS, found)) == [
        Problem("/extra", "no such field", "1"),
        Problem("/kind", "'pins'", "no such field"),
        Problem("/pins/0/intact", "false", "true"),
    ]


def test_differences_tell_types_apart() -> None:
    """1 is not true, and an array that grew differs as a whole."""
    assert list(differences({"a": 1}, {"a": True})) == [Problem("/a", "1", "true")]
    assert list(differences([1], [1, 2])) == [Problem("", "an array of 1", "an array of 2")]
    assert list(differences(PINS, copy.deepcopy(PINS))) == []


def test_a_field_that_is_null_differs_from_one_that_is_absent() -> None:
    """Two documents that differ have at least one difference."""
    assert list(differences({"a": None}, {})) != []


@some
@given(data=st.data())
def test_differences_are_empty_for_equal_values_only(data: st.DataObject) -> None:
    """No difference means the same bytes, and the other way round."""
    one, other = (data.draw(documents_of(Header)) for _ in range(2))
    assert (list(differences(one, other)) == []) == (cjson.encode(one) == cjson.encode(other))


def test_a_draft_leaves_derived_fields_blank_and_careful() -> None:
    """UNKNOWN before anything was derived, never PASS."""
    made = draft(Outer, slug="a", count=1)
    assert made == Outer(slug="a", count=1, sure=False, word=Word.UNKNOWN, rows=(), maybe=None)


def test_a_draft_wants_all_that_is_observed() -> None:
    """An outcome cannot be left out by accident."""
    with pytest.raises(TypeError):
        draft(Outer, slug="a")


@pytest.mark.parametrize("cls", DOCUMENTS, ids=name_of)
def test_no_blank_word_is_a_good_one(cls: type) -> None:
    """What `draft` puts for a word that is not derived yet never claims anything."""
    good = {"PASS", "APPLIED_CLEAN", "NO", "UNTOUCHED", "NO_PRODUCTION_EXECUTION_CLEAN"}
    known = {m.name: None for m in codec.members(cls) if m.metadata["class"] != "derived"}
    made = draft(cls, **known)
    blanks = [getattr(made, member.name) for member in codec.members(cls)]
    assert good.isdisjoint(str(blank) for blank in blanks if isinstance(blank, StrEnum))


def test_values_are_written_as_plain_data() -> None:
    """Words are texts, tuples are lists, none stays none."""
    row = PinRow(**ROW)
    assert to_plain(Pins(pins=(row,))) == {"pins": [ROW]}
    assert to_document(Pins(pins=(row,))) == PINS
    assert to_plain(Word.BAD) == "bad"
    assert from_document(Pins, PINS) == Pins(pins=(row,))
    assert "kind" not in to_plain(draft(Review))


def test_a_lane_with_a_mistake_in_every_part_shows_all_of_them() -> None:
    """Reading goes on behind a mistake, so that a person mends a file once."""
    assert [p.pointer for p in problems(Lane, {"lane": "A", "steps": [{"run": []}, 1]})] == [
        "/format",
        "/lane",
        "/title",
        "/mode",
        "/steps/0/id",
        "/steps/1",
    ]


def test_a_declared_default_is_the_value() -> None:
    """``given(default=...)`` is what a file that says nothing means."""

    @value
    class WithDefault:
        """A value with a default."""

        count: Count = field("How many.", default=7)

    assert from_plain(WithDefault, {}).count == 7


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "packet": st.just(f"a-{UUID(int=1)}") | st.text(max_size=3) | st.none(),
            "packet_tree": st.just("sha256:" + "0" * 64) | st.integers(),
            "reason": st.just("It was asked.") | st.just(" ") | st.lists(st.text(), max_size=1),
            "more": st.none(),
        },
    )
)
def test_the_quick_way_accepts_nothing_else(body: dict[str, object]) -> None:
    """What is read without a look at the annotations is what the careful reader reads."""
    quick = _read_purge(body)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(codec, "_quick", lambda _: _refuse)
        assert _read_purge(body) == quick
    if isinstance(quick, PacketPurged):
        assert quick.to_body() == body


def _read_purge(body: dict[str, object]) -> object:
    try:
        return codec.from_plain(PacketPurged, body)
    except codec.Unreadable as error:
        return error.problems


def _refuse(_: object) -> object:
    raise codec._Odd  # noqa: SLF001 - as the quick way does
