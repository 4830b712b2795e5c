"""The statement: twelve values, one spelling, a constant beginning."""

from __future__ import annotations

import dataclasses
from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenlight.codes import Code
from greenlight.errors import MalformedError
from greenlight.model.statement import HEAD_BYTES, Statement
from greenlight.model.words import Mode, Status
from greenlight.primitives.ed25519 import SeedSigner

RUN = "0b5c1d2e-3f40-4152-8364-75869708a9ba"
GOOD = Statement(
    packet_tree="6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321",
    packet_id=f"kb-note-{RUN}",
    run_id=RUN,
    lane="kb-note",
    mode=Mode.STAGING,
    status=Status.APPLIED_NOT_CLEAN,
    file_count=24,
    byte_count=61234,
    time="2026-01-31T23:59:59Z",
    lineage=("1" * 64, "2" * 64),
    executor=SeedSigner(bytes(32)).public.uri,
)

TREES = st.text("0123456789abcdef", min_size=64, max_size=64)
STATEMENTS = st.builds(
    lambda **changes: dataclasses.replace(GOOD, **changes),
    packet_tree=TREES,
    mode=st.sampled_from(Mode),
    status=st.sampled_from(Status),
    file_count=st.integers(0, 100_000),
    byte_count=st.integers(0, 2**36),
    lineage=st.sets(TREES, max_size=4).map(lambda trees: tuple(sorted(trees))),
)


@given(STATEMENTS)
def test_round_trip(statement: Statement) -> None:
    """What is encoded decodes to the same value, and cbor2 alone reads twelve keys."""
    data = statement.encode()
    assert Statement.decode(data) == statement
    assert list(cbor2.loads(data)) == list(range(1, 13))


@given(STATEMENTS)
def test_the_first_75_bytes(statement: Statement) -> None:
    """They are constant but for the tree, so that ``cmp -n 75`` can compare them."""
    head = b"\254\001\170\107sha256:" + statement.packet_tree.encode()
    assert statement.encode()[:HEAD_BYTES] == head
    assert len(head) == HEAD_BYTES


def test_every_flipped_bit_is_seen() -> None:
    """A flipped bit gives another statement or none."""
    data = GOOD.encode()
    refused = 0
    for bit in range(8 * len(data)):
        bad = bytearray(data)
        bad[bit // 8] ^= 1 << bit % 8
        try:
            other = Statement.decode(bytes(bad))
        except MalformedError:
            refused += 1
        else:
            assert other != GOOD
    assert refused > len(data)


def test_a_cut_statement_is_none() -> None:
    """No prefix is a statement, the 75 bytes that sh compares least of all."""
    data = GOOD.encode()
    for length in range(len(data)):
        with pytest.raises(MalformedError) as raised:
            Statement.decode(data[:length])
        assert raised.value.code is Code.STATEMENT_MALFORMED


def test_subject_and_time() -> None:
    """The subject is key 1; the time is an aware value too."""
    assert GOOD.subject == "sha256:" + GOOD.packet_tree
    assert GOOD.sealed_at.isoformat() == "2026-01-31T23:59:59+00:00"


BAD_FIELDS: dict[str, tuple[int, Any]] = {
    "tree without its algorithm": (1, GOOD.packet_tree),
    "tree in upper case": (1, "sha256:" + GOOD.packet_tree.upper()),
    "tree by another algorithm": (1, "sha512:" + GOOD.packet_tree),
    "tree cut short": (1, "sha256:" + GOOD.packet_tree[:63]),
    "tree as bytes": (1, bytes.fromhex(GOOD.packet_tree)),
    "packet id empty": (2, ""),
    "packet id with a slash": (2, "a/b"),
    "packet id with a line end": (2, "a\n"),
    "packet id as a number": (2, 7),
    "run id in upper case": (3, RUN.upper()),
    "run id without dashes": (3, RUN.replace("-", "")),
    "lane with a blank": (4, "my lane"),
    "lane that starts with a dot": (4, "..") ,
    "mode in upper case": (5, "STAGING"),
    "mode unknown": (5, "production"),
    "mode as a number": (5, 1),
    "status of the ledger": (6, "ABANDONED"),
    "status in lower case": (6, "applied_clean"),
    "negative file count": (7, -1),
    "too many files": (7, 2**40),
    "file count as text": (7, "24"),
    "file count as a boolean": (7, True),
    "negative byte count": (8, -1),
    "byte count as null": (8, None),
    "time with an offset": (9, "2026-01-31T23:59:59+00:00"),
    "time with a fraction": (9, "2026-01-31T23:59:59.5Z"),
    "time that does not exist": (9, "2026-02-31T23:59:59Z"),
    "time as a number": (9, 1769903999),
    "lineage as text": (10, "sha256:" + "1" * 64),
    "lineage out of order": (10, ["sha256:" + "2" * 64, "sha256:" + "1" * 64]),
    "lineage with a double": (10, ["sha256:" + "1" * 64] * 2),
    "lineage without algorithm": (10, ["1" * 64]),
    "lineage too long": (10, [f"sha256:{number:064x}" for number in range(1025)]),
    "executor that is no key": (11, "https://example.org"),
    "executor as bytes": (11, bytes(32)),
}  # fmt: skip


@pytest.mark.parametrize(("key", "value"), BAD_FIELDS.values(), ids=BAD_FIELDS.keys())
def test_a_value_that_is_not_of_its_form(key: int, value: object) -> None:
    """Each of the twelve values has its form."""
    fields = cbor2.loads(GOOD.encode())
    fields[key] = value
    with pytest.raises(MalformedError) as raised:
        Statement.decode(cbor2.dumps(fields, canonical=True))
    assert raised.value.code is Code.STATEMENT_MALFORMED


@pytest.mark.parametrize("key", range(1, 13))
def test_a_key_that_is_missing(key: int) -> None:
    """All twelve are always present."""
    fields = cbor2.loads(GOOD.encode())
    del fields[key]
    with pytest.raises(MalformedError) as raised:
        Statement.decode(cbor2.dumps(fields, canonical=True))
    assert raised.value.code is Code.STATEMENT_MALFORMED


@pytest.mark.parametrize("key", [0, 13, -1, "note"])
def test_a_key_that_is_extra(key: object) -> None:
    """A thirteenth value is refused."""
    fields = {**cbor2.loads(GOOD.encode()), key: 0}
    with pytest.raises(MalformedError) as raised:
        Statement.decode(cbor2.dumps(fields, canonical=True))
    assert raised.value.code is Code.STATEMENT_MALFORMED


@pytest.mark.parametrize("extra", [{}, {13: "something new"}])
@pytest.mark.parametrize("version", [0, 2, 99, "2", None])
def test_another_version_is_not_guessed_at(version: object, extra: dict[int, str]) -> None:
    """Another format version is said to be one, whatever else the map holds."""
    fields = {**cbor2.loads(GOOD.encode()), 12: version, **extra}
    with pytest.raises(MalformedError) as raised:
        Statement.decode(cbor2.dumps(fields, canonical=True))
    assert raised.value.code is Code.UNSUPPORTED_VERSION


@pytest.mark.parametrize(
    "changes",
    [
        {"packet_tree": "0"},
        {"mode": "other"},
        {"file_count": True},
        {"lineage": ("b" * 64, "a" * 64)},
    ],
)
def test_a_statement_is_valid_by_existing(changes: dict[str, Any]) -> None:
    """What could not be decoded cannot be made either."""
    with pytest.raises(MalformedError) as raised:
        dataclasses.replace(GOOD, **changes)
    assert raised.value.code is Code.STATEMENT_MALFORMED
