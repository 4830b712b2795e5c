"""Schema and type are one grammar, and the files in schemas/ are what the types give."""

from __future__ import annotations

import copy
import dataclasses
import json
import subprocess
import sys
import typing
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import regress
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from referencing import Registry

from greenlight import shipped
from greenlight.model.codec import Unreadable, from_document, from_plain, members, optional
from greenlight.model.documents import DOCUMENTS
from greenlight.model.fields import Range, Text
from greenlight.model.lane import Lane
from greenlight.model.schema import CLASS_KEYWORD, KEPT, SCHEMAS, anchored, schema_of
from greenlight.model.schema import WRITTEN as WRITTEN_BY_NAME
from greenlight.primitives import cjson
from tests.values import breaks_of, documents_of, objects_of

ROOT = Path(__file__).parents[2]
NAMES = sorted(SCHEMAS)
WRITTEN = frozenset(WRITTEN_BY_NAME.values())  # by people, as lane files are
by_name = pytest.mark.parametrize("name", NAMES)
some = settings(max_examples=20, suppress_health_check=list(HealthCheck))


@cache
def validator(name: str) -> Draft202012Validator:
    return Draft202012Validator(schema_of(SCHEMAS[name]), registry=Registry())


def good(name: str) -> st.SearchStrategy[dict[str, Any]]:
    cls = SCHEMAS[name]
    return objects_of(cls) if cls in WRITTEN else documents_of(cls)


def problems(name: str, data: object) -> list[str]:
    """Read with the type; return the pointers it objects to."""
    cls = SCHEMAS[name]
    try:
        from_plain(cls, data) if cls in WRITTEN else from_document(cls, data)
    except Unreadable as error:
        return [problem.pointer for problem in error.problems]
    return []


@by_name
def test_the_file_is_what_the_type_gives(name: str) -> None:
    """schemas/ is generated: nobody edits it."""
    path = ROOT / "schemas" / f"{name}.schema.json"
    assert path.read_bytes() == cjson.encode(schema_of(SCHEMAS[name])), "make fix"


def test_there_is_a_schema_for_every_document_and_none_besides() -> None:
    """The kinds of document, the files that people write, and those that greenlight keeps."""
    assert list(shipped.schema_names()) == NAMES
    assert len(NAMES) == len(DOCUMENTS) + len(WRITTEN) + len(KEPT)


@by_name
def test_a_schema_is_valid_and_refers_to_nothing_outside(name: str) -> None:
    """Valid JSON Schema 2020-12 whose references stay inside."""
    schema = schema_of(SCHEMAS[name])
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"] == f"urn:greenlight:schema:{name}:1"
    references = [line for line in json.dumps(schema, indent=0).split("\n") if '"$ref"' in line]
    assert [line for line in references if '"#/$defs/' not in line] == []


@by_name
@some
@given(data=st.data())
def test_schema_and_type_accept_the_same(name: str, data: st.DataObject) -> None:
    """What the annotations allow is accepted by both, and survives its bytes."""
    value = data.draw(good(name))
    assert problems(name, value) == []
    assert [error.message for error in validator(name).iter_errors(value)] == []
    assert cjson.decode(cjson.encode(value, decimals=True), decimals=True) == value


@by_name
@some
@given(data=st.data())
def test_schema_and_type_refuse_the_same(name: str, data: st.DataObject) -> None:
    """One place broken: the type objects at that very place, and the schema objects."""
    value = copy.deepcopy(data.draw(good(name)))
    chosen = data.draw(st.sampled_from(list(breaks_of(SCHEMAS[name], value))))
    chosen.apply()
    assert chosen.pointer in problems(name, value), chosen.what
    assert not validator(name).is_valid(value), chosen.what


_SCALARS = st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=4)
_ANYTHING = _SCALARS | st.lists(_SCALARS, max_size=2) | st.dictionaries(st.text(), _SCALARS)


@by_name
@some
@given(data=st.data())
def test_schema_and_type_never_disagree(name: str, data: st.DataObject) -> None:
    """Whatever stands in a field, both say the same of it."""
    value = data.draw(good(name))
    field = data.draw(st.sampled_from(sorted(value) or ["x"]))
    value = {**value, field: data.draw(_ANYTHING)}
    assert validator(name).is_valid(value) == (problems(name, value) == [])


@pytest.mark.parametrize("cls", DOCUMENTS, ids=lambda cls: cls.__name__)
@pytest.mark.parametrize(
    ("field", "wrong"),
    [("format", 0), ("format", 2), ("format", "1"), ("format", True), ("kind", "other")],
)
def test_another_version_or_kind_is_refused_by_both(cls: type, field: str, wrong: object) -> None:
    """A version is known or refused; one kind does not pass for another."""
    name = next(name for name, known in SCHEMAS.items() if known is cls)
    value = {"format": 1, "kind": name, field: wrong}
    assert problems(name, value) == [f"/{field}"]
    pointers = ["/".join(map(str, e.absolute_path)) for e in validator(name).iter_errors(value)]
    assert field in pointers


