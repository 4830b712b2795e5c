"""Which entries have effect: authority, time, claims, and what becomes of the rest."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenlight.codes import Code
from greenlight.errors import MalformedError
from greenlight.model.entry import sign_entry
from greenlight.model.kinds import PacketPurged, PacketSealed
from greenlight.model.record import NO_LINKS, Record
from greenlight.model.state import LedgerState
from greenlight.model.trust import KeyRoles, Role, TrustRoot
from greenlight.primitives import cbor, cose
from greenlight.primitives.timestamp import format_seconds
from greenlight.verify.fold import fold
from tests.ledger.actors import (
    EXECUTOR,
    LANE,
    OWNER,
    REVIEWER,
    START,
    STRANGER,
    Pen,
    clock_corrected,
    grant,
    outside,
    packet_purged,
    packet_sealed,
    run_opened,
    trust_root,
    uuid,
)


class Story:
    """A fold that grows: each entry a second after the last."""

    def __init__(self):
        self.state = LedgerState()
        self.pen = Pen()
        self.time = START

    def raw(self, entry, time=None):
        self.time = time or self.time + timedelta(seconds=1)
        record = Record(self.state.size, NO_LINKS, self.time, entry, b"")
        self.state = fold(self.state, [record])
        return self

    def add(self, body, signer, time=None):
        return self.raw(self.pen.sign(body, signer), time)

    @property
    def void(self):
        """Code of the last entry if it was void, else None."""
        last = self.state.voids[-1] if self.state.voids else None
        return last.code if last is not None and last.index == self.state.size - 1 else None


@pytest.fixture
def story():
    return Story().add(trust_root(), OWNER).add(grant(), OWNER)


def test_a_life(story):
    """Opened and sealed by its executor under a grant, a run has its packet."""
    story.add(run_opened(1, tickets=("T-1",)), EXECUTOR)
    assert [run.opened.run for run in story.state.abandoned()] == [uuid(1)]
    story.add(packet_sealed(1), EXECUTOR)

    state = story.state
    assert state.voids == []
    assert list(state.abandoned()) == []
    assert state.packets[packet_sealed(1).packet].index == 3
    assert state.trees[packet_sealed(1).packet_tree] == packet_sealed(1).packet
    assert state.claims["ticket/T-1"] == 2
    assert state.next_use("g1") == 2


def test_fold_is_pure(story):
    """Folding on does not change the state it started from."""
    before = story.state
    copy = before.copy()

    story.add(run_opened(1), EXECUTOR)

    assert before == copy
    assert story.state != before


def test_fold_in_pieces():
    """Folding record by record and all at once gives one state."""
    pen = Pen()
    bodies = [
        (trust_root(), OWNER),
        (grant(), OWNER),
        (run_opened(1), EXECUTOR),
        (run_opened(1), EXECUTOR),
        (packet_sealed(1), EXECUTOR),
        (outside(2), REVIEWER),
    ]
    records = [Record(i, NO_LINKS, START, pen.sign(*pair), b"") for i, pair in enumerate(bodies)]
    piecewise = LedgerState()
    for record in records:
        piecewise = fold(piecewise, [record])

    assert piecewise == fold(LedgerState(), records)
    assert [void.index for void in piecewise.voids] == [3, 5]


@pytest.mark.parametrize(
    ("body", "signer"),
    [
        (trust_root(2), EXECUTOR),
        (trust_root(2), STRANGER),
        (grant("g2"), EXECUTOR),
        (grant("g2"), REVIEWER),
        (run_opened(1), OWNER),
        (run_opened(1), REVIEWER),
        (run_opened(1), STRANGER),
        (outside(1), REVIEWER),
        (outside(1), OWNER),
        (clock_corrected(START), EXECUTOR),
        (packet_purged(1), EXECUTOR),
        (packet_purged(1), REVIEWER),
    ],
    ids=lambda value: getattr(value, "KIND", None),
)
def test_roles(story, body, signer):
    """A key without the role of a kind, or outside the trust root, has no effect."""
    claims = dict(story.state.claims)

    assert story.add(body, signer).void is Code.TRUST_REFUSED
    assert story.state.claims == claims


@pytest.mark.parametrize("first", [grant(), run_opened(1), trust_root(2)], ids=lambda b: b.KIND)
def test_beginning(first):
    """A ledger that does not begin with version 1 of a trust root gives nobody authority."""
    story = Story().add(first, OWNER)
    assert story.void is Code.TRUST_REFUSED

    assert story.add(trust_root(), OWNER).void is Code.TRUST_REFUSED
    assert story.add(grant(), OWNER).void is Code.TRUST_REFUSED
    assert story.state.trust is None


def test_beginning_signed_by_no_owner_of_its_own():
    """The first trust root is signed by an owner that it names."""
    assert Story().add(trust_root(), STRANGER).void is Code.TRUST_REFUSED
    assert Story().add(trust_root(), EXECUTOR).void is Code.TRUST_REFUSED


def test_second_beginning(story):
    """A second version 1 is void, and the root in force stays."""
    other = TrustRoot.make(KeyRoles.of(OWNER.public, Role.OWNER, Role.EXECUTOR))

    assert story.add(other, OWNER).void is Code.TRUST_REFUSED
    assert story.state.trust == trust_root()


def test_next_trust_root(story):
    """The next version is in force from its index on: a removed key has no effect after it."""
    story.add(run_opened(1), EXECUTOR)
    story.add(
        TrustRoot.make(
            KeyRoles.of(OWNER.public, Role.OWNER),
            KeyRoles.of(STRANGER.public, Role.EXECUTOR),
            version=2,
        ),
        OWNER,
    )
    assert story.void is None

    assert story.add(packet_sealed(1), EXECUTOR).void is Code.TRUST_REFUSED
    assert story.add(outside(2), STRANGER).void is None
    assert story.state.runs[uuid(1)].executor == EXECUTOR.public.uri


def test_skipped_version(story):
    """A version that does not follow is void."""
    assert story.add(trust_root(3), OWNER).void is Code.TRUST_REFUSED


def test_threshold_above_one():
    """A root that wants two signatures is not succeeded by one."""
    keys = (KeyRoles.of(OWNER.public, Role.OWNER), KeyRoles.of(REVIEWER.public, Role.OWNER))
    story = Story().add(TrustRoot.make(*keys, threshold=2), OWNER)
    assert story.void is None

    assert story.add(TrustRoot.make(*keys, version=2), OWNER).void is Code.TRUST_THRESHOLD


def test_expired_root():
    """After a root's expiry nothing has effect but the next root."""
    end = START + timedelta(hours=1)
    story = Story().add(trust_root(expires=format_seconds(end)), OWNER).add(grant(), OWNER)
    end = end.replace(microsecond=0)

    story.add(run_opened(1), EXECUTOR, end - timedelta(microseconds=1))
    assert story.void is None
    assert story.add(run_opened(2, use=2), EXECUTOR, end).void is Code.TRUST_EXPIRED
    assert story.add(trust_root(2), OWNER, end).void is None
    assert story.add(run_opened(3, use=3), EXECUTOR, end).void is None


