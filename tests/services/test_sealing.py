"""Sealing: what order things are written in, and what others read of it afterwards."""

from __future__ import annotations

import subprocess
import sys

import pytest

from greenlight.codes import Code
from greenlight.errors import RefusedError, StoreError
from greenlight.ledger.read import read_records
from greenlight.model.packet import MANIFEST, Packet
from greenlight.primitives.openssh import format_public
from greenlight.services import drafting, packets, run, sealing
from greenlight.services.checkout import checkout
from greenlight.services.published import published
from greenlight.services.verifying import Integrity, Trust, verify_all, verify_located
from greenlight.store.objects import ObjectStore
from tests.lanes_helper import (
    OWNER,
    ROOT,
    STRANGER,
    Bench,
    contents,
    editing,
    lane,
    seal_files,
    shell,
)
from tests.oracles import git_packet_tree
from tests.tools import need


@pytest.fixture(params=["sha1", "sha256"])
def sealed(request, tmp_path):
    """A lane that was run in a store of each format."""
    bench = Bench.make(tmp_path, {"kb/doc.md": "doc\n"}, object_format=request.param)
    with bench.store:
        yield bench, bench.run(editing())


def test_git_reads_what_was_sealed(sealed, git, tmp_path):
    """fsck --strict finds nothing, verify-commit knows the executor, the tree is git's own."""
    bench, ran = sealed
    need("ssh-keygen")
    assert git("fsck", "--strict", "--full", cwd=bench.store.git_dir) == b""
    allowed = tmp_path / "allowed"
    allowed.write_text(f"owner@example.org {format_public(OWNER.public)}\n")
    settings = ("-c", f"gpg.ssh.allowedSignersFile={allowed}", "-c", "gpg.format=ssh")
    commit = ran.result.sealed.commit
    git(*settings, "verify-commit", commit, cwd=bench.store.git_dir)
    folder = tmp_path / "out"
    checkout(ran.located, folder, store=bench.store)
    tree = git_packet_tree(folder / "packet")
    assert f"sha256:{tree}" == ran.result.sealed.packet_tree
    log = git("log", "-1", "--format=%B", commit, cwd=bench.store.git_dir).decode()
    assert f"Packet-Tree: sha256:{tree}\n" in log
    assert log.startswith("Seal greet: APPLIED_NOT_CLEAN\n")


@pytest.mark.parametrize("shell_name", ["sh", "dash", "bash"])
def test_the_script_accepts_the_folder_and_finds_a_flipped_byte(sealed, tmp_path, shell_name):
    """Without greenlight, in an empty environment, against the key that was pinned."""
    bench, ran = sealed
    for tool in (shell_name, "git", "ssh-keygen"):
        need(tool)
    folder = tmp_path / "out"
    checkout(ran.located, folder, store=bench.store)
    script = tmp_path / "RERUN.sh"
    script.write_bytes(published().rerun)
    (tmp_path / "key.pub").write_text(format_public(OWNER.public) + "\n")

    def rerun() -> int:
        command = [need(shell_name), str(script), "--key", str(tmp_path / "key.pub"), str(folder)]
        env = {"PATH": "/usr/bin:/bin"}
        return subprocess.run(command, env=env, capture_output=True, check=False).returncode

    assert rerun() == 0
    report = folder / "packet/REPORT.md"
    report.chmod(0o644)
    report.write_bytes(report.read_bytes()[:-1] + b"!")
    assert rerun() == 1


def test_objects_are_there_before_the_ref_that_names_them(bench, monkeypatch):
    """Objects and shelf commit, shelf, ledger: each is synced before the next begins."""
    told = []

    def tell(owner, name, say):
        real = getattr(owner, name)

        def telling(self, *arguments, **more):
            done = real(self, *arguments, **more)
            if self in (bench.store.objects, bench.store.refs):  # not those of the probes
                told.append(say(*arguments))
            return done

        monkeypatch.setattr(owner, name, telling)

    tell(ObjectStore, "flush", lambda: "flush")
    swapping = type(bench.store.refs)
    tell(swapping, "swap", lambda ref, *_: ref.split("/")[2])
    bench.run(lane())
    assert told == ["flush", "ledger", "flush", "shelf", "flush", "ledger"]


