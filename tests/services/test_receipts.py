"""Issue a receipt, spend it once, record what came of it; and every way in which it fails."""

from __future__ import annotations

import os
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from greenlight.codes import Code
from greenlight.errors import MalformedError, RefusedError, RejectedError, StoreError, UsageError
from greenlight.ledger.pin import DEFAULT_REF, read_pin
from greenlight.ledger.read import read_ledger
from greenlight.model.entry import sign_entry
from greenlight.model.receipt import Operation
from greenlight.primitives import cbor
from greenlight.services.receipts import (
    Permit,
    issue_receipts,
    name_receipt,
    read_operation,
    receipt_bytes,
    receipt_line,
    receipt_lines,
    rejected_operations,
)
from greenlight.services.runs import name_run
from greenlight.services.spending import (
    Attempt,
    Doing,
    Outcome,
    check,
    one_line,
    perform,
    record,
    spend,
)
from greenlight.store.repository import create_store
from tests.ledger.actors import (
    EXECUTOR,
    OWNER,
    REVIEWER,
    START,
    STRANGER,
    Clock,
    Pen,
    begin,
    put,
    receipt,
    run_opened,
    uuid,
)

CONTENT = {"repository": "omega/marketops", "tag_name": "v0.2.0", "nested": {"body": "First."}}
RELEASE = Operation("publish_release", CONTENT)
RUN = uuid(1)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def store(tmp_path, clock):
    """A ledger with an open run of EXECUTOR's."""
    with create_store(tmp_path / "store.git") as made:
        begin(made, clock)
        put(made, [Pen().sign(run_opened(1), EXECUTOR)], clock)
        yield made


def issue(store, clock, **more):
    permit = Permit(RUN, RELEASE, **more)
    return issue_receipts(store, OWNER, [permit], clock=clock).bodies[0]


def ledger(store):
    return read_ledger(store, DEFAULT_REF, pin=read_pin(store))


def attempt(named, **more):
    values = {"mode": "prod", "receipt": named, "run_id": RUN, "operation": RELEASE}
    return Attempt(**(values | more))


def test_a_life(store, clock):
    """Issued, checked, spent, recorded: each step says what it is, and is seen by the next."""
    given = issue(store, clock)
    assert given.executor == EXECUTOR.public.uri
    assert given.expires - given.issued == timedelta(hours=24)
    wanted = attempt(given.receipt_id[:8])
    assert check(store, wanted, executor=EXECUTOR.public.uri, clock=clock) == ()
    assert receipt_line(ledger(store).state, given.receipt_id, clock()).state == "ISSUED"

    spent = spend(store, EXECUTOR, wanted, clock=clock)
    line = receipt_line(ledger(store).state, given.receipt_id, clock())
    assert (line.state, line.outcome) == ("SPENT", "unknown")  # until something is recorded

    outcome = Outcome("failed", "the forge said no\nand more", '{"message": "no"}', retries=2)
    said = record(store, EXECUTOR, spent.operation_id, outcome, clock=clock).body
    assert said.error_message == "the forge said no and more"
    assert said.retry_count == 2
    line = receipt_line(ledger(store).state, given.receipt_id, clock())
    assert (line.state, line.outcome) == ("SPENT", "failed")  # a failed operation stays spent
    assert line.to_dict()["operation"]["receipt_id"] == given.receipt_id
    with pytest.raises(RefusedError) as caught:
        spend(store, EXECUTOR, wanted, clock=clock)
    assert caught.value.code is Code.RECEIPT_SPENT


REFUSED = {
    "mode": ({}, {"mode": "PROD"}, Code.RECEIPT_MODE_NOT_PROD),
    "no receipt": ({}, {"receipt": ""}, Code.RECEIPT_MISSING),
    "advisory": ({"enforceable": False}, {}, Code.RECEIPT_ADVISORY),
    "run": ({}, {"run_id": uuid(2)}, Code.RECEIPT_RUN_MISMATCH),
    "kind": ({}, {"operation": Operation("tag_repo", CONTENT)}, Code.RECEIPT_KIND_MISMATCH),
    "content": (
        {},
        {"operation": Operation("publish_release", CONTENT | {"tag_name": "v0.2.1"})},
        Code.RECEIPT_CONTENT_MISMATCH,
    ),
    "executor": ({"executor": STRANGER.public.uri}, {}, Code.RECEIPT_EXECUTOR_MISMATCH),
}


