"""Entries, records, heads and the bodies of kinds: one spelling, everything else refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenlight.codes import Code
from greenlight.errors import MalformedError
from greenlight.model import entry as entries
from greenlight.model.entry import decode_entry, sign_entry
from greenlight.model.grant import Grant
from greenlight.model.head import Head, decode_frontier, encode_frontier, origin_of
from greenlight.model.kinds import ClockCorrected, PacketPurged, PacketSealed, RunOpened
from greenlight.model.record import NO_LINKS, Links, decode_record, encode_record
from greenlight.model.trust import KeyRoles, Role, TrustRoot
from greenlight.primitives import cbor, cose
from greenlight.primitives.merkle import Frontier, leaf_hash
from tests.ledger.actors import (
    EXECUTOR,
    OWNER,
    START,
    clock_corrected,
    grant,
    outside,
    packet_purged,
    packet_sealed,
    run_opened,
    trust_root,
    uuid,
)

BODIES = [
    trust_root(),
    trust_root(2, expires="2030-01-01T00:00:00Z"),
    grant(),
    grant(lane="*", operations=("read", "write"), expires="2030-01-01T00:00:00Z"),
    run_opened(1, tickets=("TKT-OBJ-442", "TKT-OBJ-443")),
    packet_sealed(1),
    outside(2),
    packet_purged(2),
    clock_corrected(START),
]
READERS = {
    cls.KIND: cls.from_body
    for cls in (TrustRoot, Grant, RunOpened, PacketSealed, PacketPurged, ClockCorrected)
}


@pytest.mark.parametrize("body", BODIES, ids=lambda body: body.KIND)
def test_entry_round_trip(body):
    """A signed entry decodes to what was said, by whom, about what, with which claims."""
    raw = sign_entry(body, uuid=uuid(7), signer=OWNER)
    entry = decode_entry(raw)

    assert (entry.uuid, entry.kind, entry.signed.raw) == (uuid(7), body.KIND, raw)
    assert (entry.issuer, entry.subject) == (OWNER.public.uri, body.subject)
    assert entry.claims == body.claims
    assert READERS[entry.kind](entry.body) == body


@pytest.mark.parametrize("body", BODIES, ids=lambda body: body.KIND)
def test_bodies_are_closed(body):
    """A field missing, one too many, or one of another type: each is refused."""
    good = body.to_body()
    read = READERS[body.KIND]
    with pytest.raises(MalformedError):
        read(good | {"more": ""})
    for name in good:
        with pytest.raises(MalformedError):
            read({key: value for key, value in good.items() if key != name})
        with pytest.raises(MalformedError):
            read(good | {name: None})
        with pytest.raises(MalformedError):
            read(good | {name: True})


@pytest.mark.parametrize(
    ("make", "field", "value"),
    [
        (grant, "max_uses", 0),
        (grant, "modes", ()),
        (grant, "modes", ("staging", "dry_run")),
        (grant, "modes", ("staging", "staging")),
        (grant, "modes", ("Staging",)),
        (grant, "modes", ("none",)),
        (grant, "lane", ""),
        (grant, "lane", "../x"),
        (grant, "executor", "urn:x"),
        (grant, "expires", "2026-02-30T00:00:00Z"),
        (grant, "expires", "2026-01-01"),
        (grant, "authority", "two words"),
        (grant, "delegation", ""),
        (grant, "grant", "a/use"),
        (lambda **more: run_opened(1, **more), "use", 0),
        (lambda **more: run_opened(1, **more), "tickets", ("B", "A")),
        (lambda **more: run_opened(1, **more), "tickets", ("a/b",)),
        (lambda **more: run_opened(1, **more), "lane_digest", "sha256:AA"),
        (lambda **more: run_opened(1, **more), "packet", "other-" + uuid(1)),
        (lambda **more: packet_sealed(1, **more), "status", "CONFLICT"),
        (lambda **more: packet_sealed(1, **more), "run", uuid(2)),
        (lambda **more: packet_sealed(1, **more), "packet_tree", "a" * 64),
    ],
)
def test_field_refusals(make, field, value):
    """A value with a second spelling or outside its bounds is refused by the reader."""
    body = make().to_body()
    body[field] = list(value) if isinstance(value, tuple) else value

    with pytest.raises(MalformedError):
        READERS[make().KIND](body)


def test_trust_root_refusals():
    """Unsorted or repeated keys, no roles, a comment, or owners below the threshold."""
    owner = KeyRoles.of(OWNER.public, Role.OWNER)
    other = KeyRoles.of(EXECUTOR.public, Role.EXECUTOR)
    ordered = tuple(sorted((owner, other), key=lambda item: item.key))
    good = {"version": 1, "keys": ordered, "threshold": 1, "expires": ""}
    assert TrustRoot(**good).find(OWNER.public.uri) == owner
    for broken in (
        {"keys": ordered[::-1]},
        {"keys": (owner, owner)},
        {"keys": (other,)},
        {"keys": ()},
        {"threshold": 2},
        {"expires": "2026-13-01T00:00:00Z"},
    ):
        with pytest.raises(MalformedError):
            TrustRoot(**(good | broken))
    with pytest.raises(MalformedError):
        KeyRoles(owner.key, ())
    with pytest.raises(MalformedError):
        KeyRoles(owner.key, (Role.OWNER, Role.EXECUTOR))
    with pytest.raises(MalformedError):
        KeyRoles(owner.key + " comment", (Role.OWNER,))


def signed(payload):
    return cose.sign1(
        payload, OWNER, content_type=entries.CONTENT_TYPE, subject="x.y", detached=False
    )


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({1: 2}, Code.UNSUPPORTED_VERSION),
        ({1: True}, Code.UNSUPPORTED_VERSION),
        ({2: "not a uuid"}, Code.MALFORMED),
        ({2: uuid(1).upper().replace("0", "A", 1)}, Code.MALFORMED),
        ({3: "nodot"}, Code.MALFORMED),
        ({4: []}, Code.MALFORMED),
        ({4: {1: 2}}, Code.MALFORMED),
        ({5: ["run/b", "run/a"]}, Code.MALFORMED),
        ({5: ["run/a", "run/a"]}, Code.MALFORMED),
        ({5: ["run/a b"]}, Code.MALFORMED),
        ({5: ["run"]}, Code.MALFORMED),
        ({5: [1]}, Code.MALFORMED),
        ({5: "run/a"}, Code.MALFORMED),
        ({6: 1}, Code.MALFORMED),
    ],
)
def test_entry_refusals(change, code):
    """A payload that is not a version 1 entry in its one spelling is refused."""
    good = {1: 1, 2: uuid(1), 3: "x.y", 4: {}, 5: []}
    assert decode_entry(signed(cbor.encode(good))).kind == "x.y"

    with pytest.raises(MalformedError) as caught:
        decode_entry(signed(cbor.encode(good | change)))

    assert caught.value.code is code


def test_entry_without_payload():
    """A detached signature is no entry."""
    raw = cose.sign1(b"", OWNER, content_type=entries.CONTENT_TYPE, subject="x.y", detached=True)
    with pytest.raises(MalformedError):
        decode_entry(raw)


def test_record_round_trip():
    """A record decodes to its index, links, time and entry, and encodes to the same bytes."""
    links = Links.of(b"before")
    raw = encode_record(7, links, START, b"entry")
    record = decode_record(raw)

    assert (record.index, record.previous, record.time, record.entry) == (7, links, START, b"entry")
    assert record.raw == raw
    assert len(links.sha512) == 64
    assert len(links.blake2b) == 32


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({1: 2}, Code.UNSUPPORTED_VERSION),
        ({1: True}, Code.UNSUPPORTED_VERSION),
        ({1: "1"}, Code.LEDGER_RECORD_MALFORMED),
        ({2: -1}, Code.LEDGER_RECORD_MALFORMED),
        ({2: True}, Code.LEDGER_RECORD_MALFORMED),
        ({3: bytes(63)}, Code.LEDGER_RECORD_MALFORMED),
        ({4: bytes(64)}, Code.LEDGER_RECORD_MALFORMED),
        ({4: "x"}, Code.LEDGER_RECORD_MALFORMED),
        ({5: "2026-01-02T03:04:05Z"}, Code.MALFORMED),
        ({5: 1}, Code.LEDGER_RECORD_MALFORMED),
        ({6: "text"}, Code.LEDGER_RECORD_MALFORMED),
        ({7: 1}, Code.LEDGER_RECORD_MALFORMED),
    ],
)
def test_record_refusals(change, code):
    """What is not a version 1 record in its one spelling is refused."""
    good = cbor.decode(encode_record(0, NO_LINKS, START, b"x"))

    with pytest.raises(MalformedError) as caught:
        decode_record(cbor.encode(good | change))

    assert caught.value.code is code


def test_record_trailing_byte():
    """A byte after a record is refused."""
    with pytest.raises(MalformedError):
        decode_record(encode_record(0, NO_LINKS, START, b"x") + b"\0")


@given(st.integers(0, 2**63 - 1), st.binary(min_size=32, max_size=32))
def test_head_round_trip(size, root):
    """A head decodes to itself, and pins the digest that its origin carries."""
    head = Head(origin_of(b"record zero"), size, root)

    assert Head.decode(head.encode()) == head
    assert head.origin == f"greenlight/{head.pin.hex}"


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d[:-1],
        lambda d: d + b"\n",
        lambda d: d.replace(b"\n5\n", b"\n05\n"),
        lambda d: d.replace(b"\n5\n", b"\n+5\n"),
        lambda d: d.replace(b"\n5\n", b"\n\n"),
        lambda d: d.replace(b"greenlight/", b"Greenlight/"),
        lambda d: d.replace(b"\n", b"\r\n"),
        lambda d: d[:-3] + bytes([d[-3] + 1]) + d[-2:],  # bits that base64 does not carry
        lambda d: d.replace(b"=", b""),
        lambda d: b"\xff" + d,
        lambda d: d * 10,
    ],
)
def test_head_refusals(change):
    """A head has one spelling."""
    good = Head(origin_of(b"x"), 5, bytes(32)).encode()
    assert Head.decode(good).size == 5
    assert change(good) != good

    with pytest.raises(MalformedError):
        Head.decode(change(good))


def test_frontier_round_trip_and_refusals():
    """A frontier of every size to 70 decodes to itself; hashes too few or too short do not."""
    frontier = Frontier()
    for size in range(70):
        assert decode_frontier(encode_frontier(frontier)) == frontier
        frontier = frontier.append(leaf_hash(b"%d" % size))
    for value in ([3, [bytes(32)]], [1, [bytes(31)]], [1, [1]], [True, [bytes(32)]], [-1, []], {}):
        with pytest.raises(MalformedError):
            decode_frontier(cbor.encode(value))
