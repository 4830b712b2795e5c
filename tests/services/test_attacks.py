"""Attacks on whole stores, folders and runs: shelves that lie, names that lead out, odd lanes."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from greenlight.codes import Code
from greenlight.errors import GreenlightError, MalformedError, RefusedError, StoreError
from greenlight.execution import packet_folder
from greenlight.execution.packet_folder import read_folder
from greenlight.execution.undo import put_back
from greenlight.ledger.append import AUTHOR
from greenlight.model.kinds import RunOpened
from greenlight.model.packet import is_text
from greenlight.model.snapshot import ABSENT, FileState
from greenlight.services import opening
from greenlight.services.checkout import checkout
from greenlight.services.packets import locate, locate_tree
from greenlight.services.rerun import ReplayRoom, rerun_packet
from greenlight.services.verifying import Integrity, Trust, verify_located
from greenlight.store.shelf import shelve
from tests.lanes_helper import Bench, digest, editing, lane, shell

FOLDER = FileState("directory", "0777")


def test_an_intact_packet_does_not_answer_for_another_one(bench: Bench) -> None:
    """Who can push to a shelf cannot put a good packet under the name of another one."""
    good = bench.run(lane())
    asked, other = "sha256:" + "ab" * 32, f"greet-{uuid.uuid4()}"
    commit = good.result.sealed.commit
    shelve(
        bench.store, commit, packet_tree=asked, packet_id=other, author=AUTHOR, time=bench.clock()
    )
    for name in (asked, asked[:20], other):
        with pytest.raises(MalformedError) as caught:
            locate(bench.store, name)
        assert caught.value.code is Code.SHELF_MALFORMED


def test_a_lineage_is_looked_up_in_the_store_alone(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that is called as the tree, where the user stands, is no packet of the store."""
    ran = bench.run(lane())
    tree = ran.result.sealed.packet_tree
    checkout(ran.located, tmp_path / tree, store=bench.store)
    monkeypatch.chdir(tmp_path)
    assert locate(bench.store, tree).commit == ""
    assert locate_tree(bench.store, tree).commit == ran.result.sealed.commit
    with pytest.raises(GreenlightError) as caught:
        locate_tree(None, tree)
    assert caught.value.code is Code.PACKET_UNKNOWN


