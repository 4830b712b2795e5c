"""Bad input: one clear line, its code, its exit status, no traceback, and the store as it was."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from greenlight.cli import program
from greenlight.codes import Code
from tests.cli.conftest import World, bytes_of, git

USAGE, MALFORMED, UNAVAILABLE, REFUSED = 64, 65, 69, 77
SCRIPT = "print('Hello, world.', file=open('greeting.txt', 'w'))"  # what the smallest lane runs


@pytest.fixture
def untouched(world: World) -> Iterator[World]:
    """The session's store is byte for byte what it was before the test."""
    before = bytes_of(world.repo)
    yield world
    assert bytes_of(world.repo) == before


# --- the command line


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("no-such-command",),
        ("--no-such-option",),
        ("verify",),
        ("verify", "some-packet", "--all"),
        ("verify", "--require", "perfect", "some-packet"),
        ("verify", "some-packet", "--no-such-option"),
        ("keys",),
        ("keys", "burn"),
        ("checkout", "some-packet"),
        ("trust", "add", "key.pub"),
        ("grant", "issue", "key.pub", "--uses", "0"),
        ("log", "-n", "many"),
        ("schema", "--check", "file"),
        ("seal", "no-such-folder"),
        ("init", "--ledger-ref", "refs/../x", "--store", "new"),
        ("init", "--trust", "sha256:abc"),
    ],
    ids=lambda words: " ".join(words) or "nothing",
)
def test_a_wrong_command_line_is_64(untouched: World, words: tuple[str, ...]) -> None:
    """Never 2, which belongs to another command."""
    assert untouched(*words).refused(USAGE, "USAGE")


# --- what is named


@pytest.mark.parametrize(
    ("words", "exit_code", "code"),
    [
        (("verify", "no-such-packet"), USAGE, "PACKET_UNKNOWN"),
        (("show", "hel"), USAGE, "PACKET_UNKNOWN"),
        (("show", "\x1b[31mred"), USAGE, "PACKET_UNKNOWN"),
        (("show", "RUN", "no-such-document"), USAGE, "USAGE"),
        (("verify", "RUN", "--trust-root", "sha256:abc"), MALFORMED, "MALFORMED"),
        (("verify", "RUN", "--key", "no-such-key"), UNAVAILABLE, "FILE_UNREADABLE"),
        (("verify", "RUN", "--allowed-signers", "nowhere"), UNAVAILABLE, "FILE_UNREADABLE"),
        (("schema", "no-such-schema"), USAGE, "SCHEMA_UNKNOWN"),
        (("run", "no-such-lane.yaml"), UNAVAILABLE, "FILE_UNREADABLE"),
        (("run", "."), UNAVAILABLE, "FILE_UNREADABLE"),
        (("keys", "new"), REFUSED, "KEY_EXISTS"),
        (("init",), REFUSED, "STORE_EXISTS"),
        (("checkout", "RUN", "."), REFUSED, "CHECKOUT_EXISTS"),
        (("--store", "/dev/null", "log"), UNAVAILABLE, "STORE_MISSING"),
    ],
    ids=lambda value: " ".join(value).replace("\x1b", "") if isinstance(value, tuple) else "",
)
def test_what_is_named_and_is_not_there(
    untouched: World, words: tuple[str, ...], exit_code: int, code: str
) -> None:
    """The message says so, and nothing that a terminal would obey gets into it."""
    done = untouched(*(untouched.run if word == "RUN" else word for word in words))
    assert done.refused(exit_code, code)
    assert "\x1b" not in done.err


def test_an_ambiguous_prefix(broken: World) -> None:
    """A prefix of two packets names neither."""
    broken.ok("seal", broken.evidence)
    assert broken("verify", "evidence-").refused(USAGE, "PACKET_AMBIGUOUS")
    assert broken.ok("verify", broken.sealed[:18])


def test_no_store(world: World, tmp_path: Path) -> None:
    """Outside of a repository, and in one without a store."""
    assert world("log", cwd=tmp_path).refused(UNAVAILABLE, "STORE_MISSING")
    git("init", "-q", cwd=tmp_path)
    for words in (("log",), ("seal", world.evidence), ("verify", "--all"), ("grant", "show")):
        assert world(*words, cwd=tmp_path).refused(UNAVAILABLE, "STORE_MISSING")
    assert git("for-each-ref", cwd=tmp_path) == ""


