"""The probes of a real run: through the same doors as a request, and nowhere near the store."""

from __future__ import annotations

from dataclasses import replace

import pytest

from greenlight.codes import Code
from greenlight.errors import RefusedError
from greenlight.services import admission, closing, probes
from greenlight.services.verifying import Integrity
from greenlight.verify.probe_classes import ACCEPTED, PROBES
from tests.lanes_helper import Bench, Ran, contents, editing, lane, shell


def probe_rows(ran: Ran) -> dict[int, dict]:
    return {row["number"]: row for row in ran.document("bad-input-probes.json")["probes"]}


def test_fifteen_probes_and_a_control_are_sent_on_every_run(bench):
    """Each is refused with its own code and leaves nothing; the control is let in."""
    ran = bench.run(lane())
    document = ran.document("bad-input-probes.json")
    assert [(row["probe_class"], row["got"]) for row in document["probes"]] == [
        (probe.probe_class, str(probe.code)) for probe in PROBES
    ]
    assert {row["objects_left"] + row["refs_left"] for row in document["probes"]} == {0}
    assert not any(row["pass_token"] for row in document["probes"])
    assert (document["control"], document["fail_closed"]) == (ACCEPTED, "15/15")


@pytest.mark.parametrize(
    "fields",
    [
        {"lane": "a-lane-without-a-delegation"},
        {"resolves": ["B-1"]},
        {"steps": [shell("echo x > greeting.txt", id="probe-target")]},
        {"authority": "ANOTHER"},
    ],
    ids=str,
)
def test_the_probes_fit_every_lane(bench, fields):
    """Whatever it is called, resolves or needs: fifteen are refused and the control is not."""
    authority = fields.get("authority", "IMPLEMENTATION_EXECUTION_NO_PRODUCTION")
    bench.grant("g", operations=("*", "resolve:B-1"), authority=authority)
    ran = bench.run(lane(**fields), grant="g")
    assert (ran.verdict.integrity, ran.status) == (Integrity.INTACT, "APPLIED_NOT_CLEAN")


def test_the_users_store_is_not_touched_by_the_probes(bench):
    """Bit for bit as it was before them, when the next step begins."""
    seen = {}
    bench.run(lane(), on_step=lambda step: seen.update({step: contents(bench.store.git_dir)}))
    assert seen["probes"] == seen["review"]
    assert seen["write"] == seen["probes"]


def fails_open(bench: Bench, numbers: set[int], patch: pytest.MonkeyPatch) -> Ran:
    """Run a publishing lane; hold that just these probes fail open and nothing leaves."""
    bench.write("kb/doc.md", "doc\n")
    ran = bench.run(editing())
    patch.undo()
    assert ran.status == "STOPPED"
    assert ran.failed == ("probes", "PROBE_FAIL_OPEN")
    rows = probe_rows(ran)
    assert {number for number, row in rows.items() if row["result"] != "PASS"} == numbers
    assert bench.read("kb/doc.md") == "doc\n"
    return ran


def test_a_lane_check_that_lets_everything_pass_stops_the_run(bench, monkeypatch):
    """All requests that it refuses are accepted now, and leave a run in the probes' ledger."""
    monkeypatch.setattr(admission, "check_lane", lambda _lane: [])
    ran = fails_open(bench, set(range(1, 11)), monkeypatch)
    rows = probe_rows(ran)
    # A production lane is refused by its grant, whose code is another.
    assert rows[1]["got"] == "GRANT_MODE"
    assert {rows[number]["got"] for number in range(2, 11)} == {ACCEPTED}
    assert all(rows[number]["objects_left"] and rows[number]["refs_left"] for number in (2, 10))
    assert (ran.verdict.integrity, ran.verdict.report.findings) == (Integrity.INTACT, ())


def test_the_door_of_requests_is_the_one_that_probes_take(bench, monkeypatch):
    """An `open_run` that forgets to admit is found out by eleven of them."""

    def open_without_looking(*_arguments, **_more):
        return None

    monkeypatch.setattr(probes, "open_run", open_without_looking)
    fails_open(bench, set(range(1, 12)), monkeypatch)


