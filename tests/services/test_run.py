"""What a run does when its steps do what they should not: it stops, says so, and seals."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from greenlight.codes import Code
from greenlight.errors import StoreError
from greenlight.execution.confinement import Unconfined
from greenlight.execution.workspace import Workspace
from greenlight.model.snapshot import ABSENT, FileState, Mutation
from greenlight.services import execute, looking, publishing
from greenlight.services import run as run_module
from greenlight.services.verifying import Integrity
from tests.lanes_helper import GREETING, Bench, Ran, contents, digest, editing, lane, shell

OUT = {"id": "OUT", "path": "out/**", "change": "create", "undo": "delete"}
BUILT_IN = ("rollback-proof", "gate", "probes", "review")


def stopped(ran: Ran) -> Ran:
    """Hold that the packet verifies, says STOPPED, and lists nothing as published."""
    assert (ran.verdict.integrity, ran.verdict.report.findings) == (Integrity.INTACT, ())
    assert ran.status == "STOPPED"
    assert [row for row in ran.published if not row["code"]] == []
    return ran


def refused_names(ran: Ran) -> list[str]:
    return ran.document("outcomes.json")["refused_names"]


# --- steps that fail ---------------------------------------------------------


def test_a_lane_that_holds_is_applied_sealed_and_verified(bench):
    """Everything is done, one use is spent, and without confinement nobody says clean."""
    ran = bench.run(lane())
    assert (ran.verdict.integrity, ran.status) == (Integrity.INTACT, "APPLIED_NOT_CLEAN")
    assert set(ran.states.values()) == {"done"}
    assert ran.files["artifacts/outputs/greeting.txt"] == b"hello\n"
    assert not (bench.folder / "greeting.txt").exists()
    assert bench.state.uses == {"owner-first": 1}
    assert ran.result.left == ()


def test_a_failing_step_stops_the_lane_and_is_sealed(bench):
    """What it wrote and changed is kept; what comes after it is not reached."""
    bad = shell("echo out; echo err >&2; echo half > greeting.txt; exit 3", touches=["GREETING"])
    ran = stopped(bench.run(lane(steps=[bad, shell("true", id="later")])))
    assert ran.failed == ("write", "STEP_FAILED")
    assert ran.log["write"]["exit_code"] == 3
    assert {ran.states[step] for step in ("later", *BUILT_IN)} == {"not_reached"}
    assert ran.files["artifacts/steps/write/stdout"] == b"out\n"
    assert ran.files["artifacts/steps/write/stderr"] == b"err\n"
    assert ran.files["artifacts/outputs/greeting.txt"] == b"half\n"


def test_an_exit_code_that_the_lane_expects_is_no_failure(bench):
    """And 0 is one, where the lane does not expect it."""
    good = shell("echo x > greeting.txt; exit 7", expect_exit=[7])
    assert bench.run(lane(steps=[good])).status == "APPLIED_NOT_CLEAN"
    ran = stopped(bench.run(lane(steps=[shell("true", expect_exit=[7])])))
    assert ran.failed == ("write", "STEP_FAILED")


@pytest.mark.parametrize(
    ("step", "code", "stdout"),
    [
        ({"run": ["sleep", "600"], "timeout_seconds": 1}, Code.STEP_TIMED_OUT, 0),
        ({"run": ["head", "-c", "1G", "/dev/zero"]}, Code.STEP_OUTPUT_LIMIT, 16 * 2**20),
        (
            {"run": ["head", "-c", "1G", "/dev/zero"], "max_output_bytes": 10},
            Code.STEP_OUTPUT_LIMIT,
            10,
        ),
        ({"run": ["no-such-program"]}, Code.STEP_NOT_FOUND, 0),
        ({"run": ["/etc/passwd"]}, Code.STEP_NOT_FOUND, 0),
        ({"run": ["true"], "workdir": "nowhere"}, Code.STEP_NOT_FOUND, 0),
        ({"run": ["sh", "-c", "kill -9 $$"]}, Code.STEP_FAILED, 0),
        ({"run": ["sh", "-c", "kill -9 0"]}, Code.STEP_FAILED, 0),
        ({"run": ["sh", "-c", "(setsid sleep 5 &); sleep 0.1"]}, Code.STEP_OUTLIVED, 0),
    ],
    ids=str,
)
def test_a_step_that_breaks_its_bounds_stops_the_lane(bench, step, code, stdout):
    """It hangs, writes 1 GiB, is not there, kills its group, or leaves a process behind."""
    ran = stopped(bench.run(lane(steps=[{"id": "write"} | step])))
    assert ran.failed == ("write", str(code))
    assert len(ran.files["artifacts/steps/write/stdout"]) == stdout
    assert ran.log["write"]["exit_code"] is None or code is Code.STEP_OUTLIVED


# --- scope, forbidden surfaces, pins ----------------------------------------


def test_a_change_outside_the_scope_stops_before_anything_is_published(bench):
    """Also where the change that the scope allows was made as well."""
    bench.write("kb/doc.md", "doc\n")
    outside = editing()
    outside["steps"][0] = shell("echo more >> kb/doc.md; echo x > kb/other.md")
    before = contents(bench.folder)
    ran = stopped(bench.run(outside))
    assert ran.failed == ("rollback-proof", "SCOPE_VIOLATED")
    assert "kb/other.md" in ran.log["rollback-proof"]["reason"]
    assert ran.document("forbidden-surface-proof.json")["outside_scope"] == ["kb/other.md"]
    assert contents(bench.folder) == before


@pytest.mark.parametrize(
    ("change", "script"),
    [("create", "rm kb/doc.md"), ("delete", "echo x >> kb/doc.md"), ("create", "chmod 755 kb/*")],
)
def test_a_surface_allows_its_one_kind_of_change(bench, change, script):
    """A scope that lets a path be created lets nobody delete it."""
    bench.write("kb/doc.md", "doc\n")
    row = {"id": "DOC", "path": "kb/**", "change": change}
    sources = [{"source": "kb", "at": "kb"}]
    ran = stopped(bench.run(lane(workspace=sources, allowed=[row], steps=[shell(script)])))
    assert ran.failed == ("rollback-proof", "SCOPE_VIOLATED")


def forbidding(script: str) -> dict:
    surface = {
        "id": "F1",
        "surface_class": "secrets",
        "name": "secrets",
        "paths": ["secrets/**", "**/.env"],
    }
    return lane(forbidden=[surface], steps=[shell("echo hello > greeting.txt; " + script)])


def test_a_forbidden_path_that_was_touched_is_violated(bench):
    """The proof names the verdict, and the header answers with it."""
    ran = stopped(bench.run(forbidding("mkdir secrets; echo x > secrets/key")))
    proof = ran.document("forbidden-surface-proof.json")
    assert [row["verdict"] for row in proof["surfaces"]] == ["VIOLATED"]
    assert proof["any_forbidden_surface_attempted"] == "true"
    assert ran.failed == ("rollback-proof", "SCOPE_VIOLATED")


def test_where_a_step_hid_something_no_path_is_called_untouched(bench):
    """Below a folder that is too deep nobody looked: the word is UNKNOWN."""
    clean = bench.run(forbidding("true"))
    proof = clean.document("forbidden-surface-proof.json")
    assert [row["verdict"] for row in proof["surfaces"]] == ["UNTOUCHED"]
    deep = "d=a; for i in $(seq 40); do d=$d/a; done; mkdir -p $d; echo x > $d/.env"
    proof = stopped(bench.run(forbidding(deep))).document("forbidden-surface-proof.json")
    assert [row["verdict"] for row in proof["surfaces"]] == ["UNKNOWN"]


def test_a_pin_that_a_step_changes_stops_the_lane(bench):
    """Even where a careless scope would have let it: the review says so too."""
    bench.write("kb/pin.md", "pinned\n")
    pin = {"name": "P", "path": "kb/pin.md", "rule": "full-normalized-content"}
    ran = stopped(
        bench.run(
            lane(
                workspace=[{"source": "kb", "at": "kb"}],
                pins=[pin | {"digest": digest("pinned\n")}],
                steps=[shell("echo x > greeting.txt; echo y >> kb/pin.md")],
            )
        )
    )
    assert ran.failed[0] == "rollback-proof"
    assert [row["intact"] for row in ran.document("pins.json")["pins"]] == [False]
    checks = ran.document("post-execution-review.json")["checks"]
    assert checks[6]["result"] == "FAIL"


def test_a_pin_that_changed_although_nothing_else_did_is_its_own_code(bench, monkeypatch):
    """The scope is checked first; were it blind, the pin would still stop the lane."""
    bench.write("kb/pin.md", "pinned\n")
    pin = {"name": "P", "path": "kb/pin.md", "rule": "full-normalized-content"}
    for module in ("services.staging", "verify.observed"):
        name = f"greenlight.{module}.covering_surface"
        monkeypatch.setattr(name, lambda *_, **__: "GREETING")
    wanted = lane(
        workspace=[{"source": "kb", "at": "kb"}],
        pins=[pin | {"digest": digest("pinned\n")}],
        steps=[shell("echo x > greeting.txt; echo y >> kb/pin.md")],
    )
    assert stopped(bench.run(wanted)).failed == ("rollback-proof", "PIN_CHANGED")


# --- hostile workspaces -----------------------------------------------------

DEEP = "d=out; for i in $(seq 30); do d=$d/a; done; mkdir -p $d; echo x > $d/f"
HOSTILE = {
    "a name that is not UTF-8": (r"echo x > $(printf 'out/a\377b')", r"out/a\xffb (PATH_NOT_UTF8)"),
    "a control character": (r"echo x > $(printf 'out/a\033b')", r"out/a\x1bb (PATH_CONTROL)"),
    "a fifo": ("mkfifo out/f", "out/f (FILE_TYPE_REFUSED)"),
    "a folder of git": ("mkdir out/.git; echo x > out/.git/config", "out/.git (PATH_DOTGIT)"),
    "a device name": ("echo x > out/aux", "out/aux (PATH_WINDOWS)"),
    "two names for one": ("echo x > out/a; echo x > out/A", "out/a (PATH_COLLISION)"),
    "too deep for a packet": (DEEP, "out/" + "a/" * 30 + "f (PATH_TOO_DEEP)"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_no_packet_can_hold_stops_the_lane_and_is_named(bench, name):
    """Although the scope allows the folder: the evidence could not be kept."""
    script, said = HOSTILE[name]
    ran = stopped(bench.run(lane(allowed=[OUT], steps=[shell("mkdir out; " + script)])))
    assert ran.failed == ("rollback-proof", "SCOPE_VIOLATED")
    assert said in refused_names(ran)


def test_a_link_out_of_the_workspace_is_not_followed(bench):
    """It is a change like any other, and named with where it points."""
    target = bench.folder / "precious"
    target.write_text("precious")
    ran = stopped(bench.run(lane(steps=[shell(f"ln -s {target} link; echo x > greeting.txt")])))
    assert ran.failed == ("rollback-proof", "SCOPE_VIOLATED")
    after = ran.mutations["link"]["after"]
    assert (after["kind"], after["target"]) == ("link", str(target))
    assert not any(data == b"precious" for data in ran.files.values())
    assert target.read_text() == "precious"


def test_a_long_hidden_path_is_named_by_its_digest(bench):
    """4,000 characters and more: the row of it is still one line, and the packet verifies."""
    program = """
