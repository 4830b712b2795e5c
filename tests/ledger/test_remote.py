"""Two clones and a remote whose ledger counts: admitted, raced, out of reach, rewound, lied to."""

from __future__ import annotations

import json
import shlex
import shutil
import stat
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from greenlight.codes import Code
from greenlight.errors import RefusedError, RejectedError, StoreError, UsageError
from greenlight.ledger import admit as admitting
from greenlight.ledger.admit import append
from greenlight.ledger.append import place, write_placed
from greenlight.ledger.commits import Committer, write_commits
from greenlight.ledger.incoming import EVIDENCE, INCOMING, TRACKING, follow
from greenlight.ledger.pending import PREFIX as PENDING
from greenlight.ledger.pending import keep_pending, read_pending, with_pending
from greenlight.ledger.pin import DEFAULT_REF, Pin, read_pin, write_pin
from greenlight.ledger.read import read_ledger, read_records
from greenlight.model.head import Head
from greenlight.model.receipt import Operation
from greenlight.model.record import decode_record
from greenlight.services.remotes import fetch, push
from greenlight.services.spending import Attempt, spend
from greenlight.store.gitremote import GitRemote, Pushed, configure, ledger_remote
from greenlight.store.packets import write_packet
from greenlight.store.repository import create_store, open_store
from greenlight.store.shelf import PREFIX as SHELVES
from greenlight.store.shelf import shelf_entries, shelve
from tests.ledger.actors import (
    AUTHOR,
    EXECUTOR,
    OWNER,
    STRANGER,
    Clock,
    Pen,
    begin,
    grant,
    outside,
    packet_sealed,
    receipt,
    reserved,
    run_opened,
    trust_root,
)

TRACKED = f"{TRACKING}origin/ledger"


class Clone:
    """A store with the remote ``origin``, and what its person does there."""

    def __init__(self, folder, name, hub, git, pin=None):
        self.git_dir = folder / f"{name}.git"
        self.store = create_store(self.git_dir, object_format=hub[1])
        self.clock = Clock()
        self._git = git
        git("remote", "add", "origin", str(hub[0]), cwd=self.git_dir)
        configure(self.store, "origin")
        if pin is not None:
            write_pin(self.store, Pin.of(pin))
        self.pen = Pen(hash(name) % 1000 * 1000 + 5000)

    def put(self, *bodies, signer=EXECUTOR, **more):
        entries = [self.pen.sign(body, signer) for body in bodies]
        return append(
            self.store, OWNER, lambda *_: entries, clock=self.clock, author=AUTHOR, **more
        )

    @property
    def ledger(self):
        return read_ledger(self.store, DEFAULT_REF, pin=read_pin(self.store))

    def push(self):
        return push(self.store, OWNER, "", clock=self.clock)

    def fetch(self):
        return fetch(self.store, "")

    def url(self, url):
        self._git("remote", "set-url", "origin", str(url), cwd=self.git_dir)

    def refs(self, prefix):
        return self.store.refs.list(prefix)


BOTH = pytest.mark.parametrize("hub", ["sha1", "sha256"], indirect=True)


@pytest.fixture
def hub(request, tmp_path, git):
    """A bare repository, as any host has them."""
    path, name = tmp_path / "hub.git", getattr(request, "param", "sha1")
    git("init", "-q", "--bare", f"--object-format={name}", path, cwd=tmp_path)
    return path, name


@pytest.fixture
def two(hub, tmp_path, git):
    """Two clones of one remote, whose ledger begins with a trust root and a grant."""
    one = Clone(tmp_path, "one", hub, git)
    begun = append(
        one.store,
        OWNER,
        lambda *_: [one.pen.sign(trust_root(), OWNER), one.pen.sign(grant(), OWNER)],
        clock=one.clock,
        author=AUTHOR,
    )
    other = Clone(tmp_path, "two", hub, git, pin=begun.head.pin)
    with one.store, other.store:
        yield one, other


def tip(git, hub, ref=DEFAULT_REF):
    done = git("rev-parse", "--verify", "--quiet", ref, cwd=hub[0], check=False)
    return done.stdout.decode().strip() or None


