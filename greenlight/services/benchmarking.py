"""Run a benchmark again and again, for a time or a number of runs, and say what it took.

A run that fails gives no sample, and by the first one the capture fails, unless some were
allowed beforehand: numbers of a benchmark that does not work are none.  What ran out of time
counts with the time that it had; what was cut off counts as that alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Final

from greenlight.codes import Code
from greenlight.errors import MalformedError, RejectedError, StoreError
from greenlight.execution.host import facts
from greenlight.execution.metering import Meter, MeteredCommand, MeteredRun
from greenlight.execution.own import own_command, with_python
from greenlight.execution.processors import processor_facts
from greenlight.model.baseline import Baseline, Method, Metrics, Ran, Subject, Tree
from greenlight.model.codec import to_plain
from greenlight.model.documents.environment import Fact
from greenlight.model.samples import parse_samples
from greenlight.primitives.decimals import measured
from greenlight.primitives.limits import DEFAULT_STEP_OUTPUT_BYTES, MIB
from greenlight.primitives.quantiles import DIGITS, Samples
from greenlight.primitives.text import escape
from greenlight.primitives.timestamp import format_seconds
from greenlight.services.corpus import corpus_digest

TIMEOUT_SECONDS: Final = 60
BUILTIN: Final = "greenlight.services.subject"
MAX_RUNS: Final = 9_999_999
_NS_OF_MS: Final = 10**6
_SAID: Final = 300  # characters of what a failed run wrote to standard error
_QUANTILES: Final = (
    "nearest rank: the sample at place ceil(p/100 * n) of n in order;"
    f" samples are rounded to {DIGITS} significant digits"
)
_MEMORY: Final = (
    "ru_maxrss of wait4: the largest resident set of any one process that a run started and"
    " waited for, or left behind; never their sum; MB are 1,048,576 bytes"
)
_LATENCY: Final = {
    Subject.BUILTIN: "from before one document is parsed until after, by a monotonic clock",
    Subject.RUNS: "from before the command is started until it has ended, by a monotonic clock",
    Subject.SAMPLES: "what the command says of each sample on standard output",
}


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured, and how long.

    Attributes:
        argv: The command; none for greenlight's own parsers. ``@python`` as its first word is the
            interpreter that runs greenlight, wherever it lies.
        says_samples: Whether the command prints samples of its own.
        count: So many runs; None where a time was given.
        seconds: Runs are begun for so long; None where a number was given.
        timeout_seconds: Of one run.
        max_failures: Runs that may fail.
        labels: What people call it.
    """

    argv: tuple[str, ...] = ()
    says_samples: bool = False
    count: int | None = None
    seconds: int | None = None
    timeout_seconds: int = TIMEOUT_SECONDS
    max_failures: int = 0
    labels: tuple[str, ...] = ()

    @property
    def subject(self) -> Subject:
        if not self.argv:
            return Subject.BUILTIN
        return Subject.SAMPLES if self.says_samples else Subject.RUNS

    @property
    def ran(self) -> Ran:
        """What the file says of it."""
        builtin = self.subject is Subject.BUILTIN
        return Ran(
            subject=self.subject,
            argv=self.argv,
            corpus=corpus_digest() if builtin else "",
            timeout_seconds=self.timeout_seconds,
            max_output_bytes=DEFAULT_STEP_OUTPUT_BYTES,
        )


@dataclass(frozen=True, slots=True)
class Place:
    """Where it runs.

    Attributes:
        folder: The folder of the command.
        variables: Its whole environment.
        commit: HEAD of the repository around; empty without one.
        tree: Whether the work tree is as that commit.
    """

    folder: Path
    variables: Mapping[str, str]
    commit: str = ""
    tree: Tree = Tree.UNKNOWN


def capture(
    plan: Plan,
    place: Place,
    *,
    clock: Callable[[], datetime],
    on_run: Callable[[int], None] = lambda _: None,
) -> Baseline:
    """Measure.

    Args:
        plan: What.
        place: Where.
        clock: Called when the last run has ended.
        on_run: Told the number of runs after each.

    Raises:
        StoreError: BENCHMARK_NOT_FOUND: there is no such command; IO_FAILED.
        RejectedError: BENCHMARK_FAILED: more runs failed than were allowed, or none ended.
        MalformedError: BENCHMARK_GARBAGE: a run printed what are no samples.
    """
    tally = _Tally(plan)
    command = _command(plan, place)
    with Meter() as meter:
        started = time.monotonic_ns()
        while not tally.done(started):
            tally.take(meter.run(command))
            on_run(tally.runs)
        elapsed = time.monotonic_ns() - started
    return tally.baseline(place, elapsed, meter.floor_bytes, clock())


def _command(plan: Plan, place: Place) -> MeteredCommand:
    if plan.subject is Subject.BUILTIN:
        argv, env = own_command(BUILTIN)
        return MeteredCommand(argv, place.folder, env, plan.timeout_seconds, stdin=b"time\n")
    argv = with_python(plan.argv)
    return MeteredCommand(argv, place.folder, place.variables, plan.timeout_seconds)


