"""Worker processes: order, errors, and what becomes of one that is killed."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from greenlight.codes import Code
from greenlight.errors import StoreError
from greenlight.execution import forked
from greenlight.execution.forked import Here, fork_map


@pytest.fixture(autouse=True)
def two_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine of two processors, whatever this one has."""
    monkeypatch.setattr(forked, "worker_count", lambda: 2)


def children() -> list[str]:
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text("ascii").split()


def test_results_stand_in_the_order_of_the_items() -> None:
    """However long each takes, and with the caller's own among them."""
    items = [Here("own") if number % 5 == 0 else number for number in range(100)]

    def work(number: int) -> tuple[int, bool]:
        time.sleep(0.002 * (number % 3))
        return number, os.getpid() == parent

    parent = os.getpid()
    found = list(fork_map(work, items))
    assert [each if isinstance(each, Here) else each[0] for each in found] == items
    assert not any(each[1] for each in found if not isinstance(each, Here))
    assert not children()


def test_one_item_needs_no_process() -> None:
    """A single small packet is sealed where we are."""
    assert list(fork_map(lambda _: os.getpid(), [1])) == [os.getpid()]


def test_large_items_and_results() -> None:
    """More than a pipe holds, both ways, and nobody waits for ever."""
    data = [bytes(500_000)] * 20
    assert [len(each) for each in fork_map(lambda piece: piece * 2, data)] == [1_000_000] * 20


def test_what_a_worker_raises_is_raised_here() -> None:
    """With its code and hint, and the others end."""

    def work(number: int) -> int:
        if number == 5:
            raise StoreError(Code.FILE_CHANGED, "changed", hint="wait")
        return number

    found = []
    with pytest.raises(StoreError) as caught:
        found += fork_map(work, range(1000))
    assert (caught.value.code, str(caught.value), caught.value.hint) == (
        Code.FILE_CHANGED,
        "changed",
        "wait",
    )
    assert not children()


def test_what_the_items_raise_is_raised_here() -> None:
    """After the results of the items before."""

    def items() -> Iterator[int]:
        yield from range(10)
        raise StoreError(Code.FILE_UNREADABLE, "no")

    results = fork_map(lambda number: number, items())
    assert [next(results) for _ in range(10)] == list(range(10))
    with pytest.raises(StoreError) as caught:
        next(results)
    assert caught.value.code is Code.FILE_UNREADABLE
    assert not children()


def test_a_worker_that_is_killed() -> None:
    """Never a missing result: an error that says so."""

    def work(number: int) -> int:
        if number == 7:
            os.kill(os.getpid(), signal.SIGKILL)
        return number

    with pytest.raises(StoreError, match="ended before") as caught:
        list(fork_map(work, range(1000)))
    assert caught.value.code is Code.IO_FAILED
    assert not children()


def test_a_caller_that_stops_early() -> None:
    """Closing the results ends the workers."""
    results = fork_map(lambda number: number, iter(range(10**9)))
    assert next(results) == 0
    results.close()  # type: ignore[attr-defined]  # a generator
    assert not children()