# --- keys


def test_no_key(untouched: World, tmp_path: Path) -> None:
    """Nothing is signed with nothing, and the places that were looked at are named."""
    done = untouched("seal", untouched.evidence, HOME=str(tmp_path))
    assert done.refused(UNAVAILABLE, "KEY_MISSING")
    assert ".ssh/id_ed25519" in done.err


def test_a_key_that_is_none(untouched: World, tmp_path: Path) -> None:
    """A file that is not an OpenSSH Ed25519 key, and the public half of one without an agent."""
    (tmp_path / "key").write_text("no key\n")
    done = untouched("seal", untouched.evidence, "--signing-key", tmp_path / "key")
    assert done.refused(MALFORMED, "KEY_UNREADABLE")
    done = untouched("seal", untouched.evidence, "--signing-key", f"{untouched.key}.pub")
    assert done.refused(UNAVAILABLE, "KEY_AGENT")


def test_a_wrong_passphrase(untouched: World, tmp_path: Path) -> None:
    """A wrong one, none at all, and a passphrase file that is not there."""
    for word in ("right", "wrong"):
        (tmp_path / word).write_text(f"{word}\n")

    def named(word: str) -> dict[str, str]:
        return {"GREENLIGHT_PASSPHRASE_FILE": str(tmp_path / word)}

    untouched.ok("keys", "new", tmp_path / "key", "--passphrase", **named("right"))
    words = ("seal", untouched.evidence, "--signing-key", tmp_path / "key")
    assert untouched(*words, **named("wrong")).refused(MALFORMED, "KEY_PASSPHRASE")
    assert untouched(*words).refused(MALFORMED, "KEY_PASSPHRASE")
    assert untouched(*words, **named("none")).refused(UNAVAILABLE, "FILE_UNREADABLE")


def test_a_key_that_may_not_seal(untouched: World, tmp_path: Path) -> None:
    """A key that the trust root does not name writes nothing, and issues nothing."""
    untouched.ok("keys", "new", tmp_path / "key")
    mine = ("--signing-key", tmp_path / "key")
    assert untouched("seal", untouched.evidence, *mine).refused(REFUSED, "TRUST_REFUSED")
    public = tmp_path / "key.pub"
    assert untouched("grant", "issue", public, *mine).refused(REFUSED, "TRUST_REFUSED")
    add = ("trust", "add", public, "--role", "owner")
    assert untouched(*add, *mine).refused(REFUSED, "TRUST_REFUSED")


# --- evidence


def spoil_name(folder: Path) -> None:
    (Path(os.fsdecode(os.fsencode(folder) + b"/\xff"))).write_text("x")


def spoil_secret(folder: Path) -> None:
    # Put together here: nobody who scans this repository shall find a token in it.
    (folder / "config").write_text("key = AKIA" + "IOSFODNN7EXAMPLE\n")


@pytest.mark.parametrize(
    ("spoil", "exit_code", "code"),
    [
        (spoil_name, UNAVAILABLE, "PATH_NOT_UTF8"),
        (lambda f: (f / "link").symlink_to("/etc/passwd"), UNAVAILABLE, "FILE_TYPE_REFUSED"),
        (lambda f: os.mkfifo(f / "fifo"), UNAVAILABLE, "FILE_TYPE_REFUSED"),
        (lambda f: (f / "CON").write_text("x"), UNAVAILABLE, "PATH_WINDOWS"),
        (lambda f: (f / ".git").mkdir(), UNAVAILABLE, "PATH_DOTGIT"),
        (lambda f: (f / "RESULT.txt").write_text("x"), UNAVAILABLE, "PATH_COLLISION"),
        (lambda f: (f / "empty").mkdir(), UNAVAILABLE, "DIRECTORY_EMPTY"),
        (spoil_secret, REFUSED, "SECRET_IN_EVIDENCE"),
        (lambda f: shutil.rmtree(f) or f.mkdir(), USAGE, "USAGE"),
    ],
    ids=[
        "name",
        "link",
        "fifo",
        "device",
        "dotgit",
        "collision",
        "empty-folder",
        "secret",
        "nothing",
    ],
)
def test_evidence_that_cannot_be_sealed(
    untouched: World,
    tmp_path: Path,
    spoil: Callable[[Path], object],
    exit_code: int,
    code: str,
) -> None:
    """Refused whole: a packet that left something out would lie."""
    folder = shutil.copytree(untouched.evidence, tmp_path / "evidence")
    spoil(folder)
    assert untouched("seal", folder).refused(exit_code, code)


