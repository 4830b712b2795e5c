from __future__ import annotations

import os

import pytest

from greenlight.codes import Code
from greenlight.errors import StoreError, UsageError
from greenlight.store.config import parse_config
from greenlight.store.repository import create_store, open_store


def refusal(path, start=None):
    with pytest.raises(StoreError) as caught:
        open_store(path, start or path)
    return caught.value.code


@pytest.mark.parametrize("object_format", ["sha1", "sha256"])
def test_created_store_is_a_repository(tmp_path, git, object_format):
    """git takes what create_store makes for a bare repository of that object format."""
    create_store(tmp_path / "deep/store.git", object_format=object_format)
    store = open_store(tmp_path / "deep/store.git", tmp_path)

    assert store.object_format == object_format
    said = git("rev-parse", "--is-bare-repository", "--show-object-format", cwd=store.git_dir)
    assert said.decode().split() == ["true", object_format]
    git("fsck", "--strict", cwd=store.git_dir)


def test_create_refuses_what_is_there(tmp_path):
    """create_store overwrites nothing; an empty folder will do."""
    (tmp_path / "empty").mkdir()
    create_store(tmp_path / "empty")
    with pytest.raises(StoreError) as caught:
        create_store(tmp_path / "empty")
    assert caught.value.code is Code.STORE_EXISTS
    (tmp_path / "file").write_text("mine")
    with pytest.raises(StoreError) as caught:
        create_store(tmp_path / "file")
    assert caught.value.code is Code.STORE_EXISTS
    assert (tmp_path / "file").read_text() == "mine"
    with pytest.raises(UsageError):
        create_store(tmp_path / "other", object_format="md5")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "file"]


@pytest.mark.parametrize("object_format", ["sha1", "sha256"])
def test_found_from_below(tmp_path, git, object_format):
    """From any folder of a work tree its repository is found."""
    git("init", "-q", f"--object-format={object_format}", ".", cwd=tmp_path)
    (tmp_path / "a/b").mkdir(parents=True)

    store = open_store(None, tmp_path / "a/b")

    assert store.git_dir == tmp_path / ".git"
    assert store.object_format == object_format


def test_worktree_shares_the_store(tmp_path, git):
    """A linked worktree has the store of the main one."""
    git("init", "-q", "main", cwd=tmp_path)
    git("commit", "-q", "--allow-empty", "-m", "x", cwd=tmp_path / "main")
    git("worktree", "add", "-q", "../linked", cwd=tmp_path / "main")

    assert open_store(None, tmp_path / "linked").git_dir == tmp_path / "main/.git"


def test_submodule_pointer(tmp_path, git):
    """A .git file with a relative path is followed, as in a submodule."""
    git("init", "-q", "--separate-git-dir", tmp_path / "real.git", "work", cwd=tmp_path)

    assert open_store(None, tmp_path / "work").git_dir == tmp_path / "real.git"


def test_middle_of_a_merge(tmp_path, git):
    """A repository in the middle of a merge is a store like any other."""
    git("init", "-q", "-b", "main", ".", cwd=tmp_path)
    (tmp_path / "f").write_text("base")
    git("add", "f", cwd=tmp_path)
    git("commit", "-q", "-m", "base", cwd=tmp_path)
    git("checkout", "-q", "-b", "other", cwd=tmp_path)
    (tmp_path / "f").write_text("theirs")
    git("commit", "-q", "-am", "theirs", cwd=tmp_path)
    git("checkout", "-q", "main", cwd=tmp_path)
    (tmp_path / "f").write_text("ours")
    git("commit", "-q", "-am", "ours", cwd=tmp_path)
    git("merge", "other", cwd=tmp_path, check=False)
    assert (tmp_path / ".git/MERGE_HEAD").exists()
    before = {n: (tmp_path / ".git" / n).read_bytes() for n in ("index", "HEAD", "MERGE_HEAD")}

    store = open_store(None, tmp_path)
    oid = store.objects.write("blob", b"x")
    store.objects.flush()
    store.refs.swap("refs/greenlight/ledger", old=None, new=oid)

    assert before == {n: (tmp_path / ".git" / n).read_bytes() for n in before}


def test_missing(tmp_path):
    """Where there is no repository the code says so."""
    assert refusal(tmp_path / "nothing") is Code.STORE_MISSING
    assert refusal(None, tmp_path) is Code.STORE_MISSING