@pytest.mark.parametrize(("permit", "change", "code"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused_is_recorded_and_spends_nothing(store, clock, permit, change, code):
    """The refusal stands in the ledger with its code, and the receipt is as good as before."""
    given = issue(store, clock, **permit)
    wanted = attempt(given.receipt_id, **change)
    found = check(store, wanted, executor=EXECUTOR.public.uri, clock=clock)
    assert found[0].code is code
    assert rejected_operations(ledger(store).state) == []  # asking is not trying

    with pytest.raises(RefusedError) as caught:
        spend(store, EXECUTOR, wanted, clock=clock)
    assert caught.value.code is code
    state = ledger(store).state
    assert given.receipt_id not in state.spends
    rejected = [said.body for said in rejected_operations(state)]
    if wanted.run_id == RUN:
        assert [(said.code, said.status) for said in rejected] == [(code.name, "rejected")]
    else:
        assert rejected == []  # nobody's run: there is nothing to record it in


def test_a_clock_that_is_behind_spends_nothing(store, clock):
    """Set back by anything at all, it is refused; set right, it goes on."""
    given = issue(store, clock)
    clock.now -= timedelta(minutes=1)
    with pytest.raises(RefusedError) as caught:
        spend(store, EXECUTOR, attempt(given.receipt_id), clock=clock)
    assert caught.value.code is Code.CLOCK_BEHIND
    clock.now += timedelta(minutes=2)
    assert spend(store, EXECUTOR, attempt(given.receipt_id), clock=clock)


@pytest.mark.parametrize("year", [1970, 2106])
def test_a_clock_of_another_age_spends_nothing(store, clock, year):
    """In 1970 it is behind; in 2106 the receipt is over."""
    given = issue(store, clock)
    right = clock.now
    clock.now = START.replace(year=year)
    with pytest.raises(RefusedError) as caught:
        spend(store, EXECUTOR, attempt(given.receipt_id), clock=clock)
    wanted = Code.CLOCK_BEHIND if year == 1970 else Code.RECEIPT_EXPIRED
    assert wanted in caught.value.codes
    assert given.receipt_id not in ledger(store).state.spends
    if year == 1970:
        clock.now = right
        assert spend(store, EXECUTOR, attempt(given.receipt_id), clock=clock)


# --- files


def test_a_receipt_is_carried_in_a_file(store, clock, tmp_path):
    """The entry as it was signed; spending by file is spending by id."""
    given = issue(store, clock)
    path = tmp_path / "r.cose"
    path.write_bytes(receipt_bytes(store, ledger(store), given.receipt_id))
    assert spend(store, EXECUTOR, attempt(str(path)), clock=clock)
    assert name_receipt(store, ledger(store), str(path)).receipt_id == given.receipt_id


def flipped(raw):
    """Change the last byte of the signature."""
    return raw[:-1] + bytes([raw[-1] ^ 1])


def edited(raw):
    """Make it enforceable, and leave the signature as it is."""
    return raw.replace(b"enforceable\xf4", b"enforceable\xf5")


FORGED = {
    "signed by a stranger": (
        lambda body, _: sign_entry(body, uuid=uuid(5), signer=STRANGER),
        [Code.RECEIPT_ISSUER, Code.RECEIPT_DIFFERS],
    ),
    "signed by an executor": (
        lambda body, _: sign_entry(body, uuid=uuid(5), signer=EXECUTOR),
        [Code.RECEIPT_ISSUER_ROLE, Code.RECEIPT_DIFFERS],
    ),
    "signed again by the owner": (
        lambda body, _: sign_entry(body, uuid=uuid(5), signer=OWNER),
        [Code.RECEIPT_DIFFERS],
    ),
    "a bit of the signature": (
        lambda _, raw: flipped(raw),
        [Code.RECEIPT_SIGNATURE, Code.RECEIPT_DIFFERS],
    ),
    "never recorded": (
        lambda *_: sign_entry(receipt(receipt_id=uuid(9)), uuid=uuid(5), signer=OWNER),
        [Code.RECEIPT_NOT_RECORDED],
    ),
}


@pytest.mark.parametrize(("forge", "codes"), FORGED.values(), ids=FORGED)
def test_a_copy_that_is_not_the_ledger_s(store, clock, tmp_path, forge, codes):
    """What is wrong with it is said, and nothing is spent."""
    given = issue(store, clock)
    raw = receipt_bytes(store, ledger(store), given.receipt_id)
    path = tmp_path / "r.cose"
    path.write_bytes(forge(given, raw))
    found = name_receipt(store, ledger(store), str(path)).findings
    assert [finding.code for finding in found] == codes
    with pytest.raises(RefusedError) as caught:
        spend(store, EXECUTOR, attempt(str(path)), clock=clock)
    assert set(codes) <= set(caught.value.codes)
    assert given.receipt_id not in ledger(store).state.spends


def test_an_advisory_one_that_was_edited(store, clock, tmp_path):
    """A forger makes it enforceable: the signature does not verify, and the ledger's counts."""
    given = issue(store, clock, enforceable=False)
    raw = receipt_bytes(store, ledger(store), given.receipt_id)
    path = tmp_path / "r.cose"
    path.write_bytes(edited(raw))
    assert path.read_bytes() != raw
    found = check(store, attempt(str(path)), executor=EXECUTOR.public.uri, clock=clock)
    assert [finding.code for finding in found] == [
        Code.RECEIPT_SIGNATURE,
        Code.RECEIPT_DIFFERS,
        Code.RECEIPT_ADVISORY,
    ]


def test_a_receipt_file_that_is_none(store, tmp_path):
    """Cut anywhere, followed by a byte, of another kind, too large: malformed, never a crash."""
    raw = sign_entry(receipt(), uuid=uuid(5), signer=OWNER)
    other = sign_entry(run_opened(5), uuid=uuid(5), signer=EXECUTOR)
    bad = [raw[:end] for end in range(len(raw))] + [raw + b"\x00", other, cbor.encode({1: 2})]
    path = tmp_path / "r.cose"
    known = ledger(store)
    for data in bad:
        path.write_bytes(data)
        with pytest.raises(MalformedError):
            name_receipt(store, known, str(path))
    path.write_bytes(bytes(2 * 1024 * 1024))
    with pytest.raises(MalformedError):
        name_receipt(store, known, str(path))


def test_a_name_that_fits_none_or_two(store, clock):
    """Neither is guessed at."""
    known = ledger(store)
    for name in ("ffff", "", "no/such/file"):
        with pytest.raises(UsageError) as caught:
            name_receipt(store, known, name)
        assert caught.value.code is Code.RECEIPT_MISSING
    pen = Pen(9000)
    ids = (uuid(701), uuid(702))
    put(store, [pen.sign(receipt(receipt_id=each), OWNER) for each in ids], clock)
    with pytest.raises(UsageError) as caught:
        name_receipt(store, ledger(store), ids[0][:10])
    assert caught.value.code is Code.RECEIPT_AMBIGUOUS


# --- issuing


def test_nobody_s_run_needs_a_name(store, clock):
    """A run that was not opened has no executor: one must be named, and spends after opening."""
    other = uuid(44)
    with pytest.raises(RefusedError) as caught:
        issue_receipts(store, OWNER, [Permit(other, RELEASE)], clock=clock)
    assert caught.value.code is Code.RUN_NOT_OPENED
    permit = Permit(other, RELEASE, executor=EXECUTOR.public.uri)
    given = issue_receipts(store, OWNER, [permit], clock=clock).bodies[0]
    wanted = attempt(given.receipt_id, run_id=other)
    with pytest.raises(RefusedError) as caught:
        spend(store, EXECUTOR, wanted, clock=clock)
    assert caught.value.code is Code.RUN_NOT_OPENED
    put(store, [Pen(77).sign(run_opened(44, use=2), EXECUTOR)], clock)
    assert spend(store, EXECUTOR, wanted, clock=clock)


def test_all_receipts_or_none(store, clock):
    """One that cannot be issued stops the others."""
    size = ledger(store).head.size
    for bad in (Permit(RUN, RELEASE, hours=25), Permit(uuid(44), RELEASE)):
        with pytest.raises(RefusedError):
            issue_receipts(store, OWNER, [Permit(RUN, RELEASE), bad], clock=clock)
    with pytest.raises(RefusedError) as caught:
        issue_receipts(store, EXECUTOR, [Permit(RUN, RELEASE)], clock=clock)
    assert caught.value.code is Code.TRUST_REFUSED
    assert ledger(store).head.size == size


def test_lists_say_what_became_of_each(store, clock):
    """Advisory, issued, over: newest first."""
    issue(store, clock)
    issue(store, clock, enforceable=False)
    lines = list(receipt_lines(ledger(store).state, clock()))
    assert [line.state for line in lines] == ["ADVISORY", "ISSUED"]
    late = clock() + timedelta(hours=30)
    assert {line.state for line in receipt_lines(ledger(store).state, late)} == {"EXPIRED"}


# --- doing


def script(tmp_path: Path, text: str) -> tuple[str, ...]:
    path = tmp_path / "do.py"
    path.write_text(text)
    return (sys.executable, str(path))


def test_retries_share_one_spend(store, clock, tmp_path):
    """Two failures and a success under one receipt; the command knows what it is doing."""
    given = issue(store, clock)
    spent = spend(store, EXECUTOR, attempt(given.receipt_id), clock=clock)
    argv = script(
        tmp_path,
        "import json, os, pathlib, sys\n"
        "count = pathlib.Path('count')\n"
        "count.write_text((count.read_text() if count.exists() else '') + 'x')\n"
        "if len(count.read_text()) < 3: sys.exit('not yet')\n"
        "content = json.load(open(os.environ['GREENLIGHT_OPERATION_CONTENT']))\n"
        "print(content['tag_name'], os.environ['GREENLIGHT_OPERATION_ID'])\n",
    )
    doing = Doing(argv, tmp_path, retries=5, variables=dict(os.environ))
    outcome = perform(doing, spent, RELEASE)
    assert (outcome.status, outcome.retries) == ("success", 2)
    assert outcome.response.split() == ["v0.2.0", spent.operation_id]
    said = record(store, EXECUTOR, spent.operation_id, outcome, clock=clock).body
    assert (said.status, said.retry_count) == ("success", 2)


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        ((sys.executable, "-c", "import sys; sys.exit('the forge said no')"), "the forge said no"),
        (("/nonexistent/program",), "does not exist"),
        ((sys.executable, "-c", "print('x' * 3_000_000)"), "output"),
    ],
)
def test_a_failure_is_a_failure(store, clock, tmp_path, argv, says):
    """Whatever way the command fails; the receipt stays spent."""
    given = issue(store, clock)
    spent = spend(store, EXECUTOR, attempt(given.receipt_id), clock=clock)
    outcome = perform(Doing(argv, tmp_path, variables=dict(os.environ)), spent, RELEASE)
    assert outcome.status == "failed"
    assert says in outcome.error_message
    record(store, EXECUTOR, spent.operation_id, outcome, clock=clock)
    assert receipt_line(ledger(store).state, given.receipt_id, clock()).outcome == "failed"


