"""Settings: TOML that a person writes, read strictly; every mistake is named with its place."""

from __future__ import annotations

from decimal import Decimal

import pytest
from jsonschema import Draft202012Validator

from greenlight.codes import Code
from greenlight.errors import MalformedError
from greenlight.model.gate import Builtin, Mode, Operator
from greenlight.model.promotion import ConditionKind
from greenlight.model.schema import schema_of
from greenlight.model.settings import DEFAULTS, MAX_SETTINGS_BYTES, Settings
from greenlight.model.settings_file import choose, parse_pyproject, parse_settings, read_toml
from greenlight.services.schema import check_against_schema
from greenlight.verify.settings import check_settings

WHOLE = b"""
greenlight = 1
about = "the registry's client"

[audit]
baseline = "baselines/metrics_baseline_v1.json"
capture = ["python", "bench.py"]
capture_seconds = 60

[platform]
systems = ["Linux"]
min_kernel = "6.6"

[[gates]]
name = "pqc-sign-verify"
module = "registry"
builtin = "pqc_sign_verify"
thresholds = [
  {metric = "sign_p95_ms", op = "<=", value = 50},
  {metric = "verify_p95_ms", op = "<", value = 9.5},
]

[[gates]]
name = "smoke"
command = ["make", "smoke"]
artifact = "tmp/smoke.json"
mode = "observing"
skip_when = {env = "REGISTRY_DEV_STUB", values = ["0", ""]}
thresholds = [{metric = "parse_p95_ms", op = "<=", times = 1.25, of = "parse_p95_ms"}]

[[promotion]]
name = "production"
conditions = [
  {kind = "issue_closed", repository = "omega/marketops", issue = 490},
  {kind = "checklist_item", issue = 490, item = "Week 6"},
  {kind = "gate_green", gate = "smoke"},
  {kind = "days_elapsed", lane = "fix7-p0", days = 7},
]
"""


def said(error):
    return str(error.value)


def test_all_of_it():
    """Numbers with a point are decimal: 9.5 is 9.5, and 1.25 no binary fraction."""
    settings = parse_settings(WHOLE)
    one, two = settings.gates
    assert (one.builtin, one.mode) == (Builtin.PQC_SIGN_VERIFY, Mode.BLOCKING)
    assert [t.value for t in one.thresholds] == [Decimal(50), Decimal("9.5")]
    assert [t.op for t in one.thresholds] == [Operator.AT_MOST, Operator.LESS]
    assert two.thresholds[0].times == Decimal("1.25")
    assert (two.command, two.skip_when.values) == (("make", "smoke"), ("0", ""))
    (target,) = settings.promotion
    assert [c.kind for c in target.conditions][:2] == [
        ConditionKind.ISSUE_CLOSED,
        ConditionKind.CHECKLIST_ITEM,
    ]
    assert check_settings(settings) == ()


def test_nothing_is_the_defaults():
    """A file that says nothing is the same as none."""
    assert parse_settings(b"") == DEFAULTS == choose(None, None)
    assert check_settings(DEFAULTS) == ()
    assert choose(None, b"[project]\nname = 'x'\n") is DEFAULTS


def test_one_of_two_files():
    """Settings in both are refused: which of them counts would be a matter of taste."""
    table = b"[tool.greenlight]\nabout = 'x'\n"
    assert choose(None, table).about == "x"
    assert choose(b"about = 'y'", b"[tool.black]\n").about == "y"
    assert choose(b"about = 'y'", b"not toml").about == "y"
    assert parse_pyproject(b"[tool]\n") is None
    with pytest.raises(MalformedError) as caught:
        choose(b"", table)
    assert caught.value.code is Code.SETTINGS_TWICE
    with pytest.raises(MalformedError) as caught:
        choose(None, b"not toml")
    assert caught.value.code is Code.SETTINGS_MALFORMED


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("greenlight = 2", "/greenlight: expected an integer from 1 to 1, found 2"),
        ("greenlight = true", "/greenlight: expected an integer from 1 to 1, found true"),
        ("gate = []", "/gate: expected no field of this name"),
        ("gates = {}", "/gates: expected an array, found an object"),
        ("[[gates]]", "/gates/0/name: expected this field, found nothing"),
        ("[[gates]]\nname = 'A B'", "/gates/0/name: expected a slug"),
        ("[[gates]]\nname = 'a'\nmode = 'green'", "/gates/0/mode: expected one of blocking"),
        ("[[gates]]\nname = 'a'\ncommand = 'make'", "/gates/0/command: expected an array"),
        ("[[gates]]\nname = 'a'\nartifact = '../x'", "/gates/0/artifact: expected a path below"),
        ("[[gates]]\nname = 'a'\nartifact = '/x'", "/gates/0/artifact: expected a path below"),
        ("[[gates]]\nname = 'a'\nartifact = 'x/../../y'", "/gates/0/artifact: expected a path"),
        ("[[gates]]\nname = 'a'\ntimeout_seconds = 0", "/gates/0/timeout_seconds: expected an"),
        ("[[gates]]\nname = 'a'\nthresholds = [{metric='m'}]", "/gates/0/thresholds/0/op"),
        (
            "[[gates]]\nname = 'a'\nthresholds = [{metric='m', op='==', value=1}]",
            "/gates/0/thresholds/0/op: expected one of <, <=, >, >=, found '=='",
        ),
        (
            "[[gates]]\nname = 'a'\nthresholds = [{metric='m', op='<', value='1'}]",
            "/gates/0/thresholds/0/value: expected a number, found '1'",
        ),
        (
            "[[gates]]\nname = 'a'\nthresholds = [{metric='m', op='<', value=true}]",
            "/gates/0/thresholds/0/value: expected a number, found true",
        ),
        ("[platform]\nmin_kernel = 6.1", "/platform/min_kernel: expected a kernel as 6.1"),
        ("[forge]\nurl = 'ftp://x'", "/forge/url: expected an http or https URL"),
        ("a = nan", "not TOML"),
        ("a = inf", "not TOML"),
        ("a = 1e999999999", "not TOML"),
        (f"a = 1.{'0' * 100}", "not TOML"),
        ("a = 1\na = 2", "not TOML"),
        ("a = ", "not TOML"),
        ("a = " + "[" * 5000, "not TOML"),
    ],
)
def test_a_mistake_names_its_place(text, words):
    """Field, what was expected, what was found."""
    with pytest.raises(MalformedError) as caught:
        parse_settings(text.encode())
    assert caught.value.code is Code.SETTINGS_MALFORMED
    assert words in said(caught)


