"""Apply a change in a disposable workspace, look at it, take it back, and look again.

Run and rerun share this: the same lane and sources give the same outcomes here, or
the lane is not deterministic and a replay says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from greenlight.codes import Code
from greenlight.errors import GreenlightError, MalformedError, StoreError
from greenlight.execution.attempts import Recorder, Scope
from greenlight.execution.confinement import Confinement
from greenlight.execution.proxy.recording import Destination, Recording
from greenlight.execution.snapshot import take
from greenlight.execution.steps import StepResult, StepSpec, build_environment
from greenlight.execution.undo import put_back
from greenlight.execution.workspace import SourceFile, Workspace
from greenlight.model.codec import draft
from greenlight.model.documents import (
    Attempts,
    Exchanges,
    Outcomes,
    Pins,
    ReservedTickets,
    RollbackProof,
    SurfaceStates,
)
from greenlight.model.documents.attempts import AttemptRow
from greenlight.model.documents.exchanges import ExchangeRow
from greenlight.model.documents.outcomes import MutationRow, ToolCall, ToolDecision
from greenlight.model.documents.pins import PinRow
from greenlight.model.documents.reserved_tickets import RegistryFile
from greenlight.model.documents.rollback_proof import RollbackRow, UndoRun, ViewRow
from greenlight.model.documents.surface_states import StateRow
from greenlight.model.lane import AllowedSurface, Builtin, Command, Lane, Retain, Step, Undo
from greenlight.model.logical import Logical, logical_surfaces
from greenlight.model.snapshot import ABSENT, FileState, Mutation, Snapshot, spell_target
from greenlight.primitives.digest import Digest
from greenlight.primitives.text import normalise_document
from greenlight.services.admission import names_ticket
from greenlight.services.logical import look_logically
from greenlight.services.looking import OUTPUTS, Seen, look_at
from greenlight.services.sources import Content, Sources
from greenlight.services.veiling import Veil
from greenlight.verify.derive.checked import ticket_names
from greenlight.verify.derive.execution_plan import argv_of, target_of, tool_of
from greenlight.verify.derive.forbidden_surface_proof import tried_surfaces
from greenlight.verify.observed import FOLDER_MODE
from greenlight.verify.scope import covering_surface
from greenlight.verify.secrets import Scanner


@dataclass(slots=True)
class Staging:
    """The change of a lane, staged.

    Attributes:
        lane: What to do.
        sources: What the workspace starts with.
        confinement: What steps run in.
        workspace: Where they run.
        variables: The caller's variables that the lane allows, by name.
        scanner: Knows a secret in a name, which could not be withheld as an artifact can.
        veil: Gives the digests of what the lane withholds.
        network: Whether commands may reach the destinations that the lane allows.
    """

    lane: Lane
    sources: Sources
    confinement: Confinement
    workspace: Workspace
    variables: Mapping[str, str]
    scanner: Scanner = field(default_factory=Scanner.of)
    veil: Veil = field(default_factory=Veil)
    network: bool = True
    _before: Snapshot = field(init=False)
    _seen: Seen = field(init=False)
    _views: dict[str, list[str]] = field(init=False, default_factory=dict)
    _calls: list[ToolCall] = field(init=False, default_factory=list)
    _exchanges: list[tuple[str, Recording]] = field(init=False, default_factory=list)
    _logical: dict[Logical, list[str]] = field(init=False, default_factory=dict)
    _attempts: list[tuple[str, Recorder]] = field(init=False, default_factory=list)
    _filled: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        # What the workspace starts with is known before a byte of it is written.
        states = {path: FileState("directory", FOLDER_MODE) for path in self.sources.folders}
        states |= {path: content.state for path, content in self.sources.files.items()}
        self._before = Snapshot(states)
        self._seen = Seen(self._before, {}, {})

    def begin(self) -> None:
        """Fill the workspace and look at it.

        Raises:
            StoreError: The system refused; no step may run then.
        """
        for path in self.sources.folders:
            state = FileState("directory", FOLDER_MODE)
            put_back(self.workspace.root, path, state, None)
        self.workspace.populate(
            SourceFile(path, content.data, content.mode)
            for path, content in sorted(self.sources.files.items())
        )
        self._before = take(self.workspace.root)
        self._seen = Seen(self._before, {}, {})
        self._filled = True
        self._look()

    def run(self, step: Step) -> StepResult:
        """Run one command step."""
        if step.tool:
            self.call(step)
        spec = StepSpec(
            argv=argv_of(step),
            cwd=step.workdir,
            env=self.environment,
            timeout_seconds=step.timeout_seconds,
            max_output_bytes=step.max_output_bytes,
            scope=scope_of(self.lane, network=self.network),
        )
        return self._confined(step.id, spec)

    def _confined(self, name: str, spec: StepSpec) -> StepResult:
        """Run a command, and keep what it tried."""
        result = self.confinement.run(spec, self.workspace)
        if result.attempts is not None:
            self._attempts.append((name, result.attempts))
        if result.exchanges is not None:
            self._exchanges.append((name, result.exchanges))
        return result

    def exchanges(self) -> Exchanges | None:
        """Write down what went to allowed destinations; None where there is no proxy."""
        if not self.lane.network or not self.confinement.grades().network.enforced_by:
            return None
        rows = [
            ExchangeRow(
                step=name,
                kind=each.kind,
                host=_line(each.host) or "?",
                port=each.port,
                method=_line(each.method),
                path=_line(each.path),
                status=each.status,
                sent=each.sent,
                received=each.received,
                request=each.request,
                response=each.response,
                outcome=each.outcome,
            )
            for name, recording in self._exchanges
            for each in recording.rows()
        ]
        complete = not any(recording.dropped for _, recording in self._exchanges)
        return Exchanges(complete=complete, exchanges=tuple(rows))

    def attempts(self) -> Attempts | None:
        """Write down what steps, undo steps and views tried; None where nobody recorded."""
        if not self.confinement.records:
            return None
        return Attempts(
            complete=all(recorder.complete for _, recorder in self._attempts),
            attempts=tuple(
                AttemptRow(
                    step=name,
                    kind=each.kind,
                    call=each.call,
                    target=_line(each.target),
                    outcome=each.outcome,
                    count=count,
                )
                for name, recorder in self._attempts
                for each, count in recorder.counts.items()
            ),
        )

    @property
    def before(self) -> Snapshot:
        """What the workspace started with."""
        return self._before

    @property
    def environment(self) -> dict[str, str]:
        """The variables that every step gets."""
        rules = self.lane.environment
        if rules is None:
            return build_environment((), {}, {})
        return build_environment(
            rules.allow, self.variables, {item.name: item.content for item in rules.set}
        )

    def call(self, step: Step) -> None:
        """Record that a named operation was called; what is not allowed was never admitted."""
        number = len(self._calls) + 1
        decision = ToolDecision.ALLOWED
        tool, target = tool_of(step), target_of(self.lane, step)
        self._calls.append(
            ToolCall(number=number, step=step.id, tool=tool, target=target, decision=decision)
        )

    def apply_documents(self) -> None:
        """Put the documents of publish steps where they are to be, in the workspace."""
        for step in self.lane.steps:
            if step.builtin is Builtin.PUBLISH and step.document:
                content = self.sources.documents[step.document]
                put_back(
                    self.workspace.root, self.surface_of(step).path, content.state, content.data
                )

    def record_publication(self, step: Step) -> None:
        """Record the tool operation that a publish step is (001:38)."""
        self.call(step)

    def surface_of(self, step: Step) -> AllowedSurface:
        """Return the surface that a publish step publishes."""
        return next(surface for surface in self.lane.allowed if surface.id in step.touches)

    def look(self) -> None:
        """Look at what was applied, and keep the contents of what changed; never fails."""
        if self._filled:  # else no step ran
            self._seen = look_at(
                self.workspace.root, self._before, self.scanner, self._is_withheld, self.veil
            )
            self._look()

    def _is_withheld(self, change: Mutation) -> bool:
        """Report whether new content stands on a surface that is withheld."""
        if change.after.kind != "file" or change.after.digest == change.before.digest:
            return False
        surface = self._surface_of(self._id_of(change))
        return surface is not None and surface.retain is Retain.WITHHELD

    def take_back(self) -> RollbackProof:
        """Undo the change and prove what that gave."""
        undone = tuple(self._run_undo())
        for mutation in reversed(self._seen.changes.values()):
            surface = self._covering(mutation.path)
            if surface is None or surface.undo is not Undo.RUN:
                original = self.sources.files.get(mutation.path)
                data = original.data if original else None
                put_back(self.workspace.root, mutation.path, mutation.before, data)
        restored = self._seen.veil_all(take(self.workspace.root, keep_going=True))
        self._look()
        rows = tuple(
            RollbackRow(
                id=f"RB-EXEC-{number}",
                path=mutation.path,
                surface=self._surface_id(mutation.path),
                undo=self._undo_word(mutation.path),
                before=mutation.before,
                applied=mutation.after,
                restored=restored.get(mutation.path),
            )
            for number, mutation in enumerate(self._seen.changes.values(), start=1)
        )
        return draft(
            RollbackProof,
            mutations=rows,
            before=str(self._before.digest),
            applied=str(self._seen.snapshot.digest),
            restored=str(restored.digest),
            undo=undone,
            views=tuple(self._view_rows()),
            reached=True,
        )

    def _run_undo(self) -> Iterator[UndoRun]:
        if not any(surface.undo is Undo.RUN for surface in self.lane.allowed):
            return
        for command in self.lane.rollback.steps if self.lane.rollback else ():
            result = self._command(command)
            failed = _failure(result)
            code = "" if failed is None else str(failed)
            yield UndoRun(id=command.id, exit_code=result.exit_code, code=code)

    def _command(self, command: Command, *, discard: bool = False) -> StepResult:
        spec = StepSpec(
            argv=command.run,
            env=self.environment,
            timeout_seconds=command.timeout_seconds,
            scope=scope_of(self.lane, network=self.network),
            discard=discard,
        )
        return self._confined(command.id, spec)

    def _look(self) -> None:
        """Run the logical views; one that fails has no digest, and proves nothing."""
        for view in self.lane.rollback.views if self.lane.rollback else ():
            try:
                result = self._command(view, discard=True)
            except StoreError:  # the machine fails, or a step took the workspace away
                digest = ""
            else:
                digest = "" if _failure(result) is not None else str(Digest.of(result.stdout))
            self._views.setdefault(view.id, []).append(digest)
        self._look_logically()

    def states(self) -> SurfaceStates | None:
        """Write down what refs and databases were; None where the lane names none."""
        rows = self.logical_rows()
        return SurfaceStates(states=rows) if rows else None

    def logical_rows(self) -> tuple[StateRow, ...]:
        """Return what refs and databases were, as far as was looked, in the lane's order."""
        rows = []
        for each in logical_surfaces(self.lane):
            before, applied, restored, *_ = [*self._logical.get(each, []), "", "", ""]
            rows.append(
                StateRow(
                    surface=each.surface,
                    kind=each.kind,
                    what=each.what,
                    before=before,
                    applied=applied,
                    restored=restored,
                )
            )
        return tuple(rows)

    def touched_surfaces(self) -> tuple[str, ...]:
        """Return the ids of forbidden surfaces on which an attempt was seen, sorted."""
        attempts = self.attempts()
        rows = attempts.attempts if attempts else ()
        return tuple(sorted({surface for surface, _ in tried_surfaces(self.lane, rows)}))

    def _look_logically(self) -> None:
        for each in logical_surfaces(self.lane):

            def run(argv: tuple[str, ...]) -> StepResult:
                spec = StepSpec(argv=argv, scope=scope_of(self.lane, network=False), discard=True)
                return self.confinement.run(spec, self.workspace)

            try:
                found = look_logically(each, self.workspace.root, run)
            except GreenlightError:  # the machine fails, or a step took the workspace away
                found = ""
            self._logical.setdefault(each, []).append(found)

    def _view_rows(self) -> Iterator[ViewRow]:
        for name, (before, applied, restored) in self._views.items():
            yield ViewRow(id=name, before=before, applied=applied, restored=restored)

    # --- what came out -----------------------------------------------------

    def outcomes(self) -> Outcomes:
        """Write down what changed and which operations were called."""
        rows = tuple(
            MutationRow(
                path=mutation.path,
                change=mutation.change,
                surface=self._surface_id(mutation.path),
                before=mutation.before,
                after=mutation.after,
                artifact=self._artifact_of(mutation.path),
            )
            for mutation in self._seen.changes.values()
        )
        return Outcomes(
            before=str(self._before.digest),
            after=str(self._seen.snapshot.digest),
            mutations=rows,
            refused_names=tuple(problem.row for problem in self._seen.snapshot.problems),
            tool_calls=tuple(self._calls),
        )

    def _artifact_of(self, path: str) -> str:
        return f"{OUTPUTS}/{path}" if path in self._seen.content else ""

    def output_artifacts(self) -> dict[str, bytes]:
        """Return the contents of what changed, by path in the packet."""
        return {f"{OUTPUTS}/{path}": data for path, data in self._seen.content.items()}

    def applied(self, path: str) -> Content | None:
        """Return a changed file as it was after the change; None where there is none."""
        state = self._seen.snapshot.get(path)
        if path not in self._seen.content:
            return None
        return Content(self._seen.content[path], state.mode)

    def is_published(self, path: str, surface: AllowedSurface) -> bool:
        """Report whether a change is one that ``surface`` covers; folders follow files.

        A link is one, so that it is refused where it would be published, and not passed over.
        """
        change = self._seen.changes[path]
        leaves = not {change.before.kind, change.after.kind} <= {"absent", "directory"}
        return leaves and self._surface_id(path) == surface.id

    def on_disk(self, path: str) -> FileState:
        """Return what stood at ``path`` where it was read, with the mode it had there."""
        original = self.sources.files.get(path)
        if original is None:
            return ABSENT
        return replace(original.state, mode=original.disk_mode)

    def to_publish(self, path: str) -> FileState:
        """Return what shall stand where ``path`` came from; a mode nobody changed stays."""
        change, original = self._seen.changes[path], self.sources.files.get(path)
        if original is not None and change.after.mode == original.mode:
            return replace(change.after, mode=original.disk_mode)
        return change.after

    def changed(self) -> tuple[str, ...]:
        return tuple(self._seen.changes)

    def pins(self) -> Pins:
        """Write down the pinned documents' digests, before and after."""
        return Pins(
            pins=tuple(
                draft(
                    PinRow,
                    before=self._normalised(pin.path, before=True),
                    after=self._normalised(pin.path, before=False),
                    name=pin.name,
                )
                for pin in self.lane.pins
            )
        )

    def _normalised(self, path: str, *, before: bool) -> str:
        data = self._bytes(path, before=before)
        try:
            return "" if data is None else str(Digest.of(normalise_document(data)))
        except MalformedError:
            return ""  # not text any more: no digest equals the pin

    def _bytes(self, path: str, *, before: bool) -> bytes | None:
        if not before and path in self._seen.content:
            return self._seen.content[path]
        if not before and (self._seen.blind or self._seen.snapshot.get(path) == ABSENT):
            return None
        original = self.sources.files.get(path)
        return original.data if original else None

    def tickets(self) -> ReservedTickets:
        """Write down the registry's digests, and which tickets it names already."""
        wanted = self.lane.tickets
        registry = wanted.registry if wanted else ()
        texts = [self._bytes(path, before=True) or b"" for path in registry]
        return draft(
            ReservedTickets,
            collisions=tuple(
                name
                for name in ticket_names(self.lane)
                if any(names_ticket(text, name) for text in texts)
            ),
            registry=tuple(
                draft(
                    RegistryFile,
                    path=path,
                    before=self._before.get(path).digest,
                    after="" if self._seen.blind else self._seen.snapshot.get(path).digest,
                )
                for path in registry
            ),
        )

    def veiled(self, path: str, state: FileState) -> FileState:
        """Return what stands at ``path`` as the documents may show it."""
        return self._seen.veil(path, state)

    def _covering(self, path: str) -> AllowedSurface | None:
        return self._surface_of(self._surface_id(path))

    def _surface_of(self, name: str) -> AllowedSurface | None:
        return next((surface for surface in self.lane.allowed if surface.id == name), None)

    def _surface_id(self, path: str) -> str:
        return self._id_of(self._seen.changes[path])

    def _id_of(self, change: Mutation) -> str:
        folder = "directory" in (change.before.kind, change.after.kind)
        return covering_surface(self.lane.allowed, change.path, change.change, folder=folder)

    def _undo_word(self, path: str) -> str:
        surface = self._covering(path)
        return "" if surface is None else surface.undo.value


def _line(text: str) -> str:
    """Return what a step has said as one line of text."""
    return spell_target(text.encode("utf-8", "surrogateescape"))[0]


def scope_of(lane: Lane, *, network: bool = True) -> Scope:
    """Return what the commands of a lane may change in the workspace, and what they must not."""
    return Scope(
        allowed=tuple(surface.path for surface in lane.allowed),
        forbidden=tuple(path for surface in lane.forbidden for path in surface.paths),
        programs=tuple(name for surface in lane.forbidden for name in surface.programs),
        execute=bool(lane.environment and lane.environment.execute),
        destinations=tuple(
            Destination(each.host, each.port, each.intercept) for each in lane.network if network
        ),
    )


def _failure(result: StepResult) -> Code | None:
    return Code.STEP_OUTLIVED if result.outlived else result.code


def unexpected(step: Step, result: StepResult) -> Code | None:
    """Return why a step failed, or None where it ended as the lane expects."""
    if result.outlived:
        return Code.STEP_OUTLIVED
    if result.exit_code is not None and result.code in (None, Code.STEP_FAILED):
        return None if result.exit_code in step.expect_exit else Code.STEP_FAILED
    return result.code
