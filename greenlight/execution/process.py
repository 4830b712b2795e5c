"""Run one program, bounded in time and output, and never hang on what it leaves behind.

The program leads a session and process group of its own.  When it ends, however it
ends, the whole group is killed, before its leader is reaped, so that the group's
number cannot have been given to strangers.  A process that left the group (a daemon)
is not killed: nothing here can; a process that holds the pipes open is waited for
``DRAIN_SECONDS`` and then reported as ``outlived``.

There is no SIGTERM first: a step that broke its limit has no say in what follows.
"""

from __future__ import annotations

import contextlib
import errno
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO, Final, Self

from greenlight.codes import Code
from greenlight.errors import StoreError
from greenlight.execution.reading import fault
from greenlight.execution.steps import StepResult, Usage
from greenlight.primitives.limits import KIB

DRAIN_SECONDS: Final = 1.0  # for output that is already written, and for the killed to vanish
KILL_SECONDS: Final = 10.0  # a killed process that is still there is stuck in the kernel
UMASK: Final = 0o022  # else the mode of every file would be the caller's habit

_READ_BYTES: Final = 64 * KIB  # what a Linux pipe holds
_TICK_SECONDS: Final = 0.02  # where the system has no descriptor for the end of a process

# The program or its folder is to blame; anything else is the machine.
_NOT_RUNNABLE: Final = frozenset(
    {
        errno.E2BIG,
        errno.EACCES,
        errno.EINVAL,
        errno.EISDIR,
        errno.ELOOP,
        errno.ENAMETOOLONG,
        errno.ENOENT,
        errno.ENOEXEC,
        errno.ENOTDIR,
        errno.EPERM,
        errno.ETXTBSY,
    }
)

NOT_FOUND: Final = StepResult(
    exit_code=None,
    signal=None,
    timed_out=False,
    output_exceeded=False,
    not_found=True,
    stdout=b"",
    stderr=b"",
    duration_ms=0,
    code=Code.STEP_NOT_FOUND,
)


def run_process(  # noqa: PLR0913 - a command, and its bounds
    argv: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    timeout_seconds: float,
    max_output_bytes: int,
    stdin: IO[bytes] | None = None,
) -> StepResult:
    """Run ``argv`` to its end, or to the end of its time or output.

    Args:
        argv: Program and arguments.
        cwd: Its folder.
        env: Its whole environment.
        timeout_seconds: Then it and its group are killed.
        max_output_bytes: Of both streams together; then likewise.
        stdin: A file that it reads, or nothing.

    Raises:
        StoreError: The machine cannot start a process, or cannot end one.
    """
    started = time.monotonic()
    try:
        process = subprocess.Popen(  # noqa: S603 - running what the lane says is the purpose
            argv,
            bufsize=0,
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL if stdin is None else stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            umask=UMASK,
        )
    except OSError as error:
        if error.errno in _NOT_RUNNABLE:
            return NOT_FOUND
        raise fault(error, argv[0]) from error
    with _Watch(process, started, timeout_seconds, max_output_bytes) as watch:
        watch.run()
        result = watch.result()
    return replace(result, duration_ms=round((time.monotonic() - started) * 1000))