import os
for name in ["out"] + ["x" * 250] * 16:
    os.mkdir(name)
    os.chdir(name)
os.mkfifo("f" * 70)
"""
    step = {"id": "write", "run": ["@python", "-c", f"exec({program!r})"]}
    ran = stopped(bench.run(lane(allowed=[OUT], steps=[step])))
    assert refused_names(ran)[0].startswith("\\sha256:")
    assert max(map(len, ran.mutations)) == 3 + 16 * 251 + 71


def test_a_step_that_deletes_the_whole_workspace_is_told(bench):
    """Everything is gone, the root too, and nothing is called untouched."""
    bench.write("kb/doc.md", "doc\n")
    ran = stopped(
        bench.run(
            forbidding('rm -rf "$PWD"')
            | {"workspace": [{"source": "kb", "at": "kb"}], "rollback": {"views": [VIEW]}}
        )
    )
    assert refused_names(ran) == [". (IO_FAILED)"]
    assert {path: row["change"] for path, row in ran.mutations.items()} == {
        "kb": "deleted",
        "kb/doc.md": "deleted",
    }
    proof = ran.document("forbidden-surface-proof.json")
    assert [row["verdict"] for row in proof["surfaces"]] == ["UNKNOWN"]
    assert bench.read("kb/doc.md") == "doc\n"


def test_a_root_that_became_a_link_leads_nowhere(bench, tmp_path):
    """What it points to is neither read nor changed, and nothing is concluded."""
    (tmp_path / "victim").mkdir()
    (tmp_path / "victim" / "file").write_text("theirs")
    bench.write("kb/doc.md", "doc\n")
    script = f'mv "$PWD" "$TMPDIR/away"; ln -s {tmp_path}/victim "$PWD"'
    pin = {"name": "P", "path": "kb/doc.md", "rule": "full-normalized-content"}
    ran = stopped(
        bench.run(
            lane(
                workspace=[{"source": "kb", "at": "kb"}],
                pins=[pin | {"digest": digest("doc\n")}],
                steps=[shell(script)],
            )
        )
    )
    assert refused_names(ran) == [". (IO_FAILED)"]
    assert [row["after"] for row in ran.document("pins.json")["pins"]] == [""]
    assert contents(tmp_path / "victim") == {"file": contents(tmp_path / "victim")["file"]}
    assert (tmp_path / "victim" / "file").read_text() == "theirs"


def test_more_changes_than_a_document_holds_stop_the_lane(bench, monkeypatch):
    """Nobody knows what changed then: nothing is claimed, and the packet says why."""
    monkeypatch.setattr(looking, "MAX_DOCUMENT_BYTES", 20_000)
    many = lane(allowed=[OUT], steps=[shell("mkdir out; cd out; touch $(seq 20)")])
    ran = stopped(bench.run(many))
    assert refused_names(ran) == [". (LIMIT_EXCEEDED)"]
    assert ran.mutations == {}


def test_ten_thousand_changes_fit_their_documents(bench):
    """The limit is not met by what people do."""
    rows = [looking.row_bytes(change) for change in some_changes(10_000)]
    assert sum(rows) < looking.MAX_DOCUMENT_BYTES
    many = lane(allowed=[OUT], steps=[shell("mkdir out; cd out; touch $(seq 300)")])
    ran = bench.run(many)
    assert ran.status == "APPLIED_NOT_CLEAN"
    longest = max(len(ran.files[name]) for name in ("outcomes.json", "rollback-proof.json"))
    # What is reckoned for a change is more than what the largest document takes for it.
    assert longest / 301 < min(rows)


def some_changes(count):
    after = FileState("file", "0644", 0, digest(b""))
    return [Mutation(f"out/{number}", "created", ABSENT, after) for number in range(count)]


@pytest.mark.parametrize("mode", ["000", "500"])
def test_folders_that_a_step_closes_are_seen_and_removed(bench, mode):
    """As root nothing is closed; the workspace is gone afterwards in any case."""
    script = f"mkdir -p out/d; echo x > out/d/f; chmod {mode} out/d"
    ran = bench.run(lane(allowed=[OUT], steps=[shell(script)]))
    assert ran.mutations["out/d"]["after"]["mode"] == f"0{mode}"
    if os.geteuid() == 0:
        assert ran.status == "APPLIED_NOT_CLEAN"
    assert list(bench.rooms.iterdir()) == []


WRITER = """
import os, sys, time
file = os.open("greeting.txt", os.O_RDWR | os.O_CREAT)
os.ftruncate(file, 50_000_000)  # long enough to read that the clock of the file system goes on
ready, go = os.pipe()
if os.fork():
    os.close(go)
    os.read(ready, 1)  # not before the other has left the group, which dies with this one
