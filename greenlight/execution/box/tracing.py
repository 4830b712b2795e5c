"""strace as a recorder, where the kernel cannot ask a supervisor: it sees, and denies nothing.

It is attached from outside, before the step begins, to the keeper of the box; what it writes is
read when the box is over.  Paths are taken as they are spelt.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from greenlight.execution.attempts import Attempt, Recorder
from greenlight.execution.box import calls
from greenlight.execution.box.judging import Judge, denied
from greenlight.model.documents.attempts import AttemptKind, AttemptOutcome

ATTACH_SECONDS: Final = 10.0
_FILE: Final = "trace"
_MAX_BYTES: Final = 64 * 2**20  # of a trace that is read; what is beyond counts as dropped
_LINE: Final = re.compile(r"(?:\d+ +)?(\w+)\((.*)\) += (-?\d+)(?: (E[A-Z]+))?")
_STRING: Final = re.compile(r'(?:(?:AT_FDCWD|-?\d+)<([^>]*)>, )?"((?:[^"\\\\]|\\\\.)*)"')
_ADDRESS: Final = re.compile(r'sin6?_port=htons\((\d+)\).*?"([^"]+)"')
_FAMILY: Final = re.compile(r"sa_family=AF_(\w+)")
_WRITES: Final = re.compile(r"O_WRONLY|O_RDWR|O_CREAT|O_TRUNC")
_SECOND: Final = frozenset({"link", "linkat", "symlink", "symlinkat"})  # the new name alone


def strace() -> str | None:
    """Return where strace is, or None."""
    return shutil.which("strace", path="/usr/bin:/bin:/usr/local/bin")


class Tracer:
    """A trace of one box.

    Args:
        folder: A private folder, where it is written.
        pid: The keeper, as this process sees it.
        judge: Tells attempts apart.
    """

    def __init__(self, folder: Path, pid: int, judge: Judge) -> None:
        self._path = folder / _FILE
        self._judge = judge
        names = {*calls.PATHS, *calls.PROGRAMS, *calls.NETWORK, *calls.REFUSED, *_MORE}
        wanted = ",".join(f"?{name}" for name in sorted(names))  # as far as this strace knows it
        self._process = subprocess.Popen(  # noqa: S603 - a program of the system, found above
            [
                strace() or "strace", "-f", "-qq", "-y", "-s", "300", "-e", f"trace={wanted}",
                "-e", "signal=none", "-o", str(self._path), "-p", str(pid),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={"PATH": os.defpath, "LC_ALL": "C"},
        )  # fmt: skip
        self._attach(pid)

    def _attach(self, pid: int) -> None:
        until = time.monotonic() + ATTACH_SECONDS
        while time.monotonic() < until and self._process.poll() is None:
            status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace")
            if f"TracerPid:\t{self._process.pid}\n" in status:
                return
            time.sleep(0.002)
        self.stop()
        raise OSError("strace could not be attached")

    def stop(self) -> None:
        """End it, where the box has not."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(ATTACH_SECONDS)
            return
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def recorder(self) -> Recorder:
        """Return what it saw, once the box is over."""
        self.stop()
        recorder = Recorder()
        with contextlib.suppress(FileNotFoundError), self._path.open("rb") as file:
            text = file.read(_MAX_BYTES).decode("utf-8", "surrogateescape")
            recorder.dropped = int(bool(file.read(1)))
            for line in text.splitlines():
                for attempt in _attempts(line, self._judge):
                    recorder.add(attempt)
        self._path.unlink(missing_ok=True)
        return recorder


_MORE: Final = ("open", "openat", "sendto", "socket")


def _attempts(line: str, judge: Judge) -> Iterator[Attempt]:
    match = _LINE.match(line)
    if match is None:
        return
    name, arguments, failed, error = match[1], match[2], match[3].startswith("-"), match[4]
    if error == "ENOENT" and name in calls.PROGRAMS:
        return  # a shell looks through PATH
    if name in calls.REFUSED:
        yield denied(AttemptKind.SYSTEM, name, "")
    elif name in calls.PROGRAMS:
        path, *words = [_text(each[2]) for each in _STRING.finditer(arguments)] or ["?"]
        attempt = judge.program(name, path, path, words)
        yield replace(attempt, outcome=AttemptOutcome.DENIED) if failed else attempt
    elif name in ("connect", "bind", "sendto", "sendmsg", "sendmmsg"):
        yield from _network(name, arguments, judge.place.proxy)
    elif name == "socket":
        if error == "EAFNOSUPPORT":
            yield denied(AttemptKind.NETWORK, name, arguments.partition(",")[0])
    elif name not in ("open", "openat", "openat2") or _WRITES.search(arguments):
        yield from _writes(name, arguments, judge)


def _network(name: str, arguments: str, proxy: str) -> Iterator[Attempt]:
    family = _FAMILY.search(arguments)
    if family is None or family[1] in ("UNIX", "NETLINK", "LOCAL", "UNSPEC"):
        return
    address = _ADDRESS.search(arguments)
    where = f"family {family[1]}"
    if address is not None:
        host = f"[{address[2]}]" if ":" in address[2] else address[2]
        where = f"{host}:{address[1]}"
    if name != "connect" or where != proxy:
        yield denied(AttemptKind.NETWORK, name, where)


def _writes(name: str, arguments: str, judge: Judge) -> Iterator[Attempt]:
    found = list(_STRING.finditer(arguments))
    if name in _SECOND:
        found = found[-1:]
    elif name not in ("rename", "renameat", "renameat2"):
        found = found[:1]
    for each in found:
        path = _text(each[2])
        if not path.startswith("/"):
            path = os.path.normpath(f"{each[1] or judge.place.workspace}/{path}")
        attempt = judge.write(name, os.path.normpath(path))
        if attempt is not None:
            yield attempt


def _text(spelt: str) -> str:
    """Read a text as strace spells it: octal, and the escapes of C."""
    raw = re.sub(
        rb"\\\\([0-7]{1,3}|.)",
        lambda each: _escape(each[1]),
        spelt.encode("utf-8", "surrogateescape"),
        flags=re.DOTALL,
    )
    return raw.decode("utf-8", "surrogateescape")


def _escape(what: bytes) -> bytes:
    if what[:1].isdigit():
        return bytes([int(what, 8) & 0xFF])
    return {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"v": b"\v", b"f": b"\f"}.get(what, what)