def test_a_secret_is_not_shown(untouched: World, tmp_path: Path) -> None:
    """The message says which rule and where, and never what."""
    folder = shutil.copytree(untouched.evidence, tmp_path / "evidence")
    spoil_secret(folder)
    done = untouched("seal", folder)
    assert "config byte 6" in done.err
    assert "IOSFODNN7" not in done.err + done.out


def test_a_file_that_changes_while_it_is_hashed(
    untouched: World,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What was read then is nobody's evidence.  In this process, to write at the right moment."""
    folder = shutil.copytree(untouched.evidence, tmp_path / "evidence")
    read = os.readv

    def written_meanwhile(descriptor: int, buffers: list[memoryview]) -> int:
        with (folder / "result.txt").open("ab") as file:
            file.write(b"x")
        return read(descriptor, buffers)

    monkeypatch.chdir(untouched.repo)
    for name, value in untouched.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setattr(os, "readv", written_meanwhile)
    code = program.run(["seal", str(folder), "--signing-key", str(untouched.key)])
    monkeypatch.undo()
    err = capsys.readouterr().err
    assert (code, err.split(": ")[2]) == (UNAVAILABLE, "FILE_CHANGED"), err


# --- lanes


@pytest.mark.parametrize(
    ("change", "exit_code", "code"),
    [
        (("path: greeting.txt", "path: /etc/greeting"), REFUSED, "LANE_PATH_ESCAPES"),
        (("path: greeting.txt", "path: ../greeting"), REFUSED, "LANE_PATH_ESCAPES"),
        (("title: Write", "titel: Write"), MALFORMED, "LANE_MALFORMED"),
        (("mode: staging", "mode: staging\nmode: prod"), MALFORMED, "LANE_DUPLICATE_KEY"),
        (("mode: staging", "mode: &x staging"), MALFORMED, "YAML_MALFORMED"),
        (("mode: staging", "mode: prod"), REFUSED, "PRODUCTION_TARGET_REFUSED"),
    ],
    ids=["absolute", "escaping", "field", "twice", "anchor", "mode"],
)
def test_a_lane_that_cannot_run(
    untouched: World,
    lane: Callable[..., Path],
    change: tuple[str, str],
    exit_code: int,
    code: str,
) -> None:
    """Refused before the run is open."""
    done = untouched("run", lane(change))
    assert (done.exit, done.error_lines[0].split(": ")[2]) == (exit_code, code), done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("script", "more", "code"),
    [
        ("import time; time.sleep(60)", "timeout_seconds: 1", "STEP_TIMED_OUT"),
        ("while True: print('x' * 9999)", "max_output_bytes: 100000", "STEP_OUTPUT_LIMIT"),
        ("raise SystemExit(3)", "timeout_seconds: 9", "STEP_FAILED"),
    ],
    ids=["hangs", "floods", "fails"],
)
def test_a_step_that_goes_wrong(
    broken: World, lane: Callable[..., Path], script: str, more: str, code: str
) -> None:
    """The run stops, and a packet that verifies tells what happened."""
    path = lane((SCRIPT, script), ("touches:", f"{more}\n    touches:"))
    done = broken("run", path, "--json")
    assert done.refused(REFUSED, "RUN_STOPPED")
    assert done.json["status"] == "STOPPED"
    assert [row["code"] for row in done.json["steps"] if row["state"] == "failed"] == [code]
    assert done.json["verdict"]["integrity"] == "INTACT"
    assert broken.ok("verify", done.json["packet_id"])


