"""What a request is refused for, and that a refusal leaves the store bit for bit as it was."""

from __future__ import annotations

from datetime import timedelta

import pytest

from greenlight.codes import Code
from greenlight.errors import GreenlightError, MalformedError, RefusedError, StoreError
from greenlight.model.surface import REJECTS, SurfaceClass
from greenlight.primitives.gittree import blob_id
from greenlight.primitives.timestamp import format_seconds
from greenlight.services.verifying import Integrity
from tests.damage import flip_object
from tests.lanes_helper import (
    GREETING,
    STRANGER,
    Bench,
    contents,
    digest,
    editing,
    lane,
    shell,
)

TREE = "sha256:" + "ab" * 32
PUBLISH = {"id": "publish", "builtin": "publish", "touches": ["GREETING"]}
PINNED = {"name": "P", "path": "kb/doc.md", "rule": "full-normalized-content"}
TICKETS = {"prefix": "TKT", "first": 10, "last": 12, "ceiling": 9, "registry": ["kb/doc.md"]}
KB = [{"source": "kb", "at": "kb"}]


def surface(kind: str = "other", **more) -> dict:
    return {"id": "F1", "surface_class": kind, "name": kind} | more


def store_and_lane(bench: Bench) -> tuple[dict[str, str], dict[str, str]]:
    """Every byte of both, but for the tables that only make look-ups fast."""
    store = contents(bench.store.git_dir)
    tables = {name for name in store if name.endswith(".sqlite")}
    return {name: store[name] for name in store.keys() - tables}, contents(bench.folder)


def refuse(bench: Bench, wanted, *codes: Code, **more) -> GreenlightError:
    """Hold that a run is refused with these codes, and that nothing anywhere has changed."""
    before = store_and_lane(bench)
    with pytest.raises((MalformedError, RefusedError)) as caught:
        bench.run(wanted, **more)
    assert store_and_lane(bench) == before
    assert list(bench.rooms.iterdir()) == []
    assert {*codes} <= {*caught.value.codes}
    assert caught.value.code is codes[0]
    planned = bench.plan(wanted, **more)
    assert planned.admission is None
    assert tuple(finding.code for finding in planned.findings) == caught.value.codes
    return caught.value


# --- lane files -------------------------------------------------------------

