"""Which settings judge: those of a base that the author of a change cannot rewrite."""

from __future__ import annotations

import pytest

from greenlight.codes import Code
from greenlight.errors import MalformedError, StoreError, UsageError
from greenlight.model.settings import DEFAULTS
from greenlight.primitives.digest import Digest
from greenlight.services.settings import judging_settings
from greenlight.store.repository import open_store
from greenlight.store.worktree import (
    commit_of,
    is_ancestor,
    parent_of,
    read_file_at,
    work_tree_around,
)


@pytest.fixture
def project(tmp_path, git):
    """Return a folder that is a repository, and a function that commits a text as settings."""
    root = tmp_path / "project"
    root.mkdir()
    git("init", "-q", "-b", "main", cwd=root)

    def commit(text, name="greenlight.toml"):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        git("add", "-A", cwd=root)
        git("commit", "-q", "--allow-empty", "-m", "x", cwd=root)
        return git("rev-parse", "HEAD", cwd=root).decode().strip()

    return root, commit


def judged(root, base="", start=None):
    with open_store(None, root) as store:
        return judging_settings(store, work_tree_around(start or root), start or root, base)


def test_an_edited_threshold_does_not_judge_its_own_change(project, git):
    """The branch says another thing than the base: the base is what counts."""
    root, commit = project
    base = commit("about = 'reviewed'")
    git("checkout", "-q", "-b", "change", cwd=root)
    commit("about = 'edited'")
    found = judged(root, "main")
    assert (found.settings.about, found.commit, found.base) == ("reviewed", base, "main")
    assert found.is_independent
    assert found.digest == Digest.of(b"about = 'reviewed'")
    assert found.source == f"greenlight.toml at main ({base[:12]})"


def test_the_base_is_found(project, git):
    """By the repository's own setting, which no commit changes; else by origin's default branch."""
    root, commit = project
    base = commit("about = 'reviewed'")
    git("checkout", "-q", "-b", "change", cwd=root)
    commit("about = 'edited'")
    (root / "greenlight.toml").write_text("about = 'not even committed'")
    assert not judged(root).is_independent
    assert judged(root).settings.about == "not even committed"
    assert "could have edited it" in judged(root).source
    git("update-ref", "refs/remotes/origin/main", base, cwd=root)
    git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main", cwd=root)
    assert judged(root).settings.about == "reviewed"
    assert judged(root).base == "refs/remotes/origin/HEAD"
    git("config", "greenlight.base", "main", cwd=root)
    assert judged(root).base == "main"
    below = root / "deep" / "down"
    below.mkdir(parents=True)
    assert judged(root, start=below).settings.about == "reviewed"


def test_on_the_base_itself_the_last_commit_is_the_change(project):
    """So its parent judges; before the first commit, nobody does."""
    root, commit = project
    first = commit("about = 'first'")
    assert not judged(root, "main").is_independent
    commit("about = 'second'")
    found = judged(root, "main")
    assert (found.settings.about, found.commit, found.base) == ("first", first, "main^")


@pytest.mark.parametrize("base", ["nobody", "--upload-pack=x", "HEAD:greenlight.toml", "a b", "-"])
def test_a_base_that_is_none(project, base):
    """What was asked for and is not there stops the command: nothing else judges in its place."""
    root, commit = project
    commit("")
    with pytest.raises(UsageError) as caught:
        judged(root, base)
    assert caught.value.code is Code.BASE_UNKNOWN


def test_without_a_repository(tmp_path):
    """A folder's own settings, or the defaults; a base that was asked for is not there."""
    found = judging_settings(None, None, tmp_path, "")
    assert (found.settings, found.file, found.is_independent) == (DEFAULTS, "", False)
    assert "the defaults" in found.source
    (tmp_path / "pyproject.toml").write_text("[tool.greenlight]\nabout = 'x'\n")
    found = judging_settings(None, None, tmp_path, "")
    assert (found.settings.about, found.file) == ("x", "pyproject.toml")
    with pytest.raises(UsageError) as caught:
        judging_settings(None, None, tmp_path, "main")
    assert caught.value.code is Code.BASE_UNKNOWN
    (tmp_path / "pyproject.toml").unlink()
    (tmp_path / "greenlight.toml").mkdir()
    with pytest.raises(StoreError):
        judging_settings(None, None, tmp_path, "")


def test_settings_that_cannot_be_carried_out(project, git):
    """Those of the base are read as strictly: a broken base judges nothing green."""
    root, commit = project
    commit("[[gates]]\nname = 'a'\n")
    git("checkout", "-q", "-b", "change", cwd=root)
    commit("")
    with pytest.raises(MalformedError) as caught:
        judged(root, "main")
    assert caught.value.code is Code.SETTINGS_MALFORMED
    assert "/gates/0: expected a command or a builtin" in str(caught.value)


def test_files_of_a_commit(project):
    """Regular files alone: a link leads out of the commit, and a folder has no bytes."""
    root, commit = project
    commit("x", "deep/down/file")
    (root / "link").symlink_to("deep/down/file")
    (root / "run").write_text("x")
    (root / "run").chmod(0o755)
    oid = commit("about = 'x'")
    with open_store(None, root) as store:

        def read(path):
            return read_file_at(store, oid, path, max_bytes=100)

        assert read("deep/down/file") == b"x"
        assert read("run") == b"x"
        assert read("deep/down/nothing") is None
        assert read("greenlight.toml/x") is None
        assert read("nothing/at/all") is None
        for odd in ("link", "deep", "deep/down"):
            with pytest.raises(StoreError) as caught:
                read(odd)
            assert caught.value.code is Code.FILE_UNREADABLE
        with pytest.raises(StoreError) as caught:
            read_file_at(store, oid, "greenlight.toml", max_bytes=3)
        assert caught.value.code is Code.LIMIT_EXCEEDED
    parent = parent_of(root, oid)
    assert parent_of(root, parent) is None
    assert is_ancestor(root, parent, oid)
    assert not is_ancestor(root, oid, parent)
    assert commit_of(root, "") is None


def test_commits_of_other_people(project, git):
    """A merge of a tag carries the tag, and others an encoding: their tree is what is asked."""
    root, commit = project
    commit("about = 'x'")
    tree = git("rev-parse", "HEAD^{tree}", cwd=root).decode().strip()
    body = (
        f"tree {tree}\nauthor T <t@example.org> 1 +0000\ncommitter T <t@example.org> 1 +0000\n"
        "encoding latin1\nmergetag object x\n type commit\n tag v1\n\nmessage\n"
    )
    odd = git(
        "hash-object", "-t", "commit", "-w", "--stdin", "--literally", cwd=root, data=body.encode()
    )
    assert judged(root, odd.decode().strip()).settings.about == "x"


def test_no_work_tree(tmp_path, git):
    """Neither around a plain folder, nor in a bare repository."""
    assert work_tree_around(tmp_path) is None
    git("init", "-q", "--bare", "bare.git", cwd=tmp_path)
    assert work_tree_around(tmp_path / "bare.git") is None
    git("init", "-q", "new", cwd=tmp_path)
    assert work_tree_around(tmp_path / "new").head == ""
