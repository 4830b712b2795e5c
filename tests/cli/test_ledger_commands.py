"""The ledger as a log, through the real commands: proven, signed, witnessed, rewritten."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from greenlight.codes import Code
from greenlight.errors import RefusedError
from greenlight.ledger.commits import Committer, Piece, write_commits
from greenlight.ledger.hashes import Hashes
from greenlight.ledger.pin import DEFAULT_REF, read_pin
from greenlight.ledger.read import read_ledger, read_records
from greenlight.model.checkpoint import Checkpoint, CheckpointSigned
from greenlight.model.head import Head
from greenlight.model.record import decode_record
from greenlight.primitives.openssh_private import parse_private
from greenlight.services.ledgers import prove_inclusion
from greenlight.services.saying import say
from greenlight.store.repository import open_store
from greenlight.verify.ahead import look
from greenlight.verify.ledger import Tip
from tests.cli.team import Team, assemble
from tests.tools import need


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Team:
    team = assemble(tmp_path_factory.mktemp("team"))
    for who in ("log", "witness", "other"):
        team.ok(who, "keys", "new", team.key(who))
    team.ok("owner", "trust", "add", f"{team.key('log')}.pub", "--role", "log")
    for who in ("witness", "other"):
        team.ok("owner", "trust", "add", f"{team.key(who)}.pub", "--role", "witness")
    team.ok("log", "ledger", "checkpoint", "--out", team.folder / "first")
    return team


@pytest.fixture
def team(made: Team, tmp_path: Path) -> Team:
    folder = Path(shutil.copytree(made.folder, tmp_path / "team", symlinks=True))
    return Team(folder, folder / "repo", made.packet)


def size(team: Team) -> int:
    return int(team.ok("owner", "ledger", "verify", "--json").json["entries"])


def test_verify(team: Team):
    """Exit 0; 1 where it has fewer entries than were asked for; what it has is counted (004)."""
    said = team.ok("owner", "ledger", "verify", "--json").json
    assert said["verified"] == said["entries"]
    assert (said["breaks"], said["order"], said["collisions"]) == (0, 0, 0)
    assert said["checkpoints"] == 1
    many = str(said["entries"] + 1)
    assert team("owner", "ledger", "verify", "--min", many).refused(1, "LEDGER_TOO_SHORT")
    team.ok("owner", "ledger", "verify", "--min", str(said["entries"]))


def test_verify_since(team: Team):
    """Only what is new since a checkpoint, or since a head that somebody noted."""
    first = team.folder / "first"
    said = team.ok("owner", "ledger", "verify", "--since", first, "--json").json
    assert said["verified"] == said["entries"] - Checkpoint.decode(first.read_bytes()).head.size
    head = team.write("head", Checkpoint.decode(first.read_bytes()).note.text)
    team.ok("owner", "ledger", "verify", "--since", head)
    other = team.write(
        "other-head", head.read_text().replace("greenlight/", "greenlight/")[:-5] + "AAA=\n"
    )
    done = team("owner", "ledger", "verify", "--since", other)
    assert done.exit in (2, 65)


def test_proofs(team: Team):
    """Of a record, by index, UUID or packet, at the end or before; of an older ledger."""
    last = size(team)
    by_packet = team.ok("owner", "ledger", "prove", team.packet, "--json").json
    by_index = team.ok("owner", "ledger", "prove", str(by_packet["index"]), "--json").json
    assert by_packet == by_index
    assert by_packet["size"] == last
    shown = team.ok("owner", "ledger", "show", str(by_packet["index"]), "--json").json
    assert (shown["leaf"], shown["kind"]) == (by_packet["leaf"], "packet.sealed")
    again = team.ok(
        "owner", "ledger", "prove", shown["uuid"], "--size", str(last - 1), "--json"
    ).json
    assert again["size"] == last - 1
    old = team.ok("owner", "ledger", "prove", "--consistency", team.folder / "first", "--json").json
    assert old["old_size"] < old["size"] == last
    for words in ((str(last),), ("nothing-here",), ("0", "--size", str(last + 1))):
        assert team("owner", "ledger", "prove", *words).refused(64, "RECORD_UNKNOWN")
    assert team("owner", "ledger", "prove").refused(64, "USAGE")
    assert team("owner", "ledger", "prove", "0", "--receipt", team.folder / "r").refused(
        77, "TRUST_REFUSED"
    )


def test_the_log_of_entries(team: Team):
    """Newest first, as many as were asked for."""
    said = team.ok("owner", "ledger", "log", "-n", "2", "--json").json
    assert [entry["kind"] for entry in said["entries"]] == ["checkpoint.signed", "trust.root"]


def test_only_a_log_key_signs(team: Team):
    """Not the owner's, not an executor's."""
    for who in ("owner", "executor", "stranger"):
        assert team(who, "ledger", "checkpoint").refused(77, "TRUST_REFUSED")


# --- witnesses


def cosign(team: Team, who: str, checkpoint: Path, *words: str | Path):
    return team(who, "witness", "cosign", checkpoint, "--state", team.folder / who, *words)


def test_witnesses(team: Team):
    """Two distinct ones are two; one twice is one; the quorum is asked for by name."""
    one, both = team.folder / "one", team.folder / "both"
    assert cosign(team, "witness", team.folder / "first", "--out", one).exit == 0
    verify = ("ledger", "verify", "--checkpoint")
    team.ok("owner", *verify, one, "--witnesses", "1")
    assert team("owner", *verify, one, "--witnesses", "2").refused(2, "CHECKPOINT_WITNESSES")
    twice = team.folder / "twice"
    assert cosign(team, "witness", one, "--out", twice).exit == 0
    assert team("owner", *verify, twice, "--witnesses", "2").refused(2, "CHECKPOINT_WITNESSES")
    assert cosign(team, "other", one, "--out", both).exit == 0
    team.ok("owner", *verify, both, "--witnesses", "2")
    assert cosign(team, "owner", one).refused(77, "TRUST_REFUSED")


def test_a_witness_goes_forward_only(team: Team):
    """A smaller checkpoint is a rollback: nothing is signed, both ends are kept."""
    team.ok("log", "ledger", "checkpoint", "--out", team.folder / "second")
    assert cosign(team, "witness", team.folder / "second").exit == 0
    done = cosign(team, "witness", team.folder / "first", "--out", team.folder / "out")
    assert done.refused(77, "WITNESS_ROLLBACK")
    assert not (team.folder / "out").exists()
    kept = {path.name.split(".")[1].split("-")[0] for path in (team.folder / "witness").iterdir()}
    assert kept >= {"checkpoint", "seen", "found"}
    (memory,) = (team.folder / "witness").glob("*.checkpoint")
    memory.write_bytes(b"damaged")
    assert cosign(team, "witness", team.folder / "second").refused(69, "STORE_DAMAGED")


def test_a_witness_finds_a_fork(team: Team):
    """Two checkpoints of one size, both signed by the log key: one of them it has seen."""
    assert cosign(team, "witness", team.folder / "first").exit == 0
    given = Checkpoint.decode((team.folder / "first").read_bytes())
    signer = parse_private(team.key("log").read_bytes(), None)
    for size in (given.head.size, given.head.size + 1):
        forked = Checkpoint.sign(replace(given.head, size=size, root=bytes(32)), signer)
        path = team.folder / f"forked-{size}"
        path.write_bytes(forked.encode())
        assert cosign(team, "witness", path).refused(77, "WITNESS_FORK")
    # What it saw is still what it saw.
    assert cosign(team, "witness", team.folder / "first").exit == 0


def test_a_log_that_signed_two_histories(team: Team):
    """A checkpoint in the ledger whose root is not the tree's: the log key lied, once at least."""
    given = Checkpoint.decode((team.folder / "first").read_bytes())
    signer = parse_private(team.key("log").read_bytes(), None)
    forged = Checkpoint.sign(replace(given.head, root=bytes(32)), signer)
    body = CheckpointSigned(checkpoint=forged.encode().decode("utf-8"))
    with open_store(team.repo, team.repo) as store:
        say(store, signer, lambda *_: [body], clock=lambda: datetime.now(UTC))
    assert team("owner", "ledger", "verify").refused(2, "CHECKPOINT_ROOT")


