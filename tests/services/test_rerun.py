"""A replay executes what was executed, compares every byte, and believes nobody."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from greenlight.codes import Code
from greenlight.errors import RefusedError, RejectedError
from greenlight.model.documents.execution_log import Output
from greenlight.model.evidence import Evidence
from greenlight.model.packet import Packet
from greenlight.model.seal import make_seal
from greenlight.model.snapshot import FileState, Snapshot
from greenlight.primitives.digest import Digest
from greenlight.services.closing import close_packet
from greenlight.services.packets import Located, locate
from greenlight.services.rerun import Comparison, ReplayRoom, RerunResult, rerun_packet
from greenlight.services.seal_dir import Outside, seal_dir
from greenlight.services.verifying import Integrity, Trust, Verdict, verify_located
from tests.lanes_helper import OWNER, ROOT, Bench, Ran, editing, lane, shell

BY_KEY = Trust(signers=(OWNER.public,), source="--key")
TREE = "artifacts/outputs/greeting.txt"
LEAK = "printf ghp_%s 0123456789abcdefghijABCDEFGHIJ012345"  # in the lane it is no token


def replay(bench: Bench, located: Located, verdict: Verdict, **more: Any) -> RerunResult:
    """Replay in a room of its own, with nothing of the caller's environment."""
    room = ReplayRoom(bench.confinement, bench.clock, {}, bench.rooms)
    return rerun_packet(located, verdict, room, **more)


def again(bench: Bench, ran: Ran) -> RerunResult:
    return replay(bench, ran.located, ran.verdict)


def different(result: RerunResult) -> dict[str, str]:
    """Return where each file differs."""
    rows = [row for row in result.files if row.comparison is not Comparison.IDENTICAL]
    return {row.path: row.where for row in rows}


def is_the_same(result: RerunResult, ran: Ran) -> bool:
    return (
        result.report.clean
        and different(result) == {}
        and result.tree_before == result.tree_after == ran.result.sealed.packet_tree
        and {row.path for row in result.files} == ran.files.keys()
    )


# --- the same again --------------------------------------------------------------------


@pytest.mark.parametrize("name", ["hello", "sqlite-migration", "fix7-p0"])
def test_the_reference_lanes_give_the_same_tree(bench: Bench, name: str) -> None:
    """Every byte of every file, after executing steps, rollback, gate and probes again."""
    shutil.copytree(ROOT / "lanes" / name, bench.folder, dirs_exist_ok=True)
    ran = bench.run((bench.folder / "lane.yaml").read_bytes())
    result = again(bench, ran)
    assert is_the_same(result, ran), result.report
    assert result.executed > 15 + len(ran.mutations)
    assert result.to_dict()["result"] == "PASS"


def test_the_steps_are_really_run(bench: Bench, tmp_path: Path) -> None:
    """What a step does to the world it does again, once a replay."""
    count = tmp_path / "count"
    ran = bench.run(
        lane(
            steps=[shell(f"echo run >> '{count}'; echo hello > greeting.txt", touches=["GREETING"])]
        )
    )
    assert count.read_text().splitlines() == ["run"]
    for times in (2, 3):
        assert is_the_same(again(bench, ran), ran)
        assert count.read_text().splitlines() == ["run"] * times


def test_each_step_is_announced(bench: Bench) -> None:
    """The steps of the replay are those of the plan, in its order."""
    ran = bench.run(lane())
    told: list[str] = []
    room = ReplayRoom(bench.confinement, bench.clock, {}, bench.rooms, told.append)
    rerun_packet(ran.located, ran.verdict, room)
    assert told == list(ran.log)


def test_a_replay_needs_nothing_but_the_packet(bench: Bench, tmp_path: Path) -> None:
    """The lane's folder and the store are gone; a folder with the packet is enough."""
    bench.write("kb/doc.md", "one\n")
    ran = bench.run(editing())
    folder = tmp_path / "checked-out"
    for name, files in (("packet", ran.files), ("seal", ran.located.packet.seal)):
        for path, data in files.items():
            target = folder / name / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
    bench.store.close()
    shutil.rmtree(bench.folder)
    shutil.rmtree(bench.store.git_dir)
    located = locate(None, str(folder), whole=True)
    assert is_the_same(replay(bench, located, verify_located(located, BY_KEY)), ran)


