"""What keeps a lane from being executed: one case a refusal, each made from a good lane."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from greenlight.codes import Code
from greenlight.model.lane import (
    AllowedSurface,
    Builtin,
    Command,
    Destination,
    EnvironmentRules,
    Lane,
    Prior,
    Retain,
    Rollback,
    Setting,
    Source,
    Step,
    Treatment,
    Undo,
    complete_steps,
)
from greenlight.model.surface import Change
from greenlight.primitives.digest import Digest
from greenlight.verify.lane import MAX_TICKETS, check_lane
from tests.samples import good_lane

Break = Callable[[Lane], Lane]
TREE = str(Digest.of(b"prior"))
SHELL = {"shell": True}  # a field of a step, not of a process
WRITE = Step(id="C1", run=("@python", "x.py"), touches=("KB-M1",))


def in_(**changes: Any) -> Break:
    return lambda lane: replace(lane, **changes)


def row(name: str, index: int, **changes: Any) -> Break:
    """Change fields of one row."""

    def broken(lane: Lane) -> Lane:
        rows = list(getattr(lane, name))
        rows[index] = replace(rows[index], **changes)
        return replace(lane, **{name: tuple(rows)})

    return broken


def more(name: str, *extra: object) -> Break:
    return lambda lane: replace(lane, **{name: (*getattr(lane, name), *extra)})


def steps(*order: object) -> Break:
    """Set the steps: ids of the lane's own, or new ones."""

    def broken(lane: Lane) -> Lane:
        own = {step.id: step for step in lane.steps}
        return replace(lane, steps=tuple(own[s] if isinstance(s, str) else s for s in order))

    return broken


def allowed(path: str, change: Change = Change.MODIFY, **fields: Any) -> Break:
    return more("allowed", AllowedSurface(id="NEW", path=path, change=change, **fields))


def command(**fields: Any) -> Break:
    """Put a command step between the recheck and the proof."""
    step = replace(WRITE, **fields)
    return steps("S0", "S1", step, "S2", "S3", "S4", "S5", "S6", "S7")


def tickets(**changes: Any) -> Break:
    def broken(lane: Lane) -> Lane:
        assert lane.tickets is not None
        return replace(lane, tickets=replace(lane.tickets, **changes))

    return broken


def rollback(*run: Command, views: tuple[Command, ...] = ()) -> Break:
    return in_(rollback=Rollback(steps=run, views=views))


DOWN = Command(id="down", run=("@python", "down.py"))

