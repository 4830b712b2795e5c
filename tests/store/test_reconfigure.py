"""One setting is changed, as git would; every other byte of the configuration stays."""

from __future__ import annotations

import pytest

from greenlight.codes import Code
from greenlight.errors import StoreError
from greenlight.store.config import parse_config
from greenlight.store.reconfigure import change_setting, with_setting

ORIGIN = '[core]\n\tbare = true\n[remote "origin"]\n\turl = /x\n'
SET = "[greenlight]\n\tremote = origin\n"

SETTING = [
    ("", SET),
    (ORIGIN, ORIGIN + SET),
    (ORIGIN.rstrip("\n"), ORIGIN + SET),
    (ORIGIN + SET, ORIGIN + SET),
    (
        "[greenlight]\n\tremoteTimeout = 5\n" + ORIGIN,
        "[greenlight]\n\tremote = origin\n\tremoteTimeout = 5\n" + ORIGIN,
    ),
    (
        "[Greenlight]\n  ReMote=other ; which\n" + ORIGIN,
        "[Greenlight]\n\tremote = origin\n" + ORIGIN,
    ),
    ("[greenlight] remote = other\n" + ORIGIN, "[greenlight]\n\tremote = origin\n" + ORIGIN),
    ("[greenlight]\n\tremote = a\\\n  b\n[x]\n", "[greenlight]\n\tremote = origin\n[x]\n"),
    (
        '[greenlight "x"]\n\tremote = mine\n',
        '[greenlight "x"]\n\tremote = mine\n[greenlight]\n\tremote = origin\n',
    ),
    (SET + "[x]\n\ty = 1\n" + SET, "[greenlight]\n[x]\n\ty = 1\n" + SET),
    ("# [greenlight] \\\n[x]\n\ty = 1\n", "# [greenlight] \\\n[x]\n\ty = 1\n" + SET),
]


@pytest.mark.parametrize(("before", "after"), SETTING)
def test_a_setting_that_is_set(before: str, after: str):
    assert with_setting(before.encode(), "greenlight", "remote", "origin").decode() == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (ORIGIN + SET, ORIGIN),
        (ORIGIN, ORIGIN),
        (
            "[greenlight]\n\tremote = a\n\tremoteTimeout = 5\n",
            "[greenlight]\n\tremoteTimeout = 5\n",
        ),
        ("[greenlight]\n\t# mine\n\tremote = a\n", "[greenlight]\n\t# mine\n"),
        (SET + "\n" + ORIGIN, "\n" + ORIGIN),
    ],
)
def test_a_setting_that_is_taken_out(before: str, after: str):
    assert with_setting(before.encode(), "greenlight", "remote", "").decode() == after


@pytest.mark.parametrize(
    "data",
    [
        b"[greenlight\n",
        b"[x]\n\ty = a\\\n[greenlight]\n\tremote = b\n\t= c\n",
    ],
)
def test_what_git_would_not_read_is_left_alone(data: bytes):
    with pytest.raises(StoreError) as caught:
        with_setting(data, "greenlight", "remote", "origin")
    assert caught.value.code is Code.STORE_DAMAGED


def test_as_git_reads_it(store, git):
    """git finds the value; the file keeps its mode; a stale lock of ours is taken over."""
    path = store.git_dir / "config"
    path.chmod(0o640)
    git("remote", "add", "origin", "/x", cwd=store.git_dir)
    before = path.read_bytes()
    for value in ("origin", "other"):
        change_setting(store, "greenlight", "remote", value)
        said = git("config", "--get-all", "greenlight.remote", cwd=store.git_dir)
        assert said.decode().strip() == value
    assert path.stat().st_mode & 0o777 == 0o640
    lock = path.with_name("config.lock")
    lock.hardlink_to(store.own_dir / "reflock")
    change_setting(store, "greenlight", "remote", "")
    assert path.read_bytes() == before
    assert not lock.exists()
    assert parse_config(before)


def test_the_lock_of_git_is_respected(store):
    (store.git_dir / "config.lock").write_bytes(b"")
    before = (store.git_dir / "config").read_bytes()
    with pytest.raises(StoreError) as caught:
        change_setting(store, "greenlight", "remote", "origin", wait_seconds=0.05)
    assert caught.value.code is Code.STORE_BUSY
    assert (store.git_dir / "config").read_bytes() == before
