"""Each command does what it says, as a whole process, for people and for programs."""

from __future__ import annotations

import json
import re
import shutil
import stat
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from greenlight.store.durable import locked
from tests.cli.conftest import World, git
from tests.tools import confines

FORMAT = 1


STATUS = "APPLIED_CLEAN" if confines() else "APPLIED_NOT_CLEAN"


def test_a_key_is_its_owners_alone(world: World, tmp_path: Path) -> None:
    """The private file is 0600, the public half beside it is one OpenSSH line."""
    made = world.ok("keys", "new", tmp_path / "key", "--json").json
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    assert (tmp_path / "key.pub").read_text() == made["public"] + "\n"
    assert world.ok("keys", "show", tmp_path / "key", "--json").json == made | {
        "command": "keys show"
    }


def test_a_key_with_a_passphrase_signs(world: World, tmp_path: Path) -> None:
    """The passphrase comes from a file that the environment names, never from an argument."""
    (tmp_path / "word").write_text("correct horse\n")
    word = {"GREENLIGHT_PASSPHRASE_FILE": str(tmp_path / "word")}
    world.ok("keys", "new", tmp_path / "key", "--passphrase", **word)
    store = tmp_path / "store.git"
    world.ok("init", "--store", store, "--signing-key", tmp_path / "key", **word)
    world.ok("--store", store, "seal", world.evidence, GREENLIGHT_KEY=str(tmp_path / "key"), **word)


def test_a_bare_store_is_made(world: World, tmp_path: Path) -> None:
    """`--store` names a folder that becomes a bare repository, and may stand before or after."""
    made = world.ok(
        "init", "--store", tmp_path / "s", "--ledger-ref", "refs/heads/l", "--json"
    ).json
    assert made["ref"] == "refs/heads/l"
    sealed = world.ok("seal", world.evidence, "--store", tmp_path / "s", "--json").json
    assert world.ok("--store", tmp_path / "s", "verify", sealed["packet_id"], cwd=tmp_path)
    assert git("rev-parse", "--is-bare-repository", cwd=tmp_path / "s") == "true"


def test_a_run_is_sealed_and_intact(world: World) -> None:
    """A packet of a lane verifies, and says by whose trust."""
    verdict = world.ok("verify", world.run, "--json").json
    assert (verdict["integrity"], verdict["state"]) == ("INTACT", "SEALED")
    assert verdict["status"] == STATUS
    assert verdict["trusted_by"]
    assert "trusted by" in world.ok("verify", world.run).out


def test_the_whole_store_is_intact(world: World) -> None:
    """`--all` looks at every packet and at the ledger."""
    found = world.ok("verify", "--all", "--json").json
    assert found["integrity"] == "INTACT"
    assert {packet["packet_id"] for packet in found["packets"]} == {world.run, world.sealed}


def test_clean_can_be_required(world: World) -> None:
    """What is INTACT and not APPLIED_CLEAN fails where clean was asked for."""
    assert world("verify", world.sealed, "--require", "clean").refused(1, "STATUS_NOT_CLEAN")
    assert (world("verify", world.run, "--require", "clean").exit == 0) is confines()


def test_the_log_names_what_there_is(world: World) -> None:
    """Newest first, each with state and status; entries on request."""
    found = world.ok("log", "--entries", "--json").json
    assert [line["packet_id"] for line in found["packets"]] == [world.sealed, world.run]
    assert [line["status"] for line in found["packets"]] == ["NOT_EXECUTED", STATUS]
    assert {line["state"] for line in found["packets"]} == {"SEALED"}
    kinds = [entry["kind"] for entry in found["entries"]]
    assert kinds[-1] == "trust.root"
    assert "run.opened" in kinds
    assert world.ok("log", "-n", "1").out.count("\n") == 1


def test_a_packet_is_shown(world: World) -> None:
    """Header, review, documents; and one document, byte for byte."""
    shown = world.ok("show", world.run, "--json").json
    assert shown["header"]["packet_id"] == world.run
    known = "CLEAN" if confines() else "NOT_PROVEN"
    assert shown["review"] == f"NO_PRODUCTION_EXECUTION_{known}"
    header = json.loads(world.ok("show", world.run, "header").out)
    assert header == shown["header"]
    assert world.ok("show", world.sealed, "artifacts/result.txt").out == "42\n"


