"""Whole stores: what was sealed in them, what somebody pushed, and what another machine got."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from greenlight.codes import Code
from greenlight.errors import UsageError
from greenlight.ledger import read as ledger_reading
from greenlight.ledger.pin import DEFAULT_REF, read_pin
from greenlight.ledger.read import read_ledger
from greenlight.model.entry import sign_entry
from greenlight.primitives.digest import Digest
from greenlight.services import verifying
from greenlight.services.closing import close_packet
from greenlight.services.seal_dir import Outside, seal_dirs
from greenlight.services.verifying import (
    Integrity,
    StoreVerdict,
    Trust,
    Verdict,
    verify_all,
    verify_located,
)
from greenlight.store.repository import Store, create_store, open_store
from tests.damage import flip_object
from tests.lanes_helper import OWNER, STRANGER, Bench, Ran, lane, seal_files
from tests.tools import need
from tests.vector_reader import put_commit, put_tree

OTHER_ROOT = Digest.of(b"the trust root of somebody else")
REFS = "refs/greenlight/*:refs/greenlight/*"
Git = Callable[..., str]


@pytest.fixture
def git() -> Git:
    """Run plain git, without the settings of this machine."""
    program = need("git")

    def run(where: Path, *arguments: str) -> str:
        env = {
            "PATH": os.environ["PATH"],
            "HOME": "/nonexistent",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
        }
        done = subprocess.run(
            [program, "-C", str(where), *arguments], env=env, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode().strip()

    return run


@pytest.fixture(params=["sha1", "sha256"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    """A bench in a store of either object format."""
    made = Bench.make(tmp_path / "bench", object_format=request.param)
    with made.store:
        yield made


@pytest.fixture
def ran(bench: Bench) -> Ran:
    return bench.run(lane())


def test_the_ledger_is_read_once_for_all_packets(
    bench: Bench, ran: Ran, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Verifying everything costs the records once, not once a packet."""
    bench.run(lane())
    walked = []
    real = ledger_reading.walk  # the one place that reads ledger commits from the beginning

    def counting(store: Store, commit: str) -> object:
        walked.append(commit)
        return real(store, commit)

    monkeypatch.setattr(ledger_reading, "walk", counting)
    found = verify_all(ran.store, Trust())
    assert (len(found.packets), found.integrity, len(walked)) == (2, Integrity.INTACT, 1)


def codes(found: StoreVerdict) -> set[Code]:
    each = [code for verdict in found.packets for code in verdict.report.codes]
    return {*found.report.codes, *each}


def root_of(store: Store) -> Digest:
    pin = read_pin(store)
    assert pin is not None
    return pin.digest


def sequel(bench: Bench, before: Ran) -> Ran:
    """Run a lane that builds on a packet."""
    tree = before.result.sealed.packet_tree
    return bench.run(lane(lane="sequel", lineage=[{"packet_tree": tree, "relation": "prior"}]))


# --- what was sealed here ----------------------------------------------------------


def test_a_good_store_is_intact(bench: Bench, ran: Ran) -> None:
    """Two packets, the second building on the first, under the pin that init made."""
    sequel(bench, ran)
    found = verify_all(bench.store, Trust(), lineage=True)
    assert codes(found) == set()
    assert found.integrity is Integrity.INTACT
    assert [verdict.state for verdict in found.packets] == ["SEALED", "SEALED"]
    assert all(verdict.trusted_by for verdict in found.packets)
    assert found.voids == ()


def test_an_empty_store_is_not_intact(bench: Bench) -> None:
    """Where nothing was verified, nothing was found intact."""
    found = verify_all(bench.store, Trust())
    assert codes(found) == set()
    assert found.integrity is Integrity.UNVERIFIABLE


def test_a_key_that_is_given_must_be_the_signers(bench: Bench, ran: Ran) -> None:
    """Trust in a key is asked for beside what the ledger says, not instead of it."""
    assert ran.verdict.integrity is Integrity.INTACT
    good = verify_all(bench.store, Trust(signers=(OWNER.public,), source="--key"))
    assert good.integrity is Integrity.INTACT
    assert {verdict.trusted_by for verdict in good.packets} == {"--key"}
    bad = verify_all(bench.store, Trust(signers=(STRANGER.public,), source="--key"))
    assert codes(bad) == {Code.SIGNER_NOT_TRUSTED}
    assert bad.integrity is Integrity.REJECTED


