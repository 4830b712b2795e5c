"""Tables and examples for pages about types: documents of a packet, and the lane file."""

from __future__ import annotations

import dataclasses
import inspect
import itertools
import json
import types
import typing
from collections.abc import Iterator
from dataclasses import MISSING
from enum import Enum
from pathlib import Path
from typing import Any

from greenlight.model.codec import kind_of, members, name_of, optional, to_plain
from greenlight.model.documents import DOCUMENTS
from greenlight.model.fields import MAX_INTEGER, Range, Text
from greenlight.model.lane import Lane
from greenlight.model.schema import title_of
from greenlight.primitives import cjson

_SHOWN_ITEMS = 2  # elements of an array in an example
_SHOWN_TEXT = 100  # characters of a text in an example
_MIXED = "mixed"
_INHERITED = "as its holder"  # values of one type may be recorded here and an outcome there


def document_page(cls: type, packet: Path | None) -> str:
    """Return ``docs/spec/documents/<kind>.md``."""
    kind = kind_of(cls)
    head = title_of(cls).partition(": ")[2]
    parts = [
        f"# {name_of(cls)}",
        f"{head[:1].upper()}{head[1:]}",
        *_paragraphs(cls),
        (
            f"Class: {class_of(cls)}. Schema: [`{kind}.schema.json`]"
            f"(../../../schemas/{kind}.schema.json), `greenlight schema {kind}`.\n"
            "What the classes mean, and how bytes are spelt: [README.md](README.md)."
        ),
        *_example(cls, packet),
        "## Fields",
        _table(cls, head=[("format", "—", "1", "Version of the packet format."), _kind_row(kind)]),
    ]
    for nested in nested_types(cls):
        parts += [f"### {nested.__name__}", *_paragraphs(nested), _table(nested)]
    words = list(_words(cls))
    if words:
        parts += ["## Words", *(_word_section(word) for word in words)]
    return "\n\n".join(parts) + "\n"


def documents_table() -> str:
    """Return the table of all documents, in the order in which people read them."""
    rows = ["| document | class | what it is |", "|---|---|---|"]
    for cls in DOCUMENTS:
        what = title_of(cls).partition(": ")[2]
        rows.append(f"| [`{name_of(cls)}`]({kind_of(cls)}.md) | {class_of(cls)} | {_cell(what)} |")
    return "\n".join(rows)


def lane_fields() -> str:
    """Return the tables of the lane file: the file itself, then every type in it."""
    parts = ["### The file", _lane_table(Lane)]
    for nested in nested_types(Lane):
        parts += [f"### {nested.__name__}", *_paragraphs(nested), _lane_table(nested)]
    return "\n\n".join(parts)


def class_of(cls: type) -> str:
    """Return the one class of all fields, or that they are mixed."""
    found = {
        member.metadata["class"]
        for holder in (cls, *nested_types(cls))
        for member in members(holder)
        if "class" in member.metadata
    }
    return found.pop() if len(found) == 1 else _MIXED


def nested_types(cls: type) -> list[type]:
    """Return every type that a value of ``cls`` can hold, in the order of its fields."""
    found: list[type] = []

    def walk(holder: type) -> None:
        for member in members(holder):
            inner = _element(member.hint)
            if dataclasses.is_dataclass(inner) and inner not in found:
                found.append(inner)
                walk(inner)

    walk(cls)
    return found


def _words(cls: type) -> Iterator[type[Enum]]:
    seen: set[type] = set()
    for holder in (cls, *nested_types(cls)):
        for member in members(holder):
            inner = _element(member.hint)
            if isinstance(inner, type) and issubclass(inner, Enum) and inner not in seen:
                seen.add(inner)
                yield inner


def _word_section(words: type[Enum]) -> str:
    listed = ", ".join(f"`{word.value}`" for word in words)
    meaning = " ".join((inspect.getdoc(words) or "").split())
    return f"**{words.__name__}**: {meaning}\n{listed}"


def _element(hint: Any) -> Any:
    origin = typing.get_origin(hint)
    if origin is tuple:
        return _element(typing.get_args(hint)[0])
    if origin in (typing.Union, types.UnionType):
        return _element(optional(hint))
    return hint


