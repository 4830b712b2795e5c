"""A milestone is a signed tag that git verifies, and a proof pack that greenlight does."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from datetime import timedelta

import pytest

from greenlight.codes import Code
from greenlight.errors import MalformedError, RefusedError, UsageError
from greenlight.primitives.merkle import leaf_hash
from greenlight.primitives.merkleproof import is_included
from greenlight.primitives.openssh import format_public
from greenlight.services.milestone import SUMMARY, Wanted, make_milestone
from greenlight.services.packets import locate
from greenlight.services.verifying import Integrity, Trust, verify_located
from greenlight.store.packets import write_packet
from greenlight.store.shelf import shelve
from tests.lanes_helper import OWNER, STRANGER, Bench, lane
from tests.ledger.actors import AUTHOR
from tests.tools import need

NAME = "marketops-dryrun-law-v1.0.0"


@pytest.fixture(params=["sha1", "sha256"])
def made(request, tmp_path):
    bench = Bench.make(tmp_path, object_format=request.param)
    with bench.store:
        yield bench, bench.run(lane())


def milestone(bench, name=NAME, signer=OWNER, **more):
    return make_milestone(bench.store, signer, Wanted(name, **more), clock=bench.clock)


def run_git(bench, *words):
    """Run git on the store with the owner's key as an allowed signer."""
    signers = bench.folder / "allowed_signers"
    line = format_public(OWNER.public)
    signers.write_text(f'greenlight@localhost namespaces="git" {line}\n')
    return subprocess.run(
        [
            need("git"),
            "--git-dir",
            bench.store.git_dir,
            "-c",
            f"gpg.ssh.allowedSignersFile={signers}",
            *words,
        ],
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_milestone(made):
    """Tag, archived artifacts, release notes, summary: each is there and is what it says."""
    bench, ran = made
    need("ssh-keygen")
    notes = bench.folder / "notes.md"
    notes.write_text("# Dry-run law\n\nThe first milestone.\n")
    artifact = bench.folder / "plan.json"
    artifact.write_text("{}\n")
    done = milestone(bench, notes=notes, artifacts=(artifact,))
    shown = run_git(bench, "cat-file", "tag", NAME).stdout
    assert "The first milestone." in shown
    assert f"Packet-Tree: {done.pack.packet_tree}" in shown
    verified = run_git(bench, "verify-tag", NAME)
    assert verified.returncode == 0, verified.stderr
    assert run_git(bench, "fsck", "--strict").returncode == 0

    located = locate(bench.store, done.pack.packet_tree, whole=True)
    assert verify_located(located, Trust(), store=bench.store).integrity is Integrity.INTACT
    summary = json.loads(located.files[f"artifacts/{SUMMARY}"])
    (row,) = summary["packets"]
    assert row["packet_tree"] == ran.result.sealed.packet_tree
    assert (row["integrity"], row["status"]) == ("INTACT", ran.status)
    assert located.files["artifacts/archived/plan.json"] == b"{}\n"
    pack = "artifacts/proof-pack"
    records = [name for name in located.files if name.startswith(f"{pack}/records/")]
    assert len(records) == 3  # the trust root, the run that was opened, its packet
    ledger = summary["ledger"]
    for name in records:
        index = int(name.rpartition("/")[2].removesuffix(".cbor"))
        said = json.loads(located.files[f"{pack}/proofs/{index}.json"])
        proof = [bytes.fromhex(each) for each in said["proof"]]
        leaf, root = leaf_hash(located.files[name]), base64.b64decode(ledger["root"])
        assert is_included(leaf, index, ledger["size"], proof, root), name
        assert (said["leaf"], said["root"]) == (leaf.hex(), root.hex())


def test_a_tag_is_made_once(made):
    """It is never moved, and what stands in the way is said before anything is sealed."""
    bench, _ = made
    done = milestone(bench)
    with pytest.raises(RefusedError) as caught:
        milestone(bench)
    assert caught.value.code is Code.MILESTONE_EXISTS
    assert bench.store.refs.read(f"refs/tags/{NAME}") == done.tag


@pytest.mark.parametrize("name", ["", "-v1", "a..b", "a b", "a/../b", "x.lock", "a\x1b[31m", "é"])
def test_names_that_are_none(made, name):
    """They are refused as they stand."""
    bench, _ = made
    with pytest.raises(UsageError):
        milestone(bench, name=name)


@pytest.mark.parametrize(
    "text", [b"", b"\xff", b"a\x1b[31m", b"x\n-----BEGIN SSH SIGNATURE-----\nAA\n"]
)
def test_notes_that_cannot_stand_in_a_tag(made, text):
    """A signature in the notes would end the message before its time."""
    bench, _ = made
    notes = bench.folder / "notes.md"
    notes.write_bytes(text)
    with pytest.raises(MalformedError):
        milestone(bench, notes=notes)
    assert bench.store.refs.list("refs/tags/") == {}


def test_no_milestone_on_what_does_not_verify(made, tmp_path):
    """Nor on a packet that is not in this ledger, nor on none, nor by a stranger's key."""
    bench, ran = made
    with pytest.raises(UsageError):
        milestone(bench, packets=("nothing-of-the-kind",))
    with pytest.raises(UsageError):
        milestone(bench, commit="no-such-branch")
    with pytest.raises(RefusedError) as caught:
        milestone(bench, signer=STRANGER)
    assert caught.value.code is Code.TRUST_REFUSED

    other = Bench.make(tmp_path / "other", object_format=bench.store.object_format)
    with other.store, pytest.raises(UsageError):
        milestone(other)
    _damage(bench, ran)
    with pytest.raises(RefusedError) as caught:
        milestone(bench, packets=(ran.result.sealed.packet_tree,))
    assert caught.value.code is Code.MILESTONE_NOT_INTACT
    assert bench.store.refs.list("refs/tags/") == {}


def _damage(bench, ran):
    """Let the shelf lead to a packet whose seal is another's."""
    located = locate(bench.store, ran.result.sealed.packet_tree, whole=True)
    seal = dict(located.packet.seal)
    seal["seal.cose"] = seal["seal.cose"][:-1] + b"\x00"
    now = bench.clock() + timedelta(seconds=5)  # another second: the newest of a tree counts
    commit = write_packet(
        bench.store,
        dict(located.files),
        seal,
        signer=OWNER,
        author=AUTHOR,
        time=now,
        message="Seal it again\n",
    )
    shelve(
        bench.store,
        commit,
        packet_tree=ran.result.sealed.packet_tree,
        packet_id=ran.result.sealed.statement.packet_id,
        author=AUTHOR,
        time=now,
    )
