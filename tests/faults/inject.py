"""Run one command with a fault at one of its system calls: a kill, or an error.

A server process has imported greenlight once, and forks a child for each command.  The child
puts a seccomp filter on itself, so that the kernel asks the server before each call that
changes something or makes it durable, of the command and of every process that it starts.
The server lets the call happen, kills all of them before it does, or answers it with an error
instead; what it was asked about is the trace.  Nothing of greenlight is replaced.

What runs in a folder of ``spared`` (another repository's side of a push) is never counted, nor
killed: that is another machine.

``python -m tests.faults.inject`` is the server: a line of JSON in, a line of JSON out.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.faults.calls import NAMES, OPENED, PATHS, SUPPORTED, install

ROOT: Final = Path(__file__).parents[2]
SECONDS: Final = 120.0
_RECEIVE, _SEND = 0xC0502100, 0xC0182101
_NOTIFICATION: Final = struct.Struct("<QIIiIQ6Q")
_CONTINUE: Final = 1
_AT_FDCWD: Final = -100
_SUBREAPER: Final = 36
# Not points: closing and locking change nothing on the disk; they are asked about for errors.
NO_KILLS: Final = ("close", "flock")


@dataclass(frozen=True, slots=True)
class Call:
    """A system call of a command, as it was asked about.

    Attributes:
        name: Of the call.
        paths: What it is about; of an open file its name.
        pid: The process, as the server sees it.
        fault: ``kill``, an error's name, or empty where it went on.
        new: Whether the last path was not there yet.
        ack: Whether it writes to the command's own output.
    """

    name: str
    paths: tuple[str, ...]
    pid: int
    fault: str = ""
    new: bool = False
    ack: bool = False

    @property
    def path(self) -> str:
        return self.paths[-1] if self.paths else ""


@dataclass(frozen=True, slots=True)
class Ran:
    """What became of a command.

    Attributes:
        exit: Its exit code, or minus a signal.
        out: What it printed.
        err: What it complained about.
        calls: Its system calls, in the order in which they were asked about.
        seconds: How long it took.
    """

    exit: int
    out: str
    err: str
    calls: tuple[Call, ...]
    seconds: float

    @property
    def hit(self) -> Call | None:
        """The call where the fault was."""
        return next((call for call in self.calls if call.fault), None)

    @property
    def acknowledged(self) -> bool:
        """Whether it said to somebody that it is done."""
        return self.exit == 0 or bool(self.out.strip())


class Server:
    """The server, as a test uses it.

    Raises:
        OSError: This machine has no such filters.
    """

    def __init__(self) -> None:
        if not SUPPORTED:
            raise OSError(errno.ENOSYS, "the system calls of this machine have other numbers")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.inject"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            self.run(("--help",), cwd=ROOT, env={}, below=ROOT)
        except OSError:
            self.close()
            raise

    def run(  # noqa: PLR0913 - a command, its surroundings, its fault
        self,
        words: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str],
        below: Path,
        at: int = -1,
        fault: str = "",
        spared: Sequence[Path] = (),
    ) -> Ran:
        """Run a command of greenlight.

        Args:
            words: Its arguments.
            cwd: Where.
            env: Its environment.
            below: Only calls about files below this folder, and what it prints, are points.
            at: The point, from 0, where the fault is; none where negative.
            fault: ``kill``, or the name of an error.
            spared: Folders of another side.

        Raises:
            OSError: This machine has no such filters.
        """
        job = {
            "words": list(words), "cwd": str(cwd), "env": dict(env), "below": str(below),
            "at": at, "fault": fault, "spared": [str(each) for each in spared],
        }  # fmt: skip
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        if "error" in answer:
            raise OSError(*answer["error"])
        calls = tuple(
            Call(**{**each, "paths": tuple(each["paths"])}) for each in answer.pop("calls")
        )
        return Ran(**answer, calls=calls)

    def close(self) -> None:
        """End the server."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


# --- in the server