NEVER = {
    "not YAML": (b"format: 1\n\tlane: x", Code.YAML_MALFORMED),
    "two fields of one name": (b"format: 1\nlane: a\nlane: b\n", Code.LANE_DUPLICATE_KEY),
    "not UTF-8": (b"lane: \xff", Code.YAML_MALFORMED),
    "more than a person writes": (b"#" * (2**20 + 1), Code.LIMIT_EXCEEDED),
    "an unknown field": (lane(unknown=1), Code.LANE_MALFORMED),
    "another version": (lane(format=2), Code.LANE_MALFORMED),
    "a missing field": ({"format": 1, "lane": "greet"}, Code.LANE_MALFORMED),
    "a shell string": (lane(steps=[{"id": "s", "run": "echo x"}]), Code.LANE_SHELL_STRING),
    "a command without shell": (
        lane(steps=[{"id": "s", "command": "echo x"}]),
        Code.LANE_SHELL_STRING,
    ),
    "a step of nothing": (lane(steps=[{"id": "s"}]), Code.LANE_MALFORMED),
    "an absolute path": (lane(allowed=[GREETING | {"path": "/etc/x"}]), Code.LANE_PATH_ESCAPES),
    "a path that climbs": (
        lane(workspace=[{"source": "../kb", "at": "kb"}]),
        Code.LANE_PATH_ESCAPES,
    ),
    "a folder that climbs": (
        lane(steps=[shell("true", workdir="a/../../b")]),
        Code.LANE_PATH_ESCAPES,
    ),
    "publishing before the proofs": (
        lane(
            allowed=[GREETING | {"publish": True}],
            tools=["upload_document"],
            steps=[PUBLISH, {"id": "proof", "builtin": "rollback_proof"}],
        ),
        Code.LANE_STEP_ORDER,
    ),
    "a command after the proofs": (
        lane(steps=[{"id": "gate", "builtin": "gate"}, shell("true")]),
        Code.LANE_STEP_ORDER,
    ),
    "two steps of one id": (lane(steps=[shell("true"), shell("true")]), Code.LANE_MALFORMED),
    "step ids that fold to one": (
        lane(steps=[shell("true", id="a"), shell("true", id="A")]),
        Code.LANE_MALFORMED,
    ),
    "a step id that is a device": (lane(steps=[shell("true", id="aux")]), Code.LANE_MALFORMED),
    "an input too deep for a packet": (
        lane(inputs=[{"name": "i", "kind": "file", "path": "a/" * 31 + "f", "digest": digest("")}]),
        Code.LANE_MALFORMED,
    ),
    "a file without digest": (
        lane(inputs=[{"name": "i", "kind": "file", "path": "f"}]),
        Code.LANE_MALFORMED,
    ),
    "a packet that is read": (
        lane(inputs=[{"name": "i", "kind": "packet", "digest": TREE}]),
        Code.LANE_MALFORMED,
    ),
    "tickets below the ceiling": (
        lane(tickets={"prefix": "TKT", "first": 9, "last": 12, "ceiling": 9}),
        Code.TICKET_BELOW_CEILING,
    ),
    "tickets that run backwards": (
        lane(tickets={"prefix": "TKT", "first": 12, "last": 10, "ceiling": 9}),
        Code.LANE_MALFORMED,
    ),
    "an unknown mode": (lane(mode="Staging"), Code.MODE_REFUSED),
    "production": (lane(mode="prod"), Code.PRODUCTION_TARGET_REFUSED),
    "a mode of no run": (lane(mode="none"), Code.MODE_REFUSED),
    "a dry run": (lane(mode="dry_run"), Code.MODE_REFUSED),
    "a surface out of the scope": (
        lane(steps=[shell("true", touches=["ELSEWHERE"])]),
        Code.SURFACE_NOT_IN_SCOPE,
    ),
    "a tool that nobody allowed": (
        lane(steps=[shell("true", tool="deploy")]),
        Code.TOOL_NOT_ALLOWED,
    ),
    "publishing without its tool": (
        lane(allowed=[GREETING | {"publish": True}], steps=[PUBLISH]),
        Code.TOOL_NOT_ALLOWED,
    ),
    "publishing what stays": (
        lane(tools=["upload_document"], steps=[PUBLISH]),
        Code.LANE_MALFORMED,
    ),
    "allowed and forbidden": (
        lane(forbidden=[surface(paths=["*.txt"])]),
        Code.SCOPE_CONTRADICTION,
    ),
    "a forbidden tool": (
        lane(forbidden=[surface("ci-deploy", tools=["ci_*"])], steps=[shell("true", tool="ci_go")]),
        Code.PRODUCTION_CI_DEPLOY_REFUSED,
    ),
    "a forbidden program": (
        lane(
            forbidden=[surface("production-pg", programs=["psql"])],
            steps=[{"id": "s", "run": ["/usr/bin/psql"]}],
        ),
        Code.PRODUCTION_PG_REFUSED,
    ),
    "a forbidden variable": (
        lane(forbidden=[surface("secrets", variables=["TOKEN"])], environment={"allow": ["TOKEN"]}),
        Code.SECRETS_REFUSED,
    ),
    "a pin under a surface": (
        lane(pins=[PINNED | {"path": "greeting.txt", "digest": digest("x")}]),
        Code.PIN_WOULD_CHANGE,
    ),
    "a registry under a surface": (
        lane(tickets=TICKETS | {"registry": ["greeting.txt"]}),
        Code.CANONICAL_REGISTRY_REFUSED,
    ),
    "an unknown rule": (
        lane(pins=[PINNED | {"rule": "none", "digest": digest("x")}]),
        Code.LANE_MALFORMED,
    ),
    "a token": (lane(title="ghp_" + "a1B2" * 9), Code.SECRET_IN_EVIDENCE),
}


@pytest.mark.parametrize("name", NEVER)
def test_a_lane_that_can_never_run_is_refused(bench, name):
    """Before the store is touched, and with its code; the plan says the same."""
    wanted, code = NEVER[name]
    if wanted == lane(mode="dry_run"):
        before = contents(bench.store.git_dir)
        assert bench.plan(wanted).findings == ()
        with pytest.raises(RefusedError, match="a dry run opens no run") as caught:
            bench.run(wanted)
        assert caught.value.code is code
        assert contents(bench.store.git_dir) == before
        return
    refuse(bench, wanted, code)