def test_a_conflict_is_kept_and_rejected(bench: Bench, ran: Ran) -> None:
    """A second packet of one id is evidence, and loses: the first claim holds."""
    statement = ran.result.sealed.statement
    evidence = ran.verdict.evidence
    assert evidence is not None
    later = replace(evidence.header, sealed_at="2099-01-01T00:00:00Z")
    kept = {path: data for path, data in ran.files.items() if path.startswith("artifacts/")}
    derived, files = close_packet(replace(evidence, header=later), ran.files["lane.yaml"], kept)
    again = seal_files(bench.store, OWNER, files, derived.header, lineage=(), clock=bench.clock)
    assert again.conflict
    found = verify_all(bench.store, Trust())
    assert [verdict.state for verdict in found.packets] == ["SEALED", "CONFLICT"]
    assert found.packets[0].integrity is Integrity.INTACT
    assert codes(found) == {Code.PACKET_CONFLICT}
    assert found.integrity is Integrity.REJECTED
    assert {verdict.statement and verdict.statement.packet_id for verdict in found.packets} == {
        statement.packet_id
    }
    assert [void.detail for void in found.voids] == ["PACKET_CONFLICT"]


# --- what somebody pushed ----------------------------------------------------------


def test_rubbish_in_the_ledger_ref(bench: Bench, ran: Ran, git: Git) -> None:
    """A branch pushed over the ledger: one finding that names the commit, and no crash."""
    commit = put_commit(bench.store, put_tree(bench.store, {"README.md": b"hello\n"}, {}))
    bench.store.objects.flush()
    git(bench.store.git_dir, "update-ref", DEFAULT_REF, commit)
    found = verify_all(bench.store, Trust())
    assert Code.LEDGER_MALFORMED in codes(found)
    assert commit in found.report.findings[0].where
    assert found.integrity is Integrity.REJECTED
    assert [verdict.integrity for verdict in found.packets] == [Integrity.REJECTED]
    assert ran.result.sealed.packet_tree == found.packets[0].to_dict()["packet_tree"]


def test_a_ledger_moved_back(bench: Bench, ran: Ran, git: Git) -> None:
    """The packet's record is gone from the ledger; this store remembers that it was there."""
    git(bench.store.git_dir, "update-ref", DEFAULT_REF, f"{DEFAULT_REF}~1")
    found = verify_all(bench.store, Trust())
    assert {Code.LEDGER_REWOUND, Code.PACKET_NOT_RECORDED} <= codes(found)
    assert found.integrity is Integrity.REJECTED
    git(bench.store.git_dir, "update-ref", "-d", DEFAULT_REF)
    gone = verify_all(bench.store, Trust())
    assert Code.LEDGER_REWOUND in codes(gone)
    assert gone.integrity is Integrity.REJECTED
    assert ran.result.sealed.index > 0


def test_an_entry_of_a_stranger_breaks_nothing(bench: Bench, ran: Ran, git: Git) -> None:
    """Anybody who can push can append: the entry is reported, and has no effect."""
    assert ran.verdict.integrity is Integrity.INTACT
    pin = read_pin(bench.store)
    ledger = read_ledger(bench.store, DEFAULT_REF, pin=pin)
    held = next(iter(ledger.state.grants.values())).grant
    body = replace(held, grant="mine", executor=STRANGER.public.uri)
    entry = sign_entry(body, uuid="00000000-0000-4000-8000-000000000001", signer=STRANGER)
    raw, tip = ledger.tip.place(entry, bench.clock())
    files = {
        f"records/{ledger.tip.size}.cbor": raw,
        "head": tip.head.encode(),
        "frontier.cbor": tip.frontier_bytes,
    }
    assert ledger.commit is not None
    commit = put_commit(bench.store, put_tree(bench.store, files, {}), (ledger.commit,))
    bench.store.objects.flush()
    git(bench.store.git_dir, "update-ref", DEFAULT_REF, commit)
    found = verify_all(bench.store, Trust())
    assert found.integrity is Integrity.INTACT
    assert [(void.code, void.detail) for void in found.voids] == [
        (Code.ENTRY_VOID, "TRUST_REFUSED")
    ]


def test_a_packet_that_is_not_here(bench: Bench, ran: Ran, git: Git) -> None:
    """The ledger tells of a packet whose shelf was not fetched: the question stays open."""
    for ref in git(bench.store.git_dir, "for-each-ref", "--format=%(refname)").splitlines():
        if "/shelf/" in ref:
            git(bench.store.git_dir, "update-ref", "-d", ref)
    found = verify_all(bench.store, Trust())
    assert codes(found) == {Code.PACKET_MISSING}
    assert ran.result.sealed.packet_tree in found.report.findings[0].expected
    assert found.integrity is Integrity.UNVERIFIABLE


