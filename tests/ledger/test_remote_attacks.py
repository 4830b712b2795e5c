"""Remotes, and people on the way to them, that do what they should not."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from greenlight.codes import Code
from greenlight.errors import RejectedError, StoreError
from greenlight.ledger.admit import append
from greenlight.ledger.incoming import EVIDENCE, INCOMING
from greenlight.ledger.pending import PREFIX as PENDING
from greenlight.ledger.pin import DEFAULT_REF
from greenlight.model.finding import Finding
from greenlight.services import remotes
from greenlight.services.saying import refresh
from greenlight.store.gitremote import configure
from greenlight.store.repository import open_store
from greenlight.store.shelf import shelf_entries
from tests.ledger.actors import (
    EXECUTOR,
    OWNER,
    grant,
    outside,
    packet_sealed,
    reserved,
    run_opened,
    trust_root,
)
from tests.ledger.test_remote import (
    REAL,
    SHELVES,
    Clone,
    force,
    hook,
    hub,
    seal,
    shelved,
    ssh,
    tip,
    two,
)

__all__ = ["hub", "two"]  # fixtures


# --- a remote that does not count


@pytest.fixture
def backup(two, tmp_path, git):
    """A second remote of the first clone, which has what the counting one had."""
    one, _ = two
    path = tmp_path / "backup.git"
    git("init", "-q", "--bare", path, cwd=tmp_path)
    git("remote", "add", "backup", path, cwd=one.git_dir)
    remotes.push(one.store, OWNER, "backup", clock=one.clock)
    return path, "sha1"


def test_a_push_elsewhere_admits_nothing(two, hub, git, tmp_path, backup):
    """Only the remote that counts takes what waits; a copy gets what that one has taken."""
    one, other = two
    assert tip(git, backup) == tip(git, hub)
    one.url(tmp_path / "nowhere.git")
    one.put(outside(1), may_wait=True)
    one.url(hub[0])
    done = remotes.push(one.store, OWNER, "backup", clock=one.clock)
    assert (done.admitted, done.waiting) == (0, 1)
    assert tip(git, backup) == tip(git, hub) == one.ledger.commit

    other.put(reserved())
    assert one.push().admitted == 1
    remotes.push(one.store, OWNER, "backup", clock=one.clock)
    assert tip(git, backup) == tip(git, hub)


def test_a_fetch_from_elsewhere_moves_nothing(two, git, tmp_path, backup):
    """A copy that is ahead of the remote that counts is not followed: its records are nobody's."""
    one, other = two
    stray = Clone(tmp_path, "stray", backup, git, pin=one.ledger.head.pin)
    with stray.store:
        stray.put(run_opened(1))
    size = one.ledger.head.size
    with pytest.raises(RejectedError) as caught:
        remotes.fetch(one.store, "backup")
    assert caught.value.code is Code.LEDGER_FORK
    assert one.ledger.head.size == size
    other.put(run_opened(2))
    assert one.fetch().head.size == size + 1


# --- what waits


def test_what_waits_and_has_no_authority_any_more_is_placed_once(two, hub, tmp_path):
    """Its key left the trust root meanwhile: void, reported, and let go like any other."""
    one, other = two
    one.fetch()
    one.url(tmp_path / "nowhere.git")
    one.put(outside(1), may_wait=True)
    other.put(
        replace(
            trust_root(2),
            keys=tuple(item for item in trust_root().keys if item.public != EXECUTOR.public),
        ),
        signer=OWNER,
    )
    one.url(hub[0])
    assert one.push().waiting == 0
    assert [void.code for void in one.ledger.state.voids] == [Code.TRUST_REFUSED]
    size = one.ledger.head.size
    one.push()
    one.put(grant("g7"), signer=OWNER)
    assert one.ledger.head.size == size + 1


# --- outcomes


SLOW = (
    "if service == 'git-receive-pack':\n"
    "    took = subprocess.Popen(['git', 'receive-pack', path], stdout=subprocess.PIPE,\n"
    "                            start_new_session=True)\n"
    "    sys.stdout.buffer.write(os.read(took.stdout.fileno(), 65536)); sys.stdout.flush()\n"
    "    time.sleep(1.0)\n"
    "    sys.exit(1)\n" + REAL
)


