"""A purge: the bytes go, the history stays, and verification says who took them and why."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from greenlight.codes import Code
from greenlight.errors import MalformedError, RefusedError, RejectedError, StoreError, UsageError
from greenlight.ledger.append import append
from greenlight.ledger.pin import DEFAULT_REF, Pin, read_pin, write_pin
from greenlight.ledger.read import read_ledger
from greenlight.model.documents.lineage import Presence
from greenlight.services import library
from greenlight.services.logs import read_log
from greenlight.services.packets import locate, locate_tree, read_commit
from greenlight.services.purging import purge_packet
from greenlight.services.rerun import ReplayRoom, rerun_packet
from greenlight.services.seal_dir import Outside, seal_dir
from greenlight.services.verifying import Integrity, Trust, verify_all, verify_located
from greenlight.services.withheld import locate_or_withheld
from greenlight.store.reach import objects_of
from greenlight.store.repository import open_store
from greenlight.store.shelf import PREFIX, shelf_entries, shelve
from tests.lanes_helper import OWNER, ROOT, STRANGER, Bench, lane
from tests.ledger.actors import AUTHOR, Pen, outside
from tests.tools import need

REASON = "It named a person who did not agree."


def seal_three(bench):
    """Seal three packets of evidence; return their ids, commits and trees."""
    sealed = []
    for name in ("one", "two", "three"):
        bench.write(f"evidence/{name}/{name}.txt", f"what only {name} says\n")
        around = Outside(bench.store, OWNER, bench.clock)
        sealed.append(seal_dir(bench.folder / "evidence" / name, around))
    return sealed


@pytest.fixture(params=["sha1", "sha256"])
def three(request, tmp_path):
    bench = Bench.make(tmp_path, object_format=request.param)
    with bench.store:
        yield bench, seal_three(bench)


def purge(bench, name, reason=REASON, signer=OWNER, **more):
    return purge_packet(bench.store, signer, name, reason, clock=bench.clock, **more)


def now():
    return datetime.now(UTC)


def verdict_of(store, name, trust=None):
    return library.verify_packet(name, store=store, trust=trust or Trust())


def alive(git, store, oids):
    """Return which objects git still has."""
    asked = "".join(f"{oid}\n" for oid in sorted(oids)).encode()
    said = git("cat-file", "--batch-check", cwd=store.git_dir, data=asked).decode()
    return {line.split()[0] for line in said.splitlines() if not line.endswith("missing")}


def own_objects(store, sealed, others):
    """Return the objects that only this packet has."""
    mine = objects_of(store, sealed.commit)
    return mine.difference(*(objects_of(store, other.commit) for other in others))


def test_a_life(three, git, tmp_path):
    """Sealed, purged, gone after gc, cloned: WITHHELD there and here, and all else INTACT."""
    bench, (one, two, last) = three
    store = bench.store
    own = own_objects(store, two, (one, last))
    all_of_it = objects_of(store, two.commit)

    (shelf,) = store.refs.list(PREFIX)

    done = purge(bench, two.statement.packet_id)

    assert (done.packet_tree, done.shelves) == (two.packet_tree, (shelf,))
    assert (done.reach.objects, done.reach.going) == (len(all_of_it), len(own))
    assert (done.reach.shared, done.reach.held) == (len(all_of_it) - len(own), 0)
    assert not (store.git_dir / "logs").exists()
    git("gc", "-q", "--prune=now", cwd=store.git_dir)
    assert alive(git, store, all_of_it) == all_of_it - own
    assert git("fsck", "--strict", "--full", cwd=store.git_dir) == b""
    gone = git("cat-file", "-e", two.commit, cwd=store.git_dir, check=False)
    assert gone.returncode != 0

    there = tmp_path / "there.git"
    git("clone", "-q", "--mirror", store.git_dir, there, cwd=tmp_path)
    assert git("fsck", "--strict", "--full", cwd=there) == b""
    root = read_pin(store).digest
    with open_store(store.git_dir, tmp_path) as here, open_store(there, tmp_path) as clone:
        for place, trust in ((here, Trust()), (clone, Trust(root=root))):
            verdict = verdict_of(place, two.statement.packet_id, trust)
            assert verdict.integrity is Integrity.WITHHELD
            (finding,) = verdict.report.findings
            assert finding.code is Code.PACKET_WITHHELD
            assert finding.where == f"ledger/records/{done.purge.index}.cbor"
            assert REASON in finding.found
            assert OWNER.public.uri in finding.found
            assert verdict.to_dict()["packet_tree"] == two.packet_tree
            found = verify_all(place, trust)
            assert found.integrity is Integrity.INTACT
            assert [v.integrity.value for v in found.packets] == ["INTACT", "INTACT", "WITHHELD"]
            for other in (one, last):
                assert verdict_of(place, other.packet_tree, trust).integrity is Integrity.INTACT


def test_what_else_says_of_it(three):
    """The log, and every command that needs the bytes, name the purge and not a loss."""
    bench, (one, two, _) = three
    purge(bench, two.packet_tree)

    states = {line.packet_id: (line.state, line.here) for line in read_log(bench.store).packets}
    assert states[two.statement.packet_id] == ("WITHHELD", False)
    assert states[one.statement.packet_id] == ("SEALED", True)
    for name in (two.statement.packet_id, two.packet_tree, two.statement.run_id[:8]):
        with pytest.raises(StoreError) as caught:
            locate(bench.store, name)
        assert caught.value.code is Code.PACKET_WITHHELD
        assert REASON in str(caught.value)
    state = read_ledger(bench.store, DEFAULT_REF, pin=read_pin(bench.store)).state
    assert state.packets[two.statement.packet_id].sealed.packet_tree == two.packet_tree
    entries = read_log(bench.store, entries=True).entries
    assert (entries[0].kind, entries[0].about) == ("packet.purged", two.statement.packet_id)


def test_an_unpinned_ledger_withholds_nothing(three, git, tmp_path):
    """A ledger that nobody trusts may say that a packet was purged; that is no verdict."""
    bench, (_, two, _) = three
    purge(bench, two.packet_tree)
    there = tmp_path / "there.git"
    git("clone", "-q", "--mirror", bench.store.git_dir, there, cwd=tmp_path)
    with open_store(there, tmp_path) as clone, pytest.raises(StoreError) as caught:
        locate_or_withheld(clone, two.packet_tree, Trust())
    assert caught.value.code is Code.PACKET_WITHHELD


def test_a_broken_ledger_withholds_nothing(three):
    """By a ledger that is not the pinned one a packet is not withheld but REJECTED."""
    bench, (_, two, _) = three
    purge(bench, two.packet_tree)
    write_pin(bench.store, Pin.of(read_pin(bench.store).digest.of(b"another")))

    verdict = verdict_of(bench.store, two.packet_tree)

    assert verdict.integrity is Integrity.REJECTED
    assert Code.TRUST_ROOT_MISMATCH in verdict.report.codes
    with pytest.raises(RejectedError):
        purge(bench, two.packet_tree)


@pytest.mark.parametrize(
    "case",
    [
        ("two", STRANGER, REASON, RefusedError, Code.TRUST_REFUSED),
        ("two", OWNER, "", UsageError, Code.USAGE),
        ("two", OWNER, "  \n ", UsageError, Code.USAGE),
        ("two", OWNER, "a\nb", UsageError, Code.USAGE),
        ("two", OWNER, "\x1b[31mred", UsageError, Code.USAGE),
        ("two", OWNER, "x" * 1001, UsageError, Code.USAGE),
        ("four", OWNER, REASON, UsageError, Code.PACKET_UNKNOWN),
        ("tw", OWNER, REASON, UsageError, Code.PACKET_UNKNOWN),
    ],
)
def test_refused_before_anything_is_touched(three, case):
    """Without the right, a reason or a packet nothing is written."""
    name, signer, reason, error, code = case
    bench, (_, two, _) = three
    before = bench.store.refs.list("refs/")

    with pytest.raises(error) as caught:
        purge(bench, two.packet_tree if name == "two" else name, reason, signer)

    assert caught.value.code is code
    assert bench.store.refs.list("refs/") == before


def test_ambiguous(three):
    """A prefix of several packets purges none of them."""
    bench, _ = three
    around = Outside(bench.store, OWNER, bench.clock)
    seal_dir(bench.folder / "evidence" / "one", around)
    with pytest.raises(UsageError) as caught:
        purge(bench, "one-")
    assert caught.value.code is Code.PACKET_AMBIGUOUS


def test_not_recorded(three):
    """A packet that the ledger does not know cannot be purged, and its bytes stay."""
    bench, sealed = three
    ref = bench.store.refs
    first = read_ledger(bench.store, DEFAULT_REF, pin=read_pin(bench.store)).places[0].commit
    ref.swap(DEFAULT_REF, old=ref.read(DEFAULT_REF), new=first)
    write_pin(bench.store, Pin.of(read_pin(bench.store).digest))

    with pytest.raises(RefusedError) as caught:
        purge(bench, sealed[1].commit)

    assert caught.value.code is Code.PACKET_NOT_RECORDED
    assert len(list(shelf_entries(bench.store))) == 3


def test_by_commit(three):
    """A packet is purged by the name of its commit as well."""
    bench, (_, two, _) = three
    assert purge(bench, two.commit).packet_tree == two.packet_tree


def test_dry_run(three):
    """A rehearsal counts what would go, as the purge then does, and writes nothing."""
    bench, (_, two, _) = three
    before = bench.store.refs.list("refs/")

    rehearsed = purge(bench, two.packet_tree, dry_run=True)

    assert bench.store.refs.list("refs/") == before
    assert rehearsed.purge is None
    done = purge(bench, two.packet_tree)
    assert (rehearsed.shelves, rehearsed.reach) == (done.shelves, done.reach)


def test_what_others_reach_is_reported(three, git):
    """A branch and a remote keep what they have: named, and not broken."""
    bench, (_, two, _) = three
    store = bench.store
    git("update-ref", "refs/heads/evidence", two.commit, cwd=store.git_dir)
    git("remote", "add", "origin", "https://example.org/x.git", cwd=store.git_dir)

    done = purge(bench, two.packet_tree)

    assert (done.reach.refs, done.remotes) == (("refs/heads/evidence",), ("origin",))
    assert done.reach.going == 0
    assert done.reach.held > 0
    git("gc", "-q", "--prune=now", cwd=store.git_dir)
    assert alive(git, store, {two.commit}) == {two.commit}
    assert verdict_of(store, two.packet_tree).integrity is Integrity.WITHHELD
    assert git("fsck", "--strict", "--full", cwd=store.git_dir) == b""


def bring_back(bench, two):
    shelve(
        bench.store,
        two.commit,
        packet_tree=two.packet_tree,
        packet_id=two.statement.packet_id,
        author=AUTHOR,
        time=bench.clock(),
    )


def test_brought_back(three):
    """Bytes that another store still served and a fetch brought back are said, and go again."""
    bench, (_, two, _) = three
    first = purge(bench, two.packet_tree)
    bring_back(bench, two)

    verdict = verdict_of(bench.store, two.packet_tree)
    assert verdict.integrity is Integrity.WITHHELD
    assert verdict.report.codes == (Code.PACKET_WITHHELD, Code.PURGE_UNFINISHED)
    found = verify_all(bench.store, Trust())
    assert found.integrity is Integrity.UNVERIFIABLE
    room = ReplayRoom(bench.confinement, bench.clock, {})
    with pytest.raises(RejectedError) as caught:
        rerun_packet(read_commit(bench.store, two.commit), verdict, room)
    assert caught.value.code is Code.PACKET_WITHHELD

    again = purge(bench, two.packet_tree, "said twice")
    assert again.purge == first.purge
    assert again.shelves != ()
    assert verify_all(bench.store, Trust()).integrity is Integrity.INTACT
    assert purge(bench, two.packet_tree).shelves == ()


def test_bytes_that_changed_are_rejected(three):
    """What lies under a purged packet's name and is another one is no purged packet."""
    bench, (one, two, _) = three
    purge(bench, two.packet_tree)
    shelve(
        bench.store,
        one.commit,
        packet_tree=two.packet_tree,
        packet_id=two.statement.packet_id,
        author=AUTHOR,
        time=bench.clock(),
    )

    done = purge(bench, two.packet_tree)

    assert done.shelves == ()
    assert one.commit in {entry.commit for entry in shelf_entries(bench.store)}
    with pytest.raises(MalformedError):
        locate_tree(bench.store, two.packet_tree)


