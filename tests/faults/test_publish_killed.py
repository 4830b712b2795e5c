"""A publisher is killed at each of its system calls: what stands is the old or the new, whole."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from greenlight.execution.publish import publish_file
from greenlight.execution.snapshot import take
from greenlight.execution.workspace import Workspace, sweep
from greenlight.model.snapshot import ABSENT, FileState

# What changes something, or makes it durable; a kill is simulated before each call.
CALLS = ("open", "write", "fchmod", "fsync", "link", "rename", "unlink", "mkdir", "rmdir")
MAX_CALLS = 60  # far more than any of these makes


def killed_at(number: int, act: Callable[[], object]) -> bool:
    """Run ``act`` in a child that is killed before its call ``number``; report if it was."""
    child = os.fork()
    if child == 0:
        left = [number]
        for name in CALLS:
            original = getattr(os, name)

            def counted(*args, original=original, **options):
                if left[0] == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                left[0] -= 1
                return original(*args, **options)

            setattr(os, name, counted)
        status = 1
        try:
            act()
            status = 0
        finally:
            os._exit(status)
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert ended in (0, -signal.SIGKILL)
    return ended != 0


def visible(root: Path) -> dict[str, FileState]:
    states = take(root).states
    return {path: state for path, state in states.items() if not path.endswith(".tmp")}


@pytest.mark.parametrize("change", ["create", "modify", "delete"])
def test_a_killed_publisher_leaves_old_or_new(tmp_path: Path, change: str):
    """And the next publisher succeeds, and cleans up."""
    for number in range(MAX_CALLS):
        root = tmp_path / str(number)
        (root / "d").mkdir(parents=True)
        expected = ABSENT
        if change != "create":
            (root / "d" / "f").write_bytes(b"old content")
            expected = take(root).get("d/f")

        def act(root: Path = root, expected: FileState = expected) -> object:
            return publish_file(
                b"new content", "0640", root, "d/f", change=change, expected_before=expected
            )

        before = visible(root)
        was_killed = killed_at(number, act)
        after = visible(root)
        new = after.get("d/f", ABSENT)
        if after != before:
            assert set(after) <= {"d", "d/f"}
            assert new == ABSENT if change == "delete" else new.mode == "0640"
            assert new == ABSENT or (root / "d" / "f").read_bytes() == b"new content"
        else:
            act()
            assert visible(root) != before
        publish_file(b"", "0644", root, "d/g", change="create", expected_before=ABSENT)
        assert not list(root.rglob("*.tmp"))
        if not was_killed:
            return
    pytest.fail("the publisher was still being killed: raise MAX_CALLS")


def test_a_workspace_killed_anywhere_is_swept(tmp_path: Path):
    """Making, filling and removing a workspace, killed before each call: a sweep leaves nothing."""
    source = tmp_path / "source"
    (source / "sub").mkdir(parents=True)
    (source / "sub" / "file").write_bytes(b"x")
    for number in range(MAX_CALLS * 2):
        parent = tmp_path / str(number)
        parent.mkdir()

        def act(parent: Path = parent) -> None:
            with Workspace.create(parent) as workspace:
                workspace.copy_tree(source)
                (workspace.root / "sub").chmod(0)

        was_killed = killed_at(number, act)
        assert sweep(parent).left == ()
        assert list(parent.iterdir()) == []
        if not was_killed:
            assert number > 20
            return
    pytest.fail("the workspace was still being killed: raise MAX_CALLS")