@BOTH
def test_what_is_appended_is_there_first(two, hub, git):
    """The ref here moves to what the remote has, and the other clone sees it."""
    one, other = two
    done = one.put(run_opened(1))
    assert not done.waits
    assert tip(git, hub) == one.store.refs.read(DEFAULT_REF) == done.ledger.commit
    assert one.store.refs.read(TRACKED) == done.ledger.commit
    assert other.ledger.commit is None

    again = other.put(packet_sealed(1))
    assert again.indexes == (3,)
    assert other.ledger.state.packets[packet_sealed(1).packet].index == 3
    assert one.fetch().head == again.head
    assert one.ledger == other.ledger
    assert one.refs(INCOMING) == {} == other.refs(PENDING)


def test_a_lost_race_is_placed_again_without_a_new_signature(two, monkeypatch):
    """Somebody gets in between following and pushing; the entry that was signed goes behind."""
    one, other = two
    one.put(run_opened(1))
    calls = []
    real = GitRemote.push

    def slow(self, refs, **more):
        if self.store is one.store and len(calls) < 3:
            calls.append(1)
            other.put(run_opened(10 + len(calls), use=1 + len(calls)))
        return real(self, refs, **more)

    monkeypatch.setattr(GitRemote, "push", slow)
    entries = []

    def decide(*_):
        entries.append(one.pen.sign(packet_sealed(1), EXECUTOR))
        return [entries[-1]]

    done = append(one.store, OWNER, decide, clock=one.clock, author=AUTHOR)
    assert len(entries) == 1
    assert done.indexes == (6,)
    assert len(calls) == 3


def test_a_lost_claim_is_refused_or_decided_anew(two):
    """A ticket range is decided again; a use that is gone is refused, and nothing stays."""
    one, other = two
    one.fetch()
    other.put(reserved())
    ranges = []

    def decide(state, _now):
        first = state.highest.get("TKT-OBJ", 441) + 1
        ranges.append(first)
        return [one.pen.sign(reserved(first, first + 1), EXECUTOR)]

    append(one.store, OWNER, decide, clock=one.clock, author=AUTHOR)
    assert ranges[-1] == 462
    other.put(run_opened(1))
    with pytest.raises(RefusedError) as caught:
        one.put(run_opened(2))
    assert caught.value.code is Code.GRANT_USED_UP
    assert one.refs(PENDING) == {}


# --- out of reach


@BOTH
def test_what_may_wait_waits_and_is_admitted_later(two, hub, tmp_path):
    """SEALED here, counted here, ADMITTED with the same signatures, in order."""
    one, other = two
    one.fetch()
    one.url(tmp_path / "nowhere.git")
    done = one.put(run_opened(1), may_wait=True)
    assert done.waits
    assert done.ledger.state.runs
    sealed = one.put(packet_sealed(1), may_wait=True)
    assert sealed.waits
    assert len(one.refs(PENDING)) == 2
    assert one.ledger.head.size == 2
    seen = with_pending(one.store, one.ledger)
    assert packet_sealed(1).packet in seen.state.packets
    assert seen.state.next_use("g1") == 2
    for body in (reserved(), receipt()):  # only ADMITTED yields tickets or receipts
        with pytest.raises(StoreError) as caught:
            one.put(body, signer=OWNER)
        assert caught.value.code is Code.REMOTE_UNREACHABLE
    raw = [entry for act in read_pending(one.store) for entry in act.entries]

    one.url(hub[0])
    other.put(run_opened(7, use=7))
    pushed = one.push()
    assert (pushed.admitted, pushed.waiting, pushed.conflicts) == (2, 0, ())
    assert one.refs(PENDING) == {}
    placed = [decode_record(each).entry for each in read_records(one.store, one.ledger, 3, 5)]
    assert placed == raw


