"""A workspace is private, holds exactly what was put in, and is gone afterwards."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from greenlight.codes import Code
from greenlight.errors import MalformedError, StoreError
from greenlight.execution import workspace as module
from greenlight.execution.removal import remove_tree
from greenlight.execution.snapshot import take
from greenlight.execution.workspace import SourceFile, Sweep, Workspace, sweep
from tests.execution.unprivileged import unprivileged


def test_a_workspace_is_private_and_goes(tmp_path: Path):
    """0700 around everything, and nothing left when the block ends."""
    with Workspace.create(tmp_path) as workspace:
        assert workspace.folder.stat().st_mode & 0o777 == 0o700
        assert workspace.folder.parent == tmp_path
        assert take(workspace.root).states == {}
        assert len(list(tmp_path.iterdir())) == 2  # the folder and its lock
    assert list(tmp_path.iterdir()) == []
    assert workspace.remove() == ()


def test_a_workspace_needs_no_environment():
    """Without a parent it stands in /tmp."""
    with Workspace.create() as workspace:
        assert workspace.folder.parent == module.DEFAULT_PARENT


def test_a_parent_that_is_not_there_is_reported(tmp_path: Path):
    """One clear error, and no lock left behind."""
    with pytest.raises(StoreError):
        Workspace.create(tmp_path / "absent")


def test_files_are_put_in_exactly(tmp_path: Path):
    """Bytes or a source file; the mode is what was said, whatever the umask."""
    source = tmp_path / "source"
    source.write_bytes(b"copied")
    old = os.umask(0o077)
    try:
        with Workspace.create(tmp_path) as workspace:
            workspace.populate(
                [
                    SourceFile("a/b/data", b"given"),
                    SourceFile("a/tool", source, "0755"),
                    SourceFile("empty", b"", "0400"),
                ]
            )
            states = take(workspace.root).states
            assert {
                path: (state.kind, state.mode, state.bytes) for path, state in states.items()
            } == {
                "a": ("directory", "0755", 0),
                "a/b": ("directory", "0755", 0),
                "a/b/data": ("file", "0644", 5),
                "a/tool": ("file", "0755", 6),
                "empty": ("file", "0400", 0),
            }
    finally:
        os.umask(old)


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/etc/passwd", Code.PATH_ABSOLUTE),
        ("../x", Code.PATH_DOTS),
        ("a//b", Code.PATH_DOTS),
        (".git/config", Code.PATH_DOTGIT),
        ("a\\b", Code.PATH_BACKSLASH),
    ],
)
def test_a_refused_path_is_not_put_in(path: str, code: Code):
    """The same rule as for packets."""
    with pytest.raises(MalformedError) as caught:
        SourceFile(path, b"")
    assert caught.value.code is code


def test_a_mode_is_four_octal_digits():
    """Nothing else is a mode."""
    for mode in ("644", "0o644", "rw-r--r--", "0888", ""):
        with pytest.raises(MalformedError):
            SourceFile("a", b"", mode)


def test_nothing_is_written_over_or_through(tmp_path: Path):
    """A path that is taken is refused, and so is one through a link or a file."""
    outside = tmp_path / "outside"
    outside.mkdir()
    with Workspace.create(tmp_path) as workspace:
        (workspace.root / "file").write_bytes(b"1")
        (workspace.root / "link").symlink_to(outside)
        (workspace.root / "dangling").symlink_to(outside / "new")
        for path in ("file", "file/below", "link/new", "dangling"):
            with pytest.raises(StoreError):
                workspace.populate([SourceFile(path, b"2")])
        assert (workspace.root / "file").read_bytes() == b"1"
    assert list(outside.iterdir()) == []


def test_a_source_must_be_a_regular_file(tmp_path: Path):
    """A link, a folder, a FIFO or nothing is no source."""
    (tmp_path / "link").symlink_to("/etc/passwd")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "fifo")
    with Workspace.create(tmp_path) as workspace:
        for name in ("out", "folder", "fifo", "absent"):
            with pytest.raises(StoreError):
                workspace.populate([SourceFile(name, tmp_path / name)])


def test_a_folder_is_copied_with_modes_and_links(tmp_path: Path):
    """The copy has the snapshot of the original; hard links become files of their own."""
    source = _tree(tmp_path / "source")
    with Workspace.create(tmp_path) as workspace:
        workspace.copy_tree(source)
        assert take(workspace.root) == take(source)
        assert (workspace.root / "twin").stat().st_nlink == 1
        workspace.copy_tree(source, "below/here")
        below = take(workspace.root / "below" / "here")
        assert below == take(source)


@pytest.mark.parametrize(
    ("place", "target"),
    [
        ("out", "/etc/passwd"),
        ("out", ".."),
        ("out", "../x"),
        ("sub/out", "../../x"),
        ("out", "sub/../../x"),
        ("out", "sub/../x"),  # inside, but climbs from where another link may have led
        ("out", "./.././x"),
    ],
)
def test_a_link_that_may_leave_is_refused(tmp_path: Path, place: str, target: str):
    """Absolute, or climbing above the folder, or climbing anywhere but at its beginning."""
    source = _tree(tmp_path / "source")
    (source / place).symlink_to(target)
    with Workspace.create(tmp_path) as workspace:
        with pytest.raises(MalformedError) as caught:
            workspace.copy_tree(source)
        assert caught.value.code is Code.LANE_PATH_ESCAPES
        assert not (workspace.root / place).is_symlink()


@pytest.mark.parametrize(
    ("place", "target"), [("sub/up", "../file"), ("in", "sub/deep"), ("s", ".")]
)
def test_a_link_that_stays_is_kept(tmp_path: Path, place: str, target: str):
    """As it is stored, not as what it points to."""
    source = _tree(tmp_path / "source")
    (source / place).symlink_to(target)
    with Workspace.create(tmp_path) as workspace:
        workspace.copy_tree(source)
        assert str((workspace.root / place).readlink()) == target


def test_special_files_and_refused_names_are_not_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Each has its code."""
    fifo, bound, named = (tmp_path / name for name in ("fifo", "bound", "named"))
    for folder in (fifo, bound, named):
        folder.mkdir()
    os.mkfifo(fifo / "pipe")
    monkeypatch.chdir(bound)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("s")
    (named / ".git").mkdir()
    expected = {
        fifo: Code.FILE_TYPE_REFUSED,
        bound: Code.FILE_TYPE_REFUSED,
        named: Code.PATH_DOTGIT,
    }
    with Workspace.create(tmp_path) as workspace:
        for folder, code in expected.items():
            with pytest.raises(MalformedError) as caught:
                workspace.copy_tree(folder)
            assert caught.value.code is code


