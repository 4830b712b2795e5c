"""JSON Schema 2020-12 from the annotations that ``model.codec`` reads by.

One line of a type gives the strict reader and the schema, so the two cannot
drift apart (ADR 0002); ``tests/model/test_schema.py`` sends good and broken
documents through both.  The schemas stand in ``schemas/``, made by
``tools/make_schemas.py``, for readers that are not greenlight.

What a schema cannot say: that the bytes are the one spelling of JSON (a float
``1.0`` is an integer to JSON Schema, and never reaches it: ``primitives.cjson``),
and whatever relates two fields (``verify``).
"""

from __future__ import annotations

import inspect
import sys
import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, is_dataclass
from decimal import Decimal
from enum import Enum
from typing import Any, Final

from greenlight.model.baseline import Baseline
from greenlight.model.codec import (
    FORMAT_VERSION,
    MAX_ROWS,
    Member,
    kind_of,
    members,
    optional,
    to_plain,
)
from greenlight.model.consumers import Registry
from greenlight.model.documents import DOCUMENTS
from greenlight.model.fields import Measure, Range, Text
from greenlight.model.lane import Lane
from greenlight.model.settings import Settings

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
CLASS_KEYWORD: Final = "x-greenlight-class"  # recorded, outcome or derived (ADR 0013)

# Files that people write.
WRITTEN: Final[Mapping[str, type]] = {
    "consumers": Registry,
    "lane": Lane,
    "settings": Settings,
}
# Files that greenlight writes and no packet needs to hold; each says its kind and format.
KEPT: Final[tuple[type, ...]] = (Baseline,)
# Every schema by name.
SCHEMAS: Final[Mapping[str, type]] = {
    **WRITTEN,
    **{kind_of(cls): cls for cls in (*DOCUMENTS, *KEPT)},
}
_NAMES: Final = {cls: name for name, cls in WRITTEN.items()}

_JSON_TYPES: Final = {str: "string", int: "integer", bool: "boolean", Decimal: "number"}


def schema_of(cls: type) -> dict[str, Any]:
    """Return the JSON Schema of a document or lane type.

    Nested types stand in ``$defs`` under the names of their classes, and the schema
    refers to nothing outside itself, so that no reader has to fetch anything.
    """
    defs: dict[str, Any] = {}
    body = _object(cls, defs)
    if cls not in _NAMES:
        kind = {"const": kind_of(cls), "description": "What this document is."}
        version = {"const": FORMAT_VERSION, "description": "Version of the packet format."}
        body["properties"] |= {"format": version, "kind": kind}
        body["required"] = sorted([*body["required"], "format", "kind"])
    # The module says what the file is; the class says what holds of it.
    head = {"$schema": DIALECT, "$id": schema_id(cls), "title": title_of(cls)}
    return {**head, **body, **({"$defs": defs} if defs else {})}


def schema_id(cls: type) -> str:
    """Return the URN of a schema; it names, and there is nothing to fetch."""
    return f"urn:greenlight:schema:{schema_name(cls)}:{FORMAT_VERSION}"


def schema_name(cls: type) -> str:
    """Return the name under which ``SCHEMAS`` keeps the schema of ``cls``."""
    return _NAMES.get(cls) or kind_of(cls)


def title_of(cls: type) -> str:
    """Return what the file is, in one line: the head of its module's docstring."""
    doc = sys.modules[cls.__module__].__doc__ or ""
    return " ".join(doc.split("\n\n", maxsplit=1)[0].split()).replace("``", "")


def meaning_of(cls: type) -> str:
    """Return the docstring of a type as one paragraph."""
    return " ".join((inspect.getdoc(cls) or "").split("\n\n", maxsplit=1)[0].split())


def anchored(pattern: str) -> str:
    r"""Return a pattern that must match the whole text, in every reader.

    JSON Schema searches.  ``$`` is the end of the text in ECMA-262, but in Python's
    ``re`` also the place before a last LF, so the end is spelt out: no character follows.
    """
    return rf"^(?:{pattern})(?![\s\S])"


def _object(cls: type, defs: dict[str, Any]) -> dict[str, Any]:
    known = members(cls)
    return {
        "type": "object",
        "description": meaning_of(cls),
        "additionalProperties": False,
        "properties": {member.name: _property(member, defs) for member in known},
        "required": sorted(member.name for member in known if member.required),
    }


def _property(member: Member, defs: dict[str, Any]) -> dict[str, Any]:
    made = _value(member.hint, defs)
    if "doc" in member.metadata:
        made["description"] = member.metadata["doc"]
    if member.metadata.get("class") in ("recorded", "outcome", "derived"):
        made[CLASS_KEYWORD] = member.metadata["class"]
    if not member.required:
        made["default"] = to_plain(member.default)
    if member.metadata.get("example", MISSING) is not MISSING:
        made["examples"] = [to_plain(member.metadata["example"])]
    return made


def _value(hint: Any, defs: dict[str, Any]) -> dict[str, Any]:
    origin = typing.get_origin(hint)
    if origin is typing.Annotated:
        return _bounded(typing.get_args(hint)[1])
    if origin is tuple:
        items = _value(typing.get_args(hint)[0], defs)
        return {"type": "array", "items": items, "maxItems": MAX_ROWS}
    if origin in (typing.Union, types.UnionType):
        return {"anyOf": [_value(optional(hint), defs), {"type": "null"}]}
    if isinstance(hint, type) and issubclass(hint, Enum):
        words = [word.value for word in hint]
        return _define(
            hint, {"type": "string", "description": meaning_of(hint), "enum": words}, defs
        )
    if isinstance(hint, type) and is_dataclass(hint):
        return _define(hint, None, defs)
    return {"type": _JSON_TYPES[hint]}


def _bounded(bound: Text | Range | Measure) -> dict[str, Any]:
    if isinstance(bound, Text):
        return {"type": "string", "pattern": anchored(bound.pattern)}
    if isinstance(bound, Measure):
        return {"type": "number", "minimum": 0, "maximum": bound.high}
    return {"type": "integer", "minimum": bound.low, "maximum": bound.high}


def _define(cls: type, made: dict[str, Any] | None, defs: dict[str, Any]) -> dict[str, Any]:
    if cls.__name__ not in defs:
        defs[cls.__name__] = _object(cls, defs) if made is None else made
    return {"$ref": f"#/$defs/{cls.__name__}"}
