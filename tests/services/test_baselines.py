"""A baseline that may judge is a base's, older than the change; the audit has a word for each."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from greenlight.codes import Code
from greenlight.errors import UsageError
from greenlight.model.baseline import Baseline, Subject, Tree, decode_baseline, encode_baseline
from greenlight.primitives.timestamp import format_seconds
from greenlight.services.baseline_files import read_in_folder, state_of
from greenlight.services.baseline_signing import sign_with_ssh
from greenlight.services.baselines import (
    STATUSES,
    BaselineVerdict,
    Measure,
    Trusting,
    Where,
    believed_metrics,
    verify_baseline,
    verify_for_audit,
)
from greenlight.services.benchmarking import Place, Plan, capture
from greenlight.services.settings import find_base
from greenlight.store.repository import Store, open_store
from greenlight.store.worktree import committed_at, is_clean, parent_of, work_tree_around
from greenlight.verify.baseline import BaselineTrust
from tests.cli.conftest import git
from tools.vectors.baseline import GOOD, LEAD, STRANGER

TRUSTING = Trusting(BaselineTrust((LEAD.public,)), source="--key lead.pub")
PATH = "baselines/metrics_baseline_v1.json"


def now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Project:
    """A repository whose branch ``main`` others protect."""

    root: Path
    store: Store

    @property
    def path(self) -> Path:
        return self.root / PATH

    def commit(self, message: str, time: datetime | None = None) -> str:
        git("add", "-A", cwd=self.root)
        stamp = [] if time is None else ["--date", time.isoformat()]
        git("commit", "-q", "--allow-empty", "-m", message, *stamp, cwd=self.root)
        return git("rev-parse", "HEAD", cwd=self.root)

    def put(self, **changes: Any) -> Baseline:
        made = replace(GOOD, captured_at=format_seconds(now()), commit="", **changes)
        self.path.parent.mkdir(exist_ok=True)
        self.path.write_bytes(encode_baseline(made))
        self.path.with_name(f"{self.path.name}.sig").unlink(missing_ok=True)
        sign_with_ssh(self.path, LEAD)
        return made

    def where(self, base: str = "main") -> Where:
        tree = work_tree_around(self.root)
        assert tree is not None
        name, commit = find_base(tree, base) if base else ("", "")
        return Where(self.path, self.store, tree, name, commit)

    def verify(self, base: str = "main") -> BaselineVerdict:
        return verify_baseline(self.where(base), TRUSTING, now=now())

    def audit(self, **more: Any) -> BaselineVerdict:
        asked = {"current": None, "how": None, "clock": now, **more}
        return verify_for_audit(self.where(), asked.pop("trusting", TRUSTING), **asked)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """Main has a signed baseline; a branch off it has one more commit."""
    root = tmp_path / "project"
    root.mkdir()
    git("init", "-q", "-b", "main", cwd=root)
    with open_store(None, root) as store:
        made = Project(root, store)
        made.put()
        made.commit("A signed baseline")
        git("switch", "-q", "-c", "change", cwd=root)
        (root / "code.py").write_text("print(1)\n")
        made.commit("A change")
        yield made


def codes(verdict: BaselineVerdict) -> list[Code]:
    return [finding.code for finding in verdict.findings]


def test_the_base_s_baseline_judges(project: Project) -> None:
    found = project.verify()
    assert (found.status, found.where.base, found.notes) == ("ok", "main", ())
    assert found.where.commit == git("rev-parse", "main", cwd=project.root)
    section = found.to_dict()
    assert (section["status"], section["independent"]) == ("ok", True)
    assert section["trusted_by"] == "--key lead.pub"


def test_its_metrics_are_believed_or_there_are_none(project: Project) -> None:
    """For whoever makes limits of them: a gate's `times` and `plus`."""
    found = believed_metrics(project.where(), TRUSTING, now=now())
    assert found is not None
    assert found["parse_p95_ms"] == GOOD.metrics.parse_p95_ms
    stranger = Trusting(BaselineTrust((STRANGER.public,)))
    assert believed_metrics(project.where(), stranger, now=now()) is None
    absent = replace(project.where(), path=project.root / "none.json")
    assert believed_metrics(absent, TRUSTING, now=now()) is None


def test_an_edit_in_the_change_does_not_judge_it(project: Project) -> None:
    """Signed by the very same key: it is the base's that is read."""
    loose = project.put(runs=1)
    project.commit("A baseline that suits me")
    found = project.verify()
    assert found.ok
    assert found.baseline is not None
    assert found.baseline.runs == GOOD.runs != loose.runs
    assert "the change under test edits the baseline" in found.notes[0]
    # And one that was taken away, or its signature, is still there.
    for path in project.path.parent.iterdir():
        path.unlink()
    assert project.verify().ok