def test_two_packets_are_compared(world: World, tmp_path: Path) -> None:
    """A file that changed is named, and in a document the place."""
    evidence = shutil.copytree(world.evidence, tmp_path / "evidence")
    (evidence / "result.txt").write_text("43\n")
    store = shutil.copytree(world.repo, tmp_path / "repo")
    other = world.ok("seal", evidence, "--json", cwd=store).json["packet_id"]
    found = world.ok("diff", world.sealed, other, "--json", cwd=store).json
    changed = {item["path"]: item for item in found["files"]}
    assert changed["artifacts/result.txt"]["change"] == "changed"
    assert "/run_id" in [place["pointer"] for place in changed["header.json"]["places"]]
    assert world.ok("diff", other, other, cwd=store).out.startswith("the same files")


def test_a_packet_is_replayed(world: World) -> None:
    """Every file comes out again, byte for byte; N were executed."""
    again = world.ok("rerun", world.run, "--json").json
    assert (again["result"], again["findings"]) == ("PASS", [])
    assert again["tree_before"] == again["tree_after"]
    assert again["executed"] > 0


def test_evidence_from_elsewhere_cannot_be_replayed(world: World) -> None:
    """Nothing was executed, so nothing can be replayed."""
    assert world("rerun", world.sealed).refused(77, "REPLAY_NOTHING_EXECUTED")


def test_a_packet_is_checked_out(world: World, tmp_path: Path) -> None:
    """The folder verifies here by the pin, elsewhere by a digest, a key or signers, else not."""
    out = tmp_path / "out"
    world.ok("checkout", world.run, out)
    assert sorted(path.name for path in out.iterdir()) == ["ledger", "packet", "seal"]
    signers = tmp_path / "allowed_signers"
    signers.write_text(f"a@example.org {world.key.with_suffix('.pub').read_text()}")
    assert world.ok("verify", out)
    assert world.ok("verify", out, "--trust-root", world.trust_root, cwd=tmp_path)
    assert world.ok("verify", out, "--key", f"{world.key}.pub", cwd=tmp_path)
    assert world.ok("verify", out, "--allowed-signers", signers, cwd=tmp_path)
    assert world.ok("verify", out, "--unsigned-ok", cwd=tmp_path)
    assert world("verify", out, cwd=tmp_path).refused(1, "SIGNER_UNKNOWN")
    stranger = world("rerun", out, cwd=tmp_path)
    assert stranger.exit == 0 if confines() else stranger.refused(77, "REPLAY_UNTRUSTED")
    assert world.ok("rerun", out, "--unsafe-unconfined", cwd=tmp_path)


def test_signers_of_the_settings_are_trusted(world: World, tmp_path: Path) -> None:
    """A folder that nothing was said about is held against the user's own allowed_signers."""
    world.ok("checkout", world.sealed, tmp_path / "out")
    settings = tmp_path / "settings" / "greenlight"
    settings.mkdir(parents=True)
    public = world.key.with_suffix(".pub").read_text()
    (settings / "allowed_signers").write_text(f"a@example.org {public}")
    found = world.ok(
        "verify", tmp_path / "out", "--json", cwd=tmp_path, XDG_CONFIG_HOME=str(settings.parent)
    )
    assert found.json["trusted_by"] == str(settings / "allowed_signers")


def test_a_flipped_byte_is_found(world: World, tmp_path: Path) -> None:
    """The verdict is REJECTED, and the finding names the file."""
    out = tmp_path / "out"
    world.ok("checkout", world.run, out)
    (out / "packet" / "REPORT.md").write_text("# All is well\n")
    done = world("verify", out, "--json", "--key", f"{world.key}.pub")
    assert done.exit == 1
    assert done.json["integrity"] == "REJECTED"
    assert "REPORT.md" in [finding["where"] for finding in done.json["findings"]]


def test_a_clone_is_pinned_by_a_digest(world: World, tmp_path: Path) -> None:
    """Refs travel by plain git; the trust root comes another way, and another one is refused."""
    clone = tmp_path / "clone"
    clone.mkdir()
    git("init", "-q", cwd=clone)
    git("fetch", "-q", world.repo, "refs/greenlight/*:refs/greenlight/*", cwd=clone)
    assert world("log", cwd=clone).refused(77, "TRUST_REFUSED")
    assert world("verify", world.run, cwd=clone).refused(1, "SIGNER_UNKNOWN")
    wrong = "sha256:" + "0" * 64
    assert world("init", "--trust", wrong, cwd=clone).refused(1, "TRUST_ROOT_MISMATCH")
    assert world.ok("verify", world.run, "--trust-root", world.trust_root, cwd=clone)
    assert world.ok("init", "--trust", world.trust_root, "--json", cwd=clone).json["size"] > 0
    assert world.ok("verify", "--all", cwd=clone)


