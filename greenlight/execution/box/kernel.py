"""The system calls that Python has no name for, by number; each raises ``OSError``.

Numbers are the kernel's (arch/*/entry/syscalls); constants are of its uapi headers.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import platform
import socket
import struct
from typing import Final

MACHINE: Final = platform.machine()
# Numbers that differ between machines; since 5.1 new calls have one number on all.
_NUMBERS: Final[dict[str, dict[str, int]]] = {
    "x86_64": {"pivot_root": 155, "capset": 126, "seccomp": 317},
    "aarch64": {"pivot_root": 41, "capset": 91, "seccomp": 277},
}
SUPPORTED: Final = MACHINE in _NUMBERS and os.name == "posix"
_MINE: Final = _NUMBERS.get(MACHINE, {})

NEW_USER, NEW_NS, NEW_PID = 0x10000000, 0x00020000, 0x20000000
NEW_NET, NEW_IPC, NEW_UTS = 0x40000000, 0x08000000, 0x04000000

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18
MNT_DETACH: Final = 2
ATTR_RDONLY, ATTR_NOSUID, ATTR_NODEV, ATTR_NOEXEC = 1, 2, 4, 8
_AT_RECURSIVE: Final = 0x8000

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_CAPBSET_DROP = 1, 4, 24
_PR_SET_NO_NEW_PRIVS, _PR_SET_PTRACER, _PR_CAP_AMBIENT = 38, 0x59616D61, 47
_PR_SET_CHILD_SUBREAPER: Final = 36
_CAP_VERSION: Final = 0x20080522
_CAPABILITIES: Final = 64

RESOLVE_IN_ROOT: Final = 0x10
RESOLVE_NO_MAGICLINKS: Final = 0x02

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


def call(number: int, *arguments: object) -> int:
    """Make a system call; integers, bytes, buffers and None are handed over as they are."""
    words = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
    result: int = _libc.syscall(ctypes.c_long(number), *words)
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result


def _named(name: str) -> int:
    if name not in _MINE:
        raise OSError(38, f"{name} on {MACHINE}")  # ENOSYS
    return _MINE[name]


def _checked(result: int, what: str) -> None:
    if result:
        error = ctypes.get_errno()
        raise OSError(error, f"{what}: {os.strerror(error)}")


def unshare(flags: int) -> None:
    """Leave the namespaces that ``flags`` name for new ones."""
    _checked(_libc.unshare(flags), "unshare")


def mount(source: str, target: str, kind: str = "", flags: int = 0, data: str = "") -> None:
    """Mount; ``kind`` is a file system's name, or empty for a bind or a change."""
    _checked(
        _libc.mount(
            os.fsencode(source),
            os.fsencode(target),
            kind.encode() or None,
            ctypes.c_ulong(flags),
            os.fsencode(data) or None,
        ),
        f"mount {target}",
    )


def unmount(target: str) -> None:
    """Take a mount away, and all below it; who uses it keeps it."""
    _checked(_libc.umount2(os.fsencode(target), MNT_DETACH), f"unmount {target}")


def restrict_mount(target: str, attributes: int) -> None:
    """Set attributes of a mount and of all below it (mount_setattr, since 5.12)."""
    attr = ctypes.create_string_buffer(struct.pack("<QQQQ", attributes, 0, 0, 0), 32)
    call(442, -100, os.fsencode(target), _AT_RECURSIVE, attr, 32)


def pivot_here() -> None:
    """Make the working directory, a mount, the root; the old root is gone."""
    call(_named("pivot_root"), b".", b".")
    unmount(".")
    os.chdir("/")


def die_with_parent() -> None:
    """Be killed when the parent ends."""
    _checked(_libc.prctl(_PR_SET_PDEATHSIG, 9, 0, 0, 0), "prctl")


def end_with_parent() -> None:
    """Be asked to end (SIGTERM) when the parent ends."""
    _checked(_libc.prctl(_PR_SET_PDEATHSIG, 15, 0, 0, 0), "prctl")


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends."""
    _checked(_libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "prctl")


def be_undumpable() -> None:
    """Keep others of this user from reading this process."""
    _checked(_libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0), "prctl")


def be_dumpable() -> None:
    """Have files of one's own in /proc again, where a change of user took them away."""
    _checked(_libc.prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0), "prctl")


def let_any_trace() -> None:
    """Let the supervisor take a descriptor under Yama, where no namespace gives the right."""
    _libc.prctl(ctypes.c_int(_PR_SET_PTRACER), ctypes.c_ulong(-1), 0, 0, 0)


def gain_nothing() -> None:
    """Have no_new_privs: no program that is started gives more rights than there are."""
    _checked(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")


def drop_capabilities() -> None:
    """Drop every capability, for this process and all that it will ever start."""
    for number in range(_CAPABILITIES):
        if _libc.prctl(_PR_CAPBSET_DROP, number, 0, 0, 0):
            break  # beyond the last that this kernel has
    _libc.prctl(_PR_CAP_AMBIENT, 4, 0, 0, 0)  # clear all
    header = ctypes.create_string_buffer(struct.pack("<II", _CAP_VERSION, 0), 8)
    call(_named("capset"), header, ctypes.create_string_buffer(24))


def seccomp(operation: int, flags: int, argument: object) -> int:
    """Make the seccomp call."""
    return call(_named("seccomp"), operation, flags, argument)


def take_descriptor(pidfd: int, descriptor: int) -> int:
    """Return a copy of another process's descriptor (pidfd_getfd, since 5.6)."""
    return call(438, pidfd, descriptor, 0)


def raise_loopback() -> None:
    """Let the box's own loopback carry packets (netdevice(7))."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        up = struct.pack("16sh14x", b"lo", 0x1 | 0x40)  # IFF_UP | IFF_RUNNING
        fcntl.ioctl(any_socket, 0x8914, up)  # SIOCSIFFLAGS


def close_from(first: int) -> None:
    """Close every descriptor from ``first`` on (close_range, since 5.9)."""
    try:
        call(436, first, 0xFFFFFFFF, 0)
    except OSError:
        os.closerange(first, 4096)


def open_in_root(root: int, path: str, flags: int) -> int:
    """Open a path as a process would whose root is ``root`` (openat2, since 5.6)."""
    how = ctypes.create_string_buffer(
        struct.pack("<QQQ", flags | os.O_CLOEXEC, 0, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS), 24
    )
    return call(437, root, os.fsencode(path), how, 24)
