"""``greenlight schema``: the JSON Schemas, and files checked against them."""

from __future__ import annotations

from pathlib import Path

from greenlight.cli.answer import Answer, Fault
from greenlight.cli.exit_codes import Exit
from greenlight.cli.values import Values
from greenlight.codes import Code
from greenlight.errors import StoreError, UsageError
from greenlight.primitives.limits import MAX_DOCUMENT_BYTES
from greenlight.services.schema import check_against_schema, schema_names, schema_text


def run(arguments: Values) -> Answer:
    """List the schemas, print one, or check a file against it."""
    if arguments.name is None:
        if arguments.check is not None:
            raise UsageError(Code.USAGE, "--check needs the name of a schema", hint="schema NAME")
        return Answer({"schemas": list(schema_names())}, schema_names())
    if arguments.check is None:
        text = schema_text(arguments.name)
        return Answer({"name": arguments.name, "schema": text}, raw=text.encode())
    findings = check_against_schema(arguments.name, _read(arguments.check))
    data = {
        "name": arguments.name,
        "file": str(arguments.check),
        "findings": [finding.to_dict() for finding in findings],
    }
    if not findings:
        return Answer(data, (f"{arguments.check} is a {arguments.name}",))
    return Answer(
        data,
        tuple(map(str, findings)),
        exit=Exit.MALFORMED,
        fault=Fault(findings[0].code, f"{arguments.check} is no {arguments.name}"),
    )


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_DOCUMENT_BYTES + 1)
    except OSError as error:
        reason = (error.strerror or "").lower()
        raise StoreError(Code.FILE_UNREADABLE, f"cannot read {path}: {reason}") from error
