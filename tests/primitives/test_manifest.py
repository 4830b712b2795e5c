from __future__ import annotations

import hashlib
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenlight.codes import Code
from greenlight.errors import MalformedError
from greenlight.primitives.manifest import format_manifest, parse_manifest
from greenlight.primitives.packet_path import path_problem
from tests.tools import need

HEX = "00" * 32
legal = st.text(min_size=1, max_size=12).filter(lambda path: path_problem(path) is None)
digests = st.binary(min_size=32, max_size=32)


@given(st.dictionaries(legal, digests, max_size=6))
def test_a_manifest_survives_its_spelling(files):
    """What is written is read back, sorted by the bytes of the paths."""
    data = format_manifest(files)
    assert parse_manifest(data) == files
    found = [line[66:] for line in data.split(b"\n")[:-1]]
    assert found == sorted(path.encode() for path in files)


@given(
    st.lists(st.sampled_from([HEX + "  ", "a", "b", "/", "\n", " ", "\\", "A" * 64]), max_size=9)
)
def test_what_parses_is_written_back(parts):
    """No second spelling of any manifest is read."""
    data = "".join(parts).encode()
    try:
        files = parse_manifest(data)
    except MalformedError:
        return
    assert format_manifest(files) == data


@pytest.mark.parametrize(
    "text",
    [
        f"{HEX}  a",
        f"{HEX}  a\r\n",
        f"{HEX} a\n",
        f"{HEX} *a\n",
        f"{HEX}   a\n"[:-2] + "\n",
        f"\\{HEX}  a\n",
        f"{HEX.replace('0', 'A')}  a\n",
        f"{HEX[:-2]}  a\n",
        f"{HEX}00  a\n",
        f"{HEX}  \n",
        f"{HEX}  /etc/passwd\n",
        f"{HEX}  ../a\n",
        f"{HEX}  .git/config\n",
        f"{HEX}  a\\b\n",
        f"{HEX}  b\n{HEX}  a\n",
        f"{HEX}  a\n{HEX}  a\n",
        f"{HEX}  a\n\n",
        f"\n{HEX}  a\n",
        f"# note\n{HEX}  a\n",
        f"\ufeff{HEX}  a\n",
        f"{'0 ' * 32}  a\n",
        f"{HEX}  a\u2028\n"[:-1],
    ],
)
def test_another_spelling_is_refused(text):
    """Order, spaces, capitals, line ends, comments, escapes and paths have one form."""
    with pytest.raises(MalformedError) as caught:
        parse_manifest(text.encode())
    assert caught.value.code is Code.MANIFEST_MALFORMED


def test_bytes_that_are_not_utf8_are_refused():
    """A manifest is UTF-8."""
    with pytest.raises(MalformedError, match="offset 66"):
        parse_manifest(HEX.encode() + b"  \xff\n")


def test_too_many_lines_are_refused_early():
    """A manifest of more files than a packet may hold is refused before it is read."""
    with pytest.raises(MalformedError, match="at most 100000 lines"):
        parse_manifest(b"x\n" * 100_001)
    with pytest.raises(MalformedError, match="bytes"):
        parse_manifest(bytes(64 * 2**20 + 1))


def test_a_line_says_where_it_is_wrong():
    """The number of the line, what was expected and what was found are named."""
    with pytest.raises(MalformedError, match="line 2: expected a path that sorts after 'b'"):
        parse_manifest(f"{HEX}  b\n{HEX}  a\n".encode())


@pytest.mark.parametrize("files", [{"a": b""}, {"a": bytes(20)}, {"../a": bytes(32)}])
def test_what_cannot_be_read_is_not_written(files):
    """No digest of another length and no path outside the packet gets into a manifest."""
    with pytest.raises(MalformedError):
        format_manifest(files)


def test_coreutils_agree(tmp_path):
    """sha256sum --strict reads every line, and sees a changed file."""
    sha256sum = need("sha256sum")
    files = {"a": b"1", "d/\u00e9 x": b"", "d/ x": b"2", "-n": b"3", "*": b"4"}
    for path, data in files.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(data)
    manifest = format_manifest({p: hashlib.sha256(data).digest() for p, data in files.items()})
    (tmp_path / "MANIFEST.sha256").write_bytes(manifest)
    command = [sha256sum, "-c", "--strict", "--quiet", "MANIFEST.sha256"]
    assert subprocess.run(command, cwd=tmp_path, check=False).returncode == 0
    (tmp_path / "a").write_bytes(b"0")
    done = subprocess.run(command, cwd=tmp_path, check=False, capture_output=True)
    assert done.returncode == 1
