"""Greenlight's own parsers as a program: timed by a benchmark, or judged by the smokes.

    echo time | python -m greenlight.services.subject       samples, as model.samples reads them
    echo judge 7 | python -m greenlight.services.subject    an answer a line, from case 7 on

A process of its own, so that what a hostile document does to a parser, it does to nobody else:
the process that asks sees which case was the last, and bounds time and output.  One
document may take SECONDS, and the process may have MEMORY_BYTES.
"""

from __future__ import annotations

import gc
import json
import re
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, NoReturn

from greenlight.errors import GreenlightError
from greenlight.model.corpus import (
    ACCEPTED,
    CRASHED,
    GREW,
    HUNG,
    REFUSED,
    Case,
)
from greenlight.primitives.limits import GIB, KIB, MIB
from greenlight.services.corpus import shipped_corpus
from greenlight.services.parsers import Parser, own_parsers

SECONDS: Final = 10.0  # the slowest case takes 0.3 s on one busy core
MEMORY_BYTES: Final = 2 * GIB  # address space; the whole corpus takes under 200 MiB
GROWTH_BYTES: Final = 256 * MIB  # by which one document may raise the peak; 17 MiB is the largest
_NS_OF_MS: Final = 1_000_000
_MAX_WORDS: Final = 64  # bytes


class _OutOfTimeError(BaseException):
    """A document took too long; no parser's ``except Exception`` catches it."""


@contextmanager
def _bounded() -> Iterator[None]:
    """Let a document have its time and no more; what does not come back is ended from outside."""
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _alarm(*_: object) -> NoReturn:
    raise _OutOfTimeError


def measure(say: Callable[[dict[str, object]], None]) -> None:
    """Parse every document once; say how long each took, refused or not."""
    corpus = shipped_corpus()
    parsers = own_parsers(corpus)
    documents = [(parsers[case.format], case.data) for case in corpus.cases]
    # The first document of a format pays for what is loaded once.
    for case in corpus.cases:
        if case.name.partition("/")[2] in ("canonical", "one", "map", "signed", "plain"):
            parsers[case.format](case.data)
    gc.collect()
    gc.freeze()  # what was loaded is looked through no more: that is nobody's time to parse
    for parse, data in documents:
        sample: dict[str, object] = {}
        again: bytes | None = data
        started = time.perf_counter_ns()
        try:
            with _bounded():
                again = parse(data)
        except GreenlightError:
            pass
        except _OutOfTimeError:
            sample["timed_out"] = True
        took = time.perf_counter_ns() - started
        sample["parse_ms"] = took / _NS_OF_MS
        if again is not None and again != data:
            sample["truncated"] = True  # what was read is not all that was there
        say(sample)


def judge(first: int, say: Callable[[dict[str, object]], None]) -> None:
    """Give every document from ``first`` on to its parser, and say what came of it."""
    corpus = shipped_corpus()
    parsers = own_parsers(corpus)
    for number, case in enumerate(corpus.cases[first:], first):
        say({"case": number, **_answer(parsers[case.format], case)})


def _answer(parse: Parser, case: Case) -> dict[str, object]:
    data = case.data
    before = _forget_peak()
    answer: dict[str, object]
    try:
        with _bounded():
            again = parse(data)
    except GreenlightError as error:
        answer = {"outcome": REFUSED, "code": error.code.name}
    except _OutOfTimeError:
        return {"outcome": HUNG, "detail": f"no answer within {SECONDS:g} s"}
    except Exception as error:  # noqa: BLE001 - that it is any of these is what is looked for
        return {"outcome": CRASHED, "detail": f"{type(error).__name__}: {error}"[:200]}
    else:
        answer = {"outcome": ACCEPTED, "same": None if again is None else again == data}
    grown = _peak() - before
    if grown > GROWTH_BYTES:
        return {"outcome": GREW, "detail": f"{grown // MIB} MiB for {len(data)} bytes"}
    return answer


def _forget_peak() -> int:
    """Let the peak begin anew, where the kernel can; return what it is then.

    Not ru_maxrss: it begins with what the process that started this one held.
    """
    with suppress(OSError), Path("/proc/self/clear_refs").open("w") as file:
        file.write("5")  # proc(5): resets VmHWM to what is resident now
    return _peak()


def _peak() -> int:
    with suppress(OSError), Path("/proc/self/status").open("rb") as file:
        found = re.search(rb"^VmHWM:\s+([0-9]+) kB$", file.read(), re.MULTILINE)
        if found is not None:
            return int(found[1]) * KIB
    unit = 1 if sys.platform == "darwin" else KIB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def main() -> int:
    """Do what standard input says."""
    words = sys.stdin.buffer.read(_MAX_WORDS).decode("ascii").split()
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    most = MEMORY_BYTES if hard == resource.RLIM_INFINITY else min(MEMORY_BYTES, hard)
    resource.setrlimit(resource.RLIMIT_AS, (most, hard))
    signal.signal(signal.SIGALRM, _alarm)

    def say(line: dict[str, object]) -> None:
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()

    if words == ["time"]:
        measure(say)
    else:
        judge(int(words[1]), say)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