def test_a_damaged_object(bench: Bench, ran: Ran) -> None:
    """A bit of an object on disk: the packet is rejected, with the object named."""
    tree = bench.store.objects.read(ran.result.sealed.commit)[1].split()[1].decode()
    flip_object(bench.store, tree)
    with open_store(bench.store.git_dir, bench.folder) as store:
        found = verify_all(store, Trust())
    assert Code.STORE_DAMAGED in codes(found)
    assert found.integrity is Integrity.REJECTED


# --- what another machine got --------------------------------------------------------


@pytest.fixture
def clone(bench: Bench, ran: Ran, git: Git, tmp_path: Path) -> Iterator[Store]:
    """Refs pushed with plain git into an empty bare repository, and fetched into another."""
    assert ran.result.sealed.index > 0
    name = bench.store.object_format
    for folder in ("remote.git", "clone.git"):
        git(tmp_path, "init", "-q", "--bare", f"--object-format={name}", folder)
    remote, mine = str(tmp_path / "remote.git"), tmp_path / "clone.git"
    git(bench.store.git_dir, "push", "-q", remote, REFS)
    git(mine, "fetch", "-q", remote, REFS)
    with open_store(mine, mine) as store:
        yield store


def test_a_clone_verifies_under_the_trust_root(bench: Bench, clone: Store) -> None:
    """The digest came another way; packed objects and nothing pinned are no hindrance."""
    assert read_pin(clone) is None
    found = verify_all(clone, Trust(root=root_of(bench.store)), lineage=True)
    assert codes(found) == set()
    assert found.integrity is Integrity.INTACT
    assert [verdict.state for verdict in found.packets] == ["SEALED"]
    assert read_pin(clone) is None  # verifying pins nothing


def test_a_clone_without_a_trust_root_is_unverifiable(clone: Store) -> None:
    """The ledger that came along vouches for nobody: integrity is shown, and no more."""
    found = verify_all(clone, Trust())
    assert codes(found) == {Code.SIGNER_UNKNOWN}
    assert found.integrity is Integrity.UNVERIFIABLE
    assert [verdict.trusted_by for verdict in found.packets] == [""]
    shown = verify_all(clone, Trust(unsigned_ok=True))
    assert shown.integrity is Integrity.INTACT


def test_a_clone_under_another_trust_root_is_rejected(clone: Store) -> None:
    """Somebody else's ledger is nobody's word."""
    found = verify_all(clone, Trust(root=OTHER_ROOT))
    assert Code.TRUST_ROOT_MISMATCH in codes(found)
    assert found.integrity is Integrity.REJECTED


def test_a_clone_verifies_with_a_key(clone: Store) -> None:
    """Without any ledger, a key that the reader has is enough."""
    found = verify_all(clone, Trust(signers=(OWNER.public,), source="--key"))
    assert found.integrity is Integrity.INTACT
    assert [verdict.state for verdict in found.packets] == [""]


def test_a_pin_is_outranked_by_what_is_given(bench: Bench, ran: Ran) -> None:
    """Where a trust root is given, that one counts, whatever is pinned here."""
    assert ran.verdict.integrity is Integrity.INTACT
    found = verify_all(bench.store, Trust(root=OTHER_ROOT))
    assert Code.TRUST_ROOT_MISMATCH in codes(found)
    assert found.integrity is Integrity.REJECTED


# --- lineage -------------------------------------------------------------------------


def test_lineage_that_is_here(bench: Bench, ran: Ran) -> None:
    """The ancestor is looked up by its tree and verified like the packet itself."""
    later = sequel(bench, ran)
    verdict = verify_located(later.located, Trust(), store=bench.store, lineage=True)
    assert verdict.integrity is Integrity.INTACT
    tree = ran.result.sealed.packet_tree.removeprefix("sha256:")
    assert later.result.sealed.statement.lineage == (tree,)


def test_lineage_that_is_not_here(bench: Bench, ran: Ran, tmp_path: Path) -> None:
    """A packet that was taken elsewhere without its ancestor: nobody can say more."""
    later = sequel(bench, ran)
    trust = Trust(signers=(OWNER.public,), source="--key")
    with create_store(tmp_path / "elsewhere") as elsewhere:
        verdict = verify_located(later.located, trust, store=elsewhere, lineage=True)
    assert verdict.report.codes == (Code.LINEAGE_ABSENT,)
    assert verdict.integrity is Integrity.UNVERIFIABLE
    without = verify_located(later.located, trust, lineage=False)
    assert without.integrity is Integrity.INTACT


