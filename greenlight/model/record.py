"""A record: an entry placed in the ledger (docs/spec/ledger.md).

Deterministic CBOR map ``{1: version, 2: index, 3: SHA-512 of the record before,
4: BLAKE2b-256 of it, 5: ledger time, 6: entry}``; for record 0 both digests are
zeros.  The record's bytes are the Merkle leaf (RFC 9162 section 2.1.1).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from greenlight.codes import Code
from greenlight.errors import MalformedError
from greenlight.primitives import cbor
from greenlight.primitives.limits import MAX_INT64, MAX_RECORD_BYTES
from greenlight.primitives.timestamp import format_micros, parse_micros

VERSION = 1


@dataclass(frozen=True, slots=True)
class Links:
    """Digests of a record's bytes, two functions apart in design, for the next record.

    Attributes:
        sha512: 64 bytes.
        blake2b: BLAKE2b with 32 bytes of output (RFC 7693), not a truncation.
    """

    sha512: bytes
    blake2b: bytes

    @classmethod
    def of(cls, record: bytes) -> Self:
        return cls(
            hashlib.sha512(record).digest(), hashlib.blake2b(record, digest_size=32).digest()
        )


NO_LINKS = Links(bytes(64), bytes(32))  # what record 0 carries


@dataclass(frozen=True, slots=True)
class Record:
    """A decoded record; its links and the entry in it are not yet checked.

    Attributes:
        index: Position, from 0.
        previous: Digests of the record before.
        time: Ledger time, UTC with microseconds.
        entry: The entry's bytes, as signed.
        raw: The record's bytes: the Merkle leaf.
    """

    index: int
    previous: Links
    time: datetime
    entry: bytes
    raw: bytes


def encode_record(index: int, previous: Links, time: datetime, entry: bytes) -> bytes:
    """Return the bytes of a record."""
    # What ``cbor.encode`` writes of this map, without its search for what the values are.
    return b"".join(
        (
            b"\xa6\x01\x01\x02",  # a map of six; 1: version 1; 2
            cbor.integer(index),
            b"\x03\x58\x40",
            previous.sha512,
            b"\x04\x58\x20",
            previous.blake2b,
            b"\x05\x78\x1b",  # 27 characters
            format_micros(time).encode("ascii"),
            b"\x06",
            cbor.bytes_head(len(entry)),
            entry,
        )
    )


def decode_record(raw: bytes) -> Record:
    """Parse a record.

    Raises:
        MalformedError: The bytes are not a record in its one spelling; with
            UNSUPPORTED_VERSION where its version is not known here.
    """
    value = cbor.decode(raw, max_bytes=MAX_RECORD_BYTES)
    if not isinstance(value, dict) or not isinstance(value.get(1), int):
        raise MalformedError(Code.LEDGER_RECORD_MALFORMED, "not a map with a version")
    if value[1] is True or value[1] != VERSION:
        raise MalformedError(Code.UNSUPPORTED_VERSION, f"record format version {value[1]}")
    if value.keys() != {1, 2, 3, 4, 5, 6}:
        raise MalformedError(Code.LEDGER_RECORD_MALFORMED, "a record has exactly the keys 1 to 6")
    index, sha512, blake2b, time, entry = (value[key] for key in (2, 3, 4, 5, 6))
    if type(index) is not int or not 0 <= index <= MAX_INT64:
        raise MalformedError(Code.LEDGER_RECORD_MALFORMED, "an index is an integer from 0")
    if not _is_digest(sha512, 64) or not _is_digest(blake2b, 32):
        raise MalformedError(Code.LEDGER_RECORD_MALFORMED, "links are 64 and 32 bytes")
    if not isinstance(time, str) or not isinstance(entry, bytes):
        raise MalformedError(Code.LEDGER_RECORD_MALFORMED, "time is a text, the entry bytes")
    return Record(index, Links(sha512, blake2b), parse_micros(time), entry, raw)


def _is_digest(value: object, size: int) -> bool:
    return isinstance(value, bytes) and len(value) == size
