"""Run commands in a meter (``execution.meter``), and take what it measured."""

from __future__ import annotations

import json
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from greenlight.codes import Code
from greenlight.errors import StoreError
from greenlight.execution.meter import LENGTH_BYTES, MAX_HEADER_BYTES, write_frame
from greenlight.execution.own import own_command
from greenlight.execution.process import DRAIN_SECONDS, KILL_SECONDS
from greenlight.primitives.limits import DEFAULT_STEP_OUTPUT_BYTES, KIB

START_SECONDS: Final = 60.0  # the start of a Python, on a machine that is busy
_SLACK_SECONDS: Final = 2 * KILL_SECONDS + DRAIN_SECONDS + 30  # a kill, a sweep, a busy machine
_READ_BYTES: Final = 256 * KIB


@dataclass(frozen=True, slots=True)
class MeteredCommand:
    """A command to measure.

    Attributes:
        argv: Program and arguments.
        cwd: Its folder.
        env: Its whole environment.
        timeout_seconds: Then it is ended.
        max_output_bytes: Of both streams together; then likewise.
        stdin: What it reads.
        data_bytes: Memory of its own that each process of it may have (RLIMIT_DATA: heap and
            private mappings, not what is only reserved); 0 for no limit.
    """

    argv: Sequence[str]
    cwd: Path
    env: Mapping[str, str]
    timeout_seconds: float
    max_output_bytes: int = DEFAULT_STEP_OUTPUT_BYTES
    stdin: bytes = b""
    data_bytes: int = 0


@dataclass(frozen=True, slots=True)
class MeteredRun:
    """What came of it.

    Attributes:
        exit_code: None where it did not end by itself.
        signal: That ended it; None where a limit did.
        timed_out: Whether it ran out of time.
        output_exceeded: Whether it wrote more than it may.
        not_found: Whether it could not be started.
        left: Processes that it left running; they were ended.
        elapsed_ns: From its start to its end.
        peak_rss_bytes: Largest resident set of one process of it.
        stdout: What it wrote.
        stderr: Likewise.
    """

    exit_code: int | None
    signal: int | None
    timed_out: bool
    output_exceeded: bool
    not_found: bool
    left: int
    elapsed_ns: int
    peak_rss_bytes: int
    stdout: bytes
    stderr: bytes


class Meter(AbstractContextManager["Meter"]):
    """A meter process; one command at a time.

    Attributes:
        floor_bytes: Peak of a command that does nothing.
    """

    def __init__(self) -> None:
        argv, env = own_command("greenlight.execution.meter")
        try:
            self._process = subprocess.Popen(  # noqa: S603 - ourselves
                argv,
                cwd="/",
                env=env,
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            raise _gone() from error
        try:
            header, _ = self._read(START_SECONDS)
            self.floor_bytes: int = header["floor_bytes"]
        except BaseException:
            self.close()
            raise

    def run(self, command: MeteredCommand) -> MeteredRun:
        """Run one command to its end.

        Raises:
            StoreError: IO_FAILED: the machine cannot run it, or the meter is gone.
        """
        request = {
            "argv": list(command.argv),
            "cwd": str(command.cwd),
            "env": dict(command.env),
            "timeout_seconds": command.timeout_seconds,
            "max_output_bytes": command.max_output_bytes,
            "data_bytes": command.data_bytes,
        }
        stream: Any = self._process.stdin
        try:
            write_frame(stream, request, (command.stdin,))
        except OSError as error:
            raise _gone() from error
        header, blobs = self._read(command.timeout_seconds + _SLACK_SECONDS)
        header.pop("blobs")
        if "error" in header:
            raise StoreError(Code[header["error"]], header["message"])
        return MeteredRun(**header, stdout=blobs[0], stderr=blobs[1])

    def close(self) -> None:
        """End the meter, and with it what it runs."""
        if self._process.poll() is None:
            with suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(_SLACK_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read(self, seconds: float) -> tuple[dict[str, Any], list[bytes]]:
        until = time.monotonic() + seconds
        length = int.from_bytes(self._take(LENGTH_BYTES, until))
        if length > MAX_HEADER_BYTES:
            raise _gone()
        header = json.loads(self._take(length, until))
        return header, [self._take(size, until) for size in header["blobs"]]

    def _take(self, size: int, until: float) -> bytes:
        stream: Any = self._process.stdout
        found = bytearray()
        with selectors.DefaultSelector() as selector:
            selector.register(stream, selectors.EVENT_READ)
            while len(found) < size:
                if not selector.select(max(0.0, until - time.monotonic())):
                    raise StoreError(Code.IO_FAILED, "the process that measures does not answer")
                data = stream.read(min(size - len(found), _READ_BYTES))
                if not data:
                    raise _gone()
                found += data
        return bytes(found)


def _gone() -> StoreError:
    return StoreError(
        Code.IO_FAILED,
        "the process that measures ended before its work did",
        hint="was it killed for its memory?",
    )