def test_one_that_comes_with_the_change_is_newer(project: Project) -> None:
    """The first baseline judges what comes after it."""
    git("switch", "-q", "--orphan", "fresh", cwd=project.root)
    first = project.commit("No baseline")
    project.put()
    project.commit("The first")
    found = project.verify(first)
    assert (codes(found), found.status) == ([Code.BASELINE_NEWER], "newer_than_change")
    git("rm", "-rq", "baselines", cwd=project.root)
    project.commit("Gone")
    assert project.verify(first).status == "missing_baseline"


def test_one_that_was_captured_after_the_base_is_newer(project: Project) -> None:
    """By the committer's time of the base's commit, to the second."""
    git("switch", "-q", "main", cwd=project.root)
    base = git("rev-parse", "HEAD", cwd=project.root)
    seconds = committed_at(project.root, base)
    assert seconds is not None
    for offset, expected in ((0, []), (1, [Code.BASELINE_NEWER])):
        at = datetime.fromtimestamp(seconds + offset, UTC)
        made = replace(GOOD, captured_at=format_seconds(at), commit="")
        project.path.write_bytes(encode_baseline(made))
        sign_with_ssh(project.path, LEAD)
        git("add", "-A", cwd=project.root)
        stamp = f"{seconds} +0000"
        env = ["-c", "user.name=T", "-c", "user.email=t@example.org"]
        tree = git("write-tree", cwd=project.root)
        made_commit = _commit_at(project.root, tree, base, stamp, env)
        git("update-ref", "refs/heads/main", made_commit, cwd=project.root)
        git("reset", "-q", "--hard", cwd=project.root)
        git("switch", "-q", "-C", "change", cwd=project.root)
        project.commit("A change")
        found = verify_baseline(project.where(), TRUSTING, now=now() + timedelta(hours=1))
        assert codes(found) == expected
        git("switch", "-q", "main", cwd=project.root)


def _commit_at(root: Path, tree: str, parent: str, stamp: str, words: list[str]) -> str:
    body = (
        f"tree {tree}\nparent {parent}\nauthor T <t@example.org> {stamp}\n"
        f"committer T <t@example.org> {stamp}\n\nA baseline\n"
    )
    file = root.parent / "commit"
    file.write_text(body)
    return git(*words, "hash-object", "-t", "commit", "-w", file, cwd=root)


def test_one_that_was_captured_on_the_change_is_newer(project: Project) -> None:
    """Its commit is the change's, though somebody brought the file into the base."""
    mine = git("rev-parse", "change", cwd=project.root)
    git("switch", "-q", "main", cwd=project.root)
    made = replace(GOOD, captured_at=format_seconds(now()), commit=mine)
    project.path.write_bytes(encode_baseline(made))
    sign_with_ssh(project.path, LEAD)
    project.commit("A baseline of the change")
    git("switch", "-q", "change", cwd=project.root)
    assert codes(project.verify()) == [Code.BASELINE_NEWER]


def test_a_base_that_has_the_change_in_it_is_none(project: Project) -> None:
    """Main went on, and took the change along: it is not what the change starts from."""
    git("switch", "-q", "main", cwd=project.root)
    git("merge", "-q", "--no-ff", "-m", "Merge", "change", cwd=project.root)
    project.commit("And on")
    git("switch", "-q", "change", cwd=project.root)
    found = project.verify()
    assert codes(found) == [Code.BASELINE_NEWER]
    assert "has the change in it" in str(found.findings[0])


def test_the_base_that_is_checked_out_is_not_its_own_judge(project: Project) -> None:
    """On main itself the last commit is the change, and its parent the base."""
    git("switch", "-q", "main", cwd=project.root)
    found = project.verify()
    assert found.where.commit == ""
    git("merge", "-q", "--no-ff", "-m", "Merge", "change", cwd=project.root)
    found = project.verify()
    assert (found.status, found.where.base) == ("ok", "main^")


def test_without_a_base_it_is_said_that_the_work_tree_judges_itself(project: Project) -> None:
    found = project.verify("")
    assert (found.status, found.to_dict()["independent"]) == ("ok", False)
    assert "the change under test could have edited it" in found.notes[0]


def test_a_base_that_is_no_commit_is_refused(project: Project) -> None:
    with pytest.raises(UsageError) as raised:
        project.where("origin/main")
    assert raised.value.code is Code.BASE_UNKNOWN


def test_a_baseline_outside_the_repository_has_no_base(project: Project, tmp_path: Path) -> None:
    where = replace(project.where(), path=tmp_path / "elsewhere.json")
    with pytest.raises(UsageError) as raised:
        verify_baseline(where, TRUSTING, now=now())
    assert raised.value.code is Code.USAGE