@pytest.mark.parametrize("kind", SurfaceClass, ids=str)
def test_each_forbidden_class_has_its_own_refusal(bench, kind):
    """A step that touches it is refused in the words of the class."""
    forbidden = surface(kind.value)
    wanted = lane(forbidden=[forbidden], steps=[shell("true", touches=["F1"])])
    refuse(bench, wanted, REJECTS[kind])


def test_everything_that_stands_in_the_way_is_said(bench):
    """Not the first thing alone, and each with its line."""
    error = refuse(
        bench,
        lane(mode="prod", steps=[shell("true", touches=["ELSEWHERE"], workdir="/etc")]),
        Code.PRODUCTION_TARGET_REFUSED,
        Code.LANE_PATH_ESCAPES,
        Code.SURFACE_NOT_IN_SCOPE,
    )
    assert str(error).count("line ") == 3


def test_a_token_in_the_lane_is_not_repeated(bench):
    """The refusal says where it stands and which kind it is."""
    token = "ghp_" + "a1B2" * 9
    error = refuse(bench, lane(title=token), Code.SECRET_IN_EVIDENCE)
    assert "github-token" in str(error)
    assert token not in str(error)


def test_a_masked_value_in_the_lane_is_refused(bench):
    """It would be sealed as it stands; the same lane runs where the value is another."""
    wanted = lane(title="Ask with hunter2-hunter2", environment=MASKED)
    bench.variables = {"TOKEN": "hunter2-hunter2"}
    error = refuse(bench, wanted, Code.SECRET_IN_EVIDENCE)
    assert "masked:TOKEN" in str(error)
    bench.variables = {"TOKEN": "something-else"}
    assert bench.run(wanted).status == "APPLIED_NOT_CLEAN"


MASKED = {"allow": ["TOKEN"], "masked": ["TOKEN"]}


def test_a_secret_in_a_name_of_the_workspace_is_refused(bench):
    """A name cannot be withheld as a content can."""
    bench.write("kb/hunter2-hunter2.md", "x")
    bench.variables = {"TOKEN": "hunter2-hunter2"}
    refuse(bench, lane(workspace=KB, environment=MASKED), Code.SECRET_IN_EVIDENCE)


# --- sources, inputs, pins, tickets -----------------------------------------


def test_a_create_only_surface_that_exists_is_refused(bench):
    """Applying it would overwrite."""
    bench.write("kb/doc.md", "doc\n")
    wanted = editing("create") | {"steps": [shell("true")]}
    refuse(bench, wanted, Code.SURFACE_EXISTS)


@pytest.mark.parametrize(
    ("found", "code"),
    [("expected\n", None), ("Expected\n", Code.INPUT_MISMATCH), (None, Code.INPUT_MISMATCH)],
)
def test_an_input_must_be_what_the_lane_expects(bench, found, code):
    """Byte for byte, and there."""
    if found is not None:
        bench.write("in/f.txt", found)
    row = {"name": "i", "kind": "file", "path": "in/f.txt", "digest": digest("expected\n")}
    wanted = lane(inputs=[row])
    if code is not None:
        refuse(bench, wanted, code)
        return
    ran = bench.run(wanted)
    assert ran.files["artifacts/inputs/in/f.txt"] == b"expected\n"


def test_a_verdict_must_hold_its_words(bench):
    """The digest is right, and yet it is another verdict."""
    bench.write("v.txt", "the verdict is FAIL\n")
    row = {"name": "v", "kind": "verdict", "path": "v.txt", "contains": "FINAL_CLEAN"}
    data = digest("the verdict is FAIL\n")
    refuse(bench, lane(inputs=[row | {"digest": data}]), Code.INPUT_MISMATCH)
    row |= {"contains": "verdict is FAIL", "digest": data}
    assert bench.run(lane(inputs=[row])).status == "APPLIED_NOT_CLEAN"