@pytest.mark.parametrize(
    ("more", "run", "code"),
    [
        ({"grant": "g9"}, {}, Code.DELEGATION_MISSING),
        ({"executor": OWNER.public.uri}, {}, Code.DELEGATION_MISSING),
        ({"lane": "other"}, {}, Code.DELEGATION_MISSING),
        ({"lane": "*"}, {}, None),
        ({"modes": ("dry_run",)}, {}, Code.GRANT_MODE),
        ({"modes": ("dry_run", "staging")}, {}, None),
        ({}, {"mode": "prod"}, Code.GRANT_MODE),
        ({"max_uses": 3}, {"use": 3}, None),
        ({"max_uses": 3}, {"use": 4}, Code.GRANT_USED_UP),
    ],
)
def test_grant_covers(more, run, code):
    """A run needs a grant for its key, lane and mode, and a use within its number."""
    story = Story().add(trust_root(), OWNER).add(grant(**more), OWNER)

    story.add(run_opened(1, **run), EXECUTOR)

    assert story.void is code
    assert (uuid(1) in story.state.runs) is (code is None)


def test_grant_interval():
    """A grant is in force from its first moment to before its last, by ledger time."""
    first, last = (START.replace(microsecond=0) + timedelta(hours=n) for n in (1, 2))
    moment = timedelta(microseconds=1)
    story = Story().add(trust_root(), OWNER)
    story.add(grant(not_before=format_seconds(first), expires=format_seconds(last)), OWNER)

    for number, (at, code) in enumerate(
        [
            (first - moment, Code.GRANT_EXPIRED),
            (first, None),
            (last - moment, None),
            (last, Code.GRANT_EXPIRED),
        ],
        1,
    ):
        assert story.add(run_opened(number, use=number), EXECUTOR, at).void is code


