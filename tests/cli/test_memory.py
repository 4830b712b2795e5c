"""Evidence larger than memory: sealed and verified by processes that may have 256 MiB."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tools import need

MIB = 2**20
LIMIT = 256 * MIB


def greenlight(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (LIMIT, LIMIT))

    return subprocess.run(
        [sys.executable, "-m", "greenlight", *words],
        cwd=folder,
        env={
            "HOME": str(folder),
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(Path.cwd()),
            # The limit is one of addresses: glibc sets 64 MiB of them aside for each thread that
            # has to wait for another, which is nothing that greenlight holds.
            "MALLOC_ARENA_MAX": "1",
        },
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=limited,
    )


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_AS limits only on Linux")
def test_files_larger_than_memory(tmp_path: Path) -> None:
    """Text, noise and a sparse file of 300 MiB each, and many small ones beside them."""
    evidence = tmp_path / "evidence"
    evidence.mkdir()
    noise = os.urandom(MIB)
    for name, block in (("noise", noise), ("text", b"all work and no play\n" * 49_932)):
        with (evidence / name).open("wb") as file:
            for _ in range(300):
                file.write(block)
    with (evidence / "sparse").open("wb") as file:
        file.truncate(300 * MIB)
    for number in range(600):
        (evidence / f"small{number}").write_bytes(b"%d" % number)
    subprocess.run([need("git"), "init", "-q", "."], cwd=tmp_path, check=True)
    for words in (("keys", "new"), ("init",), ("seal", "evidence"), ("verify", "--all")):
        done = greenlight(tmp_path, *words)
        assert done.returncode == 0, (words, done.stdout, done.stderr)
    assert "INTACT  1 packets" in done.stdout
    packet = done.stdout.split()[2]
    key = tmp_path / ".config" / "greenlight" / "id_ed25519.pub"
    for words in (("checkout", packet, "out"), ("verify", "out", "--key", str(key))):
        done = greenlight(tmp_path, *words)
        assert done.returncode == 0, (words, done.stdout, done.stderr)
    for name in ("noise", "text", "sparse"):
        assert (tmp_path / "out" / "packet" / "artifacts" / name).stat().st_size >= 299 * MIB
