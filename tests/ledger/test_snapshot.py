"""What is kept of a ledger: reading goes on from it, and loses nothing with it."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
from multiprocessing import get_context

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greenlight.codes import Code
from greenlight.errors import RefusedError, StoreError
from greenlight.ledger import append as append_module
from greenlight.ledger import read as reading
from greenlight.ledger import snapshot
from greenlight.ledger.pin import DEFAULT_REF, Pin, read_pin, write_pin
from greenlight.ledger.places import Place
from greenlight.ledger.read import contains_head, read_ledger, read_records
from greenlight.ledger.tables import late_packets, late_runs, look_up
from greenlight.model.record import decode_record
from greenlight.model.state import LedgerState
from greenlight.primitives.merkle import leaf_hash
from greenlight.store.repository import create_store, open_store
from greenlight.verify.fold import fold
from greenlight.verify.ledger import Tip
from tests.ledger.actors import (
    EXECUTOR,
    OWNER,
    REVIEWER,
    START,
    STRANGER,
    Clock,
    Pen,
    begin,
    clock_corrected,
    countersigned,
    folded,
    gate_result,
    grant,
    grant_revoked,
    outside,
    packet_purged,
    packet_sealed,
    put,
    receipt,
    recorded,
    reserved,
    resolved,
    run_opened,
    spent,
    trust_root,
    uuid,
)


def read(store, **more):
    return read_ledger(store, DEFAULT_REF, pin=read_pin(store), **more)


def kept(store):
    (path,) = store.own_dir.glob("ledger-*.sqlite")
    return path


@pytest.fixture
def counted(monkeypatch):
    """Count the records that are checked."""
    seen = []
    real = reading.ChainCheck.add_ahead

    def add(self, raw):
        seen.append(raw)
        real(self, raw)

    monkeypatch.setattr(reading.ChainCheck, "add_ahead", add)
    return seen


@pytest.fixture
def lived(store):
    """A store with one of everything that a fold knows."""
    begin(store)
    pen = Pen()
    put(store, [pen.sign(run_opened(1, tickets=("T-1", "T-2")), EXECUTOR)])
    put(store, [pen.sign(packet_sealed(1), EXECUTOR), pen.sign(run_opened(3, use=2), EXECUTOR)])
    put(store, [pen.sign(outside(2), EXECUTOR)])
    put(store, [pen.sign(outside(2, packet_tree="sha256:" + "9" * 64), EXECUTOR)])
    put(store, [pen.sign(packet_purged(2), OWNER)])
    put(store, [pen.sign(receipt(), OWNER), pen.sign(spent(), EXECUTOR)])
    put(store, [pen.sign(recorded(), EXECUTOR), pen.sign(countersigned(), REVIEWER)])
    put(store, [pen.sign(resolved(), OWNER), pen.sign(reserved(), EXECUTOR)])
    put(store, [pen.sign(folded("T-1", "TKT-OBJ-442"), OWNER)])
    put(store, [pen.sign(grant("g2"), OWNER), pen.sign(grant_revoked("g2"), OWNER)])
    put(store, [pen.sign(gate_result(), EXECUTOR), pen.sign(gate_result("red"), EXECUTOR)])
    put(store, [pen.sign(gate_result(gate="drift"), EXECUTOR)])
    put(store, [pen.sign(trust_root(2), OWNER)])
    put(store, [pen.sign(clock_corrected(START), OWNER)])
    return store


def test_only_what_is_new_is_read(lived, counted):
    """A reading goes on where the last one ended; a full one reads all, and agrees."""
    known = read(lived)
    assert counted == []
    put(lived, [Pen(700).sign(outside(7), EXECUTOR)])
    assert read(lived).tip.size == known.tip.size + 1
    assert counted == []

    full = read(lived, fully=True)
    assert len(counted) == full.tip.size
    assert full == read(lived)


def test_what_was_fetched_is_read_once(lived, git, tmp_path, counted):
    """Records that came by git are read and checked by the first reading, and then kept."""
    there = tmp_path / "there.git"
    git("clone", "-q", "--mirror", lived.git_dir, there, cwd=tmp_path)
    with open_store(there, tmp_path) as other:
        write_pin(other, Pin.of(read_pin(lived).digest))
        size = read(other).tip.size
        put(lived, [Pen(700 + n).sign(outside(70 + n), EXECUTOR) for n in range(3)])
        git("fetch", "-q", cwd=there)
        counted.clear()

        assert read(other) == read(lived)
        assert len(counted) == 3
        assert read(other).tip.size == size + 3
        assert len(counted) == 3


def test_every_collection_reads_as_it_was_folded(lived):
    """Look-ups, lists and lengths from the tables are those of a fold in memory."""
    ledger = read(lived)
    plain = fold(LedgerState(), map(decode_record, read_records(lived, ledger, 0, 99)))
    state = ledger.state

    assert state == plain
    for name in (
        "purged",
        "grants",
        "uses",
        "runs",
        "packets",
        "trees",
        "claims",
        "uuids",
        "corrections",
        "grants_revoked",
        "receipts",
        "spends",
        "operations",
        "countersignatures",
        "highest",
        "reservations",
        "folds",
        "resolutions",
        "gates",
    ):
        one, other = getattr(state, name), getattr(plain, name)
        assert not one.new
        assert len(one) == len(other) > 0
        assert dict(one.items()) == dict(other)
        assert list(one.values()) == [one[key] for key in one]
        assert all(key in one for key in other)
        pairs = ("uuids", "countersignatures", "resolutions", "gates")
        absent = ("x", "y") if name in pairs else 99 if name == "corrections" else "x"
        assert one.get(absent) is None
    for name in ("voids", "conflicts"):
        one, other = getattr(state, name), getattr(plain, name)
        assert (len(one), one[0], one[-1], list(one)) == (1, other[0], other[-1], list(other))
        with pytest.raises(IndexError):
            one[-2]
    assert list(state.abandoned()) == list(plain.abandoned()) != []
    assert state.next_use("g1") == 3


ACTS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "open",
                "seal",
                "outside",
                "twin",
                "purge",
                "grant",
                "trust",
                "clock",
                "rubbish",
                "stranger",
                "issue",
                "spend",
                "record",
                "review",
                "revoke",
                "reserve",
                "fold",
                "green",
                "red",
            ]
        ),
        st.integers(1, 6),
        st.integers(1, 4),
    ),
    max_size=12,
)


def act(pen, word, number, use):
    twin = outside(number, packet_tree=f"sha256:{use:064x}")
    opened = run_opened(number, use=use, tickets=(f"T-{number % 3}",))
    body, signer = {
        "open": (opened, EXECUTOR),
        "seal": (packet_sealed(number), EXECUTOR),
        "outside": (outside(number), EXECUTOR),
        "twin": (twin, EXECUTOR),
        "purge": (packet_purged(number), OWNER),
        "grant": (grant(f"g{number}", max_uses=use), OWNER),
        "trust": (trust_root(use), OWNER if number > 1 else REVIEWER),
        "clock": (clock_corrected(START.replace(month=use)), OWNER),
        "stranger": (outside(number), STRANGER),
        "issue": (receipt(run_id=uuid(number)), OWNER),
        "spend": (spent(run_id=uuid(number)), EXECUTOR),
        "record": (recorded(run_id=uuid(number)), EXECUTOR),
        "review": (countersigned(), REVIEWER),
        "revoke": (grant_revoked(f"g{number}"), OWNER),
        "reserve": (reserved(450 + number, 450 + number + use), EXECUTOR),
        "fold": (folded(f"TKT-OBJ-{450 + number}"), OWNER),
        "green": (gate_result(gate=f"g{use}"), EXECUTOR),
        "red": (gate_result("red", gate=f"g{use}", module=f"m{number}"), OWNER),
        "rubbish": (None, None),
    }[word]
    return b"rubbish %d" % number if body is None else pen.sign(body, signer)


def records_of(acts):
    """Place entries behind each other as anybody could push them, void ones too."""
    pen, tip, records = Pen(), Tip(), []
    entries = [pen.sign(trust_root(), OWNER), pen.sign(grant(), OWNER)]
    entries += [act(pen, *each) for each in acts]
    for entry, word in zip(entries, ["", "", *(word for word, *_ in acts)], strict=True):
        number = len(records)
        time = START.replace(month=acts[number - 2][2]) if word == "clock" else START
        raw, tip = tip.place(entry, time)
        records.append(decode_record(raw))
    return records


@settings(max_examples=40, deadline=None)
@given(acts=ACTS, cuts=st.lists(st.integers(0, 14), max_size=3))
def test_any_ledger_folds_the_same_in_pieces(tmp_path_factory, acts, cuts):
    """What is kept at any points, and folded on from there, is the fold of all of it."""
    records = records_of(acts)
    with create_store(tmp_path_factory.mktemp("s") / "s.git") as store:
        store.make_own_dir()
        with snapshot.Making(store, beside=False) as making:
            state, at = LedgerState(), 0
            making.add_places(place(number) for number in range(len(records)))
            for cut in sorted({*cuts, len(records)}):
                state = making.fold_in(fold(state, records[at:cut]))
                making.hash_in(leaf_hash(record.raw) for record in records[at:cut])
                at = max(at, min(cut, len(records)))
            assert state == fold(LedgerState(), records)
            leaves = [leaf_hash(record.raw) for record in records]
            assert [making.hashes.subtree(0, n) for n in range(len(records))] == leaves


def place(number):
    return Place.of(f"{number:040x}", number, ["c" * 40], head="a" * 40, frontier="b" * 40)


def other_ledger(store, tmp_path):
    """Keep another ledger's fold, as if it were this one's."""
    with create_store(tmp_path / "other.git", object_format=store.object_format) as other:
        begin(other, clock=Clock(START.replace(year=2027)))
        path = kept(store)
        path.unlink()
        shutil.copy(kept(other), path)


def edit(store, *statements):
    base = sqlite3.connect(kept(store))
    for statement in statements:
        base.execute(statement)
    base.commit()
    base.close()


@pytest.mark.parametrize(
    "how", ["absent", "empty", "rubbish", "torn", "version", "bound", "row", "column", "foreign"]
)
def test_made_again(lived, tmp_path, how):
    """A snapshot that is absent, damaged, or another's is made again from the records."""
    good = read(lived, fully=True)
    path = kept(lived)
    match how:
        case "absent":
            path.unlink()
        case "empty":
            path.write_bytes(b"")
        case "rubbish":
            path.write_bytes(b"no database" * 1000)
        case "torn":
            path.write_bytes(path.read_bytes()[:9000])
        case "version":
            edit(lived, "UPDATE bound SET version = '0'")
        case "bound":
            edit(lived, "UPDATE bound SET origin = replace(origin, '0', '1')")
        case "row":
            edit(lived, "UPDATE facts SET record = record - 1 WHERE kind = 'claim'")
        case "column":
            edit(lived, "DROP TABLE places", "CREATE TABLE places (first)")
        case "foreign":
            other_ledger(lived, tmp_path)

    assert read(lived) == good
    assert [str(place.commit) for place in read(lived).places] == [p.commit for p in good.places]
    after = put(lived, [Pen(6000).sign(outside(8), EXECUTOR)]).ledger
    assert read(lived, fully=True) == after


