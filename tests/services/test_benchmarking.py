"""Capturing really runs what it is given, and numbers of what does not work are none."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from greenlight.codes import Code
from greenlight.errors import GreenlightError
from greenlight.model.baseline import (
    Baseline,
    Subject,
    Tree,
    decode_baseline,
    encode_baseline,
)
from greenlight.services.benchmarking import Place, Plan, capture
from greenlight.services.corpus import corpus_digest, shipped_corpus

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def place(folder: Path) -> Place:
    return Place(folder, {"PATH": "/usr/bin:/bin"}, "a" * 40, Tree.CLEAN)


def captured(folder: Path, *argv: str, **plan: Any) -> Baseline:
    wanted = {"count": 3} | plan if "seconds" not in plan else plan
    return capture(Plan(argv=argv, **wanted), place(folder), clock=lambda: NOW)


def python(folder: Path, code: str, **plan: Any) -> Baseline:
    return captured(folder, sys.executable, "-I", "-S", "-c", code, **plan)


def failed(folder: Path, *argv: str, **plan: Any) -> tuple[Code, str]:
    with pytest.raises(GreenlightError) as raised:
        captured(folder, *argv, **plan)
    return raised.value.code, str(raised.value)


def test_runs_are_samples(tmp_path: Path) -> None:
    """So many processes, each in the folder, and what they took is not invented."""
    found = captured(tmp_path, "sh", "-c", "echo run >> runs; sleep 0.05", count=4, labels=("a",))
    assert (tmp_path / "runs").read_text().splitlines() == ["run"] * 4
    assert (found.runs, found.samples, found.failures, found.timeouts) == (4, 4, 0, 0)
    assert (
        50 <= found.metrics.parse_p50_ms <= found.metrics.parse_p95_ms <= found.metrics.parse_p99_ms
    )
    assert found.elapsed_ms >= 200
    # Of two processes that do nothing one has a page more or less than the other.
    assert found.metrics.parse_peak_rss_mb + 1 >= found.rss_floor_mb > 1
    assert (found.captured_at, found.commit, found.tree) == (
        "2026-03-01T12:00:00Z", "a" * 40, Tree.CLEAN,
    )  # fmt: skip
    assert (found.ran.subject, found.ran.argv, found.labels) == (
        Subject.RUNS, ("sh", "-c", "echo run >> runs; sleep 0.05"), ("a",),
    )  # fmt: skip
    names = {fact.name: fact.content for fact in found.host}
    assert names["kernel_release"]
    assert names["python_version"] == ".".join(map(str, sys.version_info[:3]))
    assert int(names["cpus"]) >= 1
    assert decode_baseline(encode_baseline(found)) == found


def test_runs_are_begun_for_a_time(tmp_path: Path) -> None:
    """And the last one may end after it."""
    started = time.monotonic()
    found = captured(tmp_path, "sleep", "0.15", seconds=1)
    assert 1000 <= found.elapsed_ms <= (time.monotonic() - started) * 1000
    assert 1 <= found.runs <= 7  # seven sleeps take more than a second on any machine
    assert found.samples == found.runs


def test_memory_is_measured(tmp_path: Path) -> None:
    code = "b = bytearray(90 * 2**20)\nfor i in range(0, len(b), 4096): b[i] = 1"
    assert 90 <= python(tmp_path, code, count=1).metrics.parse_peak_rss_mb <= 140


SAMPLES = "\n".join(f"print('{{\"parse_ms\": {n}}}')" for n in (1, 2, 3, 4.5))


def test_a_command_says_its_own_samples(tmp_path: Path) -> None:
    """Percentiles over all samples of all runs; flags are counted."""
    flags = 'print(\'{"parse_ms": 100, "timed_out": true}\\n{"parse_ms": 5, "truncated": true}\')'
    found = python(tmp_path, f"{SAMPLES}\n{flags}", says_samples=True, count=5)
    assert (found.runs, found.samples, found.timeouts, found.truncated) == (5, 30, 5, 5)
    metrics = found.metrics
    assert [metrics.parse_p50_ms, metrics.parse_p95_ms, metrics.parse_p99_ms] == [3, 100, 100]
    assert metrics.collector_truncated_rate == Decimal("0.1667")
    assert metrics.collector_timeouts_total_per_min > 0
    assert found.ran.subject is Subject.SAMPLES


@pytest.mark.parametrize(
    ("code", "expected", "said"),
    [
        ("print('hello')", Code.BENCHMARK_GARBAGE, "line 1"),
        ("print('{\"parse_ms\": -1}')", Code.BENCHMARK_GARBAGE, "line 1"),
        (f"{SAMPLES}\nprint('done')", Code.BENCHMARK_GARBAGE, "line 5"),
        ("pass", Code.BENCHMARK_FAILED, "no sample"),
        (f"{SAMPLES}\nraise SystemExit(4)", Code.BENCHMARK_FAILED, "exit code 4"),
        (f"{SAMPLES}\nimport os; os.kill(os.getpid(), 11)", Code.BENCHMARK_FAILED, "signal 11"),
        (
            "import sys\nfor _ in range(10**9): sys.stdout.write('{\"parse_ms\": 1}\\n' * 1000)",
            Code.BENCHMARK_FAILED,
            "more output than 16 MiB",
        ),
        (
            f"{SAMPLES}\nimport sys, time; sys.stdout.flush(); time.sleep(100)",
            Code.BENCHMARK_FAILED,
            "no end within 1 s",
        ),
    ],
)
def test_garbage_is_never_a_baseline(tmp_path: Path, code: str, expected: Code, said: str) -> None:
    """Whatever good samples stood before it."""
    argv = (sys.executable, "-I", "-S", "-c", code)
    seconds = 1 if "no end" in said else 60
    found, message = failed(tmp_path, *argv, says_samples=True, timeout_seconds=seconds)
    assert found is expected
    assert said in message


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo why >&2; exit 3", "run 1 of the benchmark: exit code 3: why"),
        ("kill -6 $$", "signal 6"),
        ("sleep 1000 & exit 0", "left 1 processes running"),
        ("setsid sleep 1000 >/dev/null 2>&1 & exit 0", "left 1 processes running"),
    ],
)
def test_a_run_that_fails_ends_the_capture(tmp_path: Path, script: str, said: str) -> None:
    """One that leaves its work to others is quick, and does not count."""
    code, message = failed(tmp_path, "sh", "-c", script, count=1000)
    assert code is Code.BENCHMARK_FAILED
    assert said in message


def test_some_runs_may_fail_where_that_was_said_before(tmp_path: Path) -> None:
    """They give no sample, and the file says how many they were."""
    script = "echo x >> n; [ $(wc -l < n) -ne 2 ]"
    found = captured(tmp_path, "sh", "-c", script, count=4, max_failures=1)
    assert (found.runs, found.failures, found.samples) == (4, 1, 3)
    code, _ = failed(tmp_path, "false", count=4, max_failures=3)
    assert code is Code.BENCHMARK_FAILED


def test_all_may_fail_and_then_there_is_nothing(tmp_path: Path) -> None:
    code, message = failed(tmp_path, "false", count=3, max_failures=9)
    assert code is Code.BENCHMARK_FAILED
    assert "nothing in 3 runs" in message


def test_what_runs_out_of_time_counts_with_the_time_that_it_had(tmp_path: Path) -> None:
    """It is counted a minute; a hang is slow, and not absent."""
    script = "echo x >> n; [ $(wc -l < n) -eq 1 ] || sleep 1000"
    found = captured(tmp_path, "sh", "-c", script, count=2, timeout_seconds=4)
    assert (found.timeouts, found.samples) == (1, 2)
    assert found.metrics.parse_p99_ms >= 4000
    rate = found.metrics.collector_timeouts_total_per_min
    assert abs(rate - Decimal(60_000) / found.elapsed_ms) < 1


def test_what_only_hangs_is_no_baseline(tmp_path: Path) -> None:
    code, message = failed(tmp_path, "sleep", "1000", count=2, timeout_seconds=1)
    assert code is Code.BENCHMARK_FAILED
    assert "nothing in 2 runs of the benchmark ended by itself" in message


def test_what_is_cut_off_counts_as_that_alone(tmp_path: Path) -> None:
    """A gigabyte: the run is ended at 16 MiB, and its time is nobody's."""
    script = "echo x >> n; [ $(wc -l < n) -ne 1 ] || head -c 1000000000 /dev/zero"
    found = captured(tmp_path, "sh", "-c", script, count=4)
    assert (found.truncated, found.samples) == (1, 3)
    assert found.metrics.collector_truncated_rate == Decimal("0.25")