def test_a_packet_that_lost_meanwhile_is_a_conflict_and_never_dropped(two, hub, tmp_path):
    """Its own claim, or its run's use of the grant, went to another: admitted as CONFLICT."""
    one, other = two
    one.fetch()
    one.url(tmp_path / "nowhere.git")
    one.put(run_opened(1), may_wait=True)
    one.put(packet_sealed(1), may_wait=True)
    one.put(outside(5, packet_tree="sha256:" + "5" * 64), may_wait=True)
    other.put(run_opened(2))  # the same use of the same grant
    other.put(outside(5))
    one.url(hub[0])
    pushed = one.push()
    assert set(pushed.conflicts) == {packet_sealed(1).packet, outside(5).packet}
    state = one.ledger.state
    assert [held.sealed.packet_tree for held in state.conflicts] == [
        packet_sealed(1).packet_tree,
        "sha256:" + "5" * 64,
    ]
    assert [void.code for void in state.voids] == [
        Code.GRANT_USED_UP,
        Code.PACKET_CONFLICT,
        Code.PACKET_CONFLICT,
    ]
    assert other.fetch().head == one.ledger.head


def crash(*_):
    raise KeyboardInterrupt


def test_a_run_that_goes_on_waits_for_its_packet(two, hub, tmp_path):
    """Pushed in between, it stays; both are admitted at one moment; or the run after a day."""
    one, _ = two
    one.fetch()
    one.url(tmp_path / "nowhere.git")
    one.put(run_opened(1), may_wait=True)
    one.put(run_opened(2, use=2), may_wait=True)
    one.url(hub[0])
    assert one.push().waiting == 2
    one.put(packet_sealed(1), may_wait=True, ends=[packet_sealed(1).run])
    state = one.ledger.state
    assert state.runs[packet_sealed(1).run].time == state.packets[packet_sealed(1).packet].time
    assert len(one.refs(PENDING)) == 1
    one.clock.now += timedelta(days=1, minutes=1)
    assert one.push().waiting == 0
    assert [run.opened.run for run in one.ledger.state.abandoned()] == [run_opened(2).run]


def test_a_crash_after_the_push_counts_once(two, monkeypatch):
    """The remote has it, this store does not know: nothing is placed twice."""
    one, _ = two
    one.put(run_opened(1))
    monkeypatch.setattr(admitting, "write_placed", crash)
    with pytest.raises(KeyboardInterrupt):
        one.put(packet_sealed(1))
    monkeypatch.undo()
    assert one.ledger.head.size == 3
    assert one.fetch().head.size == 4
    assert packet_sealed(1).packet in one.ledger.state.packets


def test_what_waits_and_was_taken_is_let_go(two):
    """An entry that is in both places is one: its actor and UUID say so."""
    one, _ = two
    one.put(run_opened(1))
    entry = one.pen.sign(packet_sealed(1), EXECUTOR)
    keep_pending(one.store, [entry], OWNER, author=AUTHOR, now=one.clock())
    append(one.store, OWNER, lambda *_: [one.pen.sign(reserved(), EXECUTOR)], clock=one.clock)
    assert one.refs(PENDING) == {}
    size = one.ledger.head.size
    keep_pending(one.store, [entry], OWNER, author=AUTHOR, now=one.clock())
    assert one.push().waiting == 0
    assert one.ledger.head.size == size


# --- what is not followed


def force(git, hub, commit, ref=DEFAULT_REF):
    git("update-ref", ref, commit, cwd=hub[0])


def kept(clone):
    told = [
        json.loads(path.read_text()) for path in (clone.git_dir / "greenlight/evidence").iterdir()
    ]
    assert clone.refs(EVIDENCE)
    return told


@pytest.mark.parametrize("how", ["rewound", "deleted", "forked", "longer fork"])
def test_a_remote_that_lost_history(two, hub, git, tmp_path, how):
    """Found, never followed, nothing here moves, and both ends are kept."""
    one, other = two
    start = one.ledger.commit
    one.put(run_opened(1))
    other.fetch()
    here = one.ledger.commit
    code = Code.LEDGER_REWOUND
    if how == "rewound":
        force(git, hub, start)
    elif how == "deleted":
        git("update-ref", "-d", DEFAULT_REF, cwd=hub[0])
    else:
        force(git, hub, start)
        third = Clone(tmp_path, "third", hub, git, pin=one.ledger.head.pin)
        with third.store:
            third.put(run_opened(2))
            if how == "longer fork":
                third.put(reserved())
    for act in (one.fetch, one.push, lambda: one.put(packet_sealed(1))):
        with pytest.raises(RejectedError) as caught:
            act()
        assert caught.value.code is code
    assert one.ledger.commit == here
    ends = kept(one)[0]
    assert ends["seen"]["commit"] == here
    assert ends["found"]["head"] != ends["seen"]["head"]
    assert tip(git, hub) != here  # and what is wrong there is not overwritten