def test_a_link_in_the_base_is_not_followed(project: Project) -> None:
    """It would lead to a file of the change, or of anybody."""
    git("switch", "-q", "main", cwd=project.root)
    real = project.path.with_name("real.json")
    project.path.rename(real)
    project.path.symlink_to(real.name)
    project.commit("A link")
    git("switch", "-q", "-C", "change", cwd=project.root)
    project.commit("A change")
    found = project.audit()
    assert found.status == "unreadable"
    assert codes(found) == [Code.FILE_UNREADABLE]


def test_a_replaced_commit_does_not_change_the_base(project: Project) -> None:
    """``git replace`` in a clone would put another commit in the base's place."""
    base = git("rev-parse", "main", cwd=project.root)
    git("switch", "-q", "change", cwd=project.root)
    project.put(runs=1)
    loose = project.commit("A baseline that suits me")
    git("replace", base, loose, cwd=project.root)
    found = project.verify()
    assert found.baseline is not None
    assert (found.where.commit, found.baseline.runs) == (base, GOOD.runs)
    git("replace", "-d", base, cwd=project.root)
    git("switch", "-q", "main", cwd=project.root)
    project.commit("One more")
    git("replace", git("rev-parse", "main", cwd=project.root), loose, cwd=project.root)
    assert parent_of(project.root, git("rev-parse", "main", cwd=project.root)) == base


def test_the_state_of_a_work_tree(project: Project, tmp_path: Path) -> None:
    """Clean, with a change, with a new file; and where there is none."""
    head = git("rev-parse", "HEAD", cwd=project.root)
    assert state_of(project.root) == (head, Tree.CLEAN)
    assert state_of(project.path.parent) == (head, Tree.CLEAN)
    (project.root / "new").write_text("new\n")
    assert state_of(project.root) == (head, Tree.DIRTY)
    (project.root / "new").unlink()
    (project.root / "code.py").write_text("print(2)\n")
    assert is_clean(project.root) is False
    assert state_of(tmp_path) == ("", Tree.UNKNOWN)


# --- the audit's section


def bench(folder: Path, ms: float) -> tuple[str, ...]:
    """A benchmark that says how long it took."""
    script = folder / "bench.py"
    script.write_text(f"print('{{\"parse_ms\": {ms}}}')\n")
    return (sys.executable, "-I", "-S", str(script))


@pytest.fixture
def audited(project: Project) -> Project:
    """Main has a baseline that was really captured: 10 ms by the benchmark's own word."""
    git("switch", "-q", "main", cwd=project.root)
    argv = bench(project.root, 10)
    place = Place(project.root, {}, "", Tree.UNKNOWN)
    made = capture(Plan(argv, says_samples=True, count=2), place, clock=now)
    assert (made.ran.subject, made.metrics.parse_p95_ms) == (Subject.SAMPLES, 10)
    project.path.write_bytes(encode_baseline(made))
    sign_with_ssh(project.path, LEAD)
    project.commit("A baseline, captured")
    git("switch", "-q", "-C", "change", cwd=project.root)
    project.commit("A change")
    return project


def how(project: Project, **more: Any) -> Measure:
    return Measure(Place(project.root, {}), **({"count": 2} | more))


def test_the_audit_measures_by_the_command_that_was_signed(audited: Project) -> None:
    found = audited.audit(how=how(audited))
    assert (found.status, codes(found)) == ("ok", [])
    section = json.loads(json.dumps(found.to_dict()))
    assert [row["status"] for row in section["checks"]] == ["ok"] * 5
    assert section["checks"][0] == {
        "metric": "parse_p95_ms", "baseline": 10, "current": 10, "rule": "times 1.25",
        "limit": 12.5, "source": "source 000, lines 156 to 162", "status": "ok",
    }  # fmt: skip
    assert "2 samples" in section["current"]


@pytest.mark.parametrize(("ms", "status"), [(12.5, "ok"), (12.51, "regressed"), (9, "ok")])
def test_a_regression_is_seen_by_running(audited: Project, ms: float, status: str) -> None:
    """The change's benchmark is what runs, and what it says is compared."""
    bench(audited.root, ms)
    found = audited.audit(how=how(audited))
    assert found.status == status
    assert codes(found) == ([] if status == "ok" else [Code.METRIC_OUT_OF_BOUNDS])


