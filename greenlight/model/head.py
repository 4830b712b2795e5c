"""A head: what a ledger says of itself, unsigned (docs/spec/ledger.md).

Three lines, the body of a C2SP tlog-checkpoint: origin, size in decimal, root in
standard base64.  Signed by a log key it would be a checkpoint; unsigned it is a
claim that a reader recomputes from the records.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Self

from greenlight.codes import Code
from greenlight.errors import MalformedError
from greenlight.primitives import cbor
from greenlight.primitives.digest import Digest
from greenlight.primitives.limits import MAX_FRONTIER_HASHES, MAX_HEAD_BYTES, MAX_INT64
from greenlight.primitives.merkle import Frontier

_HASH_BYTES = 32
_SHAPE = re.compile(r"(greenlight/[0-9a-f]{64})\n(0|[1-9][0-9]{0,18})\n([A-Za-z0-9+/]{43}=)\n")


def origin_of(record_zero: bytes) -> str:
    """Return the identity of the ledger that begins with ``record_zero``."""
    return f"greenlight/{Digest.of(record_zero).value.hex()}"


@dataclass(frozen=True, slots=True)
class Head:
    """Origin, size and root of a ledger.

    Attributes:
        origin: ``greenlight/`` and the SHA-256 of record 0 in hex.
        size: Number of records.
        root: RFC 9162 root hash at that size.
    """

    origin: str
    size: int
    root: bytes

    @property
    def pin(self) -> Digest:
        """The digest of record 0, in the form in which a trust root is pinned."""
        return Digest("sha256", bytes.fromhex(self.origin.removeprefix("greenlight/")))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read the three lines.

        Raises:
            MalformedError: They are not what ``encode`` of a head gives.
        """
        if len(data) > MAX_HEAD_BYTES:
            raise MalformedError(Code.LEDGER_HEAD_MISMATCH, f"a head of {len(data)} bytes")
        try:
            found = _SHAPE.fullmatch(data.decode("ascii"))
        except UnicodeDecodeError:
            found = None
        if found is None:
            raise MalformedError(Code.LEDGER_HEAD_MISMATCH, "not origin, size and root lines")
        try:
            root = base64.b64decode(found[3], validate=True)
        except binascii.Error as error:
            raise MalformedError(Code.LEDGER_HEAD_MISMATCH, "root is not base64") from error
        head = cls(found[1], int(found[2]), root)
        if head.encode() != data:  # base64 has spellings that decode alike
            raise MalformedError(Code.LEDGER_HEAD_MISMATCH, "not in its one spelling")
        return head

    def encode(self) -> bytes:
        root = base64.b64encode(self.root).decode("ascii")
        return f"{self.origin}\n{self.size}\n{root}\n".encode("ascii")


def encode_frontier(frontier: Frontier) -> bytes:
    """Return the frontier as CBOR: size, then the hashes from left to right."""
    return cbor.encode([frontier.size, list(frontier.hashes)])


def decode_frontier(data: bytes) -> Frontier:
    """Read a frontier.

    Raises:
        MalformedError: It is not what ``encode_frontier`` gives.
    """
    value = cbor.decode(data, max_bytes=MAX_FRONTIER_HASHES * 64)
    if not isinstance(value, list) or len(value) != 2:  # noqa: PLR2004 - size and hashes
        raise MalformedError(Code.LEDGER_FRONTIER_MISMATCH, "a frontier is size and hashes")
    size, hashes = value
    if type(size) is not int or not 0 <= size <= MAX_INT64 or not isinstance(hashes, list):
        raise MalformedError(Code.LEDGER_FRONTIER_MISMATCH, "a frontier is size and hashes")
    # One hash for each bit that is set in the size: the full subtrees, left to right.
    if len(hashes) != size.bit_count():
        raise MalformedError(Code.LEDGER_FRONTIER_MISMATCH, "not the hashes that the size needs")
    if not all(isinstance(item, bytes) and len(item) == _HASH_BYTES for item in hashes):
        raise MalformedError(Code.LEDGER_FRONTIER_MISMATCH, "a hash is 32 bytes")
    return Frontier(size, tuple(hashes))
