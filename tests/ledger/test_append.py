from __future__ import annotations

from datetime import timedelta

import pytest

from greenlight.codes import Code
from greenlight.errors import RefusedError, RejectedError, StoreError
from greenlight.ledger import append as appending
from greenlight.ledger.append import MAX_AHEAD, append
from greenlight.ledger.pin import DEFAULT_REF, Pin, read_pin, remember, write_pin
from greenlight.ledger.read import Ledger, read_ledger, read_records
from greenlight.model.record import decode_record
from greenlight.primitives.openssh import format_public
from greenlight.store.repository import open_store
from tests.ledger.actors import (
    AUTHOR,
    EXECUTOR,
    OWNER,
    REVIEWER,
    START,
    STRANGER,
    Clock,
    Pen,
    begin,
    clock_corrected,
    grant,
    outside,
    packet_sealed,
    put,
    run_opened,
    trust_root,
)


def read(store):
    return read_ledger(store, DEFAULT_REF, pin=read_pin(store))


def test_beginning(store):
    """A ledger begins with its trust root, is pinned by it, and reads back unbroken."""
    appended = begin(store)

    assert appended.indexes == (0, 1)
    assert read(store) == appended.ledger
    assert appended.ledger.findings == ()
    assert read_pin(store) == Pin(DEFAULT_REF, appended.head)
    assert appended.head.size == 2


def test_a_life(store):
    """Opened and sealed, a run reads back from the store as it was folded in memory."""
    begin(store)
    pen = Pen()
    opened = put(store, [pen.sign(run_opened(1), EXECUTOR)])
    sealed = put(store, [pen.sign(packet_sealed(1), EXECUTOR)])

    assert (opened.indexes, sealed.indexes) == ((2,), (3,))
    ledger = read(store)
    assert ledger == sealed.ledger
    assert packet_sealed(1).packet in ledger.state.packets


def test_git_agrees(store, git, tmp_path):
    """git fsck --strict accepts the ledger, verify-commit its commits, log tells its story."""
    begin(store)
    pen = Pen()
    put(store, [pen.sign(run_opened(1), EXECUTOR)], signer=EXECUTOR)
    put(store, [pen.sign(packet_sealed(1), EXECUTOR)], signer=EXECUTOR)
    allowed = tmp_path / "allowed_signers"
    allowed.write_text(
        "".join(f"x {format_public(signer.public)}\n" for signer in (OWNER, EXECUTOR))
    )
    settings = ("-c", "gpg.format=ssh", "-c", f"gpg.ssh.allowedSignersFile={allowed}")

    git("fsck", "--strict", "--full", cwd=store.git_dir)
    for commit in git("rev-list", DEFAULT_REF, cwd=store.git_dir).decode().split():
        git(*settings, "verify-commit", commit, cwd=store.git_dir)
    story = git("log", "--first-parent", "--format=%s", DEFAULT_REF, cwd=store.git_dir)
    assert story.decode().splitlines() == [
        f"Seal packet {packet_sealed(1).packet}",
        f"Open run {packet_sealed(1).packet}",
        "Set trust root 1, Issue grant g1",
    ]
    trailers = git("log", "-1", "--format=%(trailers)", DEFAULT_REF, cwd=store.git_dir).decode()
    assert trailers.splitlines()[:4] == [
        f"Packet-Tree: {packet_sealed(1).packet_tree}",
        "Lane: create-only-docs",
        "Mode: staging",
        "Status: APPLIED_CLEAN",
    ]
    names = git("ls-tree", "-r", "--name-only", DEFAULT_REF, cwd=store.git_dir).decode().split()
    assert names == ["frontier.cbor", "head", "records/3.cbor"]


def test_after_gc(store, git):
    """After git gc --prune=now the ledger reads the same, and goes on."""
    begin(store)
    put(store, [Pen().sign(run_opened(1), EXECUTOR)])
    before = read(store)
    git("gc", "-q", "--prune=now", cwd=store.git_dir)

    assert read(store) == before
    after = put(store, [Pen(5000).sign(packet_sealed(1), EXECUTOR)])
    assert read(store) == after.ledger


