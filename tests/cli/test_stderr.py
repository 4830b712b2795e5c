"""What goes where: results to stdout, messages to stderr, nothing that a terminal obeys."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from greenlight.cli import program
from greenlight.cli.commands import log
from greenlight.codes import Code
from tests.cli.conftest import World


def test_a_reader_that_goes_away_is_no_error(world: World) -> None:
    """`greenlight log | head -0`: no message, and the exit code of the command."""
    for words, exit_code in ((["log"], 0), (["verify", world.sealed, "--require", "clean"], 1)):
        read, write = os.pipe()
        os.close(read)
        done = subprocess.run(
            [sys.executable, "-m", "greenlight", *words],
            cwd=world.repo,
            env=world.environment(),
            stdout=write,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        os.close(write)
        assert done.returncode == exit_code
        assert "Broken" not in done.stderr
        assert "Exception" not in done.stderr


def test_results_go_to_stdout_alone(world: World) -> None:
    """A success that needs no hint says nothing on stderr."""
    done = world.ok("verify", world.run)
    assert done.err == ""
    assert done.out.startswith("INTACT")


def test_names_cannot_act_on_the_terminal(broken: World, tmp_path: Path) -> None:
    """Escape sequences and reordering marks in a file's name and text are shown as escapes."""
    (tmp_path / "evidence").mkdir()
    (tmp_path / "evidence" / "a\u202eb.txt").write_text("\x1b[2Jgone\n")
    sealed = broken.ok("seal", tmp_path / "evidence", "--json").json["packet_id"]
    shown = broken.ok("diff", sealed, broken.sealed).out
    assert "\u202e" not in shown
    assert "a\\u202eb.txt" in shown
    raw = broken.ok("show", sealed, "artifacts/a\u202eb.txt").out
    assert raw == "\x1b[2Jgone\n"  # a pipe gets the bytes
    assert "\x1b[2J" not in on_terminal(broken, "show", sealed, "artifacts/a\u202eb.txt")


def on_terminal(world: World, *words: str) -> str:
    """Run greenlight with a terminal for everything; return what it showed."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(world.repo)
        os.execve(  # noqa: S606 - no shell is wanted
            sys.executable,
            [sys.executable, "-m", "greenlight", *words],
            world.environment(TERM="dumb"),
        )
    shown = b""
    while True:
        try:
            piece = os.read(terminal, 4096)
        except OSError:  # Linux: the other end was closed
            break
        if not piece:
            break
        shown += piece
    os.close(terminal)
    os.waitpid(pid, 0)
    return shown.decode()


def test_progress_is_for_terminals(world: World, tmp_path: Path) -> None:
    """More than a second on a terminal draws a bar; a pipe gets none."""
    text = (world.repo.parent / "hello" / "lane.yaml").read_text()
    lane = tmp_path / "lane.yaml"
    lane.write_text(text.replace("print(", "__import__('time').sleep(1.5); print("))
    store = tmp_path / "store.git"
    world.ok("init", "--store", store)
    assert "1/6" not in world.ok("run", lane, "--store", store).err
    shown = on_terminal(world, "run", str(lane), "--store", str(store))
    assert "greenlight: [" in shown
    assert "2/6 write" in shown


def test_a_passphrase_is_asked_for_once(world: World, tmp_path: Path) -> None:
    """Without a terminal there is nobody to ask, and the message says what to do."""
    (tmp_path / "word").write_text("right\n")
    word = str(tmp_path / "word")
    world.ok("keys", "new", tmp_path / "k", "--passphrase", GREENLIGHT_PASSPHRASE_FILE=word)
    done = world("seal", world.evidence, "--signing-key", tmp_path / "k")
    assert done.refused(65, "KEY_PASSPHRASE")
    assert "GREENLIGHT_PASSPHRASE_FILE" in done.err


def test_a_bug_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """INTERNAL, exit 70, no traceback; with GREENLIGHT_DEBUG=1 the whole of it."""

    def crash(_arguments: object) -> None:
        raise ZeroDivisionError("one\nline")

    monkeypatch.setattr(log, "run", crash)
    assert program.run(["log"]) == 70
    err = capsys.readouterr().err
    assert err.startswith(f"greenlight: error: {Code.INTERNAL}: ZeroDivisionError: one\\nline\n")
    assert "Traceback" not in err
    monkeypatch.setenv("GREENLIGHT_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        program.run(["log"])


def test_what_the_system_refuses_is_no_bug(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An OSError that nobody foresaw is the machine's, with its reason."""

    def full(_arguments: object) -> None:
        raise OSError(28, "No space left on device", "/somewhere")

    monkeypatch.setattr(log, "run", full)
    assert program.run(["log"]) == 69
    assert capsys.readouterr().err == (
        "greenlight: error: IO_NOSPACE: /somewhere: no space left on device\n"
    )