@dataclass(frozen=True, slots=True)
class _Job:
    words: list[str]
    cwd: str
    env: dict[str, str]
    below: str
    at: int
    fault: str
    spared: list[str]


def serve() -> None:
    """Answer jobs until the input ends."""
    os.set_inheritable(1, False)
    ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)
    _import_all()
    for line in sys.stdin:
        job = _Job(**json.loads(line))
        try:
            answer = _Trial(job).run()
        except OSError as error:
            answer = {"error": [error.errno, str(error.strerror)]}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _import_all() -> None:
    import importlib  # noqa: PLC0415 - in the server alone
    import pkgutil  # noqa: PLC0415

    import greenlight  # noqa: PLC0415

    for module in pkgutil.walk_packages(greenlight.__path__, "greenlight."):
        if not module.name.endswith("__main__"):
            with suppress(ImportError):  # a library of somebody else's that is not needed here
                importlib.import_module(module.name)


class _Trial:
    """One command under the filter."""

    def __init__(self, job: _Job) -> None:
        self._job = job
        self._points = -1
        self._calls: list[dict[str, Any]] = []
        self._out = tempfile.TemporaryFile()
        self._err = tempfile.TemporaryFile()
        self._child = -1
        self._listener = -1

    def run(self) -> dict[str, Any]:
        began = time.monotonic()
        here, there = socket.socketpair()
        self._child = os.fork()
        if self._child == 0:
            here.close()
            self._be_child(there)
        there.close()
        message, descriptors, _, _ = socket.recv_fds(here, 64, 1)
        if not descriptors:
            os.waitpid(self._child, 0)
            raise OSError(int(message or b"38"), "no filter can ask here")
        self._listener = descriptors[0]
        here.send(b"!")
        here.close()
        status = self._watch(began)
        answer = {
            "exit": os.waitstatus_to_exitcode(status),
            "out": _text(self._out),
            "err": _text(self._err),
            "calls": self._calls,
            "seconds": time.monotonic() - began,
        }
        os.close(self._listener)
        return answer

    def _be_child(self, there: socket.socket) -> None:
        status = 70
        try:
            os.setsid()
            os.environ.clear()
            os.environ.update(self._job.env)
            os.chdir(self._job.cwd)
            null = os.open(os.devnull, os.O_RDONLY)
            for target, source in enumerate((null, self._out.fileno(), self._err.fileno())):
                os.dup2(source, target)
            try:
                listener = install()
            except OSError as error:
                there.send(str(error.errno).encode())
                os._exit(1)
            socket.send_fds(there, [b"ok"], [listener])
            there.recv(1)  # from here on the server answers
            there.close()
            os.close(listener)
            from greenlight.cli.main import main  # noqa: PLC0415 - imported by the server

            tempfile.tempdir = None
            status = main(self._job.words)
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(status)

    # --- answering

    def _watch(self, began: float) -> int:
        """Answer until nobody who could ask is left; return the command's wait status."""
        poll = select.poll()
        poll.register(self._listener, select.POLLIN)
        status: int | None = None
        while True:
            for _, event in poll.poll(100):
                if event & select.POLLIN:
                    self._answer()
                elif event & (select.POLLHUP | select.POLLERR):
                    poll.unregister(self._listener)
            with suppress(ChildProcessError):
                while (found := os.waitpid(-1, os.WNOHANG))[0]:
                    if found[0] == self._child:
                        status = found[1]
                continue
            if status is not None:
                return status
            raise AssertionError("the command went away")

    def _answer(self) -> None:
        try:
            asked = fcntl.ioctl(self._listener, _RECEIVE, bytes(80))
        except OSError:
            return  # who asked is gone
        number, pid, _, call, _, _, *arguments = _NOTIFICATION.unpack(asked)
        refusal = 0
        with suppress(OSError, UnicodeDecodeError):
            refusal = self._decide(pid, NAMES.get(call, str(call)), arguments)
        reply = struct.pack("<QqiI", number, 0, -refusal, 0 if refusal else _CONTINUE)
        with suppress(OSError):
            fcntl.ioctl(self._listener, _SEND, reply)

    def _decide(self, pid: int, name: str, arguments: list[int]) -> int:
        """Note a call; return the error that it is answered with, or 0."""
        job = self._job
        if job.spared and self._is_spared(pid):
            return 0
        paths, ack = self._paths(pid, name, arguments)
        if not ack and not any(_is_below(path, job.below) for path in paths):
            return 0
        if name == "close" and not _is_writable(pid, arguments[0]):
            return 0
        fault = ""
        counts = job.fault != "kill" or name not in NO_KILLS
        if counts and job.at >= 0:
            self._points += 1
            if self._points == job.at:
                fault = job.fault
        new = bool(paths) and name in PATHS and not os.path.lexists(paths[-1])
        self._calls.append(
            {"name": name, "paths": paths, "pid": pid, "fault": fault, "new": new, "ack": ack}
        )
        if not fault:
            return 0
        if fault == "kill":
            self._kill(pid)
            return errno.EIO  # to a process that is killed before it learns of it
        return int(getattr(errno, fault))

    def _is_spared(self, pid: int) -> bool:
        folder = os.readlink(f"/proc/{pid}/cwd")
        return any(_is_below(folder, each) for each in self._job.spared)

    def _paths(self, pid: int, name: str, arguments: list[int]) -> tuple[list[str], bool]:
        if name in OPENED:
            descriptor = arguments[0] & 0xFFFFFFFF
            path = os.readlink(f"/proc/{pid}/fd/{descriptor}")
            ack = name == "write" and descriptor == 1 and pid == self._child
            return ([path.removesuffix(" (deleted)")] if path.startswith("/") else []), ack
        found = []
        for folder, where in PATHS[name][1]:
            spelt = _read_text(pid, arguments[where]) if arguments[where] else ""
            start = _AT_FDCWD if folder is None else ctypes.c_int(arguments[folder]).value
            link = "cwd" if start == _AT_FDCWD else f"fd/{start}"
            base = "" if spelt.startswith("/") else os.readlink(f"/proc/{pid}/{link}")
            found.append(os.path.normpath(os.path.join(base, spelt)))
        return found, False

    def _kill(self, asker: int) -> None:
        """Kill the command and all that it started, but for the other side."""
        for pid in (self._child, asker, *_below(self._child)):
            with suppress(OSError):
                if not (self._job.spared and self._is_spared(pid)):
                    os.kill(pid, signal.SIGKILL)