def all_types() -> list[type]:
    """Every type that a schema is made of."""
    found: list[type] = []

    def walk(hint: Any) -> None:
        if typing.get_origin(hint) is tuple:
            walk(typing.get_args(hint)[0])
        elif type(None) in typing.get_args(hint):
            walk(optional(hint))
        elif dataclasses.is_dataclass(hint) and isinstance(hint, type) and hint not in found:
            found.append(hint)
            for member in members(hint):
                walk(member.hint)

    for cls in SCHEMAS.values():
        walk(cls)
    return found


def test_no_two_types_of_one_schema_share_a_name() -> None:
    """A definition under a name is the only one of that name."""
    names = [cls.__name__ for cls in all_types()]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("cls", all_types(), ids=lambda cls: cls.__name__)
def test_every_bound_has_a_form_that_the_schema_can_say(cls: type) -> None:
    """A field is a bounded text or number, a word, a truth, an array or another type."""
    for member in members(cls):
        bounds = [part for part in typing.get_args(member.hint) if isinstance(part, Text | Range)]
        assert member.hint is not str
        assert member.hint is not int
        assert len(bounds) <= 1


@pytest.mark.parametrize("name", [name for name in NAMES if SCHEMAS[name] not in WRITTEN])
def test_every_field_of_a_document_says_its_class(name: str) -> None:
    """Recorded, outcome or derived: the schema fixes it, never the packet."""
    for field, schema in schema_of(SCHEMAS[name])["properties"].items():
        if field not in {"format", "kind"}:
            assert schema[CLASS_KEYWORD] in {"recorded", "outcome", "derived"}, field
            assert schema["description"].endswith("."), field


def test_every_field_of_a_lane_shows_an_example_that_is_accepted() -> None:
    """A person who writes a lane file sees for each field what to write."""
    schema = schema_of(Lane)
    objects = [schema, *(d for d in schema["$defs"].values() if d["type"] == "object")]
    for holder in objects:
        for field, made in holder["properties"].items():
            nested = [ref for ref in _references(made) if schema["$defs"][ref]["type"] == "object"]
            assert nested or made["examples"], field
            alone = {**made, "$defs": schema["$defs"]}
            for example in [*made.get("examples", []), *_default(made)]:
                assert Draft202012Validator(alone, registry=Registry()).is_valid(example), field


def _references(made: dict[str, Any]) -> list[str]:
    inner = [made, made.get("items", {}), *made.get("anyOf", [])]
    return [part["$ref"].rpartition("/")[2] for part in inner if "$ref" in part]


def _default(made: dict[str, Any]) -> list[Any]:
    return [made["default"]] if "default" in made else []


@pytest.mark.parametrize("tail", ["\n", "\r\n", "\u2028", " ", "\nb"])
def test_an_anchored_pattern_leaves_nothing_behind_it(tail: str) -> None:
    """Python's `$` would let a last LF pass, which ECMA-262 refuses."""
    made = Draft202012Validator({"pattern": anchored("a|b")})
    assert made.is_valid("b")
    assert not made.is_valid("b" + tail)
    assert not made.is_valid(tail + "b")


def test_the_patterns_mean_the_same_in_ecmascript() -> None:
    """An engine of ECMA-262 accepts and refuses as Python does, in both of its modes."""
    patterns = {p for cls in SCHEMAS.values() for p in _patterns(schema_of(cls))}
    texts = ["", "a", "a\n", "\n", "sha256:" + "0" * 64, "x" * 4097, "é", "\x7f", "\u2028", "a b"]
    assert len(patterns) > len(SCHEMAS) / 2
    for pattern in sorted(patterns):
        ours = [Draft202012Validator({"pattern": pattern}).is_valid(text) for text in texts]
        for mode in ("", "u"):
            engine = regress.Regex(pattern, mode)
            assert [engine.find(text) is not None for text in texts] == ours, pattern


def _patterns(schema: object) -> list[str]:
    if isinstance(schema, list):
        return [p for item in schema for p in _patterns(item)]
    if not isinstance(schema, dict):
        return []
    own = [schema["pattern"]] if isinstance(schema.get("pattern"), str) else []
    return own + [p for item in schema.values() for p in _patterns(item)]


def test_check_jsonschema_reads_a_document_by_its_schema(tmp_path: Path) -> None:
    """A tool that is not greenlight accepts a good document and refuses a broken one."""
    document = {"format": 1, "kind": "pins", "pins": []}
    schema = ROOT / "schemas" / "pins.schema.json"

    def check(value: object) -> int:
        path = tmp_path / "pins.json"
        path.write_bytes(cjson.encode(value))
        command = [sys.executable, "-m", "check_jsonschema", "--schemafile", schema, path]
        return subprocess.run(command, capture_output=True, check=False).returncode

    assert check(document) == 0
    assert check({**document, "more": 1}) != 0