def test_two_histories_of_one_origin(two, hub, git, tmp_path):
    """A clone that never saw the remote's, and has its own: a fork."""
    one, _ = two
    lone = Clone(tmp_path, "lone", hub, git, pin=one.ledger.head.pin)
    with lone.store:
        lone.fetch()
        git("config", "--unset", "greenlight.remote", cwd=lone.git_dir)
        lone.put(run_opened(1))
        one.put(run_opened(2))
        configure(lone.store, "origin")
        lone.store.refs.delete(TRACKED, old=lone.store.refs.read(TRACKED))
        with pytest.raises(RejectedError) as caught:
            lone.fetch()
        assert caught.value.code is Code.LEDGER_FORK
        assert kept(lone)


def test_a_ledger_that_is_longer_here_is_published(hub, tmp_path, git):
    """A remote was named later: the first push brings all of it there."""
    one = Clone(tmp_path, "one", hub, git)
    git("config", "--unset", "greenlight.remote", cwd=one.git_dir)
    with one.store:
        begin(one.store, one.clock)
        one.put(run_opened(1))
        configure(one.store, "origin")
        assert tip(git, hub) is None
        one.push()
        assert tip(git, hub) == one.ledger.commit
        git("config", "--unset", "greenlight.remote", cwd=one.git_dir)
        one.put(packet_sealed(1))
        configure(one.store, "origin")
        assert one.push().head.size == 4
        assert tip(git, hub) == one.ledger.commit


@pytest.mark.usefixtures("two")
def test_another_origin(hub, git, tmp_path):
    """The remote has somebody else's ledger: TRUST_ROOT_MISMATCH, and nothing is followed."""
    other = Clone(tmp_path, "lone", hub, git)
    git("config", "--unset", "greenlight.remote", cwd=other.git_dir)
    with other.store:
        begin(other.store, other.clock)
        configure(other.store, "origin")
        with pytest.raises(RejectedError) as caught:
            other.fetch()
        assert caught.value.code in (Code.TRUST_ROOT_MISMATCH, Code.LEDGER_FORK)


@pytest.mark.usefixtures("two")
def test_nothing_is_pinned(hub, git, tmp_path):
    """A stranger's clone appends nothing to a ledger that nobody vouched for."""
    lone = Clone(tmp_path, "lone", hub, git)
    with lone.store, pytest.raises(RefusedError) as caught:
        lone.put(trust_root(), signer=STRANGER)
    assert caught.value.code is Code.TRUST_REFUSED


VOIDS = {
    "a squatted claim": lambda pen: pen.sign(outside(1), STRANGER),
    "without authority": lambda pen: pen.sign(grant("g9"), EXECUTOR),
    "rubbish": lambda _: b"rubbish",
}


@pytest.mark.parametrize("make", VOIDS.values(), ids=VOIDS)
def test_void_entries_of_others_stop_nobody(two, make):
    """Anybody who can push can append anything: it is void, and a valid entry after it holds."""
    one, other = two
    other.fetch()
    ledger, now = other.ledger, other.clock()
    placed = place(ledger, (make(other.pen),), now)
    assert placed.voids
    committer = Committer(OWNER, AUTHOR, None)
    places = write_commits(other.store, ledger.commit, placed.pieces, committer, now)
    other.store.objects.flush()
    remote = ledger_remote(other.store)
    assert remote.push({DEFAULT_REF: places[-1].commit}).result is Pushed.TAKEN
    write_placed(other.store, ledger, placed, places)

    assert one.put(outside(1)).indexes == (3,)
    assert outside(1).packet in one.ledger.state.packets
    assert len(one.ledger.state.voids) == 1