def test_damage_is_seen_by_who_has_it_open(lived):
    """Tables that decay under a reader are given up in the middle, and all is answered."""
    good = read(lived, fully=True)
    ledger = read(lived)
    edit(lived, "UPDATE facts SET value = 'x' WHERE kind = 'grant'", "DROP TABLE packets")

    assert ledger.state == good.state
    assert ledger.places == good.places
    assert not list(lived.own_dir.glob("ledger-*.sqlite")) or read(lived) == good


def test_who_has_it_open_sees_no_later_records(lived):
    """A reading is of one commit, however far others go on in the same tables."""
    before = read(lived)
    plain = fold(LedgerState(), map(decode_record, read_records(lived, before, 0, 99)))
    put(lived, [Pen(700).sign(outside(7), EXECUTOR), Pen(800).sign(grant("g7"), OWNER)])
    put(lived, [Pen(900).sign(run_opened(9, use=3), EXECUTOR)])

    assert before.state == plain
    assert "g7" not in before.state.grants
    assert before.state.uses["g1"] == 2
    assert len(before.places) == len(read(lived).places) - 2


def test_rewound(lived, git):
    """A ledger that was moved back is read from its beginning, and the finding stays."""
    now = lived.refs.read(DEFAULT_REF)
    old = git("rev-parse", f"{DEFAULT_REF}~1", cwd=lived.git_dir).decode().strip()
    lived.refs.swap(DEFAULT_REF, old=now, new=old)

    for _ in range(2):
        assert [finding.code for finding in read(lived).findings] == [Code.LEDGER_REWOUND]
    lived.refs.swap(DEFAULT_REF, old=old, new=now)
    assert read(lived).findings == ()


