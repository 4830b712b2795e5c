"""Apply a change in a disposable workspace, look at it, take it back, and look again.

Run and rerun share this: the same lane and sources give the same outcomes here, or
the lane is not deterministic and a replay says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from greenlight.codes import Code
from greenlight.errors import GreenlightError, MalformedError
from greenlight.execution.confinement import Confinement
from greenlight.execution.gather import read_file
from greenlight.execution.snapshot import take
from greenlight.execution.steps import StepResult, StepSpec, build_environment
from greenlight.execution.undo import put_back
from greenlight.execution.workspace import SourceFile, Workspace
from greenlight.model.codec import draft
from greenlight.model.documents import Outcomes, Pins, ReservedTickets, RollbackProof
from greenlight.model.documents.outcomes import MutationRow, ToolCall, ToolDecision
from greenlight.model.documents.pins import PinRow
from greenlight.model.documents.reserved_tickets import RegistryFile
from greenlight.model.documents.rollback_proof import RollbackRow, UndoRun, ViewRow
from greenlight.model.lane import AllowedSurface, Builtin, Command, Lane, Step, Undo
from greenlight.model.snapshot import ABSENT, FileState, Mutation, Snapshot, diff, shorten
from greenlight.primitives.digest import Digest
from greenlight.primitives.text import normalise_document
from greenlight.services.admission import names_ticket
from greenlight.services.sources import FOLDER_MODE, Content, Sources
from greenlight.verify.derive.checked import ticket_names
from greenlight.verify.derive.execution_plan import argv_of
from greenlight.verify.lane import UPLOAD
from greenlight.verify.scope import covering_surface

OUTPUTS = "artifacts/outputs"


@dataclass(slots=True)
class Staging:
    """The change of a lane, staged.

    Attributes:
        lane: What to do.
        sources: What the workspace starts with.
        confinement: What steps run in.
        workspace: Where they run.
        variables: The caller's variables that the lane allows, by name.
    """

    lane: Lane
    sources: Sources
    confinement: Confinement
    workspace: Workspace
    variables: Mapping[str, str]
    _before: Snapshot = field(init=False)
    _applied: Snapshot = field(init=False)
    _changes: dict[str, Mutation] = field(init=False, default_factory=dict)
    _views: dict[str, list[str]] = field(init=False, default_factory=dict)
    _content: dict[str, bytes] = field(init=False, default_factory=dict)
    _calls: list[ToolCall] = field(init=False, default_factory=list)
    _unkept: list[str] = field(init=False, default_factory=list)

    def begin(self) -> None:
        """Fill the workspace and look at it."""
        for path in self.sources.folders:
            state = FileState("directory", FOLDER_MODE)
            put_back(self.workspace.root, path, state, None)
        self.workspace.populate(
            SourceFile(path, content.data, content.mode)
            for path, content in sorted(self.sources.files.items())
        )
        self._before = self._applied = take(self.workspace.root)
        self._look()

    def run(self, step: Step) -> StepResult:
        """Run one command step."""
        if step.tool:
            self.call(step, step.tool, ", ".join(step.touches))
        return self.confinement.run(
            StepSpec(
                argv=argv_of(step),
                cwd=step.workdir,
                env=self.environment,
                timeout_seconds=step.timeout_seconds,
                max_output_bytes=step.max_output_bytes,
            ),
            self.workspace,
        )

    @property
    def environment(self) -> dict[str, str]:
        """The variables that every step gets."""
        rules = self.lane.environment
        if rules is None:
            return build_environment((), {}, {})
        return build_environment(
            rules.allow, self.variables, {item.name: item.content for item in rules.set}
        )

    def call(self, step: Step, tool: str, target: str) -> None:
        """Record that a named operation was called; what is not allowed was never admitted."""
        number = len(self._calls) + 1
        decision = ToolDecision.ALLOWED
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

    def record_publications(self) -> None:
        """Record the tool operation that each publish step is (001:38)."""
        for step in self.lane.steps:
            if step.builtin is Builtin.PUBLISH:
                self.call(step, step.tool or UPLOAD, self.surface_of(step).path)

    def surface_of(self, step: Step) -> AllowedSurface:
        """Return the surface that a publish step publishes."""
        return next(surface for surface in self.lane.allowed if surface.id in step.touches)

    def look(self) -> None:
        """Look at what was applied, and keep the contents of what changed."""
        self._applied = take(self.workspace.root, keep_going=True)
        self._look()
        self._changes = {change.path: change for change in diff(self._before, self._applied)}
        refused = {problem.path for problem in self._applied.problems}
        for path, mutation in self._changes.items():
            if mutation.after.kind == "file" and path not in refused:
                self._keep_content(path, mutation.after)

    def _keep_content(self, path: str, state: FileState) -> None:
        """Keep a changed file's bytes; a daemon of a step may have changed them again."""
        try:
            data = read_file(self.workspace.root, path).data or b""
        except GreenlightError as error:
            self._unkept.append(f"{path} ({error.code})")
            return
        if str(Digest.of(data)) == state.digest:
            self._content[path] = data
        else:
            self._unkept.append(f"{path} ({Code.FILE_CHANGED})")

    def take_back(self) -> RollbackProof:
        """Undo the change and prove what that gave."""
        undone = tuple(self._run_undo())
        for mutation in reversed(self._changes.values()):
            surface = self._covering(mutation.path)
            if surface is None or surface.undo is not Undo.RUN:
                original = self.sources.files.get(mutation.path)
                data = original.data if original else None
                put_back(self.workspace.root, mutation.path, mutation.before, data)
        restored = take(self.workspace.root, keep_going=True)
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
            for number, mutation in enumerate(self._changes.values(), start=1)
        )
        return draft(
            RollbackProof,
            mutations=rows,
            before=str(self._before.digest),
            applied=str(self._applied.digest),
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
            code = "" if result.code is None else str(result.code)
            yield UndoRun(id=command.id, exit_code=result.exit_code, code=code)

    def _command(self, command: Command) -> StepResult:
        spec = StepSpec(
            argv=command.run, env=self.environment, timeout_seconds=command.timeout_seconds
        )
        return self.confinement.run(spec, self.workspace)

    def _look(self) -> None:
        """Run the logical views; one that fails has no digest, and proves nothing."""
        for view in self.lane.rollback.views if self.lane.rollback else ():
            result = self._command(view)
            digest = "" if result.code is not None else str(Digest.of(result.stdout))
            self._views.setdefault(view.id, []).append(digest)

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
                artifact=f"{OUTPUTS}/{mutation.path}" if mutation.path in self._content else "",
            )
            for mutation in self._changes.values()
        )
        return Outcomes(
            before=str(self._before.digest),
            after=str(self._applied.digest),
            mutations=rows,
            refused_names=tuple(
                shorten(text, text.encode())
                for text in (
                    *(f"{p.path} ({p.code})" for p in self._applied.problems),
                    *self._unkept,
                )
            ),
            tool_calls=tuple(self._calls),
        )

    def output_artifacts(self) -> dict[str, bytes]:
        """Return the contents of what changed, by path in the packet."""
        return {f"{OUTPUTS}/{path}": data for path, data in self._content.items()}

    def applied(self, path: str) -> Content | None:
        """Return a changed file as it was after the change; None where there is none."""
        state = self._applied.get(path)
        if path not in self._content:
            return None
        return Content(self._content[path], state.mode)

    def is_file_change(self, path: str) -> bool:
        """Report whether a change made, changed or deleted a file; folders follow files."""
        change = self._changes[path]
        return "file" in (change.before.kind, change.after.kind)

    def on_disk(self, path: str) -> FileState:
        """Return what stood at ``path`` where it was read, with the mode it had there."""
        original = self.sources.files.get(path)
        if original is None:
            return ABSENT
        return replace(original.state, mode=original.disk_mode)

    def to_publish(self, path: str) -> FileState:
        """Return what shall stand where ``path`` came from; a mode nobody changed stays."""
        change, original = self._changes[path], self.sources.files.get(path)
        if original is not None and change.after.mode == original.mode:
            return replace(change.after, mode=original.disk_mode)
        return change.after

    def changed(self) -> tuple[str, ...]:
        return tuple(self._changes)

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
        if not before and path in self._content:
            return self._content[path]
        if not before and self._applied.get(path) == ABSENT:
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
                    after=self._applied.get(path).digest,
                )
                for path in registry
            ),
        )

    def _covering(self, path: str) -> AllowedSurface | None:
        name = self._surface_id(path)
        return next((surface for surface in self.lane.allowed if surface.id == name), None)

    def _surface_id(self, path: str) -> str:
        mutation = self._changes[path]
        folder = "directory" in (mutation.before.kind, mutation.after.kind)
        return covering_surface(self.lane.allowed, path, mutation.change, folder=folder)

    def _undo_word(self, path: str) -> str:
        surface = self._covering(path)
        return "" if surface is None else surface.undo.value


def unexpected(step: Step, result: StepResult) -> Code | None:
    """Return why a step failed, or None where it ended as the lane expects."""
    if result.outlived:
        return Code.STEP_OUTLIVED
    if result.exit_code is not None and result.code in (None, Code.STEP_FAILED):
        return None if result.exit_code in step.expect_exit else Code.STEP_FAILED
    return result.code