def test_records_are_found_again(store):
    """Each record's bytes can be read alone, by its index."""
    begin(store)
    ledger = put(store, [Pen().sign(run_opened(1), EXECUTOR)]).ledger

    records = list(read_records(store, ledger, 0, 3))

    assert [decode_record(raw).index for raw in records] == [0, 1, 2]
    assert list(read_records(store, ledger, 2, 3)) == records[2:]


def test_pushed_with_plain_git(store, git, tmp_path):
    """Refs pushed into an empty repository verify there against the pinned trust root."""
    begin(store)
    ledger = put(store, [Pen().sign(run_opened(1), EXECUTOR)]).ledger
    there = tmp_path / "there.git"
    git("init", "-q", "--bare", f"--object-format={store.object_format}", there, cwd=tmp_path)
    git("push", "-q", there, "refs/greenlight/*:refs/greenlight/*", cwd=store.git_dir)
    with open_store(there, tmp_path) as other:
        assert read_pin(other) is None
        with pytest.raises(RefusedError) as caught:
            put(other, [Pen(9000).sign(outside(2), EXECUTOR)])
        assert caught.value.code is Code.TRUST_REFUSED

        write_pin(other, Pin.of(ledger.head.pin))
        found = read(other)
        assert found.findings == ()
        assert found.head == ledger.head
        assert put(other, [Pen(9000).sign(outside(2), EXECUTOR)]).indexes == (3,)


@pytest.mark.parametrize(
    ("bodies", "code"),
    [
        ([(run_opened(2, use=1), EXECUTOR)], Code.GRANT_USED_UP),
        ([(run_opened(2, use=2, tickets=("T-1",)), EXECUTOR)], Code.TICKETS_TAKEN),
        ([(run_opened(2, grant="g9"), EXECUTOR)], Code.DELEGATION_MISSING),
        ([(run_opened(2, use=2, mode="prod"), EXECUTOR)], Code.GRANT_MODE),
        ([(run_opened(2, use=2), STRANGER)], Code.TRUST_REFUSED),
        ([(packet_sealed(5), EXECUTOR)], Code.RUN_NOT_OPENED),
        ([(grant("g2"), OWNER), (grant("g2"), OWNER)], Code.ENTRY_VOID),
        ([(trust_root(2), REVIEWER)], Code.TRUST_REFUSED),
        ([], Code.USAGE),
    ],
)
def test_void_is_refused_before_it_is_written(store, bodies, code):
    """What would be void is refused with its code, and nothing is appended, not even a part."""
    begin(store)
    put(store, [Pen(500).sign(run_opened(1, tickets=("T-1",)), EXECUTOR)])
    before = store.refs.read(DEFAULT_REF)
    pen = Pen()

    with pytest.raises(RefusedError) as caught:
        put(store, [pen.sign(body, signer) for body, signer in bodies])

    assert caught.value.code is code
    assert store.refs.read(DEFAULT_REF) == before


def test_conflict_is_admitted(store):
    """A packet whose claim was taken is appended all the same, as a CONFLICT."""
    begin(store)
    pen = Pen()
    put(store, [pen.sign(outside(1), EXECUTOR)])
    other = outside(1, packet_tree="sha256:" + "9" * 64)

    appended = put(store, [pen.sign(other, EXECUTOR)])

    assert [packet.sealed for packet in appended.ledger.state.conflicts] == [other]
    assert read(store) == appended.ledger


def test_decide_sees_state_and_time(store):
    """The caller decides from the newest state and this machine's time."""
    begin(store)
    seen = []

    def decide(state, now):
        seen.append((state.size, state.next_use("g1"), now))
        return [Pen().sign(run_opened(1, use=state.next_use("g1")), EXECUTOR)]

    append(store, EXECUTOR, decide, clock=lambda: START, author=AUTHOR)

    assert seen == [(2, 1, START)]


def test_decide_may_refuse(store):
    """What the caller raises comes through, and nothing is appended."""
    begin(store)
    before = store.refs.read(DEFAULT_REF)

    def decide(_state, _now):
        raise RefusedError(Code.GRANT_USED_UP, "none left")

    with pytest.raises(RefusedError):
        append(store, OWNER, decide, clock=Clock(), author=AUTHOR)

    assert store.refs.read(DEFAULT_REF) == before


