from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenlight.codes import Code
from greenlight.errors import MalformedError, RefusedError, UsageError
from greenlight.store.gitobjects import (
    MAX_COMMIT_BYTES,
    TreeEntry,
    encode_commit,
    encode_tree,
    object_id,
    parse_commit,
    parse_tree,
    require_oid,
)

OID = "1" * 40
RAW = bytes.fromhex(OID)
TIME = datetime(2026, 1, 2, tzinfo=UTC)
GOOD = (
    b"tree " + OID.encode() + b"\nparent " + OID.encode() + b"\n"
    b"author A <a@b> 1767312000 +0000\ncommitter A <a@b> 1767312000 +0000\n"
    b"gpgsig -----BEGIN-----\n x\n -----END-----\n\nSubject\n"
)


def test_object_id_is_gits():
    """The empty blob and tree have the ids that git gives them."""
    assert object_id("blob", b"", "sha1") == "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"
    assert object_id("tree", b"", "sha1") == "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
    assert object_id("tree", b"", "sha256") == (
        "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321"
    )


@pytest.mark.parametrize(
    "oid", ["", "1" * 39, "1" * 41, "1" * 64, "A" * 40, "../" + "1" * 37, "0" * 40, "1" * 39 + "\n"]
)
def test_oid_is_hex_of_the_format(oid):
    """Nothing but an object id of the repository's format may become part of a path."""
    with pytest.raises(MalformedError):
        require_oid(oid, "sha1")


def test_a_time_before_1970_is_no_time_of_a_commit():
    """Git counts from 1970 on; what it could not read is not written."""
    first = datetime(1970, 1, 1, tzinfo=UTC)
    rest = {"tree": OID, "parents": (), "author": "A <a@b>", "message": "x"}
    assert parse_commit(encode_commit(time=first, **rest), "sha1").time == 0
    with pytest.raises(RefusedError) as caught:
        encode_commit(time=first - timedelta(microseconds=1), **rest)
    assert caught.value.code is Code.CLOCK_UNSET


names = st.binary(min_size=1, max_size=12).filter(lambda b: b"/" not in b and b"\0" not in b)


@given(st.dictionaries(names, st.sampled_from([b"100644", b"40000", b"100755", b"120000"])))
def test_tree_round_trip(modes):
    """What encode_tree writes parse_tree reads, and writes the same bytes again."""
    body = encode_tree(TreeEntry(mode, name, OID) for name, mode in modes.items())
    entries = parse_tree(body, "sha1")

    assert {entry.name: entry.mode for entry in entries} == modes
    assert encode_tree(entries) == body


@pytest.mark.parametrize(
    "body",
    [
        b"100644 a\0" + RAW[:-1],
        b"100644 a",
        b"100644a\0" + RAW,
        b"0100644 a\0" + RAW,
        b"040000 a\0" + RAW,
        b"100664 a\0" + RAW,
        b"104755 a\0" + RAW,
        b"100644 \0" + RAW,
        b"100644 a/b\0" + RAW,
        b"100644 a\0" + bytes(20),
        b"100644 b\0" + RAW + b"100644 a\0" + RAW,
        b"100644 a\0" + RAW + b"100644 a\0" + RAW,
        b"100644 a\0" + RAW + b"100644 a.b\0" + RAW + b"40000 a\0" + RAW,
        b"40000 a\0" + RAW + b"100644 a.b\0" + RAW,
        b"100644 a\0" + RAW + b"\n",
    ],
)
def test_tree_refusals(body):
    """Cut, padded, unknown, empty, null, repeated and unordered entries are refused."""
    with pytest.raises(MalformedError) as caught:
        parse_tree(body, "sha1")

    assert caught.value.code is Code.MALFORMED


def test_commit_is_read_as_written():
    """A commit that encode_commit wrote reads back, its signature noted and not believed."""
    body = encode_commit(
        tree=OID,
        parents=(OID,),
        author="A B <a@b>",
        time=TIME,
        message="Subject\n\nLane: x\nStatus: y",
        signature=("gpgsig", "-----BEGIN-----\nx\n-----END-----\n"),
    )
    commit = parse_commit(body, "sha1")

    assert commit.tree == OID
    assert commit.parents == (OID,)
    assert commit.author == "A B <a@b>"
    assert commit.time == int(TIME.timestamp())
    assert commit.signed
    assert commit.trailers == {"Lane": "x", "Status": "y"}


def test_good_commit_reads():
    """The commit that the refusals break is good itself."""
    assert parse_commit(GOOD, "sha1").signed


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"tree ", b"tree " + OID.encode() + b"\ntree "),
        (b"author ", b"author A <a@b> 1 +0000\nauthor "),
        (b"committer ", b"committer A <a@b> 1 +0000\ncommitter "),
        (b"gpgsig ", b"gpgsig -----BEGIN-----\n y\ngpgsig "),
        (b"gpgsig ", b"gpgsig-sha256 "),
        (b"gpgsig ", b"encoding latin1\ngpgsig "),
        (b"gpgsig ", b"mergetag x\ngpgsig "),
        (b"\nparent", b"\nParent"),
        (b"1767312000 +0000\nc", b"01767312000 +0000\nc"),
        (b"1767312000 +0000\nc", b"-1 +0000\nc"),
        (b"1767312000 +0000\nc", b"9999999999999 +0000\nc"),
        (b"1767312000 +0000\nc", b"1767312000 UTC\nc"),
        (b"author A <a@b>", b"author <a@b>"),
        (b"author A <a@b>", b"author A <a<b>"),
        (b"author A <a@b>", b"author A\n <a@b>"),
        (b"Subject", b"Sub\0ject"),
        (b"Subject", b"Sub\xffject"),
        (b"tree " + OID.encode(), b"tree " + b"0" * 40),
        (b"tree " + OID.encode(), b"tree " + b"A" * 40),
        (b"tree " + OID.encode(), b"tree " + b"1" * 64),
        (b"\n\nSubject\n", b"\n"),
    ],
)
def test_commit_refusals(old, new):
    """Every second spelling of a commit is refused, so that no two readers can differ."""
    assert old in GOOD
    body = GOOD.replace(old, new, 1)

    with pytest.raises(MalformedError):
        parse_commit(body, "sha1")


def test_commit_limit():
    """A commit larger than any that greenlight writes is not parsed."""
    with pytest.raises(MalformedError) as caught:
        parse_commit(GOOD + b"x" * MAX_COMMIT_BYTES, "sha1")

    assert caught.value.code is Code.LIMIT_EXCEEDED


@pytest.mark.parametrize("author", ["", "A", "A <a@b", "A\n <a@b>", "A <a@b>\nparent x", "<a@b>"])
def test_author_cannot_add_headers(author):
    """An author that could end its line is refused."""
    with pytest.raises(UsageError):
        encode_commit(tree=OID, parents=(), author=author, time=TIME, message="m")


@pytest.mark.parametrize("message", ["s\n\nA: 1\nA: 2", "s\n\nno trailer", "s", "s\n\nA:1"])
def test_trailers_are_all_or_none(message):
    """Trailers that repeat, or stand beside other text, are not guessed at."""
    body = encode_commit(tree=OID, parents=(), author="A <a@b>", time=TIME, message=message)

    assert parse_commit(body, "sha1").trailers == {}
