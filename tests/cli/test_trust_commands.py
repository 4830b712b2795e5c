"""Owners at work: proposals, rotation, revocation, both halves of keys, the clock."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Done, git
from tests.cli.team import Team
from tests.tools import need_faketime


def meet(folder: Path, *, hybrid: bool = True) -> Team:
    """Make keys and a store that Alice owns alone."""
    repo = folder / "repo"
    repo.mkdir()
    git("init", "-q", cwd=repo)
    team = Team(folder, repo)
    for who in ("alice", "bob", "carol", "runner"):
        words = ("--hybrid",) if hybrid else ()
        team.ok(who, "keys", "new", team.key(who), *words)
    team.ok("alice", "init")
    (folder / "evidence").mkdir()
    (folder / "evidence" / "file").write_text("what happened\n")
    return team


def public(team: Team, who: str) -> Path:
    return Path(f"{team.key(who)}.pub")


def proposed(
    team: Team, *words: str | Path, by: str = "alice", signers: tuple[str, ...] = ()
) -> Path:
    """Write a proposal down and have others sign it."""
    path = team.folder / f"proposal-{len(list(team.folder.glob('proposal-*')))}"
    team.ok(by, "trust", *words, "--out", path)
    for who in signers:
        team.ok(who, "trust", "sign", path)
    return path


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Team:
    """Alice and Bob are wanted both; a runner seals."""
    team = meet(tmp_path_factory.mktemp("two"))
    team.ok("alice", "trust", "add", public(team, "bob"), "--role", "owner", "--hybrid")
    team.ok("alice", "trust", "add", public(team, "runner"), "--role", "executor", "--hybrid")
    path = proposed(team, "set", "--threshold", "owner=2", signers=("bob",))
    team.ok("alice", "trust", "apply", path)
    return team


@pytest.fixture
def copied(two: Team, tmp_path: Path) -> Team:
    """A copy of that, to change."""
    shutil.copytree(two.folder, tmp_path / "copy")
    return Team(tmp_path / "copy", tmp_path / "copy" / "repo")


def test_a_store_without_halves_is_of_format_1(tmp_path: Path) -> None:
    """Who uses nothing of format 2 gets what there was before, byte for byte."""
    team = meet(tmp_path, hybrid=False)
    team.ok("alice", "trust", "add", public(team, "bob"), "--role", "reviewer")
    shown = team.ok("alice", "trust", "show", "--json").json
    assert (shown["root_format"], shown["version"]) == (1, 2)
    halfless = team("alice", "trust", "add", public(team, "bob"), "--role", "owner", "--hybrid")
    assert halfless.refused(69, "KEY_MISSING")
    team.ok("alice", "trust", "rotate", public(team, "bob"), public(team, "carol"))
    shown = team.ok("alice", "trust", "show", "--json").json
    assert (shown["root_format"], shown["version"]) == (1, 3)
    team.ok("alice", "trust", "add", public(team, "bob"), "--role", "log")
    shown = team.ok("alice", "trust", "show", "--json").json
    assert shown["root_format"] == 2
    team.ok("alice", "trust", "set", "--expires", "2090-01-01T00:00:00Z")
    assert team("alice", "trust", "set", "--expires", "1970-01-01T00:00:00Z").refused(
        77, "TRUST_EXPIRED"
    )


def test_one_owner_is_not_two(copied: Team) -> None:
    """Alone, or twice, Alice gets nothing through; nothing is written."""
    before = copied.ok("alice", "trust", "show").out
    words = ("trust", "add", public(copied, "carol"), "--role", "owner")
    assert copied("alice", *words).refused(77, "TRUST_THRESHOLD")
    path = proposed(copied, *words[1:], signers=("alice", "alice"))
    assert copied("alice", "trust", "apply", path).refused(77, "TRUST_THRESHOLD")
    assert copied("carol", "trust", "sign", path).exit == 0  # an owner of the next one
    assert copied("runner", "trust", "sign", path).refused(77, "TRUST_REFUSED")
    assert copied("runner", "trust", "apply", path).refused(77, "TRUST_REFUSED")
    assert copied.ok("alice", "trust", "show").out == before
    copied.ok("bob", "trust", "sign", path)
    assert "version     5" in copied.ok("alice", "trust", "apply", path).out


def test_a_proposal_says_what_it_changes(copied: Team) -> None:
    """Whoever is asked to sign sees it, in words and as JSON."""
    path = proposed(copied, "set", "--threshold", "owner=1", "--hybrid", "off")
    shown = copied.ok("bob", "trust", "sign", path, "--json").json
    assert shown["changes"] == ["owners that sign: 2 -> 1"]
    assert len(shown["signed_by"]) == 2
    again = copied("alice", "trust", "set", "--threshold", "owner=1", "--out", path)
    assert again.refused(77, "OUTPUT_EXISTS")


def _edit(path: Path, change: dict[str, object]) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | change))


@pytest.mark.parametrize(
    ("change", "exit_code", "code"),
    [
        ({"expires": "2099-01-01T00:00:00Z"}, 77, "TRUST_SIGNATURE_INVALID"),
        ({"follows": "sha256:" + "0" * 64}, 77, "TRUST_STALE"),
        ({"version": 9}, 77, "TRUST_REFUSED"),
        ({"format": 3}, 65, "MALFORMED"),
        ({"signatures": []}, 77, "TRUST_THRESHOLD"),
        ({"hybrid": "yes"}, 65, "MALFORMED"),
        ({"keys": []}, 65, "MALFORMED"),
    ],
    ids=str,
)
def test_an_edited_proposal(
    copied: Team, change: dict[str, object], exit_code: int, code: str
) -> None:
    """Each said with its code; nothing is written."""
    path = proposed(copied, "set", "--threshold", "owner=1", signers=("bob",))
    _edit(path, change)
    assert copied("alice", "trust", "apply", path).refused(exit_code, code)


def test_no_proposal(copied: Team, tmp_path: Path) -> None:
    """What is none is not signed."""
    path = tmp_path / "none"
    assert copied("alice", "trust", "sign", path).refused(69, "FILE_UNREADABLE")
    path.write_bytes(b"\0" * 2_000_000)
    assert copied("alice", "trust", "sign", path).refused(65, "MALFORMED")
    path.write_text("[]")
    assert copied("alice", "trust", "apply", path).refused(65, "MALFORMED")
    path.write_text("{")
    assert copied("alice", "trust", "apply", path).refused(65, "JSON_MALFORMED")


def test_a_proposal_that_came_too_late(copied: Team) -> None:
    """Of two, the second was made for a root that is no more."""
    one = proposed(copied, "set", "--expires", "2090-01-01T00:00:00Z", signers=("bob",))
    other = proposed(copied, "set", "--expires", "2091-01-01T00:00:00Z", signers=("bob",))
    copied.ok("alice", "trust", "apply", one)
    assert copied("alice", "trust", "apply", other).refused(77, "TRUST_STALE")
    assert copied("alice", "trust", "apply", one).refused(77, "TRUST_STALE")
    assert copied("carol", "trust", "sign", other).refused(77, "TRUST_STALE")


def test_rotation(copied: Team) -> None:
    """Bob's key goes and Carol's comes: Alice, Bob and Carol sign."""
    words = ("rotate", public(copied, "bob"), public(copied, "carol"), "--hybrid")
    private = copied.key("carol")
    private.rename(private.with_suffix(".away"))
    path = proposed(copied, *words)
    copied.ok("bob", "trust", "sign", path)
    assert copied("alice", "trust", "apply", path).refused(77, "TRUST_NEW_OWNERS")
    private.with_suffix(".away").rename(private)
    copied.ok("carol", "trust", "sign", path)
    shown = copied.ok("alice", "trust", "apply", path, "--json").json
    assert shown["version"] == 5
    assert len(shown["versions"][-1]["signed_by"]) == 3
    assert copied("bob", "trust", "set", "--threshold", "owner=1").refused(77, "TRUST_REFUSED")


def test_a_new_key_that_is_here_signs_with_the_old_one(tmp_path: Path) -> None:
    """One person, one command: the owner's own key is replaced, and both signed."""
    team = meet(tmp_path)
    words = (public(team, "alice"), public(team, "bob"), "--hybrid")
    shown = team.ok("alice", "trust", "rotate", *words, "--json").json
    assert len(shown["versions"][-1]["signed_by"]) == 2
    assert team("alice", "trust", "set", "--expires", "never").exit == 77


