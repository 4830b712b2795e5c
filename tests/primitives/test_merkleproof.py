"""Every tree to 64 leaves, every leaf, every older size, every hash of every proof flipped."""

from __future__ import annotations

import hashlib
import os
import random
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenlight.errors import MalformedError
from greenlight.primitives.merkle import EMPTY_ROOT, Frontier, leaf_hash, node_hash, root_of
from greenlight.primitives.merkleproof import (
    consistency_proof,
    inclusion_proof,
    is_consistent,
    is_included,
    root_at,
    root_of_inclusion,
)

LEAVES = [leaf_hash(b"%d" % number) for number in range(66)]
LONG = os.environ.get("GREENLIGHT_LONG") == "1"
SIZES = range(1, 65)
STEP = 1 if LONG else 8  # bytes of each hash that are flipped in the larger trees: every so many


@cache
def subtree(level, index):
    first = index << level
    return root_of(LEAVES[first : first + (1 << level)])


# --- a second reader: the definitions of RFC 9162 as they stand there, over lists of leaves


def mth(leaves):
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\x01" + mth(leaves[:k]) + mth(leaves[k:])).digest()


def path(m, leaves):
    if len(leaves) == 1:
        return []
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    if m < k:
        return [*path(m, leaves[:k]), mth(leaves[k:])]
    return [*path(m - k, leaves[k:]), mth(leaves[:k])]


def proof(m, leaves, *, b=True):
    if m == len(leaves):
        return [] if b else [mth(leaves)]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    if m <= k:
        return [*proof(m, leaves[:k], b=b), mth(leaves[k:])]
    return [*proof(m - k, leaves[k:], b=False), mth(leaves[:k])]


def changed(hashes, step=1):
    """Yield proofs that differ: each byte of each hash, one gone, one more, two exchanged."""
    for place, value in enumerate(hashes):
        for at in range(place % step, 32, step):
            yield [*hashes[:place], flip(value, at), *hashes[place + 1 :]]
        yield [*hashes[:place], *hashes[place + 1 :]]
    yield [*hashes, bytes(32)]
    yield [*hashes, LEAVES[0]]
    yield [bytes(32), *hashes]
    if len(hashes) > 1:
        yield list(reversed(hashes))


def flip(value, at, bit=1):
    return value[:at] + bytes([value[at] ^ bit]) + value[at + 1 :]


@pytest.mark.parametrize("size", SIZES)
def test_inclusion(size):
    """Every leaf of every tree; every other index, size, leaf, root and proof is refused."""
    root = root_of(LEAVES[:size])
    assert root == root_at(size, subtree) == mth(LEAVES[:size])
    for index in range(size):
        found = inclusion_proof(index, size, subtree)
        assert list(found) == path(index, LEAVES[:size])
        assert is_included(LEAVES[index], index, size, found, root)
        assert root_of_inclusion(LEAVES[index], index, size, found) == root
        assert not is_included(LEAVES[index + 1], index, size, found, root)
        assert not is_included(LEAVES[index], index, size, found, flip(root, 7))
        assert not any(
            is_included(LEAVES[index], other, size, found, root)
            for other in (*range(-1, index), *range(index + 1, size + 2))
        )
        for wrong in changed(list(found), STEP if size > 16 else 1):
            assert not is_included(LEAVES[index], index, size, wrong, root)


@pytest.mark.parametrize("size", SIZES)
def test_every_bit_of_one_proof(size):
    """Of the last leaf: each bit of each hash."""
    root, index = root_of(LEAVES[:size]), size - 1
    found = inclusion_proof(index, size, subtree)
    for place, value in enumerate(found):
        for at in range(32):
            for bit in range(8):
                wrong = [*found[:place], flip(value, at, 1 << bit), *found[place + 1 :]]
                assert not is_included(LEAVES[index], index, size, wrong, root)


@pytest.mark.parametrize("size", range(65))
def test_consistency(size):
    """Every older size of every tree; every other size, root and proof is refused."""
    root = root_of(LEAVES[:size])
    for old in range(size + 1):
        old_root = root_of(LEAVES[:old])
        found = consistency_proof(old, size, subtree)
        if 0 < old < size:
            assert list(found) == proof(old, LEAVES[:size])
        assert is_consistent(old, size, found, old_root, root)
        assert not is_consistent(old, size, found, flip(old_root, 3), root)
        if old:  # the empty tree says nothing of what came later
            assert not is_consistent(old, size, found, old_root, flip(root, 3))
        for wrong in changed(list(found), STEP if size > 16 else 1):
            assert not is_consistent(old, size, wrong, old_root, root)