@pytest.mark.parametrize(
    ("script", "status", "code"),
    [
        (None, "current_read_error", Code.BENCHMARK_FAILED),
        ("raise SystemExit(1)", "current_read_error", Code.BENCHMARK_FAILED),
        ("print('fast')", "current_read_error", Code.BENCHMARK_GARBAGE),
        ("", "current_read_error", Code.BENCHMARK_FAILED),
    ],
)
def test_a_benchmark_that_does_not_work_is_red(
    audited: Project, script: str | None, status: str, code: Code
) -> None:
    """Gone, failing, garbage, nothing."""
    path = audited.root / "bench.py"
    path.unlink()
    if script is not None:
        path.write_text(f"{script}\n")
    found = audited.audit(how=how(audited))
    assert (found.status, codes(found)) == (status, [code])


def test_a_command_that_is_not_there_is_red(audited: Project) -> None:
    found = audited.audit(how=how(audited, argv=("./no-such-bench",)))
    assert (found.status, codes(found)) == ("capture_script_missing", [Code.BENCHMARK_NOT_FOUND])


def test_another_command_is_no_comparison(audited: Project) -> None:
    """However fast it is."""
    argv = (sys.executable, "-c", "print('{\"parse_ms\": 0}')")
    found = audited.audit(how=how(audited, argv=argv))
    assert (found.status, codes(found)) == ("subject_differs", [Code.BASELINE_SUBJECT_DIFFERS])


def test_nothing_measured_is_red(audited: Project) -> None:
    assert audited.audit().status == "capture_skipped"


def test_a_file_of_metrics_is_taken_for_the_measurement(audited: Project, tmp_path: Path) -> None:
    """As another tool writes it, as ours, and as nobody can read it."""
    current = tmp_path / "current.json"
    values = {"parse_p95_ms": 12.5, "parse_p99_ms": 15.0, "parse_peak_rss_mb": 1,
              "collector_timeouts_total_per_min": 0, "collector_truncated_rate": 0.0}  # fmt: skip
    current.write_text(json.dumps(values))
    assert audited.audit(current=current).status == "ok"
    current.write_text(json.dumps({"metrics": values | {"parse_p95_ms": 12.6}}))
    assert audited.audit(current=current).status == "regressed"
    for broken in (values | {"parse_p99_ms": "15"}, values | {"parse_p99_ms": -1}, {}):
        current.write_text(json.dumps(broken))
        assert audited.audit(current=current).status == "current_read_error"
    for text in ("", "<html>", "[1]"):
        current.write_text(text)
        assert audited.audit(current=current).status == "current_read_error"
    assert audited.audit(current=tmp_path / "none.json").status == "current_read_error"
    mine = read_in_folder(audited.path).data
    assert mine is not None
    current.write_bytes(mine)
    assert audited.audit(current=current).status == "ok"
    other = decode_baseline(mine)
    slow = replace(
        other, metrics=replace(other.metrics, parse_p99_ms=GOOD.metrics.parse_p99_ms * 9)
    )
    current.write_bytes(encode_baseline(slow))
    assert audited.audit(current=current).status == "regressed"


def test_nothing_is_run_for_a_baseline_that_may_not_judge(audited: Project) -> None:
    """What a stranger signed would name the command."""
    mark = audited.root / "ran"
    (audited.root / "bench.py").write_text(f"open({str(mark)!r}, 'w')\n")
    stranger = Trusting(BaselineTrust((STRANGER.public,)))
    found = audited.audit(how=how(audited), trusting=stranger)
    assert (found.status, found.checks) == ("signer_not_trusted", ())
    assert not mark.exists()


def test_each_way_to_be_wrong_has_a_status(audited: Project) -> None:
    """The audit gets a word for everything, and never an exception."""
    path, root = audited.path, audited.root
    seen = {}

    def base(message: str) -> None:
        git("switch", "-q", "main", cwd=root)
        audited.commit(message)
        git("switch", "-q", "-C", "change", cwd=root)
        audited.commit("A change")
        seen[message] = audited.audit(how=how(audited)).status

    git("switch", "-q", "main", cwd=root)
    good = path.read_bytes()
    path.write_bytes(good.replace(b'"runs": 2', b'"runs": 3'))
    base("bad_signature")
    git("switch", "-q", "main", cwd=root)
    path.write_bytes(b"{}\n")
    base("malformed_baseline")
    git("switch", "-q", "main", cwd=root)
    path.write_bytes(good)
    path.with_name(f"{path.name}.sig").unlink()
    base("unsigned")
    git("switch", "-q", "main", cwd=root)
    sign_with_ssh(path, STRANGER)
    base("signer_not_trusted")
    git("switch", "-q", "main", cwd=root)
    path.unlink()
    base("missing_baseline")
    assert seen == {status: status for status in seen}
    assert len(seen) == 5
    assert set(seen) <= set(STATUSES)