def test_a_connection_that_is_cut_while_the_remote_goes_on(two, hub, tmp_path, monkeypatch):
    """What it has not taken yet it may still take: that is not "nothing was admitted"."""
    one, _ = two
    one.put(run_opened(1))
    hook(hub, "sleep 5; exit 0")
    ssh(monkeypatch, tmp_path, SLOW)
    one.url(f"host:{hub[0]}")
    with pytest.raises(StoreError) as caught:
        one.put(reserved())
    assert caught.value.code is Code.REMOTE_OUTCOME_UNKNOWN


def test_one_of_two_push_urls_refuses(two, git, tmp_path):
    """The remote took it, whatever a second place to push to says."""
    one, _ = two
    git("init", "-q", "--bare", tmp_path / "more.git", cwd=tmp_path)
    hook((tmp_path / "more.git", ""), "exit 1")
    git("config", "--add", "remote.origin.url", tmp_path / "more.git", cwd=one.git_dir)
    assert not one.put(run_opened(1)).waits
    assert one.ledger.head.size == 3


def test_a_stale_lock_over_there(two, hub):
    """It looks like a lost race and is none: a few tries, not a thousand."""
    one, _ = two
    (hub[0] / "refs/greenlight/ledger.lock").write_text("")
    with pytest.raises(StoreError) as caught:
        one.put(run_opened(1))
    assert caught.value.code is Code.REMOTE_REFUSED


def test_a_mirror(two, git):
    """``git clone --mirror`` leaves a setting that git refuses to push with."""
    one, _ = two
    git("config", "remote.origin.mirror", "true", cwd=one.git_dir)
    assert not one.put(run_opened(1)).waits


def test_an_empty_remote_of_the_other_format(hub, tmp_path, git):
    """The first push says so, too."""
    one = Clone(tmp_path, "one", (hub[0], "sha256"), git)
    with one.store, pytest.raises(StoreError) as caught:
        append(one.store, OWNER, lambda *_: [one.pen.sign(trust_root(), OWNER)], clock=one.clock)
    assert caught.value.code is Code.REMOTE_FORMAT


def test_a_relative_url_is_relative_to_the_repository(two, tmp_path, monkeypatch):
    """And not to wherever the command was started."""
    one, _ = two
    one.url("../hub.git")
    (tmp_path / "a/b").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "a/b")
    assert not one.put(run_opened(1)).waits


# --- rewinds


@pytest.mark.parametrize("how", ["deleted", "rewound"])
def test_a_ledger_that_was_published_is_remembered(hub, tmp_path, git, how):
    """A remote that was given all of a ledger, and lost it, is found at once."""
    one = Clone(tmp_path, "one", hub, git)
    git("config", "--unset", "greenlight.remote", cwd=one.git_dir)
    with one.store:
        one.put(trust_root(), signer=OWNER)
        start = one.ledger.commit
        one.put(grant(), signer=OWNER)
        configure(one.store, "origin")
        one.push()
        if how == "deleted":
            git("update-ref", "-d", DEFAULT_REF, cwd=hub[0])
        else:
            force(git, hub, start)
        with pytest.raises(RejectedError) as caught:
            one.push()
        assert caught.value.code is Code.LEDGER_REWOUND


def test_evidence_of_one_rewind_is_kept_once(two, hub, git):
    """However often it is looked at."""
    one, _ = two
    start = one.ledger.commit
    one.put(run_opened(1))
    force(git, hub, start)
    for _ in range(3):
        with pytest.raises(RejectedError):
            one.fetch()
    assert len(one.refs(EVIDENCE)) == 2
    assert len(list((one.git_dir / "greenlight/evidence").iterdir())) == 1


def test_a_packet_is_not_lost_with_the_remote(two, hub, git):
    """The remote was rewound, or refuses, between run and seal: the packet waits, all the same."""
    one, _ = two
    start = one.ledger.commit
    one.put(run_opened(1))
    good = one.ledger.commit
    force(git, hub, start)
    with pytest.raises(RejectedError) as caught:
        one.put(packet_sealed(1), may_wait=True, must_keep=True)
    assert caught.value.code is Code.LEDGER_REWOUND
    assert len(one.refs(PENDING)) == 1
    force(git, hub, good)
    hook(hub, "exit 1")
    with pytest.raises(StoreError) as refused:
        one.put(outside(4), may_wait=True, must_keep=True)
    assert refused.value.code is Code.REMOTE_REFUSED
    assert len(one.refs(PENDING)) == 2
    hook(hub, "exit 0")
    assert one.push().waiting == 0
    assert packet_sealed(1).packet in one.ledger.state.packets


