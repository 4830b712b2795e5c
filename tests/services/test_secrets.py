"""Secrets in a run: nothing is published, and what holds them is kept apart from the packet."""

from __future__ import annotations

import base64
import stat
from dataclasses import replace

import pytest

from greenlight.codes import Code
from greenlight.errors import RefusedError, StoreError
from greenlight.execution.confinement import Unconfined
from greenlight.services import withholding
from greenlight.services.verifying import Integrity
from tests.lanes_helper import Bench, Ran, all_objects, digest, editing, lane, shell

TOKEN = "ghp_" + "a1B2" * 9  # the shape of one; nobody's
VALUE = "correct horse battery"
MASKED = {"allow": ["SECRET"], "masked": ["SECRET"]}
KB = [{"source": "kb", "at": "kb"}]


def spelled(value: str) -> list[bytes]:
    """The value, and the middle of its base64, which is the same wherever it stands in a line."""
    return [value.encode(), base64.b64encode(value.encode())[:-4], value.encode().hex().encode()]


def withheld(bench: Bench, ran: Ran, *names: str, value: str = TOKEN) -> list[dict]:
    """Hold that these artifacts, and nothing of the value, are not in the store; return hits."""
    assert (ran.verdict.integrity, ran.verdict.report.findings) == (Integrity.INTACT, ())
    scan = ran.document("secret-scan.json")
    assert scan["withheld"] == sorted(names)
    assert ran.files.keys().isdisjoint(names)
    objects = all_objects(ran.store)
    assert [text for text in spelled(value) if text in objects] == []
    assert sorted(kept(bench)) == sorted(names)
    return scan["hits"]


def kept(bench: Bench) -> dict[str, bytes]:
    """What is in quarantine, by the name it had, with modes that shut everybody out."""
    where = bench.store.own_dir / "quarantine"
    found = {}
    for folder in where.iterdir() if where.exists() else ():
        for path, mode in ((where, 0o700), (folder, 0o700)):
            assert stat.S_IMODE(path.stat().st_mode) == mode
        index = (folder / "index.txt").read_text().splitlines()[1:]
        for path in folder.iterdir():
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
        found |= {
            name: (folder / number).read_bytes()
            for number, _, name in (line.partition("  ") for line in index)
        }
    return found


def publishing(script: str) -> dict:
    wanted = editing()
    wanted["steps"][0] = shell(script, touches=["DOC"])
    return wanted | {"environment": MASKED}


@pytest.mark.parametrize(
    ("script", "name"),
    [
        (f"echo more >> kb/doc.md; echo {TOKEN}", "artifacts/steps/write/stdout"),
        (f"echo more >> kb/doc.md; echo {TOKEN} >&2", "artifacts/steps/write/stderr"),
        (f"echo {TOKEN} >> kb/doc.md", "artifacts/outputs/kb/doc.md"),
    ],
)
def test_a_token_that_a_step_leaves_stops_before_publication(bench, script, name):
    """In its output, or in what it writes: withheld, quarantined, and the target is as it was."""
    bench.write("kb/doc.md", "doc\n")
    # The lane itself may not hold it, so the step puts it together.
    script = script.replace(TOKEN, f"{TOKEN[:8]}$(printf {TOKEN[8:]})")
    ran = bench.run(publishing(script))
    (hit,) = withheld(bench, ran, name)
    assert (hit["rule"], hit["path"]) == ("github-token", name)
    assert ran.status == "STOPPED"
    assert ran.failed == ("probes", "SECRET_IN_EVIDENCE")
    assert ran.states["publish"] == "not_reached"
    assert bench.read("kb/doc.md") == "doc\n"
    assert TOKEN.encode() in kept(bench)[name]


