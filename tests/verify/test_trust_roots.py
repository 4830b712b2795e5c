"""Trust roots of format 2: thresholds over different owners, rotation, halves, revocation."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greenlight.codes import Code
from greenlight.errors import MalformedError
from greenlight.model.doubled import SealDoubled
from greenlight.model.seal import make_seal
from greenlight.model.statement import Statement
from greenlight.model.trust import KeyRoles, Revocation, Role, RootSignature, Succession, TrustRoot
from greenlight.model.trust_signing import add_signature, sign_root
from greenlight.model.words import Mode, Status
from greenlight.primitives.ed25519 import SeedSigner
from greenlight.primitives.hybrid import HybridSigner
from greenlight.primitives.mldsa import MldsaSigner
from greenlight.primitives.timestamp import format_seconds
from greenlight.verify.doubled import verify_doubled
from greenlight.verify.receipt import Wanted, check_receipt
from tests.ledger.actors import (
    EXECUTOR,
    OPERATION_DIGEST,
    RECEIPT,
    STRANGER,
    countersigned,
    grant,
    packet_sealed,
    receipt,
    run_opened,
    spent,
    uuid,
)
from tests.verify.test_fold import Story

ALICE, BOB, CAROL = (
    HybridSigner(SeedSigner(bytes([n]) * 32), MldsaSigner(bytes([n]) * 32)) for n in (11, 12, 13)
)
PLAIN = {one: one.classical for one in (ALICE, BOB, CAROL)}


def key(signer, *roles):
    half = signer.post_quantum.public if isinstance(signer, HybridSigner) else None
    return KeyRoles.of(signer.public, *roles, half=half)


def root(*owners, version=1, **more):
    """A root of format 2 with these owners, and one executor."""
    keys = [key(owner, Role.OWNER) for owner in owners]
    executor = more.pop("executor", key(EXECUTOR, Role.EXECUTOR))
    values = {
        "version": version,
        "keys": tuple(sorted((*keys, executor), key=lambda item: item.key)),
        "threshold": 1,
        "expires": "",
        "format": 2,
    }
    return TrustRoot(**(values | more))


def signed(body, *signers):
    return body.with_signatures(sign_root(body, signer) for signer in signers)


def following(story, *owners, **more):
    """The next root of a story."""
    trust = story.state.trust
    last = story.state.roots[str(trust.version)]
    kept = {"revoked": trust.revoked, "threshold": trust.threshold, "hybrid": trust.hybrid}
    return root(*owners, version=trust.version + 1, follows=last.entry, **(kept | more))


@pytest.fixture
def story():
    """Two owners of three are wanted."""
    body = signed(root(ALICE, BOB, CAROL, threshold=2), BOB)
    made = Story().add(body, ALICE)
    assert made.void is None
    return made


# --- thresholds


def test_the_first_root_is_signed_by_its_own_threshold():
    """Nobody is an owner who did not sign, as far as the threshold says."""
    lonely = root(ALICE, BOB, threshold=2)
    assert Story().add(lonely, ALICE).void is Code.TRUST_NEW_OWNERS
    assert Story().add(signed(lonely, ALICE), ALICE).void is Code.TRUST_NEW_OWNERS
    assert Story().add(signed(lonely, BOB), ALICE).void is None


@pytest.mark.parametrize(
    ("actor", "signers", "code"),
    [
        (ALICE, (), Code.TRUST_THRESHOLD),
        (ALICE, (ALICE,), Code.TRUST_THRESHOLD),
        (ALICE, (BOB,), None),
        (ALICE, (ALICE, BOB), None),
        (ALICE, (ALICE, BOB, CAROL), None),
        (CAROL, (BOB,), None),
        (ALICE, (STRANGER,), Code.TRUST_REFUSED),
        (ALICE, (EXECUTOR,), Code.TRUST_REFUSED),
        (EXECUTOR, (ALICE, BOB), Code.TRUST_REFUSED),
        (STRANGER, (ALICE, BOB), Code.TRUST_REFUSED),
    ],
)
def test_a_threshold_counts_different_owners(story, actor, signers, code):
    """The signer of the entry is one of them; one key counts once, whatever it signs."""
    body = signed(following(story, ALICE, BOB, CAROL), *signers)
    before = story.state.trust
    assert story.add(body, actor).void is code
    assert story.state.trust == (before if code else body)


def test_one_key_twice(story):
    """Two signatures of one key are refused, not counted."""
    body = following(story, ALICE, BOB, CAROL)
    one = sign_root(body, BOB)
    again = replace(body, signatures=(one, sign_root(body, BOB)))
    assert story.add(again, ALICE).void is Code.TRUST_SIGNED_TWICE
    assert story.add(replace(body, signatures=(one, one)), ALICE).void is Code.TRUST_SIGNED_TWICE


def test_a_format_1_root_with_a_threshold_is_followed_by_two_owners():
    """What could be written and not be met before."""
    keys = (KeyRoles.of(ALICE.public, Role.OWNER), KeyRoles.of(BOB.public, Role.OWNER))
    story = Story().add(TrustRoot.make(*keys, threshold=2), ALICE)
    assert story.void is None
    lonely = TrustRoot.make(*keys, version=2, threshold=2)
    assert story.add(lonely, ALICE).void is Code.TRUST_THRESHOLD
    body = following(story, ALICE, BOB)
    assert story.add(signed(body, BOB), ALICE).void is None


def test_a_half_that_no_root_names_does_not_sign(story):
    """Its holder signs as everybody does who has one half: nobody could verify the other."""
    other = HybridSigner(BOB.classical, MldsaSigner(bytes(32)))
    body = following(story, ALICE, BOB, CAROL)
    signatures = [add_signature(body, each, story.state.trust).signatures for each in (BOB, other)]
    assert [bool(one.post_quantum) for (one,) in signatures] == [True, False]
    assert add_signature(add_signature(body, BOB), BOB).signatures[1:] == ()


# --- rotation


def test_rotation_is_signed_by_old_and_new(story):
    """The old ones let go, the new ones can sign: both or nothing."""
    body = following(story, ALICE, STRANGER)
    assert story.add(signed(body, BOB), ALICE).void is Code.TRUST_NEW_OWNERS
    assert story.add(signed(body, STRANGER), ALICE).void is Code.TRUST_THRESHOLD
    assert story.add(signed(body, BOB, STRANGER), ALICE).void is None
    assert story.add(signed(following(story, ALICE, BOB), ALICE), BOB).void is Code.TRUST_REFUSED


def test_a_proposal_follows_one_root_alone(story):
    """What was signed for one moment, or another ledger, is not taken in another."""
    body = signed(following(story, ALICE, BOB, CAROL), BOB)
    stale = signed(replace(following(story, ALICE, BOB), follows="sha256:" + "0" * 64), BOB)
    assert story.add(stale, ALICE).void is Code.TRUST_STALE
    other = Story().add(signed(root(ALICE, BOB, CAROL, threshold=2), BOB), ALICE)
    other.pen.number += 7  # the same people, the same roots: another ledger
    twin = Story()
    twin.pen.number += 100
    twin.add(signed(root(ALICE, BOB, CAROL, threshold=2), BOB), ALICE)
    assert twin.add(body, ALICE).void is Code.TRUST_STALE
    assert other.add(following(story, ALICE, BOB), ALICE).void is not None


def test_versions_do_not_skip(story):
    body = signed(replace(following(story, ALICE, BOB), version=4), BOB)
    assert story.add(body, ALICE).void is Code.TRUST_REFUSED


# --- signatures


def _edit(text, at=-5):
    return f"{text[:at]}{'B' if text[at] == 'A' else 'A'}{text[at + 1 :]}"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda one: replace(one, signature=_edit(one.signature)), Code.TRUST_SIGNATURE_INVALID),
        (lambda one: replace(one, signature=one.signature[:-4]), Code.TRUST_SIGNATURE_INVALID),
        (lambda one: replace(one, signature="AAAA"), Code.TRUST_SIGNATURE_INVALID),
        (
            lambda one: replace(one, post_quantum=_edit(one.post_quantum)),
            Code.TRUST_SIGNATURE_INVALID,
        ),
        (
            lambda one: replace(one, post_quantum=one.post_quantum[:-8]),
            Code.TRUST_SIGNATURE_INVALID,
        ),
        (lambda one: replace(one, signature=one.post_quantum), Code.MALFORMED),
        (lambda one: replace(one, post_quantum=one.signature), Code.KEY_TYPE_WRONG),
        (lambda one: replace(one, key=CAROL.public.uri), Code.TRUST_SIGNATURE_INVALID),
    ],
    ids=["edited", "cut", "short", "half-edited", "half-cut", "swapped", "kinds", "anothers"],
)
def test_a_wrong_signature_spoils_the_root(story, change, code):
    """Edited, cut, of the other kind, or another's: each said, none passed over."""
    body = following(story, ALICE, BOB, CAROL)
    wrong = replace(body, signatures=(change(sign_root(body, BOB)),))
    if code is Code.MALFORMED:  # too long for its place: the body does not parse
        assert story.add(wrong, ALICE).void is Code.ENTRY_VOID
        return
    assert story.add(wrong, ALICE).void is code


