"""The consumer registry: strictly read, each mistake with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from greenlight.codes import Code
from greenlight.errors import MalformedError
from greenlight.model.consumers import MAX_REGISTRY_BYTES, Ssti, parse_registry
from greenlight.services.schema import check_against_schema

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "consumer_registry.yml"
ONE = """registry: 1
consumers:
  - name: a
    repository: omega/a
    owner: team
    required_checks: [ci]
    ssti_protection: enforced
"""


def test_the_example():
    """Four consumers, with checks and protection; the schema says the same."""
    registry = parse_registry(EXAMPLE.read_bytes())
    assert [each.name for each in registry.consumers] == [
        "marketops",
        "newsletter",
        "pqc-signer",
        "legacy-portal",
    ]
    assert registry.consumers[2].required_checks[1] == "MATRIZ-007 Completion Check"
    assert [each.ssti_protection for each in registry.consumers][2:] == [
        Ssti.NOT_APPLICABLE,
        Ssti.MISSING,
    ]
    assert check_against_schema("consumers", EXAMPLE.read_bytes()) == []


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("registry: 1", "registry: 2", "line 1: /registry: expected an integer from 1 to 1"),
        ("name: a", "name: a b", "line 3: /consumers/0/name: expected a label"),
        ("omega/a", "omega", "line 4: /consumers/0/repository: expected a repository owner/name"),
        ("omega/a", "omega/..", "/consumers/0/repository"),
        ("omega/a", "omega/a/b", "/consumers/0/repository"),
        ("owner: team", "owner: ''", "line 5: /consumers/0/owner"),
        ("[ci]", "ci", "line 6: /consumers/0/required_checks: expected an array"),
        ("[ci]", "[]", "/required_checks: expected at least one check, found none"),
        ("enforced", "yes", "line 7: /consumers/0/ssti_protection: expected one of enforced"),
        ("    owner: team\n", "", "/consumers/0/owner: expected this field, found nothing"),
        ("owner: team", "owner: team\n    chekcs: []", "/consumers/0/chekcs: expected no field"),
        ("owner: team", "owner: team\n    branch: -x", "/consumers/0/branch: expected a branch"),
        ("owner: team", "owner: team\n    branch: a..b", "/consumers/0/branch: expected a branch"),
    ],
)
def test_a_mistake_names_its_line(old, new, words):
    """Field, what was expected, what was found."""
    with pytest.raises(MalformedError) as caught:
        parse_registry(ONE.replace(old, new).encode())
    assert caught.value.code is Code.CONSUMERS_MALFORMED
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("more", "code"),
    [
        (ONE.partition("consumers:\n")[2], Code.CONSUMER_TWICE),
        (ONE.partition("consumers:\n")[2].replace("name: a", "name: b"), Code.CONSUMER_TWICE),
        (
            ONE.partition("consumers:\n")[2].replace("name: a", "name: b").replace("/a", "/A"),
            Code.CONSUMER_TWICE,
        ),
    ],
)
def test_registered_twice(more, code):
    """By name, or by repository and branch, in any letters."""
    with pytest.raises(MalformedError) as caught:
        parse_registry((ONE + more).encode())
    assert caught.value.code is code
    with pytest.raises(MalformedError) as caught:
        parse_registry(ONE.replace("[ci]", "[ci, ci]").encode())
    assert caught.value.code is Code.CONSUMER_TWICE


@pytest.mark.parametrize(
    "data", [b"", b"[", b"- a", b"registry: 1", b"\xff", b"x" * (MAX_REGISTRY_BYTES + 1)]
)
def test_what_is_none(data):
    """Nothing, broken YAML, another shape, too much."""
    with pytest.raises(MalformedError):
        parse_registry(data)