def test_exchanged_by_a_longer_one(lived, git):
    """Another history behind the same root is no continuation of what was read."""
    root = git("rev-list", "--max-parents=0", DEFAULT_REF, cwd=lived.git_dir).decode().strip()
    now = lived.refs.read(DEFAULT_REF)
    pin = read_pin(lived)
    lived.refs.swap(DEFAULT_REF, old=now, new=root)
    write_pin(lived, Pin.of(pin.digest))
    put(lived, [Pen(100 * n).sign(outside(n), EXECUTOR) for n in range(20, 40)])
    write_pin(lived, pin)

    for _ in range(2):
        assert {f.code for f in read(lived).findings} == {Code.LEDGER_REWOUND}


def test_other_pin(lived):
    """What was kept under one trust root says nothing to another's pin."""
    write_pin(lived, Pin.of(read_pin(lived).digest.of(b"another")))

    assert [finding.code for finding in read(lived).findings] == [Code.TRUST_ROOT_MISMATCH]


def read_only(store):
    """Make the store's own folder one in which nothing can be made."""
    shutil.rmtree(store.own_dir)
    store.own_dir.write_bytes(b"in the way")


def test_nothing_can_be_kept(lived):
    """Where nothing can be written, all is read, each time."""
    good = read(lived, fully=True)
    pin = read_pin(lived)
    read_only(lived)

    for _ in range(2):
        assert read_ledger(lived, DEFAULT_REF, pin=pin) == good