def test_signatures_are_over_this_body(story):
    """One made for another next root does not count for this one."""
    one = sign_root(following(story, ALICE, BOB), BOB)
    body = replace(following(story, ALICE, BOB, CAROL), signatures=(one,))
    assert story.add(body, ALICE).void is Code.TRUST_SIGNATURE_INVALID


def test_a_post_quantum_signature_in_place_of_the_first(story):
    """The two kinds do not stand for each other."""
    body = following(story, ALICE, BOB, CAROL)
    one = sign_root(body, BOB)
    short = RootSignature(one.key, one.signature, "")
    object.__setattr__(short, "signature", one.post_quantum)
    wrong = replace(body, signatures=(short,))
    assert story.add(wrong, ALICE).void is Code.ENTRY_VOID


# --- both halves


@pytest.fixture
def hybrid():
    """Two owners of three are wanted, with both halves."""
    executor = key(CAROL, Role.EXECUTOR, Role.OWNER)
    owners = (ALICE, BOB)
    body = root(*owners, threshold=2, hybrid=True, executor=executor)
    made = Story().add(signed(body, ALICE, BOB), ALICE)
    assert made.void is None
    return made


def _next_hybrid(story, **more):
    executor = key(CAROL, Role.EXECUTOR, Role.OWNER)
    return following(story, ALICE, BOB, executor=executor, **more)


