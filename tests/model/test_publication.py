"""Publication plans and registries: read strictly, written in one spelling."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenlight.codes import Code
from greenlight.errors import MalformedError
from greenlight.model.publication import (
    PublicationPlan,
    parse_plan,
    parse_request,
)
from greenlight.model.receipt import Operation
from greenlight.model.registry import ceiling_of, fold_file

RUN = "00000000-0000-0000-0000-000000000001"
OPERATION = Operation("tag_repo", {"repository": "omega/x", "tag_name": "v1"})
PLAN = PublicationPlan(RUN, "docs", "2026-01-02T03:04:05Z", (OPERATION,))
REGISTRY = Path(__file__).parents[2] / "lanes" / "fix7-p0" / "kb" / "registry"


def test_a_plan_reads_as_it_was_written():
    """And is blocked by its mode."""
    assert parse_plan(PLAN.encode()) == PLAN
    assert json.loads(PLAN.encode())["blocked_by_mode"] is True


CHANGES = {
    "mode": "prod",
    "blocked_by_mode": False,
    "kind": "plan",
    "format": 2,
    "run_id": "1",
    "lane": 1,
    "operations": [],
    "more": 1,
}


@pytest.mark.parametrize(("name", "value"), CHANGES.items())
def test_a_plan_that_is_none(name, value):
    """One that its mode does not block is no plan."""
    said = json.loads(PLAN.encode()) | {name: value}
    with pytest.raises(MalformedError):
        parse_plan((json.dumps(said, indent=2, sort_keys=True) + "\n").encode())


def test_a_plan_whose_content_was_edited():
    """Its digest says so."""
    with pytest.raises(MalformedError) as caught:
        parse_plan(PLAN.encode().replace(b"omega/x", b"omega/y"))
    assert caught.value.code is Code.PLAN_MALFORMED


@pytest.mark.parametrize(
    "text",
    [
        "publications: 2\noperations: []\n",
        "publications: 1\n",
        "publications: 1\noperations: []\n",
        "publications: 1\noperations: [{kind: tag_repo}]\n",
        "publications: 1\noperations: [{kind: Tag, content: {}}]\n",
        "publications: 1\noperations: [{kind: tag_repo, content: []}]\n",
        "publications: true\noperations: [{kind: tag_repo, content: {}}]\n",
    ],
)
def test_a_request_that_is_none(text):
    """Nothing is guessed."""
    with pytest.raises(MalformedError):
        parse_request(text.encode())


# --- the registry


@pytest.mark.parametrize(
    "name", ["canonical-registry.json", "canonical-registry.md", "00-index.md"]
)
def test_a_fold_adds_and_changes_nothing_else(name):
    """Every line of before is there, but for the ceiling and the end of a range."""
    before = (REGISTRY / name).read_bytes()
    after = fold_file(before, "TKT-OBJ", 441, ("TKT-OBJ-442", "TKT-OBJ-443"))
    gone = set(before.splitlines()) - set(after.splitlines())
    assert len(gone) <= 2
    assert b"TKT-OBJ-443" in after
    again = fold_file(after, "TKT-OBJ", 443, ("TKT-OBJ-444",))
    assert b"TKT-OBJ-444" in again
    if name.endswith(".json"):
        assert ceiling_of(again, "TKT-OBJ") == 444
        assert len(json.loads(again)["tickets"]) == len(json.loads(before)["tickets"]) + 3


@given(
    spaces=st.sampled_from([None, 0, 1, 4]),
    rows=st.lists(st.text("ab", max_size=3), max_size=4),
    more=st.dictionaries(st.sampled_from(["note", "owner"]), st.text(max_size=4)),
)
def test_any_spelling_of_a_registry_is_folded(spaces, rows, more):
    """The fold is what the values say, however they were written."""
    tickets = [{"id": f"T-{number}", "about": text} for number, text in enumerate(rows, 1)]
    before = {"registry": "T", "ceiling": len(rows), "tickets": tickets, **more}
    first = len(rows) + 1
    new = (f"T-{first}", f"T-{first + 1}")
    try:
        data = json.dumps(before, indent=spaces, ensure_ascii=False).encode()
        folded = json.loads(fold_file(data, "T", len(rows), new))
    except (MalformedError, UnicodeEncodeError):
        return  # a text that no document may hold
    assert folded["tickets"][: len(rows)] == tickets
    assert [row["id"] for row in folded["tickets"][len(rows) :]] == list(new)
    assert folded["ceiling"] == first + 1
    assert {key: folded[key] for key in more} == more


@pytest.mark.parametrize(
    "data",
    [
        b"{}",
        b"[]",
        b'{"registry": "X", "ceiling": 1, "tickets": []}',
        b'{"registry": "T", "ceiling": -1, "tickets": []}',
        b'{"registry": "T", "ceiling": true, "tickets": []}',
        b'{"registry": "T", "ceiling": 1, "tickets": [{}]}',
    ],
)
def test_what_is_no_registry(data):
    """REGISTRY_MALFORMED, whatever it is."""
    with pytest.raises(MalformedError) as caught:
        ceiling_of(data, "T")
    assert caught.value.code is Code.REGISTRY_MALFORMED


def test_a_text_that_does_not_name_the_last_ticket():
    """It is not the registry's: nothing is added to it."""
    with pytest.raises(MalformedError):
        fold_file(b"# Something else\n", "T", 1, ("T-2",))
    with pytest.raises(MalformedError):
        fold_file(b"\xff", "T", 1, ("T-2",))
