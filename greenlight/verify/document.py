"""Read one document strictly, and say where two values of one type differ."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from greenlight.codes import Code
from greenlight.errors import MalformedError
from greenlight.model.codec import Unreadable, differences, from_document, name_of, to_document
from greenlight.model.documents import Header
from greenlight.model.finding import Finding
from greenlight.model.packet import HEADER
from greenlight.model.statement import Statement
from greenlight.primitives import cjson

_T = TypeVar("_T")


def parse_one(cls: type[_T], data: bytes) -> tuple[_T | None, list[Finding]]:
    """Read one document of type ``cls``."""
    where = name_of(cls)
    try:
        plain = cjson.decode(data)
    except MalformedError as error:
        return None, [
            Finding(Code.DOCUMENT_MALFORMED, where, "JSON in its one spelling", str(error))
        ]
    try:
        return from_document(cls, plain), []
    except Unreadable as error:
        return None, [
            Finding(
                Code.UNSUPPORTED_VERSION if p.pointer == "/format" else Code.DOCUMENT_SCHEMA,
                f"{where}#{p.pointer}",
                p.expected,
                p.found,
            )
            for p in error.problems
        ]


def compare_statement(statement: Statement | None, header: Header | None) -> Iterator[Finding]:
    """Check that the signed statement and the header say the same."""
    if statement is None or header is None:
        return
    pairs = (
        ("packet_id", statement.packet_id, header.packet_id),
        ("run_id", statement.run_id, header.run_id),
        ("lane", statement.lane, header.lane),
        ("mode", statement.mode.value, header.mode.value),
        ("status", statement.status.value, header.status.value),
        ("sealed_at", statement.time, header.sealed_at),
        ("executor", statement.executor, header.executor),
    )
    for name, said, found in pairs:
        if said != found:
            yield Finding(Code.STATEMENT_HEADER_MISMATCH, f"{HEADER}#/{name}", said, found)


def compare_values(path: str, wanted: object, found: object) -> Iterator[Finding]:
    """Compare a document with what it must be; both are values, so bytes agree when they do."""
    if wanted == found:
        return
    for problem in differences(to_document(wanted), to_document(found)):
        where = f"{path}#{problem.pointer}"
        yield Finding(Code.DERIVED_DIFFERS, where, problem.expected, problem.found)
