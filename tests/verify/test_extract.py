"""The records that travel with a packet: what is here must fit, whatever was left out."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from greenlight.model.head import Head
from greenlight.model.record import Links, decode_record, encode_record
from greenlight.primitives.digest import Digest
from greenlight.verify.extract import verify_extract

PACKETS = Path(__file__).resolve().parent.parent.parent / "packets"
ROOT = Digest.parse((PACKETS / "trust-root").read_text().strip())


@cache
def good() -> dict[str, bytes]:
    folder = PACKETS / "sqlite-migration" / "ledger"
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def names() -> list[str]:
    indexes = sorted(int(Path(name).stem) for name in good() if name != "head")
    return [f"records/{index}.cbor" for index in indexes]


def found(**changes: bytes | None) -> set[str]:
    files = {**good(), **{name.replace("__", "/"): data for name, data in changes.items()}}
    kept = {name: data for name, data in files.items() if data is not None}
    return {str(finding.code) for finding in verify_extract(kept, ROOT)[1]}


def head(**changes: object) -> bytes:
    old = Head.decode(good()["head"])
    values = {"origin": old.origin, "size": old.size, "root": old.root} | changes
    return Head(**values).encode()


def test_what_was_checked_out_fits() -> None:
    """The records of a kept packet give no finding, and a state that knows it."""
    extract, findings = verify_extract(good(), ROOT)
    assert findings == []
    assert extract is not None
    assert len(extract.state.packets) >= 1


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "LEDGER_HEAD_MISMATCH"),
        (head()[:-1], "LEDGER_HEAD_MISMATCH"),
        (head(size=1), "LEDGER_HEAD_MISMATCH"),
        (head(origin="greenlight/" + "0" * 64), "LEDGER_HEAD_MISMATCH"),
    ],
)
def test_a_head_is_of_this_ledger_and_beyond_its_records(data: bytes, code: str) -> None:
    """A head that is torn, of another ledger or too small is found."""
    assert found(head=data) == {code}


def test_where_all_records_are_here_the_head_is_theirs() -> None:
    """A whole chain gives the root that its head says."""
    whole = names()[:2]
    assert whole == ["records/0.cbor", "records/1.cbor"]
    files = {name: good()[name] for name in whole}
    wrong = files | {"head": head(size=2)}
    assert {str(f.code) for f in verify_extract(wrong, ROOT)[1]} == {"LEDGER_HEAD_MISMATCH"}


def test_neighbours_are_linked() -> None:
    """A record that does not carry the digests of the one before it is found."""
    name = names()[1]
    record = decode_record(good()[name])
    other = encode_record(record.index, Links.of(b"another"), record.time, record.entry)
    assert "LEDGER_LINK_BROKEN" in found(**{name.replace("/", "__"): other})


def test_time_does_not_fall() -> None:
    """A record that is older than the one before it is found."""
    name = names()[-1]
    record = decode_record(good()[name])
    first = decode_record(good()["records/0.cbor"])
    earlier = first.time.replace(year=first.time.year - 1)
    other = encode_record(record.index, record.previous, earlier, record.entry)
    assert "LEDGER_TIME_BACKWARDS" in found(**{name.replace("/", "__"): other})


@pytest.mark.parametrize("name", ["note.txt", "records.cbor", "heads"])
def test_nothing_else_lies_there(name: str) -> None:
    """A file that is neither head nor record is found."""
    assert found(**{name: b"x"}) == {"FOLDER_MALFORMED"}


def test_another_trust_root_is_not_followed() -> None:
    """Under another root, or without record 0, nothing of it counts."""
    other = Digest.of(b"another")
    extract, findings = verify_extract(good(), other)
    assert extract is None
    assert {str(f.code) for f in findings} == {"TRUST_ROOT_MISMATCH"}
    without = {name: data for name, data in good().items() if name != "records/0.cbor"}
    assert verify_extract(without, ROOT)[0] is None


def test_a_torn_record_is_found_and_the_others_count() -> None:
    """One record that cannot be read is a finding, and no crash."""
    name = names()[-1]
    codes = found(**{name.replace("/", "__"): good()[name][:-1]})
    assert codes & {"MALFORMED", "CBOR_MALFORMED", "LEDGER_RECORD_MALFORMED"}