else:
    os.setsid()
    for stream in range(3):
        os.dup2(os.open(os.devnull, os.O_RDWR), stream)
    os.pwrite(file, b"x", 0)
    os.close(go)
    end = time.monotonic() + 60
    while time.monotonic() < end and not os.path.exists(sys.argv[1]):
        os.pwrite(file, b"x", 0)
"""


def test_a_file_that_changes_while_it_is_looked_at_proves_nothing(bench, tmp_path):
    """A daemon that writes on: no digest is claimed for what it writes, and the lane stops."""
    stop = tmp_path / "stop"
    step = {"id": "write", "run": ["@python", "-c", f"exec({WRITER!r})", str(stop)]}
    try:
        ran = stopped(bench.run(lane(steps=[step])))
    finally:
        stop.touch()
    assert refused_names(ran) == ["greeting.txt (FILE_CHANGED)"]
    assert ran.mutations["greeting.txt"]["after"]["digest"] == ""


def test_a_file_that_changed_since_it_was_hashed_is_not_kept(bench, monkeypatch):
    """Its bytes would not be what the snapshot says of them."""
    monkeypatch.setattr(looking, "read_file", lambda *_: replace(GATHERED, data=b"other"))
    ran = stopped(bench.run(lane()))
    assert refused_names(ran) == ["greeting.txt (FILE_CHANGED)"]
    assert "artifacts/outputs/greeting.txt" not in ran.files


GATHERED = looking.read_file(Path(__file__).parent, Path(__file__).name)


def test_what_cannot_be_removed_does_not_cost_the_evidence(bench, monkeypatch):
    """A daemon that makes files on and on: the packet is sealed, and the rest is named."""

    class Sticky(Workspace):
        def remove(self):
            return (*super().remove(), "root/f: busy")

    monkeypatch.setattr(run_module, "Workspace", Sticky)
    ran = bench.run(lane())
    assert ran.status == "APPLIED_NOT_CLEAN"
    assert ran.result.left == ("root/f: busy",)


def test_a_workspace_that_cannot_be_filled_is_told(bench, monkeypatch):
    """The run was opened, so its packet says that no step of it ran, and why."""
    bench.write("kb/doc.md", "doc\n")

    def full(*_):
        raise StoreError(Code.IO_NOSPACE, "no space left on device")

    monkeypatch.setattr(Workspace, "populate", full)
    ran = stopped(bench.run(editing()))
    assert ran.failed == ("preflight", "IO_NOSPACE")
    assert ran.states["write"] == "not_reached"
    assert (ran.mutations, refused_names(ran)) == ({}, [])


# --- rollback ---------------------------------------------------------------

VIEW = {"id": "doc", "run": ["cat", "kb/doc.md"]}


def undoing(undo: str, **rollback) -> dict:
    """A lane that changes a document, and takes it back with a script of its own."""
    wanted = editing(undo="run")
    wanted["allowed"][0]["path"] = "kb/**"
    steps = [{"id": "undo", "run": ["sh", "-c", undo]}]
    return wanted | {"rollback": {"steps": steps} | rollback}


def test_an_undo_that_restores_lets_the_lane_go_on(bench):
    """Byte for byte, and the view prints the same as before."""
    bench.write("kb/doc.md", "doc\n")
    ran = bench.run(undoing("echo doc > kb/doc.md", views=[VIEW]))
    assert ran.status == "APPLIED_NOT_CLEAN"
    view = ran.document("rollback-proof.json")["views"][0]
    assert view["before"] == view["restored"] != view["applied"]
    assert bench.read("kb/doc.md") == "doc\nmore\n"


@pytest.mark.parametrize(
    ("undo", "code"),
    [
        ("true", Code.ROLLBACK_DID_NOT_RESTORE),
        ("echo doC > kb/doc.md", Code.ROLLBACK_DID_NOT_RESTORE),
        ("echo doc > kb/doc.md; chmod 600 kb/doc.md", Code.ROLLBACK_DID_NOT_RESTORE),
        ("rm kb/doc.md; ln -s other kb/doc.md", Code.ROLLBACK_DID_NOT_RESTORE),
        ("rm kb/doc.md", Code.ROLLBACK_DID_NOT_RESTORE),
        ("echo doc > kb/doc.md; echo x > kb/left", Code.ROLLBACK_TREE_NOT_RESTORED),
        ("echo doc > kb/doc.md; mkdir kb/left", Code.ROLLBACK_TREE_NOT_RESTORED),
        ("echo doc > kb/doc.md; chmod 700 kb", Code.ROLLBACK_TREE_NOT_RESTORED),
        ("echo doc > kb/doc.md; exit 1", Code.ROLLBACK_DID_NOT_RESTORE),
        ("echo doc > kb/doc.md; (setsid sleep 5 &); sleep 0.1", Code.ROLLBACK_DID_NOT_RESTORE),
        ('rm -rf "$PWD"', Code.IO_FAILED),
    ],
    ids=str,
)
def test_an_undo_that_does_not_restore_stops_before_publication(bench, undo, code):
    """One byte, a mode, a file left over, another kind, a failing command: nothing leaves."""
    bench.write("kb/doc.md", "doc\n")
    ran = stopped(bench.run(undoing(undo)))
    assert ran.failed == ("rollback-proof", str(code))
    assert bench.read("kb/doc.md") == "doc\n"


def test_a_lane_that_changes_nothing_proves_nothing(bench):
    """An empty rollback proof is none."""
    ran = stopped(bench.run(lane(steps=[shell("true")])))
    assert ran.failed == ("rollback-proof", "ROLLBACK_NO_MUTATION")
    assert ran.document("rollback-gate.json")["result"] == "UNKNOWN"


@pytest.mark.parametrize(
    ("view", "code"),
    [
        (["sh", "-c", "date +%N"], Code.ROLLBACK_DID_NOT_RESTORE),
        (["cat", "no-such-file"], Code.ROLLBACK_DID_NOT_RESTORE),
        (["no-such-program"], Code.ROLLBACK_DID_NOT_RESTORE),
        (["echo", "always the same"], Code.ROLLBACK_APPLY_DID_NOT_MUTATE),
    ],
    ids=str,
)
def test_views_that_do_not_show_the_change_and_its_undoing_stop_the_lane(bench, view, code):
    """A view differs once applied, and not when restored; one that fails shows nothing."""
    views = {"views": [{"id": "view", "run": view}]}
    ran = stopped(bench.run(lane(rollback=views)))
    assert ran.failed == ("rollback-proof", str(code))


# --- publication ------------------------------------------------------------


def test_a_published_change_is_read_back_and_keeps_its_mode(bench):
    """The target has a mode of its own, which a change of content leaves alone."""
    bench.write("kb/doc.md", "doc\n", 0o640)
    bench.write("kb/other.md", "other\n")
    ran = bench.run(editing())
    assert ran.status == "APPLIED_NOT_CLEAN"
    (row,) = ran.published
    assert (row["step"], row["path"], row["change"]) == ("publish", "kb/doc.md", "modify")
    assert row["read_back"] == row["published"]
    assert row["read_back"]["digest"] == digest("doc\nmore\n")
    assert row["read_back"]["mode"] == row["before"]["mode"] == "0640"
    assert (bench.folder / "kb/doc.md").stat().st_mode & 0o7777 == 0o640
    assert bench.read("kb/other.md") == "other\n"
    (call,) = ran.document("outcomes.json")["tool_calls"]
    assert (call["step"], call["tool"], call["target"]) == (
        "publish",
        "upload_document",
        "kb/doc.md",
    )


def test_a_mode_that_a_step_changes_is_published(bench):
    """It is a change like any other."""
    bench.write("kb/doc.md", "doc\n", 0o640)
    wanted = editing()
    wanted["steps"][0] = shell("chmod 755 kb/doc.md")
    assert bench.run(wanted).status == "APPLIED_NOT_CLEAN"
    assert (bench.folder / "kb/doc.md").stat().st_mode & 0o7777 == 0o755


def creating(document: str = "") -> dict:
    """A lane that creates kb/new/doc.md and publishes it."""
    row = {"id": "NEW", "path": "kb/new/doc.md", "change": "create", "undo": "delete"}
    step = {"id": "publish", "builtin": "publish", "touches": ["NEW"]}
    script = shell("mkdir kb/new; echo new > kb/new/doc.md")
    return lane(
        workspace=[{"source": "kb", "at": "kb"}],
        allowed=[row | {"publish": True}],
        tools=["upload_document"],
        steps=[step | {"document": document}] if document else [script, step],
    )


@pytest.mark.parametrize("document", ["", "documents/new.md"])
def test_a_created_file_is_published_with_its_folder(bench, document):
    """By a step that made it, or as a document beside the lane file."""
    bench.write("kb/doc.md", "doc\n")
    bench.write("documents/new.md", "new\n")
    ran = bench.run(creating(document))
    assert ran.status == "APPLIED_NOT_CLEAN"
    assert bench.read("kb/new/doc.md") == "new\n"
    assert {path: row["change"] for path, row in ran.mutations.items()} == {
        "kb/new": "created",
        "kb/new/doc.md": "created",
    }


def test_a_deleted_file_is_deleted_where_it_came_from(bench):
    """And the packet keeps what it was."""
    bench.write("kb/doc.md", "doc\n")
    bench.write("kb/other.md", "other\n")
    wanted = editing("delete")
    wanted["steps"][0] = shell("rm kb/doc.md")
    ran = bench.run(wanted)
    assert ran.status == "APPLIED_NOT_CLEAN"
    assert not (bench.folder / "kb/doc.md").exists()
    assert ran.published[0]["read_back"]["kind"] == "absent"
    assert ran.files["artifacts/workspace/kb/doc.md"] == b"doc\n"


def test_what_appeared_meanwhile_is_not_overwritten(bench):
    """A create-only target that somebody made while the lane ran stays theirs."""
    bench.write("kb/doc.md", "doc\n")

    def meanwhile(step):
        if step == "publish":
            bench.write("kb/new/doc.md", "theirs")

    ran = stopped(bench.run(creating(), on_step=meanwhile))
    assert ran.failed == ("publish", "SURFACE_EXISTS")
    assert bench.read("kb/new/doc.md") == "theirs"
    assert ran.states["review"] == "not_reached"


@pytest.mark.parametrize("at", ["write", "probes", "publish"])
@pytest.mark.parametrize("theirs", ["theirs", None, "mode"])
def test_what_changed_meanwhile_is_not_overwritten(bench, at, theirs):
    """Whenever somebody changed, deleted or closed the target: PUBLICATION_REFUSED."""
    bench.write("kb/doc.md", "doc\n")
    target = bench.folder / "kb/doc.md"

    def meanwhile(step):
        if step == at and theirs == "mode":
            target.chmod(0o600)
        elif step == at and theirs:
            target.write_text(theirs)
        elif step == at:
            target.unlink()

    ran = stopped(bench.run(editing(), on_step=meanwhile))
    assert ran.failed == ("publish", "PUBLICATION_REFUSED")
    assert [row["code"] for row in ran.published] == ["PUBLICATION_REFUSED"]
    assert not target.exists() if theirs is None else "more" not in target.read_text()


@pytest.mark.parametrize("script", ["ln -s /etc/passwd kb/doc.md", "mkdir kb/doc.md"])
def test_a_file_that_became_something_else_is_not_published(bench, script):
    """A link or folder in its place would have emptied the target."""
    bench.write("kb/doc.md", "doc\n")
    wanted = editing()
    wanted["steps"][0] = shell("rm kb/doc.md; " + script)
    ran = stopped(bench.run(wanted))
    assert ran.failed == ("publish", "PUBLICATION_REFUSED")
    assert bench.read("kb/doc.md") == "doc\n"


def test_after_a_refused_file_no_other_of_its_surface_leaves(bench):
    """The first failure ends the run, within a step too."""
    for name in "abc":
        bench.write(f"kb/{name}", "old\n")
    wanted = editing(path="kb/*")
    wanted["steps"][0] = shell("for f in kb/*; do echo new > $f; done")

    def meanwhile(step):
        if step == "publish":
            bench.write("kb/b", "theirs")

    ran = bench.run(wanted, on_step=meanwhile)
    assert (ran.verdict.integrity, ran.status) == (Integrity.INTACT, "STOPPED")
    assert [(row["path"], row["code"]) for row in ran.published] == [
        ("kb/a", ""),
        ("kb/b", "PUBLICATION_REFUSED"),
    ]
    assert [bench.read(f"kb/{name}") for name in "abc"] == ["new\n", "theirs", "old\n"]


def test_a_link_in_a_published_surface_is_refused(bench):
    """It would leave the workspace and point anywhere; passing it over would claim too much."""
    wanted = creating()
    wanted["steps"][0] = shell("mkdir kb/new; ln -s /etc/passwd kb/new/doc.md")
    bench.write("kb/doc.md", "doc\n")
    ran = bench.run(wanted)
    assert (ran.verdict.report.findings, ran.status) == ((), "STOPPED")
    assert ran.failed == ("publish", "PUBLICATION_REFUSED")
    assert not (bench.folder / "kb/new").exists()


def test_surfaces_over_one_path_publish_what_each_of_them_covers(bench):
    """One lets files be created, one changed, one deleted; all of it leaves."""
    bench.write("kb/a", "old\n")
    bench.write("kb/b", "old\n")
    words = ("create", "modify", "delete")
    rows = [{"id": word, "path": "kb/**", "change": word, "publish": True} for word in words]
    steps = [{"id": f"p-{word}", "builtin": "publish", "touches": [word]} for word in words]
    script = shell("echo new > kb/a; rm kb/b; echo new > kb/c")
    sources = [{"source": "kb", "at": "kb"}]
    tools = ["upload_document"]
    ran = bench.run(lane(workspace=sources, allowed=rows, tools=tools, steps=[script, *steps]))
    assert (ran.verdict.report.findings, ran.status) == ((), "APPLIED_NOT_CLEAN")
    assert [(row["step"], row["path"]) for row in ran.published] == [
        ("p-create", "kb/c"),
        ("p-modify", "kb/a"),
        ("p-delete", "kb/b"),
    ]
    left = {path.name: path.read_text() for path in (bench.folder / "kb").iterdir()}
    assert left == {"a": "new\n", "c": "new\n"}


def test_what_was_read_back_differently_is_not_published(bench, monkeypatch):
    """A disk that gives other bytes than it took stops the lane."""

    def lying(*arguments, **more):
        done = real(*arguments, **more)
        return replace(done, read_back=replace(done.read_back, digest=digest("other")))

    real = publishing.publish_file
    monkeypatch.setattr(publishing, "publish_file", lying)
    bench.write("kb/doc.md", "doc\n")
    assert stopped(bench.run(editing())).failed == ("publish", "PUBLICATION_DIFFERS")


def test_a_target_outside_the_sources_is_nowhere(bench):
    """A file that the workspace did not come with has no place to be published to."""
    row = GREETING | {"publish": True}
    steps = [
        shell("echo hello > greeting.txt"),
        {"id": "publish", "builtin": "publish", "touches": ["GREETING"]},
    ]
    ran = stopped(bench.run(lane(allowed=[row], tools=["upload_document"], steps=steps)))
    assert ran.failed == ("publish", "PUBLICATION_REFUSED")
    assert not (bench.folder / "greeting.txt").exists()


def test_nothing_leaves_where_the_gate_fails(bench, monkeypatch):
    """A validator that passes everything is caught by the fabricated evidence."""
    bench.write("kb/doc.md", "doc\n")
    monkeypatch.setattr("greenlight.verify.gate.verify_rollback", lambda *_: [])
    monkeypatch.setattr(execute, "verify_rollback", lambda *_: [])
    ran = bench.run(editing())
    monkeypatch.undo()
    assert ran.failed == ("gate", "GATE_NOT_PROVEN")
    assert ran.status == "STOPPED"
    assert bench.read("kb/doc.md") == "doc\n"


def test_nothing_leaves_where_the_machine_fails_in_the_undo(bench):
    """The proof is then missing, and the packet says what the system said."""

    class Failing(Unconfined):
        def run(self, spec, workspace):
            if spec.argv[0] == "undo":
                raise StoreError(Code.IO_FAILED, "cannot start a process")
            return super().run(spec, workspace)

    bench.write("kb/doc.md", "doc\n")
    bench.confinement = Failing()
    wanted = undoing("true")
    wanted["rollback"]["steps"][0]["run"] = ["undo"]
    ran = stopped(bench.run(wanted))
    assert ran.failed == ("rollback-proof", "IO_FAILED")
    assert ran.document("rollback-proof.json")["reached"] is False
    assert bench.read("kb/doc.md") == "doc\n"


# --- sizes and formats ------------------------------------------------------


def test_a_big_file_is_kept_and_published(bench):
    """20 MB of it, through workspace, packet and target."""
    bench.write("kb/doc.md", os.urandom(20_000_000))
    ran = bench.run(editing())
    assert (ran.verdict.integrity, ran.status) == (Integrity.INTACT, "APPLIED_NOT_CLEAN")
    assert len(ran.files["artifacts/outputs/kb/doc.md"]) == 20_000_005
    assert (bench.folder / "kb/doc.md").stat().st_size == 20_000_005


def test_folders_come_and_go_with_their_files(bench):
    """A folder is created, another deleted, and both are brought back in the proof."""
    bench.write("kb/old/doc.md", "old\n")
    wanted = lane(
        workspace=[{"source": "kb", "at": "kb"}],
        allowed=[
            {"id": "NEW", "path": "kb/new/a/doc.md", "change": "create", "undo": "delete"},
            {"id": "OLD", "path": "kb/old/doc.md", "change": "delete"},
        ],
        steps=[shell("mkdir -p kb/new/a; echo x > kb/new/a/doc.md; rm -r kb/old")],
    )
    ran = bench.run(wanted)
    assert ran.status == "APPLIED_NOT_CLEAN"
    assert {path: row["surface"] for path, row in ran.mutations.items()} == {
        "kb/new": "NEW",
        "kb/new/a": "NEW",
        "kb/new/a/doc.md": "NEW",
        "kb/old": "OLD",
        "kb/old/doc.md": "OLD",
    }
    proof = ran.document("rollback-proof.json")
    assert proof["before"] == proof["restored"]


def test_a_lane_runs_in_a_repository_of_the_other_format(tmp_path):
    """SHA-1 is storage: packet tree and verdict do not know of it."""
    bench = Bench.make(tmp_path, object_format="sha1")
    with bench.store:
        ran = bench.run(lane())
        assert (ran.verdict.integrity, ran.status) == (Integrity.INTACT, "APPLIED_NOT_CLEAN")


def test_a_step_gets_the_environment_that_the_lane_allows(bench):
    """Nothing else of the caller's reaches it, and the packet lists the names."""
    bench.variables = {"ALLOWED": "one", "HIDDEN": "two"}
    rules = {"allow": ["ALLOWED", "ABSENT"], "set": [{"name": "SET", "content": "three"}]}
    ran = bench.run(lane(environment=rules, steps=[shell("env | sort; echo x > greeting.txt")]))
    output = ran.files["artifacts/steps/write/stdout"].decode()
    assert "ALLOWED=one\n" in output
    assert "SET=three\n" in output
    assert "HIDDEN" not in output
    assert {"ALLOWED", "SET"} <= set(ran.document("environment.json")["variables"])