def _table(cls: type, head: typing.Sequence[tuple[str, str, str, str]] = ()) -> str:
    rows = ["| field | class | type | meaning |", "|---|---|---|---|"]
    rows += [f"| `{name}` | {kind} | {form} | {doc} |" for name, kind, form, doc in head]
    for member in members(cls):
        kind = member.metadata.get("class", _INHERITED)
        doc = _cell(member.metadata.get("doc") or _attribute_doc(cls, member.name))
        rows.append(f"| `{member.name}` | {kind} | {_cell(_form(member.hint))} | {doc} |")
    return "\n".join(rows)


def _lane_table(cls: type) -> str:
    rows = ["| field | type | default | meaning | example |", "|---|---|---|---|---|"]
    for member in members(cls):
        default = "**required**" if member.required else f"`{_flow(member.default)}`"
        example = member.metadata.get("example", MISSING)
        shown = "" if example is MISSING else f"`{_flow(example)}`"
        form, doc = _cell(_form(member.hint)), _cell(member.metadata["doc"])
        rows.append(f"| `{member.name}` | {form} | {default} | {doc} | {_cell(shown)} |")
    return "\n".join(rows)


def _kind_row(kind: str) -> tuple[str, str, str, str]:
    return ("kind", "—", f"`{kind}`", "What this document is.")


def _form(hint: Any) -> str:
    """Say what a field holds."""
    origin = typing.get_origin(hint)
    if origin is typing.Annotated:
        bound = typing.get_args(hint)[1]
        return bound.shape if isinstance(bound, Text) else _range(bound)
    if origin is tuple:
        return f"array: {_form(typing.get_args(hint)[0])}"
    if origin in (typing.Union, types.UnionType):
        return f"{_form(optional(hint))}, or null"
    if issubclass(hint, Enum):
        return " \\| ".join(f"`{word.value}`" for word in hint)
    if dataclasses.is_dataclass(hint):
        return f"[{hint.__name__}](#{hint.__name__.lower()})"
    return {bool: "true or false", str: "text", int: "integer"}[hint]


def _range(bound: Range) -> str:
    if bound.low == bound.high:
        return f"{bound.low}"
    if bound.high == MAX_INTEGER:
        return "integer" if bound.low < 0 else f"integer from {bound.low}"
    return f"integer from {bound.low} to {bound.high}"


def _cell(text: str) -> str:
    """Return ``text`` as a table's cell: a bar would end it, and < begin a tag outside code."""
    pieces = " ".join(text.split()).replace("\\|", "|").replace("|", "\\|").split("`")
    return "`".join(
        piece if inside else piece.replace("<", "\\<")
        for piece, inside in zip(pieces, itertools.cycle((False, True)))
    )


def _flow(value: object) -> str:
    """Write a value as YAML, on one line."""
    return json.dumps(to_plain(value), ensure_ascii=False)


def _paragraphs(cls: type) -> list[str]:
    """Return the docstring without its table of attributes, which the table of fields repeats."""
    text = (inspect.getdoc(cls) or "").partition("\nAttributes:")[0]
    return [" ".join(part.split()) for part in text.split("\n\n") if part.strip()]


def _attribute_doc(cls: type, name: str) -> str:
    """Return what the Google-style docstring of a type says of one attribute."""
    table = (inspect.getdoc(cls) or "").partition("\nAttributes:\n")[2].split("\n\n")[0]
    found: list[str] = []
    for line in table.split("\n"):
        begins = line.startswith("    ") and not line.startswith("     ")
        if begins and line.strip().startswith(f"{name}: "):
            found = [line.strip().removeprefix(f"{name}: ")]
        elif begins and found:
            break
        elif found:
            found.append(line.strip())
    return " ".join(found).replace("``", "`")


def _example(cls: type, packet: Path | None) -> list[str]:
    path = packet / name_of(cls) if packet else None
    if path is None or not path.is_file():
        return []
    shown = _shortened(cjson.decode(path.read_bytes()))
    text = json.dumps(shown, ensure_ascii=False, indent=2)
    return ["## Example", "Shortened.", f"```json\n{text}\n```"]


def _shortened(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _shortened(item) for key, item in value.items()}
    if isinstance(value, list):
        shown = [_shortened(item) for item in value[:_SHOWN_ITEMS]]
        more = len(value) - _SHOWN_ITEMS
        return [*shown, f"… {more} more"] if more > 0 else shown
    if isinstance(value, str) and len(value) > _SHOWN_TEXT:
        return value[:_SHOWN_TEXT] + "…"
    return value
