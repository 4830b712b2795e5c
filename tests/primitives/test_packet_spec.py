"""docs/spec/packet.md is run, not only read."""

from __future__ import annotations

import hashlib
import re
import subprocess
from pathlib import Path

import pytest

from greenlight.codes import Code
from greenlight.primitives import limits
from greenlight.primitives.gittree import EMPTY_TREE, blob_id, tree_id
from greenlight.primitives.manifest import format_manifest
from greenlight.primitives.packet_path import path_problem
from tests.tools import need

SPEC = (Path(__file__).parents[2] / "docs" / "spec" / "packet.md").read_text()
MAKE, RECIPE = re.findall(r"```sh\n(.*?)```", SPEC, re.DOTALL)
MANIFEST, TREE = re.findall(r"```text\n(.*?)```", SPEC, re.DOTALL)
PATHS = re.findall(r"^\| `([^`]+)` \| ([A-Z_a-z]+) \|$", SPEC, re.MULTILINE)


@pytest.mark.parametrize("shell", ["sh", "bash", "dash"])
def test_the_example_is_as_printed(shell, tmp_path):
    """The commands of the page give the manifest and the tree of the page, and so do we."""
    need("git")
    command = [need(shell), "-euc", MAKE + RECIPE]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == TREE
    packet = tmp_path / "packet"
    files = {
        str(path.relative_to(packet)): path.read_bytes()
        for path in packet.rglob("*")
        if path.is_file()
    }
    assert tree_id({path: blob_id(data) for path, data in files.items()}).hex() == TREE.strip()
    assert files.pop("MANIFEST.sha256").decode() == MANIFEST
    digests = {path: hashlib.sha256(data).digest() for path, data in files.items()}
    assert format_manifest(digests).decode() == MANIFEST


def test_there_are_paths_for_most_codes():
    """The table of examples shows allowed paths and each code that a short path can have."""
    shown = {verdict for _, verdict in PATHS}
    assert len(PATHS) > 20
    assert shown >= {"allowed", "PATH_ABSOLUTE", "PATH_BACKSLASH", "PATH_DOTGIT", "PATH_DOTS"}
    assert shown >= {"PATH_NOT_NFC", "PATH_WINDOWS"}


@pytest.mark.parametrize(("path", "verdict"), PATHS)
def test_the_table_of_paths_is_true(path, verdict):
    """Each example path of the page gets the verdict of the page."""
    assert path_problem(path) is (None if verdict == "allowed" else Code[verdict])


def test_every_path_code_is_described():
    """The page names every code that a path can have, and the limits as they are."""
    for code in Code:
        if code.name.startswith(("PATH_", "MANIFEST_")):
            assert code.name in SPEC
    assert f"at most {limits.MAX_PACKET_FILES:,} files" in " ".join(SPEC.split())
    assert f"{limits.MAX_PACKET_BYTES // limits.GIB} GiB in all" in SPEC
    assert f"a path over {limits.MAX_PATH_BYTES} bytes" in SPEC
    assert f"a segment over {limits.MAX_SEGMENT_BYTES} bytes" in SPEC
    assert f"more than {limits.MAX_PATH_DEPTH} segments" in SPEC
    assert EMPTY_TREE in SPEC