def test_use_is_spent_once(story):
    """Two runs on one use of a grant: the first holds; an abandoned run's use stays spent."""
    story.add(run_opened(1), EXECUTOR)

    assert story.add(run_opened(2), EXECUTOR).void is Code.GRANT_USED_UP
    assert story.state.next_use("g1") == 2


def test_uses_out_of_order():
    """next_use finds the lowest free use where somebody chose another, and None at the end."""
    story = Story().add(trust_root(), OWNER).add(grant(max_uses=3), OWNER)
    for number, use in enumerate((2, 3), 1):
        story.add(run_opened(number, use=use), EXECUTOR)
    assert story.state.next_use("g1") == 1
    story.add(run_opened(3, use=1), EXECUTOR)

    assert story.void is None
    assert story.state.next_use("g1") is None
    assert story.state.next_use("g9") is None


def test_ticket_is_reserved_once(story):
    """A ticket that another run reserved makes the whole entry void: nothing else is taken."""
    story.add(run_opened(1, tickets=("T-1", "T-2")), EXECUTOR)
    story.add(run_opened(2, use=2, tickets=("T-2", "T-3")), EXECUTOR)

    assert story.void is Code.TICKETS_TAKEN
    assert "ticket/T-3" not in story.state.claims
    assert story.add(run_opened(3, use=2, tickets=("T-3",)), EXECUTOR).void is None


def test_run_is_opened_once(story):
    """A second opening of one run is void."""
    story.add(run_opened(1), EXECUTOR)

    assert story.add(run_opened(1, use=2), EXECUTOR).void is Code.ENTRY_VOID


def test_grant_id_is_issued_once(story):
    """A second grant of one id is void: it would widen what was given."""
    assert story.add(grant(max_uses=5000), OWNER).void is Code.ENTRY_VOID
    assert story.state.grants["g1"].grant.max_uses == 1000


def test_second_packet_is_a_conflict(story):
    """A packet whose claim is taken is kept as a CONFLICT, and the first one stands."""
    story.add(run_opened(1), EXECUTOR).add(packet_sealed(1), EXECUTOR)
    other = packet_sealed(1, packet_tree="sha256:" + "9" * 64)

    assert story.add(other, EXECUTOR).void is Code.PACKET_CONFLICT
    assert [packet.sealed for packet in story.state.conflicts] == [other]
    assert story.state.packets[other.packet].sealed == packet_sealed(1)
    assert other.packet_tree not in story.state.trees


@pytest.mark.parametrize(
    "sealed",
    [
        packet_sealed(2),
        packet_sealed(1, mode="dry_run"),
        packet_sealed(1, lane="other", packet=f"other-{uuid(1)}"),
    ],
)
def test_seal_without_its_run(story, sealed):
    """A packet that claims execution ends a run that was opened, and that one exactly."""
    story.add(run_opened(1), EXECUTOR)

    assert story.add(sealed, EXECUTOR).void is Code.RUN_NOT_OPENED


def test_seal_by_another_executor(story):
    """Only the executor that opened a run seals it."""
    second = TrustRoot.make(
        *trust_root().keys, KeyRoles.of(STRANGER.public, Role.EXECUTOR), version=2
    )
    story.add(run_opened(1), EXECUTOR).add(second, OWNER)

    assert story.add(packet_sealed(1), STRANGER).void is Code.RUN_NOT_OPENED
    assert story.add(packet_sealed(1), EXECUTOR).void is None


def test_evidence_from_outside(story):
    """Evidence made elsewhere needs no run and no grant, and takes its run's key."""
    assert story.add(outside(1), EXECUTOR).void is None
    assert story.state.claims[f"run/{uuid(1)}"] == 2
    assert story.add(run_opened(1), EXECUTOR).void is Code.ENTRY_VOID


