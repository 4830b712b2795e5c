"""A remote decides how much it sends, and not how much is taken."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time

import pytest

from greenlight.codes import Code
from greenlight.errors import RejectedError, StoreError
from greenlight.ledger.incoming import INCOMING
from greenlight.ledger.pending import PREFIX as PENDING
from greenlight.ledger.pin import DEFAULT_REF
from greenlight.store.gitremote import ledger_remote
from greenlight.store.gitrun import remove_unfinished
from greenlight.store.packets import write_packet
from greenlight.store.shelf import shelve
from tests.ledger.actors import AUTHOR, EXECUTOR, outside
from tests.ledger.test_remote import REAL, hub, shelved, ssh, tip, two

__all__ = ["hub", "two"]  # fixtures

MIB = 2**20


def noise(size, seed=1):
    return random.Random(seed).randbytes(size)  # noqa: S311 - what does not compress


def swollen(git, hub, size):
    """Have the remote's ledger go on with a commit that holds ``size`` bytes of noise."""
    git("config", "user.name", "x", cwd=hub[0])
    before = tip(git, hub)
    blob = git("hash-object", "-w", "--stdin", cwd=hub[0], data=noise(size)).decode().strip()
    tree = git("mktree", cwd=hub[0], data=f"100644 blob {blob}\thead\n".encode()).decode().strip()
    commit = git("commit-tree", tree, "-p", before, "-m", "x", cwd=hub[0]).decode().strip()
    git("update-ref", DEFAULT_REF, commit, cwd=hub[0])
    return before


def limit(git, clone, mebibytes):
    git("config", "greenlight.remoteMaxMiB", str(mebibytes), cwd=clone.git_dir)


def packs(clone):
    return sorted((clone.git_dir / "objects/pack").glob("*pack*"))


def test_a_ledger_that_is_too_large(two, hub, git):
    """Nothing of it stays, nothing moves, and what was made here is kept."""
    one, _ = two
    one.fetch()
    good = swollen(git, hub, 5 * MIB)
    limit(git, one, 1)
    before = packs(one), one.ledger.head, one.refs("refs/")
    with pytest.raises(StoreError) as caught:
        one.fetch()
    assert caught.value.code is Code.REMOTE_TOO_LARGE
    assert "remoteMaxMiB" in caught.value.hint
    assert (packs(one), one.ledger.head, one.refs("refs/")) == before
    with pytest.raises(StoreError) as caught:
        one.put(outside(1), may_wait=True, must_keep=True)
    assert caught.value.code is Code.REMOTE_TOO_LARGE
    assert len(one.refs(PENDING)) == 1

    limit(git, one, 16)
    with pytest.raises(RejectedError) as odd:  # it was taken, looked at, and not followed
        one.fetch()
    assert odd.value.code is Code.LEDGER_MALFORMED
    limit(git, one, 1)
    git("update-ref", DEFAULT_REF, good, cwd=hub[0])
    assert one.push().waiting == 0


def sealed(clone, month, size):
    body = outside(month)
    commit = write_packet(
        clone.store,
        {"artifacts/noise": noise(size, month)},
        {"seal.cose": b"x"},
        signer=EXECUTOR,
        author=AUTHOR,
        time=clone.clock(),
        message="Seal\n",
    )
    when = clone.clock().replace(month=month)
    names = {"packet_tree": body.packet_tree, "packet_id": body.packet}
    shelve(clone.store, commit, **names, author=AUTHOR, time=when)
    clone.put(body)


def test_all_that_a_command_fetches_counts_together(two, git):
    """Each shelf is below the limit, both are not; the next command goes on with the second."""
    one, other = two
    for month in (1, 2):
        sealed(one, month, 700_000)
    limit(git, other, 1)
    with pytest.raises(StoreError) as caught:
        other.fetch()
    assert caught.value.code is Code.REMOTE_TOO_LARGE
    assert len(shelved(other.store)) == 1
    other.fetch()
    assert shelved(other.store) == {outside(1).packet, outside(2).packet}


@pytest.mark.parametrize("setting", ["0", "-1", "x", "", "9" * 30])
def test_a_limit_that_is_none_is_not_taken(two, git, setting):
    one, _ = two
    limit(git, one, setting)
    assert ledger_remote(one.store).budget.left == 4 * 2**30


def test_too_many_refs(two, hub):
    """More names than are listed: said as what it is, long before the deadline."""
    one, _ = two
    one.fetch()
    oid = one.ledger.commit
    lines = [f"{oid} refs/greenlight/shelf/{'x' * 200}{number:06d}\n" for number in range(80_000)]
    (hub[0] / "packed-refs").write_text(
        "# pack-refs with: peeled fully-peeled sorted \n" + "".join(lines)
    )
    remote = ledger_remote(one.store)
    with pytest.raises(StoreError) as caught:
        remote.refs("refs/greenlight/shelf/*")
    assert caught.value.code is Code.REMOTE_TOO_LARGE


def test_what_a_fetch_had_begun_at_the_deadline_goes(two, hub, git, tmp_path, monkeypatch):
    """It sends a part, and then nothing: its part is not left on the disk."""
    one, _ = two
    one.fetch()
    swollen(git, hub, 5 * MIB)
    ssh(
        monkeypatch,
        tmp_path,
        "if service == 'git-upload-pack' and os.path.exists(path + '/slow'):\n"
        "    sending = subprocess.Popen(['git', 'upload-pack', path], stdout=subprocess.PIPE)\n"
        "    left = 3 * 2**20\n"
        "    while left > 0 and (data := os.read(sending.stdout.fileno(), min(left, 65536))):\n"
        "        os.write(1, data); left -= len(data)\n"
        "    time.sleep(60)\n" + REAL,
    )
    one.url(f"host:{hub[0]}")
    remote = ledger_remote(one.store)
    assert remote.refs(DEFAULT_REF)
    (hub[0] / "slow").touch()
    git("config", "greenlight.remoteTimeout", "2", cwd=one.git_dir)
    before = packs(one)
    with pytest.raises(StoreError) as caught:
        ledger_remote(one.store).fetch({DEFAULT_REF: f"{INCOMING}x"})
    assert caught.value.code is Code.REMOTE_TIMED_OUT
    assert packs(one) == before


def test_only_what_nobody_writes_is_removed(tmp_path):
    """A file that a process holds open, an older one, and one of another name stay."""
    began = time.time()
    held, old, left = (tmp_path / f"tmp_pack_{name}" for name in ("held", "old", "left"))
    for path in (old, left, tmp_path / "pack-1.pack", tmp_path / "tmp_idx_1"):
        path.write_bytes(b"x")
    os.utime(old, (began - 60, began - 60))
    writing = (
        "import sys, time; f = open(sys.argv[1], 'wb'); print('.', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", writing, held], stdout=subprocess.PIPE) as process:
        try:
            process.stdout.read(1)
            assert remove_unfinished(tmp_path, began) == 1
        finally:
            process.kill()
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"tmp_pack_held", "tmp_pack_old", "pack-1.pack", "tmp_idx_1"}
