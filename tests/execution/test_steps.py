"""What a step is given, what comes of it, and that nothing it does hangs or floods its runner."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from greenlight.codes import Code
from greenlight.errors import MalformedError
from greenlight.execution.confinement import Confinement, Unconfined
from greenlight.execution.process import run_process
from greenlight.execution.steps import DEFAULT_ENVIRONMENT, StepResult, StepSpec, build_environment
from greenlight.execution.workspace import SourceFile, Workspace
from greenlight.primitives.limits import DEFAULT_STEP_OUTPUT_BYTES, MIB


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace.create(tmp_path) as made:
        yield made


def python(workspace: Workspace, script: str, **options: object) -> StepResult:
    spec = StepSpec(argv=("@python", "-c", script), **options)  # type: ignore[arg-type]
    return Unconfined().run(spec, workspace)


def shell(workspace: Workspace, script: str, **options: object) -> StepResult:
    spec = StepSpec(argv=("/bin/sh", "-c", script), **options)  # type: ignore[arg-type]
    return Unconfined().run(spec, workspace)


def test_a_step_that_works(workspace: Workspace):
    """Exit code, both streams, and the working directory is the workspace's root."""
    result = shell(workspace, "pwd; echo oops >&2; echo data > made")
    assert (result.exit_code, result.signal, result.code) == (0, None, None)
    assert Path(os.fsdecode(result.stdout.strip())).samefile(workspace.root)
    assert result.stderr == b"oops\n"
    assert (workspace.root / "made").read_bytes() == b"data\n"
    flags = (result.timed_out, result.output_exceeded, result.not_found, result.outlived)
    assert flags == (False, False, False, False)


def test_a_step_that_fails(workspace: Workspace):
    """Its exit code is kept, and so is the signal of one that was killed."""
    result = shell(workspace, "exit 7")
    assert (result.exit_code, result.signal, result.code) == (7, None, Code.STEP_FAILED)
    result = shell(workspace, "kill -SEGV $$")
    assert (result.exit_code, result.signal) == (None, signal.SIGSEGV)
    assert result.code is Code.STEP_FAILED


def test_python_is_the_interpreter_that_runs_greenlight(workspace: Workspace):
    """@python makes a lane portable."""
    result = python(workspace, "import sys; print(sys.executable)")
    assert result.stdout.decode().strip() == sys.executable


@pytest.mark.parametrize(
    "argv",
    [
        ("no-such-program-anywhere",),
        ("./missing",),
        ("/",),
        ("./not-executable",),
        ("./empty-bang",),
    ],
)
def test_a_program_that_cannot_be_run(workspace: Workspace, argv: tuple[str, ...]):
    """Missing, a folder, not executable, without a readable first line: one code."""
    workspace.populate(
        [SourceFile("not-executable", b"x"), SourceFile("empty-bang", b"\x01\x02", "0755")]
    )
    result = Unconfined().run(StepSpec(argv=argv), workspace)
    assert result.not_found
    assert (result.exit_code, result.code) == (None, Code.STEP_NOT_FOUND)


def test_a_program_is_looked_for_in_the_path_of_the_step(workspace: Workspace):
    """Not in the one of whoever runs greenlight."""
    spec = StepSpec(argv=("sh", "-c", "exit 3"), env={"PATH": "/nowhere"})
    assert Unconfined().run(spec, workspace).not_found
    spec = StepSpec(argv=("sh", "-c", "exit 3"))
    assert Unconfined().run(spec, workspace).exit_code == 3


def test_a_step_starts_in_its_folder_and_in_no_other(workspace: Workspace):
    """A folder below the root; a missing one or a link out cannot be started in."""
    workspace.populate([SourceFile("sub/file", b"x")])
    (workspace.root / "out").symlink_to("/")
    assert shell(workspace, "ls", cwd="sub").stdout == b"file\n"
    assert shell(workspace, "ls", cwd="missing").not_found
    assert shell(workspace, "ls", cwd="out").not_found


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"argv": ()}, Code.LANE_MALFORMED),
        ({"argv": ("",)}, Code.LANE_MALFORMED),
        ({"argv": ("a", "b\0c")}, Code.LANE_MALFORMED),
        ({"argv": ("a",), "cwd": "../x"}, Code.LANE_PATH_ESCAPES),
        ({"argv": ("a",), "cwd": "/tmp"}, Code.LANE_PATH_ESCAPES),  # noqa: S108 - refused
        ({"argv": ("a",), "timeout_seconds": 0}, Code.LANE_MALFORMED),
        ({"argv": ("a",), "max_output_bytes": 0}, Code.LANE_MALFORMED),
        ({"argv": ("a",), "env": {"A=B": "x"}}, Code.LANE_MALFORMED),
        ({"argv": ("a",), "env": {"A": "x\0"}}, Code.LANE_MALFORMED),
    ],
)
def test_a_step_that_cannot_be_meant(fields: dict[str, object], code: Code):
    """A specification is valid by existing."""
    with pytest.raises(MalformedError) as caught:
        StepSpec(**fields)  # type: ignore[arg-type]
    assert caught.value.code is code


