"""Is a lane admissible?  Pure: a parsed lane in, refusals out, all of them, in a fixed order.

Numbered as in docs/spec/lane.md:

1. the mode is one of the exact words, and one that greenlight can act in;
2. ids are unique, paths stay inside, patterns are relative;
3. steps are argument vectors or say that they are shell strings, one thing each;
4. nothing leaves the workspace before rollback proof, gate and probes;
5. no step touches a forbidden surface, or one that the scope does not name;
6. no step calls a tool operation that the lane does not allow;
7. no surface is both allowed and forbidden, no planning surface is taken in by accident;
8. no plan would change a pin or the canonical registry;
9. tickets stand above the ceiling;
10. refs and parts of databases are spelt as such, in files of the workspace;
11. what is kept of an output is said only of what puts something new out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from greenlight.codes import Code
from greenlight.model.finding import Finding
from greenlight.model.lane import (
    ORDER,
    PIN_RULE,
    Builtin,
    EnvironmentRules,
    InputKind,
    Lane,
    Retain,
    Rollback,
    Step,
    Treatment,
    Undo,
    complete_steps,
)
from greenlight.model.logical import is_database, is_ref
from greenlight.model.surface import REJECTS, Change, SurfaceClass, tool_matches
from greenlight.model.words import Mode
from greenlight.primitives.limits import MAX_LANE_PATTERNS
from greenlight.primitives.packet_path import collisions, path_problem
from greenlight.verify.derive.execution_plan import tool_of
from greenlight.verify.derive.scope_lock import contradictions, isolated, overlap

MAX_TICKETS = 1024  # as model.kinds: a range is claimed key by key in one ledger entry


def check_lane(lane: Lane) -> list[Finding]:
    """Say everything that keeps ``lane`` from being executed; an empty list admits it."""
    if too_many := list(_patterns(lane)):
        return too_many  # before any work that grows with their square
    return [
        *_mode(lane),
        *_ids(lane),
        *_paths(lane),
        *_kept(lane),
        *_inputs(lane),
        *_steps(lane),
        *_command_lists(lane),
        *_order(lane),
        *_touches(lane),
        *_tools(lane),
        *_scope(lane),
        *_other_ways(lane),
        *_locked(lane),
        *_tickets(lane),
        *_network(lane),
        *_logical(lane),
        *_retained(lane),
    ]


def _patterns(lane: Lane) -> Iterator[Finding]:
    """Count what is compared pair by pair: names and patterns of surfaces, tools and pins."""
    count = len(lane.allowed) + len(lane.tools) + len(lane.pins)
    for row in lane.forbidden:
        count += 1 + len(row.paths) + len(row.tools) + len(row.programs) + len(row.variables)
        count += len(row.refs) + len(row.databases)
    count += sum(1 + len(row.paths) for row in lane.planning)
    count += len(lane.tickets.registry) if lane.tickets else 0
    if count > MAX_LANE_PATTERNS:
        yield _malformed("", f"at most {MAX_LANE_PATTERNS} surfaces and patterns", str(count))


def _mode(lane: Lane) -> Iterator[Finding]:  # 1
    words = [mode.value for mode in Mode if mode is not Mode.NONE]
    if lane.mode not in words:
        yield Finding(Code.MODE_REFUSED, "/mode", "one of " + ", ".join(words), repr(lane.mode))
    elif lane.mode == Mode.PROD:
        # Acting on production takes receipts, which this format does not have.
        yield Finding(Code.PRODUCTION_TARGET_REFUSED, "/mode", "dry_run or staging", lane.mode)


def _ids(lane: Lane) -> Iterator[Finding]:  # 2
    groups = {
        "/steps": [step.id for step in complete_steps(lane)],
        "/allowed and /forbidden": [s.id for s in lane.allowed] + [s.id for s in lane.forbidden],
        "/pins": [pin.name for pin in lane.pins],
        "/blockers": [blocker.id for blocker in lane.blockers],
        "/lineage": [prior.packet_tree for prior in lane.lineage],
        "/workspace": [source.at for source in lane.workspace],
        "/rollback": [c.id for c in (*lane.rollback.steps, *lane.rollback.views)]
        if lane.rollback
        else [],
        "/planning": [str(row.number) for row in lane.planning],
    }
    for where, names in groups.items():
        for name, count in Counter(names).items():
            if count > 1:
                yield _malformed(where, "each name once", f"{name} {count} times")


def _paths(lane: Lane) -> Iterator[Finding]:  # 2
    for where, path in _all_paths(lane):
        if path and path_problem(path.replace("*", "x").replace("?", "x")) is not None:
            code = Code.LANE_PATH_ESCAPES
            yield Finding(code, where, "a relative path that stays inside", repr(path))


def _all_paths(lane: Lane) -> Iterator[tuple[str, str]]:
    for i, source in enumerate(lane.workspace):
        yield f"/workspace/{i}/source", source.source
        yield f"/workspace/{i}/at", source.at
    for i, wanted in enumerate(lane.inputs):
        yield f"/inputs/{i}/path", wanted.path
    for i, allowed in enumerate(lane.allowed):
        yield f"/allowed/{i}/path", allowed.path
    for i, forbidden in enumerate(lane.forbidden):
        yield from ((f"/forbidden/{i}/paths/{j}", p) for j, p in enumerate(forbidden.paths))
    for i, row in enumerate(lane.planning):
        yield from ((f"/planning/{i}/paths/{j}", p) for j, p in enumerate(row.paths))
    for i, step in enumerate(lane.steps):
        yield f"/steps/{i}/document", step.document
        yield f"/steps/{i}/workdir", step.workdir
    for i, pin in enumerate(lane.pins):
        yield f"/pins/{i}/path", pin.path
    if lane.tickets:
        yield from ((f"/tickets/registry/{j}", p) for j, p in enumerate(lane.tickets.registry))


def _kept(lane: Lane) -> Iterator[Finding]:  # 2
    """Check that a packet can hold what it keeps under names that the lane gives."""
    kept = {
        *(f"artifacts/steps/{step.id}/stdout" for step in complete_steps(lane)),
        *(f"artifacts/inputs/{wanted.path}" for wanted in lane.inputs if wanted.path),
    }
    for path in sorted(kept):
        if (problem := path_problem(path)) is not None:
            yield _malformed("", "names that a packet can hold", f"{path}: {problem.meaning}")
    for one, other in collisions(kept):
        yield _malformed("", "names that no file system takes for one", f"{one} and {other}")


def _inputs(lane: Lane) -> Iterator[Finding]:
    for i, wanted in enumerate(lane.inputs):
        where = f"/inputs/{i}"
        is_packet = wanted.kind is InputKind.PACKET
        if not wanted.digest:
            yield _malformed(f"{where}/digest", "a digest", "nothing")
        if is_packet == bool(wanted.path):
            yield _malformed(f"{where}/path", "none" if is_packet else "a path", repr(wanted.path))
        if is_packet == (wanted.treatment is Treatment.READ):
            expected = "reference or reconstruct" if is_packet else "read"
            yield _malformed(f"{where}/treatment", expected, wanted.treatment.value)
        if (wanted.kind is InputKind.VERDICT) != bool(wanted.contains):
            yield _malformed(f"{where}/contains", "words for a verdict", repr(wanted.contains))


def _steps(lane: Lane) -> Iterator[Finding]:  # 3
    for i, step in enumerate(lane.steps):
        where = f"/steps/{i}"
        forms = [bool(step.builtin), bool(step.run), bool(step.command)]
        if sum(forms) != 1:
            yield _malformed(where, "one of builtin, run, command", f"{sum(forms)} of them")
        if step.command and not step.shell:
            code = Code.LANE_SHELL_STRING
            yield Finding(code, f"{where}/command", "shell: true beside it", "nothing")
        if step.shell and not step.command:
            yield _malformed(f"{where}/shell", "a command beside it", "none")
        if step.builtin is Builtin.PUBLISH:
            yield from _publishing(lane, step, where)
            continue
        if step.document:
            yield _malformed(f"{where}/document", "none, but for publish", repr(step.document))
        if step.builtin and step.tool:
            expected = "none, but for a command or publish"
            yield _malformed(f"{where}/tool", expected, repr(step.tool))


def _command_lists(lane: Lane) -> Iterator[Finding]:  # 3
    rollback = lane.rollback or Rollback()
    for group, commands in (("steps", rollback.steps), ("views", rollback.views)):
        for i, command in enumerate(commands):
            if not command.run:
                yield _malformed(f"/rollback/{group}/{i}/run", "an argument vector", "nothing")
    built_in = [step.builtin for step in lane.steps if step.builtin not in (None, Builtin.PUBLISH)]
    for builtin, count in Counter(built_in).items():
        if count > 1:
            yield _malformed("/steps", f"{builtin} once", f"{count} times")


def _publishing(lane: Lane, step: Step, where: str) -> Iterator[Finding]:
    if len(step.touches) != 1:
        found = str(len(step.touches))
        yield _malformed(f"{where}/touches", "the one surface it publishes", found)
        return
    name = step.touches[0]
    surface = next((surface for surface in lane.allowed if surface.id == name), None)
    if surface is None:
        return  # _touches says so
    if not surface.publish:
        yield _malformed(f"{where}/touches/0", "a surface with publish: true", name)
    if sum(name in s.touches for s in lane.steps if s.builtin is Builtin.PUBLISH) > 1:
        yield _malformed(f"{where}/touches/0", "a surface that is published once", name)
    if step.document and (set("*?") & set(surface.path) or surface.change is Change.DELETE):
        expected = "a surface of one path that is created or modified"
        yield _malformed(f"{where}/document", expected, f"{surface.change.value} {surface.path}")


def _order(lane: Lane) -> Iterator[Finding]:  # 4
    reached = -1
    for i, step in enumerate(complete_steps(lane)):
        place = _COMMANDS if step.builtin is None else ORDER.index(step.builtin)
        if place < reached:
            code = Code.LANE_STEP_ORDER
            before = ORDER[reached].value
            yield Finding(code, f"/steps/{i}", f"nothing like this after {before}", step.id)
        reached = max(reached, place)


# Commands change the workspace: they belong after the recheck and before the proof.
_COMMANDS = ORDER.index(Builtin.SEAL_RECHECK)


def _touches(lane: Lane) -> Iterator[Finding]:  # 5
    allowed = {surface.id for surface in lane.allowed}
    forbidden = {surface.id: surface.surface_class for surface in lane.forbidden}
    for i, step in enumerate(lane.steps):
        for j, name in enumerate(step.touches):
            where = f"/steps/{i}/touches/{j}"
            if name in forbidden:
                code = REJECTS[forbidden[name]]
                yield Finding(code, where, "a surface that the scope allows", name)
            elif name not in allowed:
                code = Code.SURFACE_NOT_IN_SCOPE
                yield Finding(code, where, "a surface that the scope names", name)
    for where, run in _vectors(lane):
        name = run[0].rpartition("/")[2] if run else ""
        for surface in lane.forbidden:
            if name in surface.programs:
                code = REJECTS[surface.surface_class]
                yield Finding(code, where, f"no program that {surface.id} forbids", name)


def _vectors(lane: Lane) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield every argument vector with its place."""
    yield from ((f"/steps/{i}/run", step.run) for i, step in enumerate(lane.steps))
    rollback = lane.rollback or Rollback()
    yield from ((f"/rollback/steps/{i}/run", c.run) for i, c in enumerate(rollback.steps))
    yield from ((f"/rollback/views/{i}/run", c.run) for i, c in enumerate(rollback.views))


