"""A packet in a store, packed and loose: no damage of a file makes another packet of it.

Here by strides; every bit of everything is ``python -m tools.long_flips`` (docs/long-runs.md).
"""

from __future__ import annotations

import shutil

import pytest

from greenlight.codes import Code
from greenlight.errors import StoreError
from greenlight.services.packets import read_commit
from greenlight.services.published import published
from greenlight.store.repository import open_store
from greenlight.verify.packet import verify_packet
from tests.flipping import SEQUEL, flip, good_packet, with_file, with_seal
from tests.stored import FORMS, stored

STRIDE = 397  # bytes; a prime, so that it wanders through whatever repeats


@pytest.mark.parametrize("object_format", ["sha1", "sha256"])
@pytest.mark.parametrize("form", FORMS)
def test_a_flipped_bit_is_found_or_neutral(form, object_format):
    """Reading says what is wrong, or gives the packet byte for byte."""
    here = stored(form, object_format)
    outcomes = []
    at = 0
    for name, data in here.files.items():
        while at < len(data):
            outcomes.append(here.outcome(name, flip(data, at, at % 8)))
            at += STRIDE
        at -= len(data)
    assert set(outcomes) <= {"found", "neutral"}
    assert outcomes.count("found") > outcomes.count("neutral")


@pytest.mark.parametrize("form", FORMS)
def test_a_cut_file_is_found_or_neutral(form):
    """At every so-manieth length; the last bytes of a pack are its checksum, which nobody needs."""
    here = stored(form)
    for name, data in here.files.items():
        lengths = {*range(0, len(data), max(1, len(data) // 12)), len(data) - 1}
        for length in sorted(lengths):
            assert here.outcome(name, data[:length]) != "missed", (name, length)
        assert here.outcome(name, b"") == "found" or name.endswith(".idx")


@pytest.mark.parametrize("form", FORMS)
def test_files_of_two_packets_are_swapped(form):
    """An object of another packet under this one's name is never read as this one's."""
    one, two = stored(form), stored(form, "sha1", SEQUEL)
    others = [data for name, data in two.files.items() if name not in one.files]
    assert others
    for number, name in enumerate(one.files):
        kind = name.rpartition(".")[2] if form == "packed" else ""
        fitting = [
            data for other, data in two.files.items() if not kind or other.endswith(f".{kind}")
        ]
        data = fitting[number % len(fitting)]
        if data != one.files[name]:
            assert one.outcome(name, data) == "found"


def test_documents_of_two_packets_are_swapped():
    """Each file of one packet in the place of the same file of another: each is objected to."""
    good, other = good_packet(), good_packet(SEQUEL)
    frozen = published()
    swapped = 0
    for path, data in other.texts.items():
        if good.texts.get(path) not in (None, data):
            swapped += 1
            assert verify_packet(with_file(good, path, data), frozen).findings, path
    for name, data in other.seal.items():
        if good.seal[name] != data:
            swapped += 1
            assert verify_packet(with_seal(good, {**good.seal, name: data}), frozen).findings, name
    assert verify_packet(with_seal(good, other.seal), frozen).findings
    assert swapped > 20


def test_an_object_that_is_missing(tmp_path):
    """Without any one of its objects a packet is not read: none is guessed, none left out."""
    one = stored("loose")
    folder = tmp_path / "s.git"
    shutil.copytree(one.folder, folder)
    for name, data in one.files.items():
        (folder / name).unlink()
        with open_store(folder, folder) as store, pytest.raises(StoreError) as caught:
            read_commit(store, one.commit)
        assert caught.value.code is Code.STORE_DAMAGED
        (folder / name).write_bytes(data)
    with open_store(folder, folder) as store:
        assert read_commit(store, one.commit).packet.files == good_packet().files
