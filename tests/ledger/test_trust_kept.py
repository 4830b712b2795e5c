"""Trust roots of format 2, second seals and revocations are kept, and read again as they were."""

from __future__ import annotations

from dataclasses import replace

import pytest

from greenlight.codes import Code
from greenlight.errors import RefusedError
from greenlight.ledger.pin import read_pin
from greenlight.ledger.read import read_ledger
from greenlight.ledger.snapshot import forget
from greenlight.model.doubled import SealDoubled
from greenlight.model.trust import KeyRoles, Revocation, Role, TrustRoot
from greenlight.model.trust_signing import add_signature
from greenlight.primitives.digest import Digest
from greenlight.primitives.ed25519 import SeedSigner
from greenlight.primitives.hybrid import HybridSigner
from greenlight.primitives.mldsa import MldsaSigner
from tests.ledger.actors import Pen, grant, outside, put
from tests.verify.test_trust_roots import STATEMENT

ALICE, BOB = (
    HybridSigner(SeedSigner(bytes([n]) * 32), MldsaSigner(bytes([n]) * 32)) for n in (11, 12)
)


def root(*keys, **more):
    ordered = tuple(sorted(keys, key=lambda item: item.key))
    values = {"version": 1, "keys": ordered, "threshold": 1, "expires": "", "format": 2}
    return TrustRoot(**(values | more))


def key(signer, *roles):
    return KeyRoles.of(signer.public, *roles, half=signer.post_quantum.public)


@pytest.fixture
def told(store):
    """A demand, a packet with a second seal, and a revocation of the key that made it."""
    pen = Pen()
    owner, runner = key(ALICE, Role.OWNER), key(BOB, Role.EXECUTOR)
    first = pen.sign(add_signature(root(owner, runner, hybrid=True), ALICE), ALICE)
    sealed = outside(1, packet_tree=STATEMENT.subject)
    statement = replace(STATEMENT, executor=BOB.public.uri).encode()
    second = pen.sign(SealDoubled.make(statement, BOB.post_quantum), BOB)
    put(store, [first, pen.sign(grant(), ALICE)], signer=ALICE)
    put(store, [pen.sign(sealed, BOB), second], signer=BOB)
    lost = Revocation(BOB.public.uri, 3, "It was stolen.")
    follows = str(Digest.of(first))
    next_root = root(owner, version=2, follows=follows, revoked=(lost,))
    put(store, [pen.sign(add_signature(next_root, ALICE), ALICE)], signer=ALICE)
    return store


def read(store, **more):
    return read_ledger(store, read_pin(store).ref, pin=read_pin(store), **more)


def test_what_is_kept_is_what_is_read(told):
    """From the tables, from the records, and with nothing kept at all."""
    kept = read(told).state
    fresh = read(told, fully=True).state
    assert kept == fresh
    forget(told)
    assert read(told).state == fresh
    assert fresh.voids == []


def test_the_questions_are_answered_from_the_tables(told):
    state = read(told).state
    assert [state.demands_hybrid(index) for index in range(5)] == [True] * 4 + [False]
    assert [state.is_revoked(BOB.public.uri, index) for index in (2, 3, 4)] == [False, True, True]
    assert state.doubled[STATEMENT.subject].actor == BOB.public.uri
    assert state.halves[BOB.post_quantum.public.thumbprint.hex()] == BOB.post_quantum.public.text
    assert [state.roots[number].index for number in ("1", "2")] == [0, 4]


def test_appending_goes_on_from_what_is_kept(told):
    """The next root follows the entry that the tables name; a revoked key is refused."""
    pen = Pen(1 << 90)
    with pytest.raises(RefusedError) as caught:
        put(told, [pen.sign(outside(2), BOB)], signer=BOB)
    assert caught.value.code is Code.KEY_REVOKED
    trust = read(told).state.trust
    stale = replace(trust, version=3, signatures=())
    with pytest.raises(RefusedError) as caught:
        put(told, [pen.sign(stale, ALICE)], signer=ALICE)
    assert caught.value.code is Code.TRUST_STALE
    follows = read(told).state.roots["2"].entry
    put(told, [pen.sign(replace(stale, follows=follows), ALICE)], signer=ALICE)
    assert read(told).state.trust.version == 3
