"""Whatever is changed in a good packet, by a bit or by a file, verification says so.

Here every byte of what is small and the rest by strides; every bit of everything is
``python -m tools.long_flips`` (docs/long-runs.md).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from greenlight.codes import Code
from greenlight.model.finding import Finding
from greenlight.model.seal import SEAL_FILES
from greenlight.services.packets import locate
from greenlight.services.verifying import Integrity, verify_located
from greenlight.verify.ledger import verify_chain
from greenlight.verify.seal import verify_seal
from tests.flipping import (
    GOOD,
    SEQUEL,
    chain_of,
    findings,
    findings_by_bytes,
    flip,
    good_packet,
    packet_flips,
    records,
    with_file,
    with_seal,
)
from tests.vector_reader import PacketVector, below, files_of

PATHS = sorted(below(files_of(GOOD), "packet"))
SMALL = 1024  # bytes of a file of which every byte is flipped
STRIDE = 13  # through the others: no multiple of a line, a digest or a block
OTHER_BYTES = (b"\x00", b"\n", b" ", b"\xff")


def size_of(path: str) -> int:
    return len(files_of(GOOD)[f"packet/{path}"])


def is_complete(found: tuple[Finding, ...]) -> bool:
    """Report whether there is a finding, and each says what and where."""
    return bool(found) and all(f.where and f.expected and f.found for f in found)


def test_nothing_is_wrong_before() -> None:
    """The packet that is changed below has no finding, and neither have its parts."""
    assert findings(good_packet()) == ()
    assert findings(good_packet(SEQUEL)) == ()
    assert findings_by_bytes(good_packet()) == ()


@pytest.mark.parametrize("path", PATHS)
def test_a_bit_of_any_file_is_found_by_bytes_alone(path: str) -> None:
    """Manifest and seal show it, whatever the documents say: two independent findings."""
    small = path == "MANIFEST.sha256" or size_of(path) <= SMALL
    for name, packet in packet_flips(path, range(0, size_of(path), 1 if small else STRIDE)):
        found = findings_by_bytes(packet)
        codes = {finding.code for finding in found}
        assert Code.TREE_MISMATCH in codes, name
        assert any(code.name.startswith("MANIFEST_") for code in codes), name
        assert is_complete(found), name


@pytest.mark.parametrize("path", PATHS)
def test_a_bit_of_any_file_is_found(path: str) -> None:
    """The whole verification reads what was changed, and neither fails nor falls silent."""
    for name, packet in packet_flips(path, range(0, size_of(path), max(1, size_of(path) // 12))):
        assert is_complete(findings(packet)), name


@pytest.mark.parametrize("name", SEAL_FILES)
def test_every_bit_of_the_seal_is_found(name: str) -> None:
    """Statement, signature, key and sums, all eight bits of each byte."""
    seal = below(files_of(GOOD), "seal")
    assert verify_seal(seal)[2] == []
    for offset in range(len(seal[name])):
        for bit in range(8):
            found = verify_seal({**seal, name: flip(seal[name], offset, bit)})[2]
            assert is_complete(tuple(found)), f"{name} byte {offset} bit {bit}"


@pytest.mark.parametrize("name", SEAL_FILES)
def test_the_seal_counts_in_the_whole(name: str) -> None:
    """What is wrong with a seal is wrong with the packet, also where the sums were made to fit."""
    packet = good_packet()
    for offset in range(0, len(packet.seal[name]), 29):
        changed = with_seal(packet, {**packet.seal, name: flip(packet.seal[name], offset, 0)})
        assert is_complete(findings(changed))


def test_a_bit_of_any_record_is_found() -> None:
    """One bit of each byte of the ledger's records, under the head that they had."""
    good = verify_chain(records(), head=None)
    assert chain_of(records(), good).findings == ()
    for index, raw in enumerate(records()):
        for offset in range(0, len(raw), 3):
            changed = [*records()[:index], flip(raw, offset, offset % 8), *records()[index + 1 :]]
            assert is_complete(chain_of(changed, good).findings), f"record {index} byte {offset}"


