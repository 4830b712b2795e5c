"""The rules of the kinds: grants taken back, receipts, operations, tickets, reviews, blockers."""

from __future__ import annotations

from datetime import timedelta

import pytest

from greenlight.codes import Code
from greenlight.errors import MalformedError
from greenlight.model.grant import GrantRevoked
from greenlight.model.receipt import OperationRecorded, operation_digest
from greenlight.model.trust import KeyRoles, Role
from greenlight.primitives.ed25519 import SeedSigner
from greenlight.primitives.timestamp import format_seconds as at
from greenlight.verify.receipt import Wanted, check_receipt
from tests.ledger.actors import (
    DAY,
    EXECUTOR,
    OPERATION,
    OPERATION_DIGEST,
    OWNER,
    RECEIPT,
    REVIEWER,
    START,
    STRANGER,
    countersigned,
    folded,
    grant,
    packet_sealed,
    receipt,
    recorded,
    reserved,
    resolved,
    run_opened,
    spent,
    trust_root,
    uuid,
)
from tests.verify.test_fold import Story


@pytest.fixture
def story():
    """A run that was opened by its executor."""
    return Story().add(trust_root(), OWNER).add(grant(), OWNER).add(run_opened(1), EXECUTOR)


@pytest.fixture
def issued(story):
    """And a receipt for it."""
    return story.add(receipt(), OWNER)


@pytest.fixture
def sealed(story):
    """And its packet."""
    return story.add(packet_sealed(1), EXECUTOR)


# --- grants


def test_a_grant_that_was_taken_back_opens_nothing(story):
    """What was opened before stays; taking it back twice says nothing new."""
    gone = GrantRevoked(grant="g1", reason="The key was lost.")
    assert story.add(gone, OWNER).void is None
    assert story.add(run_opened(2, use=2), EXECUTOR).void is Code.GRANT_REVOKED
    assert story.add(gone, OWNER).void is Code.GRANT_REVOKED
    assert story.add(packet_sealed(1), EXECUTOR).void is None


@pytest.mark.parametrize(
    ("body", "signer", "code"),
    [
        (GrantRevoked(grant="g2", reason="x"), OWNER, Code.DELEGATION_MISSING),
        (GrantRevoked(grant="g1", reason="x"), EXECUTOR, Code.TRUST_REFUSED),
    ],
)
def test_not_everybody_takes_back_everything(story, body, signer, code):
    """Only an owner does, and only a grant that is there."""
    assert story.add(body, signer).void is code
    assert story.add(run_opened(2, use=2), EXECUTOR).void is None


# --- receipts


def test_a_receipt_is_spent_once(issued):
    """The first spend holds; a second, of the same operation or another, has no effect."""
    assert issued.add(spent(), EXECUTOR).void is None
    assert issued.add(spent(), EXECUTOR).void is Code.RECEIPT_SPENT
    assert issued.add(spent(operation_id=uuid(801)), EXECUTOR).void is Code.RECEIPT_SPENT
    assert issued.state.spends[RECEIPT].body.operation_id == OPERATION
    assert issued.state.claims[f"receipt/{RECEIPT}/spent"] == 4


ISSUING = {
    "by an executor": ({}, EXECUTOR, Code.TRUST_REFUSED),
    "by a stranger": ({}, STRANGER, Code.TRUST_REFUSED),
    "for longer than a day": (
        {"expires_at": at(START + DAY + timedelta(seconds=1))},
        OWNER,
        Code.RECEIPT_TOO_LONG,
    ),
    "in the future": (
        {
            "issued_at": at(START + timedelta(hours=1)),
            "expires_at": at(START + timedelta(hours=2)),
        },
        OWNER,
        Code.RECEIPT_NOT_YET,
    ),
}


@pytest.mark.parametrize(("change", "signer", "code"), ISSUING.values(), ids=ISSUING)
def test_issuing_is_an_owner_s_and_for_a_day(story, change, signer, code):
    """What cannot be issued cannot be spent."""
    assert story.add(receipt(**change), signer).void is code
    assert story.add(spent(), EXECUTOR).void is Code.RECEIPT_MISSING


def test_an_id_is_issued_once(issued):
    """A second receipt of one id does not replace the first."""
    assert issued.add(receipt(enforceable=False), OWNER).void is Code.ENTRY_VOID
    assert issued.state.receipts[RECEIPT].body.enforceable