@pytest.mark.parametrize(
    "script",
    [
        "echo $SECRET",
        "printf %s $SECRET | base64",
        "printf %s \"$SECRET\" | od -An -tx1 | tr -d ' \\n'",
    ],
)
def test_a_masked_value_in_any_spelling_stops_before_publication(bench, script):
    """Plain, base64, hex: the name of the variable is said, the value nowhere."""
    bench.variables = {"SECRET": VALUE.replace(" ", "-")}
    bench.write("kb/doc.md", "doc\n")
    ran = bench.run(publishing(f"echo more >> kb/doc.md; {script}"))
    (hit,) = withheld(bench, ran, "artifacts/steps/write/stdout", value=bench.variables["SECRET"])
    assert hit["rule"] == "masked:SECRET"
    assert (ran.status, ran.failed) == ("STOPPED", ("probes", "SECRET_IN_EVIDENCE"))
    assert bench.read("kb/doc.md") == "doc\n"


def test_a_secret_of_a_step_that_fails_is_withheld_too(bench):
    """The scan is not left out where the run stops early."""
    bench.variables = {"SECRET": VALUE}
    ran = bench.run(publishing('echo "$SECRET"; exit 1') | {"workspace": []})
    (hit,) = withheld(bench, ran, "artifacts/steps/write/stdout", value=VALUE)
    assert hit["rule"] == "masked:SECRET"
    assert ran.failed == ("write", "STEP_FAILED")


@pytest.mark.parametrize(
    ("path", "name", "fields"),
    [
        (
            "in.txt",
            "artifacts/inputs/in.txt",
            {"inputs": [{"name": "i", "kind": "file", "path": "in.txt", "digest": digest(TOKEN)}]},
        ),
        ("kb/doc.md", "artifacts/workspace/kb/doc.md", {"workspace": KB}),
    ],
    ids=["input", "source"],
)
def test_a_token_that_the_lane_came_with_is_not_sealed(bench, path, name, fields):
    """Evidence outlives everybody, so an input with a secret is no evidence."""
    bench.write(path, TOKEN)
    ran = bench.run(lane(**fields))
    withheld(bench, ran, name)
    assert (ran.status, ran.failed) == ("STOPPED", ("probes", "SECRET_IN_EVIDENCE"))


def test_a_document_to_publish_with_a_token_stays(bench):
    """It is source and output at once, and neither is sealed or published."""
    bench.write("kb/doc.md", "doc\n")
    bench.write("new.md", TOKEN)
    row = {"id": "NEW", "path": "kb/new.md", "change": "create", "undo": "delete", "publish": True}
    step = {"id": "publish", "builtin": "publish", "touches": ["NEW"], "document": "new.md"}
    ran = bench.run(lane(workspace=KB, allowed=[row], tools=["upload_document"], steps=[step]))
    withheld(bench, ran, "artifacts/documents/new.md", "artifacts/outputs/kb/new.md")
    assert not (bench.folder / "kb/new.md").exists()


def test_a_value_too_short_to_search_for_is_said(bench):
    """It stands by chance in every larger file: the packet does not claim to have looked."""
    bench.variables = {"SECRET": "abc"}
    ran = bench.run(lane(environment=MASKED))
    scan = ran.document("secret-scan.json")
    assert scan["masked"] == [{"name": "SECRET", "searched": False}]
    assert scan["note"] == "too short to search for: SECRET"


def test_a_value_that_is_no_text_is_searched_for(bench):
    """The system hands over bytes: Python spells the odd ones as surrogates."""
    bench.variables = {"SECRET": "pass\udcffword"}
    ran = bench.run(lane(environment=MASKED, steps=[shell("printenv SECRET > greeting.txt")]))
    assert ran.failed == ("probes", "SECRET_IN_EVIDENCE")
    assert kept(bench) == {"artifacts/outputs/greeting.txt": b"pass\xffword\n"}
    assert b"pass\xffword" not in all_objects(ran.store)


@pytest.mark.parametrize(
    "script", ['touch "$SECRET"', 'ln -s "$SECRET" greeting.txt', 'mkdir "d-$SECRET"']
)
def test_a_secret_in_a_name_hides_the_whole_change(bench, script):
    """A name cannot be withheld alone: the packet says that nobody may know what changed."""
    bench.variables = {"SECRET": VALUE}
    ran = bench.run(lane(environment=MASKED, steps=[shell(f"echo x > f; {script}")]))
    assert (ran.verdict.integrity, ran.status) == (Integrity.INTACT, "STOPPED")
    assert ran.document("outcomes.json")["refused_names"] == [". (SECRET_IN_EVIDENCE)"]
    assert ran.mutations == {}
    assert VALUE.encode() not in all_objects(ran.store)


