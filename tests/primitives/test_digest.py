from __future__ import annotations

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenlight.errors import MalformedError
from greenlight.primitives.digest import DIGEST_BYTES, Digest
from tests.tools import need


@given(st.binary(), st.sampled_from(sorted(DIGEST_BYTES)))
def test_parse_reads_what_str_writes(data, algorithm):
    """A digest survives its own spelling, for every algorithm."""
    digest = Digest.of(data, algorithm)
    assert Digest.parse(str(digest)) == digest
    assert str(digest) == f"{algorithm}:{digest.hex}"


@given(st.text())
def test_a_spelling_that_parses_is_the_only_one(text):
    """Whatever parses is written back as it was."""
    try:
        digest = Digest.parse(text)
    except MalformedError:
        return
    assert str(digest) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sha256",
        "sha256:",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "sha256:" + "A" * 64,
        "sha256:" + "0" * 63,
        "sha256:" + "0" * 62,
        "sha256:" + "0" * 66,
        "sha256:" + "0" * 64 + "\n",
        "sha256:" + " ".join(["00"] * 32),
        "SHA256:" + "0" * 64,
        "md5:" + "0" * 32,
        "sha512:" + "0" * 64,
        "sha256:" + "\uff10" * 64,
    ],
)
def test_another_spelling_is_refused(text):
    """Capitals, spaces, other lengths, other digits, unknown algorithms do not parse."""
    with pytest.raises(MalformedError):
        Digest.parse(text)


@pytest.mark.parametrize(("algorithm", "value"), [("sha256", b"\0" * 31), ("md5", b"\0" * 16)])
def test_an_instance_is_valid_by_existing(algorithm, value):
    """A digest of a wrong length or an unknown function cannot be made."""
    with pytest.raises(MalformedError):
        Digest(algorithm, value)


def test_an_unknown_algorithm_digests_nothing():
    """An unknown name is refused, not silently SHA-256."""
    with pytest.raises(MalformedError):
        Digest.of(b"", "sha3-256")


@pytest.mark.parametrize(
    ("algorithm", "command"),
    [
        ("sha256", ["sha256sum"]),
        ("sha512", ["sha512sum"]),
        ("blake2b-256", ["b2sum", "-l", "256"]),
    ],
)
def test_coreutils_agree(algorithm, command):
    """coreutils computes the same digests."""
    data = b"a line\n\0another"
    command = [need(command[0]), *command[1:]]
    printed = subprocess.run(command, input=data, capture_output=True, check=True).stdout
    assert Digest.of(data, algorithm).hex == printed.split()[0].decode()


def test_digests_are_ordered_and_hashable():
    """Digests can stand in sets and be sorted."""
    one, two = Digest("sha256", b"\0" * 32), Digest("sha256", b"\1" * 32)
    assert sorted({two, one}) == [one, two]
