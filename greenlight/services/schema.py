"""The JSON Schemas: list them, show one, check a file against one.

Checking is for people and other tools; ``verify`` itself reads documents by their
types (``model.codec``), which accept and refuse the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError
from referencing import Registry

from greenlight import shipped
from greenlight.codes import Code
from greenlight.errors import MalformedError
from greenlight.model.codec import describe, escape_pointer
from greenlight.model.finding import Finding
from greenlight.model.settings_file import read_toml
from greenlight.primitives import cjson, yaml12
from greenlight.primitives.limits import MAX_DOCUMENT_BYTES


def _yaml(data: bytes) -> object:
    return yaml12.load(data).value


# Files that people write: how each is read, and the code of what is wrong in it.
_WRITTEN: Final[dict[str, tuple[Callable[[bytes], object], Code]]] = {
    "consumers": (_yaml, Code.CONSUMERS_MALFORMED),
    "lane": (_yaml, Code.LANE_MALFORMED),
    "settings": (read_toml, Code.SETTINGS_MALFORMED),
}
_MEASURED: Final = frozenset({"metrics-baseline"})  # those with numbers that have a point


def schema_names() -> tuple[str, ...]:
    """Return the names of all schemas, sorted."""
    return shipped.schema_names()


def schema_text(name: str) -> str:
    """Return one schema as JSON text.

    Raises:
        UsageError: SCHEMA_UNKNOWN, for a name that is not among ``schema_names()``.
    """
    return shipped.schema(name).decode("utf-8")


def check_against_schema(name: str, data: bytes) -> list[Finding]:
    """Say everything in which ``data`` is not what the schema ``name`` asks for.

    A lane file is read as YAML, settings as TOML, everything else as JSON in its one spelling.

    Raises:
        UsageError: SCHEMA_UNKNOWN, for a name that is not among ``schema_names()``.
    """
    schema: Any = cjson.decode(shipped.schema(name), max_bytes=MAX_DOCUMENT_BYTES)
    try:
        if name in _WRITTEN:
            value: Any = _WRITTEN[name][0](data)
        else:
            value = cjson.decode(data, decimals=name in _MEASURED)
    except MalformedError as error:
        code = error.code if name in _WRITTEN else Code.DOCUMENT_MALFORMED
        return [Finding(code, name, "a document in its one spelling", str(error))]
    # An empty registry: jsonschema would otherwise fetch a foreign $ref over the network.
    validator = Draft202012Validator(schema, registry=Registry())
    found = (finding for error in validator.iter_errors(value) for finding in _read(name, error))
    return sorted(set(found), key=lambda finding: (finding.where, finding.expected))


@dataclass(frozen=True, slots=True)
class Examples:
    """What validating the examples of a schema came to.

    Attributes:
        examples: How many there are.
        wrong: Where one does not validate, or what is wrong with the schema itself.
    """

    examples: int
    wrong: tuple[str, ...]


def check_examples(schema: Any) -> Examples:
    """Validate every example in a JSON Schema against the part that it is an example of."""
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        return Examples(0, (f": {ascii(error.message)[1:-1][:120]}",))
    validator = Draft202012Validator(schema, registry=Registry())
    examples, wrong = 0, []
    for pointer, part in _with_examples(schema):
        for example in part["examples"]:
            examples += 1
            if not validator.evolve(schema=part).is_valid(example):
                wrong.append(f"#{pointer}: an example does not validate")
    return Examples(examples, tuple(wrong))


def _with_examples(schema: object, pointer: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield every object of a schema that has examples, with its JSON pointer."""
    if isinstance(schema, dict):
        if isinstance(schema.get("examples"), list):
            yield pointer, schema
        for name, part in schema.items():
            if name != "examples":
                yield from _with_examples(part, f"{pointer}/{escape_pointer(name)}")
    elif isinstance(schema, list):
        for index, part in enumerate(schema):
            yield from _with_examples(part, f"{pointer}/{index}")


def _read(name: str, error: ValidationError) -> Iterator[Finding]:
    """Turn what jsonschema says into findings, each with a pointer to the very field."""
    pointer = "".join(f"/{escape_pointer(str(part))}" for part in error.absolute_path)
    instance: Any = error.instance
    schema: Any = error.schema
    wanted: Any = error.validator_value
    if error.validator == "required":
        for field in wanted:
            if field not in instance:
                yield _finding(name, f"{pointer}/{escape_pointer(field)}", "this field", "nothing")
    elif error.validator == "additionalProperties":
        for field in instance:
            if field not in schema["properties"]:
                place = f"{pointer}/{escape_pointer(field)}"
                yield _finding(name, place, "no field of this name", describe(field))
    else:
        yield _finding(name, pointer, f"{error.validator}: {wanted}", describe(instance))


def _finding(name: str, pointer: str, expected: str, found: str) -> Finding:
    if name in _WRITTEN:
        code = _WRITTEN[name][1]
    else:
        code = Code.UNSUPPORTED_VERSION if pointer == "/format" else Code.DOCUMENT_SCHEMA
    return Finding(code, f"{name}#{pointer}", expected, found)
