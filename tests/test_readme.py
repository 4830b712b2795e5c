"""The README can be typed as it stands."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from greenlight.cli.table import COMMANDS
from tests.tools import need

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ANY = "…"  # stands in the README for what differs every time


def blocks(language):
    return [text for found, text in _BLOCK.findall(README) if found == language]


def session(block):
    """Yield each command of a console block with the lines that it prints."""
    command, printed = "", []
    for line in block.splitlines():
        if line.startswith("$ "):
            if command:
                yield command, printed
            command, printed = line[2:], []
        else:
            printed.append(line)
    yield command, printed


def as_pattern(lines):
    """Make a pattern of lines that must come in this order, with ``…`` for anything."""
    return r"[\s\S]*?".join(
        r"[^\n]*".join(re.escape(part) for part in line.split(ANY)) for line in lines if line != ANY
    )


@pytest.fixture(scope="module")
def visitor(tmp_path_factory):
    """Return a function that types a command as a newcomer would, in one folder and one home."""
    need("git")
    home = tmp_path_factory.mktemp("home")
    folder = home / "project"
    folder.mkdir()
    shutil.copytree(ROOT / "lanes", folder / "lanes")
    shutil.copytree(ROOT / "packets", folder / "packets")
    programs = home / "bin"
    programs.mkdir()
    program = programs / "greenlight"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m greenlight "$@"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    environment = {
        "HOME": str(home),
        "PATH": f"{programs}:/usr/local/bin:/usr/bin:/bin",
        "PYTHONPATH": str(ROOT),
        "GIT_CONFIG_NOSYSTEM": "1",
    }

    def type_in(command):
        return subprocess.run(
            ["/bin/bash", "-c", command],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        ).stdout

    return type_in


def test_the_sessions_print_what_the_readme_shows(visitor):
    """Every command of the README's sessions prints the lines that stand below it."""
    shown = [pair for block in blocks("console") for pair in session(block)]
    assert len(shown) > 8
    for command, printed in shown:
        found = visitor(command)
        assert re.search(as_pattern(printed), found), f"$ {command}\n{found}\n--- wanted: {printed}"


def test_the_library_example_runs(tmp_path):
    """The README's Python block runs as it stands."""
    examples = blocks("python")
    assert examples
    shutil.copytree(ROOT / "lanes", tmp_path / "lanes")
    for number, example in enumerate(examples):
        script = tmp_path / f"example{number}.py"
        script.write_text(example)
        subprocess.run(
            [sys.executable, script],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            check=True,
            timeout=60,
        )


def test_the_commands_are_those_of_the_program():
    """The README lists every command, in the words of the program's own help."""
    width = max(map(len, COMMANDS))
    lines = [f"greenlight {name:{width}}  {known.help}" for name, known in COMMANDS.items()]
    listed = README.partition("<!-- commands -->\n```\n")[2].partition("\n```\n")[0]
    assert listed.splitlines() == lines