def _tools(lane: Lane) -> Iterator[Finding]:  # 6
    for i, step in enumerate(lane.steps):
        tool = tool_of(step)
        if not tool:
            continue
        where = f"/steps/{i}/tool"
        owner = next(
            (s for s in lane.forbidden if any(tool_matches(p, tool) for p in s.tools)), None
        )
        if owner is not None:
            code = REJECTS[owner.surface_class]
            yield Finding(code, where, "a tool operation that the lane allows", tool)
        elif not any(tool_matches(pattern, tool) for pattern in lane.tools):
            expected = ", ".join(lane.tools) or "no tool operation"
            yield Finding(Code.TOOL_NOT_ALLOWED, where, expected, tool)


def _scope(lane: Lane) -> Iterator[Finding]:  # 7
    for allowed, forbidden in contradictions(lane):
        code = Code.SCOPE_CONTRADICTION
        yield Finding(code, "/allowed", f"nothing that {forbidden} forbids", allowed)
    for i, plan in enumerate(lane.planning):
        if not isolated(lane, plan):
            code = Code.SCOPE_CONTRADICTION
            yield Finding(code, f"/planning/{i}", "isolated from what is allowed", plan.name)
    for i, surface in enumerate(lane.allowed):
        if surface.undo is Undo.DELETE and surface.change is not Change.CREATE:
            found = surface.change.value
            yield _malformed(f"/allowed/{i}/undo", "delete only for create", found)
        if surface.undo is Undo.RUN and not (lane.rollback and lane.rollback.steps):
            yield _malformed(f"/allowed/{i}/undo", "rollback steps to run", "none")


