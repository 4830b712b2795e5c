"""Do several things at once, each in a process of its own, and wait for all of them.

For work that waits: commands that others carry out.  Each process is forked from this one,
hands back one value, and is killed with all that it started where it takes too long; one that
raises, or ends without a value, is an error in its place, and never a missing result.
"""

from __future__ import annotations

import os
import pickle
import selectors
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

from greenlight.errors import GreenlightError

_MOST_BYTES: Final = 64 * 1024 * 1024  # of one value
_READ_BYTES: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Task:
    """One thing to do.

    Attributes:
        work: Returns its value, which ``pickle`` takes.
        seconds: How long it may take; then it is killed.
    """

    work: Callable[[], Any]
    seconds: float


@dataclass(frozen=True, slots=True)
class Lost:
    """What stands in the place of a value that there is none of.

    Attributes:
        reason: Why.
        timed_out: Whether it took too long.
    """

    reason: str
    timed_out: bool = False


@dataclass(slots=True)
class _Running:
    pid: int
    fd: int
    index: int
    until: float
    data: bytearray = field(default_factory=bytearray)


def side_by_side(tasks: Sequence[Task], most: int) -> list[Any]:
    """Return the value of each task, in their order; ``Lost`` where there is none.

    Args:
        tasks: What to do.
        most: How many at once.

    Raises:
        OSError: No process can be made.
        KeyboardInterrupt: All of them are ended first.
    """
    values: list[Any] = [Lost("it was not begun")] * len(tasks)
    waiting = list(range(len(tasks)))[::-1]
    selector = selectors.DefaultSelector()
    running: dict[int, _Running] = {}
    try:
        while waiting or running:
            while waiting and len(running) < max(1, most):
                index = waiting.pop()
                begun = _begin(tasks[index], index)
                running[begun.fd] = begun
                selector.register(begun.fd, selectors.EVENT_READ)
            for each in _ready(selector, running):
                selector.unregister(each.fd)
                del running[each.fd]
                values[each.index] = _end(each)
    finally:
        for each in running.values():
            _end(each)
        selector.close()
    return values


def _begin(task: Task, index: int) -> _Running:
    out, into = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        os.close(out)
        _serve(task, into)
    os.close(into)
    with suppress(OSError):  # it did so itself, or has ended
        os.setpgid(pid, pid)
    return _Running(pid, out, index, time.monotonic() + task.seconds)


def _serve(task: Task, into: int) -> NoReturn:
    status = 1
    try:
        os.setpgid(0, 0)  # so that all that it starts can be ended with it
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        data = _worked(task)
        with os.fdopen(into, "wb") as stream:
            stream.write(data)
        status = 0
    finally:
        os._exit(status)


def _worked(task: Task) -> bytes:
    try:
        return pickle.dumps(task.work(), protocol=5)
    except Exception as error:  # noqa: BLE001 - it goes to whoever waits for the value
        name = error.code if isinstance(error, GreenlightError) else type(error).__name__
        return pickle.dumps(Lost(f"it failed: {name}: {error}"), protocol=5)


def _ready(selector: selectors.BaseSelector, running: dict[int, _Running]) -> list[_Running]:
    """Read what there is; return those that have ended, or have no time left."""
    soonest = min(each.until for each in running.values())
    done = []
    for key, _ in selector.select(max(0.0, soonest - time.monotonic())):
        each = running[key.fd]
        data = os.read(each.fd, _READ_BYTES)
        each.data += data
        if not data or len(each.data) > _MOST_BYTES:
            done.append(each)
    now = time.monotonic()
    return done + [each for each in running.values() if each.until <= now and each not in done]


def _end(each: _Running) -> Any:
    """End a process with all that it started, and return its value."""
    late = time.monotonic() >= each.until
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(each.pid, signal.SIGKILL)
    os.close(each.fd)
    _, status = os.waitpid(each.pid, 0)
    try:
        value = pickle.loads(bytes(each.data))  # noqa: S301 - from our own process
    except Exception:  # noqa: BLE001 - what a killed process wrote half
        code = os.waitstatus_to_exitcode(status)
        said = "it took too long" if late else f"it ended without a result (exit {code})"
        return Lost(said, timed_out=late)
    return value
