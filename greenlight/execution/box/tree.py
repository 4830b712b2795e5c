"""The tree that a step sees: made in a namespace of mounts, and the same on every host.

::

    /usr /bin /sbin /lib* /nix      the host's, read-only; so are folders of the interpreter
    /etc                            a few files of the host's, and passwd and group made up
    /workspace                      the workspace: an overlay, or the folder itself
    /tmp                            a folder of the workspace's own
    /dev                            null, zero, full, random, urandom; shm
    /proc                           of the box's processes alone, read-only

Nothing else of the host has a name: no home, no socket, no other mount; /opt neither, where
applications keep what is theirs.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from greenlight.execution.box import kernel

WORKSPACE: Final = "/workspace"
TMP: Final = "/tmp"  # noqa: S108 - of the box
SHM: Final = "/dev/shm"  # noqa: S108 - likewise
DEVICES: Final = ("null", "zero", "full", "random", "urandom")
UID: Final = 1000  # of every step, whoever runs it

_SYSTEM: Final = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix")
_ETC: Final = (
    "alternatives", "ca-certificates", "ca-certificates.conf", "fonts", "java-11-openjdk",
    "java-17-openjdk", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "magic", "mime.types",
    "nsswitch.conf", "perl", "pki", "protocols", "python3", "python3.11", "python3.12",
    "services", "ssl/certs", "ssl/openssl.cnf", "terminfo", "xdg",
)  # fmt: skip
_MADE: Final = {
    "passwd": f"root:x:0:0:root:/:/bin/sh\nstep:x:{UID}:{UID}:step:{WORKSPACE}:/bin/sh\n",
    "group": f"root:x:0:\nstep:x:{UID}:\n",
    "hosts": "127.0.0.1 localhost\n::1 localhost\n",
    "hostname": "greenlight\n",
}
_SAFE: Final = kernel.MS_NOSUID | kernel.MS_NODEV
_READ_ONLY: Final = kernel.ATTR_RDONLY | kernel.ATTR_NOSUID | kernel.ATTR_NODEV
SHM_BYTES: Final = 64 * 2**20


@dataclass(frozen=True, slots=True)
class Layout:
    """What a tree is made of.

    Attributes:
        folder: The workspace's private folder: ``root``, ``tmp``, and with an overlay ``upper``
            and ``work``; a folder ``new`` is where the tree is made.
        lower: Name in ``folder`` of what the workspace begins as.
        readable: Other folders of the host, read-only, where they are.
        locked: Paths of the workspace that are there and must not change.
        masked: Files that stand in the place of a program that must not be started.
        overlay: Whether changes go into ``upper``, and ``root`` stays as it is.
        execute: Whether what lies in the workspace may be started.
        names: What the record calls paths of this machine, by their beginning.
    """

    folder: Path
    lower: str = "root"
    readable: tuple[str, ...] = ()
    locked: tuple[str, ...] = ()
    masked: tuple[str, ...] = ()
    overlay: bool = True
    execute: bool = False
    names: Mapping[str, str] = field(default_factory=dict)


def build(layout: Layout) -> None:
    """Make the tree and go into it; in namespaces of mounts and processes of one's own.

    Raises:
        OSError: The kernel refuses; the caller ends.
    """
    kernel.mount("none", "/", flags=kernel.MS_REC | kernel.MS_PRIVATE)
    os.chdir(layout.folder)
    kernel.mount("tmpfs", "new", "tmpfs", _SAFE, "size=4m,mode=755")
    shown = _outermost((*_SYSTEM, *layout.readable))
    later = [path for path in shown if path.startswith((f"{TMP}/", f"{WORKSPACE}/"))]
    for path in shown:
        if path not in later:
            _show(path)
    _etc()
    _workspace(layout)
    if layout.masked:
        # It looks like a program, so that a shell tries to start it, and is refused and seen.
        _touch("blocked", 0o555)
    for path in layout.masked:
        _bind("blocked", f"new{path}", _READ_ONLY | kernel.ATTR_NOEXEC)
    _bind("tmp", f"new{TMP}", kernel.ATTR_NOSUID | kernel.ATTR_NODEV | kernel.ATTR_NOEXEC)
    for path in later:  # an interpreter that was installed below /tmp: over what is mounted there
        _show(path)
    _devices()
    _processes()
    os.chdir("new")
    kernel.pivot_here()
    # Only now, since mounting below it takes writing.
    kernel.mount("none", "/", flags=0x20 | kernel.MS_BIND | kernel.MS_RDONLY | _SAFE)  # remount


def _outermost(paths: Sequence[str]) -> list[str]:
    """Return the paths that lie below no other, links as they are."""
    kept: list[str] = []
    for path in sorted(set(paths)):
        if not any(path.startswith(f"{other}/") for other in kept):
            kept.append(path)
    return kept


def _show(path: str) -> None:
    """Show a folder of the host, or the link that it is."""
    target = f"new{path}"
    try:
        status = os.lstat(path)
    except (FileNotFoundError, PermissionError):
        return  # what the user cannot reach, a step need not see
    os.makedirs(os.path.dirname(target), exist_ok=True)
    if stat.S_ISLNK(status.st_mode):
        os.symlink(os.readlink(path), target)
    elif stat.S_ISDIR(status.st_mode):
        _bind(path, target, _READ_ONLY)
    else:
        _touch(target)
        _bind(path, target, _READ_ONLY)


def _bind(source: str, target: str, attributes: int) -> None:
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    kernel.mount(source, target, flags=kernel.MS_BIND | kernel.MS_REC)
    kernel.restrict_mount(target, attributes)


def _touch(path: str, mode: int = 0o644) -> None:
    os.close(os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, mode))


def _etc() -> None:
    os.makedirs("new/etc", exist_ok=True)
    for name in _ETC:
        source = f"/etc/{name}"
        if os.path.islink(source) or not os.path.exists(source):
            continue
        _show(source)
    for name, text in _MADE.items():
        Path("new/etc", name).write_text(text, encoding="ascii")


def _workspace(layout: Layout) -> None:
    target = f"new{WORKSPACE}"
    os.makedirs(target, exist_ok=True)
    hard = _SAFE | (0 if layout.execute else kernel.MS_NOEXEC)
    if layout.overlay:
        # Relative, so that no character of the folder's path means anything in the options.
        data = f"lowerdir={layout.lower},upperdir=upper,workdir=work,userxattr"
        try:
            # Nothing in it has to outlive a power cut: no sync for each file that is copied up.
            kernel.mount("overlay", target, "overlay", hard, f"{data},volatile")
        except OSError:  # before 5.10
            kernel.mount("overlay", target, "overlay", hard, data)
    else:
        noexec = 0 if layout.execute else kernel.ATTR_NOEXEC
        _bind(layout.lower, target, kernel.ATTR_NOSUID | kernel.ATTR_NODEV | noexec)
    for path in layout.locked:
        _bind(f"{target}/{path}", f"{target}/{path}", _READ_ONLY)


def _devices() -> None:
    os.makedirs("new/dev", exist_ok=True)
    for name in DEVICES:
        _touch(f"new/dev/{name}")
        kernel.mount(f"/dev/{name}", f"new/dev/{name}", flags=kernel.MS_BIND)
    os.makedirs(f"new{SHM}", exist_ok=True)
    data = f"size={SHM_BYTES},mode=1777"
    kernel.mount("tmpfs", f"new{SHM}", "tmpfs", _SAFE | kernel.MS_NOEXEC, data)
    for name, target in (
        ("fd", "/proc/self/fd"),
        ("stdin", "/proc/self/fd/0"),
        ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
    ):
        os.symlink(target, f"new/dev/{name}")


def _processes() -> None:
    """Show the box's own processes; where even that is refused, there is no /proc."""
    os.makedirs("new/proc", exist_ok=True)
    flags = _SAFE | kernel.MS_NOEXEC
    # Not hidepid=2: it lets root's group look, whatever that group is called inside.
    for data in ("hidepid=ptraceable", ""):
        try:
            kernel.mount("proc", "new/proc", "proc", flags, data)
        except OSError:
            continue
        break
    else:
        return
    with contextlib.suppress(OSError):
        # Programs without a name on disk cannot be started (since 6.3).
        Path("new/proc/sys/vm/memfd_noexec").write_text("2", encoding="ascii")
    # Root's files in /proc/sys take the word of root, whatever rights are left.
    kernel.restrict_mount("new/proc", kernel.ATTR_RDONLY)