def test_hashes_that_were_changed_prove_nothing(team: Team):
    """What is kept for speed is not believed: no proof is handed out that does not verify."""
    with open_store(team.repo, team.repo) as store:
        ledger = read_ledger(store, DEFAULT_REF, pin=read_pin(store))
        wrong = replace(ledger, hashes=Hashes(None, [bytes(32)] * ledger.head.size))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("greenlight.services.ledgers.ledger_of", lambda *_, **__: wrong)
            with pytest.raises(RefusedError) as caught:
                prove_inclusion(store, "2")
            assert caught.value.code is Code.INCLUSION_NOT_PROVEN


BAD = {
    "of another ledger": (
        lambda text: text.replace("greenlight/", "greenlight/", 1)[:11] + "0" * 64 + text[75:],
        "CHECKPOINT_ORIGIN",
    ),
    "of more records": (lambda text: text.replace("\n11\n", "\n12\n"), "CHECKPOINT_SIGNATURE"),
    "without a signature that is known": (
        lambda text: text.split("\u2014")[0] + "\u2014 somebody AAAAAAAAAAAAAAAA\n",
        "CHECKPOINT_UNSIGNED",
    ),
}


@pytest.mark.parametrize(("change", "code"), BAD.values(), ids=BAD)
def test_a_checkpoint_that_is_none_of_this_ledger(team: Team, change, code: str):
    """Nothing is cosigned, and verifying says what is wrong."""
    text = (team.folder / "first").read_text()
    bad = team.write("bad", change(text))
    if bad.read_text() == text:
        bad.write_text(text.replace(f"\n{Checkpoint.decode(text.encode()).head.size}\n", "\n99\n"))
    assert cosign(team, "witness", bad).refused(77, code)
    done = team("owner", "ledger", "verify", "--checkpoint", bad, "--json")
    assert done.exit == 2
    assert code in {finding["code"] for finding in done.json["findings"]}


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ("", "NOTE_MALFORMED"),
        ("x\n", "NOTE_MALFORMED"),
        ("a\nb\nc\n\n\u2014 x AAAAAAAA\n", "CHECKPOINT_MALFORMED"),
    ],
)
def test_what_is_no_checkpoint(team: Team, data: str, code: str):
    """Malformed, with its file."""
    bad = team.write("bad", data)
    assert cosign(team, "witness", bad).refused(65, code)
    assert team("owner", "ledger", "verify", "--checkpoint", bad).exit == 65