@pytest.mark.parametrize(
    ("signers", "code"),
    [
        ((ALICE, BOB), None),
        ((BOB, CAROL), None),
        ((BOB,), Code.TRUST_HYBRID_MISSING),
        ((ALICE, PLAIN[BOB]), Code.TRUST_HYBRID_MISSING),
        ((PLAIN[ALICE], PLAIN[BOB]), Code.TRUST_HYBRID_MISSING),
        ((ALICE,), Code.TRUST_THRESHOLD),
        ((), Code.TRUST_THRESHOLD),
    ],
)
def test_where_both_halves_are_demanded_one_does_not_count(hybrid, signers, code):
    """Nor does the entry's own signature, which is by one."""
    assert hybrid.add(signed(_next_hybrid(hybrid), *signers), ALICE).void is code


def test_a_half_of_somebody_else_does_not_count(hybrid):
    """The half is the one that the root names, and signs for its holder."""
    body = _next_hybrid(hybrid)
    mixed = HybridSigner(BOB.classical, CAROL.post_quantum)
    assert hybrid.add(signed(body, ALICE, mixed), ALICE).void is Code.TRUST_SIGNATURE_INVALID


def test_the_demand_is_lifted_only_by_both_halves(hybrid):
    """Whoever can forge Ed25519 alone must not take the demand away."""
    body = _next_hybrid(hybrid, hybrid=False)
    assert hybrid.add(signed(body, *map(PLAIN.get, (ALICE, BOB))), ALICE).void is (
        Code.TRUST_HYBRID_MISSING
    )
    one = TrustRoot.make(KeyRoles.of(ALICE.public, Role.OWNER), version=2)
    assert hybrid.add(one, ALICE).void is Code.TRUST_THRESHOLD
    assert hybrid.add(signed(body, ALICE, BOB), ALICE).void is None
    assert [hybrid.state.demands_hybrid(index) for index in range(5)] == [True] * 3 + [False] * 2


def test_a_new_half_is_signed_for_by_the_old_and_the_new(hybrid):
    """A half is replaced as a key is: the root before names the one, the new root the other."""
    other = HybridSigner(BOB.classical, MldsaSigner(bytes(range(32))))
    executor = key(CAROL, Role.EXECUTOR, Role.OWNER)
    body = following(hybrid, ALICE, other, executor=executor)
    assert hybrid.add(signed(body, ALICE, other), ALICE).void is Code.TRUST_HYBRID_MISSING
    assert hybrid.add(signed(body, ALICE, CAROL), ALICE).void is None


