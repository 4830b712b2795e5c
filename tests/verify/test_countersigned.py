"""What reviewers said about a packet: of this tree, oldest first, and whether it still counts."""

from __future__ import annotations

from dataclasses import replace

from greenlight.model.record import NO_LINKS, Record
from greenlight.model.state import LedgerState
from greenlight.model.trust import KeyRoles, Revocation, Role
from greenlight.verify.countersigned import countersignatures
from greenlight.verify.fold import fold
from tests.ledger.actors import (
    EXECUTOR,
    OWNER,
    REVIEWER,
    START,
    STRANGER,
    Pen,
    countersigned,
    grant,
    packet_sealed,
    run_opened,
    trust_root,
)


def folded(*more):
    """A packet, two reviewers, and what they said."""
    root = trust_root()
    two = KeyRoles.of(STRANGER.public, Role.REVIEWER)
    both = type(root).make(*root.keys, two)
    said = [
        (both, OWNER),
        (grant(), OWNER),
        (run_opened(1), EXECUTOR),
        (packet_sealed(1), EXECUTOR),
    ]
    pen = Pen()
    records = [
        Record(index, NO_LINKS, START, pen.sign(body, signer), b"")
        for index, (body, signer) in enumerate([*said, *more])
    ]
    state = fold(LedgerState(), records)
    assert list(state.voids) == []
    return state, both


FIRST = (countersigned(verdict="rejected", comment="No."), REVIEWER)
SECOND = (countersigned(reviewer=STRANGER.public.uri, replayed=True), STRANGER)
SEALED = packet_sealed(1)


def test_all_of_them_oldest_first():
    state, _ = folded(FIRST, SECOND)
    found = countersignatures(state, SEALED.packet, SEALED.packet_tree)
    assert [each.to_dict() for each in found] == [
        {
            "reviewer": signer.public.uri,
            "verdict": body.verdict,
            "replayed": body.replayed,
            "comment": body.comment,
            "record": 4 + place,
            "time": "2026-01-02T03:04:05.678901Z",
            "revoked": False,
        }
        for place, (body, signer) in enumerate((FIRST, SECOND))
    ]


def test_of_another_packet_nothing():
    """Not of another id, nor of other bytes under this one."""
    state, _ = folded(FIRST)
    assert countersignatures(state, packet_sealed(2).packet, SEALED.packet_tree) == ()
    assert countersignatures(state, SEALED.packet, packet_sealed(2).packet_tree) == ()
    assert countersignatures(LedgerState(), SEALED.packet, SEALED.packet_tree) == ()


def test_a_reviewer_that_left_and_one_that_was_revoked():
    """What was said stays listed; from the index on it is marked."""
    state, root = folded(FIRST, SECOND)
    for since, wanted in ((6, [False, False]), (5, [False, True]), (0, [False, True])):
        gone = Revocation(key=STRANGER.public.uri, since=since, reason="Stolen.")
        after = state.copy()
        after.trust = replace(root, format=2, keys=root.keys[:2], revoked=(gone,))
        found = countersignatures(after, SEALED.packet, SEALED.packet_tree)
        assert [each.revoked for each in found] == wanted