def test_recording_what_was_not_authorised(store, clock):
    """Nothing was spent for it; another's operation is not one's own; once is enough."""
    with pytest.raises(RefusedError) as caught:
        record(store, EXECUTOR, uuid(800), Outcome("success"), clock=clock)
    assert caught.value.code is Code.OPERATION_NOT_AUTHORISED
    given = issue(store, clock)
    spent = spend(store, EXECUTOR, attempt(given.receipt_id), clock=clock)
    for signer, code in ((REVIEWER, Code.TRUST_REFUSED), (STRANGER, Code.TRUST_REFUSED)):
        with pytest.raises(RefusedError) as caught:
            record(store, signer, spent.operation_id, Outcome("success"), clock=clock)
        assert caught.value.code is code
    record(store, EXECUTOR, spent.operation_id, Outcome("success"), clock=clock)
    with pytest.raises(RefusedError) as caught:
        record(store, EXECUTOR, spent.operation_id, Outcome("failed"), clock=clock)
    assert caught.value.code is Code.OPERATION_TAKEN


def test_what_a_forge_says_is_one_line():
    """Escaped, in NFC, and cut."""
    assert one_line("a\n\x1b[31mb\te\u0301", 99) == "a \\x1b[31mb \u00e9"
    assert len(one_line("x" * 99, 10)) == 10