def _other_ways(lane: Lane) -> Iterator[Finding]:  # 7, for what is no path
    rules = lane.environment or EnvironmentRules()
    given = (*rules.allow, *(setting.name for setting in rules.set))
    for row in lane.forbidden:
        for name in sorted(set(given).intersection(row.variables)):
            code = REJECTS[row.surface_class]
            yield Finding(code, "/environment", f"no variable that {row.id} forbids", name)
        for tool in lane.tools:
            if any(tool_matches(p, tool) or tool_matches(tool, p) for p in row.tools):
                code = Code.SCOPE_CONTRADICTION
                yield Finding(code, "/tools", f"nothing that {row.id} forbids", tool)


def _locked(lane: Lane) -> Iterator[Finding]:  # 8
    for i, pin in enumerate(lane.pins):
        if pin.rule != PIN_RULE:
            yield _malformed(f"/pins/{i}/rule", PIN_RULE, repr(pin.rule))
        if (surface := _changed_by(lane, [pin.path])) is not None:
            yield Finding(Code.PIN_WOULD_CHANGE, f"/pins/{i}", "no surface over it", surface)
    registry = lane.tickets.registry if lane.tickets else ()
    if (surface := _changed_by(lane, registry)) is not None:
        code = REJECTS[SurfaceClass.CANONICAL_REGISTRY]
        yield Finding(code, "/tickets/registry", "no surface over it", surface)