def test_a_hanging_step_is_ended(workspace: Workspace):
    """At its time-out, with what it had written until then."""
    result = shell(workspace, "echo begun; sleep 60", timeout_seconds=1)
    assert result.timed_out
    assert (result.exit_code, result.signal) == (None, None)
    assert (result.stdout, result.code) == (b"begun\n", Code.STEP_TIMED_OUT)
    assert 900 <= result.duration_ms < 5000


def test_a_step_that_closes_its_output_still_has_a_time_out(workspace: Workspace):
    """Nothing to read is not the end."""
    result = shell(workspace, "exec >&- 2>&-; sleep 60", timeout_seconds=1)
    assert result.timed_out
    assert result.duration_ms < 5000


def test_a_step_that_ignores_signals_is_ended(workspace: Workspace):
    """SIGTERM may be ignored; what ends a step may not."""
    script = "trap '' TERM INT HUP; echo $$; while :; do sleep 1; done"
    result = shell(workspace, script, timeout_seconds=1)
    assert result.timed_out
    assert not _alive(int(result.stdout))


def test_children_of_an_ended_step_are_ended_too(workspace: Workspace):
    """The whole group goes, not only its leader."""
    result = shell(workspace, "sleep 60 & echo $!; wait", timeout_seconds=1)
    assert result.timed_out
    assert not _alive(int(result.stdout))


def test_children_do_not_outlive_a_step_that_ended_well(workspace: Workspace):
    """What is still running could change what was just looked at."""
    result = shell(workspace, "(sleep 60; touch late) & echo $!")
    assert (result.exit_code, result.outlived) == (0, False)
    assert result.duration_ms < 5000
    assert not _alive(int(result.stdout))


DAEMON = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        print(os.getpid(), flush=True)
        time.sleep(60)
    os._exit(0)
