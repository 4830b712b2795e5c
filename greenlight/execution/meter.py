"""A small process that runs commands and measures them: ``python -m greenlight.execution.meter``.

Why a process: Linux counts the memory that a process held before it became another program
(``exec``) as that program's peak, so a command that is started by a large process is never
small.  The meter is as small as Python gets, and it says what a command that does nothing shows
when started from it: the floor.

It adopts orphans (prctl PR_SET_CHILD_SUBREAPER), so that what a command leaves running is
found, counted, measured and ended, in a process group of its own or not.

Requests and answers are frames: a length of eight bytes and JSON, then the bytes that its
``blobs`` announce.  Nothing here is believed about a command but what the kernel says.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final

from greenlight.codes import Code
from greenlight.errors import StoreError
from greenlight.execution.process import KILL_SECONDS, run_process
from greenlight.execution.steps import DEFAULT_ENVIRONMENT
from greenlight.primitives.limits import KIB

LENGTH_BYTES: Final = 8
MAX_HEADER_BYTES: Final = 4 * 1024 * KIB  # an environment and a command line are at most 2 MiB
_PAUSE_SECONDS: Final = 0.002
_FLOOR: Final = {
    "argv": ["true"], "cwd": "/", "env": dict(DEFAULT_ENVIRONMENT), "timeout_seconds": 10,
    "max_output_bytes": KIB, "data_bytes": 0,
}  # fmt: skip


def write_frame(stream: BinaryIO, header: dict[str, Any], blobs: Sequence[bytes]) -> None:
    """Write one frame, with its blobs."""
    data = json.dumps({**header, "blobs": [len(blob) for blob in blobs]}).encode("ascii")
    stream.write(b"".join((len(data).to_bytes(LENGTH_BYTES), data, *blobs)))
    stream.flush()


def _read_frame(stream: BinaryIO) -> tuple[dict[str, Any], list[bytes]] | None:
    """Read a request of our own parent; None at its end."""
    length = stream.read(LENGTH_BYTES)
    if len(length) < LENGTH_BYTES:
        return None
    header = json.loads(stream.read(int.from_bytes(length)))
    return header, [stream.read(size) for size in header["blobs"]]


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer every request until there is none."""
    while (request := _read_frame(requests)) is not None:
        header, blobs = request
        try:
            answer, outputs = _run(header, blobs[0])
        except StoreError as error:
            answer, outputs = {"error": error.code.name, "message": str(error)}, (b"", b"")
        write_frame(answers, answer, outputs)


def _run(wanted: dict[str, Any], given: bytes) -> tuple[dict[str, Any], tuple[bytes, bytes]]:
    with tempfile.TemporaryFile() as stdin, _limited(wanted["data_bytes"]):
        stdin.write(given)
        stdin.seek(0)
        result = run_process(
            wanted["argv"],
            cwd=Path(wanted["cwd"]),
            env=wanted["env"],
            timeout_seconds=wanted["timeout_seconds"],
            max_output_bytes=wanted["max_output_bytes"],
            stdin=stdin,
        )
    left, peak = _sweep()
    used = result.usage
    answer = {
        "exit_code": result.exit_code,
        "signal": result.signal,
        "timed_out": result.timed_out,
        "output_exceeded": result.output_exceeded,
        "not_found": result.not_found,
        "left": max(left, int(result.outlived)),
        "elapsed_ns": 0 if used is None else used.elapsed_ns,
        "peak_rss_bytes": max(peak, 0 if used is None else used.peak_rss_bytes),
    }
    return answer, (result.stdout, result.stderr)


@contextmanager
def _limited(data_bytes: int) -> Iterator[None]:
    """Let what is started meanwhile have so much memory of its own; 0 is no limit."""
    import resource  # noqa: PLC0415 - Windows has none, and reads this module

    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if data_bytes:
        most = data_bytes if hard == resource.RLIM_INFINITY else min(data_bytes, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def _sweep() -> tuple[int, int]:
    """End whatever the command left; return how many had to be, and their peak memory.

    Raises:
        StoreError: IO_FAILED: they do not end.
    """
    left = peak = 0
    gone_by = time.monotonic() + KILL_SECONDS
    while True:
        try:
            pid, status, usage = os.wait4(-1, os.WNOHANG)
        except ChildProcessError:
            return left, peak
        if pid:
            unit = 1 if sys.platform == "darwin" else KIB
            peak = max(peak, usage.ru_maxrss * unit)
            left += os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
            continue
        for child in _children():
            # Its number cannot be another's: it is our own child, and not reaped.
            os.kill(child, signal.SIGKILL)
        if time.monotonic() >= gone_by:
            raise StoreError(Code.IO_FAILED, "what a command left running does not end")
        time.sleep(_PAUSE_SECONDS)


def _children() -> list[int]:
    """Return the processes whose parent this one is."""
    mine = str(os.getpid())
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                stat = (folder / "stat").read_bytes()
            except OSError:
                continue  # it has ended
            # pid (name) state parent: the name may hold spaces and brackets
            if stat.rpartition(b")")[2].split()[1].decode("ascii") == mine:
                found.append(int(folder.name))
    return found


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt  # run_process then ends the command's group


def main() -> int:
    """Say what the floor is, and serve."""
    # Documented: after a vfork a command would be lent all our memory, and shown with it.
    setattr(subprocess, "_USE_VFORK", False)  # noqa: B010 - mypy takes it for a constant
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        from greenlight.execution.box import kernel  # noqa: PLC0415 - of Linux alone

        kernel.adopt_orphans()
        kernel.end_with_parent()
    # Standard output is ours alone: no command gets it.
    answers = os.fdopen(os.dup(1), "wb")
    try:
        floor, _ = _run(_FLOOR, b"")
        write_frame(answers, {"floor_bytes": floor["peak_rss_bytes"]}, ())
        serve(sys.stdin.buffer, answers)
    except KeyboardInterrupt:
        _sweep()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
