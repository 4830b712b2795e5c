"""Rubbish that somebody pushed into the ledger ref: named by commit, never believed."""

from __future__ import annotations

import pytest

from greenlight.codes import Code
from greenlight.errors import RejectedError
from greenlight.ledger.pin import DEFAULT_REF, read_pin
from greenlight.ledger.read import read_ledger
from greenlight.store.gitobjects import TreeEntry, encode_commit, encode_tree
from tests.ledger.actors import AUTHOR, EXECUTOR, START, Pen, begin, outside, put


@pytest.fixture
def began(store):
    begin(store)
    return store


def read(store):
    return read_ledger(store, DEFAULT_REF, pin=read_pin(store))


def push(store, tree, parents=None, body=None):
    """Move the ledger ref to a commit of our own making, as anybody with push rights can."""
    old = store.refs.read(DEFAULT_REF)
    if body is None:
        parents = (old,) if parents is None else parents
        body = encode_commit(tree=tree, parents=parents, author=AUTHOR, time=START, message="m")
    commit = store.objects.write("commit", body)
    store.objects.flush()
    store.refs.swap(DEFAULT_REF, old=old, new=commit)
    return commit


def make_tree(store, records, /, **changes):
    """A ledger commit's tree with these records; changes replace or remove top entries."""
    tip = read(store).tip
    top = {
        "frontier.cbor": (b"100644", store.objects.write("blob", tip.frontier_bytes)),
        "head": (b"100644", store.objects.write("blob", tip.head.encode())),
        "records": (b"40000", store.objects.write("tree", encode_tree(records))),
    }
    top |= changes
    return store.objects.write(
        "tree",
        encode_tree(
            TreeEntry(value[0], name.encode(), value[1]) for name, value in top.items() if value
        ),
    )


def record(store, name=b"2.cbor", mode=b"100644"):
    return TreeEntry(mode, name, store.objects.write("blob", b"rubbish"))


def assert_malformed(store, commit):
    findings = read(store).findings
    assert [(f.code, f.where) for f in findings] == [
        (Code.LEDGER_MALFORMED, f"ledger commit {commit}")
    ]
    with pytest.raises(RejectedError):
        put(store, [Pen(600).sign(outside(1), EXECUTOR)])


def test_good(began):
    """The ledger that the cases below spoil reads clean."""
    assert read(began).findings == ()


@pytest.mark.parametrize(
    "names",
    [
        (b"3.cbor",),
        (b"1.cbor",),
        (b"02.cbor",),
        (b"2.cbor", b"4.cbor"),
        (b"2.CBOR",),
        (b"2.cbor", b"readme"),
        (b"-1.cbor",),
        (),
    ],
)
def test_records_not_contiguous(began, names):
    """Records that skip, repeat, are misnamed or missing: the commit is named."""
    tree = make_tree(began, [record(began, name) for name in names])

    assert_malformed(began, push(began, tree))


@pytest.mark.parametrize("mode", [b"100755", b"120000", b"40000"])
def test_record_is_a_plain_file(began, mode):
    """A record of another mode is no record."""
    assert_malformed(began, push(began, make_tree(began, [record(began, mode=mode)])))


@pytest.mark.parametrize("change", [{"head": None}, {"frontier.cbor": None}, {"records": None}])
def test_top_is_exact(began, change):
    """A ledger commit without one of its three names is none."""
    assert_malformed(began, push(began, make_tree(began, [record(began)], **change)))


def test_more_at_the_top(began):
    """A ledger commit that carries anything else is none."""
    blob = began.objects.write("blob", b"x")
    tree = make_tree(began, [record(began)], extra=(b"100644", blob))

    assert_malformed(began, push(began, tree))


def test_two_parents(began):
    """A merge into the ledger is no ledger commit: the chain has one line."""
    old = began.refs.read(DEFAULT_REF)

    assert_malformed(began, push(began, make_tree(began, [record(began)]), parents=(old, old)))


def test_no_parent(began):
    """A second beginning in the place of the chain: its records do not start at 0."""
    assert_malformed(began, push(began, make_tree(began, [record(began)]), parents=()))