def test_a_plan_runs_nothing(broken: World, lane: Callable[..., Path]) -> None:
    """It shows steps and surfaces, and what blocks it; the store is as it was."""
    before = git("for-each-ref", cwd=broken.repo)
    plan = broken.ok("run", lane(), "--plan", "--json").json
    assert "write" in [step["id"] for step in plan["steps"]]
    assert (plan["blocked_by"], plan["blocked_by_mode"]) == ([], False)
    dry = broken.ok("run", lane(("mode: staging", "mode: dry_run")), "--json").json
    assert dry["blocked_by_mode"]
    blocked = broken("run", lane(), "--plan", "--grant", "no-such-grant")
    assert blocked.refused(77, "DELEGATION_MISSING")
    assert "blocked by" in blocked.out
    assert git("for-each-ref", cwd=broken.repo) == before


def test_lanes_of_one_call(broken: World, lane: Callable[..., Path]) -> None:
    """Each is told as one alone would be; what stops says so in the end, and not in between."""
    first = lane().rename(lane().with_name("first.yaml"))
    second = lane(("lane: hello", "lane: again"))
    done = broken.ok("run", first, second, "--json").json["runs"]
    assert [each["packet_id"][:6] for each in done] == ["hello-", "again-"]
    assert {each["verdict"]["integrity"] for each in done} == {"INTACT"}
    plans = broken.ok("run", first, second, "--plan", "--json").json["plans"]
    assert [plan["lane"] for plan in plans] == ["hello", "again"]
    broken.ok("verify", "--all")

    other = broken.home / "other"
    broken.ok("keys", "new", other)
    broken.ok("trust", "add", f"{other}.pub", "--role", "executor")
    broken.ok("grant", "issue", f"{other}.pub", "--uses", "1")
    done = broken("run", first, second, "--signing-key", other)
    assert done.refused(77, "GRANT_USED_UP")
    assert "1 runs; the next lane was not run, or has no packet\n" in done.out
    assert done.out.count("INTACT  ") == 1


def test_a_grant_lets_another_key_run(
    broken: World, lane: Callable[..., Path], tmp_path: Path
) -> None:
    """Trusted as an executor and granted one use, a key runs once, and not twice."""
    other = tmp_path / "other"
    broken.ok("keys", "new", other)
    mine = ("--signing-key", other)
    assert broken("run", lane(), *mine).refused(77, "DELEGATION_MISSING")
    issued = broken.ok("grant", "issue", f"{other}.pub", "--lane", "hello", "--json").json
    assert issued["max_uses"] == 1
    trust = broken.ok("trust", "add", f"{other}.pub", "--role", "executor", "--json").json
    assert trust["version"] == 2
    assert len(broken.ok("trust", "show", "--json").json["keys"]) == 2
    broken.ok("run", lane(), *mine)
    assert broken("run", lane(), *mine).refused(77, "GRANT_USED_UP")
    grants = broken.ok("grant", "show", "--json").json["grants"]
    assert {grant["grant"]: grant["spent"] for grant in grants}[issued["grant"]] == 1


def test_schemas_are_listed_printed_and_applied(world: World, lane: Callable[..., Path]) -> None:
    """A lane is one; a lane with an unknown field is not, and the field is named."""
    assert "lane" in world.ok("schema", "--json").json["schemas"]
    assert json.loads(world.ok("schema", "lane").out)["$schema"].endswith("2020-12/schema")
    assert world.ok("schema", "lane", "--check", lane())
    wrong = world("schema", "lane", "--check", lane(("title:", "titel:")))
    assert wrong.refused(65, "LANE_MALFORMED")
    assert "titel" in wrong.out


@pytest.mark.parametrize(
    "words",
    [
        ("keys", "show"),
        ("log",),
        ("log", "--entries"),
        ("show", "RUN"),
        ("diff", "RUN", "SEALED"),
        ("verify", "RUN"),
        ("verify", "--all"),
        ("verify", "no-such-packet"),
        ("grant", "show"),
        ("trust", "show"),
        ("schema",),
        ("completion", "bash"),
        ("no-such-command",),
    ],
    ids=" ".join,
)
def test_json_is_one_object(world: World, words: tuple[str, ...]) -> None:
    """Whatever comes of a command, stdout holds exactly one object, in ASCII."""
    names = {"RUN": world.run, "SEALED": world.sealed}
    done = world(*(names.get(word, word) for word in words), "--json")
    assert done.out.isascii()
    assert done.json["format"] == FORMAT
    assert ("error" in done.json) == (done.exit not in (0, 1))