class Faster:
    """Refs in which somebody else appends just before the first swap."""

    def __init__(self, store, entries):
        self.real = store.refs
        self.store = store
        self.entries = entries
        self.list = store.refs.list

    def read(self, ref):
        return self.real.read(ref)

    def swap(self, ref, *, old, new):
        if self.entries and ref == DEFAULT_REF:
            entries, self.entries = self.entries, None
            intrude(self.store, entries)
        self.real.swap(ref, old=old, new=new)


def intrude(store, entries):
    """Append from a second store that shares nothing but the folder, without the queue."""
    with open_store(store.git_dir, store.git_dir) as other:
        (other.own_dir / "append.lock").unlink()
        put(other, entries)


def racing(store, entries):
    return type(store)(store.git_dir, store.object_format, store.objects, Faster(store, entries))


def test_lost_race_needs_no_new_signature(store):
    """After a lost race the same entry is placed again, behind the other's."""
    begin(store)
    pen = Pen()
    calls = []
    mine = pen.sign(outside(1), EXECUTOR)

    def decide(_state, _now):
        calls.append(1)
        return [mine]

    other = racing(store, [pen.sign(outside(2), EXECUTOR)])
    appended = append(other, EXECUTOR, decide, clock=Clock(), author=AUTHOR)

    assert len(calls) == 1
    assert appended.indexes == (3,)
    assert next(read_records(store, appended.ledger, 3, 4)).endswith(mine)
    assert read(store) == appended.ledger
    assert appended.ledger.state.voids == []


def test_lost_claim_is_decided_anew(store):
    """Where the race took the grant's use, the caller decides again and takes the next."""
    begin(store)
    pen = Pen()

    def decide(state, _now):
        return [pen.sign(run_opened(1, use=state.next_use("g1")), EXECUTOR)]

    other = racing(store, [pen.sign(run_opened(2, use=1), EXECUTOR)])
    appended = append(other, EXECUTOR, decide, clock=Clock(), author=AUTHOR)

    assert appended.ledger.state.claims["grant/g1/use/2"] == 3
    assert appended.ledger.state.voids == []


def test_lost_tickets_are_refused(store):
    """Where the race took a ticket, the loser is told so and nothing of it is appended."""
    begin(store)
    pen = Pen()
    other = racing(store, [pen.sign(run_opened(2, tickets=("T-1",)), EXECUTOR)])

    with pytest.raises(RefusedError) as caught:
        put(other, [pen.sign(run_opened(1, use=2, tickets=("T-1",)), EXECUTOR)])

    assert caught.value.code is Code.TICKETS_TAKEN
    assert read(store).tip.size == 3


def test_ledger_time_never_falls(store):
    """A clock that runs behind by less than allowed gets the ledger's time."""
    begin(store, clock=lambda: START)
    behind = START - MAX_AHEAD
    appended = put(store, [Pen().sign(outside(1), EXECUTOR)], clock=lambda: behind)

    assert appended.ledger.tip.time == START
    assert read(store).findings == ()


def test_clock_ahead(store):
    """A ledger further ahead than allowed takes nothing but an owner's correction."""
    begin(store, clock=lambda: START + timedelta(days=1))
    pen = Pen()
    with pytest.raises(RefusedError) as caught:
        put(store, [pen.sign(outside(1), EXECUTOR)], clock=lambda: START)
    assert caught.value.code is Code.CLOCK_AHEAD

    put(store, [pen.sign(clock_corrected(START), OWNER)], clock=lambda: START)
    appended = put(store, [pen.sign(outside(1), EXECUTOR)], clock=lambda: START)

    assert appended.ledger.tip.time == START
    assert read(store).findings == ()


def test_correction_by_no_owner(store):
    """An executor's correction is refused."""
    begin(store)
    with pytest.raises(RefusedError) as caught:
        put(store, [Pen().sign(clock_corrected(START), EXECUTOR)])

    assert caught.value.code is Code.TRUST_REFUSED