@pytest.mark.parametrize("role", [Role.OWNER, Role.EXECUTOR])
def test_a_root_that_demands_halves_has_them(role):
    """Otherwise nothing that this key signed would ever count."""
    with pytest.raises(MalformedError) as caught:
        root(ALICE, executor=key(STRANGER, role), hybrid=True)
    assert caught.value.code is Code.TRUST_HYBRID_MISSING


# --- expiry


@pytest.mark.parametrize(
    "moment",
    [datetime(1970, 1, 1, tzinfo=UTC), datetime(2106, 2, 7, 6, 28, 16, tzinfo=UTC)],
    ids=["1970", "2106"],
)
def test_expiry_is_by_ledger_time_whatever_the_year(moment):
    """At the second nothing has effect but a next root, and one that is over is none."""
    end = moment + timedelta(days=1)
    body = root(ALICE, expires=format_seconds(end))
    story = Story().add(body, ALICE, moment).add(grant(), ALICE, end - timedelta(microseconds=1))
    assert story.void is None
    assert story.add(grant("g2"), ALICE, end).void is Code.TRUST_EXPIRED
    over = following(story, ALICE, expires=format_seconds(end))
    assert story.add(over, ALICE, end).void is Code.TRUST_EXPIRED
    assert story.add(following(story, ALICE), ALICE, end).void is None
    assert story.add(grant("g2"), ALICE, end).void is None


# --- revocation


def lost(signer, since):
    return Revocation(signer.public.uri, since, "The laptop was stolen.")


@pytest.fixture
def busy():
    """Bob gives grants and issues a receipt; the executor opens runs under them."""
    story = Story().add(signed(root(ALICE, BOB), BOB), ALICE)
    story.add(grant("early"), BOB).add(grant("late"), BOB)
    story.add(run_opened(1, grant="early"), EXECUTOR).add(receipt(), BOB)
    assert story.state.voids == []
    return story


def test_a_revoked_key_has_no_effect_any_more(busy):
    """From the record of that root on, and with a code that says why."""
    body = following(busy, ALICE, revoked=(lost(BOB, 2),))
    assert busy.add(body, ALICE).void is None
    assert busy.add(grant("g9"), BOB).void is Code.KEY_REVOKED
    assert busy.add(signed(following(busy, ALICE), BOB), ALICE).void is Code.KEY_REVOKED


def test_what_it_gave_before_the_index_stays_good(busy):
    """Ledger order decides: record 1 is good, record 2 is not, whatever times they state."""
    busy.add(following(busy, ALICE, revoked=(lost(BOB, 2),)), ALICE)
    assert busy.add(run_opened(2, grant="early", use=2), EXECUTOR).void is None
    assert busy.add(run_opened(3, grant="late"), EXECUTOR).void is Code.KEY_REVOKED
    assert "grant/late" in busy.state.claims
    assert busy.state.is_revoked(BOB.public.uri, 2)
    assert not busy.state.is_revoked(BOB.public.uri, 1)
    assert not busy.state.is_revoked(ALICE.public.uri, 99)


WANTED = Wanted("prod", RECEIPT, uuid(1), "publish_release", OPERATION_DIGEST, EXECUTOR.public.uri)


def test_an_unspent_receipt_of_a_revoked_key_is_without_force(busy):
    """It cannot be spent; what was spent before stays spent."""
    assert check_receipt(WANTED, busy.state, busy.time) == ()
    busy.add(following(busy, ALICE, revoked=(lost(BOB, 4),)), ALICE)
    found = check_receipt(WANTED, busy.state, busy.time)
    assert [finding.code for finding in found] == [Code.KEY_REVOKED]
    assert busy.add(spent(), EXECUTOR).void is Code.KEY_REVOKED


def test_a_spent_receipt_stays_spent(busy):
    busy.add(spent(), EXECUTOR)
    assert busy.void is None
    busy.add(following(busy, ALICE, revoked=(lost(BOB, 0),)), ALICE)
    codes = {finding.code for finding in check_receipt(WANTED, busy.state, busy.time)}
    assert codes == {Code.RECEIPT_SPENT, Code.KEY_REVOKED}