@pytest.mark.parametrize("data", [b"\xff", b"a = '" + b"x" * MAX_SETTINGS_BYTES + b"'"])
def test_no_text_or_too_much(data):
    """Neither is read."""
    with pytest.raises(MalformedError):
        parse_settings(data)


GATE = {"name": "a", "command": ["true"]}


def problems(**plain):
    text = "\n".join(f"{key} = {_toml(value)}" for key, value in plain.items())
    return [(str(f.code), f.where) for f in check_settings(parse_settings(text.encode()))]


def _toml(value):
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return str(value).lower() if isinstance(value, bool) else repr(value)


@pytest.mark.parametrize(
    ("gate", "where"),
    [
        ({"command": []}, "/gates/0"),
        ({"builtin": "no_op"}, "/gates/0"),
        ({"expected_exits": [0, 78]}, "/gates/0/expected_exits"),
        ({"expected_exits": []}, "/gates/0/expected_exits"),
        ({"skip_when": {"env": "A", "values": []}}, "/gates/0/skip_when/values"),
        ({"thresholds": [{"metric": "m", "op": "<"}]}, "/gates/0/thresholds/0"),
        (
            {"thresholds": [{"metric": "m", "op": "<", "value": 1, "plus": 2}]},
            "/gates/0/thresholds/0",
        ),
        (
            {"thresholds": [{"metric": "m", "op": "<", "value": 1, "of": "n"}]},
            "/gates/0/thresholds/0/of",
        ),
        (
            {"thresholds": [{"metric": "m", "op": "<", "times": -1}]},
            "/gates/0/thresholds/0/times",
        ),
        ({"thresholds": [{"metric": "m", "op": "<", "value": 1}] * 257}, "/gates/0/thresholds"),
    ],
)
def test_a_gate_that_cannot_be_carried_out(gate, where):
    """Each contradiction by itself."""
    assert problems(gates=[GATE | gate]) == [("SETTINGS_MALFORMED", where)]


def test_two_of_one_name():
    """Gates and targets; which of them is meant would be anybody's guess."""
    assert problems(gates=[GATE, GATE]) == [("GATE_TWICE", "/gates")]
    target = {"name": "p", "conditions": [{"kind": "signed_baseline"}]}
    assert problems(promotion=[target, target]) == [("GATE_TWICE", "/promotion")]
    assert problems(gates=[GATE | {"name": f"g{n}"} for n in range(257)]) == [
        ("SETTINGS_MALFORMED", "/gates")
    ]


@pytest.mark.parametrize(
    ("condition", "where"),
    [
        ({"kind": "issue_closed"}, ""),
        ({"kind": "checklist_item", "issue": 1}, ""),
        ({"kind": "checklist_item", "issue": 1, "item": " "}, ""),
        ({"kind": "checklist_item", "item": "x"}, ""),
        ({"kind": "gate_green"}, ""),
        ({"kind": "gate_green", "gate": "nobody"}, "/gate"),
        ({"kind": "days_elapsed"}, ""),
        ({"kind": "countersigned_packet", "packet": "a", "lane": "b"}, ""),
    ],
)
def test_a_condition_that_asks_nothing(condition, where):
    """What could never be false is no condition."""
    found = problems(promotion=[{"name": "p", "conditions": [condition]}])
    assert found == [("SETTINGS_MALFORMED", f"/promotion/0/conditions/0{where}")]


def test_a_target_without_conditions_is_open_to_all():
    """So it is refused."""
    assert problems(promotion=[{"name": "p"}]) == [
        ("SETTINGS_MALFORMED", "/promotion/0/conditions")
    ]
    assert problems(platform={"systems": []}) == [("SETTINGS_MALFORMED", "/platform/systems")]


def test_the_schema_says_the_same():
    """Every example of the schema is one, and what the reader refuses, the schema does."""
    schema = schema_of(Settings)
    plain = read_toml(WHOLE)
    assert list(Draft202012Validator(schema).iter_errors(_floats(plain))) == []
    assert check_against_schema("settings", WHOLE) == []
    (found,) = check_against_schema("settings", b"greenlight = 2")
    assert (found.code, found.where) == (Code.SETTINGS_MALFORMED, "settings#/greenlight")
    (found,) = check_against_schema("settings", b"= 2")
    assert found.code is Code.SETTINGS_MALFORMED
    for holder in [schema, *(d for d in schema["$defs"].values() if d["type"] == "object")]:
        for made in holder["properties"].values():
            alone = {**made, "$defs": schema["$defs"]}
            for example in made.get("examples", []):
                assert Draft202012Validator(alone).is_valid(example), made


def _floats(plain):
    if isinstance(plain, dict):
        return {key: _floats(value) for key, value in plain.items()}
    if isinstance(plain, list):
        return [_floats(value) for value in plain]
    return float(plain) if isinstance(plain, Decimal) else plain