def test_a_command_that_is_not_there_has_a_code_of_its_own(tmp_path: Path) -> None:
    code, message = failed(tmp_path, "no-such-benchmark", max_failures=9)
    assert code is Code.BENCHMARK_NOT_FOUND
    assert "no-such-benchmark" in message


def test_the_builtin_subject_parses_the_whole_corpus(tmp_path: Path) -> None:
    """A sample a document, of greenlight's own parsers, in a process of its own."""
    found = captured(tmp_path, count=1)
    assert found.samples == len(shipped_corpus().cases)
    assert (found.ran.subject, found.ran.argv) == (Subject.BUILTIN, ())
    assert found.ran.corpus == corpus_digest()
    metrics = found.metrics
    assert 0 < metrics.parse_p50_ms < metrics.parse_p95_ms < metrics.parse_p99_ms
    assert (metrics.collector_truncated_rate, metrics.collector_timeouts_total_per_min) == (0, 0)
    assert metrics.parse_peak_rss_mb > found.rss_floor_mb


def test_python_is_the_one_that_runs_greenlight(tmp_path: Path) -> None:
    """What is written down is portable; what runs is not a guess of PATH."""
    code = "import sys; open('which', 'w').write(sys.executable)"
    found = captured(tmp_path, "@python", "-c", code, count=1)
    assert (tmp_path / "which").read_text() == sys.executable
    assert found.ran.argv[0] == "@python"


def test_a_folder_called_greenlight_is_not_taken_for_it(tmp_path: Path) -> None:
    """The subject is this package, whatever lies where the benchmark runs."""
    (tmp_path / "greenlight").mkdir()
    (tmp_path / "greenlight" / "__init__.py").write_text("raise SystemExit('another')")
    (tmp_path / "json.py").write_text("raise SystemExit('another')")
    assert captured(tmp_path, count=1).failures == 0
