"""A server with the pre-receive hook: honest pushes come through, and nothing else does.

Attackers push with git itself: what they write never goes through greenlight's own checks.
"""

from __future__ import annotations

import shutil
import stat
import subprocess
import sys
from copy import copy
from datetime import UTC, datetime
from pathlib import Path

import pytest

from greenlight.errors import MalformedError
from greenlight.ledger.commits import Committer, Piece, write_commits
from greenlight.ledger.pin import DEFAULT_REF, read_pin
from greenlight.ledger.read import read_ledger
from greenlight.model.entry import sign_entry
from greenlight.primitives.openssh_private import parse_private
from greenlight.services.receiving import parse_updates
from greenlight.store.repository import open_store
from greenlight.store.shelf import PREFIX
from tests.cli.conftest import LANE, git
from tests.cli.team import Team
from tests.ledger.actors import outside, reserved, trust_root
from tests.tools import need

PEOPLE = ("owner", "executor", "reviewer", "stranger")


class Server:
    """A bare repository with the hook, and two clones of it."""

    def __init__(self, folder: Path, object_format: str) -> None:
        self.format = object_format
        self.hub = folder / "hub.git"
        git("init", "-q", "--bare", f"--object-format={object_format}", self.hub, cwd=folder)
        self.one, self.two = (Team(folder, folder / name) for name in ("one", "two"))
        for team in (self.one, self.two):
            # Not `git clone`: before 2.42 it does not see what an empty repository's format is.
            git("init", "-q", f"--object-format={object_format}", team.repo, cwd=folder)
            git("remote", "add", "origin", self.hub, cwd=team.repo)
        for who in PEOPLE:
            self.one.ok(who, "keys", "new", self.one.key(who))
        said = self.one.ok("owner", "init", "--remote", "origin", "--json").json
        self.trust_root = said["trust_root"]
        for who in ("executor", "reviewer"):
            self.one.ok("owner", "trust", "add", f"{self.one.key(who)}.pub", "--role", who)
        self.two.ok("executor", "init", "--trust", self.trust_root, "--remote", "origin")
        self.install()

    def copy(self, folder: Path) -> Server:
        """Return the same in another place."""
        made = copy(self)
        shutil.copytree(self.hub.parent, folder, dirs_exist_ok=True, symlinks=True)
        made.hub = folder / "hub.git"
        made.one, made.two = (Team(folder, folder / name) for name in ("one", "two"))
        for team in (made.one, made.two):
            git("remote", "set-url", "origin", made.hub, cwd=team.repo)
        return made

    def install(self, *words: str):
        return self.one.ok(
            "owner",
            "hook",
            "install",
            "--server",
            "--trust",
            self.trust_root,
            "--store",
            self.hub,
            *words,
        )

    def tip(self, ref: str = DEFAULT_REF) -> str:
        return git("rev-parse", ref, cwd=self.hub)

    def push(self, *words: str):
        """Push from the first clone with git alone; return its exit and what it said."""
        done = subprocess.run(
            [need("git"), "push", "origin", *words],
            cwd=self.one.repo,
            env=self.one.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stderr

    def refused(self, code: str, *words: str) -> str:
        """A push that the hook refuses moves nothing, and leaves nothing."""
        before = git("for-each-ref", cwd=self.hub), objects(self.hub)
        exit_code, said = self.push(*words)
        assert exit_code != 0
        assert f"greenlight: error: {code}:" in said or f"greenlight: {code}:" in said, said
        assert "pre-receive hook declined" in said
        assert (git("for-each-ref", cwd=self.hub), objects(self.hub)) == before
        return said

    def forge(self, *entries: bytes, mend: bool = True) -> None:
        """Write records behind the ledger of the first clone, whatever they are worth."""
        with open_store(None, self.one.repo) as store:
            ledger = read_ledger(store, DEFAULT_REF, pin=read_pin(store))
            time = ledger.tip.time
            records, tip = ledger.tip.follow(entries, lambda _entry, last: last or time)
            committer = Committer(self.signer("stranger"), "x <x@example.org>", "Forged\n")
            if not mend:
                tip = ledger.tip
            piece = Piece(records, (), tip)
            now = datetime.now(UTC)
            written = write_commits(store, ledger.commit, [piece], committer, now)
            store.objects.flush()
            store.refs.swap(DEFAULT_REF, old=ledger.commit, new=written[-1].commit)

    def signer(self, who: str):
        return parse_private(self.one.key(who).read_bytes(), None)


def objects(folder: Path) -> list[str]:
    return sorted(str(path) for path in (folder / "objects").rglob("*") if path.is_file())


@pytest.fixture(scope="module")
def made_once(tmp_path_factory):
    return Server(tmp_path_factory.mktemp("server"), "sha1")


@pytest.fixture
def server(made_once, tmp_path):
    return made_once.copy(tmp_path)


def test_of_the_other_format(tmp_path):
    """Objects of SHA-256 are found in quarantine as well."""
    server = Server(tmp_path, "sha256")
    server.one.ok("owner", "grant", "issue", f"{server.one.key('executor')}.pub")
    server.forge(entry(server, reserved(), "stranger"))
    server.refused("TRUST_REFUSED", DEFAULT_REF)


def entry(server, body, who, number=1):
    uuid = f"00000000-0000-4000-8000-{number:012d}"
    return sign_entry(body, uuid=uuid, signer=server.signer(who))


def test_honest_pushes(server, tmp_path):
    """Runs, countersignatures, reservations: from both clones, as without the hook."""
    one, two = server.one, server.two
    one.ok("owner", "grant", "issue", f"{one.key('executor')}.pub", "--uses", "3")
    lane = tmp_path / "lane"
    shutil.copytree(LANE.parent, lane)
    ran = two.ok("executor", "run", lane / "lane.yaml", "--json").json
    assert ran["verdict"]["state"] == "ADMITTED"
    one.ok("owner", "fetch")
    one.ok("reviewer", "countersign", ran["packet_id"])
    two.ok("executor", "fetch")
    assert two.ok("executor", "ledger", "verify", "--json").json["voids"] == []
    git("commit", "-q", "--allow-empty", "-m", "x", cwd=one.repo)
    exit_code, said = server.push("HEAD:refs/heads/topic", "HEAD:refs/tags/x")
    assert exit_code == 0, said
    exit_code, said = server.push(":refs/heads/topic")  # no ref of ours
    assert exit_code == 0, said


def test_a_lost_race_is_let_in(server, tmp_path):
    """A packet whose id was taken while its clone was away is CONFLICT, and is evidence."""
    one, two = server.one, server.two
    one.ok("owner", "grant", "issue", f"{one.key('executor')}.pub", "--uses", "1")
    two.ok("executor", "fetch")
    lane = tmp_path / "lane"
    shutil.copytree(LANE.parent, lane)
    git("remote", "set-url", "origin", tmp_path / "away.git", cwd=two.repo)
    assert "SEALED" in two.ok("executor", "run", lane / "lane.yaml", "--json").out
    git("remote", "set-url", "origin", server.hub, cwd=two.repo)
    one.ok("executor", "run", lane / "lane.yaml")
    pushed = two.ok("executor", "push")
    assert "CONFLICT" in two.ok("executor", "log").out, pushed.out + pushed.err


def test_deleted(server):
    """Neither the ledger nor a shelf goes away."""
    server.refused("LEDGER_REWOUND", f":{DEFAULT_REF}")


def test_rewound(server):
    """Not to its parent, and not to another history of the same beginning."""
    parent = git("rev-parse", f"{DEFAULT_REF}^", cwd=server.one.repo)
    server.refused("LEDGER_REWOUND", f"+{parent}:{DEFAULT_REF}")


def test_another_history(server):
    """Somebody who fetched less goes on from there."""
    one = server.one
    tip = git("rev-parse", DEFAULT_REF, cwd=one.repo)
    git("update-ref", DEFAULT_REF, f"{tip}^", cwd=one.repo)
    shutil.rmtree(one.repo / ".git" / "greenlight" / "spare", ignore_errors=True)
    pin = one.repo / ".git" / "greenlight" / "pin"
    pin.unlink()
    one.ok("owner", "init", "--trust", server.trust_root)
    server.forge(entry(server, reserved(), "owner"), entry(server, reserved(900, 901), "owner", 2))
    server.refused("LEDGER_FORK", f"+{DEFAULT_REF}:{DEFAULT_REF}")


def test_another_ledger(server, tmp_path):
    """One that begins with somebody else's trust root."""
    other = Team(tmp_path, tmp_path / "other")
    git("init", "-q", f"--object-format={server.format}", other.repo, cwd=tmp_path)
    other.ok("stranger", "init")
    tip = git("rev-parse", DEFAULT_REF, cwd=other.repo)
    git("fetch", "-q", other.repo, f"{DEFAULT_REF}:refs/heads/foreign", cwd=server.one.repo)
    server.refused("LEDGER_FORK", f"+{tip}:{DEFAULT_REF}")
    git("update-ref", "-d", DEFAULT_REF, cwd=server.hub)
    shutil.rmtree(server.hub / "greenlight")
    server.install()
    server.refused("TRUST_ROOT_MISMATCH", f"{tip}:{DEFAULT_REF}")


def test_no_authority(server):
    """An entry of a stranger, of a role that may not, with a broken signature, of no kind."""
    server.forge(entry(server, reserved(), "stranger"))
    server.refused("TRUST_REFUSED", DEFAULT_REF)


def test_a_role_that_may_not(server):
    """A reviewer sets no trust root."""
    server.forge(entry(server, trust_root(2), "reviewer"))
    server.refused("TRUST_REFUSED", DEFAULT_REF)


def test_a_squatted_claim(server):
    """Signed by one who may, claiming what its body does not say."""
    body = reserved()

    class Squatter:
        KIND = body.KIND
        subject = body.KIND
        claims = ("receipt/00000000-0000-4000-8000-000000000000/spent",)

        @staticmethod
        def to_body():
            return body.to_body()

    server.forge(entry(server, Squatter(), "executor"))
    server.refused("ENTRY_VOID", DEFAULT_REF)


def test_said_twice(server):
    """Ranges that are taken: the second is not let in, the valid one before it neither."""
    server.forge(entry(server, reserved(), "executor", 1), entry(server, reserved(), "executor", 2))
    said = server.refused("TICKETS_TAKEN", DEFAULT_REF)
    assert "would have no effect" in said


def test_broken_structure(server):
    """Records that the head does not speak for."""
    server.forge(entry(server, reserved(), "executor"), mend=False)
    server.refused("LEDGER_HEAD_MISMATCH", DEFAULT_REF)


def test_rubbish(server):
    """A commit that is no ledger's."""
    git("commit", "-q", "--allow-empty", "-m", "x", cwd=server.one.repo)
    head = git("rev-parse", "HEAD", cwd=server.one.repo)
    exit_code, said = server.push(f"+{head}:{DEFAULT_REF}")
    assert exit_code != 0
    assert "LEDGER_" in said


def test_a_packet_that_is_not_there(server):
    """Recorded as sealed, and in no push."""
    server.forge(entry(server, outside(7), "executor"))
    server.refused("PACKET_MISSING", DEFAULT_REF)


def test_refs_that_are_not_shared(server):
    """What belongs to one repository alone; shelves that are none, go back, or go away."""
    one = server.one
    head = git("rev-parse", DEFAULT_REF, cwd=one.repo)
    for ref in ("pending/1-x", "private/x", "evidence/x", "shelf/x", "nothing"):
        server.refused("REF_NOT_SHARED", f"{head}:refs/greenlight/{ref}")
    server.refused("SHELF_MALFORMED", f"{head}:{PREFIX}2026-01")


def test_a_shelf_goes_forward(server, tmp_path):
    """It is not deleted, and not moved back."""
    one = server.one
    evidence = tmp_path / "evidence"
    for number in (1, 2):
        evidence.mkdir()
        (evidence / "x").write_text(str(number))
        one.ok("executor", "seal", evidence, "--lane", "outside")
        shutil.rmtree(evidence)
    (line,) = git("for-each-ref", "--format=%(refname)", PREFIX, cwd=server.hub).splitlines()
    server.refused("REF_DELETED", f":{line}")
    server.refused("REF_REWOUND", f"+{line}^:{line}")


def test_a_probe_is_refused_what_the_ledger_is(server):
    """So that whoever asks what this server refuses is told the truth."""
    one = server.one
    tree = git("hash-object", "-t", "tree", "-w", "/dev/null", cwd=one.repo)
    first = git("commit-tree", "-m", "1", tree, cwd=one.repo)
    second = git("commit-tree", "-m", "2", "-p", first, tree, cwd=one.repo)
    ref = "refs/greenlight/probe/x"
    assert server.push(f"{first}:{ref}")[0] == 0
    assert server.push(f"{second}:{ref}")[0] == 0
    server.refused("REF_REWOUND", f"+{first}:{ref}")
    server.refused("REF_DELETED", f":{ref}")


def test_a_broken_server_lets_nothing_in(server):
    """Where its own ledger cannot be judged, nothing can be."""
    (server.hub / "greenlight" / "pin").write_text("rubbish")
    server.forge(entry(server, reserved(), "executor"))
    server.refused("STORE_DAMAGED", DEFAULT_REF)


def test_a_push_that_is_too_long_to_be_read(server):
    """Nothing of it is let in: what is not read is not judged, and git would move it all."""
    zeros, tip = "0" * 40, server.tip()
    line = f"{zeros} {tip} refs/heads/{'a' * 480}{{:06d}}\n"
    text = "".join(line.format(number) for number in range(8000))
    text = text[: 4 * 1024 * 1024].rpartition("\n")[0] + "\n"
    filler = 4 * 1024 * 1024 - len(text)
    text += f"{zeros} {tip} refs/heads/".ljust(filler - 1, "b") + "\n" if filler else ""
    assert len(text) == 4 * 1024 * 1024
    delete = f"{tip} {zeros} {DEFAULT_REF}\n"
    for given, code in ((text + delete, "LIMIT_EXCEEDED"), (delete, "LEDGER_REWOUND")):
        done = subprocess.run(
            [sys.executable, "-m", "greenlight", "hook", "pre-receive"],
            cwd=server.hub, env=server.one.environment(), input=given,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode != 0
        assert code in done.stderr


@pytest.mark.parametrize("text", ["x", "a b c\n", "\n", f"{'0' * 39} {'0' * 40} refs/x\n"])
def test_what_is_no_update(text):
    """It is refused, and not passed over."""
    with pytest.raises(MalformedError):
        parse_updates(text)


def test_names_with_odd_line_ends():
    """Git allows U+2028 in a name; a line ends where git ends it."""
    zeros, one = "0" * 40, "1" * 40
    updates = parse_updates(f"{zeros} {one} refs/heads/a\u2028b\n{one} {zeros} refs/heads/c\n")
    assert [update.ref for update in updates] == ["refs/heads/a\u2028b", "refs/heads/c"]
    assert (updates[0].old, updates[1].new) == (None, None)
    assert parse_updates("") == ()


def test_a_hook_that_is_killed(server):
    """Git throws the push away, and nothing moved."""
    path = server.hub / "hooks" / "pre-receive"
    killed = "kill -KILL $$"
    path.write_text(path.read_text().replace("exec ", f"{killed}\nexec "))
    before = git("for-each-ref", cwd=server.hub), objects(server.hub)
    server.forge(entry(server, reserved(), "executor"))
    assert server.push(DEFAULT_REF)[0] != 0
    assert (git("for-each-ref", cwd=server.hub), objects(server.hub)) == before


# --- installing


def test_installed_once(server):
    """Again is the same; executable; the hook of somebody else stays as it is."""
    path = server.hub / "hooks" / "pre-receive"
    assert path.stat().st_mode & stat.S_IXUSR
    before = path.read_bytes()
    assert "AS IT WAS" in server.install().out
    assert path.read_bytes() == before
    path.write_text("#!/bin/sh\nexit 0\n")
    words = ("hook", "install", "--server", "--store", server.hub)
    done = server.one("owner", *words)
    assert done.refused(77, "HOOK_FOREIGN")
    assert "hook pre-receive" in done.err
    assert path.read_text() == "#!/bin/sh\nexit 0\n"


def test_where_git_looks_for_hooks(server, tmp_path):
    """core.hooksPath is honoured."""
    folder = tmp_path / "hooks"
    git("config", "core.hooksPath", folder, cwd=server.hub)
    assert str(folder / "pre-receive") in server.install().out
    (server.hub / "hooks" / "pre-receive").unlink()
    server.forge(entry(server, reserved(), "stranger"))
    server.refused("TRUST_REFUSED", DEFAULT_REF)


def test_without_a_pin(tmp_path):
    """Nothing by which a push could be judged: no hook."""
    hub = tmp_path / "hub.git"
    git("init", "-q", "--bare", hub, cwd=tmp_path)
    team = Team(tmp_path, tmp_path)
    team.ok("owner", "keys", "new", team.key("owner"))
    done = team("owner", "hook", "install", "--server", "--store", hub)
    assert done.refused(69, "STORE_MISSING")
    assert not (hub / "hooks" / "pre-receive").exists()