class _Watch:
    """A running step: its pipes, its end, its limits."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        started: float,
        timeout_seconds: float,
        max_output_bytes: int,
    ) -> None:
        self._process = process
        self._started = started
        self._deadline = started + timeout_seconds
        self._output_left = max_output_bytes
        self._status: tuple[int | None, int | None] | None = None  # exit code, signal
        self._timed_out = self._exceeded = self._outlived = False
        self._ended = started
        self._peak_rss_bytes = 0
        self._selector = selectors.DefaultSelector()
        self._out = bytearray()
        self._err = bytearray()
        self._pipes: dict[IO[bytes], bytearray] = {}
        self._end = _end_descriptor(process.pid)

    def __enter__(self) -> Self:
        for pipe, captured in (
            (self._process.stdout, self._out),
            (self._process.stderr, self._err),
        ):
            if pipe is not None:
                os.set_blocking(pipe.fileno(), False)
                self._pipes[pipe] = captured
                self._selector.register(pipe, selectors.EVENT_READ)
        if self._end >= 0:
            self._selector.register(self._end, selectors.EVENT_READ)
        return self

    def __exit__(self, *_: object) -> None:
        # Also on Ctrl-C, which a session of its own does not get by itself.
        if self._process.returncode is None:
            self._kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(KILL_SECONDS)
        self._selector.close()
        for pipe in list(self._pipes):
            pipe.close()
        if self._end >= 0:
            os.close(self._end)

    def run(self) -> None:
        while self._status is None:
            if time.monotonic() >= self._deadline and not self._exceeded:
                self._timed_out = True
            if self._timed_out or self._exceeded:
                self._end_now()
                break
            self._read(self._deadline)
            self._look()
        self._ended = time.monotonic()
        self._kill()
        drained_by = time.monotonic() + DRAIN_SECONDS
        while self._pipes and not self._exceeded and time.monotonic() < drained_by:
            self._read(drained_by)
        self._outlived = bool(self._pipes) and not self._exceeded
        self._reap()

    def result(self) -> StepResult:
        exit_code, number = self._status or (None, None)
        if self._timed_out or self._exceeded:
            # Whether the kill or the program's own end came first is a race, and no outcome.
            exit_code = number = None
        if self._timed_out:
            code: Code | None = Code.STEP_TIMED_OUT
        elif self._exceeded:
            code = Code.STEP_OUTPUT_LIMIT
        else:
            code = None if exit_code == 0 else Code.STEP_FAILED
        return StepResult(
            exit_code=exit_code,
            signal=number,
            timed_out=self._timed_out,
            output_exceeded=self._exceeded,
            not_found=False,
            stdout=bytes(self._out),
            stderr=bytes(self._err),
            duration_ms=0,
            code=code,
            outlived=self._outlived,
            usage=Usage(round((self._ended - self._started) * 1e9), self._peak_rss_bytes),
        )

    def _read(self, until: float) -> None:
        """Wait for output, for the end of the process, or for ``until``; take what there is."""
        tick = float("inf") if self._end >= 0 and self._status is None else _TICK_SECONDS
        wait = max(0.0, min(until - time.monotonic(), tick))
        for key, _ in self._selector.select(wait):
            if key.fd == self._end:
                self._selector.unregister(self._end)
                os.close(self._end)
                self._end = -1
                continue
            pipe = next(pipe for pipe in self._pipes if pipe.fileno() == key.fd)
            self._take(pipe)

    def _take(self, pipe: IO[bytes]) -> None:
        try:
            data = os.read(pipe.fileno(), _READ_BYTES)
        except BlockingIOError:
            return
        self._pipes[pipe] += data[: self._output_left]
        self._exceeded = self._exceeded or len(data) > self._output_left
        self._output_left = max(0, self._output_left - len(data))
        if not data:
            self._selector.unregister(pipe)
            del self._pipes[pipe]
            pipe.close()

    def _look(self) -> None:
        """See whether the process has ended, without reaping it."""
        if sys.platform == "darwin":  # has no waitid in Python 3.11
            if self._wait():
                code = self._process.returncode
                self._status = (code, None) if code >= 0 else (None, -code)
            return
        try:
            info = os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError as error:
            # Popen would say 0 here, and a failed step would have succeeded.
            raise StoreError(
                Code.IO_FAILED,
                "a step's exit code is lost: another part of this program reaps processes",
                hint="is SIGCHLD ignored where greenlight was started?",
            ) from error
        if info is not None and info.si_pid:
            exited = info.si_code == os.CLD_EXITED
            self._status = (info.si_status, None) if exited else (None, info.si_status)

    def _reap(self) -> None:
        """Take the dead process's status, and with it what it used."""
        gone_by = time.monotonic() + KILL_SECONDS
        while not self._wait():
            if time.monotonic() >= gone_by:
                raise StoreError(Code.IO_FAILED, "a step ended and cannot be reaped")
            time.sleep(_TICK_SECONDS / 10)

    def _wait(self) -> bool:
        """Reap the process where it has ended; report whether it has."""
        if self._process.returncode is None:
            pid, status, usage = os.wait4(self._process.pid, os.WNOHANG)
            if pid == 0:
                return False
            self._process.returncode = os.waitstatus_to_exitcode(status)
            unit = 1 if sys.platform == "darwin" else KIB
            self._peak_rss_bytes = usage.ru_maxrss * unit
        return True

    def _end_now(self) -> None:
        """Kill, and wait until the process is dead."""
        self._kill()
        gone_by = time.monotonic() + KILL_SECONDS
        self._look()
        while self._status is None:
            if time.monotonic() >= gone_by:
                raise StoreError(Code.IO_FAILED, "a step was killed and does not end")
            time.sleep(_TICK_SECONDS / 10)
            self._look()

    def _kill(self) -> None:
        # EPERM: everybody in the group has become another user, as sudo does.
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)


def _end_descriptor(pid: int) -> int:
    """Return a descriptor that becomes readable when the process ends, or -1."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            return os.pidfd_open(pid)
    return -1