def test_a_countersignature_of_a_revoked_key(busy):
    """It stays in the ledger, and says nothing from that index on."""
    trust = following(busy, ALICE, BOB)
    reviewer = key(CAROL, Role.REVIEWER)
    keys = tuple(sorted((*trust.keys, reviewer), key=lambda item: item.key))
    busy.add(signed(replace(trust, keys=keys)), ALICE).add(packet_sealed(1), EXECUTOR)
    busy.add(countersigned(reviewer=CAROL.public.uri), CAROL)
    assert busy.void is None
    (said,) = busy.state.countersignatures.values()
    assert not busy.state.is_revoked(said.actor, said.index)
    busy.add(following(busy, ALICE, BOB, revoked=(lost(CAROL, said.index),)), ALICE)
    assert busy.state.is_revoked(said.actor, said.index)


@pytest.mark.parametrize("since", [3, None])
def test_a_revocation_is_not_taken_back(busy, since):
    """No later root leaves it out, or lets it begin later; earlier it may."""
    busy.add(following(busy, ALICE, revoked=(lost(BOB, 2),)), ALICE)
    kept = () if since is None else (lost(BOB, since),)
    assert busy.add(following(busy, ALICE, revoked=kept), ALICE).void is Code.KEY_REVOKED
    first = TrustRoot.make(KeyRoles.of(ALICE.public, Role.OWNER), version=3)
    assert busy.add(first, ALICE).void is Code.KEY_REVOKED
    assert busy.add(following(busy, ALICE, revoked=(lost(BOB, 1),)), ALICE).void is None
    assert busy.add(run_opened(2, grant="early", use=2), EXECUTOR).void is Code.KEY_REVOKED


def test_a_revocation_from_an_index_to_come(busy):
    """It would say nothing now and something later."""
    body = following(busy, ALICE, revoked=(lost(BOB, busy.state.size + 1),))
    assert busy.add(body, ALICE).void is Code.TRUST_REFUSED
    body = following(busy, ALICE, revoked=(lost(BOB, busy.state.size),))
    assert busy.add(body, ALICE).void is None


def test_a_key_is_not_in_a_root_and_revoked(busy):
    with pytest.raises(MalformedError) as caught:
        following(busy, ALICE, BOB, revoked=(lost(BOB, 2),))
    assert caught.value.code is Code.KEY_REVOKED


# --- second seals

STATEMENT = Statement(
    packet_tree="6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321",
    packet_id=packet_sealed(1).packet,
    run_id=uuid(1),
    lane="create-only-docs",
    mode=Mode.STAGING,
    status=Status.APPLIED_CLEAN,
    file_count=1,
    byte_count=1,
    time="2026-01-31T23:59:59Z",
    lineage=(),
    executor=CAROL.public.uri,
)
SIGNED = STATEMENT.encode()


@pytest.fixture
def sealed(hybrid):
    """A packet sealed by an executor with both halves."""
    given = grant(executor=CAROL.public.uri)
    hybrid.add(given, ALICE).add(run_opened(1), CAROL)
    hybrid.add(packet_sealed(1, packet_tree=STATEMENT.subject), CAROL)
    assert hybrid.state.voids == []
    return hybrid


def problems(story, signed_bytes=SIGNED):
    return [f.code for f in verify_doubled(STATEMENT, signed_bytes, story.state, 3)]


def test_a_second_seal_is_demanded_and_verified(sealed):
    """Without it the packet is not vouched for; with it, both halves signed its statement."""
    assert problems(sealed) == [Code.SEAL_HYBRID_MISSING]
    sealed.add(SealDoubled.make(SIGNED, CAROL.post_quantum), CAROL)
    assert sealed.void is None
    assert problems(sealed) == []
    assert problems(sealed, SIGNED + b"!") == [Code.SEAL_HYBRID_INVALID]


def test_the_demand_is_that_of_the_moment(sealed):
    """A packet sealed before the demand, or after it was lifted, needs none."""
    assert [f.code for f in verify_doubled(STATEMENT, SIGNED, sealed.state, 0)] == [
        Code.SEAL_HYBRID_MISSING
    ]
    executor = key(CAROL, Role.EXECUTOR, Role.OWNER)
    calm = following(sealed, ALICE, BOB, executor=executor, hybrid=False)
    sealed.add(signed(calm, ALICE, BOB), ALICE)
    assert sealed.void is None
    assert problems(sealed) == [Code.SEAL_HYBRID_MISSING]
    assert verify_doubled(STATEMENT, SIGNED, sealed.state, sealed.state.size) == []