# --- remotes that refuse, hang, lie


def hook(hub, text):
    path = hub[0] / "hooks" / "pre-receive"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def test_a_remote_that_refuses(two, hub):
    """Its words are shown, escaped; nothing is acknowledged, nothing is lost."""
    one, _ = two
    hook(hub, "printf 'not \\033[31mtoday\\n' >&2; exit 1")
    with pytest.raises(StoreError) as caught:
        one.put(run_opened(1))
    assert caught.value.code is Code.REMOTE_REFUSED
    assert "today" in str(caught.value)
    assert "\x1b" not in str(caught.value)
    assert one.ledger.head.size == 2
    hook(hub, "exit 0")
    assert one.put(run_opened(1)).indexes == (2,)


def test_one_entry_that_a_remote_refuses_does_not_stop_the_others(two, hub, tmp_path):
    """It is kept and named; what was made after it goes."""
    one, _ = two
    one.fetch()
    one.url(tmp_path / "nowhere.git")
    one.put(outside(1), may_wait=True)
    one.put(outside(3), may_wait=True)
    one.url(hub[0])
    # A hook that reads what comes, and will not have one packet.
    hook(
        hub,
        "while read -r old new ref; do\n"
        '  for blob in $(git ls-tree -r "$new" records/ | cut -d" " -f3 | cut -f1); do\n'
        '    git cat-file blob "$blob" | grep -aq ' + outside(1).run + " && exit 1\n"
        "  done\n"
        "done\nexit 0",
    )
    with pytest.raises(StoreError) as caught:
        one.push()
    assert caught.value.code is Code.PENDING_REFUSED
    (left,) = one.refs(PENDING)
    assert left in str(caught.value)
    assert outside(3).packet in one.ledger.state.packets
    assert one.put(reserved()).indexes == (3,)  # nor what is admitted directly
    hook(hub, "exit 0")
    assert one.push().waiting == 0


def ssh(monkeypatch, tmp_path, text):
    """Let git reach its remote by a program of ours, which gets what ssh would."""
    script = tmp_path / "ssh.py"
    script.write_text(
        "import os, shlex, subprocess, sys, time\n"
        "command = shlex.split(sys.argv[-1])\n"
        "service, path = command[0], command[1]\n" + text
    )
    monkeypatch.setenv(
        "GIT_SSH_COMMAND", f"{shlex.quote(sys.executable)} {shlex.quote(str(script))}"
    )
    monkeypatch.setenv("GIT_SSH_VARIANT", "simple")


REAL = "os.execvp('git', ['git', service.removeprefix('git-'), path])\n"


def test_a_remote_that_hangs(two, hub, git, tmp_path, monkeypatch):
    """It is ended at the deadline, and nothing that it began is waited for."""
    one, _ = two
    ssh(monkeypatch, tmp_path, "subprocess.run(['sleep', '60'])\n")
    one.url(f"host:{hub[0]}")
    git("config", "greenlight.remoteTimeout", "1", cwd=one.git_dir)
    with pytest.raises(StoreError) as caught:
        one.put(reserved())
    assert caught.value.code is Code.REMOTE_TIMED_OUT
    assert one.put(outside(1), may_wait=True).waits


def test_a_remote_that_hangs_while_it_is_pushed_to(two, hub, git, tmp_path, monkeypatch):
    """Whether it took the push is not known, and that is what is said; then it counts once."""
    one, _ = two
    one.put(run_opened(1))
    ssh(
        monkeypatch,
        tmp_path,
        "if service == 'git-receive-pack':\n"
        "    subprocess.run(['git', 'receive-pack', path])\n"
        "    open(path + '/took', 'w').close()\n"
        "    time.sleep(60)\n"
        "if os.path.exists(path + '/took'): sys.exit(1)\n" + REAL,
    )
    one.url(f"host:{hub[0]}")
    git("config", "greenlight.remoteTimeout", "2", cwd=one.git_dir)
    with pytest.raises(StoreError) as caught:
        one.put(reserved())
    assert caught.value.code is Code.REMOTE_OUTCOME_UNKNOWN
    assert one.ledger.head.size == 3
    waits = one.put(packet_sealed(1), may_wait=True)
    assert waits.waits
    (hub[0] / "took").unlink()
    one.url(hub[0])
    one.push()
    assert len(one.ledger.state.reservations) == 1
    assert packet_sealed(1).packet in one.ledger.state.packets
    assert len(one.ledger.state.voids) == 0


