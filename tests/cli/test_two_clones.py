"""Two clones of one remote, an owner, an executor and a reviewer: from a grant to a spent receipt.

Everything through the real commands; what comes of it is then read by other people's tools.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from greenlight.primitives.openssh import parse_public
from tests.cli.conftest import LANE, git
from tests.cli.team import Team
from tests.tools import need

PEOPLE = ("owner", "executor", "reviewer", "log", "witness")


@pytest.fixture
def clones(tmp_path: Path) -> tuple[Team, Team]:
    """One clone is the owner's, the other the executor's; they meet at a bare repository."""
    hub = tmp_path / "hub.git"
    git("init", "-q", "--bare", hub, cwd=tmp_path)
    folders = (tmp_path / "one", tmp_path / "two")
    teams = []
    for folder in folders:
        git("clone", "-q", hub, folder, cwd=tmp_path)
        teams.append(Team(tmp_path, folder))
    one, two = teams
    for who in PEOPLE:
        one.ok(who, "keys", "new", one.key(who))
    trust_root = one.ok("owner", "init", "--remote", "origin", "--json").json["trust_root"]
    for who in PEOPLE[1:]:
        one.ok("owner", "trust", "add", f"{one.key(who)}.pub", "--role", who)
    two.ok("executor", "init", "--trust", trust_root, "--remote", "origin")
    return one, two


def key_of(team: Team, who: str):
    return parse_public(Path(f"{team.key(who)}.pub").read_text())[0]


def test_from_a_grant_to_a_receipt_that_is_spent_once(clones: tuple[Team, Team], tmp_path: Path):
    """The whole story; each step is seen by the other clone, and nothing is done twice."""
    one, two = clones
    one.ok("owner", "grant", "issue", f"{one.key('executor')}.pub", "--uses", "3")
    lane = tmp_path / "lane"
    shutil.copytree(LANE.parent, lane)
    ran = two.ok("executor", "run", lane / "lane.yaml", "--json").json
    assert ran["verdict"]["state"] == "ADMITTED"
    packet = one.packet = two.packet = ran["packet_id"]

    fetched = one.ok("owner", "fetch", "--json").json
    assert fetched["new_records"] == 2  # opened, sealed: the grant was known here
    assert one.ok("owner", "verify", packet, "--json").json["integrity"] == "INTACT"
    one.ok("reviewer", "countersign", packet)
    assert two("executor", "countersign", packet).refused(77, "REVIEWER_IS_EXECUTOR")

    issued = one.ok("owner", "receipt", "issue", *one.operation(), "--json").json
    receipt = issued["receipt_id"]
    spend = ("receipt", "spend", receipt, *two.operation(), "--mode", "prod")
    done = two.ok("executor", *spend, "--", sys.executable, "-c", "print('released')")
    assert "success" in done.out
    assert one("executor", *spend).refused(77, "RECEIPT_SPENT")
    shown = one.ok("owner", "receipt", "show", receipt, "--json").json
    assert (shown["state"], shown["outcome"]) == ("SPENT", "success")

    checkpoint, cosigned = tmp_path / "cp", tmp_path / "cp.w"
    one.ok("log", "ledger", "checkpoint", "--out", checkpoint)
    two.ok("executor", "fetch")
    two.ok("witness", "witness", "cosign", checkpoint, "--out", cosigned)
    verify = ("ledger", "verify", "--checkpoint", cosigned, "--witnesses", "1")
    assert two.ok("executor", *verify, "--json").json["findings"] == []
    assert one.ok("owner", "verify", "--all", "--json").json["integrity"] == "INTACT"
    _read_by_others(two, tmp_path)


def _read_by_others(team: Team, tmp_path: Path) -> None:
    """Plain git, and scitt-cose; x/mod's note is in tests/conformance."""
    need("ssh-keygen")
    signers = tmp_path / "signers"
    signers.write_text(
        "".join(f"{who} {Path(f'{team.key(who)}.pub').read_text()}" for who in PEOPLE)
    )
    shown = subprocess.run(
        [
            need("git"),
            "-c",
            f"gpg.ssh.allowedSignersFile={signers}",
            "log",
            "--show-signature",
            "refs/greenlight/ledger",
        ],
        cwd=team.repo,
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    said = shown.stdout + shown.stderr
    commits = said.count("\ncommit ") + said.startswith("commit ")
    assert commits > 10
    assert said.count('Good "git" signature for ') == commits

    receipt, leaf, pem = tmp_path / "r.cose", tmp_path / "leaf", tmp_path / "log.pem"
    team.ok("log", "ledger", "prove", team.packet, "--receipt", receipt, "--leaf", leaf)
    key = Ed25519PublicKey.from_public_bytes(key_of(team, "log").raw)
    pem.write_bytes(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    read = subprocess.run(
        [
            sys.executable,
            "-m",
            "scitt_cose.cli",
            "--receipt",
            receipt,
            "--receipt-log-pubkey",
            pem,
            "--leaf-entry-hex",
            leaf.read_bytes().hex(),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert read.returncode == 0, read.stdout + read.stderr


def test_offline_and_back(clones: tuple[Team, Team], tmp_path: Path):
    """A run without the remote is SEALED; pushed, it is ADMITTED; production does not wait."""
    one, two = clones
    one.ok("owner", "grant", "issue", f"{one.key('executor')}.pub", "--uses", "3")
    two.ok("executor", "fetch")
    lane = tmp_path / "lane"
    shutil.copytree(LANE.parent, lane)
    (tmp_path / "hub.git").rename(tmp_path / "gone.git")
    ran = two.ok("executor", "run", lane / "lane.yaml", "--json").json
    assert ran["verdict"]["state"] == "SEALED"
    two.packet = ran["packet_id"]
    (line,) = two.ok("executor", "log", "--json").json["packets"]
    assert line["state"] == "SEALED"
    operation = two.operation()
    refused = two("executor", "receipt", "spend", "any-id", *operation, "--mode", "prod")
    assert refused.refused(69, "REMOTE_UNREACHABLE")
    (tmp_path / "gone.git").rename(tmp_path / "hub.git")
    pushed = two.ok("executor", "push", "--json").json
    assert (pushed["admitted"], pushed["waiting"], pushed["conflicts"]) == (2, 0, [])
    (line,) = two.ok("executor", "log", "--json").json["packets"]
    assert line["state"] == "ADMITTED"
    assert two.ok("executor", "verify", two.packet, "--json").json["integrity"] == "INTACT"
    one.ok("owner", "fetch")
    assert one.ok("owner", "verify", two.packet, "--json").json["state"] == "ADMITTED"


def test_two_that_reserve_at_once(clones: tuple[Team, Team]):
    """Each clone reserves without knowing of the other: the ranges never overlap."""
    one, two = clones
    ranges = []
    for team, who in ((one, "owner"), (two, "executor")) * 2:
        said = team.ok(who, "tickets", "reserve", "TKT", "--count", "5", "--ceiling", "9", "--json")
        ranges += range(said.json["first"], said.json["last"] + 1)
    assert len(ranges) == len(set(ranges)) == 20


@pytest.mark.parametrize("name", ["nothing", "--upload-pack=x"])
def test_remotes_that_are_none(clones: tuple[Team, Team], name: str):
    """Neither is handed to git."""
    one, _ = clones
    assert one("owner", "fetch", f"./{name}").refused(64, "REMOTE_UNKNOWN")
    assert one("owner", "push", f"./{name}").refused(64, "REMOTE_UNKNOWN")