def test_an_authority_check_that_takes_any_grant_is_found_out(bench, monkeypatch):
    """The lane that nobody was let run is then let in."""

    def any_grant(_lane, _request, state):
        held = next(iter(state.grants.values()))
        return held, len(state.uses) + 1, []

    monkeypatch.setattr(admission, "_authority", any_grant)
    # The ledger itself would still refuse it, with the same code: the second door holds.
    bench.write("kb/doc.md", "doc\n")
    ran = bench.run(editing())
    assert probe_rows(ran)[11]["got"] == "DELEGATION_MISSING"
    monkeypatch.setattr("greenlight.verify.rules.runs.require_grant", lambda *_, **__: None)
    bench.write("kb/doc.md", "doc\n")
    fails_open(bench, {11}, monkeypatch)


def test_a_door_of_evidence_that_lets_everything_pass_is_found_out(bench, monkeypatch):
    """Three kinds of bad rollback evidence are accepted; the overclaim has a check of its own."""
    monkeypatch.setattr(closing, "verify_applied", lambda *_: [])
    fails_open(bench, {12, 13, 14}, monkeypatch)


def test_a_refusal_with_another_code_is_no_refusal_of_the_class(bench, monkeypatch):
    """A request may be refused for the wrong reason: that proves nothing about its class."""

    def always(*_arguments, **_more):
        raise RefusedError(Code.STORE_BUSY, "no")

    monkeypatch.setattr(probes, "open_run", always)
    ran = fails_open(bench, set(range(1, 12)), monkeypatch)
    assert ran.document("bad-input-probes.json")["control"] == "STORE_BUSY"


def test_a_refusal_that_says_pass_is_none(bench, monkeypatch):
    """The word stands for success in logs that people search (001:49)."""

    def boasting(*arguments, **more):
        try:
            return real(*arguments, **more)
        except RefusedError as error:
            raise RefusedError(error.code, f"{error}: PASS", codes=error.codes) from error

    real = probes.open_run
    monkeypatch.setattr(probes, "open_run", boasting)
    fails_open(bench, set(range(1, 12)), monkeypatch)


def test_a_refusal_that_leaves_an_object_is_none(bench, monkeypatch):
    """Before the run is opened nothing is written."""

    def littering(store, *arguments, **more):
        store.objects.write("blob", str(len(more)).encode())
        return real(store, *arguments, **more)

    real = probes.open_run
    monkeypatch.setattr(probes, "open_run", littering)
    # The same object again is no second one.
    ran = fails_open(bench, {1}, monkeypatch)
    assert probe_rows(ran)[1]["objects_left"] == 1


def test_a_control_that_is_refused_stops_the_run(bench, monkeypatch):
    """Who refuses everything has shown nothing."""

    real, calls = probes.open_run, []

    def all_but_the_last(*arguments, **more):
        calls.append(None)
        if len(calls) == 12:
            raise RefusedError(Code.DELEGATION_MISSING, "no")
        return real(*arguments, **more)

    monkeypatch.setattr(probes, "open_run", all_but_the_last)
    ran = fails_open(bench, set(), monkeypatch)
    assert ran.document("bad-input-probes.json")["control"] == "DELEGATION_MISSING"


def test_probes_see_the_surroundings_that_were_admitted(bench):
    """What somebody changes meanwhile is refused where it is published, and read once."""
    bench.write("kb/doc.md", "doc\n")

    def meanwhile(step):
        if step == "probes":
            (bench.folder / "kb/doc.md").unlink()
            (bench.folder / "kb").rmdir()

    ran = bench.run(editing(), on_step=meanwhile)
    assert ran.states["probes"] == "done"
    assert ran.failed[0] == "publish"
    assert ran.document("bad-input-probes.json")["control"] == ACCEPTED


def test_a_packet_that_hides_a_probe_is_not_applied(bench):
    """The verdict on the probes is derived, with every class counted."""
    ran = bench.run(lane())
    evidence = ran.verdict.evidence
    less = replace(evidence.probes, probes=evidence.probes.probes[:-1])
    with pytest.raises(RefusedError) as caught:
        closing.require_sealable(replace(evidence, probes=less))
    assert Code.PROBE_MISSING in caught.value.codes