def test_no_room(lived, monkeypatch):
    """Without room for tables anywhere the reading is refused, and nothing is left behind."""

    def full(*_args):
        raise sqlite3.OperationalError("database or disk is full")

    before = read(lived)
    monkeypatch.setattr(snapshot, "_insert_state", full)
    with pytest.raises(StoreError) as caught:
        read(lived, fully=True)

    assert caught.value.code is Code.IO_NOSPACE
    assert list(lived.own_dir.glob("tmp-*")) == []
    assert put(lived, [Pen(700).sign(outside(7), EXECUTOR)]).indexes == (before.tip.size,)
    monkeypatch.undo()
    assert read(lived).tip.size == before.tip.size + 1


def append_and_die(store, where):
    def die(*_args):
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(*where, die)
    put(store, [Pen(700).sign(outside(7), EXECUTOR)])


@pytest.mark.parametrize("where", [(append_module, "keep"), (snapshot, "_bind")])
def test_killed(lived, where):
    """Killed behind the ref's move, or while it keeps: nothing is lost, and it heals."""
    before = read(lived)
    child = get_context("fork").Process(target=append_and_die, args=(lived, where))
    child.start()
    child.join()
    assert child.exitcode == -signal.SIGKILL

    assert read(lived).tip.size == before.tip.size + 1
    assert read(lived) == read(lived, fully=True)
    assert outside(7).packet in read(lived).state.packets


def test_left_behind(lived):
    """A file that a killed reader left is no snapshot, and two snapshots become one."""
    (lived.own_dir / "tmp-ledger-0011223344556677").write_bytes(kept(lived).read_bytes()[:5000])
    shutil.copy(kept(lived), lived.own_dir / "ledger-00.sqlite")

    good = read(lived, fully=True)

    assert kept(lived).exists()
    assert read(lived) == good


def in_a_child(ledger, results):
    results.put((dict(ledger.state.claims), len(ledger.places), os.getpid()))


def test_behind_a_fork(lived):
    """A ledger that was read answers in a forked process too."""
    ledger = read(lived)
    context = get_context("fork")
    results = context.Queue()
    child = context.Process(target=in_a_child, args=(ledger, results))
    child.start()
    claims, places, pid = results.get(timeout=30)
    child.join()

    assert pid != os.getpid()
    assert (claims, places) == (dict(ledger.state.claims), len(ledger.places))


# --- many at once


def test_more_than_a_commit_holds(store, git, monkeypatch):
    """Entries of one append are cut into commits, written as one pack, and the ref moves once."""
    monkeypatch.setattr("greenlight.ledger.append.MAX_RECORDS_PER_COMMIT", 40)
    begin(store)
    loose = set(store.objects.directory.glob("??/*"))
    pen = Pen()

    appended = put(store, [pen.sign(outside(n), EXECUTOR) for n in range(1, 101)])

    assert appended.indexes == tuple(range(2, 102))
    assert [len(place.blobs) for place in appended.ledger.places] == [2, 40, 40, 20]
    assert set(store.objects.directory.glob("??/*")) == loose
    assert len(list(store.objects.directory.glob("pack/*.pack"))) == 1
    assert not list(store.objects.directory.glob("pack/*.keep"))
    assert read(store) == read(store, fully=True) == appended.ledger
    git("fsck", "--strict", "--full", cwd=store.git_dir)
    told = git("log", "--format=%B", "-1", DEFAULT_REF, cwd=store.git_dir).decode()
    assert told.splitlines()[-2:] == ["Entries: 20 packet.sealed", ""]