def test_both_halves_are_demanded(copied: Team) -> None:
    """A packet has a second seal, and a key that lacks its half is refused before anything."""
    path = proposed(copied, "set", "--hybrid", "on", by="bob", signers=("alice",))
    copied.ok("bob", "trust", "apply", path)
    sealed = copied.ok("runner", "seal", copied.folder / "evidence", "--json").json
    verdict = copied.ok("alice", "verify", sealed["packet_id"])
    assert verdict.out.startswith("INTACT")
    assert "+ ML-DSA-44" in verdict.out
    half = copied.key("runner").with_name("runner.key.mldsa44")
    half.rename(half.with_suffix(".away"))
    missing = copied("runner", "seal", copied.folder / "evidence")
    assert missing.refused(77, "TRUST_HYBRID_MISSING")
    secret = {"GREENLIGHT_SIGNING_KEY": copied.key("runner").read_text()}
    both = secret | {"GREENLIGHT_SIGNING_KEY_MLDSA44": half.with_suffix(".away").read_text()}
    command = ("seal", copied.folder / "evidence", "--json")
    done = _without_option(copied, *command, **both)
    assert done.exit == 0, done.err
    assert _without_option(copied, *command, **secret).refused(77, "TRUST_HYBRID_MISSING")
    kinds = secret | {"GREENLIGHT_SIGNING_KEY_MLDSA44": copied.key("runner").read_text()}
    assert _without_option(copied, *command, **kinds).refused(65, "KEY_TYPE_WRONG")


