"""What a meter measures, and that nothing a command does gets past it."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from greenlight.codes import Code
from greenlight.errors import StoreError
from greenlight.execution.metering import Meter, MeteredCommand, MeteredRun
from greenlight.primitives.limits import MIB

ENV = {"PATH": "/usr/bin:/bin"}


@pytest.fixture(scope="module")
def meter() -> Iterator[Meter]:
    with Meter() as made:
        yield made


def run(meter: Meter, *argv: str, seconds: float = 30, **more: object) -> MeteredRun:
    command = MeteredCommand(argv, Path("/"), ENV, seconds, **more)  # type: ignore[arg-type]
    return meter.run(command)


def python(meter: Meter, code: str, seconds: float = 30, **more: object) -> MeteredRun:
    return run(meter, sys.executable, "-I", "-S", "-c", code, seconds=seconds, **more)


def test_an_end_is_told_as_it_was(meter: Meter) -> None:
    """Exit code, signal, output of both kinds, and what it read."""
    done = run(meter, "sh", "-c", "cat; echo err >&2; exit 3", stdin=b"given")
    assert (done.exit_code, done.signal, done.stdout, done.stderr) == (3, None, b"given", b"err\n")
    assert run(meter, "sh", "-c", "kill -9 $$").signal == 9
    assert run(meter, "no-such-program").not_found


def test_time_is_the_command_s_own(meter: Meter) -> None:
    """At least what it slept; how much more is the machine's affair."""
    assert run(meter, "sleep", "0.2").elapsed_ns >= 200_000_000


def test_memory_is_that_of_the_largest_process(meter: Meter) -> None:
    """A grandchild's too, and not the meter's, or that of whoever started the meter."""
    ballast = bytearray(300 * MIB)
    ballast[::4096] = b"x" * len(ballast[::4096])  # this process is larger than what it starts
    small = run(meter, "true").peak_rss_bytes
    assert meter.floor_bytes <= 40 * MIB
    assert small <= 40 * MIB
    touch = "b = bytearray({n} * 2**20)\nfor i in range(0, len(b), 4096): b[i] = 1"
    large = python(meter, touch.format(n=100)).peak_rss_bytes
    assert 100 * MIB <= large <= 160 * MIB
    code = (
        f"import subprocess, sys; subprocess.run([sys.executable, '-c', {touch.format(n=100)!r}])"
    )
    assert 100 * MIB <= python(meter, code).peak_rss_bytes <= 160 * MIB
    del ballast


def test_what_hangs_is_ended(meter: Meter) -> None:
    done = run(meter, "sleep", "1000", seconds=0.3)
    assert (done.timed_out, done.exit_code, done.signal) == (True, None, None)


def test_a_gigabyte_of_output_is_cut(meter: Meter) -> None:
    """And held nowhere: what is kept is what was allowed."""
    done = run(meter, "head", "-c", "1000000000", "/dev/zero", max_output_bytes=MIB)
    assert done.output_exceeded
    assert len(done.stdout) == MIB
    assert run(meter, "true").peak_rss_bytes <= 60 * MIB


def test_what_it_leaves_running_is_found_and_ended(meter: Meter, tmp_path: Path) -> None:
    """In its group, in a session of its own, and as a daemon of a daemon."""
    pids = tmp_path / "pids"
    script = (
        f"sh -c 'echo $$ >> {pids}; exec sleep 1000' & "
        f"setsid sh -c 'echo $$ >> {pids}; exec sleep 1000' & "
        f"(setsid setsid -f sh -c 'echo $$ >> {pids}; exec sleep 1000') ; "
        f"while [ $(wc -l < {pids}) -lt 3 ]; do sleep 0.01; done"
    )
    done = run(meter, "sh", "-c", script)
    assert (done.exit_code, done.left) == (0, 3)
    for pid in pids.read_text().split():
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid), 0)


def test_what_forks_without_end_is_ended(meter: Meter) -> None:
    """Each child leaves its session and makes another: all of them end with the command."""
    code = (
        "import os, time\n"
        "end = time.monotonic() + 20\n"
        "while time.monotonic() < end:\n"
        "    if os.fork() == 0:\n"
        "        os.setsid()\n"
        "        if os.fork(): os._exit(0)\n"
        "        time.sleep(0.05)\n"
        "    else:\n"
        "        os.wait()\n"
        "        os._exit(0)\n"
    )
    done = python(meter, code, seconds=10)
    assert done.left >= 1
    assert run(meter, "true").left == 0


def test_memory_can_be_bounded(meter: Meter) -> None:
    """What a command may have of its own; the next one has no bound again."""
    code = "bytearray(400 * 2**20)"
    assert python(meter, code, data_bytes=200 * MIB).exit_code == 1
    assert python(meter, code).exit_code == 0


def test_an_interrupt_ends_what_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever leaves the block leaves nothing behind, though the command still ran."""
    mark = tmp_path / "pid"

    def interrupted(*_: object) -> bytes:
        while not mark.exists() or not mark.read_text():
            time.sleep(0.01)
        raise KeyboardInterrupt  # as somebody does who presses Ctrl-C while the answer is awaited

    def begin() -> None:
        with Meter() as meter:
            monkeypatch.setattr(meter, "_take", interrupted)
            run(meter, "sh", "-c", f"echo $$ > {mark}; exec sleep 1000")

    with pytest.raises(KeyboardInterrupt):
        begin()
    with pytest.raises(ProcessLookupError):
        os.kill(int(mark.read_text()), 0)


def test_a_meter_that_is_gone_is_said_to_be() -> None:
    """Killed, as by the kernel for its memory."""
    with Meter() as meter:
        meter._process.kill()  # noqa: SLF001 - what the kernel would do
        with pytest.raises(StoreError) as raised:
            run(meter, "true")
    assert raised.value.code is Code.IO_FAILED