OTHER = operation_digest({"repository": "omega/other"})
SPENDING = {
    "in a dry run": ({}, {"mode": "dry_run"}, Code.RECEIPT_MODE_NOT_PROD),
    "in staging": ({}, {"mode": "staging"}, Code.RECEIPT_MODE_NOT_PROD),
    "in capitals": ({}, {"mode": "PROD"}, Code.RECEIPT_MODE_NOT_PROD),
    "in title case": ({}, {"mode": "Prod"}, Code.RECEIPT_MODE_NOT_PROD),
    "with a space": ({}, {"mode": "prod "}, Code.RECEIPT_MODE_NOT_PROD),
    "with another letter": ({}, {"mode": "pr\u043ed"}, Code.RECEIPT_MODE_NOT_PROD),
    "in no mode": ({}, {"mode": ""}, Code.RECEIPT_MODE_NOT_PROD),
    "of another id": ({}, {"receipt_id": uuid(701)}, Code.RECEIPT_MISSING),
    "of an advisory one": ({"enforceable": False}, {}, Code.RECEIPT_ADVISORY),
    "for another run": ({}, {"run_id": uuid(2)}, Code.RECEIPT_RUN_MISMATCH),
    "for another kind": ({}, {"operation_kind": "tag_repo"}, Code.RECEIPT_KIND_MISMATCH),
    "for other content": ({}, {"operation_digest": OTHER}, Code.RECEIPT_CONTENT_MISMATCH),
    "by another key": (
        {"executor": REVIEWER.public.uri},
        {},
        Code.RECEIPT_EXECUTOR_MISMATCH,
    ),
    "for a run that was not opened": (
        {"run_id": uuid(9)},
        {"run_id": uuid(9)},
        Code.RUN_NOT_OPENED,
    ),
}
KINDS = ("publish_release", "tag_repo", "open_pr")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("issue", "spend", "code"), SPENDING.values(), ids=SPENDING)
def test_every_binding_holds_for_every_kind(story, kind, issue, spend, code):
    """One thing is not as the receipt says: nothing is spent, and then it can be."""
    issue = {"operation_kind": kind} | issue
    other = "open_pr" if kind == "tag_repo" else "tag_repo"
    spend = {"operation_kind": kind} | spend
    if code is Code.RECEIPT_KIND_MISMATCH:
        spend["operation_kind"] = other
    story.add(receipt(**issue), OWNER)
    assert story.add(spent(**spend), EXECUTOR).void is code
    assert RECEIPT not in story.state.spends
    if not issue.keys() & {"enforceable", "executor", "run_id"}:
        assert story.add(spent(operation_kind=kind), EXECUTOR).void is None


TIMES = {
    "as it is issued": (START, None),
    "a second before it is over": (START + DAY - timedelta(seconds=1), None),
    "as it is over": (START + DAY, Code.RECEIPT_EXPIRED),
    "a second later": (START + DAY + timedelta(seconds=1), Code.RECEIPT_EXPIRED),
    "in 2106": (START.replace(year=2106), Code.RECEIPT_EXPIRED),
    "in 1970": (START.replace(year=1970), Code.RECEIPT_NOT_YET),
    "a second before it is issued": (START - timedelta(seconds=1), Code.RECEIPT_NOT_YET),
}


@pytest.mark.parametrize(("time", "code"), TIMES.values(), ids=TIMES)
@pytest.mark.parametrize("kind", KINDS)
def test_time_is_half_open(kind, time, code):
    """Ledger time decides, whatever clock the spender has."""
    begun = Story().add(trust_root(), OWNER, START).add(grant(), OWNER, START)
    begun.add(run_opened(1), EXECUTOR, START).add(receipt(operation_kind=kind), OWNER, START)
    assert begun.add(spent(operation_kind=kind), EXECUTOR, time).void is code


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("age", "codes"),
    [
        (DAY, []),
        (DAY + timedelta(microseconds=1), [Code.RECEIPT_STALE]),
        (timedelta(hours=48), [Code.RECEIPT_EXPIRED, Code.RECEIPT_STALE]),
    ],
)
def test_exactly_a_day_old_is_not_stale(story, kind, age, codes):
    """A receipt that no ledger would take, over after two days, shows staleness by itself."""
    issued = START.replace(microsecond=0)
    held = story.add(receipt(operation_kind=kind), OWNER, issued).state
    long = receipt(
        operation_kind=kind, issued_at=at(issued), expires_at=at(issued + timedelta(hours=48))
    )
    held.receipts[RECEIPT] = type(held.receipts[RECEIPT])(
        long, OWNER.public.uri, held.receipts[RECEIPT].index, issued
    )
    wanted = Wanted("prod", RECEIPT, uuid(1), kind, OPERATION_DIGEST, EXECUTOR.public.uri)
    found = [finding.code for finding in check_receipt(wanted, held, issued + age)]
    assert [code for code in found if code is not Code.RECEIPT_TOO_LONG] == codes
    assert Code.RECEIPT_TOO_LONG in found