def test_a_packet_is_purged(broken: World) -> None:
    """The bytes go with git's gc; every command says who took them and why; the rest is well."""
    rehearsed = broken.ok("purge", broken.sealed, "--reason", "It named a person.", "--dry-run")
    assert rehearsed.out.startswith(f"would purge  {broken.sealed}\n")
    assert rehearsed.out.endswith("\nnothing was written\n")
    assert broken.ok("verify", broken.sealed).out.startswith("INTACT")

    done = broken.ok("purge", broken.sealed, "--reason", "It named a person.")

    lines = done.out.splitlines()
    assert lines[0] == f"WITHHELD  {broken.sealed}"
    assert "  reason   It named a person." in lines
    assert any(line.endswith("go with the next git gc") for line in lines)
    assert "git gc --prune=now" in done.err
    found = broken("verify", broken.sealed)
    assert found.refused(1, "PACKET_WITHHELD")
    assert found.out.startswith(f"WITHHELD  {broken.sealed}\n")
    assert "It named a person." in found.err
    assert "\nINTACT  2 packets and their ledger\n" in broken.ok("verify", "--all").out
    assert broken("verify", "--all", "--require", "clean").exit == 1
    for words in (("show",), ("rerun",), ("checkout",)):
        into = ("out",) if words == ("checkout",) else ()
        assert broken(*words, broken.sealed, *into).refused(69, "PACKET_WITHHELD")
    assert "WITHHELD" in broken.ok("log").out
    again = broken.ok("purge", broken.sealed, "--reason", "again", "--json").json
    assert (again["reason"], again["shelves"]) == ("It named a person.", [])


def test_a_purge_needs_a_reason(broken: World) -> None:
    """Without a reason, or with none to read, nothing is purged."""
    for words in ((), ("--reason", ""), ("--reason", "  ")):
        assert broken("purge", broken.sealed, *words).refused(64, "USAGE")
    assert broken.ok("verify", broken.sealed).out.startswith("INTACT")


def test_maintenance(broken: World) -> None:
    """Packs are joined, once; everything verifies as before."""
    done = broken.ok("maintain")
    lines = done.out.splitlines()
    assert lines[0] == "MAINTAINED"
    assert re.fullmatch(r"  packs    [23] became one, \d+ bytes written", lines[2])
    assert lines[-1].startswith("  here     1 packs of greenlight's")
    assert broken.ok("maintain").out.startswith("nothing to pack\n")
    assert broken.ok("verify", "--all").out.count("INTACT") >= 2
    with locked(broken.repo / ".git" / "greenlight" / "maintain"):
        refused = broken("maintain")
    assert refused.refused(69, "STORE_BUSY")
    assert "nothing was done" in refused.err


def test_maintenance_of_a_damaged_pack_is_no_success(broken: World) -> None:
    """The pack is left and named, with an exit code that a script sees."""
    index = min((broken.repo / ".git" / "objects" / "pack").glob("*.idx"))
    data = bytearray(index.read_bytes())
    data[-1] ^= 1
    index.chmod(0o644)
    index.write_bytes(data)
    assert broken("maintain").refused(69, "STORE_DAMAGED")
    assert index.exists()


def test_maintenance_by_itself(broken: World) -> None:
    """The command that makes it due does not wait for it; it happens, unless it is switched off."""
    packs = broken.repo / ".git" / "objects" / "pack"
    notes = broken.repo / ".git" / "greenlight" / "packs"
    for number in range(51):
        (notes / f"pack-{number}").touch()  # as if that many had come and a gc had taken them
    before = set(packs.glob("*.pack"))
    broken.ok("seal", broken.evidence, GREENLIGHT_NO_MAINTAIN="1")
    git("config", "greenlight.maintain", "false", cwd=broken.repo)
    broken.ok("seal", broken.evidence)
    time.sleep(0.5)
    assert before < set(packs.glob("*.pack"))
    git("config", "--unset", "greenlight.maintain", cwd=broken.repo)
    # A greenlight without a key in its environment does it.
    broken.ok("seal", broken.evidence, GREENLIGHT_KEY=str(broken.key))
    deadline = time.monotonic() + 30
    while len(list(packs.glob("*.pack"))) > 1 and time.monotonic() < deadline:
        time.sleep(0.05)
    with locked(broken.repo / ".git" / "greenlight" / "maintain"):  # it is over
        assert len(list(packs.glob("*.pack"))) == 1
        assert not (notes / "pack-7").exists()
    broken.ok("verify", "--all")
