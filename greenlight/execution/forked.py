"""Work on many items in processes of our own, in order, without a list of them all.

Processes, because small pieces of work keep Python's one lock busy; forked, because they
then need nothing loaded again and see what the caller holds.  Items are handed out in turn
and results taken in turn, so that what comes out stands in the order of what went in, and
no more than a few of either wait anywhere.

A worker that is killed, as by the kernel for its memory, is an error and never a missing
result; workers end when the caller does, since then nobody reads what they write.
"""

from __future__ import annotations

import gc
import os
import pickle
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from queue import Empty, Queue
from threading import Event, Thread
from typing import Any, BinaryIO, Final, Generic, NoReturn, TypeVar

from greenlight.codes import Code
from greenlight.errors import StoreError

MAX_WORKERS: Final = 16  # beyond, one reader of their results is what all wait for
_AHEAD: Final = 32  # items on their way; a pipe holds less than that in most cases
_LENGTH_BYTES: Final = 8
_PAUSE_SECONDS: Final = 0.01
_INSIDE: Final = Event()  # set in a worker: it makes no workers of its own

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Here:
    """An item that the caller works on itself."""

    item: Any


def worker_count() -> int:
    """Return how many processors this process may use, at most MAX_WORKERS; a worker has one."""
    if _INSIDE.is_set():
        return 1
    if sys.platform == "linux":
        usable = len(os.sched_getaffinity(0))
    else:
        usable = os.cpu_count() or 1
    return min(usable, MAX_WORKERS)


def fork_map(work: Callable[[Any], Any], items: Iterable[object]) -> Iterator[Any]:
    """Yield what ``work`` gives for each item, in order; an item that is ``Here`` comes back.

    With one item, or one processor, no process is made.

    Args:
        work: Called in another process; its result must be what ``pickle`` takes.
        items: Taken one by one, in a thread.

    Raises:
        BaseException: What ``work`` or ``items`` raised.
        StoreError: IO_FAILED: a worker ended before its work did.
    """
    source = iter(items)
    first = list(_take(source, 2))
    count = worker_count() if hasattr(os, "fork") else 1
    if len(first) < 2 or count < 2:  # noqa: PLR2004 - a second one
        for item in chain(first, source):
            yield item if isinstance(item, Here) else work(item)
        return
    workers = _start(work, count)
    if workers:
        yield from _Round(workers, chain(first, source)).results()
        return
    for item in chain(first, source):
        yield item if isinstance(item, Here) else work(item)


def _start(work: Callable[[Any], Any], count: int) -> list[_Worker[Any]]:
    """Return workers; none where the system has no processes, or no memory, for them."""
    workers: list[_Worker[Any]] = []
    try:
        for _ in range(count):
            workers.append(_Worker(work, workers))
    except OSError:
        for worker in workers:
            worker.end(now=True)
        return []
    return workers


def _take(source: Iterator[object], most: int) -> Iterator[object]:
    for _ in range(most):
        try:
            yield next(source)
        except StopIteration:
            return


class _Worker(Generic[Result]):
    """One process: items in, results out, both pickled.

    Attributes:
        inside: Whether this process is one.
    """

    def __init__(self, work: Callable[[Any], Result], others: list[_Worker[Result]]) -> None:
        items_out, items_in = os.pipe()
        results_out, results_in = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            # Held open here, they would outlive the caller.
            kept = [fd for each in others for fd in (each.items.fileno(), each.results.fileno())]
            _serve(work, items_out, results_in, [items_in, results_out, *kept])
        os.close(items_out)
        os.close(results_in)
        self.items: BinaryIO = os.fdopen(items_in, "wb")
        self.results: BinaryIO = os.fdopen(results_out, "rb")

    def give(self, item: object) -> None:
        _send(self.items, item)

    def result(self) -> Result:
        try:
            failed, found = _receive(self.results)
        except EOFError as error:
            raise StoreError(
                Code.IO_FAILED,
                "a worker process ended before its work did",
                hint="was it killed for its memory? Fewer processors need less: taskset -c 0",
            ) from error
        if failed:
            raise found
        return found  # type: ignore[no-any-return]  # what came through a pipe has no type

    def end(self, *, now: bool) -> None:
        """Let the process end, by itself or at once: what it does is only computed."""
        if now:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
        with suppress(BrokenPipeError):  # what it had not taken yet
            self.items.close()
        self.results.close()
        with suppress(ChildProcessError):
            os.waitpid(self.pid, 0)


class _Round(Generic[Result]):
    """The handing out, in a thread, and the taking back, in the order of the items."""

    def __init__(self, workers: list[_Worker[Result]], items: Iterable[object]) -> None:
        self._workers = workers
        self._items = items
        self._turns: Queue[_Worker[Result] | Here | None] = Queue(_AHEAD)
        self._error: BaseException | None = None
        self._over = False

    def results(self) -> Iterator[Result | Here]:
        thread = Thread(target=self._hand_out, daemon=True)
        thread.start()
        done = False
        try:
            while (turn := self._turns.get()) is not None:
                yield turn if isinstance(turn, Here) else turn.result()
            done = True
        finally:
            self._over = True
            for worker in self._workers:
                worker.end(now=not done)  # and whoever hands out to it gets an error
            while thread.is_alive():
                with suppress(Empty):
                    self._turns.get(timeout=_PAUSE_SECONDS)
        if self._error is not None:
            raise self._error

    def _hand_out(self) -> None:
        turn = 0
        try:
            for item in self._items:
                if self._over:
                    break
                if isinstance(item, Here):
                    self._turns.put(item)
                    continue
                worker = self._workers[turn % len(self._workers)]
                turn += 1
                # First, so that whoever takes results sees what became of a worker that is gone.
                self._turns.put(worker)
                worker.give(item)
        except BrokenPipeError:
            pass  # whoever takes its result says what became of the worker
        except BaseException as error:  # noqa: BLE001 - raised by the one who takes the results
            if not self._over:  # else its workers were taken away from under it
                self._error = error
        self._turns.put(None)


def _serve(
    work: Callable[[Any], object], items_fd: int, results_fd: int, others: list[int]
) -> NoReturn:
    """Be a worker until there are no more items; never return into the caller's code."""
    status = 1
    try:
        _INSIDE.set()
        gc.freeze()  # what the caller held stays, and to look through it would copy its pages
        for fd in others:
            os.close(fd)
        # The caller decides what an interrupt means; it ends this process where it must.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        with os.fdopen(items_fd, "rb") as items, os.fdopen(results_fd, "wb") as results:
            while True:
                try:
                    item = _receive(items)
                except EOFError:
                    break
                answer: tuple[bool, object]
                try:
                    answer = (False, work(item))
                except Exception as error:  # noqa: BLE001 - raised again in the caller
                    answer = (True, error)
                _send(results, answer)
        status = 0
    except BrokenPipeError:
        status = 0  # nobody waits for it any more
    finally:
        os._exit(status)


def _send(stream: BinaryIO, value: object) -> None:
    data = pickle.dumps(value, protocol=5)
    stream.write(len(data).to_bytes(_LENGTH_BYTES) + data)
    stream.flush()


def _receive(stream: BinaryIO) -> Any:
    length = stream.read(_LENGTH_BYTES)
    if len(length) < _LENGTH_BYTES:
        raise EOFError
    data = stream.read(int.from_bytes(length))
    if len(data) < int.from_bytes(length):
        raise EOFError
    return pickle.loads(data)  # noqa: S301 - from our own process
