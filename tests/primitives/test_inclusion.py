"""Inclusion receipts: one shape, one key, one record."""

from __future__ import annotations

import pytest

from greenlight.codes import Code
from greenlight.errors import MalformedError
from greenlight.primitives import cbor
from greenlight.primitives.ed25519 import SeedSigner
from greenlight.primitives.inclusion import (
    parse_receipt,
    receipt_root,
    sign_receipt,
    transparent_statement,
)
from greenlight.primitives.merkle import leaf_hash, root_of
from greenlight.primitives.merkleproof import inclusion_proof

LOG, OTHER = SeedSigner(bytes([1]) * 32), SeedSigner(bytes([2]) * 32)
RECORDS = [b"record %d" % number for number in range(11)]
LEAVES = list(map(leaf_hash, RECORDS))
ROOT = root_of(LEAVES)


def subtree(level, index):
    return root_of(LEAVES[index << level : (index + 1) << level])


def receipt(index=6, **more):
    values = {
        "root": ROOT,
        "size": 11,
        "index": index,
        "proof": inclusion_proof(index, 11, subtree),
        "origin": "greenlight/" + "0" * 64,
        "signer": LOG,
    }
    return sign_receipt(**(values | more))


@pytest.mark.parametrize("index", range(11))
def test_a_receipt_is_for_its_record(index):
    """And for no other, by no other key."""
    parsed = parse_receipt(receipt(index))
    assert (parsed.size, parsed.index) == (11, index)
    for other, record in enumerate(RECORDS):
        assert receipt_root(parsed, record, LOG.public) == (ROOT if other == index else None)
    assert receipt_root(parsed, RECORDS[index], OTHER.public) is None


@pytest.mark.parametrize("bit", range(8))
def test_every_bit_counts(bit):
    """Flipped anywhere, it is no receipt or proves nothing."""
    data = receipt()
    for at in range(len(data)):
        wrong = data[:at] + bytes([data[at] ^ (1 << bit)]) + data[at + 1 :]
        try:
            parsed = parse_receipt(wrong)
        except MalformedError:
            continue
        root = receipt_root(parsed, RECORDS[6], LOG.public)
        # Size and index are in the proof, which nobody signs: others that lead the same way to
        # the root that was signed prove the same record under the same root.
        unsigned = (parsed.size, parsed.index) != (11, 6)
        assert root is None or (unsigned and root == ROOT)


def test_cut_anywhere_and_longer():
    """And of other shapes: each is malformed."""
    data = receipt()
    bad = [data[:end] for end in range(len(data))] + [data + b"\0", bytes(10_000)]
    body = cbor.decode(data, tag=18)
    for place, value in ((0, b""), (1, {}), (2, ROOT), (3, b"x" * 63), (1, {396: {-2: [b""]}})):
        bad.append(cbor.encode([*body[:place], value, *body[place + 1 :]], tag=18))
    for path in ([11, 11, []], [0, 0, []], [11, 6, [b"x"]], [11, 6, [bytes(32)] * 64], [11, 6]):
        proof = {396: {-1: [cbor.encode(path)]}}
        bad.append(cbor.encode([body[0], proof, None, body[3]], tag=18))
    for each in bad:
        with pytest.raises(MalformedError) as caught:
            parse_receipt(each)
        assert caught.value.code is Code.INCLUSION_MALFORMED


def test_a_root_that_was_not_signed():
    """A proof that leads elsewhere: the signature is over another root."""
    assert receipt_root(parse_receipt(receipt(root=bytes(32))), RECORDS[6], LOG.public) is None


def test_what_is_no_statement():
    """A receipt is attached to a signed statement alone, and once."""
    for data in (b"", receipt(), cbor.encode([b"", {1: 2}, b"x", b""], tag=18)):
        with pytest.raises(MalformedError):
            transparent_statement(data, [receipt()])
