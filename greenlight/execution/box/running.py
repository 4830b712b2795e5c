"""Start a box, watch it, and end it: output, time, disk, and the supervisor's questions.

The one who watches is outside: nothing in the box has a name for it.  Whatever a step does,
watching ends, and when it has ended no process of the box is left.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import selectors
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from greenlight.codes import Code
from greenlight.errors import StoreError
from greenlight.execution.attempts import Recorder, Scope
from greenlight.execution.box import child, kernel, tree
from greenlight.execution.box.judging import Judge, Place
from greenlight.execution.box.supervisor import Supervisor
from greenlight.execution.box.tracing import Tracer
from greenlight.execution.proxy.recording import Recording
from greenlight.primitives.limits import KIB

if TYPE_CHECKING:  # loaded where a lane allows a destination
    from greenlight.execution.proxy.authority import Authority
    from greenlight.execution.proxy.server import Proxy

START_SECONDS: Final = 30.0  # for namespaces and mounts; a machine that needs more is not one
_READ_BYTES: Final = 64 * KIB
_TICK_SECONDS: Final = 0.25  # between two looks at the disk
_MESSAGE_BYTES: Final = 4096


class BoxError(Exception):
    """The box could not be made."""


@dataclass(slots=True)
class Boxed:
    """What came of a command in a box.

    Attributes:
        status: As ``wait`` gives it; None where it was ended for breaking a limit.
        not_started: The error of starting the program, where it could not be.
        timed_out: Whether it ran longer than it may.
        output_exceeded: Whether it wrote more output than it may.
        disk_exceeded: Whether it filled the disk beyond what it may.
        left: Whether processes that it started were there when it ended; they ended with it.
        stdout: What it wrote to standard output.
        stderr: What it wrote to standard error.
        recorder: What it tried.
        recording: What went through the proxy; None where there was none.
    """

    status: int | None = None
    not_started: int = 0
    timed_out: bool = False
    output_exceeded: bool = False
    disk_exceeded: bool = False
    left: bool = False
    stdout: bytes = b""
    stderr: bytes = b""
    recorder: Recorder = field(default_factory=Recorder)
    recording: Recording | None = None


@dataclass(frozen=True, slots=True)
class Bounds:
    """When a command is ended.

    Attributes:
        timeout_seconds: Wall time.
        output_bytes: Standard output and standard error together.
        disk_bytes: By how much the free space of the workspace's disk may fall.
    """

    timeout_seconds: float
    output_bytes: int
    disk_bytes: int


def run_boxed(  # noqa: PLR0913, PLR0917 - a command, and everything about its box
    layout: tree.Layout,
    command: child.Command,
    scope: Scope,
    walls: child.Walls,
    bounds: Bounds,
    on_output: Callable[[int, bytes], None] | None = None,
    authority: Authority | None = None,
) -> Boxed:
    """Run one command in a box.

    Args:
        layout: The tree it sees.
        command: What to run; without arguments the box is made and left again.
        scope: What may change, for the record.
        walls: What the box is made of.
        bounds: When it is ended.
        on_output: Told descriptor (1 or 2) and bytes as they come.
        authority: Signs for destinations that are intercepted.

    Raises:
        BoxError: The box could not be made.
        StoreError: The machine cannot start or end a process.
    """
    box = _Box(scope, walls, bounds, on_output, authority)
    try:
        box.start(layout, command)
        done = box.watch(layout)
    finally:
        recording = box.end()
    done.recording = recording
    return done


class _Box:
    def __init__(
        self,
        scope: Scope,
        walls: child.Walls,
        bounds: Bounds,
        on_output: Callable[[int, bytes], None] | None,
        authority: Authority | None,
    ) -> None:
        self._scope, self._walls, self._bounds = scope, walls, bounds
        self._on_output = on_output
        self._result = Boxed()
        self._selector = selectors.DefaultSelector()
        self._gate = self._keeper = self._step = -1
        self._supervisor: Supervisor | None = None
        self._closing: list[int] = []
        self._ended = False
        self._channel: socket.socket | None = None
        self._output: dict[int, tuple[int, bytearray]] = {}
        self._proxy: Proxy | None = None
        self._tracer: Tracer | None = None
        self._authority = authority

    # --- start

    def start(self, layout: tree.Layout, command: child.Command) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._channel = ours
        out_read, out_write = os.pipe2(os.O_CLOEXEC)
        err_read, err_write = os.pipe2(os.O_CLOEXEC)
        self._closing += [out_read, err_read]
        try:
            self._gate = os.fork()
        except OSError as error:
            raise StoreError(Code.IO_FAILED, f"cannot start a process: {error}") from error
        if self._gate == 0:
            ours.close()
            child.gate(theirs, layout, command, self._walls, (out_write, err_write))
        theirs.close()
        os.close(out_write)
        os.close(err_write)
        for number, descriptor in ((1, out_read), (2, err_read)):
            os.set_blocking(descriptor, False)
            self._output[descriptor] = (number, bytearray())
            self._selector.register(descriptor, selectors.EVENT_READ)
        ours.settimeout(START_SECONDS)
        pid, ready = self._hear()
        try:
            self._record(layout, pid, ready)
            if ready["door"] >= 0:
                self._open_door(kernel.take_descriptor(self._keeper, ready["door"]))
        except OSError as error:
            raise BoxError(f"the recorder cannot be reached: {error}") from error
        ours.send(b"go")
        ours.settimeout(None)
        self._selector.register(ours, selectors.EVENT_READ, data="channel")

    def _hear(self) -> tuple[int, dict[str, int]]:
        """Wait until the keeper has said where it is and what it has; the two come in any order."""
        pid, ready = -1, None
        while pid < 0 or ready is None:
            message = self._receive()
            if "keeper" in message:
                pid = message["keeper"]
                self._keeper = os.pidfd_open(pid)
                self._closing.append(self._keeper)
            elif "root" in message:
                ready = message
        return pid, ready

    def _record(self, layout: tree.Layout, pid: int, ready: dict[str, int]) -> None:
        if ready["listener"] >= 0:
            taken = kernel.take_descriptor(self._keeper, ready["listener"])
            top = kernel.take_descriptor(self._keeper, ready["root"])
            self._closing += [taken, top]
            self._supervisor = Supervisor(taken, top, self._place(layout), self._scope)
            self._selector.register(taken, selectors.EVENT_READ, data="listener")
        elif self._walls.trace:
            judge = Judge(self._place(layout), self._scope)
            self._tracer = Tracer(layout.folder, pid, judge)

    def _open_door(self, descriptor: int) -> None:
        """Answer from outside what is asked at the box's own socket."""
        from greenlight.execution.proxy.server import Proxy  # noqa: PLC0415 - few lanes need it

        allowed = self._scope.destinations
        self._proxy = Proxy(socket.socket(fileno=descriptor), allowed, self._authority)

    def _place(self, layout: tree.Layout) -> Place:
        if self._walls.namespaces:
            elsewhere = (f"{tree.TMP}/", f"{tree.SHM}/")
            proxy = f"127.0.0.1:{self._walls.proxy}" if self._walls.proxy else ""
            return Place(tree.WORKSPACE, elsewhere, layout.readable, layout.names, proxy)
        root, tmp = (str(layout.folder / name) for name in ("root", "tmp"))
        return Place(root, (f"{tmp}/",), layout.readable, layout.names)

    def _receive(self) -> dict[str, Any]:
        if self._channel is None:
            raise BoxError("no channel")
        try:
            data = self._channel.recv(_MESSAGE_BYTES)
        except TimeoutError:
            raise BoxError(f"the box was not ready after {START_SECONDS:.0f} seconds") from None
        except OSError:
            data = b""
        if not data:
            raise BoxError("the box ended before it was ready")
        message: dict[str, Any] = json.loads(data)
        if "failed" in message:
            raise BoxError(message["failed"])
        return message

    # --- watch

    def watch(self, layout: tree.Layout) -> Boxed:
        deadline = time.monotonic() + self._bounds.timeout_seconds
        free = _free(layout)
        next_look = time.monotonic() + _TICK_SECONDS
        while not self._ended:
            now = time.monotonic()
            if now >= deadline:
                self._result.timed_out = True
            if now >= next_look:
                next_look = now + _TICK_SECONDS
                self._result.disk_exceeded = free - _free(layout) > self._bounds.disk_bytes
            if self._over():
                break
            self._once(min(deadline, next_look) - now)
        # The step is over: what is left of the box ends now, and its last output is read.
        self._kill()
        until = time.monotonic() + START_SECONDS
        while any(self._output) and time.monotonic() < until and not self._result.output_exceeded:
            if not self._once(_TICK_SECONDS, output_alone=True):
                break
        result = self._result
        if self._over():
            result.status = None
        result.stdout, result.stderr = self._captured(1), self._captured(2)
        if self._supervisor is not None:
            result.recorder = self._supervisor.recorder
        elif self._tracer is not None:
            result.recorder = self._tracer.recorder()
        return result

    def _over(self) -> bool:
        result = self._result
        return result.timed_out or result.output_exceeded or result.disk_exceeded

    def _once(self, wait: float, *, output_alone: bool = False) -> bool:
        """Wait for something to happen and take it; False where nothing more can come."""
        if output_alone and not [fd for fd in self._output if self._is_open(fd)]:
            return False
        for key, _ in self._selector.select(max(0.0, wait)):
            if key.data == "listener":
                if not output_alone and self._supervisor and not self._supervisor.answer():
                    self._selector.unregister(key.fd)
            elif key.data == "channel":
                self._told()
            else:
                self._read(key.fd)
        return True

    def _is_open(self, descriptor: int) -> bool:
        try:
            self._selector.get_key(descriptor)
        except KeyError:
            return False
        return True

    def _told(self) -> None:
        if self._channel is None:
            return
        try:
            data = self._channel.recv(_MESSAGE_BYTES)
        except OSError:
            data = b""
        if not data:
            self._selector.unregister(self._channel)
            self._ended = True
            return
        message = json.loads(data)
        if "ended" in message:
            self._result.status = message["ended"]
            self._result.left = bool(message["left"])
            self._ended = True
        elif "step" in message:
            self._step = message["step"]
        elif "not_started" in message:
            self._result.not_started = message["not_started"]
        elif "failed" in message:
            raise BoxError(message["failed"])

    def _read(self, descriptor: int) -> None:
        number, captured = self._output[descriptor]
        try:
            data = os.read(descriptor, _READ_BYTES)
        except BlockingIOError:
            return
        if not data:
            self._selector.unregister(descriptor)
            return
        room = self._bounds.output_bytes - sum(len(each) for _, each in self._output.values())
        captured += data[:room]
        if self._on_output is not None:
            self._on_output(number, data[:room])
        self._result.output_exceeded = self._result.output_exceeded or len(data) > room

    def _captured(self, number: int) -> bytes:
        return b"".join(bytes(each) for wanted, each in self._output.values() if wanted == number)

    # --- end

    def _kill(self) -> None:
        """End process 1 of the box, and so all of it; where there is no box, the session."""
        if self._keeper >= 0:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._keeper, signal.SIGKILL)
        if self._step > 0:  # a session of its own: its number stays taken while any of it is there
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._step, signal.SIGKILL)

    def end(self) -> Recording | None:
        """Let nothing of the box be left: no process, no descriptor; return what went out."""
        self._kill()
        if self._gate > 0:
            if self._keeper < 0:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self._gate, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(self._gate, 0)
        if self._channel is not None:
            self._channel.close()
        self._selector.close()
        for descriptor in self._closing:
            with contextlib.suppress(OSError):
                os.close(descriptor)
        return None if self._proxy is None else self._proxy.close()


def _free(layout: tree.Layout) -> int:
    try:
        status = os.statvfs(layout.folder)
    except OSError as error:
        if error.errno == errno.ENOENT:
            return 0
        raise
    return status.f_bavail * status.f_frsize
