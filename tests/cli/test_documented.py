"""What the pages say of the library and of `--json` is what happens."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import greenlight
from tests.cli.conftest import LANE, ROOT, World
from tests.tools import confines

JSON_PAGE = ROOT / "docs" / "spec" / "json-output.md"


def test_the_example_of_the_library_runs(world: World, tmp_path: Path) -> None:
    """The block of docs/library.md, as it stands, in a folder with a key and a lane."""
    page = (ROOT / "docs" / "library.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len(blocks) == 1
    shutil.copy(world.key, tmp_path / "key")
    shutil.copytree(LANE.parent, tmp_path / "lane")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", blocks[0]],
        cwd=tmp_path,
        env=world.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1].startswith("PASS" if confines() else "REPLAY_UNTRUSTED ")


def test_every_name_of_the_library_is_there() -> None:
    """What `__all__` promises can be had, and nothing else comes by guessing."""
    assert all(getattr(greenlight, name) for name in greenlight.__all__)
    assert set(greenlight.__all__) <= set(dir(greenlight))
    assert not hasattr(greenlight, "no_such_name")


def names_in(value: Any) -> set[str]:
    """Return the keys of the objects in a JSON value, the header's own aside."""
    if isinstance(value, list):
        return {name for item in value for name in names_in(item)}
    if isinstance(value, dict):
        inner = (item for key, item in value.items() if key not in {"header", "error"})
        return set(value) | {name for item in inner for name in names_in(item)}
    return set()


def test_every_field_is_documented(broken: World, tmp_path: Path) -> None:
    """Each field that a command prints stands in the row of that command."""
    world, receipt = broken, ""
    rows: dict[str, str] = {}
    for line in JSON_PAGE.read_text().splitlines():
        if line.startswith("| `"):
            commands, _, text = line.strip("| ").partition(" | ")
            rows |= dict.fromkeys(re.findall(r"`([^`]+)`", commands), text)
    lane = shutil.copytree(LANE.parent, tmp_path / "hello") / "lane.yaml"
    key = f"{world.key}.pub"
    store = tmp_path / "store.git"
    content, request = tmp_path / "content.json", tmp_path / "request.yaml"
    content.write_text('{"repository": "omega/x"}')
    request.write_text("publications: 1\noperations: [{kind: tag_repo, content: {}}]\n")
    operation = ("--run", world.run, "--kind", "tag_repo", "--content", str(content))
    at = ("--store", str(store))
    asked = {
        "init": ("init", *at),
        "keys show": ("keys", "show"),
        "run": ("run", str(lane), *at),
        "run --plan": ("run", str(lane), "--plan"),
        "seal": ("seal", str(world.evidence), *at),
        "log": ("log", "--entries"),
        "show": ("show", world.run),
        "show PACKET DOC": ("show", world.run, "header"),
        "diff": ("diff", world.run, world.sealed),
        "verify": ("verify", world.run),
        "verify --all": ("verify", "--all"),
        "rerun": ("rerun", world.run),
        "checkout": ("checkout", world.run, str(tmp_path / "out")),
        "maintain": ("maintain", *at),
        "purge": ("purge", world.sealed, "--reason", "why", "--dry-run"),
        "grant issue": ("grant", "issue", key, *at),
        "grant show": ("grant", "show"),
        "receipt issue": ("receipt", "issue", *operation),
        "receipt show": ("receipt", "show"),
        "receipt check": ("receipt", "check", "{receipt}", *operation),
        "plan": ("plan", str(request), "--run", world.run),
        "tickets reserve": ("tickets", "reserve", "TKT", "--ceiling", "9", *at),
        "tickets list": ("tickets", "list", *at),
        "blockers list": ("blockers", "list"),
        "trust show": ("trust", "show"),
        "trust set": ("trust", "set", "--expires", "2090-01-01T00:00:00Z", *at),
        "clock correct": ("clock", "correct", *at),
        "baseline verify": ("baseline", "verify", "none.json"),
        "schema": ("schema", "lane"),
        "completion": ("completion", "bash"),
    }
    assert asked.keys() <= rows.keys()
    shared = {"format", "command", *re.findall(r"`([a-z_]+)`", rows["verify"])}
    shared |= {"code", "detail", "expected", "found", "where"}
    if_inside = {
        "grant show": "grant issue",
        "log": "verify",
        "receipt show": "receipt issue",
    }
    for name, words in asked.items():
        known = set(re.findall(r"`([a-z_]+)`", rows[name] + rows.get(if_inside.get(name, ""), "")))
        named = (receipt if word == "{receipt}" else word for word in words)
        printed = world(*named, "--json").json
        receipt = printed.get("receipt_id", receipt)
        assert printed["format"] == 1
        assert names_in(printed) - known - shared == set(), name
        assert set(printed) - known - {"format", "command"} == set(), name
