"""What a command does not need is not loaded: people and shells wait for every module."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from greenlight.cli.completing import candidates
from greenlight.cli.table import COMMANDS
from tests.cli.conftest import ROOT, World
from tests.tools import confines, need


def loaded(world: World, *words: str) -> set[str]:
    """Return the modules that a command line loads."""
    script = (
        "import sys; from greenlight.cli.main import main\n"
        "code = main(sys.argv[1:])\n"
        "print('\\n'.join(sys.modules), file=sys.stderr)\n"
        "sys.exit(code)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *words],
        cwd=world.repo,
        env=world.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stderr.split())


def test_the_version_loads_nothing(world: World) -> None:
    """No parser, no error classes, no service."""
    ours = {name for name in loaded(world, "--version") if name.startswith("greenlight")}
    assert ours == {"greenlight", "greenlight.cli", "greenlight.cli.main"}
    assert world.ok("--version").out.startswith("greenlight ")


def test_completion_loads_no_service(world: World) -> None:
    """A packet's id is completed from the local table alone."""
    found = loaded(world, "--complete", "verify", world.run[:8])
    heavy = ("greenlight.services", "greenlight.store", "greenlight.verify", "dulwich", "nacl")
    assert [name for name in sorted(found) if name.startswith(heavy)] == []


@pytest.mark.parametrize("command", ["verify", "seal", "show"])
def test_a_command_loads_what_it_needs(world: World, command: str) -> None:
    """No drawing library, no schema library, no YAML, no dulwich for evidence from elsewhere."""
    word = str(world.evidence) if command == "seal" else world.sealed
    store = world.repo.parent / f"startup-{command}.git"
    if command == "seal":
        world.ok("init", "--store", store)
        found = loaded(world, command, word, "--store", str(store))
    else:
        found = loaded(world, command, word)
    wasted = {"rich", "jsonschema", "cryptography", "dulwich", "pydantic", "asyncio"}
    assert found & wasted == set()


def test_packet_ids_are_completed(world: World) -> None:
    """By their first characters, with the status as a description."""
    done = world.ok("--complete", "verify", world.run[:9])
    status = "APPLIED_CLEAN" if confines() else "APPLIED_NOT_CLEAN"
    assert done.out == f"{world.run}\t{status}\n"
    assert world.ok("--complete", "--store", world.repo, "show", "evid", cwd=world.home).out
    assert world.ok("--complete", "verify", "no-such").out == ""
    assert world.ok("--complete", "verify", "", cwd=world.home).err == ""


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([""], "verify"),
        (["ver"], "verify"),
        (["keys", ""], "new"),
        (["--json", "trust", "a"], "add"),
        (["verify", "--req"], "--require"),
        (["verify", "--require", ""], "clean"),
        (["trust", "add", "key.pub", "--role", "o"], "owner"),
        (["schema", "la"], "lane"),
        (["completion", ""], "fish"),
        (["--sto"], "--store"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_words_are_completed(words: list[str], expected: str) -> None:
    """Commands, their second words, options, and what options take."""
    assert expected in [word for word, _ in candidates(words)]


def test_files_are_left_to_the_shell() -> None:
    """Where a file is wanted there is no candidate, so that the shell completes files."""
    assert candidates(["run", ""]) == []
    assert candidates(["seal", "x"]) == []
    assert candidates(["verify", "packet", "--key", ""]) == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_is_what_its_shell_reads(world: World, shell: str) -> None:
    """The shell itself finds no fault with the script's syntax."""
    script = world.ok("completion", shell).out
    program = need(shell)
    done = subprocess.run(
        [program, "--no-execute" if shell == "fish" else "-n"],
        input=script,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_bash_completes(world: World, tmp_path: Path) -> None:
    """Loaded into a real bash, the script completes a packet's id."""
    program = tmp_path / "greenlight"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m greenlight "$@"\n')
    program.chmod(0o755)
    script = world.ok("completion", "bash").out + (
        f"COMP_WORDS=(greenlight verify {world.run[:8]}); COMP_CWORD=2\n"
        "_greenlight; printf '%s\\n' \"${COMPREPLY[@]}\"\n"
    )
    done = subprocess.run(
        [need("bash"), "--norc", "-c", script],
        cwd=world.repo,
        env=world.environment(PATH=f"{tmp_path}:/usr/bin:/bin"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == [world.run], done.stderr


def test_every_command_has_help(world: World) -> None:
    """The overview names every command; each explains itself without a store."""
    overview = world.ok("--help", cwd=world.home).out
    assert [name for name in COMMANDS if f"  {name} " not in overview] == []
    for name in ("verify", "grant issue"):
        text = world.ok(*name.split(), "--help", cwd=world.home).out
        assert COMMANDS[name].help in text
        assert "--json" in text


def test_every_command_is_there() -> None:
    """The table, the parsers and the modules name the same commands."""
    for name, command in COMMANDS.items():
        path = ROOT / "greenlight" / "cli" / "commands" / f"{command.module}.py"
        assert f"def {command.function}(" in path.read_text()
        assert candidates([*name.split(), "--"])
