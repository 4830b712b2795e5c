"""The vectors give what stands beside them, to greenlight and to RERUN.sh."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from greenlight.codes import Code
from greenlight.model.finding import Finding
from greenlight.services.packets import locate
from greenlight.services.verifying import verify_located
from tests.rerun.conftest import call
from tests.rerun.folder import SCRIPT
from tests.tools import need
from tests.vector_reader import (
    NAMES,
    VECTORS,
    PacketVector,
    build_store,
    expectation,
    findings_of_store,
    packets,
)

ROOT = Path(__file__).resolve().parents[2]
LIMIT_BYTES = 2 * 2**20  # of the whole tree of vectors


def say_where(findings: list[Finding]) -> None:
    """Each finding can be acted on: a code, a place, what should stand there, what does."""
    for finding in findings:
        assert isinstance(finding.code, Code)
        assert all((finding.where, finding.expected, finding.found)), finding
        assert "\x1b" not in str(finding)
        assert str(finding).isprintable(), finding


@pytest.mark.parametrize("name", NAMES["packet"])
def test_a_packet(name: str, tmp_path: Path) -> None:
    """Verification names what was broken, and comes to exactly the verdict it must."""
    vector = PacketVector.read(name)
    verdict = vector.verify(tmp_path / "it")
    found = {finding.code.name for finding in verdict.report.findings}
    assert vector.codes <= found, verdict.report.findings
    assert verdict.integrity.value == vector.integrity
    assert vector.codes or not found
    say_where(list(verdict.report.findings))
    code = name.partition("__")[0]
    assert code in {"GOOD", *vector.codes}


@pytest.mark.parametrize("name", NAMES["store"])
def test_a_store(name: str, tmp_path: Path) -> None:
    """The same for what was pushed into a store, in both object formats."""
    expected = expectation("store", name)
    made = json.loads((VECTORS / "store" / name / "store.json").read_text())
    for object_format in ("sha1", "sha256"):
        with build_store(made, tmp_path / object_format, object_format) as store:
            integrity, findings = findings_of_store(store, expected["root"])
        found = {finding.code.name for finding in findings}
        assert set(expected["codes"]) <= found, findings
        assert integrity == expected["integrity"]
        assert expected["codes"] or not found
        say_where(findings)
    assert name.partition("__")[0] in {"GOOD", *expected["codes"]}


@pytest.mark.parametrize("name", list(packets(lambda vector: vector.in_folder)))
def test_the_script_says_so_too(name: str, tmp_path: Path) -> None:
    """RERUN.sh fails every fault of bytes, manifest and seal; it reads no documents."""
    need("git")
    need("openssl")
    vector = PacketVector.read(name)
    folder = vector.write(tmp_path / "it")
    command = [need("dash"), str(SCRIPT), str(folder)]
    keys = expectation("packet", name)["trust"]["keys"]
    if keys:
        trusted = tmp_path / "trusted"
        trusted.write_text("\n".join(keys) + "\n")
        command += ["--key", str(trusted)]
    said = call(command)
    assert said.last.split()[0] == vector.script, said
    assert (said.exit == 0) == (vector.script == "PASS")
    assert said.errors == ""


NO_FILE_SYSTEM = {"PATH_ABSOLUTE", "PATH_DOTS", "PATH_TOO_LONG"}  # holds such a name


@pytest.mark.parametrize(
    "name",
    [
        name
        for name in NAMES["packet"]
        if name.startswith("PATH_") and name.partition("__")[0] not in NO_FILE_SYSTEM
    ],
)
def test_a_name_on_disk(name: str, tmp_path: Path) -> None:
    """Read from a folder it gives the same code, and RERUN.sh fails the folder."""
    need("git")
    vector = PacketVector.read(name)
    folder = PacketVector.read("GOOD__lane").write(tmp_path / "it")
    for odd in vector.odd:
        target = folder / odd["path"]  # lone surrogates become the bytes they stand for
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(odd["text"])
        except OSError as error:
            pytest.skip(f"this file system refuses the name: {error}")
    located = locate(None, str(folder))
    found = {finding.code.name for finding in verify_located(located, vector.trust).report.findings}
    assert vector.codes <= found
    assert call([need("dash"), str(SCRIPT), str(folder)]).exit == 1


def test_vectors_are_what_is_made() -> None:
    """The committed vectors are the output of tools/make_vectors.py, byte for byte."""
    done = subprocess.run(
        [sys.executable, "tools/make_vectors.py", "--check"],
        cwd=ROOT,
        env={"PATH": os.defpath},
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr.decode()) == (0, "")


def test_every_folder_is_a_vector() -> None:
    """No folder is empty or unread, each says why it is wrong, and all of it stays small."""
    for area, names in NAMES.items():
        assert names == sorted(path.name for path in (VECTORS / area).iterdir())
        for name in names:
            comment = expectation(area, name)["comment"]
            assert comment.endswith("."), name
    assert sum(path.stat().st_size for path in VECTORS.rglob("*") if path.is_file()) < LIMIT_BYTES