def test_lineage(tmp_path):
    """Who depends on a purged packet is told so: in a verification, and in the next run."""
    bench = Bench.make(tmp_path)
    with bench.store:
        before = bench.run(lane())
        tree = before.result.sealed.packet_tree
        rows = [{"packet_tree": tree, "relation": "prior"}]
        after = bench.run(lane(lane="sequel", lineage=rows))
        purge(bench, tree)

        verdict = verify_located(after.located, Trust(), store=bench.store, lineage=True)
        assert verdict.integrity is Integrity.UNVERIFIABLE
        assert verdict.report.codes == (Code.LINEAGE_WITHHELD,)
        assert verify_located(after.located, Trust(), store=bench.store).integrity == "INTACT"
        later = bench.run(lane(lane="later", lineage=rows))
        assert later.document("lineage.json")["packets"][0]["presence"] == Presence.WITHHELD
        bring_back(bench, before.result.sealed)
        verdict = verify_located(after.located, Trust(), store=bench.store, lineage=True)
        assert verdict.report.codes == (Code.LINEAGE_WITHHELD,)


def test_a_conflict_can_be_purged(three):
    """A packet whose claim was taken is evidence too, and goes by its tree."""
    bench, (one, _, _) = three
    other = outside(1, packet_tree="sha256:" + "9" * 64)
    held = one.statement
    body = replace(other, packet=held.packet_id, run=held.run_id, lane=held.lane)
    append(bench.store, OWNER, lambda *_: [Pen().sign(body, OWNER)], clock=bench.clock)

    purge(bench, "sha256:9999")

    assert set(bench.state.purged) == {other.packet_tree}
    assert verdict_of(bench.store, "sha256:9999").integrity is Integrity.WITHHELD
    assert verdict_of(bench.store, one.packet_tree).integrity is Integrity.INTACT


