"""Zlib streams (RFC 1950, 1951) as Git's objects hold them, made as fast as the data allows.

What compresses is compressed by ISA-L at level 1; what does not is stored: a sample of
the first bytes decides.  Level 1, since a repack compresses again, and level 6 takes
three times as long for a fifth less.  Level 0 of ISA-L is never used: it expands random
bytes by a quarter.  Stored blocks are framed here, so that large data is not even copied.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from isal import isal_zlib

LEVEL: Final = 1
SAMPLE_BYTES: Final = 64 * 1024  # of a large object: enough to tell text from noise
WORTH_IT: Final = 0.9  # what a sample must shrink to; less saves no read
MIN_SAMPLED_BYTES: Final = 4 * 1024  # shorter: to compress it costs no more than to ask
_STORED_BYTES: Final = 0xFFFF  # RFC 1951 section 3.2.4: a block's length has 16 bits
_STORED_START: Final = b"\x78\x01"  # RFC 1950: deflate, 32 KiB window, fastest
_LAST_BLOCK: Final = b"\x01\0\0\xff\xff"

Buffer = bytes | bytearray | memoryview


def compress(body: bytes) -> bytes:
    """Return one zlib stream that inflates to ``body``."""
    if len(body) >= MIN_SAMPLED_BYTES and not is_compressible(body):
        stored = Stored()
        return b"".join((*stored.add(body), *stored.finish()))
    packed: bytes = isal_zlib.compress(body, LEVEL)
    return packed


def is_compressible(sample: Buffer) -> bool:
    """Report whether data that begins with ``sample`` is worth compressing."""
    sample = sample[:SAMPLE_BYTES]
    return len(isal_zlib.compress(sample, LEVEL)) < WORTH_IT * len(sample)


def deflater(sample: Buffer) -> Compressed | Stored:
    """Return what makes a zlib stream piece by piece, of data that begins with ``sample``."""
    return Compressed() if is_compressible(sample) else Stored()


class Compressed:
    """A stream that is compressed."""

    def __init__(self) -> None:
        self._stream = isal_zlib.compressobj(LEVEL)

    def add(self, data: Buffer) -> Iterator[Buffer]:
        """Yield what the stream has next; valid only as long as ``data`` is."""
        yield self._stream.compress(data)

    def finish(self) -> Iterator[Buffer]:
        """Yield the end of the stream."""
        yield self._stream.flush()


class Stored:
    """A stream of stored blocks, which holds the data as it is."""

    def __init__(self) -> None:
        self._head = _STORED_START
        self._sum = 1

    def add(self, data: Buffer) -> Iterator[Buffer]:
        """Yield what the stream has next; valid only as long as ``data`` is."""
        self._sum = isal_zlib.adler32(data, self._sum)
        view = memoryview(data)
        for start in range(0, len(view), _STORED_BYTES):
            block = view[start : start + _STORED_BYTES]
            yield self._head + struct.pack("<BHH", 0, len(block), len(block) ^ 0xFFFF)
            self._head = b""
            yield block

    def finish(self) -> Iterator[Buffer]:
        """Yield the end of the stream."""
        yield self._head + _LAST_BLOCK + self._sum.to_bytes(4)
