"""The JSON Schemas: list them, show one, check a file against one.

Checking is for people and other tools; ``verify`` itself reads documents by their
types (``model.codec``), which accept and refuse the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
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
