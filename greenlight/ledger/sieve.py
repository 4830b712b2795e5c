"""What a table surely does not hold: most questions of a fold are about keys that are new.

A Bloom filter with two probes: a bit for each is set when a key goes in, so a key with one that is
not set never went in.  Python's own hash is seeded in each process, so nobody outside can choose
keys that look alike; and it is held in memory alone.
"""

from __future__ import annotations

from typing import Final

_BITS_PER_KEY: Final = 16  # one question in seventy is put to the table in vain
_KEYS_PER_RECORD: Final = 6  # claims, UUID, packet, tree, run
_LEAST_BITS: Final = 1 << 16
_MOST_BITS: Final = 1 << 28  # 32 MiB; a ledger of more than 3 million records asks more in vain


class Sieve:
    """Keys of tables that are being made.

    Args:
        records: How many records they will be of, about.
    """

    __slots__ = ("_bits", "_mask")

    def __init__(self, records: int) -> None:
        wanted = min(max(records * _KEYS_PER_RECORD * _BITS_PER_KEY, _LEAST_BITS), _MOST_BITS)
        self._mask = (1 << (wanted - 1).bit_length()) - 1
        self._bits = bytearray(self._mask + 1 >> 3)

    def add(self, kind: str, key: str) -> None:
        """Note that a key went in."""
        one = hash((kind, key))
        two = one >> 32 & self._mask
        one &= self._mask
        self._bits[one >> 3] |= 1 << (one & 7)
        self._bits[two >> 3] |= 1 << (two & 7)

    def lacks(self, kind: str, key: str) -> bool:
        """Report whether a key surely did not go in."""
        one = hash((kind, key))
        two = one >> 32 & self._mask
        one &= self._mask
        bits = self._bits
        return not (bits[one >> 3] >> (one & 7) & bits[two >> 3] >> (two & 7) & 1)