def test_evidence_from_outside_over_a_run(story):
    """Evidence from outside under the name of an opened run is a CONFLICT."""
    story.add(run_opened(1), EXECUTOR)

    assert story.add(outside(1), EXECUTOR).void is Code.PACKET_CONFLICT


def test_same_entry_twice(story):
    """An entry that somebody places again has no effect, whatever it is."""
    entry = story.pen.sign(clock_corrected(START), OWNER)

    assert story.raw(entry, START).void is None
    assert story.raw(entry, START).void is Code.ENTRY_VOID
    assert set(story.state.corrections) == {2}


def test_uuid_of_another_actor(story):
    """A UUID that somebody else has used takes nothing from its owner."""
    story.raw(sign_entry(outside(1), uuid=uuid(99), signer=EXECUTOR))

    assert story.raw(sign_entry(grant("g2"), uuid=uuid(99), signer=OWNER)).void is None


def test_forged_signature(story):
    """An entry whose signature does not verify has no effect and takes no UUID."""
    raw = bytearray(story.pen.sign(grant("g2"), OWNER))
    raw[-1] ^= 1

    assert story.raw(bytes(raw)).void is Code.ENTRY_VOID
    raw[-1] ^= 1
    assert story.raw(bytes(raw)).void is None


def entry_of(kind, body, claims, subject, signer=EXECUTOR):
    payload = cbor.encode({1: 1, 2: uuid(7), 3: kind, 4: body, 5: claims})
    return cose.sign1(
        payload,
        signer,
        content_type="application/vnd.greenlight.entry+cbor",
        subject=subject,
        detached=False,
    )


def test_claims_and_subject_are_those_of_the_body(story):
    """Claims too few, too many or others, or another subject, make an entry void."""
    body = outside(1)
    plain, claims, subject = body.to_body(), list(body.claims), body.subject
    for wrong in (claims[:1], sorted([*claims, "run/x"]), sorted([claims[0], "ticket/T"]), []):
        story.raw(entry_of(PacketSealed.KIND, plain, wrong, subject))
        assert story.void is Code.ENTRY_VOID
    story.raw(entry_of(PacketSealed.KIND, plain, claims, "sha256:" + "0" * 64))
    assert story.void is Code.ENTRY_VOID
    assert LANE not in "".join(story.state.claims)


@pytest.mark.parametrize(
    "entry",
    [
        b"",
        b"rubbish",
        entry_of("moon.landed", {}, [], "moon.landed", OWNER),
        entry_of("grant.issued", {"grant": "g2"}, ["grant/g2"], "grant.issued", OWNER),
    ],
)
def test_unknown_and_unreadable(story, entry):
    """An unknown kind, a body of another form, or no entry at all is kept, without effect."""
    before = story.state

    assert story.raw(entry).void is Code.ENTRY_VOID
    assert story.state.size == before.size + 1
    assert story.state.claims == before.claims


def test_correction_states_its_own_time(story):
    """A correction has effect only at the ledger time that it states."""
    past = START - timedelta(days=1)

    assert story.add(clock_corrected(past), OWNER).void is Code.ENTRY_VOID
    assert story.add(clock_corrected(past), OWNER, past).void is None
    assert story.state.time == past


