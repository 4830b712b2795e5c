r"""The strict subset of YAML 1.2 that lane files are written in.

One document of maps, lists, texts, integers, booleans and null, by the core
schema of YAML 1.2.2 (section 10.3).  What a reader of another YAML version could
take for something else is refused, and quotes make it plain text:

* anchors, aliases, tags, merge keys and directives (but ``%YAML 1.2``), which make
  text mean what stands elsewhere;
* a key given twice, and a key that is not text;
* floats, and integers that are not plain decimals (``007`` is 7 here, 7 or an
  error there; ``0o17`` is text in YAML 1.1);
* control characters other than LF and tab, text that is not NFC, a byte order
  mark, U+2028 and U+2029, which YAML 1.1 takes for line ends.

``yes``, ``no``, ``on`` and ``off`` are text, and so is a time stamp.  Every error
names the line, the field as a JSON pointer, what was expected and what was found.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from greenlight.codes import Code
from greenlight.errors import MalformedError
from greenlight.primitives.limits import (
    MAX_LANE_BYTES,
    MAX_SAFE_INTEGER,
    MAX_YAML_DEPTH,
    MAX_YAML_NODES,
)
from greenlight.primitives.text import escape, find_control, is_nfc

Yaml: TypeAlias = "dict[str, Yaml] | list[Yaml] | str | int | bool | None"

# YAML 1.2.2 section 10.3.2; integers in the one form that all versions agree on.
_WORDS: Final[dict[str, bool | None]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)")
_OTHER_INTEGER: Final = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT: Final = re.compile(
    r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)
_EXPECTED: Final = re.compile(r"expected (.+), but (?:found|got) (.+)", re.DOTALL)
# A directive stands at the start of a line; no other content of a lane can begin there with %.
_DIRECTIVE: Final = re.compile(r"^%(?!YAML 1\.2 *$).*", re.MULTILINE)
_INTEGER_DIGITS: Final = len(str(MAX_SAFE_INTEGER)) + 1  # and a sign
_SHOWN: Final = 60  # characters of what was found: enough to recognise it
_NO_CONTROL: Final = "no control characters but LF and tab"


@dataclass(frozen=True, slots=True)
class Located:
    """A document, and where each of its fields stands.

    Attributes:
        value: Maps as dict, lists as list, then str, int, bool and None.
        lines: The line, from 1, by JSON pointer (RFC 6901): of the key for a
            field, of the item for an element of a list; ``""`` is the document.
    """

    value: Yaml
    lines: Mapping[str, int]


def load(data: bytes, *, max_bytes: int = MAX_LANE_BYTES) -> Located:
    """Return the one document of ``data`` with the line of each field.

    Raises:
        MalformedError: LANE_DUPLICATE_KEY for a key given twice, YAML_MALFORMED for
            all else, with ``line N: field /steps/0/run: expected ..., found ...``.
    """
    if len(data) > max_bytes:
        raise _malformed(1, "", f"at most {max_bytes} bytes", f"{len(data)}")
    reader = _Reader(_decode(data))
    return Located(reader.document(), reader.lines)


def _decode(data: bytes) -> str:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        found = f"byte 0x{data[error.start]:02x}"
        raise _malformed(line, "", "UTF-8", found) from error
    text = text.replace("\r\n", "\n")
    if text.startswith("\ufeff"):
        raise _malformed(1, "", "text without a byte order mark", "one")
    for char, expected in (
        (find_control(text, allowed="\n\t"), _NO_CONTROL),
        ("\u2028" if "\u2028" in text else None, "LF as line end"),
        ("\u2029" if "\u2029" in text else None, "LF as line end"),
    ):
        if char is not None:
            line = text.count("\n", 0, text.index(char)) + 1
            raise _malformed(line, "", expected, escape(char))
    directive = _DIRECTIVE.search(text)
    if directive is not None:
        line = text.count("\n", 0, directive.start()) + 1
        raise _malformed(line, "", "no directive but %YAML 1.2", directive.group())
    return text


@dataclass(slots=True)
class _Reader:
    """One pass over the parser's events; ``pointer`` says where it is, for every error."""

    text: str
    lines: dict[str, int] = field(default_factory=dict)
    pointer: str = ""
    nodes: int = 0
    _events: Iterator[Event] = field(init=False)

    def __post_init__(self) -> None:
        self._events = YAML(typ="safe", pure=True).parse(self.text)

    def document(self) -> Yaml:
        self.next()  # the start of the stream
        start = self.next()
        if isinstance(start, StreamEndEvent):
            raise self.refuse(start, "a document", "none")
        if not isinstance(start, DocumentStartEvent):
            raise self.refuse(start, "a document", _name(start))
        first = self.next()
        self.lines[""] = _line(first)
        value = self.value(first, 0)
        self.pointer = ""
        self.next()  # the end of the document
        rest = self.next()
        if not isinstance(rest, StreamEndEvent):
            raise self.refuse(rest, "one document", "another one")
        return value

    def value(self, event: Event, depth: int) -> Yaml:
        self.check_node(event)
        if isinstance(event, ScalarEvent):
            return self.scalar(event)
        if depth == MAX_YAML_DEPTH:
            raise self.refuse(event, f"at most {MAX_YAML_DEPTH} levels", "more")
        if isinstance(event, SequenceStartEvent):
            return self.sequence(depth)
        return self.mapping(depth)

    def sequence(self, depth: int) -> list[Yaml]:
        outer = self.pointer
        result: list[Yaml] = []
        while not isinstance(event := self.next(), SequenceEndEvent):
            self.pointer = f"{outer}/{len(result)}"
            self.lines[self.pointer] = _line(event)
            result.append(self.value(event, depth + 1))
            self.pointer = outer
        return result

    def mapping(self, depth: int) -> dict[str, Yaml]:
        outer = self.pointer
        result: dict[str, Yaml] = {}
        while not isinstance(event := self.next(), MappingEndEvent):
            key = self.key(event)
            self.pointer = f"{outer}/{key.replace('~', '~0').replace('/', '~1')}"
            if key in result:
                found = f"it again (line {self.lines[self.pointer]})"
                raise self.refuse(event, "each field once", found, Code.LANE_DUPLICATE_KEY)
            self.lines[self.pointer] = _line(event)
            result[key] = self.value(self.next(), depth + 1)
            self.pointer = outer
        return result

    def key(self, event: Event) -> str:
        self.check_node(event)
        if not isinstance(event, ScalarEvent):
            raise self.refuse(event, "a text as key", _name(event))
        key = self.scalar(event)
        if not isinstance(key, str):
            raise self.refuse(event, "a text as key, in quotes", event.value or "nothing")
        return key

    def scalar(self, event: ScalarEvent) -> str | int | bool | None:
        text = event.value
        if event.style is not None:  # quoted or a block: text, whatever it looks like
            return self.checked(event, text)
        if text in _WORDS:
            return _WORDS[text]
        if text == "<<":
            raise self.refuse(event, "no merge key, or quotes", text)
        if _INTEGER.fullmatch(text) and text != "-0":
            if len(text) > _INTEGER_DIGITS or abs(int(text)) > MAX_SAFE_INTEGER:
                raise self.refuse(event, "an integer within plus or minus 2^53 - 1", text)
            return int(text)
        if _OTHER_INTEGER.fullmatch(text):
            raise self.refuse(event, "an integer in plain decimal digits, or quotes", text)
        if _FLOAT.fullmatch(text):
            raise self.refuse(event, "no floating-point number, or quotes", text)
        return self.checked(event, text)

    def checked(self, event: ScalarEvent, text: str) -> str:
        # An escape in double quotes can make what the file itself does not hold.
        control = find_control(text, allowed="\n\t")
        if control is not None:
            raise self.refuse(event, _NO_CONTROL, escape(control))
        if any("\ud800" <= char <= "\udfff" for char in text):
            raise self.refuse(event, "Unicode text", "a lone surrogate")
        if not is_nfc(text):
            raise self.refuse(event, "text in Unicode normalisation form C", text)
        return text

    def check_node(self, event: Event) -> None:
        """Refuse what would let a node mean something that does not stand there."""
        if isinstance(event, AliasEvent):
            raise self.refuse(event, "a value", f"the alias *{event.anchor}")
        if isinstance(event, NodeEvent) and event.anchor is not None:
            raise self.refuse(event, "no anchor", f"&{event.anchor}")
        if getattr(event, "ctag", None) is not None:
            raise self.refuse(event, "no tag", str(getattr(event, "tag", "a tag")))
        self.nodes += 1
        if self.nodes > MAX_YAML_NODES:
            raise self.refuse(event, f"at most {MAX_YAML_NODES} values", "more")

    def next(self) -> Event:
        try:
            return next(self._events)
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line = mark.line + 1 if mark is not None else 1
            expected, found = _complaint(error.problem or error.context or "something else")
            raise _malformed(line, self.pointer, expected, found) from error
        except (YAMLError, ValueError) as error:
            # ValueError: an escape such as \U00110000, which chr() refuses.
            raise _malformed(1, self.pointer, "YAML", f"{error}") from error

    def refuse(
        self, event: Event, expected: str, found: str, code: Code = Code.YAML_MALFORMED
    ) -> MalformedError:
        return _malformed(_line(event), self.pointer, expected, found, code)


def _line(event: Event) -> int:
    return int(event.start_mark.line) + 1


def _name(event: Event) -> str:
    if isinstance(event, MappingStartEvent):
        return "a map"
    return "a list" if isinstance(event, SequenceStartEvent) else "something else"


def _complaint(problem: str) -> tuple[str, str]:
    """Split the parser's own words into what it expected and what it found."""
    match = _EXPECTED.fullmatch(problem)
    if match is not None:
        return match[1], match[2]
    return "YAML", problem.removeprefix("found ")


def _malformed(
    line: int, pointer: str, expected: str, found: str, code: Code = Code.YAML_MALFORMED
) -> MalformedError:
    shown = escape(found if len(found) <= _SHOWN else found[:_SHOWN] + "...")
    where = f"field {escape(pointer)[:200]}: " if pointer else ""
    return MalformedError(code, f"line {line}: {where}expected {expected}, found {shown}")