def test_lineage_that_is_too_long_is_said(
    bench: Bench, ran: Ran, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was not looked at is not passed over."""
    later = sequel(bench, ran)
    monkeypatch.setattr(verifying, "MAX_LINEAGE_DEPTH", 0)
    verdict = verify_located(later.located, Trust(), store=bench.store, lineage=True)
    assert verdict.report.codes == (Code.LIMIT_EXCEEDED,)
    assert verdict.integrity is Integrity.REJECTED


def test_a_run_on_an_absent_packet_says_so(bench: Bench) -> None:
    """A lane may name a packet that is not here; what the run then says is no PASS."""
    absent = f"sha256:{Digest.of(b'no packet').hex}"
    made = bench.run(lane(lineage=[{"packet_tree": absent, "relation": "prior"}]))
    (row,) = made.document("lineage.json")["packets"]
    assert row["presence"] == "ABSENT"
    verdict = verify_located(made.located, Trust(), store=bench.store, lineage=True)
    assert verdict.report.codes == (Code.LINEAGE_ABSENT,)
    assert verdict.integrity is Integrity.UNVERIFIABLE


def test_only_what_came_after_a_check(bench: Bench) -> None:
    """The packets recorded since are verified, the others are not read; nothing new is no fault."""
    for _ in range(3):
        bench.run(lane())
    before = verify_all(bench.store, Trust())
    nothing = verify_all(bench.store, Trust(), since=before.check)
    assert (nothing.count, nothing.integrity) == (0, Integrity.INTACT)
    new = [bench.run(lane()) for _ in range(2)]
    after = verify_all(bench.store, Trust(), since=before.check)
    assert after.integrity is Integrity.INTACT
    assert [verdict.statement for verdict in after.packets] == [
        ran.verdict.statement for ran in new
    ]


@pytest.mark.parametrize("check", ["4:" + "0" * 64, "999999:" + "0" * 64])
def test_a_check_of_another_history(ran: Ran, check: str) -> None:
    """A head that this ledger never had: LEDGER_REWOUND, and everything is verified."""
    found = verify_all(ran.store, Trust(), since=check)
    assert Code.LEDGER_REWOUND in codes(found)
    assert found.integrity is Integrity.REJECTED
    assert found.count == 1


@pytest.mark.parametrize("check", ["x", "1", "0:" + "0" * 64, "1:" + "0" * 63, "-1:" + "0" * 64])
def test_what_is_no_check(ran: Ran, check: str) -> None:
    """Refused before anything is read of the packets."""
    with pytest.raises(UsageError):
        verify_all(ran.store, Trust(), since=check)


def test_verdicts_are_handed_on_in_order(bench: Bench, tmp_path: Path) -> None:
    """Many packets are verified by many processes, and told oldest first, with their count."""
    folders = [tmp_path / f"e{number:02}" for number in range(40)]
    for folder in folders:
        folder.mkdir()
        (folder / "file").write_text(folder.name)
    seal_dirs(folders, Outside(bench.store, OWNER, bench.clock))
    told: list[object] = []
    found = verify_all(bench.store, Trust(), begin=told.append, hand_on=told.append)
    assert told[0] == 40
    given = [each.statement for each in told if isinstance(each, Verdict)]
    lanes = [statement.lane for statement in given if statement is not None]
    assert lanes == [folder.name for folder in folders]
    assert (found.packets, found.count) == ((), 40)


def test_a_damaged_blob_among_many_files(bench: Bench, tmp_path: Path) -> None:
    """Whoever reads it, one damaged object rejects its packet, and only that."""
    for name, files in (("large", 700), ("small", 3)):
        (tmp_path / name).mkdir()
        for number in range(files):
            (tmp_path / name / f"{number:04}").write_bytes(b"%s %d" % (name.encode(), number))
    outside = Outside(bench.store, OWNER, bench.clock)
    seal_dirs([tmp_path / "large"], outside)
    seal_dirs([tmp_path / "small"], outside)
    packs = (bench.store.git_dir / "objects" / "pack").glob("*.pack")
    pack = max(packs, key=lambda path: path.stat().st_size)
    data = bytearray(pack.read_bytes())
    data[len(data) // 2] ^= 1
    pack.chmod(0o644)
    pack.write_bytes(data)
    bench.store.close()
    found = verify_all(bench.store, Trust())
    assert [verdict.integrity for verdict in found.packets] == [
        Integrity.REJECTED,
        Integrity.INTACT,
    ]
    assert Code.STORE_DAMAGED in found.packets[0].report.codes