# --- what is read


@pytest.mark.parametrize("data", [b"[]", b"{", b'{"a": 1.5}', b'{"a": 1, "a": 2}', b"\xff", b"1"])
def test_content_that_cannot_be_bound(tmp_path, data):
    """What two readers could read differently has no digest."""
    path = tmp_path / "op.json"
    path.write_bytes(data)
    with pytest.raises(MalformedError):
        read_operation("publish_release", path)
    with pytest.raises(StoreError):
        read_operation("publish_release", tmp_path / "none.json")


def test_every_spelling_of_one_content_is_one_operation(tmp_path):
    """Spaces and the order of keys do not matter."""
    path = tmp_path / "op.json"
    path.write_bytes(
        b'{"tag_name":"v0.2.0",\n"repository":"omega/marketops","nested":{"body":"First."}}'
    )
    assert read_operation("publish_release", path).digest == RELEASE.digest


def test_a_run_by_its_packet(store):
    """By its UUID, the beginning of one, or of its packet."""
    packet = run_opened(1).packet
    for name in (RUN, RUN[:9], packet, packet[:12]):
        assert name_run(store, name) == RUN
    with pytest.raises(UsageError) as caught:
        name_run(store, "nothing")
    assert caught.value.code is Code.RUN_UNKNOWN


def test_a_broken_ledger_spends_nothing(store, clock):
    """What does not verify is not acted upon."""
    given = issue(store, clock)
    store.refs.swap(DEFAULT_REF, old=store.refs.read(DEFAULT_REF), new=_first(store))
    with pytest.raises(RejectedError):
        spend(store, EXECUTOR, attempt(given.receipt_id), clock=clock)


def _first(store):
    known = read_ledger(store, DEFAULT_REF, pin=None)
    return next(iter(known.places.from_record(0))).commit