@pytest.mark.parametrize("size", [2, 3, 7, 8, 13, 32, 64])
def test_a_proof_is_of_two_sizes(size):
    """With others it shows nothing, unless the trees are the same by their roots."""
    root = root_of(LEAVES[:size])
    for old in range(1, size):
        found = consistency_proof(old, size, subtree)
        for other in range(size + 3):
            if other != old:
                roots = (root_of(LEAVES[:old]), root)
                assert not is_consistent(other, size, found, *roots)


def test_the_ends():
    """Sizes zero and equal, negative numbers, hashes of another length, too many of them."""
    root = root_of(LEAVES[:5])
    assert consistency_proof(0, 5, subtree) == consistency_proof(5, 5, subtree) == ()
    assert is_consistent(0, 0, [], EMPTY_ROOT, EMPTY_ROOT)
    assert not is_consistent(0, 0, [], root, root)
    assert not is_consistent(0, 5, [], root, root)
    assert not is_consistent(5, 5, [root], root, root)
    assert not is_consistent(5, 4, [], root, root)
    assert not is_consistent(-1, 5, [], root, root)
    assert not is_included(LEAVES[0], 0, 0, [], EMPTY_ROOT)
    assert is_included(LEAVES[0], 0, 1, [], LEAVES[0])
    assert not is_included(LEAVES[0][:31], 0, 1, [], LEAVES[0][:31])
    assert not is_included(LEAVES[0], 0, 2, [LEAVES[1][:31]], root_of(LEAVES[:2]))
    assert not is_included(LEAVES[0], 0, 2**63, [bytes(32)] * 63, root)
    assert not is_included(LEAVES[0], 0, 2**62, [bytes(32)] * 10_000, root)
    for bad in ((5, 5), (-1, 5), (0, 0), (0, 2**63)):
        with pytest.raises(MalformedError):
            inclusion_proof(*bad, subtree)
    for bad in ((6, 5), (-1, 5), (0, 2**63)):
        with pytest.raises(MalformedError):
            consistency_proof(*bad, subtree)


def test_a_node_is_no_leaf():
    """An inner node presented as a leaf of a smaller tree: the prefix tells them apart."""
    root = root_of(LEAVES[:4])
    inner = node_hash(LEAVES[0], LEAVES[1])
    assert is_included(inner, 0, 2, [node_hash(LEAVES[2], LEAVES[3])], root)  # as hashes it fits
    assert leaf_hash(LEAVES[0] + LEAVES[1]) != inner  # and no content hashes to it as a leaf


@given(st.integers(1, 2**62), st.data())
def test_proofs_are_short(size, data):
    """As many hashes as the tree is deep, asked of as many subtrees."""
    index = data.draw(st.integers(0, size - 1))
    asked = []

    def counted(level, place):
        asked.append((level, place))
        return bytes(32)

    assert len(inclusion_proof(index, size, counted)) <= size.bit_length()
    assert len(asked) <= 2 * size.bit_length()


def test_a_large_tree():
    """10,000 random proofs of each kind, by ours and by the definitions' own reading."""
    size = 100_000 if LONG else 3_000
    many = 10_000 if LONG else 150
    leaves = [leaf_hash(b"%d" % number) for number in range(size)]
    levels = [leaves]
    while len(levels[-1]) > 1:
        pairs = zip(levels[-1][::2], levels[-1][1::2], strict=False)
        levels.append([node_hash(*pair) for pair in pairs])

    def stored(level, index):
        return levels[level][index]

    @cache
    def frontier_root(upto):
        frontier = Frontier()
        for leaf in leaves[:upto]:
            frontier = frontier.append(leaf)
        return frontier.root

    choose = random.Random(1)  # noqa: S311 - the same every time
    roots = sorted(choose.sample(range(1, size + 1), 20))
    for _ in range(many):
        upto = choose.choice(roots)
        index, old = choose.randrange(upto), choose.randrange(upto + 1)
        assert is_included(
            leaves[index], index, upto, inclusion_proof(index, upto, stored), frontier_root(upto)
        )
        old_root = root_at(old, stored)
        found = consistency_proof(old, upto, stored)
        assert is_consistent(old, upto, found, old_root, frontier_root(upto))