def test_broken_ledger_takes_nothing(store):
    """Nothing is appended to a ledger that is not the pinned one."""
    begin(store)
    write_pin(store, Pin.of(read_pin(store).digest.of(b"another")))

    with pytest.raises(RejectedError) as caught:
        put(store, [Pen().sign(outside(1), EXECUTOR)])

    assert caught.value.code is Code.TRUST_ROOT_MISMATCH


def test_rewound(store):
    """A ledger moved back, exchanged or deleted behind our back is noticed, and stops appends."""
    begin(store)
    old = store.refs.read(DEFAULT_REF)
    put(store, [Pen().sign(outside(1), EXECUTOR)])
    now = store.refs.read(DEFAULT_REF)

    store.refs.swap(DEFAULT_REF, old=now, new=old)
    assert [finding.code for finding in read(store).findings] == [Code.LEDGER_REWOUND]
    with pytest.raises(RejectedError):
        put(store, [Pen(7000).sign(outside(2), EXECUTOR)])
    (store.git_dir / DEFAULT_REF).unlink()
    assert [finding.code for finding in read(store).findings] == [Code.LEDGER_REWOUND]


def test_reading_on(store):
    """Reading on from a known ledger gives what reading all of it gives."""
    begin(store)
    pin = read_pin(store)
    known = read(store)
    put(store, [Pen().sign(outside(1), EXECUTOR)])

    assert read_ledger(store, DEFAULT_REF, pin=pin, base=known) == read(store)
    assert read_ledger(store, DEFAULT_REF, pin=None, base=known).tip.size == 3
    assert read_ledger(store, "refs/greenlight/none", pin=None) == Ledger("refs/greenlight/none")


def test_reading_on_after_an_exchange(store, git):
    """A known ledger that the ref no longer leads to is no base: all is read, and compared."""
    begin(store)
    known = put(store, [Pen().sign(outside(1), EXECUTOR)]).ledger
    root = git("rev-list", "--max-parents=0", DEFAULT_REF, cwd=store.git_dir).decode().strip()
    store.refs.swap(DEFAULT_REF, old=known.commit, new=root)
    write_pin(store, Pin.of(known.head.pin))
    other = put(store, [Pen(8000).sign(outside(2), EXECUTOR)]).ledger

    assert read_ledger(store, DEFAULT_REF, pin=read_pin(store), base=known) == other


def test_damaged_pin(store):
    """A pin that is not in its one spelling is damage, never no pin."""
    begin(store)
    path = store.own_dir / "pin"
    good = path.read_bytes()
    for data in (
        b"",
        good[:-1],
        good + b"x",
        good.replace(b"pin 1", b"pin 2"),
        b"\xff\n",
        good.replace(b"refs/", b"../"),
    ):
        path.write_bytes(data)
        with pytest.raises(StoreError) as caught:
            read_pin(store)
        assert caught.value.code is Code.STORE_DAMAGED


def test_pin_moves_forward_only(store):
    """The remembered head is the longest one that was seen."""
    begin(store)
    short = read_pin(store)
    put(store, [Pen().sign(outside(1), EXECUTOR)])

    remember(store, DEFAULT_REF, short.head)

    assert read_pin(store).head.size == 3


@pytest.mark.parametrize("count", [70, 90])
def test_more_entries_than_a_commit_holds(store, git, monkeypatch, count):
    """One act of any size: as many commits as it takes, one pack, one move of the ref."""
    monkeypatch.setattr(appending, "MAX_RECORDS_PER_COMMIT", 40)
    begin(store)
    pen = Pen()
    appended = put(store, [pen.sign(outside(number), EXECUTOR) for number in range(count)])
    assert appended.indexes == tuple(range(2, 2 + count))
    assert read(store) == appended.ledger
    assert len(appended.ledger.places) == 1 + -(-count // 40)
    assert [*read_records(store, appended.ledger, 2, 2 + count)]
    git("fsck", "--full", "--strict", cwd=store.git_dir)
    packs = store.git_dir / "objects" / "pack"
    assert [path.suffix for path in sorted(packs.iterdir())] == [".idx", ".pack"]
    message = git("log", "-1", "--format=%B", DEFAULT_REF, cwd=store.git_dir)
    assert len(message) < 8192
