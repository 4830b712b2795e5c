"""The consumer registry: who depends on this repository, and which checks guard each of them."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

from greenlight.codes import Code
from greenlight.errors import MalformedError
from greenlight.model.codec import Unreadable, from_plain
from greenlight.model.fields import Label, Line, Note, Range, Text, given, value
from greenlight.model.lane_file import line_of
from greenlight.primitives import yaml12
from greenlight.primitives.limits import MIB
from greenlight.primitives.text import escape

MAX_REGISTRY_BYTES: Final = 4 * MIB
MAX_CONSUMERS: Final = 10_000
_MAX_SHOWN: Final = 10  # mistakes in one message

Repository = Annotated[
    str,
    Text(
        r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})/(?!\.{1,2}(?:/|$))[A-Za-z0-9_.-]{1,100}",
        "a repository owner/name",
    ),
]
Branch = Annotated[
    str,
    Text(
        r"(?:(?![-./])(?!.*(?:\.\.|//|@\{|\.lock(?:/|$)))[^\u0000-\u0020\u007f~^:?*\[\\]{1,250})?",
        "a branch, or none for the default branch",
    ),
]


class Ssti(StrEnum):
    """Whether a consumer is protected against template injection."""

    ENFORCED = "enforced"
    NOT_APPLICABLE = "not_applicable"
    MISSING = "missing"
    UNKNOWN = "unknown"


@value
class Consumer:
    """Who depends on this repository."""

    name: Label = given("What people call it.", "marketops")
    repository: Repository = given("On the forge.", "omega/marketops")
    branch: Branch = given("The branch that is guarded.", "main", default="")
    owner: Line = given("Who answers for it.", "team-market")
    contact: Note = given("How to reach them.", "market@example.com", default="")
    required_checks: tuple[Line, ...] = given(
        "Checks without which nothing may be merged.", ["registry-ci"]
    )
    ssti_protection: Ssti = given("Protection against template injection.", "enforced")
    ssti_evidence: Note = given("What shows it.", "tests/test_ssti.py", default="")
    note: Note = given("Anything else.", "", default="")


@value
class Registry:
    """A registry file."""

    registry: Annotated[int, Range(1, 1)] = given("Format version.", 1)
    about: Note = given("What they are consumers of.", "the template service", default="")
    consumers: tuple[Consumer, ...] = given("The consumers.", [])


def parse_registry(data: bytes) -> Registry:
    """Read a consumer registry.

    Raises:
        MalformedError: CONSUMERS_MALFORMED or YAML_MALFORMED, with line, field, expected and found;
            CONSUMER_TWICE.
    """
    if len(data) > MAX_REGISTRY_BYTES:
        raise MalformedError(Code.CONSUMERS_MALFORMED, f"a registry of {len(data)} bytes")
    located = yaml12.load(data)
    try:
        registry = from_plain(Registry, located.value)
    except Unreadable as error:
        lines = (
            f"line {line_of(located, p.pointer)}: {p.pointer or '/'}: "
            f"expected {p.expected}, found {p.found}"
            for p in error.problems[:_MAX_SHOWN]
        )
        raise MalformedError(Code.CONSUMERS_MALFORMED, escape("; ".join(lines))) from error
    _require_single(registry, located)
    return registry


def _require_single(registry: Registry, located: yaml12.Located) -> None:
    if len(registry.consumers) > MAX_CONSUMERS:
        raise MalformedError(Code.CONSUMERS_MALFORMED, f"more than {MAX_CONSUMERS} consumers")
    names: set[str] = set()
    places: set[tuple[str, str]] = set()
    for index, consumer in enumerate(registry.consumers):
        place = (consumer.repository.lower(), consumer.branch)
        where = f"line {line_of(located, f'/consumers/{index}/name')}: /consumers/{index}"
        if consumer.name in names or place in places:
            said = f"{where}: {consumer.name} of {consumer.repository} stands there twice"
            raise MalformedError(Code.CONSUMER_TWICE, said)
        if len(set(consumer.required_checks)) != len(consumer.required_checks):
            said = f"{where}/required_checks: a check stands there twice"
            raise MalformedError(Code.CONSUMER_TWICE, said)
        if not consumer.required_checks:
            said = f"{where}/required_checks: expected at least one check, found none"
            raise MalformedError(Code.CONSUMERS_MALFORMED, said)
        names.add(consumer.name)
        places.add(place)