@dataclass(slots=True)
class _Tally:
    """What runs gave until now."""

    plan: Plan
    runs: int = 0
    failures: int = 0
    timeouts: int = 0
    truncated: int = 0
    uncounted: int = 0  # cut off, and so of no known length
    peak: int = 0
    samples: Samples = field(default_factory=Samples)

    def done(self, started: int) -> bool:
        """Report whether no further run is begun; the first one always is."""
        if self.plan.count is not None:
            return self.runs >= self.plan.count
        over = time.monotonic_ns() - started >= (self.plan.seconds or 0) * 10**9
        return self.runs > 0 and (over or self.runs >= MAX_RUNS)

    def take(self, run: MeteredRun) -> None:
        """Count one run.

        Raises:
            StoreError: BENCHMARK_NOT_FOUND.
            RejectedError: BENCHMARK_FAILED, and more failed than may.
            MalformedError: BENCHMARK_GARBAGE, likewise.
        """
        self.runs += 1
        if run.not_found:
            raise StoreError(
                Code.BENCHMARK_NOT_FOUND,
                f"{escape(self.plan.argv[0] if self.plan.argv else BUILTIN)} cannot be started",
            )
        try:
            self._count(run)
        except (RejectedError, MalformedError):
            self.failures += 1
            if self.failures > self.plan.max_failures:
                raise
        else:
            self.peak = max(self.peak, run.peak_rss_bytes)

    def _count(self, run: MeteredRun) -> None:
        if self.plan.subject is not Subject.RUNS:
            self._require_good(run, whole=True)
            self._take_samples(run)
            return
        self._require_good(run, whole=False)
        if run.output_exceeded:
            self.truncated += 1
            self.uncounted += 1
            return
        self.timeouts += run.timed_out
        self.samples.add(run.elapsed_ns)

    def _take_samples(self, run: MeteredRun) -> None:
        # All of them before one is counted: a run is good as a whole, or not at all.
        found = list(parse_samples(run.stdout))
        if not found:
            raise self._failed("it printed no sample")
        for sample in found:
            self.samples.add(sample.ns)
            self.timeouts += sample.timed_out
            self.truncated += sample.truncated

    def _require_good(self, run: MeteredRun, *, whole: bool) -> None:
        """Refuse a run that says nothing; out of time or cut off says something of a whole run."""
        if run.timed_out or run.output_exceeded:
            if not whole:
                return
            why = f"no end within {self.plan.timeout_seconds} s"
            if run.output_exceeded:
                why = f"more output than {DEFAULT_STEP_OUTPUT_BYTES // MIB} MiB"
        elif run.signal is not None:
            why = f"ended by signal {run.signal}"
        elif run.exit_code != 0:
            why = f"exit code {run.exit_code}"
        elif run.left:
            why = f"it left {run.left} processes running, so its time is not all of its time"
        else:
            return
        said = " ".join(run.stderr[-_SAID:].decode("utf-8", "replace").split())
        raise self._failed(why + (f": {escape(said)}" if said else ""))

    def _failed(self, why: str) -> RejectedError:
        return RejectedError(Code.BENCHMARK_FAILED, f"run {self.runs} of the benchmark: {why}")

    def baseline(self, place: Place, elapsed: int, floor: int, now: datetime) -> Baseline:
        """Return what all runs came to.

        Raises:
            RejectedError: BENCHMARK_FAILED: nothing ended by itself.
        """
        if self.samples.count <= self.timeouts:
            raise RejectedError(
                Code.BENCHMARK_FAILED,
                f"nothing in {self.runs} runs of the benchmark ended by itself",
            )
        total = self.samples.count + self.uncounted
        metrics = Metrics(
            collector_timeouts_total_per_min=measured(
                Fraction(self.timeouts * 60 * 10**9, max(elapsed, 1))
            ),
            collector_truncated_rate=measured(Fraction(self.truncated, total)),
            parse_p50_ms=self._percentile(50),
            parse_p95_ms=self._percentile(95),
            parse_p99_ms=self._percentile(99),
            parse_peak_rss_mb=measured(Fraction(self.peak, MIB)),
        )
        return Baseline(
            captured_at=format_seconds(now),
            commit=place.commit,
            elapsed_ms=elapsed // _NS_OF_MS,
            failures=self.failures,
            host=_host(),
            labels=self.plan.labels,
            method=Method(
                latency=_LATENCY[self.plan.subject], memory=_MEMORY, quantiles=_QUANTILES
            ),
            metrics=metrics,
            ran=self.plan.ran,
            rss_floor_mb=measured(Fraction(floor, MIB)),
            runs=self.runs,
            samples=self.samples.count,
            timeouts=self.timeouts,
            tree=place.tree,
            truncated=self.truncated,
        )

    def _percentile(self, percent: int) -> Decimal:
        return measured(Fraction(self.samples.percentile(percent), _NS_OF_MS))


def _host() -> tuple[Fact, ...]:
    known = {**to_plain(facts()), **processor_facts()}
    return tuple(Fact(name=name, content=str(known[name])) for name in sorted(known))


__all__: Sequence[str] = ("BUILTIN", "Place", "Plan", "capture")