def test_a_pin_must_hold_before_the_run(bench):
    """Normalised: line ends and Unicode forms are no change."""
    bench.write("kb/doc.md", "cafe\u0301\r\n")
    pinned = PINNED | {"digest": digest("caf\u00e9\n")}
    assert bench.run(lane(workspace=KB, pins=[pinned])).status == "APPLIED_NOT_CLEAN"
    wrong = PINNED | {"digest": digest("cafe\n")}
    refuse(bench, lane(workspace=KB, pins=[wrong]), Code.PIN_CHANGED)
    refuse(bench, lane(pins=[pinned]), Code.PIN_CHANGED)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("TKT-9 TKT-1 TKT-100", None),
        ("TKT-11", Code.TICKET_COLLISION),
        ("TKT-119 and TKT-11.", Code.TICKET_COLLISION),
    ],
)
def test_tickets_that_stand_in_the_registry_are_not_reserved_again(bench, text, code):
    """As whole numbers, not as parts of one."""
    bench.write("kb/doc.md", text)
    wanted = lane(workspace=KB, tickets=TICKETS)
    if code is not None:
        refuse(bench, wanted, code)
        return
    ran = bench.run(wanted)
    assert ran.document("reserved-tickets.json")["tickets"] == ["TKT-10", "TKT-11", "TKT-12"]


def test_a_registry_that_is_not_there_is_refused(bench):
    """Nobody could say then that the tickets are free."""
    refuse(bench, lane(tickets=TICKETS), Code.INPUT_MISMATCH)


def test_tickets_of_an_earlier_run_are_taken(bench):
    """Whatever became of that run; others of the range are free."""
    bench.write("kb/doc.md", "none")
    wanted = lane(workspace=KB, tickets=TICKETS)
    stops = wanted | {"steps": [shell("exit 1")]}
    assert bench.run(stops).status == "STOPPED"
    error = refuse(bench, wanted, Code.TICKETS_TAKEN)
    assert "TKT-10, TKT-11, TKT-12" in str(error)
    overlapping = wanted | {"tickets": TICKETS | {"first": 12, "last": 14}}
    assert "TKT-12" in str(refuse(bench, overlapping, Code.TICKETS_TAKEN))
    free = wanted | {"tickets": TICKETS | {"first": 13, "last": 14}}
    assert bench.run(free).status == "APPLIED_NOT_CLEAN"


@pytest.mark.parametrize(
    ("sources", "code"),
    [
        ([{"source": "absent", "at": "kb"}], Code.IO_FAILED),
        ([{"source": "link", "at": "kb"}], Code.FILE_TYPE_REFUSED),
        ([{"source": "kb", "at": "a"}, {"source": "one", "at": "a/doc.md"}], Code.LANE_MALFORMED),
        ([{"source": "one", "at": "a"}, {"source": "one", "at": "a/b"}], Code.PATH_COLLISION),
        ([{"source": "one", "at": "a"}, {"source": "one", "at": "A"}], Code.PATH_COLLISION),
        ([{"source": "one", "at": "/".join("a" * 31)}], Code.PATH_TOO_DEEP),
    ],
    ids=str,
)
def test_sources_that_no_workspace_or_packet_can_hold_are_refused(bench, sources, code):
    """Before the run is opened: it could never be sealed."""
    bench.write("kb/doc.md", "doc\n")
    bench.write("one", "1")
    (bench.folder / "link").symlink_to("kb")
    refuse(bench, lane(workspace=sources), code)


