"""The supervisor: answers the filter's questions, from outside, and writes them down.

Reading what a stopped process asks for is a look at memory that its other threads can change
before the kernel reads it again (Documentation/userspace-api/seccomp_filter.rst says so).  So
nothing rests on an answer of "go on": the kernel's own walls stand behind it.  An answer of
"no" is final.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import socket
import struct
from typing import Final

from greenlight.execution.attempts import Attempt, Recorder, Scope
from greenlight.execution.box import calls, kernel
from greenlight.execution.box.judging import Judge, Place, denied, is_nameless
from greenlight.model.documents.attempts import AttemptKind, AttemptOutcome

_RECEIVE, _SEND, _STILL_VALID = 0xC0502100, 0xC0182101, 0x40082102
_NOTIFICATION: Final = struct.Struct("<QIIiIQ6Q")
_NOTHING: Final = bytes(80)  # what the kernel fills must be empty before
_CONTINUE: Final = 1
_AT_FDCWD, _AT_EMPTY_PATH, _AT_SYMLINK_NOFOLLOW = -100, 0x1000, 0x100
_PAGE, _MAX_PATH, _MAX_WORDS = 4096, 4096, 8
_INET_BYTES, _INET6_BYTES = 8, 24  # of an address, up to the host
_NOT_THERE: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EACCES})
_WRITES: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC

_OWN: Final = ("/proc/self/", "/proc/thread-self/", "/dev/std", "/dev/fd/", "/dev/pts/")

# Of each call: pairs of arguments, the folder's descriptor (None for the working directory)
# and the path; and whether a link at the end is followed.
_PATHS: Final[dict[str, tuple[tuple[tuple[int | None, int], ...], bool]]] = {
    "open": (((None, 0),), True), "creat": (((None, 0),), True), "openat": (((0, 1),), True),
    "openat2": (((0, 1),), True), "unlink": (((None, 0),), False),
    "unlinkat": (((0, 1),), False), "rename": (((None, 0), (None, 1)), False),
    "renameat": (((0, 1), (2, 3)), False), "renameat2": (((0, 1), (2, 3)), False),
    "mkdir": (((None, 0),), False), "mkdirat": (((0, 1),), False),
    "rmdir": (((None, 0),), False), "link": (((None, 1),), False),
    "linkat": (((2, 3),), False), "symlink": (((None, 1),), False),
    "symlinkat": (((1, 2),), False), "truncate": (((None, 0),), True),
    "chmod": (((None, 0),), True), "fchmodat": (((0, 1),), True),
    "fchmodat2": (((0, 1),), True), "chown": (((None, 0),), True),
    "lchown": (((None, 0),), False), "fchownat": (((0, 1),), True),
    "mknod": (((None, 0),), False), "mknodat": (((0, 1),), False),
    "setxattr": (((None, 0),), True), "lsetxattr": (((None, 0),), False),
    "removexattr": (((None, 0),), True), "lremovexattr": (((None, 0),), False),
}  # fmt: skip


class _Unreadable(Exception):  # noqa: N818 - internal control flow
    """The memory of the process could not be read."""


class Supervisor:
    """Decides about the calls of one box, and records them.

    Args:
        listener: Descriptor of the filter's questions.
        root: Descriptor of the box's root folder.
        place: Where the step may write.
        scope: What may change there.
    """

    def __init__(self, listener: int, root: int, place: Place, scope: Scope) -> None:
        self.recorder = Recorder()
        self._listener = listener
        self._root = root
        self._judge = Judge(place, scope)

    def answer(self) -> bool:
        """Answer one question; return whether there may be another."""
        try:
            asked = fcntl.ioctl(self._listener, _RECEIVE, _NOTHING)
        except OSError as error:
            # The process went away, or a signal came first; anything else ends the listening.
            return error.errno in (errno.ENOENT, errno.EINTR, errno.EAGAIN)
        number, pid, _, call, _, _, *arguments = _NOTIFICATION.unpack(asked)
        name = calls.NAMES.get(call, str(call))
        try:
            attempts, refusal = self._decide(_Caller(pid, self._root), name, arguments)
        except (_Unreadable, OSError, struct.error, IndexError, ValueError):
            self.recorder.undecoded += 1
            attempts, refusal = [], errno.EACCES
        try:
            # Only what is still there was about the memory that was read.
            fcntl.ioctl(self._listener, _STILL_VALID, struct.pack("<Q", number))
        except OSError:
            return True
        for attempt in attempts:
            self.recorder.add(attempt)
        reply = struct.pack("<QqiI", number, 0, -refusal, 0 if refusal else _CONTINUE)
        try:
            fcntl.ioctl(self._listener, _SEND, reply)
        except OSError as error:
            if error.errno != errno.ENOENT:
                raise
        return True

    def _decide(
        self, caller: _Caller, name: str, arguments: list[int]
    ) -> tuple[list[Attempt], int]:
        if name in calls.REFUSED:
            return [denied(AttemptKind.SYSTEM, name, "")], calls.REFUSED[name]
        if name in calls.PROGRAMS:
            return self._program(caller, name, arguments)
        if name == "socket":
            target = f"family {arguments[0]}"
            return [denied(AttemptKind.NETWORK, name, target)], errno.EAFNOSUPPORT
        if name in ("connect", "bind", "sendto", "sendmsg", "sendmmsg"):
            return _network(caller, name, arguments, self._judge.place.proxy)
        return self._write(caller, name, arguments)

    # --- programs

    def _program(
        self, caller: _Caller, name: str, arguments: list[int]
    ) -> tuple[list[Attempt], int]:
        if name == "execve":
            folder, where, words = _AT_FDCWD, arguments[0], arguments[1]
        else:
            folder, where, words = _signed(arguments[0]), arguments[1], arguments[2]
        path = caller.path(folder, where)
        found = caller.find(path, follow=True)
        if found is None and not is_nameless(path):
            return [], 0  # a shell looks through PATH; the kernel says that it is not there
        attempt = self._judge.program(name, path, found or path, caller.words(words))
        return [attempt], errno.EACCES if attempt.outcome is AttemptOutcome.DENIED else 0

    # --- paths

    def _write(self, caller: _Caller, name: str, arguments: list[int]) -> tuple[list[Attempt], int]:
        pairs, follow = _PATHS[name]
        if name == "openat2":
            flags = struct.unpack("<Q", caller.read(arguments[2], 8))[0]
            if not flags & _WRITES:
                return [], 0
            follow = not flags & os.O_NOFOLLOW
        elif name in ("open", "openat"):
            flags = arguments[1 if name == "open" else 2]
            follow = not flags & os.O_NOFOLLOW
        attempts: list[Attempt] = []
        refusal = 0
        for descriptor, where in pairs:
            folder = _AT_FDCWD if descriptor is None else _signed(arguments[descriptor])
            path = caller.path(folder, arguments[where])
            if path.startswith(_OWN):
                continue  # a descriptor of its own: where it leads was decided when it was opened
            found = caller.resolve(path, follow=follow)
            if found is None:
                return [], 0  # its folder is not there: the kernel says so
            attempt = self._judge.write(name, found)
            if attempt is not None:
                attempts.append(attempt)
                if attempt.outcome is AttemptOutcome.DENIED:
                    refusal = errno.EROFS
        return attempts, refusal


def _signed(value: int) -> int:
    return int(ctypes.c_int(value & 0xFFFFFFFF).value)


# --- network


def _network(
    caller: _Caller, name: str, arguments: list[int], proxy: str
) -> tuple[list[Attempt], int]:
    if name in ("sendmsg", "sendmmsg"):
        pointer, length = struct.unpack("<QI", caller.read(arguments[1], 12))
        if not pointer:
            return [], 0  # on a socket that is connected, or has no name to send to
    elif name == "sendto":
        pointer, length = arguments[4], arguments[5]
    else:
        pointer, length = arguments[1], arguments[2]
    raw = caller.read(pointer, max(2, min(length & 0xFFFFFFFF, 128)))
    family = struct.unpack_from("<H", raw)[0]
    if family in (socket.AF_UNIX, 16):
        return [], 0  # the box has its own: no socket of the host has a name in it
    where = _destination(family, raw)
    if name == "connect" and where == proxy:
        return [], 0  # what it asks for there, the proxy records
    refusal = errno.EACCES if name == "bind" else errno.ENETUNREACH
    return [denied(AttemptKind.NETWORK, name, where)], refusal


def _destination(family: int, raw: bytes) -> str:
    if family == socket.AF_INET and len(raw) >= _INET_BYTES:
        host = socket.inet_ntop(socket.AF_INET, raw[4:8])
        return f"{host}:{struct.unpack_from('>H', raw, 2)[0]}"
    if family == socket.AF_INET6 and len(raw) >= _INET6_BYTES:
        host = socket.inet_ntop(socket.AF_INET6, raw[8:24])
        return f"[{host}]:{struct.unpack_from('>H', raw, 2)[0]}"
    return f"family {family}"


class _Caller:
    """The stopped process, as its memory and its folders show it."""

    def __init__(self, pid: int, root: int) -> None:
        self._pid = pid
        self._root = root
        self._memory = -1

    def __del__(self) -> None:
        if self._memory >= 0:
            os.close(self._memory)

    def read(self, address: int, length: int) -> bytes:
        """Return bytes of its memory."""
        if self._memory < 0:
            self._memory = os.open(f"/proc/{self._pid}/mem", os.O_RDONLY | os.O_CLOEXEC)
        data = os.pread(self._memory, length, address)
        if not data:
            raise _Unreadable
        return data

    def text(self, address: int) -> str:
        """Return the text at an address, which ends with NUL."""
        found = b""
        while len(found) < _MAX_PATH:
            at = address + len(found)
            piece = self.read(at, _PAGE - at % _PAGE)
            end = piece.find(b"\0")
            if end >= 0:
                return os.fsdecode(found + piece[:end])
            found += piece
        raise _Unreadable

    def words(self, address: int) -> list[str]:
        """Return the first arguments of a program."""
        raw = self.read(address, 8 * _MAX_WORDS) if address else b""
        words = []
        for (pointer,) in struct.iter_unpack("<Q", raw[: len(raw) // 8 * 8]):
            if not pointer:
                break
            words.append(self.text(pointer))
        return words

    def path(self, folder: int, address: int) -> str:
        """Return the path that a call names, from the box's root, as it is spelt."""
        spelt = self.text(address) if address else ""
        if spelt.startswith("/"):
            return spelt
        link = "cwd" if folder == _AT_FDCWD else f"fd/{folder}"
        base = os.readlink(f"/proc/{self._pid}/{link}")
        return f"{base}/{spelt}" if spelt else base

    def resolve(self, path: str, *, follow: bool) -> str | None:
        """Return where ``path`` leads in the box, there or not; None where its folder is not."""
        found = self.find(path, follow=follow)
        if found is not None:
            return found
        above, _, name = path.rstrip("/").rpartition("/")
        folder = self.find(above or "/", follow=True)
        return None if folder is None else f"{folder.rstrip('/')}/{name}"

    def find(self, path: str, *, follow: bool) -> str | None:
        """Return where ``path`` leads in the box; None where nothing is."""
        flags = os.O_PATH | (0 if follow else os.O_NOFOLLOW)
        try:
            descriptor = kernel.open_in_root(self._root, path, flags)
        except OSError as error:
            if error.errno in _NOT_THERE:
                return None
            raise
        try:
            return os.readlink(f"/proc/self/fd/{descriptor}")
        finally:
            os.close(descriptor)