def test_a_connection_that_is_cut(two, hub, git, tmp_path, monkeypatch):
    """After the push was taken: it is looked for, found, and acknowledged."""
    one, _ = two
    git("config", "greenlight.remoteTimeout", "6", cwd=one.git_dir)
    one.put(run_opened(1))
    ssh(
        monkeypatch,
        tmp_path,
        "if service == 'git-receive-pack':\n"
        "    done = subprocess.run(['git', 'receive-pack', path], stdout=subprocess.PIPE)\n"
        "    sys.stdout.buffer.write(done.stdout[:-30])\n"
        "    sys.exit(1)\n" + REAL,
    )
    one.url(f"host:{hub[0]}")
    with pytest.raises(StoreError):
        # Nothing was sent back at all: git does not begin.
        one.put(reserved())
    ssh(
        monkeypatch,
        tmp_path,
        "if service == 'git-receive-pack':\n"
        "    code = subprocess.run(['git', 'receive-pack', path]).returncode\n"
        "    sys.exit(1)\n" + REAL,
    )
    assert one.put(reserved()).ledger.state.reservations
    one.url(hub[0])
    assert one.fetch().head == one.ledger.head


def test_a_remote_that_lies(two, hub, git, tmp_path, monkeypatch):
    """It says that it took the push and did not: found by reading back, not acknowledged."""
    one, _ = two
    one.put(run_opened(1))
    git("clone", "-q", "--mirror", hub[0], tmp_path / "copy.git", cwd=tmp_path)
    copy = str(tmp_path / "copy.git")
    ssh(
        monkeypatch,
        tmp_path,
        f"if service == 'git-receive-pack': path = {copy!r}\n" + REAL,
    )
    one.url(f"host:{hub[0]}")
    with pytest.raises(StoreError) as caught:
        one.put(reserved())
    assert caught.value.code is Code.REMOTE_LIED
    assert one.ledger.head.size == 3


def test_a_spend_needs_the_remote(two, hub, tmp_path):
    """Out of reach nothing is spent; a store that was restored spends nothing again."""
    one, other = two
    content = {"repository": "omega/marketops", "tag_name": "v0.2.0", "body": "First."}
    attempt = Attempt(
        "prod", receipt().receipt_id, receipt().run_id, Operation("publish_release", content)
    )
    one.put(run_opened(1))
    one.put(receipt(), signer=OWNER)
    one.url(tmp_path / "nowhere.git")
    with pytest.raises(StoreError) as caught:
        spend(one.store, EXECUTOR, attempt, clock=one.clock)
    assert caught.value.code is Code.REMOTE_UNREACHABLE
    one.url(hub[0])

    backup = Path(shutil.copytree(one.git_dir, tmp_path / "backup.git", symlinks=True))
    assert spend(one.store, EXECUTOR, attempt, clock=one.clock)
    with open_store(backup, tmp_path) as restored:
        for store in (restored, other.store):
            clock = Clock(one.clock.now + timedelta(minutes=1))
            with pytest.raises(RefusedError) as again:
                spend(store, EXECUTOR, attempt, clock=clock)
            assert again.value.code is Code.RECEIPT_SPENT


# --- shelves


def seal(clone, number):
    body = outside(number)
    commit = write_packet(
        clone.store,
        {"number": b"%d" % number},
        {"seal.cose": b"x"},
        signer=EXECUTOR,
        author=AUTHOR,
        time=clone.clock(),
        message="Seal\n",
    )
    shelve(
        clone.store,
        commit,
        packet_tree=body.packet_tree,
        packet_id=body.packet,
        author=AUTHOR,
        time=clone.clock(),
    )
    return clone.put(body, may_wait=True)


