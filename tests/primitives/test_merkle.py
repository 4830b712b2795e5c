"""Merkle trees: every tree up to 64 leaves against the recursion of RFC 9162."""

from __future__ import annotations

import hashlib

import pytest

from greenlight.errors import MalformedError
from greenlight.primitives.merkle import EMPTY_ROOT, Frontier, leaf_hash, node_hash, root_of

LEAVES = [b"leaf %d" % number for number in range(64)]
HASHES = [leaf_hash(leaf) for leaf in LEAVES]


def mth(leaves: list[bytes]) -> bytes:
    """RFC 9162 section 2.1.1, as it is written there."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    return hashlib.sha256(b"\x01" + mth(leaves[:k]) + mth(leaves[k:])).digest()


def test_every_tree_up_to_64_leaves() -> None:
    """root_of and Frontier give the root of the RFC's recursion."""
    frontier = Frontier()
    assert frontier.root == root_of([]) == mth([]) == EMPTY_ROOT
    for size in range(1, 65):
        frontier = frontier.append(HASHES[size - 1])
        expected = mth(LEAVES[:size])
        assert frontier.size == size
        assert frontier.root == expected
        assert root_of(iter(HASHES[:size])) == expected


def test_a_frontier_holds_the_full_subtrees() -> None:
    """Hashes stand left to right, one for each bit of the size."""
    frontier = Frontier()
    for size in range(1, 65):
        frontier = frontier.append(HASHES[size - 1])
        at = 0
        expected = []
        for bit in reversed(range(7)):
            if size >> bit & 1:
                expected.append(mth(LEAVES[at : at + (1 << bit)]))
                at += 1 << bit
        assert list(frontier.hashes) == expected


def test_a_frontier_can_be_stored_and_continued() -> None:
    """Size and hashes are all there is to a frontier."""
    frontier = Frontier()
    for value in HASHES[:37]:
        frontier = frontier.append(value)
    again = Frontier(frontier.size, frontier.hashes)
    assert again == frontier
    assert again.append(HASHES[37]).root == mth(LEAVES[:38])


def test_leaves_and_nodes_are_apart() -> None:
    """A node's two hashes are no leaf with the same root (second preimage)."""
    assert leaf_hash(HASHES[0] + HASHES[1]) != node_hash(HASHES[0], HASHES[1])


def test_any_change_changes_the_root() -> None:
    """Each flipped leaf, each exchange of neighbours and each cut gives another root."""
    root = root_of(HASHES)
    for at in range(64):
        changed = [*HASHES]
        changed[at] = bytes([changed[at][0] ^ 1]) + changed[at][1:]
        assert root_of(changed) != root
        assert root_of(HASHES[:at]) != root
    for at in range(63):
        changed = [*HASHES]
        changed[at], changed[at + 1] = changed[at + 1], changed[at]
        assert root_of(changed) != root


@pytest.mark.parametrize(
    ("size", "hashes"),
    [
        (0, (bytes(32),)),
        (1, ()),
        (2, (bytes(32), bytes(32))),
        (3, (bytes(32),)),
        (1, (bytes(31),)),
        (-1, (bytes(32),)),
        (2**63, (bytes(32),)),
    ],
)
def test_a_frontier_that_no_tree_has(size: int, hashes: tuple[bytes, ...]) -> None:
    """Wrong numbers and lengths of hashes cannot become a frontier."""
    with pytest.raises(MalformedError):
        Frontier(size, hashes)