def test_a_source_that_does_not_fit_a_packet_is_refused(bench, monkeypatch):
    """Files, bytes, and the length of the document that lists them."""
    for name in "abc":
        bench.write(f"kb/{name}", "doc\n")
    for name, value in (
        ("MAX_PACKET_FILES", 2),
        ("MAX_PACKET_BYTES", 11),
        ("MAX_DOCUMENT_BYTES", 1000),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(f"greenlight.services.sources.{name}", value)
            refuse(bench, lane(workspace=KB), Code.LIMIT_EXCEEDED)
    assert bench.run(lane(workspace=KB)).status == "APPLIED_NOT_CLEAN"


# --- grants -----------------------------------------------------------------


def test_without_a_ledger_there_is_no_grant(tmp_path):
    """An empty store lets nobody run anything, and stays empty."""
    bench = Bench.make(tmp_path, found=False)
    with bench.store:
        refuse(bench, lane(), Code.DELEGATION_MISSING)


def test_a_key_without_a_grant_is_refused(bench):
    """The grant names another."""
    bench.signer = STRANGER
    refuse(bench, lane(), Code.DELEGATION_MISSING)


@pytest.mark.parametrize(
    ("fields", "wanted", "code"),
    [
        ({"lane": "another"}, {}, Code.DELEGATION_MISSING),
        ({"authority": "ANOTHER"}, {}, Code.DELEGATION_MISSING),
        ({"executor": STRANGER.public.uri}, {}, Code.DELEGATION_MISSING),
        ({"modes": ("dry_run",)}, {}, Code.GRANT_MODE),
        ({"expires": "2020-01-01T00:00:00Z"}, {}, Code.GRANT_EXPIRED),
        ({"not_before": "2200-01-01T00:00:00Z", "expires": ""}, {}, Code.GRANT_EXPIRED),
        (
            {"operations": ("other",)},
            {"tools": ["make"], "steps": [shell("true", tool="make")]},
            Code.TOOL_NOT_ALLOWED,
        ),
        ({"operations": ("*",)}, {"resolves": ["B-1"]}, Code.BLOCKER_NOT_RESOLVABLE),
    ],
    ids=str,
)
def test_a_grant_that_does_not_cover_the_request_is_refused(bench, fields, wanted, code):
    """Lane, authority, key, mode, time, operations: each is compared."""
    bench.grant("g", **fields)
    refuse(bench, lane(**wanted), code, grant="g")


def test_a_grant_ends_at_its_second(bench):
    """The end is not in the interval, the beginning is."""
    at = bench.clock().replace(microsecond=0)
    for name, begins, ends, holds in (
        ("begins", timedelta(0), timedelta(hours=1), True),
        ("ends", -timedelta(hours=1), timedelta(0), False),
    ):
        times = {"not_before": format_seconds(at + begins), "expires": format_seconds(at + ends)}
        bench.grant(name, **times)
        assert (bench.plan(lane(), grant=name).admission is not None) is holds


def test_uses_are_spent_in_order_and_then_there_are_none(bench):
    """A stopped run spends its use too."""
    bench.grant("g", max_uses=2)
    uses = []
    for script in ("exit 1", "echo hello > greeting.txt"):
        ran = bench.run(lane(steps=[shell(script)]), grant="g")
        uses.append(ran.document("delegation-and-authority-lock.json")["use"])
    assert uses == [1, 2]
    refuse(bench, lane(), Code.GRANT_USED_UP, grant="g")
    # Another grant that fits is taken where none is named.
    assert bench.run(lane()).verdict.evidence.authority.grant == "owner-first"


def test_a_named_operation_is_enough(bench):
    """The star is not needed where the operation is named."""
    bench.grant("g", operations=("make",))
    wanted = lane(tools=["make"], steps=[shell("echo x > greeting.txt", tool="make")])
    assert bench.run(wanted, grant="g").status == "APPLIED_NOT_CLEAN"


# --- earlier packets --------------------------------------------------------

BLOCKERS = [
    {"id": f"B-{n}", "reason": "open", "resolver": "owner", "evidence": "a grant"} for n in (1, 2)
]


def test_a_packet_that_is_referenced_need_not_be_here(bench):
    """It is named and not read; the row says so by having no digest."""
    row = {"name": "p", "kind": "packet", "treatment": "reference", "digest": TREE}
    ran = bench.run(lane(inputs=[row]))
    assert ran.verdict.integrity is Integrity.INTACT
    (found,) = ran.document("preflight.json")["inputs"]
    assert (found["found"], found["result"]) == ("", "PASS")


def test_a_packet_that_is_reconstructed_must_be_here_and_verify(bench):
    """Byte for byte to its tree, its gate run again; else the request is refused."""
    row = {"name": "p", "kind": "packet", "treatment": "reconstruct", "digest": TREE}
    refuse(bench, lane(inputs=[row]), Code.INPUT_MISMATCH)
    prior = bench.run(lane())
    row["digest"] = prior.result.sealed.packet_tree
    ran = bench.run(lane(inputs=[row]))
    (found,) = ran.document("preflight.json")["inputs"]
    assert (found["found"], found["result"]) == (row["digest"], "PASS")
    assert found["reverified"] == "byte-exact to its tree; self-test PASS; probes 15/15 fail closed"
    assert ran.verdict.integrity is Integrity.INTACT


def test_a_packet_whose_bytes_were_changed_is_no_input(bench):
    """The store gives other bytes than were sealed: it is refused, not believed."""
    prior = bench.run(lane())
    row = {"name": "p", "kind": "packet", "treatment": "reconstruct"}
    wanted = lane(inputs=[row | {"digest": prior.result.sealed.packet_tree}])
    damage(bench, prior.files["REPORT.md"])
    with pytest.raises((RefusedError, StoreError)) as caught:
        bench.run(wanted)
    assert caught.value.code in (Code.INPUT_MISMATCH, Code.STORE_DAMAGED)


def damage(bench: Bench, data: bytes) -> None:
    """Flip a bit in the object that holds ``data``."""
    flip_object(bench.store, blob_id(data, bench.store.object_format).hex())


def prior_with_blockers(bench: Bench) -> str:
    ran = bench.run(lane(lane="earlier", blockers=BLOCKERS))
    return ran.result.sealed.packet_tree


def blockers(ran) -> dict[str, tuple[str, str]]:
    rows = ran.document("production-readiness-blocker-map.json")["blockers"]
    return {row["id"]: (row["state"], row["source"]) for row in rows}


def test_open_blockers_of_an_earlier_packet_are_carried_on(bench):
    """The lane need not name them, and cannot lose them."""
    tree = prior_with_blockers(bench)
    ran = bench.run(lane(lineage=[{"packet_tree": tree}]))
    assert blockers(ran) == {"B-1": ("OPEN", tree), "B-2": ("OPEN", tree)}
    assert ran.document("lineage.json")["packets"][0]["presence"] == "INTACT"
    third = bench.run(lane(lineage=[{"packet_tree": ran.result.sealed.packet_tree}]))
    assert set(blockers(third)) == {"B-1", "B-2"}
    assert third.verdict.integrity is Integrity.INTACT


def test_a_blocker_is_lifted_only_by_a_grant_that_names_it(bench):
    """`*` is every tool operation, and never the lifting of a blocker."""
    tree = prior_with_blockers(bench)
    wanted = lane(lineage=[{"packet_tree": tree}], resolves=["B-1"])
    refuse(bench, wanted, Code.BLOCKER_NOT_RESOLVABLE)
    bench.grant("g", operations=("*", "resolve:B-1"))
    ran = bench.run(wanted)
    assert (ran.verdict.integrity, ran.status) == (Integrity.INTACT, "APPLIED_NOT_CLEAN")
    assert blockers(ran) == {"B-1": ("RESOLVED", tree), "B-2": ("OPEN", tree)}
    after = bench.run(lane(lineage=[{"packet_tree": ran.result.sealed.packet_tree}]))
    assert set(blockers(after)) == {"B-2"}


def test_a_packet_that_the_lane_builds_on_may_be_absent_and_is_not_trusted(bench):
    """The packet says ABSENT, and the review does not pass."""
    ran = bench.run(lane(lineage=[{"packet_tree": TREE}]))
    assert ran.document("lineage.json")["packets"][0]["presence"] == "ABSENT"
    assert ran.document("post-execution-review.json")["checks"][7]["result"] == "UNKNOWN"
    assert ran.verdict.integrity is Integrity.INTACT


def test_a_packet_that_broke_since_the_preflight_stops_the_lane(bench):
    """The recheck reads seals against bytes once more."""
    prior = bench.run(lane())
    recheck = {"id": "recheck", "builtin": "seal_recheck"}
    steps = [recheck, shell("echo x > greeting.txt")]
    wanted = lane(lineage=[{"packet_tree": prior.result.sealed.packet_tree}], steps=steps)
    report = prior.files["REPORT.md"]

    def meanwhile(step):
        if step == "preflight":
            damage(bench, report)

    ran = bench.run(wanted, on_step=meanwhile)
    assert (ran.verdict.integrity, ran.status) == (Integrity.INTACT, "STOPPED")
    assert ran.failed == ("recheck", "LINEAGE_CHANGED")