def test_python_is_the_interpreter_that_runs_greenlight(bench):
    """`@python` names no path, so that a packet replays elsewhere."""
    program = "import sys; open('greeting.txt', 'w').write(sys.executable)"
    ran = bench.run(lane(steps=[{"id": "write", "run": ["@python", "-c", program]}]))
    assert ran.files["artifacts/outputs/greeting.txt"].decode() == sys.executable


def test_a_tool_operation_that_a_step_calls_is_recorded(bench):
    """Also one that touches no surface."""
    steps = [shell("echo x > greeting.txt", tool="make_document")]
    ran = bench.run(lane(tools=["make_document"], steps=steps))
    assert ran.status == "APPLIED_NOT_CLEAN"
    (call,) = ran.document("outcomes.json")["tool_calls"]
    assert (call["number"], call["tool"], call["decision"]) == (1, "make_document", "allowed")


def test_the_plan_writes_nothing(bench):
    """It examines the request as a run does."""
    before = contents(bench.store.git_dir)
    assert bench.plan(lane()).findings == ()
    assert contents(bench.store.git_dir) == before


def test_a_run_tells_its_steps_as_they_begin(bench):
    """For the progress that the command line shows."""
    told = []
    bench.run(lane(), on_step=told.append)
    assert told == ["preflight", "write", "rollback-proof", "gate", "probes", "review"]


def test_the_run_module_still_sweeps_before_it_opens(bench, monkeypatch):
    """A parent that cannot be read is said before anything is written."""

    def unreadable(_parent):
        raise StoreError(Code.IO_FAILED, "permission denied")

    monkeypatch.setattr(run_module, "sweep", unreadable)
    before = contents(bench.store.git_dir)
    with pytest.raises(StoreError, match="permission denied"):
        bench.run(lane())
    assert contents(bench.store.git_dir) == before