def test_few_are_loose(store):
    """A single entry makes no pack."""
    begin(store)
    put(store, [Pen().sign(outside(1), EXECUTOR)])

    assert not list(store.objects.directory.glob("pack/*"))


def test_void_among_many(store):
    """One void entry among many refuses all of them, and nothing is written."""
    begin(store)
    pen = Pen()
    before = store.refs.read(DEFAULT_REF)
    many = [pen.sign(outside(n), EXECUTOR) for n in range(1, 81)]
    many[70] = pen.sign(outside(71), STRANGER)

    with pytest.raises(RefusedError) as caught:
        put(store, many)

    assert caught.value.code is Code.TRUST_REFUSED
    assert store.refs.read(DEFAULT_REF) == before
    assert not list(store.objects.directory.glob("pack/*"))


# --- a head that was seen


def test_head_that_was_seen(lived):
    """A head of any size is held against the ledger: by its commit, or by the records."""
    ledger = read(lived)
    tip = Tip()
    for raw in read_records(lived, ledger, 0, ledger.tip.size):
        tip = tip.after(raw, None)
        assert contains_head(lived, ledger, tip.size, tip.head.root) == ()
        (finding,) = contains_head(lived, ledger, tip.size, bytes(32))
        assert finding.code is Code.LEDGER_REWOUND
    (finding,) = contains_head(lived, ledger, tip.size + 1, tip.head.root)
    assert finding.code is Code.LEDGER_REWOUND


def test_head_is_held_against_what_is_new(lived):
    """What came since the head is contained too, wherever it lies."""
    before = read(lived)
    after = put(lived, [Pen(700).sign(outside(7), EXECUTOR)]).ledger

    for ledger in (after, read(lived, base=before), read(lived)):
        assert contains_head(lived, ledger, before.tip.size, before.head.root) == ()
        assert contains_head(lived, ledger, after.tip.size, after.head.root) == ()


def test_looked_up_at_once(lived):
    """What was looked for in vain is not asked for again; what is there is found all the same."""
    ledger = read(lived)
    state, base = ledger.state, ledger.kept.base
    there = [("claim", claim) for claim in state.claims]
    there += [("uuid", " ".join(pair)) for pair in state.uuids]
    there += [("tree", tree) for tree in state.trees]
    vain = [(kind, f"{key}x") for kind, key in there] * 40
    look_up(base, there + vain)

    assert len(there) > 10
    assert not any(base.lacks(*key) for key in there)
    assert all(base.lacks(*key) for key in vain)
    assert state.claims.get("claim/x") is None
    assert dict(state.claims) == dict(read(lived).state.claims)


def test_many_at_once_with_claims_that_are_taken(lived):
    """A claim that is taken is found among many that are free, in one call or many."""
    entries = [Pen(9000 + n).sign(outside(1000 + n), EXECUTOR) for n in range(40)]
    put(lived, entries[:1])
    twin = Pen(9900).sign(outside(1000, packet_tree="sha256:" + "7" * 64), EXECUTOR)
    after = put(lived, [*entries[1:30], twin]).ledger

    assert after.state.conflicts[-1].sealed.packet == outside(1000).packet
    with pytest.raises(RefusedError):
        put(lived, [*entries[30:], entries[3], *entries[30:]])
    assert read(lived, fully=True) == after


def test_the_newest_runs_are_found_from_the_end(lived):
    """No look at all runs: the index that they have for this is used."""
    base = read(lived).kept.base
    plans = []
    for rows in (late_runs, late_packets):
        asked = []
        base.tables.connection.set_trace_callback(asked.append)
        assert list(rows(base))
        base.tables.connection.set_trace_callback(None)
        plans += base.tables.connection.execute(f"EXPLAIN QUERY PLAN {asked[0]}").fetchall()
    assert not any("TEMP B-TREE" in plan[-1] for plan in plans)