CASES: list[tuple[Break, Code, str]] = [
    # 1: the mode
    (in_(mode="production"), Code.MODE_REFUSED, "/mode"),
    (in_(mode="Staging"), Code.MODE_REFUSED, "/mode"),
    (in_(mode="none"), Code.MODE_REFUSED, "/mode"),
    (in_(mode="prod"), Code.PRODUCTION_TARGET_REFUSED, "/mode"),
    # 2: ids and paths
    (row("steps", 1, id="S0"), Code.LANE_MALFORMED, "/steps"),
    (row("allowed", 0, id="F01"), Code.LANE_MALFORMED, "/allowed and /forbidden"),
    (lambda lane: more("pins", lane.pins[0])(lane), Code.LANE_MALFORMED, "/pins"),
    (lambda lane: more("blockers", lane.blockers[0])(lane), Code.LANE_MALFORMED, "/blockers"),
    (
        in_(lineage=(Prior(packet_tree=TREE), Prior(packet_tree=TREE))),
        Code.LANE_MALFORMED,
        "/lineage",
    ),
    (more("workspace", Source(source="other", at="kb")), Code.LANE_MALFORMED, "/workspace"),
    (rollback(DOWN, views=(DOWN,)), Code.LANE_MALFORMED, "/rollback"),
    (row("planning", 1, number=1), Code.LANE_MALFORMED, "/planning"),
    (row("workspace", 0, source="/etc"), Code.LANE_PATH_ESCAPES, "/workspace/0/source"),
    (row("workspace", 0, source="../kb"), Code.LANE_PATH_ESCAPES, "/workspace/0/source"),
    (row("workspace", 0, at="a//b"), Code.LANE_PATH_ESCAPES, "/workspace/0/at"),
    (row("inputs", 0, path="inputs/../../x"), Code.LANE_PATH_ESCAPES, "/inputs/0/path"),
    (row("allowed", 0, path="/kb/x"), Code.LANE_PATH_ESCAPES, "/allowed/0/path"),
    (row("allowed", 0, path="kb/.git/config"), Code.LANE_PATH_ESCAPES, "/allowed/0/path"),
    (row("forbidden", 4, paths=("../**",)), Code.LANE_PATH_ESCAPES, "/forbidden/4/paths/0"),
    (row("planning", 0, paths=("/x",)), Code.LANE_PATH_ESCAPES, "/planning/0/paths/0"),
    (row("steps", 5, document="/etc/passwd"), Code.LANE_PATH_ESCAPES, "/steps/5/document"),
    (command(workdir=".."), Code.LANE_PATH_ESCAPES, "/steps/2/workdir"),
    (row("pins", 0, path="/p7"), Code.LANE_PATH_ESCAPES, "/pins/0/path"),
    (tickets(registry=("../r",)), Code.LANE_PATH_ESCAPES, "/tickets/registry/0"),
    # inputs
    (row("inputs", 0, digest=""), Code.LANE_MALFORMED, "/inputs/0/digest"),
    (row("inputs", 1, path=""), Code.LANE_MALFORMED, "/inputs/1/path"),
    (row("inputs", 2, path="x"), Code.LANE_MALFORMED, "/inputs/2/path"),
    (row("inputs", 1, treatment=Treatment.REFERENCE), Code.LANE_MALFORMED, "/inputs/1/treatment"),
    (row("inputs", 2, treatment=Treatment.READ), Code.LANE_MALFORMED, "/inputs/2/treatment"),
    (row("inputs", 0, contains=""), Code.LANE_MALFORMED, "/inputs/0/contains"),
    (row("inputs", 1, contains="x"), Code.LANE_MALFORMED, "/inputs/1/contains"),
    # 3: steps
    (command(run=()), Code.LANE_MALFORMED, "/steps/2"),
    (command(command="ls", **SHELL), Code.LANE_MALFORMED, "/steps/2"),
    (row("steps", 7, run=("@python",)), Code.LANE_MALFORMED, "/steps/7"),
    (command(run=(), command="ls"), Code.LANE_SHELL_STRING, "/steps/2/command"),
    (command(**SHELL), Code.LANE_MALFORMED, "/steps/2/shell"),
    (row("steps", 5, touches=()), Code.LANE_MALFORMED, "/steps/5/touches"),
    (row("steps", 5, touches=("KB-M1", "KB-M2")), Code.LANE_MALFORMED, "/steps/5/touches"),
    (row("steps", 6, touches=("KB-M1",)), Code.LANE_MALFORMED, "/steps/5/touches/0"),
    (row("allowed", 0, publish=False), Code.LANE_MALFORMED, "/steps/5/touches/0"),
    (row("allowed", 0, path="kb/new/*.md"), Code.LANE_MALFORMED, "/steps/5/document"),
    (
        row("allowed", 0, change=Change.DELETE, undo=Undo.RESTORE),
        Code.LANE_MALFORMED,
        "/steps/5/document",
    ),
    (command(document="documents/x"), Code.LANE_MALFORMED, "/steps/2/document"),
    (rollback(replace(DOWN, run=())), Code.LANE_MALFORMED, "/rollback/steps/0/run"),
    (
        rollback(DOWN, views=(Command(id="rows", run=()),)),
        Code.LANE_MALFORMED,
        "/rollback/views/0/run",
    ),
    (
        lambda lane: steps("S0", "S1", "S2", replace(lane.steps[2], id="S2b"), "S3", "S4")(lane),
        Code.LANE_MALFORMED,
        "/steps",
    ),
    # 4: order
    (steps("S0", "S1", "S5", "S2", "S3", "S4", "S6", "S7"), Code.LANE_STEP_ORDER, "/steps/3"),
    (steps("S1", "S0", "S2", "S3", "S4", "S5", "S6", "S7"), Code.LANE_STEP_ORDER, "/steps/1"),
    (steps("S0", "S1", "S3", "S2", "S4", "S5", "S6", "S7"), Code.LANE_STEP_ORDER, "/steps/3"),
    (steps("S0", "S1", "S2", "S3", "S5", "S4", "S6", "S7"), Code.LANE_STEP_ORDER, "/steps/5"),
    (steps("S0", "S1", "S2", "S3", "S4", "S7", "S5", "S6"), Code.LANE_STEP_ORDER, "/steps/6"),
    (steps("S0", "S2", WRITE, "S3", "S4", "S5", "S6", "S7"), Code.LANE_STEP_ORDER, "/steps/2"),
    (steps(WRITE, "S0", "S2", "S3", "S4", "S5", "S6", "S7"), Code.LANE_STEP_ORDER, "/steps/1"),
    # 5: surfaces and programs
    (command(touches=("F01",)), Code.PRODUCTION_PG_REFUSED, "/steps/2/touches/0"),
    (command(touches=("F02",)), Code.PRODUCTION_DIRECTUS_REFUSED, "/steps/2/touches/0"),
    (command(touches=("F03",)), Code.PRODUCTION_SYSTEM_ISSUES_REFUSED, "/steps/2/touches/0"),
    (command(touches=("F04",)), Code.REGISTRY_ROWS_REFUSED, "/steps/2/touches/0"),
    (command(touches=("F05",)), Code.PRODUCTION_CI_DEPLOY_REFUSED, "/steps/2/touches/0"),
    (command(touches=("F06",)), Code.REAL_RUN_REFUSED, "/steps/2/touches/0"),
    (command(touches=("F07",)), Code.QT001_APPLY_REFUSED, "/steps/2/touches/0"),
    (command(touches=("F08",)), Code.CUTOVER_REFUSED, "/steps/2/touches/0"),
    (command(touches=("F11",)), Code.CUTOVER_REFUSED, "/steps/2/touches/0"),
    (command(touches=("F12",)), Code.SECRETS_REFUSED, "/steps/2/touches/0"),
    (command(touches=("F13",)), Code.EVIDENCE_DELETION_REFUSED, "/steps/2/touches/0"),
    (command(touches=("F14",)), Code.PIN_WOULD_CHANGE, "/steps/2/touches/0"),
    (command(touches=("F15",)), Code.CANONICAL_REGISTRY_REFUSED, "/steps/2/touches/0"),
    (command(touches=("F16",)), Code.BIRTH_PIPELINE_REFUSED, "/steps/2/touches/0"),
    (command(touches=("ELSEWHERE",)), Code.SURFACE_NOT_IN_SCOPE, "/steps/2/touches/0"),
    (row("steps", 5, touches=("ELSEWHERE",)), Code.SURFACE_NOT_IN_SCOPE, "/steps/5/touches/0"),
    (command(run=("psql", "-c", "x")), Code.PRODUCTION_PG_REFUSED, "/steps/2/run"),
    (command(run=("/usr/bin/kubectl",)), Code.PRODUCTION_CI_DEPLOY_REFUSED, "/steps/2/run"),
    (
        rollback(replace(DOWN, run=("vault", "read"))),
        Code.SECRETS_REFUSED,
        "/rollback/steps/0/run",
    ),
    # 6: tools
    (command(tool="query_pg"), Code.PRODUCTION_PG_REFUSED, "/steps/2/tool"),
    (command(tool="directus_update_item"), Code.PRODUCTION_DIRECTUS_REFUSED, "/steps/2/tool"),
    (command(tool="delete_document"), Code.EVIDENCE_DELETION_REFUSED, "/steps/2/tool"),
    (command(tool="write_file"), Code.PIN_WOULD_CHANGE, "/steps/2/tool"),
    (command(tool="read_document"), Code.TOOL_NOT_ALLOWED, "/steps/2/tool"),
    (in_(tools=()), Code.TOOL_NOT_ALLOWED, "/steps/5/tool"),
    # 7: scope
    (allowed("kb/deploy/ci-scope.md"), Code.SCOPE_CONTRADICTION, "/allowed"),
    (allowed("kb/evidence"), Code.SCOPE_CONTRADICTION, "/allowed"),
    (
        row("planning", 1, decision="excluded", paths=("kb/fix7-p0/**",)),
        Code.SCOPE_CONTRADICTION,
        "/planning/1",
    ),
    (in_(tools=("upload_document", "query_pg")), Code.SCOPE_CONTRADICTION, "/tools"),
    (in_(tools=("*",)), Code.SCOPE_CONTRADICTION, "/tools"),
    (
        in_(environment=EnvironmentRules(allow=("PATH", "PGPASSWORD"))),
        Code.PRODUCTION_PG_REFUSED,
        "/environment",
    ),
    (
        in_(environment=EnvironmentRules(set=(Setting(name="REAL_RUN", content="1"),))),
        Code.REAL_RUN_REFUSED,
        "/environment",
    ),
    (allowed("kb/x.md", undo=Undo.DELETE), Code.LANE_MALFORMED, "/allowed/2/undo"),
    (allowed("kb/x.md", undo=Undo.RUN), Code.LANE_MALFORMED, "/allowed/2/undo"),
    # 8: pins and registry
    (row("pins", 0, rule="raw"), Code.LANE_MALFORMED, "/pins/0/rule"),
    (
        allowed("kb/canonicalizer/fix7-p0-canonicalizer-ssot.md"),
        Code.PIN_WOULD_CHANGE,
        "/pins/0",
    ),
    (allowed("kb/*/*.md"), Code.PIN_WOULD_CHANGE, "/pins/0"),
    (
        allowed("kb/registry/00-index.md"),
        Code.CANONICAL_REGISTRY_REFUSED,
        "/tickets/registry",
    ),
    # 9: tickets
    (tickets(ceiling=442), Code.TICKET_BELOW_CEILING, "/tickets/first"),
    (tickets(first=1), Code.TICKET_BELOW_CEILING, "/tickets/first"),
    (tickets(last=441), Code.LANE_MALFORMED, "/tickets/last"),
    (tickets(last=442 + MAX_TICKETS), Code.LANE_MALFORMED, "/tickets/last"),
    # 7, for destinations
    (
        in_(network=(Destination(host="PG.production.example", port=5432),)),
        Code.SCOPE_CONTRADICTION,
        "/network/0",
    ),
    (
        in_(network=(Destination(host="a", port=1), Destination(host="A", port=1))),
        Code.LANE_MALFORMED,
        "/network",
    ),
    # 10: refs and databases
    (row("forbidden", 0, refs=("refs/heads/main",)), Code.LANE_MALFORMED, "/forbidden/0/refs/0"),
    (row("forbidden", 0, refs=("r:heads/main",)), Code.LANE_MALFORMED, "/forbidden/0/refs/0"),
    (
        row("forbidden", 0, refs=("../r:refs/heads/main",)),
        Code.LANE_PATH_ESCAPES,
        "/forbidden/0/refs/0",
    ),
    (
        row("forbidden", 0, databases=("a.db:rows:x; drop",)),
        Code.LANE_MALFORMED,
        "/forbidden/0/databases/0",
    ),
    # 11: what is kept
    (row("allowed", 0, retain=Retain.WITHHELD), Code.LANE_MALFORMED, "/allowed/0/retain"),
    (
        allowed("kb/x.md", Change.DELETE, retain=Retain.DIGEST),
        Code.LANE_MALFORMED,
        "/allowed/2/retain",
    ),
    (row("steps", 0, retain=Retain.DIGEST), Code.LANE_MALFORMED, "/steps/0/retain"),
]


