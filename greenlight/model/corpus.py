"""The hostile corpus: documents that somebody could send, each with the answer that must come."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Final

from greenlight.codes import Code
from greenlight.errors import MalformedError
from greenlight.model.codec import Unreadable, from_document
from greenlight.model.fields import Label, Line, MaybeLabel, Range, Text, document, recorded, value
from greenlight.primitives import cjson
from greenlight.primitives.limits import MIB

MAX_CORPUS_BYTES: Final = 4 * MIB
MAX_CASE_BYTES: Final = 64 * MIB
ACCEPT: Final = "accept"

_Hex = Annotated[str, Text(r"(?:[0-9a-f]{2}){0,65536}", "bytes in hexadecimal")]
_Plain = Annotated[str, Text(r"[\n -~]{0,65536}", "printable ASCII")]


class Others(StrEnum):
    """What a parser that is not greenlight's must answer."""

    ACCEPT = "accept"
    REFUSE = "refuse"
    EITHER = "either"


@value
class Part:
    """Bytes, so many times."""

    hex: _Hex = recorded("The bytes; none where they are text.")
    text: _Plain = recorded("The text.")
    times: Annotated[int, Range(1, 10_000_000)] = recorded("How often they stand there.")


@value
class Case:
    """One document."""

    about: Line = recorded("What is special about it.")
    expect: Label = recorded("accept, or the code that greenlight's own parser refuses it with.")
    format: Label = recorded("What it claims to be.")
    means: MaybeLabel = recorded("The value that it spells, where others spell it too.")
    name: Label = recorded("Its name: the format, a slash, and what is special.")
    others: Others = recorded("What another parser must answer.")
    parts: tuple[Part, ...] = recorded("The document.")

    @property
    def data(self) -> bytes:
        """The document's bytes.

        Raises:
            MalformedError: LIMIT_EXCEEDED.
        """
        sizes = (max(len(part.hex) // 2, len(part.text)) * part.times for part in self.parts)
        if sum(sizes) > MAX_CASE_BYTES:
            raise MalformedError(Code.LIMIT_EXCEEDED, f"{self.name} has too many bytes")
        return b"".join(
            (bytes.fromhex(part.hex) or part.text.encode("ascii")) * part.times
            for part in self.parts
        )


@document("hostile-corpus.json")
class Corpus:
    """All of it."""

    cases: tuple[Case, ...] = recorded("Sorted by name, each name once.")
    cose_key: _Hex = recorded("The key that signed its COSE messages.")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a parser said to a case.

    Attributes:
        outcome: accepted, refused, crashed, hung, grew, flooded, left or unreached.
        code: Why it was refused, where the parser is greenlight's own.
        detail: For people.
        same: Whether what was accepted is written again byte for byte; None where nobody asked.
    """

    outcome: str
    code: str = ""
    detail: str = ""
    same: bool | None = None


ACCEPTED, REFUSED, CRASHED, HUNG = "accepted", "refused", "crashed", "hung"
GREW, FLOODED, LEFT, UNREACHED = "grew", "flooded", "left", "unreached"


def decode_corpus(data: bytes) -> Corpus:
    """Read a corpus.

    Raises:
        MalformedError: JSON_MALFORMED, MALFORMED: it is none, or a name stands twice.
    """
    try:
        corpus = from_document(Corpus, cjson.decode(data, max_bytes=MAX_CORPUS_BYTES))
    except Unreadable as error:
        first = error.problems[0]
        raise MalformedError(
            Code.MALFORMED, f"{first.pointer}: expected {first.expected}, found {first.found}"
        ) from error
    names = [case.name for case in corpus.cases]
    if names != sorted(set(names)):
        raise MalformedError(Code.MALFORMED, "the cases of a corpus are sorted, each name once")
    return corpus