time.sleep(0.3)
"""


def test_a_daemon_that_holds_the_pipes_does_not_hang_its_runner(workspace: Workspace):
    """It left the group, so it lives; the result says that something does."""
    result = python(workspace, DAEMON)
    daemon = int(result.stdout)
    try:
        assert (result.exit_code, result.outlived, result.code) == (0, True, None)
        assert result.duration_ms < 10_000
    finally:
        os.kill(daemon, signal.SIGKILL)


def test_a_flooding_daemon_is_bounded(workspace: Workspace):
    """Neither time nor memory is its to choose after the step has ended."""
    script = DAEMON.replace(
        "time.sleep(60)",
        "end = time.time() + 20\n        while time.time() < end: os.write(1, b'x' * 65536)",
    )
    result = python(workspace, script, max_output_bytes=MIB)
    daemon = int(result.stdout.split(b"\n")[0])
    try:
        assert len(result.stdout) + len(result.stderr) <= MIB
        assert result.duration_ms < 10_000
    finally:
        _kill(daemon)


@pytest.mark.parametrize("stream", ["", " >&2"])
def test_a_gibibyte_of_output_ends_quickly(workspace: Workspace, stream: str):
    """At the limit the step is killed; no more than the limit is kept."""
    result = shell(workspace, f"head -c 1073741824 /dev/zero{stream}", timeout_seconds=60)
    assert result.output_exceeded
    assert (result.code, result.exit_code) == (Code.STEP_OUTPUT_LIMIT, None)
    assert len(result.stdout) + len(result.stderr) == DEFAULT_STEP_OUTPUT_BYTES
    assert result.duration_ms < 10_000


def test_the_limit_is_for_both_streams_together(workspace: Workspace):
    """Exactly the limit is within it, one byte more is not."""
    script = "printf 12345; printf 6789{} >&2"
    result = shell(workspace, script.format("0"), max_output_bytes=10)
    assert (result.exit_code, result.stdout, result.stderr) == (0, b"12345", b"67890")
    result = shell(workspace, script.format("01"), max_output_bytes=10)
    assert result.output_exceeded
    assert len(result.stdout) + len(result.stderr) == 10


def test_two_full_pipes_do_not_deadlock(workspace: Workspace):
    """Both streams are read as they come."""
    script = "import os\nfor _ in range(64): os.write(2, b'e' * 16384); os.write(1, b'o' * 16384)"
    result = python(workspace, script)
    assert (result.exit_code, len(result.stdout), len(result.stderr)) == (0, MIB, MIB)


def test_standard_input_is_empty(workspace: Workspace):
    """A step that asks gets an end of file, and never the terminal."""
    result = shell(workspace, "cat; echo end")
    assert result.stdout == b"end\n"


def test_a_step_has_a_session_and_an_umask_of_its_own(workspace: Workspace):
    """The mode of a new file is not the habit of whoever runs greenlight."""
    old = os.umask(0o077)
    try:
        result = shell(workspace, "umask; touch made; ps -o sid= -p $$ >/dev/null; exit 0")
    finally:
        os.umask(old)
    assert int(result.stdout, 8) == 0o022
    assert (workspace.root / "made").stat().st_mode & 0o777 == 0o644


def test_no_descriptor_of_the_runner_reaches_a_step(workspace: Workspace):
    """Standard streams and nothing else, even what was made inheritable by mistake."""
    reading, writing = os.pipe()
    os.set_inheritable(writing, True)
    try:
        script = (
            "import os\n"
            "seen = [fd for fd in range(64) if os.path.exists(f'/dev/fd/{fd}')]\n"
            f"print({writing} in seen)"
        )
        assert python(workspace, script).stdout == b"False\n"
    finally:
        os.close(reading)
        os.close(writing)


def test_the_environment_is_what_the_step_is_given(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
):
    """Nothing of the caller's own reaches it, and its folders are the workspace's."""
    monkeypatch.setenv("LEAKED_SECRET", "hunter2")
    env = build_environment(["ALLOWED", "ABSENT"], {"ALLOWED": "1", "OTHER": "2"}, {"SET": "3"})
    result = Unconfined().run(StepSpec(argv=("/usr/bin/env", "-0"), env=env), workspace)
    seen = dict(line.split("=", 1) for line in result.stdout.decode().rstrip("\0").split("\0"))
    assert seen == {
        **DEFAULT_ENVIRONMENT,
        "ALLOWED": "1",
        "SET": "3",
        "HOME": str(workspace.root),
        "TMPDIR": str(workspace.tmp),
    }


def test_what_a_lane_sets_comes_last():
    """Default, then allowed, then set; sorted; a default can be replaced."""
    env = build_environment(["PATH", "A"], {"PATH": "/caller", "A": "caller"}, {"A": "set"})
    assert env["PATH"] == "/caller"
    assert env["A"] == "set"
    assert list(env) == sorted(env)
    assert build_environment([], {"PATH": "/caller"}, {}) == dict(DEFAULT_ENVIRONMENT)


@pytest.mark.parametrize("name", ["", "A B", "A=B", "1A", "\u00c4"])
def test_a_variable_that_cannot_be_given(name: str):
    """The name is refused, and a value is never shown."""
    with pytest.raises(MalformedError, match="variable"):
        build_environment([], {}, {name: "x"})
    with pytest.raises(MalformedError) as caught:
        build_environment(["A"], {"A": "hunter2\0"}, {})
    assert "hunter2" not in str(caught.value)


def test_temporary_files_are_no_part_of_the_workspace(workspace: Workspace):
    """TMPDIR is beside the root that is snapshotted, and goes with the workspace."""
    assert shell(workspace, 'echo x > "$TMPDIR/scratch"').exit_code == 0
    assert list(workspace.root.iterdir()) == []
    assert (workspace.tmp / "scratch").exists()


def test_grades_claim_nothing_that_nothing_does():
    """Network, programs and files outside are UNKNOWN until something confines a step."""
    confinement: Confinement = Unconfined()
    assert confinement.name == "unconfined"
    rows = dict(confinement.grades().rows())
    assert {name for name, grade in rows.items() if grade.unknown} == {
        "path_outside",
        "network",
        "program",
    }
    assert rows["path_workspace"].enforced_by == ""
    assert rows["path_workspace"].observed_by == "before/after snapshot"
    assert rows["environment"].enforced_by == "allow-list"
    assert rows["tool"].enforced_by == rows["tool"].observed_by != ""


def test_an_interrupt_leaves_no_step_behind(workspace: Workspace):
    """Ctrl-C reaches greenlight alone, so greenlight ends the step."""

    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    old = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.5)
    try:
        with pytest.raises(KeyboardInterrupt):
            shell(workspace, "echo $$ > pid; sleep 60")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)
    assert not _alive(int((workspace.root / "pid").read_text()))


def test_a_lost_exit_code_is_never_a_success():
    """Where SIGCHLD is ignored the system reaps, and Python alone would say 0."""
    script = (
        "import signal, sys; from pathlib import Path\n"
        "from greenlight.execution.process import run_process\n"
        "from greenlight.errors import StoreError\n"
        "signal.signal(signal.SIGCHLD, signal.SIG_IGN)\n"
        "try:\n"
        "    result = run_process(('/bin/false',), cwd=Path('/'), env={}, timeout_seconds=5,"
        " max_output_bytes=9)\n"
        "except StoreError as error: print(error.code)\n"
        "else: print(result)\n"
    )
    result = run_process(
        (sys.executable, "-c", script),
        cwd=Path(__file__).resolve().parents[2],
        env={"PATH": "/usr/bin:/bin"},
        timeout_seconds=30,
        max_output_bytes=MIB,
    )
    assert result.stdout == b"IO_FAILED\n", result.stderr


def _alive(pid: int) -> bool:
    """Report whether a process is there and no zombie, giving the system a moment."""
    for _ in range(50):
        try:
            state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2]
        except (FileNotFoundError, ProcessLookupError):
            return False
        if state.split()[0] in "ZX":
            return False
        time.sleep(0.02)
    return True


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
