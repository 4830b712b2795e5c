"""A mistake in a lane file is shown with its line."""

from __future__ import annotations

import pytest

from greenlight.codes import Code
from greenlight.errors import MalformedError
from greenlight.model.finding import Finding
from greenlight.model.lane_file import parse_lane, with_lines
from greenlight.primitives.limits import MAX_LANE_BYTES

LANE = b"""\
format: 1
lane: add-greeting
title: Add a greeting
mode: staging
steps:
  - id: S1
    run: ["@python", "greet.py"]
  - id: S2
    run:
      - true-name
"""


def refused(data: bytes) -> tuple[Code, str]:
    with pytest.raises(MalformedError) as caught:
        parse_lane(data)
    return caught.value.code, str(caught.value)


def test_a_lane_is_read_with_its_defaults() -> None:
    """What is left out means what the table says."""
    lane = parse_lane(LANE)
    assert [step.id for step in lane.steps] == ["S1", "S2"]
    assert lane.steps[1].run == ("true-name",)
    assert (lane.steps[0].timeout_seconds, lane.rollback, lane.allowed) == (60, None, ())


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b"title: Add a greeting\n", b"", "line 1: /title: expected this field, found nothing"),
        (b"staging\n", b"staging\nmod: 1\n",
         "line 5: /mod: expected no field of this name, found 'mod'"),
        (b"- id: S2", b"- id: S 2",
         "line 8: /steps/1/id: expected an id of letters, digits, - and _, found 'S 2'"),
        (b"- true-name", b"- 3", "line 10: /steps/1/run/0: expected one line of text, found 3"),
        (b"format: 1", b"format: 2",
         "line 1: /format: expected an integer from 1 to 1, found 2"),
        (b"format: 1", b"format: true",
         "line 1: /format: expected an integer from 1 to 1, found true"),
    ],
)  # fmt: skip
def test_a_mistake_names_line_field_expected_and_found(
    old: bytes, new: bytes, message: str
) -> None:
    """All of them, in the order of the types."""
    assert refused(LANE.replace(old, new)) == (Code.LANE_MALFORMED, message)


def test_many_mistakes_are_shown_in_part() -> None:
    """A message stays readable; the first ones are enough to begin with."""
    code, message = refused(LANE + b"".join(b"field%d: 1\n" % n for n in range(50)))
    assert code is Code.LANE_MALFORMED
    assert message.count("line ") == 10


def test_a_shell_string_is_refused_with_the_way_out() -> None:
    """Before the types are looked at: the hint is what helps."""
    data = LANE.replace(b'["@python", "greet.py"]', b"python greet.py > out")
    with pytest.raises(MalformedError) as caught:
        parse_lane(data)
    assert caught.value.code is Code.LANE_SHELL_STRING
    assert str(caught.value).startswith("line 7: /steps/0/run: expected an argument vector")
    assert "shell: true" in str(caught.value.hint)


def test_a_lane_has_an_end() -> None:
    """Measured before it is parsed."""
    assert refused(b"#" * (MAX_LANE_BYTES + 1))[0] is Code.LIMIT_EXCEEDED


def test_what_is_no_map_is_no_lane() -> None:
    """An empty file, a list, a text."""
    for data in (b"", b"- 1\n", b"lane\n"):
        assert refused(data)[0] in {Code.LANE_MALFORMED, Code.YAML_MALFORMED}


def test_findings_get_the_line_of_their_field() -> None:
    """Of the field, or of the nearest thing around it; a place that is no field stays."""
    places = {
        "/mode": "line 4: /mode",
        "/steps/1/run": "line 9: /steps/1/run",
        "/steps/1/tool": "line 8: /steps/1/tool",
        "/allowed and /forbidden": "/allowed and /forbidden",
        "grant": "grant",
    }
    findings = [Finding(Code.LANE_MALFORMED, where, "x", "y") for where in places]
    assert [f.where for f in with_lines(LANE, findings)] == list(places.values())