def test_an_interrupted_run(broken: World, lane: Callable[..., Path]) -> None:
    """Ctrl-C is 130 and one line; the open run shows as ABANDONED, its use stays spent."""
    path = lane((SCRIPT, "import time; time.sleep(30)"))
    before = broken.ok("log", "--json").json["size"]
    process = subprocess.Popen(
        [sys.executable, "-m", "greenlight", "run", str(path)],
        cwd=broken.repo,
        env=broken.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell's background job ignores the signal, and so would its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509 - no threads
    )
    while broken.ok("log", "--json").json["size"] == before:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err.startswith(f"greenlight: error: {Code.INTERRUPTED}: ")
    assert "Traceback" not in err
    assert broken.ok("log", "--json").json["packets"][0]["state"] == "ABANDONED"


# --- the store


def test_a_repository_in_the_middle_of_a_merge(broken: World) -> None:
    """Neither HEAD nor the index nor the work tree is of any interest."""
    (broken.repo / ".git" / "MERGE_HEAD").write_text("0" * 40 + "\n")
    (broken.repo / ".git" / "index.lock").touch()
    (broken.repo / "conflict").write_text("<<<<<<<\n")
    assert broken.ok("seal", broken.evidence)
    assert broken.ok("verify", "--all")
    assert (broken.repo / ".git" / "MERGE_HEAD").read_text() == "0" * 40 + "\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a folder away")
def test_a_store_of_somebody_else(broken: World) -> None:
    """It could have been prepared by its owner."""
    os.chown(broken.repo / ".git", 12345, 12345)
    before = bytes_of(broken.repo)
    for words in (("log",), ("seal", broken.evidence), ("verify", broken.run)):
        assert broken(*words).refused(UNAVAILABLE, "STORE_FOREIGN_OWNER")
    assert bytes_of(broken.repo) == before


def test_rubbish_in_the_ledger(broken: World) -> None:
    """Nothing is read from it and nothing is added; the packets' own findings remain."""
    tree = git("write-tree", cwd=broken.repo)
    commit = git("commit-tree", "-m", "rubbish", tree, cwd=broken.repo)
    git("update-ref", "refs/greenlight/ledger", commit, cwd=broken.repo)
    before = bytes_of(broken.repo)
    for words in (
        ("log",),
        ("seal", broken.evidence),
        ("verify", "--all"),
        ("verify", broken.run),
        ("grant", "show"),
        ("trust", "show"),
        ("checkout", broken.run, broken.repo.parent / "out"),
    ):
        done = broken(*words)
        assert done.refused(1, "LEDGER_MALFORMED"), words
    assert not (broken.repo.parent / "out").exists()
    assert bytes_of(broken.repo / ".git" / "objects") == {
        name.removeprefix(".git/objects/"): digest
        for name, digest in before.items()
        if name.startswith(".git/objects/")
    }
    assert git("rev-parse", "refs/greenlight/ledger", cwd=broken.repo) == commit


def test_a_ledger_that_was_moved_back(broken: World) -> None:
    """What was seen once cannot become unseen."""
    git("update-ref", "refs/greenlight/ledger", "refs/greenlight/ledger^", cwd=broken.repo)
    assert broken("log").refused(1, "LEDGER_REWOUND")


def test_a_shallow_store(world: World, tmp_path: Path) -> None:
    """It lacks what a verdict needs."""
    git("init", "-q", cwd=tmp_path)
    refs = "refs/greenlight/*:refs/greenlight/*"
    git("fetch", "-q", "--depth=1", f"file://{world.repo}", refs, cwd=tmp_path)
    assert world("log", cwd=tmp_path).refused(UNAVAILABLE, "STORE_SHALLOW")


def test_a_full_disk(broken: World) -> None:
    """Stdout that takes nothing, and a store that takes no file of this size."""
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "greenlight", "log"],
            cwd=broken.repo,
            env=broken.environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == UNAVAILABLE
    assert done.stderr.startswith("greenlight: error: IO_NOSPACE: ")
    before = git("for-each-ref", cwd=broken.repo)
    done = subprocess.run(
        [sys.executable, "-m", "greenlight", "seal", str(broken.evidence)],
        cwd=broken.repo,
        env=broken.environment(),
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100)),
    )
    assert done.returncode == UNAVAILABLE
    assert done.stderr.startswith("greenlight: error: IO_FAILED: ")
    assert git("for-each-ref", cwd=broken.repo) == before