def test_a_secret_in_a_reason_is_withheld_there(bench):
    """What the machine says of a failure is free words: they go, and the packet names the place."""

    class Talking(Unconfined):
        def run(self, spec, workspace):
            if spec.argv[0] == "talk":
                raise StoreError(Code.IO_FAILED, f"cannot start: {TOKEN}")
            return super().run(spec, workspace)

    bench.confinement = Talking()
    ran = bench.run(lane(steps=[{"id": "write", "run": ["talk"]}]))
    hits = withheld(bench, ran)
    assert "execution-log.json" in {hit["path"] for hit in hits}
    assert ran.log["write"]["reason"] == withholding.REDACTED
    assert ran.log["write"]["code"] == "IO_FAILED"
    assert ran.document("secret-scan.json")["result"] == "FAIL"


def test_a_secret_that_only_a_later_document_shows_is_never_clean(bench, monkeypatch):
    """A run that was applied by then says APPLIED_NOT_CLEAN, and where it was found."""
    real, calls = withholding.find_in_documents, []

    def finds_once(documents, masked):
        calls.append(None)
        return ["environment.json"] if len(calls) == 1 else real(documents, masked)

    monkeypatch.setattr(withholding, "find_in_documents", finds_once)
    ran = bench.run(lane())
    assert (ran.verdict.integrity, ran.status) == (Integrity.INTACT, "APPLIED_NOT_CLEAN")
    scan = ran.document("secret-scan.json")
    assert [(hit["path"], hit["rule"]) for hit in scan["hits"]] == [
        ("environment.json", "document")
    ]
    assert ran.document("post-execution-review.json")["verdict"] == "NOT_CLEAN"


def test_a_secret_that_cannot_be_withheld_is_not_sealed(bench, monkeypatch):
    """Better no packet than one that tells: the run stays ABANDONED, its use spent."""
    monkeypatch.setattr(withholding, "find_in_documents", lambda *_: ["lineage.json"])
    with pytest.raises(RefusedError) as caught:
        bench.run(lane())
    assert caught.value.code is Code.SECRET_IN_EVIDENCE
    assert "lineage.json" in str(caught.value)
    assert [run.opened.lane for run in bench.state.abandoned()] == ["greet"]
    assert (bench.state.uses, bench.state.packets) == ({"owner-first": 1}, {})


def test_two_runs_with_secrets_keep_them_in_folders_of_their_own(bench):
    """Quarantine overwrites nothing, and says whose it is."""
    bench.variables = {"SECRET": VALUE}
    first, second = (
        bench.run(lane(environment=MASKED, steps=[shell('echo "$SECRET"')])) for _ in range(2)
    )
    folders = sorted((bench.store.own_dir / "quarantine").iterdir())
    reasons = {(folder / "index.txt").read_text().splitlines()[0] for folder in folders}
    assert reasons == {
        f"{ran.result.sealed.statement.packet_id}: a secret in evidence" for ran in (first, second)
    }


def test_a_packet_that_keeps_what_it_says_it_withheld_is_refused(bench):
    """The closing door looks once more: nothing is sealed with a hit in it."""
    bench.variables = {"SECRET": VALUE}
    ran = bench.run(lane(environment=MASKED, steps=[shell('echo "$SECRET"')]))
    evidence = ran.verdict.evidence
    scan = replace(evidence.scan, withheld=())
    artifacts = {path: data for path, data in ran.files.items() if path.startswith("artifacts/")}
    artifacts["artifacts/steps/write/stdout"] = f"{VALUE}\n".encode()
    with pytest.raises(RefusedError) as caught:
        withholding.close_packet(replace(evidence, scan=scan), ran.files["lane.yaml"], artifacts)
    assert Code.SECRET_IN_EVIDENCE in caught.value.codes