def test_a_second_seal_outlives_the_key_in_the_root(sealed):
    """The key is the one that stood in the root when the entry was placed."""
    sealed.add(SealDoubled.make(SIGNED, CAROL.post_quantum), CAROL)
    body = following(sealed, ALICE, executor=key(BOB, Role.EXECUTOR, Role.OWNER))
    sealed.add(signed(body, ALICE, BOB), ALICE)
    assert sealed.void is None
    assert sealed.state.trust.find(CAROL.public.uri) is None
    assert problems(sealed) == []


@pytest.mark.parametrize(
    ("half", "actor", "code"),
    [
        (ALICE.post_quantum, CAROL, Code.SEAL_HYBRID_INVALID),
        (CAROL.post_quantum, ALICE, Code.TRUST_REFUSED),
    ],
    ids=["another-half", "no-executor"],
)
def test_a_second_seal_by_another_key_is_void(sealed, half, actor, code):
    assert sealed.add(SealDoubled.make(SIGNED, half), actor).void is code
    assert problems(sealed) == [Code.SEAL_HYBRID_MISSING]


def test_a_second_seal_of_no_packet_is_void(sealed):
    """Of another tree, of a packet that is not recorded, or twice."""
    other = replace(STATEMENT, packet_tree="7" * 64)
    assert sealed.add(SealDoubled.make(other.encode(), CAROL.post_quantum), CAROL).void is (
        Code.PACKET_NOT_RECORDED
    )
    good = SealDoubled.make(SIGNED, CAROL.post_quantum)
    first = make_seal(SIGNED, CAROL)["seal.cose"]
    kinds = SealDoubled.from_body(good.to_body() | {"signature": _b64(first)})
    assert sealed.add(kinds, CAROL).void is Code.SEAL_HYBRID_INVALID
    assert sealed.add(good, CAROL).void is None
    assert sealed.add(good, CAROL).void is Code.ENTRY_VOID


def _b64(data):
    return base64.b64encode(data).decode()


def test_a_forged_second_seal_is_found_with_the_packet(sealed):
    """The ledger cannot verify it without the statement; whoever has the packet does."""
    body = SealDoubled.make(SIGNED, CAROL.post_quantum)
    data = bytearray(body.message)
    data[-1] ^= 1
    sealed.add(SealDoubled.from_body(body.to_body() | {"signature": _b64(bytes(data))}), CAROL)
    assert sealed.void is None
    assert problems(sealed) == [Code.SEAL_HYBRID_INVALID]


# --- bodies


def test_formats_read_back():
    """Format 1 as ever; format 2 with everything in it."""
    first = TrustRoot.make(KeyRoles.of(ALICE.public, Role.OWNER))
    assert sorted(first.to_body()) == ["expires", "keys", "threshold", "version"]
    past = Succession("greenlight/" + "0" * 64, 7, "sha256:" + "1" * 64, "Two of three were lost.")
    full = signed(
        root(ALICE, BOB, threshold=2, revoked=(lost(CAROL, 0),), succeeds=(past,), reviewers=1),
        ALICE,
    )
    for body in (first, full, root(ALICE, version=2, follows="sha256:" + "0" * 64)):
        assert TrustRoot.from_body(body.to_body()) == body
    assert TrustRoot.make(key(ALICE, Role.OWNER)).format == 2
    assert TrustRoot.make(KeyRoles.of(ALICE.public, Role.OWNER, Role.LOG)).format == 2


@pytest.mark.parametrize(
    "change",
    [
        {"format": 3},
        {"format": 1},
        {"format": "2"},
        {"hybrid": 1},
        {"thresholds": {"owner": 0, "reviewer": 1, "witness": 0}},
        {"thresholds": {"owner": 1, "reviewer": 2, "witness": 0}},
        {"thresholds": {"owner": 1, "reviewer": 1, "witness": 1}},
        {"thresholds": {"owner": 1, "reviewer": 1}},
        {"follows": "sha256:" + "0" * 64},
        {"revoked": [{"key": ALICE.public.uri, "since": 0, "reason": "x"}]},
        {"revoked": [{"key": STRANGER.public.uri, "since": -1, "reason": "x"}]},
        {"revoked": [{"key": STRANGER.public.uri, "since": 0, "reason": ""}]},
        {"revoked": [{"key": STRANGER.public.uri, "since": 0, "reason": "x"}] * 2},
        {"signatures": [{"key": ALICE.public.uri, "signature": "A", "post_quantum": ""}]},
        {"signatures": [{"key": ALICE.public.uri, "signature": "AB==", "post_quantum": ""}]},
        {"more": ""},
        {"expires": "2026-02-30T00:00:00Z"},
    ],
    ids=str,
)
def test_a_body_with_a_second_spelling_is_refused(change):
    with pytest.raises(MalformedError):
        TrustRoot.from_body(root(ALICE).to_body() | change)


