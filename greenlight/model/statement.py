r"""The statement: the one thing that a seal signs.

A deterministic CBOR map of twelve, keys 1 to 12, all always present
(``docs/spec/seal.md``)::

    1 "sha256:<packet_tree>"   2 packet id    3 run id      4 lane
    5 mode                     6 status       7 file count  8 byte count
    9 time (RFC 3339, Z)      10 lineage     11 executor   12 format version

Its first 75 bytes are constant but for the tree, so that ``sh`` can compare them::

    printf '\254\001\170\107sha256:%s' "$tree" | cmp -n 75 - statement.cbor
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

from greenlight.codes import Code
from greenlight.errors import MalformedError
from greenlight.model.words import Mode, Status
from greenlight.primitives import cbor
from greenlight.primitives.ed25519 import parse_uri
from greenlight.primitives.limits import (
    MAX_LINEAGE,
    MAX_PACKET_BYTES,
    MAX_PACKET_FILES,
    MAX_STATEMENT_BYTES,
)
from greenlight.primitives.timestamp import parse_seconds

FORMAT_VERSION: Final = 1
HEAD_BYTES: Final = 75  # map of twelve, key 1, and its text: 1 + 1 + 2 + 7 + 64
TREE_PREFIX: Final = "sha256:"

_TREE, _PACKET_ID, _RUN_ID, _LANE, _MODE, _STATUS, _FILES, _BYTES = range(1, 9)
_TIME, _LINEAGE, _EXECUTOR, _VERSION = range(9, 13)

_TREE_DIGITS: Final = re.compile(r"[0-9a-f]{64}")
# Names people can type, say and put into a ref, a URL and a claim key.
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


Word = TypeVar("Word", Mode, Status)


@dataclass(frozen=True, slots=True)
class Statement:
    """What the executor says of a packet, by signing it.

    Attributes:
        packet_tree: Git SHA-256 tree id of the packet, 64 hexadecimal digits.
        packet_id: Lane slug and run id: how people address the packet.
        run_id: UUID of the run.
        lane: Name of the lane.
        mode: How the lane acted.
        status: What became of the run.
        file_count: Files in the packet, all of them.
        byte_count: Their bytes together.
        time: When it was sealed, by the executor's clock: RFC 3339, seconds, ``Z``.
        lineage: packet_trees of the packets this one depends on, 64 digits each, sorted.
        executor: URI of the key that signs (RFC 9679).
        format_version: Version of this format and of all documents in the packet.

    Raises:
        MalformedError: STATEMENT_MALFORMED: a value is not of its form;
            UNSUPPORTED_VERSION: another format version.
    """

    packet_tree: str
    packet_id: str
    run_id: str
    lane: str
    mode: Mode
    status: Status
    file_count: int
    byte_count: int
    time: str
    lineage: tuple[str, ...]
    executor: str
    format_version: int = FORMAT_VERSION

    def __post_init__(self) -> None:
        if type(self.format_version) is not int or self.format_version != FORMAT_VERSION:
            raise MalformedError(
                Code.UNSUPPORTED_VERSION, f"statement of format version {self.format_version!r}"
            )
        _require_match(_TREE_DIGITS, self.packet_tree, "packet tree")
        _require_match(_NAME, self.packet_id, "packet id")
        _require_match(_UUID, self.run_id, "run id")
        _require_match(_NAME, self.lane, "lane")
        _require_word(Mode, self.mode, "mode")
        _require_word(Status, self.status, "status")
        _require_count(self.file_count, MAX_PACKET_FILES, "file count")
        _require_count(self.byte_count, MAX_PACKET_BYTES, "byte count")
        if len(self.lineage) > MAX_LINEAGE:
            raise _malformed(f"a lineage of {len(self.lineage)}, at most {MAX_LINEAGE}")
        for tree in self.lineage:
            _require_match(_TREE_DIGITS, tree, "lineage")
        if list(self.lineage) != sorted(set(self.lineage)):
            raise _malformed("the lineage is not sorted, or names a packet twice")
        try:
            parse_seconds(self.time)
            parse_uri(self.executor)
        except MalformedError as error:
            raise _malformed(str(error)) from error

    @property
    def subject(self) -> str:
        """Key 1, and the subject of the seal: ``sha256:<packet_tree>``."""
        return TREE_PREFIX + self.packet_tree

    @property
    def sealed_at(self) -> datetime:
        """The time as an aware UTC value."""
        return parse_seconds(self.time)

    def encode(self) -> bytes:
        """Return ``statement.cbor``."""
        return cbor.encode(
            {
                _TREE: self.subject,
                _PACKET_ID: self.packet_id,
                _RUN_ID: self.run_id,
                _LANE: self.lane,
                _MODE: str(self.mode),
                _STATUS: str(self.status),
                _FILES: self.file_count,
                _BYTES: self.byte_count,
                _TIME: self.time,
                _LINEAGE: [TREE_PREFIX + tree for tree in self.lineage],
                _EXECUTOR: self.executor,
                _VERSION: self.format_version,
            }
        )

    @classmethod
    def decode(cls, data: bytes) -> Statement:
        """Read ``statement.cbor``.

        Raises:
            MalformedError: STATEMENT_MALFORMED: not what ``encode`` writes;
                UNSUPPORTED_VERSION: a statement of another format version.
        """
        try:
            fields: Any = cbor.decode(data, max_bytes=MAX_STATEMENT_BYTES)
        except MalformedError as error:
            raise _malformed(str(error)) from error
        # The version decides what the rest means, so it is looked at first.
        if isinstance(fields, dict) and fields.get(_VERSION, FORMAT_VERSION) != FORMAT_VERSION:
            version = fields[_VERSION]
            raise MalformedError(
                Code.UNSUPPORTED_VERSION, f"statement of format version {version!r}"
            )
        if not isinstance(fields, dict) or list(fields) != list(range(_TREE, _VERSION + 1)):
            raise _malformed("not a map of the keys 1 to 12")
        if not isinstance(fields[_LINEAGE], list):
            raise _malformed("the lineage is not an array")
        return cls(
            packet_tree=_digits(fields[_TREE], "packet tree"),
            packet_id=fields[_PACKET_ID],
            run_id=fields[_RUN_ID],
            lane=fields[_LANE],
            mode=_require_word(Mode, fields[_MODE], "mode"),
            status=_require_word(Status, fields[_STATUS], "status"),
            file_count=fields[_FILES],
            byte_count=fields[_BYTES],
            time=_require_text(fields[_TIME], "time"),
            lineage=tuple(_digits(tree, "lineage") for tree in fields[_LINEAGE]),
            executor=_require_text(fields[_EXECUTOR], "executor"),
            format_version=fields[_VERSION],
        )


def _digits(value: object, name: str) -> str:
    text = _require_text(value, name)
    if not text.startswith(TREE_PREFIX):
        raise _malformed(f"{name} {text!r} does not start with {TREE_PREFIX}")
    return text.removeprefix(TREE_PREFIX)


def _require_text(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise _malformed(f"{name} is not text")
    return value


def _require_match(pattern: re.Pattern[str], value: object, name: str) -> None:
    if not pattern.fullmatch(_require_text(value, name)):
        raise _malformed(f"{name} {value!r} is not of its form")


def _require_word(words: type[Word], value: object, name: str) -> Word:
    text = _require_text(value, name)
    try:
        return words(text)
    except ValueError as error:
        raise _malformed(f"{name} {text!r} is not one of {', '.join(words)}") from error


def _require_count(value: object, limit: int, name: str) -> None:
    if type(value) is not int or not 0 <= value <= limit:
        raise _malformed(f"{name} {value!r} is not a number from 0 to {limit}")


def _malformed(message: str) -> MalformedError:
    return MalformedError(Code.STATEMENT_MALFORMED, f"not a statement: {message}")