def test_a_replay_publishes_nothing_and_leaves_nothing(bench: Bench) -> None:
    """What was published stays as it is now, and no workspace is left behind."""
    bench.write("kb/doc.md", "one\n")
    ran = bench.run(editing())
    assert bench.read("kb/doc.md") == "one\nmore\n"
    bench.write("kb/doc.md", "edited since\n")
    assert is_the_same(again(bench, ran), ran)
    assert bench.read("kb/doc.md") == "edited since\n"
    assert list(bench.rooms.iterdir()) == []


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("exit 3", Code.STEP_FAILED),
        ("echo hello > greeting.txt; echo other > other.txt", Code.SCOPE_VIOLATED),
        (f"{LEAK} > greeting.txt", Code.SECRET_IN_EVIDENCE),
    ],
)
def test_a_run_that_stopped_stops_again(bench: Bench, script: str, code: Code) -> None:
    """At the same step, with the same code, to the byte."""
    ran = bench.run(lane(steps=[shell(script, touches=["GREETING"])]))
    assert ran.status == "STOPPED"
    assert ran.failed[1] == code.name
    result = again(bench, ran)
    assert is_the_same(result, ran), result.report


# --- another outcome -------------------------------------------------------------------

TIME = "import time; print(time.time_ns()); open('greeting.txt', 'w').write('hello')"
RANDOM = "import os; open('greeting.txt', 'wb').write(b'0' * 100 + os.urandom(32))"


def python(script: str) -> dict[str, Any]:
    return {"id": "write", "run": ["@python", "-c", script], "touches": ["GREETING"]}


@pytest.mark.parametrize(
    ("script", "path", "place"),
    [
        (TIME, "artifacts/steps/write/stdout", "byte "),
        (RANDOM, TREE, "byte 100, line 1; 132 bytes sealed, 132 replayed"),
    ],
)
def test_what_is_not_deterministic_differs(
    bench: Bench, script: str, path: str, place: str
) -> None:
    """A time, random bytes: each file that differs is named, with its first byte that does."""
    ran = bench.run(lane(steps=[python(script)]))
    result = again(bench, ran)
    assert different(result)[path].startswith(place)
    assert set(result.report.codes) == {Code.REPLAY_DIFFERS}
    assert path in {finding.where for finding in result.report.findings}
    assert result.tree_before == ran.result.sealed.packet_tree != result.tree_after
    assert result.to_dict()["result"] == "FAIL"
    assert result.executed > 15
    # What the step did not choose is as it was.
    assert not {"lane.yaml", "RERUN.sh", "bad-input-probes.json"} & different(result).keys()


def test_another_set_of_files_differs(bench: Bench, tmp_path: Path) -> None:
    """A file that the replay did not make, and one that only it made."""
    flag = tmp_path / "flag"
    one_or_other = f"if [ -e '{flag}' ]; then echo b > b.txt; else echo a > a.txt; fi"
    rows = [{"id": x, "path": f"{x}.txt", "change": "create", "undo": "delete"} for x in "ab"]
    ran = bench.run(lane(allowed=rows, steps=[shell(one_or_other, touches=["a", "b"])]))
    flag.touch()
    found = {row.path: row.comparison for row in again(bench, ran).files}
    assert found["artifacts/outputs/a.txt"] is Comparison.NOT_RUN
    assert found["artifacts/outputs/b.txt"] is Comparison.DIFFERENT
    assert found["outcomes.json"] is Comparison.DIFFERENT


# --- somebody with the key lies ----------------------------------------------------------


def lie(ran: Ran, change: Callable[[Evidence, dict[str, bytes]], Evidence]) -> Located:
    """Seal a packet again after a change that all of its documents agree on."""
    assert ran.verdict.evidence is not None
    artifacts = {path: data for path, data in ran.files.items() if path.startswith("artifacts/")}
    evidence = change(ran.verdict.evidence, artifacts)
    _, files = close_packet(evidence, ran.files["lane.yaml"], artifacts)
    packet = Packet.of(files, {})
    statement = replace(
        ran.result.sealed.statement,
        packet_tree=packet.tree.removeprefix("sha256:"),
        byte_count=packet.byte_count,
    )
    seal = make_seal(statement.encode(), OWNER)
    return Located("a lie", Packet(packet.files, packet.texts, seal), files, {})