@pytest.mark.parametrize(
    "half", ["AAAA", "A" * 1752 + "=", EXECUTOR.public.raw.hex(), "A" * 1751 + "="], ids=len
)
def test_a_half_of_another_size_is_no_half(half):
    """An Ed25519 key, or anything else, in the place of an ML-DSA-44 key."""
    body = root(ALICE).to_body()
    body["keys"] = [item | {"post_quantum": half} for item in body["keys"]][:1]
    with pytest.raises(MalformedError):
        TrustRoot.from_body(body)


def test_two_keys_do_not_share_a_half():
    shared = HybridSigner(BOB.classical, ALICE.post_quantum)
    with pytest.raises(MalformedError):
        root(ALICE, shared)


def test_a_root_of_format_1_has_the_roles_of_format_1():
    body = TrustRoot.make(KeyRoles.of(ALICE.public, Role.OWNER)).to_body()
    body["keys"] = [{**body["keys"][0], "roles": ["log", "owner"]}]
    with pytest.raises(MalformedError):
        TrustRoot.from_body(body)


def test_only_version_1_succeeds_a_ledger():
    past = Succession("greenlight/" + "0" * 64, 7, "sha256:" + "1" * 64, "Lost.")
    with pytest.raises(MalformedError):
        root(ALICE, version=2, follows="sha256:" + "0" * 64, succeeds=(past,))
    with pytest.raises(MalformedError):
        root(ALICE, succeeds=(past, past))


# --- anything at all

PLAIN_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 2**64)
    | st.text(max_size=8)
    | st.binary(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=6,
)
FULL = signed(root(ALICE, BOB, threshold=2, revoked=(lost(CAROL, 0),)), ALICE).to_body()


@settings(max_examples=200)
@given(st.sampled_from(sorted(FULL)), PLAIN_VALUES)
def test_any_value_in_a_field_is_refused_or_read_back(name, value):
    """Nothing but a refusal comes of it, and what is read has one spelling."""
    body = FULL | {name: value}
    try:
        read = TrustRoot.from_body(body)
    except MalformedError:
        return
    assert read.to_body() == body


@settings(max_examples=60)
@given(st.data())
def test_any_byte_of_a_signed_root_counts(data):
    """An entry with one byte changed has no effect, whatever the byte; nothing falls over."""
    story = Story().add(signed(root(ALICE, BOB, threshold=2), BOB), ALICE)
    entry = bytearray(story.pen.sign(signed(following(story, ALICE, BOB), BOB), ALICE))
    at = data.draw(st.integers(0, len(entry) - 1))
    entry[at] ^= 1 << data.draw(st.integers(0, 7))
    assert story.raw(bytes(entry)).void is not None
    assert story.state.trust.version == 1


@settings(max_examples=100)
@given(
    owners=st.lists(st.sampled_from([ALICE, BOB, CAROL]), min_size=1, unique=True),
    threshold=st.integers(1, 3),
    actor=st.sampled_from([ALICE, BOB, CAROL]),
    signers=st.lists(st.sampled_from([ALICE, BOB, CAROL]), max_size=3, unique=True),
)
def test_a_threshold_is_met_by_that_many_people_and_not_by_fewer(owners, threshold, actor, signers):
    """The rule, said once more by counting people."""
    if threshold > len(owners):
        return
    first = signed(root(*owners, threshold=threshold), *owners)
    story = Story().add(first, owners[0])
    body = signed(following(story, *owners), *signers)
    people = {one.public.uri for one in (*signers, actor)} & {one.public.uri for one in owners}
    strangers = any(one not in owners for one in (*signers, actor))
    assert (story.add(body, actor).void is None) is (len(people) >= threshold and not strangers)