def test_a_full_disk_is_told_from_an_unreadable_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Who must act is another person."""
    (tmp_path / "source").write_bytes(b"x")

    def full(_descriptor: int, _data: object) -> int:
        raise OSError(28, "No space left on device")

    with Workspace.create(tmp_path) as workspace:
        monkeypatch.setattr(os, "write", full)
        for source in (b"x", tmp_path / "source"):
            with pytest.raises(StoreError) as caught:
                workspace.populate([SourceFile("f", source)])
            assert caught.value.code is Code.IO_NOSPACE
            monkeypatch.undo()
            (workspace.root / "f").unlink()
            monkeypatch.setattr(os, "write", full)
        monkeypatch.undo()


def test_whatever_a_step_left_is_removed(tmp_path: Path):
    """Read-only and closed folders, links, FIFOs, names that are no text, as an ordinary user."""
    parent = _open_to_all(tmp_path)
    (parent / "precious").mkdir()
    (parent / "precious" / "file").write_bytes(b"x")

    def leave() -> str:
        with Workspace.create(parent) as workspace:
            root = workspace.root
            for number in range(3):
                (root / f"d{number}/in/ner").mkdir(parents=True)
            (root / "d0/in/ner/file").write_bytes(b"x")
            (root / "d0/in/ner/file").chmod(0)
            os.mkfifo(workspace.tmp / "fifo")
            (root / "out").symlink_to(parent / "precious")
            (root / "d1" / os.fsdecode(b"\xff")).touch()
            (root / "d0/in/ner").chmod(0)
            (root / "d0/in").chmod(0o500)
            (root / "d1").chmod(0o555)
            (root / "d2").chmod(0)
            root.chmod(0)
            workspace.folder.chmod(0)
        return str([path.name for path in parent.iterdir()])

    assert unprivileged(leave) == "['precious']"
    assert (parent / "precious" / "file").read_bytes() == b"x"


def test_folders_nested_beyond_every_limit_are_removed(tmp_path: Path):
    """Three thousand levels: deeper than the stack, the descriptors and PATH_MAX."""
    with Workspace.create(tmp_path) as workspace:
        here = os.open(workspace.root, os.O_RDONLY)
        for _ in range(3000):
            os.mkdir("d", dir_fd=here)
            below = os.open("d", os.O_RDONLY, dir_fd=here)
            os.close(here)
            here = below
        os.close(here)
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_removed_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """An error of its own, or a note on the error that was there first."""
    monkeypatch.setattr(module, "remove_tree", lambda _folder: ("stuck: not permitted",))
    with pytest.raises(StoreError, match="stuck"), Workspace.create(tmp_path):
        pass
    with pytest.raises(ValueError, match="first") as caught, Workspace.create(tmp_path):
        raise ValueError("first")
    assert "stuck" in caught.value.__notes__[0]
    monkeypatch.undo()
    assert len(sweep(tmp_path).removed) == 2


def test_an_immutable_file_is_reported_by_name(tmp_path: Path):
    """The system protects it; nothing here pretends otherwise."""
    folder = tmp_path / "folder"
    (folder / "in").mkdir(parents=True)
    (folder / "in" / "kept").touch()
    chattr = shutil.which("chattr")
    done = chattr and subprocess.run([chattr, "+i", folder / "in" / "kept"], check=False)
    if not done or done.returncode:
        pytest.skip("this file system, or this user, cannot make a file immutable")
    try:
        left = remove_tree(folder)
    finally:
        subprocess.run([str(chattr), "-i", *folder.rglob("kept")], check=True)
    assert any("kept" in line for line in left)
    assert remove_tree(folder) == ()


def test_a_killed_process_leaves_what_a_sweep_removes(tmp_path: Path):
    """And a sweep never touches a workspace in use, or anything else."""
    child = os.fork()
    if child == 0:
        workspace = Workspace.create(tmp_path)
        (workspace.root / "closed").mkdir(mode=0)
        os.kill(os.getpid(), signal.SIGKILL)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    (leftover,) = (path for path in tmp_path.iterdir() if path.is_dir())
    lock = tmp_path / (leftover.name + ".lock")
    assert lock.read_text().startswith("pid ")
    (tmp_path / "greenlight-workspace-notes").mkdir()
    (tmp_path / ("greenlight-workspace-" + "0" * 32)).mkdir()  # no lock file: not ours to judge
    with Workspace.create(tmp_path) as used:
        assert sweep(tmp_path) == Sweep((leftover.name,), ())
        assert used.root.is_dir()
        assert sweep(tmp_path) == Sweep((), ())
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "greenlight-workspace-" + "0" * 32,
        "greenlight-workspace-notes",
    ]


def test_a_sweep_is_not_led_astray(tmp_path: Path):
    """A lock file or a folder that is a link removes nothing elsewhere."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").touch()
    parent = tmp_path / "parent"
    parent.mkdir()
    linked, locked = (parent / ("greenlight-workspace-" + digit * 32) for digit in "12")
    linked.symlink_to(outside)
    (parent / (linked.name + ".lock")).touch()
    locked.mkdir()
    (parent / (locked.name + ".lock")).symlink_to(outside / "file")
    assert sweep(parent) == Sweep((), ())
    assert (outside / "file").exists()
    assert locked.is_dir()


def _tree(top: Path) -> Path:
    (top / "sub").mkdir(parents=True)
    (top / "file").write_bytes(b"1")
    (top / "twin").hardlink_to(top / "file")
    (top / "sub" / "deep").write_bytes(b"2")
    (top / "sub" / "deep").chmod(0o751)
    (top / "link").symlink_to("sub/deep")
    (top / "closed").mkdir()
    (top / "closed" / "kept").write_bytes(b"3")
    (top / "closed").chmod(0o555)
    (top / "empty").mkdir(mode=0o711)
    return top


def _open_to_all(path: Path) -> Path:
    """Make a folder that an ordinary user can write to, below folders it can pass."""
    for folder in (path, *list(path.parents)[:3]):
        if folder.stat().st_uid == os.geteuid():
            folder.chmod(folder.stat().st_mode | 0o055)
    path.chmod(0o1777)
    return path