def test_tickets_that_were_never_claimed_are_not_reserved(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that was opened without the tickets that its packet reserves is found."""
    bench.write("kb/registry.json", "[]")
    wanted = lane(
        workspace=[{"source": "kb", "at": "kb"}],
        tickets={
            "prefix": "TKT",
            "first": 5,
            "last": 6,
            "ceiling": 4,
            "registry": ["kb/registry.json"],
        },
    )
    honest = opening._body  # noqa: SLF001 - what is recorded, before it is signed

    def without(*arguments: Any) -> RunOpened:
        return replace(honest(*arguments), tickets=())

    monkeypatch.setattr(opening, "_body", without)
    verdict = bench.run(wanted).verdict
    assert verdict.integrity is Integrity.REJECTED
    assert Code.TICKET_COLLISION in verdict.report.codes
    monkeypatch.undo()
    assert bench.run(wanted).verdict.integrity is Integrity.INTACT


@pytest.mark.parametrize(
    ("field", "lie"), [("trust_root", digest("another")), ("role", "president")]
)
def test_the_authority_lock_says_what_the_ledger_does(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, field: str, lie: str
) -> None:
    """Neither the trust root nor the roles of the chain are the executor's to choose."""
    honest = opening._lock  # noqa: SLF001 - what is written down of it

    def lying(*arguments: Any, **more: Any) -> object:
        lock = honest(*arguments, **more)
        if field == "role":
            return replace(lock, chain=(replace(lock.chain[0], giver_role=lie),))
        return replace(lock, **{field: lie})

    monkeypatch.setattr(opening, "_lock", lying)
    verdict = bench.run(lane()).verdict
    assert set(verdict.report.codes) == {Code.AUTHORITY_MISMATCH}


def test_a_run_began_when_the_ledger_says(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A packet cannot date its run earlier than the record that opened it."""

    def earlier(*arguments: Any, **more: Any) -> opening.Opened:
        opened = opening.open_run(*arguments, **more)
        return replace(opened, at=opened.at - timedelta(hours=1))

    bench.grant("always", not_before="")
    monkeypatch.setattr("greenlight.services.run.open_run", earlier)
    verdict = bench.run(lane(), grant="always").verdict
    assert set(verdict.report.codes) == {Code.RUN_NOT_OPENED}


def test_a_surface_does_not_publish_what_another_one_covers(bench: Bench) -> None:
    """A file that a step deleted under its own surface is not emptied by a publication."""
    bench.write("kb/doc.md", "one\n")
    bench.write("kb/old.md", "precious\n")
    wanted = editing(path="kb/*")
    wanted["allowed"].append({"id": "OLD", "path": "kb/old.md", "change": "delete"})
    wanted["steps"][0] = shell("echo more >> kb/doc.md; rm kb/old.md", touches=["DOC", "OLD"])
    ran = bench.run(wanted)
    assert ran.verdict.integrity is Integrity.INTACT
    assert [row["path"] for row in ran.published] == ["kb/doc.md"]
    assert bench.read("kb/old.md") == "precious\n"


def test_what_stands_in_an_inner_source_goes_back_there(bench: Bench) -> None:
    """Where one source stands within another, a change is published to the inner one's place."""
    bench.write("kb/doc.md", "outer\n")
    bench.write("inner/doc.md", "inner\n")
    row = {"id": "DOC", "path": "kb/sub/new.md", "change": "create", "publish": True}
    wanted = lane(
        workspace=[{"source": "kb", "at": "kb"}, {"source": "inner", "at": "kb/sub"}],
        allowed=[row],
        tools=["upload_document"],
        steps=[
            shell("echo new > kb/sub/new.md", touches=["DOC"]),
            {"id": "publish", "builtin": "publish", "touches": ["DOC"]},
        ],
    )
    ran = bench.run(wanted)
    assert ran.failed == ("", "")
    assert bench.read("inner/new.md") == "new\n"
    assert not (bench.folder / "kb/sub").exists()


def test_publishing_is_an_operation_that_a_grant_covers(bench: Bench) -> None:
    """A grant of no tool operation lets nothing leave the workspace."""
    bench.write("kb/doc.md", "one\n")
    bench.grant("no-tools", operations=())
    with pytest.raises(RefusedError) as caught:
        bench.run(editing(), grant="no-tools")
    assert caught.value.code is Code.TOOL_NOT_ALLOWED


@pytest.mark.parametrize("path", ["..", "../out", "kb/../../out", "./x", "kb//x"])
def test_nothing_is_put_back_outside(tmp_path: Path, path: str) -> None:
    """A path with dots is refused by whoever would write there, whoever named it."""
    root = tmp_path / "root"
    root.mkdir()
    for state, data in ((FOLDER, None), (FileState("file", "0644"), b"x"), (ABSENT, None)):
        with pytest.raises(StoreError) as caught:
            put_back(root, path, state, data)
        assert caught.value.code is Code.PATH_DOTS
    assert list(tmp_path.rglob("*")) == [root]


def test_two_inputs_of_one_name_are_two(bench: Bench) -> None:
    """A replay finds each input by its path: names are for people."""
    for name in ("a", "b"):
        bench.write(f"inputs/{name}.txt", name)
    wanted = lane(
        inputs=[
            {"name": "I", "kind": "file", "path": f"inputs/{n}.txt", "digest": digest(n)}
            for n in ("a", "b")
        ]
    )
    ran = bench.run(wanted)
    room = ReplayRoom(bench.confinement, bench.clock, {}, bench.rooms)
    assert rerun_packet(ran.located, ran.verdict, room).report.clean


def test_texts_without_end_are_not_kept(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Documents, seal and ledger beyond their limit are findings, and take no memory."""
    ran = bench.run(lane())
    checkout(ran.located, tmp_path / "out", store=bench.store)
    monkeypatch.setattr(packet_folder, "MAX_TEXT_BYTES", 1000)
    found = read_folder(tmp_path / "out", is_text)
    assert {finding.code for finding in found.packet.refused} == {Code.LIMIT_EXCEEDED}
    verdict = verify_located(locate(None, str(tmp_path / "out")), Trust(unsigned_ok=True))
    assert verdict.integrity is Integrity.REJECTED


def masking(bench: Bench, value: str) -> dict[str, Any]:
    """The lane that edits and publishes, given a secret of this value."""
    bench.write("kb/doc.md", "one\n")
    bench.variables = {"API_TOKEN": value}
    return editing() | {"environment": {"allow": ["API_TOKEN"], "masked": ["API_TOKEN"]}}


@pytest.mark.parametrize("word", ["forbidden", "executor", "sha256:", "DERIVED_DIFFERS"])
def test_a_secret_that_every_packet_holds_is_refused_before_the_run(
    bench: Bench, word: str
) -> None:
    """A masked value that is a word of the documents: no use is spent, nothing is published."""
    with pytest.raises(RefusedError) as caught:
        bench.run(masking(bench, word))
    assert caught.value.code is Code.SECRET_IN_EVIDENCE
    assert bench.state.runs == {}
    assert bench.read("kb/doc.md") == "one\n"


def test_nothing_is_published_that_could_not_be_sealed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Were the rehearsal blind, the search before publication would still see the documents."""
    monkeypatch.setattr("greenlight.services.run.require_sealable_words", lambda *_: None)
    with pytest.raises(RefusedError) as caught:
        bench.run(masking(bench, "forbidden"))
    assert caught.value.code is Code.SECRET_IN_EVIDENCE
    assert len(bench.state.runs) == 1
    assert bench.read("kb/doc.md") == "one\n"