@pytest.mark.parametrize(("broken", "code", "where"), CASES)
def test_a_lane_is_refused(broken: Break, code: Code, where: str) -> None:
    """One thing that is wrong with a good lane gives its code at its place."""
    lane = broken(good_lane())
    assert (code, where) in {(finding.code, finding.where) for finding in check_lane(lane)}


def test_good_lanes_are_admitted() -> None:
    """The lane of source 001 is admissible; so with commands, undo steps, and settings."""
    assert check_lane(good_lane()) == []
    assert check_lane(command()(good_lane())) == []
    assert check_lane(in_(mode="dry_run")(good_lane())) == []
    assert check_lane(command(retain=Retain.WITHHELD)(good_lane())) == []
    assert check_lane(allowed("kb/x.md", retain=Retain.WITHHELD)(good_lane())) == []
    with_undo = allowed("kb/x.md", undo=Undo.RUN)(rollback(DOWN)(good_lane()))
    assert check_lane(with_undo) == []
    rules = EnvironmentRules(allow=("PATH",), set=(Setting(name="LC_ALL", content="C"),))
    assert check_lane(in_(environment=rules)(good_lane())) == []
    shell = command(run=(), command="sort a > b", **SHELL)
    assert check_lane(shell(good_lane())) == []
    assert check_lane(tickets(last=442 + MAX_TICKETS - 1)(good_lane())) == []
    assert check_lane(in_(tickets=None)(good_lane())) == []