def test_shallow(tmp_path, git):
    """A shallow clone lacks history, and is refused."""
    git("init", "-q", "-b", "main", "full", cwd=tmp_path)
    for n in "ab":
        git("commit", "-q", "--allow-empty", "-m", n, cwd=tmp_path / "full")
    git("clone", "-q", "--depth=1", f"file://{tmp_path}/full", "cut", cwd=tmp_path)

    assert refusal(tmp_path / "cut") is Code.STORE_SHALLOW


def test_partial(tmp_path, git):
    """A blobless clone lacks objects, and is refused."""
    git("init", "-q", "-b", "main", "full", cwd=tmp_path)
    git("config", "uploadpack.allowFilter", "true", cwd=tmp_path / "full")
    git("commit", "-q", "--allow-empty", "-m", "a", cwd=tmp_path / "full")
    git("clone", "-q", "--filter=blob:none", f"file://{tmp_path}/full", "cut", cwd=tmp_path)

    assert refusal(tmp_path / "cut") is Code.STORE_PARTIAL


@pytest.mark.parametrize(
    ("config", "code"),
    [
        ("[extensions]\n\trefStorage = reftable\n", Code.STORE_REFTABLE),
        ("[extensions]\n\tpartialClone = origin\n", Code.STORE_PARTIAL),
        ('[remote "origin"]\n\tpromisor\n', Code.STORE_PARTIAL),
        ('[Remote "o"] promisor = "true" ; yes\n', Code.STORE_PARTIAL),
        ("[extensions]\n\tobjectFormat = sha512\n", Code.STORE_DAMAGED),
        ("[extensions]\n\tfrobnicate = yes\n", Code.STORE_DAMAGED),
        ("[core]\n\trepositoryformatversion = 2\n", Code.STORE_DAMAGED),
        ("= what\n", Code.STORE_DAMAGED),
    ],
)
def test_config_refusals(tmp_path, config, code):
    """Formats that could not be read truly are refused by name."""
    store = create_store(tmp_path / "s")
    with (store.git_dir / "config").open("a") as file:
        file.write(config)

    assert refusal(store.git_dir) is code


def test_reftable_folder(tmp_path):
    """A repository with a reftable folder is refused whatever its config says."""
    store = create_store(tmp_path / "s")
    (store.git_dir / "reftable").mkdir()

    assert refusal(store.git_dir) is Code.STORE_REFTABLE


def test_foreign_owner(tmp_path, monkeypatch):
    """A repository that belongs to another user is refused, as git does."""
    store = create_store(tmp_path / "s")
    monkeypatch.setattr(os, "geteuid", lambda: store.git_dir.stat().st_uid + 1)

    assert refusal(store.git_dir) is Code.STORE_FOREIGN_OWNER


def test_config_is_read_as_git_reads_it():
    """Case, quotes, comments, continued lines and the last value, as git has them."""
    found = parse_config(
        b"\xef\xbb\xbf# comment\n[Core]\n\tBare = true # it is\n"
        b'[remote "Up \\" stream"]\n\turl = "a;b" c\n\tprune\n'
        b"[extensions] objectFormat = sha1\n\tobjectFormat = sha\\\n256\n"
    )

    assert found == {
        ("core", "", "bare"): "true",
        ("remote", 'Up \\" stream', "url"): "a;b c",
        ("remote", 'Up \\" stream', "prune"): "true",
        ("extensions", "", "objectformat"): "sha256",
    }


def test_no_hook_runs_and_no_include_is_followed(tmp_path):
    """Whatever a repository's config and hooks say, nothing of it is run or read."""
    store = create_store(tmp_path / "s")
    marker = tmp_path / "ran"
    (store.git_dir / "hooks").mkdir()
    hook = store.git_dir / "hooks/reference-transaction"
    hook.write_text(f"#!/bin/sh\ntouch {marker}\n")
    hook.chmod(0o755)
    (tmp_path / "evil").write_text("[extensions]\n\trefStorage = reftable\n")
    with (store.git_dir / "config").open("a") as file:
        file.write(f"[core]\n\tfsmonitor = touch {marker}\n[include]\n\tpath = {tmp_path}/evil\n")

    opened = open_store(store.git_dir, tmp_path)
    oid = opened.objects.write("blob", b"x")
    opened.objects.flush()
    opened.refs.swap("refs/greenlight/ledger", old=None, new=oid)

    assert not marker.exists()
