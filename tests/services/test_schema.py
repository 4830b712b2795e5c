"""The schemas as a user meets them: list, show, check a file."""

from __future__ import annotations

import json
import socket

import pytest

from greenlight.codes import Code
from greenlight.errors import GreenlightError
from greenlight.model.schema import SCHEMAS
from greenlight.primitives import cjson
from greenlight.services.schema import check_against_schema, schema_names, schema_text

PINS = {"format": 1, "kind": "pins", "pins": []}
LANE = b"""\
format: 1
lane: add-greeting
title: Add a greeting
mode: staging
steps:
  - id: S1
    run: ["@python", "greet.py"]
"""


def found(name: str, data: bytes) -> list[tuple[Code, str]]:
    return [(finding.code, finding.where) for finding in check_against_schema(name, data)]


def test_every_schema_is_listed_and_shown() -> None:
    """As text that is JSON and names itself."""
    assert set(schema_names()) == set(SCHEMAS)
    for name in schema_names():
        assert json.loads(schema_text(name))["$id"] == f"urn:greenlight:schema:{name}:1"


def test_a_good_document_has_no_findings() -> None:
    """A document, and a lane file in YAML."""
    assert check_against_schema("pins", cjson.encode(PINS)) == []
    assert check_against_schema("lane", LANE) == []


@pytest.mark.parametrize("name", ["", "pinz", "../header", "README.md"])
def test_an_unknown_name_is_said(name: str) -> None:
    """SCHEMA_UNKNOWN, with the names there are."""
    for ask in (schema_text, lambda name: check_against_schema(name, b"{}\n")):
        with pytest.raises(GreenlightError) as caught:
            ask(name)
        assert caught.value.code is Code.SCHEMA_UNKNOWN
        assert "header" in str(caught.value.hint)


def test_every_mistake_is_found_with_its_place() -> None:
    """All of them, not only the first, each with a pointer."""
    broken = {"format": 2, "kind": "pins", "pins": [{"intact": 1, "a/b": 0}], "more": 1}
    places = found("pins", cjson.encode(broken))
    assert (Code.UNSUPPORTED_VERSION, "pins#/format") in places
    assert (Code.DOCUMENT_SCHEMA, "pins#/more") in places
    assert (Code.DOCUMENT_SCHEMA, "pins#/pins/0/a~1b") in places
    assert (Code.DOCUMENT_SCHEMA, "pins#/pins/0/intact") in places
    missing = {"after", "before", "name", "path", "pinned", "rule"}
    assert {(Code.DOCUMENT_SCHEMA, f"pins#/pins/0/{name}") for name in missing} <= set(places)
    assert len(places) == len(missing) + 4


def test_another_spelling_is_no_document() -> None:
    """JSON that is not in the one spelling, and YAML that greenlight does not read."""
    assert found("pins", json.dumps(PINS).encode()) == [(Code.DOCUMENT_MALFORMED, "pins")]
    assert found("lane", b"a: 1\na: 2\n") == [(Code.LANE_DUPLICATE_KEY, "lane")]


def test_a_mistake_in_a_lane_has_the_code_of_lanes() -> None:
    """LANE_MALFORMED with the field."""
    assert found("lane", LANE.replace(b"staging", b"[]")) == [(Code.LANE_MALFORMED, "lane#/mode")]


def test_nothing_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Checking works without a network, and does not try one."""

    def refuse(*_: object) -> None:
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert check_against_schema("pins", cjson.encode(PINS)) == []
