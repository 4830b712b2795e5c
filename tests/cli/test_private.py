"""What a packet withholds, from the command line: made, verified, taken out, replayed, purged."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import LANE, World, git

ARTIFACT = "artifacts/outputs/greeting.txt"


@pytest.fixture
def withheld(broken: World, tmp_path: Path) -> str:
    """Run the lane of the README with its greeting withheld; return the packet's id."""
    folder = tmp_path / "lane"
    shutil.copytree(LANE.parent, folder)
    lane = folder / LANE.name
    text = lane.read_text()
    assert text.count("path: greeting.txt\n") == 1
    lane.write_text(
        text.replace("path: greeting.txt\n", "path: greeting.txt\n    retain: withheld\n")
    )
    return str(broken("run", lane, "--json").json["packet_id"])


def test_it_is_verified_with_and_without_the_bytes(
    broken: World, withheld: str, tmp_path: Path
) -> None:
    line = f"  withheld    {ARTIFACT}, 14 bytes; here: "
    assert line + "present" in broken.ok("verify", withheld).out
    (row,) = broken.ok("verify", withheld, "--json").json["retained"]
    assert (row["artifact"], row["retain"], row["held"]) == (ARTIFACT, "withheld", "present")
    assert broken.ok("rerun", withheld).out.startswith("PASS  ")

    private = tmp_path / "private"
    done = broken.ok("checkout", withheld, tmp_path / "out", "--private", private)
    assert f"{private}\n  withheld  2 files\n" in done.out
    assert (private / "bytes" / ARTIFACT).read_text() == "Hello, world.\n"
    git("update-ref", "-d", f"refs/greenlight/private/{withheld}", cwd=broken.repo)

    assert line + "absent" in broken.ok("verify", withheld).out
    done = broken("rerun", withheld)
    assert done.out.startswith("WITHHELD  ")
    assert f"  withheld  {ARTIFACT}: not compared\n" in done.out
    assert done.refused(1, "REPLAY_WITHHELD")

    for where in (withheld, tmp_path / "out"):
        words = (where, "--private", private, "--trust-root", broken.trust_root)
        assert line + "present" in broken.ok("verify", *words).out
    assert broken.ok("rerun", withheld, "--private", private).out.startswith("PASS  ")

    (private / "salts" / ARTIFACT).write_bytes(bytes(32))
    done = broken("verify", withheld, "--private", private)
    assert done.out.startswith("UNVERIFIABLE  ")
    assert done.refused(1, "PRIVATE_DIFFERS")


def test_what_is_not_here_is_said(broken: World, tmp_path: Path) -> None:
    private = tmp_path / "private"
    done = broken("checkout", broken.run, tmp_path / "out", "--private", private)
    assert done.refused(69, "PRIVATE_MISSING")
    assert not private.exists()
    assert broken("verify", broken.run, "--private", private).refused(69, "IO_FAILED")


def test_a_purge_names_the_ref(broken: World, withheld: str) -> None:
    ref = f"refs/greenlight/private/{withheld}"
    assert ref in git("for-each-ref", cwd=broken.repo)
    done = broken.ok("purge", withheld, "--reason", "asked for")
    assert f"  private  {ref} is gone: what it withheld\n" in done.out
    assert ref not in git("for-each-ref", cwd=broken.repo)