# --- killed, and beside others


PURGER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from greenlight.services.purging import purge_packet
from greenlight.store.repository import open_store
from tests.lanes_helper import OWNER
with open_store(Path(sys.argv[1]), Path("/")) as store:
    purge_packet(store, OWNER, sys.argv[2], "why", clock=lambda: datetime.now(UTC))
"""


@pytest.mark.parametrize("call", ["fsync", "rename", "unlink", "link"])
def test_killed_at_each_call(tmp_path, call):
    """Killed anywhere: the packet is whole or withheld, and saying it again finishes it."""
    strace = need("strace")
    bench = Bench.make(tmp_path / "made", object_format="sha1")
    with bench.store:
        _, two, _ = seal_three(bench)
    killed = 0
    for when in range(1, 100, 1 if os.environ.get("GREENLIGHT_LONG") == "1" else 4):
        folder = tmp_path / f"s{when}.git"
        shutil.copytree(bench.store.git_dir, folder)
        inject = ("-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={when}")
        command = [strace, "-f", "-qq", "-o", os.devnull, *inject, sys.executable, "-c", PURGER]
        done = subprocess.run(
            [*command, str(folder), two.packet_tree],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        if "ptrace" in done.stderr or "PTRACE" in done.stderr:
            pytest.skip(f"strace cannot trace here: {done.stderr.strip()}")
        with open_store(folder, tmp_path) as store:
            found = verify_all(store, Trust())
            assert found.report.clean
            states = {v.integrity for v in found.packets}
            assert states <= {Integrity.INTACT, Integrity.WITHHELD}
            assert len(found.packets) == 3
            purge_packet(store, OWNER, two.packet_tree, "again", clock=bench.clock)
            after = verify_all(store, Trust())
            assert [v.integrity.value for v in after.packets] == ["INTACT", "INTACT", "WITHHELD"]
            assert after.integrity is Integrity.INTACT
        if done.returncode == 0:
            break
        killed += 1
        shutil.rmtree(folder)
    else:
        pytest.fail("a purge has more calls than were tried")
    assert killed


SEALER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from greenlight.services.seal_dir import Outside, seal_dir
from greenlight.store.repository import open_store
from tests.lanes_helper import OWNER
with open_store(Path(sys.argv[1]), Path("/")) as store:
    print("ready", flush=True)
    for _ in range(8):
        done = seal_dir(Path(sys.argv[2]), Outside(store, OWNER, lambda: datetime.now(UTC)))
        print(done.packet_tree, flush=True)
"""


def test_beside_a_sealer(tmp_path):
    """While somebody seals, packets are purged: nothing that was acknowledged is lost."""
    bench = Bench.make(tmp_path / "made", clock=now)
    with bench.store:
        sealed = seal_three(bench)
        sealer = subprocess.Popen(
            [sys.executable, "-c", SEALER, bench.store.git_dir, bench.folder / "evidence" / "one"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert sealer.stdout.readline() == "ready\n"
        for each in sealed:
            purge(bench, each.packet_tree)
        out, _ = sealer.communicate()
        assert sealer.returncode == 0
        trees = set(out.split())

        found = verify_all(bench.store, Trust())
        intact = {v.statement.subject for v in found.packets if v.integrity is Integrity.INTACT}
        assert (found.integrity, len(trees)) == (Integrity.INTACT, 8)
        assert intact == trees
        assert sum(v.integrity is Integrity.WITHHELD for v in found.packets) == 3
