"""The page about execution says what the code does."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from greenlight.execution.box.ability import Ability
from greenlight.execution.confined import grades_of
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
    """Empty cells are empty grades; of Landlock the version is the host's."""
    boxed = grades_of(Ability(True, True, 7, notify=True, filter=True)).rows()
    plain = Unconfined().grades().rows()
    claimed = [
        (name, whole.enforced_by.replace("Landlock 7", "Landlock"), whole.observed_by)
        + (("as in a box",) * 2 if whole == bare else (bare.enforced_by, bare.observed_by))
        for (name, whole), (_, bare) in zip(boxed, plain, strict=True)
    ]
    table = PAGE.split("## Grades")[1].split("##")[0]
    cells = re.findall(r"^\| ([a-z_]+) \|" + r"([^|]*)\|" * 4 + "$", table, re.MULTILINE)
    assert [tuple(cell.strip() for cell in row) for row in cells[1:]] == claimed
