"""Entries of a pack, made beside it: by a worker that hands them over, or one by one.

An entry is type and size, then a zlib stream (git's ``gitformat-pack``).  No deltas:
evidence is written once and read seldom, and a gc makes deltas where they pay.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from isal import isal_zlib

from greenlight.codes import Code
from greenlight.errors import StoreError
from greenlight.store.deflate import compress
from greenlight.store.gitobjects import raw_id
from greenlight.store.packindex import KINDS

NUMBERS: Final = {kind: number for number, kind in KINDS.items()}


def entry_header(kind: str, size: int) -> bytes:
    """Return an entry's type and size: four bits of the size, then seven a byte."""
    header = bytearray([NUMBERS[kind] << 4 | size & 15])
    size >>= 4
    while size:
        header[-1] |= 0x80
        header.append(size & 0x7F)
        size >>= 7
    return bytes(header)


def entry(kind: str, body: bytes) -> bytes:
    """Return the entry of an object; that it inflates to ``body`` again has been tried.

    Raises:
        StoreError: STORE_DAMAGED: this machine does not compress truly.
    """
    stream = compress(body)
    # A seal over what cannot be read again would be worse than none, and this costs little.
    if isal_zlib.decompress(stream) != body:
        raise StoreError(
            Code.STORE_DAMAGED, f"a {kind} of {len(body)} bytes does not inflate to itself"
        )
    return entry_header(kind, len(body)) + stream


@dataclass(slots=True)
class Segment:
    """Entries one behind the other, each object once.

    Attributes:
        object_format: ``sha1`` or ``sha256``.
        data: The entries.
        places: Where each begins in ``data``, and its CRC-32, by raw object id.
    """

    object_format: str
    data: bytearray = field(default_factory=bytearray)
    places: dict[bytes, tuple[int, int]] = field(default_factory=dict)

    def add(self, kind: str, body: bytes) -> bytes:
        """Put an object in where it is not yet; return its raw id.

        Raises:
            StoreError: STORE_DAMAGED: it does not compress truly.
        """
        oid = raw_id(kind, body, self.object_format)
        if oid not in self.places:
            packed = entry(kind, body)
            self.places[oid] = (len(self.data), isal_zlib.crc32(packed))
            self.data += packed
        return oid