def shelved(store):
    return {entry.packet_id for entry in shelf_entries(store)}


@BOTH
def test_shelves_of_two_clones_join(two, hub, git):
    """Ledger and shelf move together; what each has, both have in the end; no push is forced."""
    one, other = two
    other.fetch()
    seal(one, 1)
    seal(other, 2)
    seal(one, 3)
    one.fetch()
    other.fetch()
    wanted = {outside(number).packet for number in (1, 2, 3)}
    assert shelved(one.store) == shelved(other.store) == wanted
    (ref,) = one.refs(SHELVES)
    assert tip(git, hub, ref) == one.refs(SHELVES)[ref]
    assert git("fsck", "--strict", cwd=hub[0]) is not None


def test_a_job_that_spends_fetches_no_evidence(two):
    """An append brings the ledger alone; packets come when they are asked for."""
    one, other = two
    other.fetch()
    seal(one, 1)
    other.put(reserved())
    assert other.refs(SHELVES) == {}
    other.fetch()
    assert shelved(other.store) == {outside(1).packet}


# --- names and formats


@pytest.mark.parametrize("name", ["nothing", "-x", "a b", "../x", "ext::sh", "x.lock"])
def test_names_of_remotes(two, name):
    """Only a remote of this repository is one."""
    one, _ = two
    with pytest.raises(UsageError) as caught:
        fetch(one.store, name)
    assert caught.value.code is Code.REMOTE_UNKNOWN
    with pytest.raises(UsageError):
        configure(one.store, name)


def test_none_is_configured(store):
    """It says how to name one."""
    begin(store)
    with pytest.raises(RefusedError) as caught:
        fetch(store, "")
    assert caught.value.code is Code.REMOTE_UNKNOWN


def test_object_formats_that_differ(tmp_path, git):
    """They cannot fetch from each other, and that is what is said."""
    git("init", "-q", "--bare", "--object-format=sha256", tmp_path / "hub.git", cwd=tmp_path)
    one = Clone(tmp_path, "one", (tmp_path / "hub.git", "sha256"), git)
    with one.store:
        append(one.store, OWNER, lambda *_: [one.pen.sign(trust_root(), OWNER)], clock=one.clock)
        other = Clone(tmp_path, "two", (tmp_path / "hub.git", "sha1"), git, pin=one.ledger.head.pin)
        with other.store, pytest.raises(StoreError) as caught:
            other.fetch()
        assert caught.value.code is Code.REMOTE_FORMAT


def test_a_plain_fetch_that_rolled_the_ledger_back(two, hub, git):
    """``+refs/greenlight/*`` followed a rewound remote: the next command finds it by its pin."""
    one, _ = two
    start = one.ledger.commit
    one.put(run_opened(1))
    force(git, hub, start)
    git("fetch", "-q", "origin", "+refs/greenlight/ledger:refs/greenlight/ledger", cwd=one.git_dir)
    assert one.store.refs.read(DEFAULT_REF) == start
    with pytest.raises(RejectedError) as caught:
        one.fetch()
    assert caught.value.code is Code.LEDGER_REWOUND
    good = one.store.refs.read(TRACKED)  # what was seen is still here
    one.store.refs.swap(DEFAULT_REF, old=start, new=good)
    assert one.ledger.head.size == 3


def test_a_head_that_was_seen_is_held_against_what_comes(two, hub, git):
    """A fresh clone that was told of a larger head does not take a smaller ledger for it."""
    one, other = two
    start = one.ledger.commit
    done = one.put(run_opened(1))
    write_pin(other.store, Pin(DEFAULT_REF, done.head))
    force(git, hub, start)
    with pytest.raises(RejectedError) as caught:
        other.fetch()
    assert caught.value.code is Code.LEDGER_REWOUND
    assert isinstance(done.head, Head)
    remote = ledger_remote(other.store)
    assert remote is not None
    with pytest.raises(RejectedError):
        follow(other.store, remote, read_pin(other.store))