def _is_writable(pid: int, descriptor: int) -> bool:
    with open(f"/proc/{pid}/fdinfo/{descriptor}") as file:
        flags = next(line for line in file if line.startswith("flags:"))
    return bool(int(flags.split()[1], 8) & (os.O_WRONLY | os.O_RDWR))


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder + "/")


def _below(pid: int) -> list[int]:
    """Return the processes that a process started, and theirs."""
    parents: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            with suppress(OSError, IndexError, ValueError):
                data = Path(f"/proc/{name}/stat").read_text()
                parent = int(data.rpartition(")")[2].split()[1])
                parents.setdefault(parent, []).append(int(name))
    found, waiting = [], [pid]
    while waiting:
        for child in parents.get(waiting.pop(), []):
            found.append(child)
            waiting.append(child)
    return found


def _read_text(pid: int, address: int) -> str:
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        data = b""
        while b"\0" not in data:
            at = address + len(data)
            memory.seek(at)
            piece = memory.read(4096 - at % 4096)
            if not piece:
                raise OSError(errno.EFAULT, "no text")
            data += piece
    return os.fsdecode(data[: data.index(b"\0")])


def _text(file: Any) -> str:
    file.seek(0)
    text: str = file.read().decode("utf-8", "replace")
    file.close()
    return text


if __name__ == "__main__":
    serve()
