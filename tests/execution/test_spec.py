"""The page about execution says what the code does."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from greenlight.execution.confinement import Unconfined
from greenlight.execution.snapshot import take
from greenlight.execution.steps import DEFAULT_ENVIRONMENT
from tests.tools import need

PAGE = (Path(__file__).resolve().parents[2] / "docs/spec/execution.md").read_text(encoding="utf-8")


def test_the_example_can_be_typed_and_gives_the_digest(tmp_path: Path):
    """sh and coreutils compute what greenlight computes."""
    need("sha256sum")
    blocks = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    printed = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)[0]
    result = subprocess.run(
        ["sh", "-e"],
        input="".join(blocks),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout == printed
    assert printed == f"{take(tmp_path / 'root').digest.hex}  -\n"


def test_the_table_of_variables_is_complete():
    """Each default with its value; HOME and TMPDIR are the workspace's."""
    rows = dict(re.findall(r"^\| ([A-Z_]+) \| `([^`]+)` \|", PAGE, re.MULTILINE))
    assert rows == {**DEFAULT_ENVIRONMENT, "HOME": "root", "TMPDIR": "tmp"}


def test_the_table_of_grades_is_the_one_that_is_claimed():
    """Empty cells are empty grades."""
    claimed = [
        (name, grade.enforced_by, grade.observed_by) for name, grade in Unconfined().grades().rows()
    ]
    table = PAGE.split("unconfined: enforced by")[1]
    rows = re.findall(r"^\| ([a-z_]+) \|([^|]*)\|([^|]*)\|$", table, re.MULTILINE)
    assert [(name, left.strip(), right.strip()) for name, left, right in rows[:6]] == claimed