@pytest.mark.parametrize(
    ("module", "fails"), [(run, "Draft"), (sealing, "Shelving"), (sealing, "_record")]
)
def test_a_seal_that_fails_half_way_leaves_a_store_that_verifies(bench, monkeypatch, module, fails):
    """Unreachable objects or an unlisted packet, never a ref to something missing."""

    def full(*_arguments, **_more):
        raise StoreError(Code.IO_NOSPACE, "no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(module, fails, full)
        with pytest.raises(StoreError):
            bench.run(lane())
    # A packet on a shelf that the ledger does not know is nobody's yet.
    codes = {
        code for packet in verify_all(bench.store, Trust()).packets for code in packet.report.codes
    }
    assert codes <= {Code.PACKET_NOT_RECORDED}
    assert len(list(bench.state.abandoned())) == 1
    ran = bench.run(lane())
    assert ran.verdict.integrity is Integrity.INTACT


def test_what_would_not_verify_is_not_sealed(bench, monkeypatch):
    """greenlight judges its own packet as a stranger will, before a byte of it is written."""
    real = drafting.make_seal

    def torn(statement, signer):
        seal = dict(real(statement, signer))
        seal["seal.cose"] = seal["seal.cose"][:-1] + bytes([seal["seal.cose"][-1] ^ 1])
        return seal

    monkeypatch.setattr(drafting, "make_seal", torn)
    seen = {}
    with pytest.raises(RefusedError) as caught:
        bench.run(lane(), on_step=lambda step: seen.update({step: contents(bench.store.git_dir)}))
    assert Code.SEAL_SIGNATURE_INVALID in caught.value.codes
    assert contents(bench.store.git_dir) == seen["review"]


def test_a_packet_sealed_twice_is_kept_as_a_conflict(bench):
    """The first claim holds; the second packet is evidence nonetheless."""
    ran = bench.run(lane())
    header = ran.verdict.evidence.header
    again = seal_files(bench.store, OWNER, ran.files, header, lineage=(), clock=bench.clock)
    assert again.conflict
    assert again.packet_tree == ran.result.sealed.packet_tree
    assert len(bench.state.conflicts) == 1
    assert len(bench.state.packets) == 1


def test_a_packet_of_a_run_that_nobody_opened_is_refused(bench, tmp_path):
    """The ledger would call it void, so it is not appended."""
    other = Bench.make(tmp_path / "other")
    with other.store:
        ran = other.run(lane())
    before = bench.state.size
    with pytest.raises(RefusedError) as caught:
        seal_files(
            bench.store,
            OWNER,
            ran.files,
            ran.verdict.evidence.header,
            lineage=(),
            clock=bench.clock,
        )
    assert caught.value.code is Code.RUN_NOT_OPENED
    assert bench.state.size == before


def test_a_packet_that_names_another_executor_is_refused(bench):
    """Header, statement and key are one."""
    ran = bench.run(lane())
    with pytest.raises(RefusedError) as caught:
        seal_files(
            bench.store,
            STRANGER,
            ran.files,
            ran.verdict.evidence.header,
            lineage=(),
            clock=bench.clock,
        )
    assert Code.STATEMENT_HEADER_MISMATCH in caught.value.codes


SEALER = """
import sys
from pathlib import Path
from greenlight.store.repository import open_store
from tests.lanes_helper import Bench, lane
tmp, name = Path(sys.argv[1]), sys.argv[2]
with open_store(tmp / "store.git", Path("/")) as store:
    bench = Bench(tmp / "lane", store, tmp / "rooms")
    print("ready", flush=True)
    sys.stdin.readline()
    for _ in range(3):
        print(bench.run(lane(lane=name)).result.sealed.packet_tree, flush=True)
"""


def test_lanes_run_at_once_are_all_kept(bench):
    """Four processes, three runs each, one store: twelve packets, twelve uses, no conflict."""
    runners = [
        subprocess.Popen(
            [sys.executable, "-c", SEALER, str(bench.folder.parent), f"lane-{number}"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(4)
    ]
    for runner in runners:
        assert runner.stdout.readline() == "ready\n"
    for runner in runners:
        runner.stdin.write("\n")
        runner.stdin.flush()
    trees = {line.strip() for runner in runners for line in runner.communicate()[0].splitlines()}
    assert [runner.returncode for runner in runners] == [0] * 4
    state = bench.state
    assert {packet.sealed.packet_tree for packet in state.packets.values()} == trees
    assert len(trees) == 12
    assert sorted(run.opened.use for run in state.runs.values()) == list(range(1, 13))
    assert (state.voids, state.conflicts, list(state.abandoned())) == ([], [], [])
    verdict = verify_all(bench.store, Trust())
    assert (verdict.integrity, len(verdict.packets)) == (Integrity.INTACT, 12)


def test_every_file_that_was_sealed_is_found_where_it_changed(bench):
    """Each file of the packet, one bit of each: verification names something in all of them."""
    ran = bench.run(lane(steps=[shell("echo hello > greeting.txt; echo out")]))
    passed = []
    for path in ran.files:
        data = ran.files[path] or b"\0"
        files = dict(ran.files) | {path: data[:-1] + bytes([data[-1] ^ 1])}
        located = packets.Located("", Packet.of(files, ran.located.packet.seal), files, {})
        if verify_located(located, Trust(signers=(OWNER.public,))).report.clean:
            passed.append(path)
    assert passed == []


def test_the_manifest_names_all_but_itself(bench):
    """Also the script that the reader is to distrust."""
    ran = bench.run(lane())
    names = {line.split("  ")[1] for line in ran.files[MANIFEST].decode().splitlines()}
    assert names == ran.files.keys() - {MANIFEST}


def test_the_ledger_holds_opened_and_sealed_in_order(bench):
    """Trust root, grant, then two records a run."""
    ran = bench.run(lane())
    ledger = packets.ledger_of(bench.store)
    assert len(list(read_records(bench.store, ledger, 0, ledger.tip.size))) == 4
    state = bench.state
    run = state.runs[ran.verdict.evidence.header.run_id]
    packet = state.packets[ran.result.sealed.statement.packet_id]
    assert (run.index, packet.index, ran.result.sealed.index) == (2, 3, 3)
    assert run.time <= packet.time