def _changed_by(lane: Lane, paths: Iterable[str]) -> str | None:
    wanted = list(paths)
    return next((s.id for s in lane.allowed if any(overlap(s.path, p) for p in wanted)), None)


def _tickets(lane: Lane) -> Iterator[Finding]:  # 9
    wanted = lane.tickets
    if wanted is None:
        return
    if wanted.first <= wanted.ceiling:
        code = Code.TICKET_BELOW_CEILING
        yield Finding(code, "/tickets/first", f"above {wanted.ceiling}", str(wanted.first))
    if not wanted.first <= wanted.last < wanted.first + MAX_TICKETS:
        expected = f"from {wanted.first}, at most {MAX_TICKETS} tickets"
        yield _malformed("/tickets/last", expected, str(wanted.last))


def _network(lane: Lane) -> Iterator[Finding]:  # 7, for destinations
    allowed = {f"{each.host}:{each.port}".lower(): i for i, each in enumerate(lane.network)}
    hosts = {each.host.lower(): i for i, each in enumerate(lane.network)}
    for surface in lane.forbidden:
        for name in surface.network:
            at = allowed.get(name.lower(), hosts.get(name.lower()))
            if at is not None:
                code, where = Code.SCOPE_CONTRADICTION, f"/network/{at}"
                yield Finding(code, where, f"nothing that {surface.id} forbids", name)
    for name, count in Counter(f"{each.host}:{each.port}".lower() for each in lane.network).items():
        if count > 1:
            yield _malformed("/network", "each destination once", name)


def _logical(lane: Lane) -> Iterator[Finding]:  # 10
    for i, surface in enumerate(lane.forbidden):
        for field, names, is_one, expected in (
            ("refs", surface.refs, is_ref, "repository:ref"),
            ("databases", surface.databases, is_database, "file:schema or file:rows:table"),
        ):
            for j, name in enumerate(names):
                where = f"/forbidden/{i}/{field}/{j}"
                if not is_one(name):
                    yield _malformed(where, expected, name)
                elif path_problem(name.partition(":")[0]) is not None:
                    yield Finding(Code.LANE_PATH_ESCAPES, where, "a path that stays inside", name)


def _retained(lane: Lane) -> Iterator[Finding]:  # 11
    documents = {name for step in lane.steps if step.document for name in step.touches}
    for i, surface in enumerate(lane.allowed):
        if surface.retain is Retain.FULL:
            continue
        where = f"/allowed/{i}/retain"
        if surface.change is Change.DELETE:
            yield _malformed(where, "full: nothing is put out", surface.retain.value)
        if surface.id in documents:
            # The packet keeps the document that is published; a digest beside it hides nothing.
            yield _malformed(where, "full: its document is kept", surface.retain.value)
    for i, step in enumerate(lane.steps):
        if step.builtin is not None and step.retain is not Retain.FULL:
            where = f"/steps/{i}/retain"
            yield _malformed(where, "full: a built-in puts nothing out", step.retain.value)


def _malformed(where: str, expected: str, found: str) -> Finding:
    return Finding(Code.LANE_MALFORMED, where, expected, found)
