"""Several things at once: each hands back its value, or is an error in its place."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from greenlight.codes import Code
from greenlight.errors import StoreError
from greenlight.execution.side_by_side import Lost, Task, side_by_side


def test_values_stand_in_order():
    """Whoever is ready first."""
    tasks = [Task(lambda n=n: (time.sleep(0.05 * (4 - n)), n)[1], 30) for n in range(5)]
    assert side_by_side(tasks, 3) == [0, 1, 2, 3, 4]
    assert side_by_side([], 3) == []


def test_at_once():
    """Two that wait for each other both come through; with one place neither would."""
    out, into = os.pipe()

    def first():
        return os.read(out, 1)

    def second():
        return os.write(into, b"x")

    assert side_by_side([Task(first, 30), Task(second, 30)], 2) == [b"x", 1]


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def leave():
    os._exit(0)


def fail():
    raise ValueError("x")


def refuse():
    raise StoreError(Code.IO_NOSPACE, "no space")


def unpicklable():
    return lambda: None


@pytest.mark.parametrize("work", [die, leave, fail, refuse, unpicklable])
def test_one_that_ends_without_a_value(work, capfd):
    """It is lost, whatever its exit code; the others are as they are."""
    found = side_by_side([Task(lambda: 1, 30), Task(work, 30), Task(lambda: 3, 30)], 2)
    assert (found[0], found[2]) == (1, 3)
    assert isinstance(found[1], Lost)
    assert not found[1].timed_out
    capfd.readouterr()


@pytest.mark.parametrize(
    ("work", "said"),
    [
        (fail, "it failed: ValueError: x"),
        (refuse, "it failed: IO_NOSPACE: no space"),
        (leave, "it ended without a result (exit 0)"),
        (die, "it ended without a result (exit -9)"),
    ],
)
def test_why_there_is_no_value(work, said, capfd):
    """In the words of what was raised; else by its exit code."""
    assert side_by_side([Task(work, 30)], 1) == [Lost(said)]
    capfd.readouterr()


def test_one_that_takes_too_long(tmp_path):
    """It is ended with all that it started, and said to be late."""
    mark = tmp_path / "mark"
    code = f"import time; time.sleep(3); open({str(mark)!r}, 'w').close()"

    def work():
        subprocess.run([sys.executable, "-c", code], check=False)

    began = time.monotonic()
    (found,) = side_by_side([Task(work, 0.3)], 1)
    assert found == Lost("it took too long", timed_out=True)
    assert time.monotonic() - began < 2.5
    time.sleep(3.2)
    assert not mark.exists()


def test_a_value_larger_than_a_pipe():
    """It comes whole."""
    assert side_by_side([Task(lambda: b"x" * 5_000_000, 30)], 1) == [b"x" * 5_000_000]