def test_every_flipped_bit_of_an_entry(story):
    """An entry with any bit flipped has no effect (a sample of the bits)."""
    raw = story.pen.sign(grant("g2"), OWNER)
    before = story.state
    for bit in range(0, len(raw) * 8, 11):
        flipped = bytearray(raw)
        flipped[bit // 8] ^= 1 << bit % 8
        story.state = before

        assert story.raw(bytes(flipped)).void is not None, bit
    story.state = before
    assert story.raw(raw).void is None


@given(
    st.lists(
        st.tuples(
            st.integers(1, 4), st.integers(1, 4), st.sets(st.sampled_from("ABC")), st.booleans()
        ),
        max_size=12,
    )
)
def test_first_claim_holds(acts):
    """Whatever is opened and sealed in whatever order, a key has one holder: the first."""
    story = Story().add(trust_root(), OWNER).add(grant(max_uses=3), OWNER)
    holders: dict[str, int] = dict(story.state.claims)
    for number, use, tickets, seals in acts:
        body = (
            packet_sealed(number)
            if seals
            else run_opened(number, use=use, tickets=tuple(sorted(tickets)))
        )
        story.add(body, EXECUTOR)
        if story.void is None:
            assert not holders.keys() & set(body.claims)
            holders |= dict.fromkeys(body.claims, story.state.size - 1)
        assert story.state.claims == holders

    assert story.state.uses.get("g1", 0) == len(story.state.runs) <= 3
    assert story.state.packets.keys() <= {r.opened.packet for r in story.state.runs.values()}


def test_void_as_finding(story):
    """A void entry can be shown: which record, why, and the code it was refused for."""
    story.add(run_opened(1, grant="g9"), EXECUTOR)

    finding = story.state.voids[0].to_finding()

    assert finding.label == "ENTRY_VOID:DELEGATION_MISSING"
    assert finding.where == "ledger/records/2.cbor"
    assert "no grant g9" in finding.found


def test_purged(story):
    """An owner purges a packet: that it was sealed, and its claims, stay as they were."""
    story.add(outside(1), EXECUTOR)
    before = story.state
    story.add(packet_purged(1), OWNER)

    assert story.void is None
    purge = story.state.purged[outside(1).packet_tree]
    assert (purge.purged, purge.owner, purge.index) == (packet_purged(1), OWNER.public.uri, 3)
    assert purge.time == story.time
    assert story.state.packets == before.packets
    assert story.state.claims["packet/" + outside(1).packet] == 2
    story.add(outside(1), EXECUTOR)
    assert story.void is Code.PACKET_CONFLICT


def test_purged_once(story):
    """A second purge says nothing new, and the first one's reason stays."""
    story.add(outside(1), EXECUTOR).add(packet_purged(1), OWNER)
    story.add(packet_purged(1, reason="Another."), OWNER)

    assert story.void is Code.ENTRY_VOID
    assert story.state.purged[outside(1).packet_tree].purged.reason == "It was asked."


def test_only_what_was_sealed_is_purged(story):
    """A packet that was not sealed, or not with this tree, cannot be purged; a CONFLICT can."""
    story.add(packet_purged(1), OWNER)
    assert story.void is Code.PACKET_NOT_RECORDED
    twin = "sha256:" + "9" * 64
    story.add(outside(1), EXECUTOR).add(packet_purged(1, packet_tree=twin), OWNER)
    assert story.void is Code.PACKET_NOT_RECORDED
    story.add(outside(1, packet_tree=twin), EXECUTOR)
    story.add(packet_purged(1, packet_tree=twin), OWNER)

    assert story.void is None
    assert set(story.state.purged) == {twin}


@pytest.mark.parametrize("reason", ["", " ", " x", "x ", "a\nb", "\x1b[1m", "\u2028", "x" * 1001])
def test_reason_is_one_line(reason):
    """A reason that a terminal or a page could trip over is none."""
    body = packet_purged(1).to_body() | {"reason": reason}
    with pytest.raises(MalformedError):
        PacketPurged.from_body(body)


@pytest.mark.parametrize("first", [True, False])
def test_nobody_takes_a_lost_run_s_packet_away(first):
    """Its opening lost a claim; another executor who takes the run's id changes nothing of that."""
    root = TrustRoot.make(
        KeyRoles.of(OWNER.public, Role.OWNER),
        KeyRoles.of(EXECUTOR.public, Role.EXECUTOR),
        KeyRoles.of(REVIEWER.public, Role.EXECUTOR),
        version=1,
    )
    story = Story().add(root, OWNER).add(grant(), OWNER)
    story.add(grant("g2", executor=REVIEWER.public.uri), OWNER)
    story.add(run_opened(7), EXECUTOR)  # the use of the grant that the next one wants
    both = [(run_opened(1, grant="g2"), REVIEWER), (run_opened(1), EXECUTOR)]
    for body, signer in both if first else both[::-1]:
        story.add(body, signer)
    story.add(packet_sealed(1), EXECUTOR)
    assert story.void is Code.PACKET_CONFLICT
    assert [packet.executor for packet in story.state.conflicts] == [EXECUTOR.public.uri]
    story.add(packet_sealed(1, mode="prod", packet_tree=f"sha256:{9:064x}"), EXECUTOR)
    assert story.void is Code.RUN_NOT_OPENED  # not what it had opened
    story.add(packet_sealed(1), REVIEWER)
    assert story.void is None