def test_ordinary_commit(began):
    """A commit of somebody's work in the ledger ref is named as what it is not."""
    empty = began.objects.write("tree", b"")

    assert_malformed(began, push(began, empty))


def test_not_a_commit_at_all(began):
    """A blob in the ledger ref is rubbish too."""
    old = began.refs.read(DEFAULT_REF)
    blob = began.objects.write("blob", b"hello")
    began.objects.flush()
    began.refs.swap(DEFAULT_REF, old=old, new=blob)

    assert_malformed(began, blob)


def test_odd_commit(began):
    """A commit that two readers could read differently is refused as a whole."""
    tree = make_tree(began, [record(began)])
    good = encode_commit(
        tree=tree,
        parents=(began.refs.read(DEFAULT_REF),),
        author=AUTHOR,
        time=START,
        message="m",
    )

    assert_malformed(began, push(began, tree, body=good.replace(b"tree ", b"tree x\ntree ", 1)))


def test_record_that_is_none(began):
    """A commit of the right shape with rubbish for a record: the record is named."""
    push(began, make_tree(began, [record(began)]))

    findings = read(began).findings

    assert findings[0].code is Code.LEDGER_RECORD_MALFORMED
    assert findings[0].where == "ledger/records/2.cbor"
    assert {finding.code for finding in findings[1:]} == {
        Code.LEDGER_HEAD_MISMATCH,
        Code.LEDGER_FRONTIER_MISMATCH,
    }


def test_head_of_an_old_commit(began):
    """A head that lies is found in every commit, not only in the last."""
    ledger = read(began)
    raw, tip = ledger.tip.place(Pen(700).sign(outside(1), EXECUTOR), START.replace(year=2027))
    entry = TreeEntry(b"100644", b"2.cbor", began.objects.write("blob", raw))
    frontier = (b"100644", began.objects.write("blob", tip.frontier_bytes))
    lie = (b"100644", began.objects.write("blob", b"all is well\n"))
    tree = make_tree(began, [entry], **{"frontier.cbor": frontier, "head": lie})
    commit = push(began, tree)
    raw, tip = tip.place(Pen(800).sign(outside(2), EXECUTOR), START.replace(year=2028))
    entry = TreeEntry(b"100644", b"3.cbor", began.objects.write("blob", raw))
    frontier = (b"100644", began.objects.write("blob", tip.frontier_bytes))
    head = (b"100644", began.objects.write("blob", tip.head.encode()))
    push(began, make_tree(began, [entry], **{"frontier.cbor": frontier, "head": head}))

    findings = read(began).findings

    assert [(f.code, f.where) for f in findings] == [
        (Code.LEDGER_HEAD_MISMATCH, f"ledger commit {commit}/head")
    ]


def test_missing_object(began):
    """A record whose blob is gone stops the reading there, and says where."""
    ledger = put(began, [Pen(900).sign(outside(1), EXECUTOR)]).ledger
    oid = ledger.places[-1].blobs[0]
    (began.git_dir / "objects" / oid[:2] / oid[2:]).unlink()

    assert read(began) == ledger  # it was read before, and reading goes on from there
    findings = read_ledger(began, DEFAULT_REF, pin=read_pin(began), fully=True).findings

    assert [finding.code for finding in findings] == [Code.LEDGER_MALFORMED]
    assert oid in findings[0].found
    assert ledger.commit in findings[0].where


def test_void_entries_are_no_damage(began):
    """An entry without authority, pushed well-formed, is void, and the ledger goes on."""
    ledger = read(began)
    raw, tip = ledger.tip.place(b"no entry at all", START.replace(year=2027))
    entry = TreeEntry(b"100644", b"2.cbor", began.objects.write("blob", raw))
    frontier = (b"100644", began.objects.write("blob", tip.frontier_bytes))
    head = (b"100644", began.objects.write("blob", tip.head.encode()))
    push(began, make_tree(began, [entry], **{"frontier.cbor": frontier, "head": head}))

    after = read(began)

    assert after.findings == ()
    assert [void.index for void in after.state.voids] == [2]
    late = lambda: START.replace(year=2027)  # noqa: E731 - a clock
    assert put(began, [Pen(950).sign(outside(1), EXECUTOR)], clock=late).indexes == (3,)