def another_stdout(evidence: Evidence, artifacts: dict[str, bytes]) -> Evidence:
    """The step is said to have printed something."""
    path, data = "artifacts/steps/write/stdout", b"all 1000 tests passed\n"
    artifacts[path] = data
    output = Output(artifact=path, bytes=len(data), digest=str(Digest.of(data)))
    rows = tuple(
        replace(row, outputs=(output, *row.outputs[1:])) if row.step == "write" else row
        for row in evidence.log.steps
    )
    return replace(evidence, log=replace(evidence.log, steps=rows))


def another_greeting(evidence: Evidence, artifacts: dict[str, bytes]) -> Evidence:
    """The step is said to have written another file, and rollback to have taken that back."""
    artifacts[TREE] = b"good morning\n"
    after = FileState("file", "0644", len(artifacts[TREE]), str(Digest.of(artifacts[TREE])))
    whole = str(Snapshot({"greeting.txt": after}).digest)
    (change,), (row,) = evidence.outcomes.mutations, evidence.rollback.mutations
    return replace(
        evidence,
        outcomes=replace(evidence.outcomes, mutations=(replace(change, after=after),), after=whole),
        rollback=replace(
            evidence.rollback, mutations=(replace(row, applied=after),), applied=whole
        ),
    )


@pytest.mark.parametrize(
    ("change", "path"),
    [(another_stdout, "artifacts/steps/write/stdout"), (another_greeting, TREE)],
)
def test_a_lie_that_verifies_is_caught(
    bench: Bench, change: Callable[[Evidence, dict[str, bytes]], Evidence], path: str
) -> None:
    """Bytes, seal and documents agree with each other; only doing it again shows the lie."""
    ran = bench.run(lane())
    located = lie(ran, change)
    verdict = verify_located(located, BY_KEY)
    assert verdict.integrity is Integrity.INTACT, verdict.report
    assert is_the_same(again(bench, ran), ran)  # the truth replays
    result = replay(bench, located, verdict)
    assert path in different(result)
    assert Code.REPLAY_DIFFERS in result.report.codes


# --- what is not replayed ----------------------------------------------------------------


def test_what_was_not_executed_here_is_not_replayed(bench: Bench, tmp_path: Path) -> None:
    """Evidence from outside has nothing to replay, and equal trees would be no PASS."""
    evidence = tmp_path / "evidence"
    evidence.mkdir()
    (evidence / "scan.txt").write_text("0 vulnerabilities\n")
    sealed = seal_dir(evidence, Outside(bench.store, OWNER, bench.clock))
    located = locate(bench.store, sealed.packet_tree, whole=True)
    verdict = verify_located(located, Trust(), store=bench.store)
    assert verdict.integrity is Integrity.INTACT
    with pytest.raises(RefusedError) as caught:
        replay(bench, located, verdict)
    assert caught.value.code is Code.REPLAY_NOTHING_EXECUTED


def counted(bench: Bench, tmp_path: Path) -> tuple[Ran, Path]:
    """Run a lane whose step leaves a line outside, so that running it shows."""
    count = tmp_path / "count"
    script = f"echo run >> '{count}'; echo hello > greeting.txt"
    ran = bench.run(lane(steps=[shell(script, touches=["GREETING"])]))
    count.unlink()
    return ran, count


def test_a_strangers_steps_are_not_run(bench: Bench, tmp_path: Path) -> None:
    """Nothing confines a step yet, so that its signer must be trusted, or it be said in words."""
    ran, count = counted(bench, tmp_path)
    verdict = verify_located(ran.located, Trust(unsigned_ok=True))
    assert verdict.integrity is Integrity.INTACT
    with pytest.raises(RefusedError) as caught:
        replay(bench, ran.located, verdict)
    assert caught.value.code is Code.REPLAY_UNTRUSTED
    assert not count.exists()
    result = replay(bench, ran.located, verdict, unsafe_unconfined=True)
    assert is_the_same(result, ran)
    assert count.exists()


def test_a_packet_that_is_rejected_is_not_run(bench: Bench, tmp_path: Path) -> None:
    """Not even where it is said that strangers may: nobody knows what would be run."""
    ran, count = counted(bench, tmp_path)
    files = {**ran.files, "REPORT.md": b"# Another report\n"}
    packet = Packet.of(files, ran.located.packet.seal)
    located = Located("changed", packet, files, {})
    verdict = verify_located(located, BY_KEY)
    assert verdict.integrity is Integrity.REJECTED
    with pytest.raises(RejectedError) as caught:
        replay(bench, located, verdict, unsafe_unconfined=True)
    assert Code.TREE_MISMATCH in caught.value.codes
    assert not count.exists()
