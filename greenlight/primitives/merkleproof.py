"""Proofs about Merkle trees, as in RFC 9162 sections 2.1.3 and 2.1.4.

Making a proof asks for the roots of full subtrees, a logarithmic number of them, through a
callable ``subtree(level, index)``: the root over the ``2**level`` leaves that begin with
leaf ``index * 2**level``.  Checking one takes hashes and numbers alone.  A checker raises
nothing for what is merely wrong: it returns False, and whoever asks says what that means.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from greenlight.codes import Code
from greenlight.errors import MalformedError
from greenlight.primitives.limits import MAX_INT64
from greenlight.primitives.merkle import EMPTY_ROOT, HASH_BYTES, node_hash

Subtree = Callable[[int, int], bytes]
MAX_HASHES: Final = (
    63  # of one proof: the depth of a tree whose size fits int64 (C2SP tlog-witness)
)


def root_at(size: int, subtree: Subtree) -> bytes:
    """Return the root over the first ``size`` leaves."""
    _require(0 <= size <= MAX_INT64, f"a tree cannot have {size} leaves")
    return EMPTY_ROOT if size == 0 else _range_root(0, size, subtree)


def inclusion_proof(index: int, size: int, subtree: Subtree) -> tuple[bytes, ...]:
    """Return the audit path of leaf ``index`` in a tree of ``size`` leaves (2.1.3.1).

    Raises:
        MalformedError: There is no such leaf.
    """
    _require(0 <= index < size <= MAX_INT64, f"leaf {index} is not in a tree of {size}")
    return tuple(_path(index, 0, size, subtree))


def consistency_proof(old: int, size: int, subtree: Subtree) -> tuple[bytes, ...]:
    """Return the proof that a tree of ``size`` leaves begins with one of ``old`` (2.1.4.1).

    It is empty where both are one, or the old tree is empty.

    Raises:
        MalformedError: The old tree is the larger one.
    """
    _require(0 <= old <= size <= MAX_INT64, f"a tree of {size} does not contain one of {old}")
    if old in (0, size):
        return ()
    return tuple(_subproof(old, 0, size, subtree, known=True))


def is_included(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Report whether a proof shows that a leaf is in a tree (2.1.3.2).

    Args:
        leaf: Hash of the leaf.
        index: Its position.
        size: Leaves of the tree.
        proof: Its audit path, from the leaf up.
        root: Root of the tree.
    """
    return root_of_inclusion(leaf, index, size, proof) == root


def root_of_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes | None:
    """Return the root that an audit path leads to; None where it is not the path of that leaf."""
    if not 0 <= index < size <= MAX_INT64 or not _are_hashes([leaf, *proof]):
        return None
    place, last, found = index, size - 1, leaf
    for value in proof:
        if last == 0:
            return None  # more hashes than the tree is deep
        if place & 1 or place == last:
            found = node_hash(value, found)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            found = node_hash(found, value)
        place, last = place >> 1, last >> 1
    return found if last == 0 else None


def is_consistent(
    old: int, size: int, proof: Sequence[bytes], old_root: bytes, root: bytes
) -> bool:
    """Report whether a proof shows that one tree is the beginning of another (2.1.4.2).

    Equal sizes are consistent with equal roots and an empty proof; the empty tree is the
    beginning of every tree, likewise with an empty proof and its own root.
    """
    if not 0 <= old <= size <= MAX_INT64 or not _are_hashes([old_root, root, *proof]):
        return False
    if old == size:
        return not proof and old_root == root and (size > 0 or root == EMPTY_ROOT)
    if old == 0:
        return not proof and old_root == EMPTY_ROOT
    place, last = old - 1, size - 1
    while place & 1:  # what both trees have in full
        place, last = place >> 1, last >> 1
    if place == 0:
        return _climb(old_root, proof, place, last) == (old_root, root)  # the old tree is full
    return bool(proof) and _climb(proof[0], proof[1:], place, last) == (old_root, root)


def _climb(
    start: bytes, proof: Sequence[bytes], place: int, last: int
) -> tuple[bytes, bytes] | None:
    """Return the roots of both trees that a proof leads to; None where it is of another length."""
    first = second = start
    for value in proof:
        if last == 0:
            return None
        if place & 1 or place == last:
            first, second = node_hash(value, first), node_hash(value, second)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            second = node_hash(second, value)
        place, last = place >> 1, last >> 1
    return (first, second) if last == 0 else None


# --- making


def _path(index: int, start: int, end: int, subtree: Subtree) -> Iterator[bytes]:
    """Yield the hashes beside the way from leaf ``index`` up to the root over a range."""
    if end - start == 1:
        return
    middle = start + _split(end - start)
    if index < middle:
        yield from _path(index, start, middle, subtree)
        yield _range_root(middle, end, subtree)
    else:
        yield from _path(index, middle, end, subtree)
        yield _range_root(start, middle, subtree)


def _subproof(old: int, start: int, end: int, subtree: Subtree, *, known: bool) -> Iterator[bytes]:
    """Yield SUBPROOF(m, D[n], b) of the RFC, for the range from ``start`` to ``end``."""
    if old == end:
        if not known:
            yield _range_root(start, end, subtree)
        return
    middle = start + _split(end - start)
    if old <= middle:
        yield from _subproof(old, start, middle, subtree, known=known)
        yield _range_root(middle, end, subtree)
    else:
        yield from _subproof(old, middle, end, subtree, known=False)
        yield _range_root(start, middle, subtree)


def _range_root(start: int, end: int, subtree: Subtree) -> bytes:
    """Return the root over leaves ``start`` to before ``end``; start is a multiple of its split."""
    count = end - start
    level = count.bit_length() - 1
    if count == 1 << level:
        return subtree(level, start >> level)
    middle = start + _split(count)
    return node_hash(_range_root(start, middle, subtree), _range_root(middle, end, subtree))


def _split(count: int) -> int:
    """Return the largest power of two below ``count``, which is at least 2."""
    return 1 << ((count - 1).bit_length() - 1)


def _are_hashes(values: Sequence[bytes]) -> bool:
    return len(values) <= MAX_HASHES + 2 and all(len(each) == HASH_BYTES for each in values)


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise MalformedError(Code.MALFORMED, message)