def test_everything_that_is_wrong_is_said(issued):
    """One failure does not hide the next."""
    wanted = Wanted("PROD", RECEIPT, uuid(2), "open_pr", OTHER, STRANGER.public.uri)
    found = check_receipt(wanted, issued.state, START + DAY + timedelta(seconds=1))
    assert [finding.code for finding in found] == [
        Code.RECEIPT_MODE_NOT_PROD,
        Code.RECEIPT_RUN_MISMATCH,
        Code.RECEIPT_KIND_MISMATCH,
        Code.RECEIPT_CONTENT_MISMATCH,
        Code.RECEIPT_EXECUTOR_MISMATCH,
        Code.RUN_NOT_OPENED,
        Code.RECEIPT_EXPIRED,
        Code.RECEIPT_STALE,
    ]
    assert all(finding.where and finding.expected and finding.found for finding in found)


def test_a_receipt_ends_after_it_begins():
    """What is over before it begins is no receipt."""
    with pytest.raises(MalformedError):
        receipt(expires_at=at(START))


# --- operations


def test_an_operation_is_recorded_once(issued):
    """After its receipt was spent for it; with null where 003 has null."""
    issued.add(spent(), EXECUTOR)
    assert issued.add(recorded(), EXECUTOR).void is None
    assert issued.add(recorded(status="failed"), EXECUTOR).void is Code.OPERATION_TAKEN
    record = issued.state.operations[OPERATION].body.to_record()
    assert record["status"] == "success"
    assert record["error_message"] is None
    assert {
        "operation_id",
        "run_id",
        "receipt_id",
        "operation_kind",
        "status",
        "error_message",
        "github_response",
        "retry_count",
    } <= record.keys()


NOT_DONE = {
    "of another id": {"operation_id": uuid(801)},
    "under another receipt": {"receipt_id": uuid(701)},
    "of another kind": {"operation_kind": "tag_repo"},
    "of other content": {"operation_digest": OTHER},
}


@pytest.mark.parametrize("change", NOT_DONE.values(), ids=NOT_DONE)
def test_what_was_not_authorised_was_not_done(issued, change):
    """Nobody records a success for which no receipt was spent."""
    issued.add(spent(), EXECUTOR)
    assert issued.add(recorded(**change), EXECUTOR).void is Code.OPERATION_NOT_AUTHORISED


def test_a_rejection_is_recorded_and_spends_nothing(issued):
    """With or without a receipt; under an id that nothing was authorised under."""
    rejected = {"status": "rejected", "code": "RECEIPT_ADVISORY", "github_response": ""}
    assert issued.add(recorded(**rejected, receipt_id=""), EXECUTOR).void is None
    assert issued.add(spent(operation_id=uuid(801)), EXECUTOR).void is None
    again = recorded(**rejected, operation_id=uuid(801))
    assert issued.add(again, EXECUTOR).void is Code.OPERATION_TAKEN
    assert issued.add(recorded(run_id=uuid(2)), EXECUTOR).void is Code.RUN_NOT_OPENED


@pytest.mark.parametrize(
    "change",
    [
        {"status": "rejected"},
        {"code": "RECEIPT_SPENT"},
        {"receipt_id": ""},
        {"status": "FAILED"},
        {"retry_count": -1},
        {"github_response": "two\nlines"},
    ],
)
def test_records_that_contradict_themselves(change):
    """A rejection has a code, nothing else has; what was done was done under a receipt."""
    with pytest.raises(MalformedError):
        OperationRecorded.from_body(recorded().to_body() | change)


# --- reviews and blockers


