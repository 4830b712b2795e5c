"""The box as a confinement: what a run gets of it, whole and degraded, and what it claims."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greenlight.codes import Code
from greenlight.errors import RefusedError, StoreError
from greenlight.execution import confined
from greenlight.execution.attempts import Attempt, Recorder, Scope
from greenlight.execution.box import child
from greenlight.execution.box.ability import NOTHING, Ability, find_ability
from greenlight.execution.confined import Confined, grades_of, require_enforced
from greenlight.execution.snapshot import take
from greenlight.execution.steps import PYTHON, StepResult, StepSpec
from greenlight.execution.workspace import DEFAULT_PARENT, SourceFile, Workspace
from greenlight.model.documents.attempts import AttemptKind, AttemptOutcome
from greenlight.model.grades import RECORDER, TRACER
from tests.tools import need, need_box

FULL = Ability(namespaces=True, overlay=True, landlock=7, notify=True, filter=True)


@pytest.fixture(autouse=True)
def _box() -> None:
    need_box()


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace.create(tmp_path) as made:
        made.populate(
            [SourceFile("a/b.txt", b"one\n", "0644"), SourceFile("c.txt", b"2\n", "0755")]
        )
        yield made


def run(workspace: Workspace, script: str, **more: Any) -> StepResult:
    confinement = more.pop("confinement", None) or Confined(find_ability(DEFAULT_PARENT))
    return confinement.run(StepSpec(("sh", "-c", script), **more), workspace)


def test_changes_of_one_step_are_there_for_the_next(workspace: Workspace) -> None:
    assert run(workspace, "echo new > a/new; rm c.txt; mkdir d; chmod 700 a").exit_code == 0
    done = run(workspace, "ls -d a/new d; cat a/new; ls c.txt; stat -c %a a")
    assert done.stdout == b"a/new\nd\nnew\n700\n"
    assert (workspace.root / "a" / "new").read_bytes() == b"new\n"
    assert not (workspace.root / "c.txt").exists()


def test_what_is_discarded_is_gone(workspace: Workspace) -> None:
    before = take(workspace.root)
    assert run(workspace, "rm -r a; echo x > y", discard=True).exit_code == 0
    assert take(workspace.root) == before


def test_the_interpreter_of_greenlight_runs_in_it(workspace: Workspace) -> None:
    confinement = Confined(find_ability(DEFAULT_PARENT))
    done = confinement.run(StepSpec((PYTHON, "-c", "import os; print(os.getcwd())")), workspace)
    assert (done.exit_code, done.stdout) == (0, b"/workspace\n"), done.stderr
    assert done.attempts is not None
    targets = [each.target for each in done.attempts.counts]
    assert targets[0].startswith(f"{PYTHON} -c")
    assert not any(sys.prefix in target for target in targets)


def test_the_systems_programs_keep_their_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "prefix", "/usr")
    monkeypatch.setattr(sys, "base_prefix", "/usr")
    monkeypatch.setattr(sys, "executable", "/usr/bin/python3")
    names = confined._names()  # noqa: SLF001 - of a host with another Python
    assert set(names.values()) == {PYTHON}
    assert "/usr/" not in names


def test_an_interpreter_below_tmp(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a checkout that somebody made in /tmp: the box has another /tmp over it."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        program = Path(name, "bin", "tool")
        program.parent.mkdir()
        program.write_text("#!/bin/sh\necho tool $(ls /tmp)\n")
        program.chmod(0o755)
        Path(name).chmod(0o755)
        monkeypatch.setattr("greenlight.execution.confined._interpreter", lambda: (name,))
        confinement = Confined(find_ability(DEFAULT_PARENT))
        for _ in range(2):
            done = confinement.run(StepSpec((str(program),)), workspace)
            assert done.stdout.decode().split() == ["tool", Path(name).name], done.stderr


def test_a_program_that_is_not_there(workspace: Workspace) -> None:
    done = run(workspace, "exit 3")
    assert (done.exit_code, done.code) == (3, Code.STEP_FAILED)
    confinement = Confined(find_ability(DEFAULT_PARENT))
    assert confinement.run(StepSpec(("no-such-program",)), workspace).not_found
    assert confinement.run(StepSpec(("true",), cwd="nowhere"), workspace).not_found


def test_a_step_that_is_killed_says_by_what(workspace: Workspace) -> None:
    assert run(workspace, "kill -TERM $$").signal == signal.SIGTERM


def test_a_step_that_fills_the_disk_is_ended(workspace: Workspace) -> None:
    limits = child.Limits(disk_bytes=64 * 2**20)
    confinement = Confined(find_ability(DEFAULT_PARENT), limits)
    script = "i=0; while :; do head -c 8000000 /dev/urandom > big$i; i=$((i+1)); done"
    done = run(workspace, script, confinement=confinement, timeout_seconds=60)
    assert done.code is Code.STEP_DISK_LIMIT
    assert sum(path.stat().st_size for path in workspace.root.glob("big*")) < 2**32


def test_programs_of_the_workspace_run_where_the_lane_says_so(workspace: Workspace) -> None:
    script = "printf '#!/bin/sh\\necho ran\\n' > s; chmod +x s; ./s"
    assert run(workspace, script).stdout == b""
    assert run(workspace, script, scope=Scope(("**",), execute=True)).stdout == b"ran\n"


def test_a_folder_is_run_over_and_stays_as_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "comma, colon: and space"
    (folder / "d").mkdir(parents=True)
    (folder / "d" / "f").write_text("1\n")
    (folder / "g").write_text("2\n")
    before = take(folder)
    with Workspace.create(tmp_path) as workspace:
        confinement = Confined(find_ability(DEFAULT_PARENT))
        script = "rm -r d; mkdir d; echo 3 > d/n; cp g /tmp/g; cp /tmp/g g; echo > e; rm e"
        result, found = confinement.run_over(StepSpec(("sh", "-c", script)), workspace, folder)
    assert result.exit_code == 0
    assert take(folder) == before
    words = {each.path: each.change for each in found}
    assert words == {"d/f": "deleted", "d/n": "created", "g": "rewritten"}


# --- grades


def test_grades_say_what_there_is() -> None:
    whole = grades_of(FULL)
    assert all(grade.enforced_by for _, grade in whole.rows())
    assert whole.network.observed_by == RECORDER
    silent = grades_of(replace(FULL, notify=False))
    assert silent.network.enforced_by
    assert silent.network.observed_by == ""
    assert "overlay" not in grades_of(replace(FULL, overlay=False)).path_workspace.observed_by
    bare = grades_of(replace(FULL, namespaces=False, overlay=False))
    assert bare.network.unknown
    assert bare.program.unknown
    assert "Landlock" in bare.path_outside.enforced_by
    nothing = grades_of(NOTHING)
    assert nothing.path_outside.unknown


def test_less_than_everything_can_be_refused() -> None:
    require_enforced(FULL)
    lacking = replace(FULL, namespaces=False, why=(("namespaces", "switched off here"),))
    with pytest.raises(RefusedError, match="switched off here") as caught:
        require_enforced(lacking)
    assert caught.value.code is Code.CONFINEMENT_LACKS


def test_names_of_confinements() -> None:
    assert Confined(FULL).name == "box"
    assert Confined(replace(FULL, overlay=False)).name == "box, degraded"
    assert Confined(NOTHING).name == "unconfined"


# --- degraded, for real


@pytest.mark.parametrize(
    "lacking",
    [{"overlay": False}, {"notify": False}, {"landlock": 0}, {"overlay": False, "notify": False}],
    ids=lambda lacking: " and ".join(f"no {name}" for name in lacking),
)
def test_with_less_the_rest_still_holds(workspace: Workspace, lacking: dict[str, Any]) -> None:
    ability = replace(find_ability(DEFAULT_PARENT), **lacking)
    script = "echo x > a/new; rm c.txt; echo x > /etc/new; ls /home; exit 0"
    done = run(workspace, script, confinement=Confined(ability))
    assert done.exit_code == 0, done.stderr
    assert (workspace.root / "a" / "new").exists()
    assert not (workspace.root / "c.txt").exists()
    assert b"/etc/new" in done.stderr
    assert b"/home" in done.stderr
    recorded = done.attempts is not None and bool(done.attempts.counts)
    assert recorded is ability.notify


def test_strace_records_where_the_filter_cannot_ask(workspace: Workspace) -> None:
    need("strace")
    ability = replace(find_ability(DEFAULT_PARENT), notify=False, trace=True)
    confinement = Confined(ability)
    assert confinement.records
    assert confinement.grades().network.observed_by == TRACER
    script = (
        "echo x > a/new; echo y > ok; echo x > /etc/new; mkdir -p vault; echo z > vault/k;"
        " unshare -U true; cp /bin/true t; ./t; /bin/echo done; ln -s /etc e; : > 'sp ace';"
        " /usr/bin/python3 -c 'import socket; socket.create_connection((\"1.2.3.4\", 80), 1)'"
    )
    scope = Scope(("ok",), ("vault/**",))
    done = run(workspace, script, confinement=confinement, scope=scope)
    assert done.attempts is not None
    seen = {(each.kind.value, each.outcome.value, each.target) for each in done.attempts.counts}
    assert seen >= {
        ("write", "staged", "a/new"),
        ("write", "staged", "e"),
        ("write", "staged", "sp ace"),
        ("write", "denied", "/etc/new"),
        ("write", "denied", "vault/k"),
        ("system", "denied", ""),
        ("program", "allowed", "/bin/echo done"),
        ("network", "denied", "1.2.3.4:80"),
    }, seen
    assert ("write", "staged", "ok") not in seen
    assert not (workspace.folder / "trace").exists()


def test_without_namespaces_landlock_and_the_recorder_stand(workspace: Workspace) -> None:
    ability = replace(find_ability(DEFAULT_PARENT), namespaces=False, overlay=False)
    outside = workspace.folder.parent / "outside"
    outside.write_text("as it was\n")
    script = f"echo x > a/new; echo x > {outside}; echo $?; cat a/new"
    done = run(workspace, script, confinement=Confined(ability))
    assert done.exit_code == 0, done.stderr
    assert outside.read_text() == "as it was\n"
    assert (workspace.root / "a" / "new").exists()
    assert done.attempts is not None
    denied = [each.target for each in done.attempts.counts if each.outcome == "denied"]
    assert denied == [str(outside)]


def test_without_namespaces_a_step_is_ended_with_its_group(workspace: Workspace) -> None:
    ability = replace(find_ability(DEFAULT_PARENT), namespaces=False, overlay=False)
    script = "sleep 1004 & sleep 1004"
    done = run(workspace, script, confinement=Confined(ability), timeout_seconds=1)
    assert done.code is Code.STEP_TIMED_OUT
    assert run(workspace, "sleep 1004 & true", confinement=Confined(ability)).exit_code == 0
    until = time.monotonic() + 5
    while time.monotonic() < until:
        found = subprocess.run(["pgrep", "-f", "sleep 1004"], capture_output=True, check=False)
        if not found.stdout:
            break
        time.sleep(0.05)
    assert found.stdout == b""


def test_a_box_that_cannot_be_made_is_an_error(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr("greenlight.execution.box.tree.build", refused)
    with pytest.raises(StoreError, match="Operation not permitted"):
        run(workspace, "true")
    assert not find_ability.__wrapped__(DEFAULT_PARENT).namespaces


def test_a_supervisor_that_is_killed_takes_the_box_along(tmp_path: Path) -> None:
    """The gate dies with greenlight, the keeper with the gate, and the kernel ends the rest."""
    script = (
        "from pathlib import Path\n"
        "from greenlight.execution.confined import Confined\n"
        "from greenlight.execution.steps import StepSpec\n"
        "from greenlight.execution.workspace import Workspace\n"
        f"w = Workspace.create(Path({str(tmp_path)!r}))\n"
        "Confined.here().run(StepSpec(('sh', '-c', 'echo up > up; sleep 1003')), w)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script])
    until = time.monotonic() + 20
    while not list(tmp_path.glob("*/upper/up")) and time.monotonic() < until:
        time.sleep(0.02)
    process.kill()
    process.wait()
    while time.monotonic() < until:
        found = subprocess.run(["pgrep", "-f", "sleep 1003"], capture_output=True, check=False)
        if not found.stdout:
            break
        time.sleep(0.05)
    assert found.stdout == b""


# --- the list of changes, and putting it into place

NAMES = st.sampled_from(["a", "b", "a/x", "a/y", "b/z", "a/x/deep", "new", "new/one"])
DEEDS = st.lists(
    st.tuples(st.sampled_from(["write", "mkdir", "rm", "mv", "chmod", "ln"]), NAMES, NAMES),
    max_size=12,
)
SCRIPTS = {
    "write": "echo {0}{1} > {0}",
    "mkdir": "mkdir -p {0}",
    "rm": "rm -rf {0}",
    "mv": "mv {0} {1}",
    "chmod": "chmod 700 {0}",
    "ln": "ln -s {1} {0}",
}


@given(deeds=DEEDS)
@settings(deadline=None, max_examples=25)
def test_an_overlay_gives_what_a_plain_folder_gives(
    deeds: list[tuple[str, str, str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The same deeds with and without an overlay end in the same tree, and the list is exact."""
    tmp = tmp_path_factory.mktemp("deeds")
    script = "umask 022\n" + "\n".join(
        f"{SCRIPTS[deed].format(one, other)} 2>/dev/null" for deed, one, other in deeds
    )
    ability = find_ability(DEFAULT_PARENT)
    trees = []
    for overlay in (True, False):
        with Workspace.create(tmp) as workspace:
            workspace.populate([SourceFile("a/x/f", b"1", "0644"), SourceFile("b/z", b"2", "0644")])
            before = take(workspace.root)
            confinement = Confined(replace(ability, overlay=overlay))
            confinement.run(StepSpec(("sh", "-c", f"{script}\ntrue")), workspace)
            trees.append(take(workspace.root))
    assert trees[0] == trees[1]
    folder = tmp / "lower"
    with Workspace.create(tmp) as workspace:
        workspace.populate([SourceFile("a/x/f", b"1", "0644"), SourceFile("b/z", b"2", "0644")])
        shutil.copytree(workspace.root, folder, symlinks=True)
        _, found = Confined(ability).run_over(
            StepSpec(("sh", "-c", f"{script}\ntrue")), workspace, folder
        )
    after = dict(before.states)
    for each in found:
        assert each.before == before.get(each.path)
        after[each.path] = each.after
    left = {path: state for path, state in after.items() if state.kind != "absent"}
    assert left == dict(trees[0].states)
    shutil.rmtree(tmp)


def test_recorders_count_and_stop_counting() -> None:
    recorder = Recorder()
    for number in range(1500):
        recorder.add(Attempt(AttemptKind.WRITE, "openat", f"/{number}", AttemptOutcome.DENIED))
        recorder.add(Attempt(AttemptKind.WRITE, "openat", "/0", AttemptOutcome.DENIED))
    assert len(recorder.counts) == 1000
    assert next(iter(recorder.counts.values())) == 1501
    assert (recorder.dropped, recorder.complete) == (500, False)