@pytest.mark.parametrize("prune", [False, True])
def test_a_plain_fetch_that_takes_everything_away(two, hub, git, tmp_path, prune):
    """``+refs/greenlight/*`` with ``--prune``: what waited, and what was seen, comes back."""
    one, _ = two
    start = one.ledger.commit
    one.put(run_opened(1))
    good = one.ledger.commit
    one.url(tmp_path / "nowhere.git")
    one.put(packet_sealed(1), may_wait=True)
    one.url(hub[0])
    force(git, hub, start)
    words = ["--prune"] if prune else []
    git("fetch", "-q", *words, "origin", "+refs/greenlight/*:refs/greenlight/*", cwd=one.git_dir)
    assert bool(one.refs(PENDING)) is not prune
    with pytest.raises(RejectedError) as caught:
        one.fetch()
    assert caught.value.code is Code.LEDGER_REWOUND
    assert good in (caught.value.hint or "")
    git("update-ref", DEFAULT_REF, good, cwd=one.git_dir)
    with pytest.raises(RejectedError) as caught:
        one.fetch()
    assert caught.value.code is Code.LEDGER_REWOUND  # that of the remote is rewound all the same
    force(git, hub, good)
    assert one.push().admitted == 1
    assert packet_sealed(1).packet in one.ledger.state.packets


# --- names and rubbish


HOSTILE = [
    "refs/heads/refs/greenlight/shelf/2026-01",
    "refs/greenlight/shelf/2026-01x",
    "refs/greenlight/shelf/2026-13",
    "refs/greenlight/shelf/a/b",
    "refs/greenlight/shelf/\u00e9",
    "refs/replace/refs/greenlight/shelf/2026-02",
]


def test_names_of_shelves_over_there(two, hub, git):
    """What only looks like a shelf is left where it is, and stops nobody."""
    one, other = two
    seal(one, 1)
    for name in HOSTILE:
        git("update-ref", name, tip(git, hub), cwd=hub[0])
    other.fetch()
    assert shelved(other.store) == {outside(1).packet}
    assert not any(
        name.startswith(("refs/heads/", "refs/replace/")) for name in other.refs("refs/")
    )
    assert len(other.refs(SHELVES)) == 1


@pytest.mark.parametrize("what", ["blob", "tree", "ledger"])
def test_rubbish_on_a_shelf_over_there(two, hub, git, what):
    """Shelves prove nothing: whoever puts something else there stops no append."""
    one, other = two
    other.fetch()
    seal(one, 1)
    (ref,) = one.refs(SHELVES)
    oid = tip(git, hub)
    if what != "ledger":
        oid = (
            git("rev-parse", f"{oid}:head" if what == "blob" else f"{oid}:", cwd=hub[0])
            .decode()
            .strip()
        )
    force(git, hub, oid, ref)
    done = seal(one, 2)
    assert not done.waits
    assert not seal(other, 3).waits
    assert outside(3).packet in other.ledger.state.packets
    held = [each for each in shelf_entries(other.store) if not isinstance(each, Finding)]
    assert outside(3).packet in {entry.packet_id for entry in held}
    assert git("fsck", "--strict", cwd=other.git_dir) is not None


# --- at once


def test_many_commands_at_once_in_one_clone(two, tmp_path):
    """They follow the same remote, and none of them trips over another."""
    one, other = two
    one.fetch()
    for number in range(6):
        other.put(outside(number + 1))

        def follow_once(_):
            with open_store(one.git_dir, tmp_path) as store:
                refresh(store)

        with ThreadPoolExecutor(6) as pool:
            list(pool.map(follow_once, range(6)))
    assert one.ledger.head == other.ledger.head
    assert one.refs(INCOMING) == {}


def test_a_killed_fetch_leaves_nothing_for_ever(two):
    """What it was looking at goes with the next command."""
    one, other = two
    one.fetch()
    ref = f"{INCOMING}ledger-0123456789abcdef"
    one.store.refs.swap(ref, old=None, new=one.ledger.commit)
    os.utime(one.git_dir / ref, (0, 0))
    other.put(reserved())
    one.fetch()
    assert one.refs(INCOMING) == {}