def test_a_reviewer_says_once_what_it_thinks(sealed):
    """And whoever sealed the packet says nothing."""
    assert sealed.add(countersigned(), REVIEWER).void is None
    assert sealed.add(countersigned(verdict="rejected"), REVIEWER).void is (
        Code.COUNTERSIGNED_BEFORE
    )
    key = (packet_sealed(1).packet, REVIEWER.public.uri)
    assert sealed.state.countersignatures[key].body.verdict == "approved"


def test_the_executor_s_own_key_is_refused():
    """Even where it has the reviewer's role as well."""
    both = trust_root()
    keys = [item for item in both.keys if item.public.uri != EXECUTOR.public.uri]
    both = type(both).make(*keys, KeyRoles.of(EXECUTOR.public, Role.EXECUTOR, Role.REVIEWER))
    story = Story().add(both, OWNER).add(grant(), OWNER).add(run_opened(1), EXECUTOR)
    story.add(packet_sealed(1), EXECUTOR)
    own = countersigned(reviewer=EXECUTOR.public.uri)
    assert story.add(own, EXECUTOR).void is Code.REVIEWER_IS_EXECUTOR
    assert story.add(countersigned(), REVIEWER).void is None


@pytest.mark.parametrize(
    ("change", "signer", "code"),
    [
        ({}, OWNER, Code.TRUST_REFUSED),
        ({"reviewer": OWNER.public.uri}, REVIEWER, Code.ENTRY_VOID),
        ({"statement": "sha256:" + "0" * 64}, REVIEWER, Code.PACKET_NOT_RECORDED),
        ({"packet_tree": "sha256:" + "0" * 64}, REVIEWER, Code.PACKET_NOT_RECORDED),
        ({"packet": packet_sealed(2).packet}, REVIEWER, Code.PACKET_NOT_RECORDED),
    ],
)
def test_a_countersignature_is_for_one_packet(sealed, change, signer, code):
    """Of this id, tree and statement, by the reviewer it names."""
    assert sealed.add(countersigned(**change), signer).void is code


def test_a_blocker_is_lifted_once_by_who_may(sealed):
    """An owner's by an owner, an operator's by an operator; never by an executor."""
    assert sealed.add(resolved(), EXECUTOR).void is Code.TRUST_REFUSED
    assert sealed.add(resolved(resolver="operator"), OWNER).void is Code.BLOCKER_NOT_RESOLVABLE
    assert sealed.add(resolved(), OWNER).void is None
    assert sealed.add(resolved(), OWNER).void is Code.BLOCKER_RESOLVED_BEFORE
    other = resolved(packet=packet_sealed(2).packet)
    assert sealed.add(other, OWNER).void is Code.PACKET_NOT_RECORDED


# --- tickets


def test_ranges_never_overlap(story):
    """Nor with what a run reserved; the highest number is remembered."""
    story.add(run_opened(2, use=2, tickets=("TKT-OBJ-450",)), EXECUTOR)
    assert story.add(reserved(), EXECUTOR).void is Code.TICKETS_TAKEN
    assert story.state.highest["TKT-OBJ"] == 450
    assert story.add(reserved(451, 470), EXECUTOR).void is None
    assert story.add(reserved(470, 470), OWNER).void is Code.TICKETS_TAKEN
    assert story.state.highest["TKT-OBJ"] == 470
    assert story.add(reserved(prefix="TKT"), EXECUTOR).void is None


def test_only_an_owner_folds_and_only_what_was_reserved(story):
    """Each ticket once, whoever reserved it."""
    story.add(run_opened(2, use=2, tickets=("T-1",)), EXECUTOR).add(reserved(), EXECUTOR)
    assert story.add(folded("T-1"), EXECUTOR).void is Code.TRUST_REFUSED
    assert story.add(folded("T-2"), OWNER).void is Code.TICKET_NOT_RESERVED
    assert story.add(folded("T-1", "TKT-OBJ-442"), OWNER).void is None
    assert story.add(folded("TKT-OBJ-442"), OWNER).void is Code.TICKET_FOLDED


@pytest.mark.parametrize(("first", "last"), [(441, 450), (450, 449), (442, 442 + 1024)])
def test_a_range_is_above_the_ceiling_and_bounded(first, last):
    """Not empty, not too long."""
    with pytest.raises(MalformedError):
        reserved(first, last)


def test_two_keys_are_two_people_only_if_they_differ():
    """A second spelling of one key does not exist: the thumbprint is of the key itself."""
    assert SeedSigner(bytes([3]) * 32).public.uri == REVIEWER.public.uri
