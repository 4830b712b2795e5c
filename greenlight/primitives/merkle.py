"""Merkle trees as in RFC 9162 section 2.1.1: hashes in, hashes out.

A leaf is hashed as ``SHA-256(0x00 || data)`` and a node as ``SHA-256(0x01 || left || right)``,
over raw bytes.  A ``Frontier`` holds the roots of the full subtrees that a tree of its size
splits into, largest (leftmost) first: one for each bit that is set in the size, and all that
appending needs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from typing import Final

from greenlight.codes import Code
from greenlight.errors import MalformedError
from greenlight.primitives.limits import MAX_INT64

HASH_BYTES: Final = 32
EMPTY_ROOT: Final = hashlib.sha256(b"").digest()  # RFC 9162 2.1.1: MTH({}) = HASH()


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of the leaf that holds ``data``."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of the node over two subtrees."""
    return hashlib.sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True)
class Frontier:
    """A tree reduced to what appending and its root need.

    Attributes:
        size: Leaves in the tree.
        hashes: Roots of its full subtrees, from left to right, 32 bytes each.

    Raises:
        MalformedError: The number of hashes is not the number of bits set in the size.
    """

    size: int = 0
    hashes: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.size <= MAX_INT64:
            raise MalformedError(Code.MALFORMED, f"a tree cannot have {self.size} leaves")
        if len(self.hashes) != self.size.bit_count():
            raise MalformedError(
                Code.MALFORMED,
                f"{len(self.hashes)} hashes for a tree of {self.size} leaves, "
                f"which has {self.size.bit_count()} full subtrees",
            )
        if any(len(value) != HASH_BYTES for value in self.hashes):
            raise MalformedError(Code.MALFORMED, f"a hash has {HASH_BYTES} bytes")

    @property
    def root(self) -> bytes:
        """The root of the tree: the subtrees folded from the right."""
        if not self.hashes:
            return EMPTY_ROOT
        return reduce(lambda right, left: node_hash(left, right), reversed(self.hashes))

    def append(self, leaf: bytes) -> Frontier:
        """Return the tree with one more leaf hash at its right end."""
        return self.followed_by((leaf,))

    def followed_by(self, leaves: Iterable[bytes]) -> Frontier:
        """Return the tree with more leaf hashes at its right end, as ``append`` for each."""
        hashes, size = [*self.hashes], self.size
        for leaf in leaves:
            # Every trailing one bit of the size is a full subtree that the new leaf completes.
            node, ones = leaf, size
            while ones & 1:
                node = node_hash(hashes.pop(), node)
                ones >>= 1
            hashes.append(node)
            size += 1
        return Frontier(size, tuple(hashes))


def root_of(leaf_hashes: Iterable[bytes]) -> bytes:
    """Return the root over leaf hashes, level by level, reading them once."""
    level = list(leaf_hashes)
    if not level:
        return EMPTY_ROOT
    while len(level) > 1:
        # The last one of an odd level stands alone until something is there to pair it with:
        # the split at the largest power of two below n of RFC 9162 2.1.1 gives the same tree.
        odd = level[-1:] if len(level) % 2 else []
        level = [node_hash(a, b) for a, b in zip(level[::2], level[1::2], strict=False)] + odd
    return level[0]