@pytest.mark.parametrize("path", PATHS)
def test_cut_and_lengthened_files_are_found(path: str) -> None:
    """By one byte, by half, to nothing; and with one byte more of several kinds."""
    data = files_of(GOOD)[f"packet/{path}"]
    others = {data[:-1], data[: len(data) // 2], b"", *(data + more for more in OTHER_BYTES)}
    for other in others - {data}:
        assert is_complete(findings_by_bytes(with_file(good_packet(), path, other)))
    assert is_complete(findings(with_file(good_packet(), path, data[:-1] if data else b"x")))


@pytest.mark.parametrize("name", SEAL_FILES)
def test_cut_lengthened_and_missing_files_of_the_seal_are_found(name: str) -> None:
    """No file of seal/ can be cut, lengthened, or left out; none can be put in."""
    packet = good_packet()
    data = packet.seal[name]
    for cut in range(len(data)):
        assert verify_seal({**packet.seal, name: data[:cut]})[2]
    for more in OTHER_BYTES:
        assert verify_seal({**packet.seal, name: data + more})[2]
    rest = {other: held for other, held in packet.seal.items() if other != name}
    assert is_complete(findings(with_seal(packet, rest)))
    assert is_complete(findings(with_seal(packet, {**packet.seal, f"{name}.bak": data})))


@pytest.mark.parametrize("path", PATHS)
def test_missing_files_are_found(path: str) -> None:
    """By the bytes alone, and by all."""
    without = with_file(good_packet(), path, None)
    assert is_complete(findings_by_bytes(without))
    assert is_complete(findings(without))


@pytest.mark.parametrize(
    "path",
    [
        "a",
        "artifacts/a",
        "artifacts/steps/write/stdin",
        "artifacts/zz/deep/er",
        "header.json.orig",
        ".gitattributes",
        ".gitignore",
    ],
)
@pytest.mark.parametrize("data", [b"", b"x"])
def test_added_files_are_found(path: str, data: bytes) -> None:
    """An empty file too: it has no byte to flip, and a place in the tree."""
    codes = {finding.code for finding in findings_by_bytes(with_file(good_packet(), path, data))}
    assert {Code.TREE_MISMATCH, Code.MANIFEST_FILE_EXTRA} <= codes


def test_swapped_files_are_found() -> None:
    """Two files of one packet in each other's place, all pairs that differ."""
    files = below(files_of(GOOD), "packet")
    pairs = [(a, b) for a in PATHS for b in PATHS if a < b and files[a] != files[b]]
    assert len(pairs) > 500
    for one, other in pairs:
        swapped = with_file(good_packet(), one, files[other])
        swapped = with_file(swapped, other, files[one])
        assert is_complete(findings_by_bytes(swapped)), (one, other)


def test_files_of_another_packet_are_found() -> None:
    """A file, all documents, or the seal of another good packet by the same key."""
    mine, theirs = (below(files_of(name), "packet") for name in (GOOD, SEQUEL))
    common = [path for path in mine.keys() & theirs.keys() if mine[path] != theirs[path]]
    assert len(common) > 15
    for path in common:
        assert is_complete(findings(with_file(good_packet(), path, theirs[path]))), path
    one, other = good_packet(), good_packet(SEQUEL)
    assert is_complete(findings(with_seal(one, other.seal)))
    assert is_complete(findings(with_seal(other, one.seal)))
    for name in SEAL_FILES:
        if one.seal[name] != other.seal[name]:
            mixed = with_seal(one, {**one.seal, name: other.seal[name]})
            assert is_complete(findings(mixed)), name


def test_a_folder_on_disk_is_read_the_same_way(tmp_path: Path) -> None:
    """What is shown above for values holds for the folder that people have."""
    vector = PacketVector.read(GOOD)
    folder = vector.write(tmp_path / "it")

    def integrity() -> Integrity:
        return verify_located(locate(None, str(folder)), vector.trust).integrity

    assert integrity() is Integrity.INTACT
    for path in sorted(path for path in vector.files if not path.startswith("ledger/")):
        data = vector.files[path]
        changed = flip(data, len(data) // 2, 3) if data else b"x"
        (folder / path).write_bytes(changed)
        assert integrity() is Integrity.REJECTED, path
        (folder / path).write_bytes(data)
    assert integrity() is Integrity.INTACT