# --- rewrites


def rewrite(team: Team, change):
    """Rewrite the ledger as an insider with every key: edit, hash again, sign again."""
    with open_store(team.repo, team.repo) as store:
        pin = read_pin(store)
        ledger = read_ledger(store, DEFAULT_REF, pin=pin)
        records = [decode_record(raw) for raw in read_records(store, ledger, 0, ledger.head.size)]
        entries = change([(record.entry, record.time) for record in records])
        signer = parse_private(team.key("owner").read_bytes(), None)
        tip, placed, last = Tip(), [], records[0].time
        for entry, time in entries:
            last = max(last, time)  # an insider has a clock too
            raw, tip = tip.place(entry, last)
            placed.append(raw)
        piece = _piece(Piece, entries, placed, tip)
        committer = Committer(signer, "x <x@example.org>", None)
        places = write_commits(store, None, [piece], committer, records[-1].time)
        store.objects.flush()
        store.refs.swap(DEFAULT_REF, old=ledger.commit, new=places[-1].commit)
        return ledger.head, tip.head


def _piece(kind, entries, placed, tip):
    return kind(
        tuple(decode_record(raw) for raw in placed), tuple(look(e, {}) for e, _ in entries), tip
    )


REWRITES = {
    "truncated": lambda entries: entries[:-2],
    "an entry left out": lambda entries: entries[:6] + entries[7:],
    "two exchanged": lambda entries: [*entries[:6], entries[7], entries[6], *entries[8:]],
    "an entry repeated": lambda entries: [*entries[:7], entries[6], *entries[7:]],
    "longer, with one left out": lambda entries: [*entries[:6], *entries[7:], *entries[4:9]],
}


@pytest.mark.parametrize("change", REWRITES.values(), ids=REWRITES)
def test_a_rewrite_is_found(team: Team, change):
    """By the head that is remembered here, by a checkpoint that was kept, and by a witness."""
    assert cosign(team, "witness", team.folder / "first").exit == 0
    before, after = rewrite(team, change)
    assert after != before
    done = team("owner", "ledger", "verify", "--json")
    assert done.exit == 2
    assert "LEDGER_REWOUND" in {finding["code"] for finding in done.json["findings"]}
    assert team("owner", "log").refused(1, "LEDGER_REWOUND")

    # A machine that remembers nothing: the history is whole by itself, and yet not that one.
    pin = team.repo / ".git" / "greenlight" / "pin"
    line = pin.read_text().splitlines()[0]
    zero = Head(
        before.origin,
        0,
        bytes.fromhex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    )
    pin.write_bytes(f"{line}\n".encode() + zero.encode())
    done = team("owner", "ledger", "verify", "--since", team.folder / "first", "--json")
    codes = {finding["code"] for finding in done.json["findings"]}
    assert done.exit == 2
    assert codes & {"CHECKPOINT_ROOT", "CHECKPOINT_SIZE"}
    alone = team("owner", "ledger", "verify", "--json")
    inside = {finding["code"] for finding in alone.json["findings"]}
    assert inside <= {"CHECKPOINT_ROOT"}  # by the checkpoint in it, where that is still there


def test_a_stale_head(team: Team):
    """A remote that holds back what is new shows an end that is old."""
    team.ok("owner", "ledger", "verify", "--max-age", "1")

    done = subprocess.run(
        [
            need("faketime"),
            "-f",
            "+3h",
            sys.executable,
            "-m",
            "greenlight",
            "ledger",
            "verify",
            "--max-age",
            "1",
            "--json",
        ],
        cwd=team.repo,
        env=team.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert json.loads(done.stdout)["findings"][0]["code"] == "CHECKPOINT_STALE"


def test_export(team: Team):
    """Tiles up to the last checkpoint; a second time nothing is written; elsewhere's is refused."""
    done = team.ok("owner", "ledger", "export", team.folder / "tiles", "--json").json
    assert done["written"] == 2
    again = team.ok("owner", "ledger", "export", team.folder / "tiles", "--json").json
    assert (again["written"], again["there"]) == (0, 2)
    (team.folder / "tiles" / "checkpoint").write_bytes(b"x")
    refused = team("owner", "ledger", "export", team.folder / "tiles")
    assert refused.refused(77, "TILES_DIFFER")
    assert team("owner", "ledger", "export", "nosuch://x/y").refused(69, "IO_FAILED")


def test_nobody_signed_yet(tmp_path: Path):
    """A static host serves a signed checkpoint, or nothing."""
    team = assemble(tmp_path)
    assert team("owner", "ledger", "export", tmp_path / "t").refused(77, "CHECKPOINT_UNSIGNED")