def test_everything_wrong_is_reported() -> None:
    """All refusals come, in a fixed order, and the first does not hide the others."""
    lane = in_(mode="prod", tools=())(tickets(ceiling=500)(good_lane()))
    codes = [finding.code for finding in check_lane(lane)]
    assert codes == [
        Code.PRODUCTION_TARGET_REFUSED,
        Code.TOOL_NOT_ALLOWED,
        Code.TOOL_NOT_ALLOWED,
        Code.TICKET_BELOW_CEILING,
    ]


def test_every_code_of_a_lane_has_a_case() -> None:
    """Each code that this module can give is shown above."""
    given = {code for _, code, _ in CASES}
    assert {
        Code.MODE_REFUSED,
        Code.PRODUCTION_TARGET_REFUSED,
        Code.LANE_MALFORMED,
        Code.LANE_PATH_ESCAPES,
        Code.LANE_SHELL_STRING,
        Code.LANE_STEP_ORDER,
        Code.SURFACE_NOT_IN_SCOPE,
        Code.TOOL_NOT_ALLOWED,
        Code.SCOPE_CONTRADICTION,
        Code.PIN_WOULD_CHANGE,
        Code.CANONICAL_REGISTRY_REFUSED,
        Code.TICKET_BELOW_CEILING,
    } <= given


@pytest.mark.parametrize("left_out", [b for b in Builtin if b is not Builtin.PUBLISH])
def test_builtins_that_are_left_unsaid_come_in_their_places(left_out: Builtin) -> None:
    """A lane that does not name a mandatory step gets it where it belongs."""
    lane = good_lane()
    fewer = replace(lane, steps=tuple(s for s in lane.steps if s.builtin is not left_out))
    order = [step.builtin for step in complete_steps(fewer)]
    wanted = [step.builtin for step in lane.steps]
    if left_out is Builtin.SEAL_RECHECK:  # the one that may be absent
        wanted.remove(left_out)
    assert order == wanted
    assert check_lane(fewer) == []


def test_a_lane_of_one_command_runs_every_proof() -> None:
    """The smallest lane still has preflight, proof, gate, probes and review around it."""
    bare = replace(good_lane(), steps=(WRITE,))
    assert [step.builtin for step in complete_steps(bare)] == [
        Builtin.PREFLIGHT,
        None,
        Builtin.ROLLBACK_PROOF,
        Builtin.GATE,
        Builtin.PROBES,
        Builtin.REVIEW,
    ]