def _without_option(team: Team, *words: str | Path, **env: str) -> Done:
    """Run a command whose key comes from the environment alone."""
    done = subprocess.run(
        [sys.executable, "-m", "greenlight", *map(str, words)],
        cwd=team.repo,
        env=team.environment(**env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
    )
    return Done(done.returncode, done.stdout.decode(), done.stderr.decode())


def test_a_demand_that_not_everybody_can_meet(copied: Team) -> None:
    """Who would be locked out is said before."""
    path = proposed(copied, "add", public(copied, "carol"), "--role", "executor", signers=("bob",))
    copied.ok("alice", "trust", "apply", path)
    words = ("trust", "set", "--hybrid", "on", "--out", copied.folder / "demand")
    assert copied("alice", *words).refused(65, "TRUST_HYBRID_MISSING")


def test_a_second_seal_travels_with_the_packet(copied: Team, tmp_path: Path) -> None:
    """A stranger with the trust root's digest sees both; whoever takes it away is found out."""
    path = proposed(copied, "set", "--hybrid", "on", by="bob", signers=("alice",))
    copied.ok("bob", "trust", "apply", path)
    sealed = copied.ok("runner", "seal", copied.folder / "evidence", "--json").json
    out = tmp_path / "out"
    copied.ok("alice", "checkout", sealed["packet_id"], out)
    pin = copied.ok("alice", "trust", "show", "--json").json["trust_root"]
    words = ("verify", out, "--trust-root", pin)
    assert copied.ok("carol", *words, cwd=tmp_path).out.startswith("INTACT")
    (out / "ledger" / "records" / f"{sealed['record'] + 1}.cbor").unlink()
    assert copied("carol", *words, cwd=tmp_path).refused(1, "SEAL_HYBRID_MISSING")


def test_revocation(copied: Team) -> None:
    """What a key signed before the index stays good, what it signed since is not vouched for."""
    packets = [
        copied.ok("runner", "seal", copied.folder / "evidence", "--json").json for _ in range(2)
    ]
    since = str(packets[1]["record"])
    words = ("revoke", public(copied, "runner"), "--from", since, "--reason", "It was broken into.")
    path = proposed(copied, *words, signers=("bob",))
    shown = copied.ok("alice", "trust", "apply", path, "--json").json
    assert shown["revoked"][0]["since"] == int(since)
    assert copied.ok("alice", "verify", packets[0]["packet_id"]).out.startswith("INTACT")
    assert copied("alice", "verify", packets[1]["packet_id"]).refused(1, "SIGNER_REVOKED")
    assert copied("runner", "seal", copied.folder / "evidence").refused(77, "KEY_REVOKED")
    back = ("trust", "add", public(copied, "runner"), "--role", "executor", "--out", path)
    assert copied("alice", *back).refused(65, "KEY_REVOKED")
    twice = ("trust", *words, "--out", copied.folder / "again")
    assert copied("alice", *twice).refused(77, "KEY_REVOKED")


@pytest.mark.parametrize(
    ("words", "exit_code", "code"),
    [
        (("revoke", "carol", "--reason", "x"), 77, "TRUST_REFUSED"),
        (("revoke", "runner", "--from", "99", "--reason", "x"), 77, "USAGE"),
        (("revoke", "runner", "--from", "-1", "--reason", "x"), 64, "USAGE"),
        (("revoke", "runner", "--from", "x", "--reason", "x"), 64, "USAGE"),
        (("revoke", "runner", "--reason", "two\nlines"), 65, "MALFORMED"),
        (("revoke", "bob", "--reason", "x"), 65, "MALFORMED"),
        (("rotate", "carol", "bob"), 77, "TRUST_REFUSED"),
        (("rotate", "runner", "bob"), 77, "USAGE"),
        (("add", "bob", "--role", "owner"), 77, "USAGE"),
        (("set",), 64, "USAGE"),
        (("set", "--threshold", "owner=3"), 65, "MALFORMED"),
        (("set", "--threshold", "owner=0"), 65, "MALFORMED"),
        (("set", "--threshold", "witness=1"), 65, "MALFORMED"),
        (("set", "--threshold", "executor=2"), 64, "USAGE"),
        (("set", "--threshold", "owner"), 64, "USAGE"),
        (("set", "--threshold", "owner=2"), 77, "USAGE"),
        (("set", "--expires", "tomorrow"), 65, "MALFORMED"),
        (("set", "--hybrid", "perhaps"), 64, "USAGE"),
    ],
    ids=str,
)
def test_what_no_trust_root_says(
    two: Team, words: tuple[str, ...], exit_code: int, code: str
) -> None:
    """A mistake is told from a refusal, and nothing is written."""
    named = [public(two, each) if each in ("bob", "carol", "runner") else each for each in words]
    done = two("alice", "trust", *named, "--out", two.folder / "never")
    assert done.refused(exit_code, code)
    assert not (two.folder / "never").exists()


def test_a_new_origin(copied: Team) -> None:
    """Below the threshold nothing can be mended: another ledger goes on, and says from where."""
    store = copied.folder / "new.git"
    words = ("init", "--store", store, "--succeeds", copied.repo)
    assert copied("carol", *words).refused(64, "USAGE")
    reason = "Alice and Bob lost their keys."
    copied.ok("carol", *words, "--succeeds-reason", reason)
    shown = copied.ok("carol", "trust", "show", "--store", store, "--json").json
    (past,) = shown["versions"][0]["succeeds"]
    assert past["origin"].endswith(_pin(copied).removeprefix("sha256:"))
    assert (past["size"], past["reason"]) == (5, reason)
    copied.ok("carol", "seal", copied.folder / "evidence", "--store", store)
    head = copied.folder / "head"
    head.write_text("not a head")
    words = ("init", "--store", copied.folder / "x.git", "--succeeds", head)
    assert copied("carol", *words, "--succeeds-reason", "x").refused(65, "LEDGER_HEAD_MISMATCH")


def _pin(team: Team) -> str:
    return str(team.ok("alice", "trust", "show", "--json").json["trust_root"])


def test_the_clock_is_corrected_by_an_owner(tmp_path: Path) -> None:
    """A tip ahead of time stops everybody until an owner says what time it is."""
    team = meet(tmp_path, hybrid=False)
    team.ok("alice", "trust", "add", public(team, "runner"), "--role", "executor")
    evidence = team.folder / "evidence"
    ahead = _faketime("2106-02-07 06:28:16")
    team.ok("alice", "seal", evidence, **ahead)
    stopped = team("runner", "seal", evidence)
    assert stopped.refused(77, "CLOCK_AHEAD")
    assert "greenlight clock correct" in stopped.err
    assert team("runner", "clock", "correct").refused(77, "TRUST_REFUSED")
    assert team("alice", "clock", "correct", "--to", "2106-01-01T00:00:00Z").refused(64, "USAGE")
    team.ok("alice", "clock", "correct")
    team.ok("runner", "seal", evidence)
    back = _faketime("1970-01-02 00:00:00")
    assert team("runner", "seal", evidence, **back).refused(77, "CLOCK_AHEAD")


def _faketime(moment: str) -> dict[str, str]:
    """Return what lets a process believe another time, where that is installed."""
    return {"LD_PRELOAD": str(need_faketime()), "FAKETIME": f"@{moment}", "TZ": "UTC"}


def test_a_hybrid_key_with_a_passphrase(tmp_path: Path) -> None:
    """One passphrase for both halves; whoever has a half signs by it from the first record on."""
    word = tmp_path / "word"
    word.write_text("correct horse\n")
    (tmp_path / "evidence").mkdir()
    (tmp_path / "evidence" / "file").write_text("what happened\n")
    team = Team(tmp_path, tmp_path, env={"GREENLIGHT_PASSPHRASE_FILE": str(word)})
    team.ok("alice", "keys", "new", team.key("alice"), "--hybrid", "--passphrase")
    at = ("--store", tmp_path / "store.git")
    team.ok("alice", "init", *at)
    shown = team.ok("alice", "trust", "show", "--json", *at).json
    assert shown["root_format"] == 2
    assert shown["versions"][0]["signed_by"] == [shown["versions"][0]["by"]]
    sealed = team.ok("alice", "seal", tmp_path / "evidence", "--json", *at).json
    assert "+ ML-DSA-44" in team.ok("alice", "verify", sealed["packet_id"], *at).out
    word.write_text("wrong\n")
    assert team("alice", "seal", tmp_path / "evidence", *at).refused(65, "KEY_PASSPHRASE")
    shown = team.ok("alice", "keys", "show", team.key("alice"), "--json").json
    assert shown["post_quantum"].startswith("ssh-mldsa-44 ")
