"""Greenlight's own parsers under one shape: bytes in; out comes what they are written as again."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from greenlight.codes import Code
from greenlight.errors import MalformedError
from greenlight.model.codec import Unreadable, from_plain
from greenlight.model.corpus import Corpus
from greenlight.model.fields import Label, recorded, value
from greenlight.primitives import cbor, cjson, cose, yaml12
from greenlight.primitives.digest import Digest
from greenlight.primitives.ed25519 import PublicKey
from greenlight.primitives.packet_path import path_problem
from greenlight.primitives.timestamp import format_seconds, parse_seconds

COSE_TYPE: Final = "application/vnd.greenlight.corpus"

# Bytes, or None where the format has many spellings; a GreenlightError where it refuses.
Parser = Callable[[bytes], bytes | None]


def own_parsers(corpus: Corpus) -> dict[str, Parser]:
    """Return greenlight's parsers by the name of their format."""
    key = PublicKey(bytes.fromhex(corpus.cose_key))
    return {
        "cbor": lambda data: cbor.encode(cbor.decode(data)),
        "cose": partial(_cose, key),
        "digest": lambda data: str(Digest.parse(_text(data))).encode(),
        "json": lambda data: cjson.encode(cjson.decode(data)),
        "path": _path,
        "time": lambda data: format_seconds(parse_seconds(_text(data))).encode(),
        "token": _token,
        "yaml": _yaml,
    }


def _cose(key: PublicKey, data: bytes) -> bytes:
    opened = cose.open_sign1(data, key=key, payload=None, content_type=COSE_TYPE)
    nothing: dict[int, int] = {}
    parts = (opened.protected, nothing, opened.payload, opened.signature)
    return cbor.encode(parts, tag=cose.SIGN1_TAG)


def _yaml(data: bytes) -> None:
    yaml12.load(data)


def _path(data: bytes) -> bytes:
    text = _text(data)
    problem = path_problem(text)
    if problem is not None:
        raise MalformedError(problem, problem.meaning)
    return text.encode()


@value
class _Token:
    """A label, as documents and ledger entries have them."""

    label: Label = recorded("The label.")


def _token(data: bytes) -> bytes:
    try:
        return from_plain(_Token, {"label": _text(data)}).label.encode()
    except Unreadable as error:
        raise MalformedError(Code.MALFORMED, error.problems[0].expected) from error


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedError(Code.MALFORMED, "expected UTF-8") from error
