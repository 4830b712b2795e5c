"""Steps in a box: prevented by the kernel, observed from outside, and graded as far as that goes.

``Confined`` makes of this host what it can (``box.ability``), says in its grades what that is,
and does it for every step, or refuses to start.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from greenlight.codes import Code
from greenlight.errors import RefusedError, StoreError
from greenlight.execution.attempts import Attempt, Scope
from greenlight.execution.box import child, landlock, running, tree
from greenlight.execution.box.ability import Ability, find_ability
from greenlight.execution.box.changes import changes
from greenlight.execution.box.upper import put_into_place
from greenlight.execution.confinement import TOOL_TABLE, is_folder
from greenlight.execution.process import NOT_FOUND
from greenlight.execution.removal import remove_tree
from greenlight.execution.steps import PYTHON, StepResult, StepSpec
from greenlight.execution.workspace import DEFAULT_PARENT, Workspace
from greenlight.model.documents.attempts import AttemptKind, AttemptOutcome
from greenlight.model.documents.exchanges import ExchangeOutcome
from greenlight.model.grades import RECORDER, TRACER, UNKNOWN, Grade, Grades
from greenlight.model.snapshot import Mutation

if TYPE_CHECKING:
    from greenlight.execution.proxy.authority import Authority

Seen = TypeVar("Seen")

PROXY_PORT: Final = 3128
_CERTIFICATE: Final = "greenlight-ca.pem"
_PROXY_VARIABLES: Final = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")
_CERTIFICATE_VARIABLES: Final = (
    "CURL_CA_BUNDLE", "GIT_SSL_CAINFO", "NODE_EXTRA_CA_CERTS", "PIP_CERT", "REQUESTS_CA_BUNDLE",
    "SSL_CERT_FILE",
)  # fmt: skip
_SYSTEM: Final = ("/usr/", "/bin/", "/nix/")
_PROGRAMS: Final = ("/usr/bin", "/bin", "/usr/local/bin", "/usr/sbin", "/sbin", "/usr/local/sbin")


@dataclass(frozen=True, slots=True)
class Confined:
    """Runs each step in a box of its own.

    Attributes:
        ability: What this host lets a box be made of.
        limits: What a step may use.
        on_output: Told descriptor and bytes of what a step prints, as it comes.
    """

    ability: Ability
    limits: child.Limits = field(default_factory=child.Limits)
    on_output: Callable[[int, bytes], None] | None = None

    @classmethod
    def here(cls, parent: Path | None = None) -> Confined:
        """Return what can be done for workspaces in ``parent``, or in /tmp."""
        return cls(find_ability(parent or DEFAULT_PARENT))

    @property
    def name(self) -> str:
        if self.ability.full:
            return "box"
        return "box, degraded" if self.ability.filter else "unconfined"

    @property
    def records(self) -> bool:
        return self.ability.records

    def grades(self) -> Grades:
        """Say what every step is kept from, and by what; nothing that is not done is claimed."""
        return grades_of(self.ability)

    def run(self, spec: StepSpec, workspace: Workspace) -> StepResult:
        """Run one step; its changes are in the workspace when it returns, unless discarded.

        Raises:
            StoreError: The box cannot be made, though it could be before; the machine fails.
        """
        if not is_folder(workspace, spec.cwd):
            return NOT_FOUND
        result = self._boxed(spec, workspace, "root")
        if self.ability.overlay:
            if not spec.discard:
                put_into_place(workspace.folder / "upper", workspace.root)
            _empty(workspace)
        return result

    def run_over(
        self, spec: StepSpec, workspace: Workspace, folder: Path
    ) -> tuple[StepResult, tuple[Mutation, ...]]:
        """Run one command over a folder that stays as it is; return what it would have changed.

        Args:
            spec: The command.
            workspace: Where the changes lie meanwhile; its own folder is not looked at.
            folder: What the command sees as its working directory; there must be an overlay.

        Raises:
            StoreError: The box cannot be made; the machine fails.
        """
        return self.run_above(spec, workspace, folder, lambda upper: changes(folder, upper))

    def run_above(
        self, spec: StepSpec, workspace: Workspace, folder: Path, look: Callable[[Path], Seen]
    ) -> tuple[StepResult, Seen]:
        """Do the same, and return what ``look`` sees in the overlay's upper directory.

        Args:
            spec: The command.
            workspace: Where the changes lie meanwhile.
            folder: What the command sees as its working directory.
            look: Given the upper directory, before it is gone.

        Raises:
            StoreError: As above.
        """
        # By a name of our own: no character of the folder's path means anything to the mount.
        link = workspace.folder / "lower"
        link.symlink_to(folder)
        try:
            result = self._boxed(spec, workspace, "lower")
            return result, look(workspace.folder / "upper")
        finally:
            link.unlink()
            _empty(workspace)

    def _boxed(self, spec: StepSpec, workspace: Workspace, lower: str) -> StepResult:
        started = time.monotonic()
        for name in ("upper", "work", "new"):
            (workspace.folder / name).mkdir(exist_ok=True)
        layout = self._layout(spec.scope, workspace, lower)
        command = self._command(spec, workspace)
        walls, authority = self.ability.walls, None
        if spec.scope.destinations and self.ability.namespaces:
            walls = replace(walls, proxy=PROXY_PORT)
            authority = _authority(spec.scope, workspace)
            env = _through_proxy(command.env, trusted=authority is not None)
            command = replace(command, env=env)
        bounds = running.Bounds(spec.timeout_seconds, spec.max_output_bytes, self.limits.disk_bytes)
        try:
            done = running.run_boxed(
                layout, command, spec.scope, walls, bounds, self.on_output, authority
            )
        except running.BoxError as error:
            raise StoreError(
                Code.IO_FAILED, f"the box of a step could not be made: {error}"
            ) from error
        _refused(done)
        elapsed = round((time.monotonic() - started) * 1000)
        return replace(_result(done), duration_ms=elapsed)

    def _layout(self, scope: Scope, workspace: Workspace, lower: str) -> tree.Layout:
        return tree.Layout(
            folder=workspace.folder,
            lower=lower,
            readable=_interpreter(),
            locked=tuple(_locked(workspace.folder / lower, scope)) if scope.forbidden else (),
            masked=tuple(_masked(scope.programs)),
            overlay=self.ability.overlay,
            execute=scope.execute,
            names=_names(),
        )

    def _command(self, spec: StepSpec, workspace: Workspace) -> child.Command:
        program = sys.executable if spec.argv[0] == PYTHON else spec.argv[0]
        if self.ability.namespaces:
            home, tmp = tree.WORKSPACE, tree.TMP
        else:
            home, tmp = str(workspace.root), str(workspace.tmp)
        env = {"HOME": home, "TMPDIR": tmp} | dict(spec.env)
        cwd = f"{home}/{spec.cwd}" if spec.cwd else home
        return child.Command((program, *spec.argv[1:]), env, cwd, self.limits)


def require_enforced(ability: Ability) -> None:
    """Refuse to go on where this host leaves anything open.

    Raises:
        RefusedError: CONFINEMENT_LACKS, with what is missing and why.
    """
    if not ability.full:
        why = "; ".join(f"{what}: {because}" for what, because in ability.why)
        raise RefusedError(
            Code.CONFINEMENT_LACKS,
            f"this host cannot enforce everything: {why or 'no namespaces'}",
            hint="greenlight doctor says what that leaves UNKNOWN",
        )


def grades_of(ability: Ability) -> Grades:
    """Return the grades of a host: one table, which docs/design.md shows."""
    tool = Grade(enforced_by=TOOL_TABLE, observed_by=TOOL_TABLE)
    recorder = RECORDER if ability.notify else TRACER if ability.trace else ""
    snapshot = "before/after snapshot"
    if ability.namespaces:
        ruled = f", Landlock {ability.landlock}" if ability.landlock else ""
        overlay = "overlay upper directory, " if ability.overlay else ""
        return Grades(
            path_workspace=Grade(
                enforced_by="what is forbidden and there is mounted read-only",
                observed_by=f"{overlay}{snapshot}",
            ),
            path_outside=Grade(
                enforced_by=f"mount namespace: a read-only tree without the host's homes{ruled}",
                observed_by=recorder,
            ),
            network=Grade(
                enforced_by="network namespace without a route, seccomp", observed_by=recorder
            ),
            program=Grade(
                enforced_by="masked by name; nothing that can be written is executed",
                observed_by=recorder,
            ),
            environment=Grade(enforced_by="allow-list; pid and mount namespaces"),
            tool=tool,
        )
    writes = ability.landlock >= landlock.WRITES_ABI
    return Grades(
        path_workspace=Grade(observed_by=snapshot),
        path_outside=Grade(enforced_by=f"Landlock {ability.landlock}", observed_by=recorder)
        if writes
        else UNKNOWN,
        # Without a namespace UDP, Unix sockets and names stay open: a record is no proof.
        network=UNKNOWN,
        program=UNKNOWN,
        environment=Grade(enforced_by="allow-list"),
        tool=tool,
    )


def _refused(done: running.Boxed) -> None:
    """Count what was asked of the proxy in vain among the attempts: there a step says a name."""
    for each in done.recording.rows() if done.recording else ():
        if each.outcome is ExchangeOutcome.REFUSED:
            target = f"{each.host}:{each.port}"
            attempt = Attempt(AttemptKind.NETWORK, "proxy", target, AttemptOutcome.DENIED)
            done.recorder.add(attempt)


def _result(done: running.Boxed) -> StepResult:
    exit_code = number = None
    code: Code | None = None
    if done.not_started:
        return replace(NOT_FOUND, attempts=done.recorder)
    if done.status is not None:
        ended = os.waitstatus_to_exitcode(done.status)
        exit_code, number = (ended, None) if ended >= 0 else (None, -ended)
        code = None if exit_code == 0 else Code.STEP_FAILED
    if done.timed_out:
        code = Code.STEP_TIMED_OUT
    elif done.output_exceeded:
        code = Code.STEP_OUTPUT_LIMIT
    elif done.disk_exceeded:
        code = Code.STEP_DISK_LIMIT
    elif done.status is None:
        code = Code.STEP_FAILED
    return StepResult(
        exit_code=exit_code,
        signal=number,
        timed_out=done.timed_out,
        output_exceeded=done.output_exceeded,
        not_found=False,
        stdout=done.stdout,
        stderr=done.stderr,
        duration_ms=0,
        code=code,
        attempts=done.recorder,
        exchanges=done.recording,
    )


def _authority(scope: Scope, workspace: Workspace) -> Authority | None:
    """Return who signs for what is intercepted, and put its certificate where a step finds it."""
    if not any(each.intercept for each in scope.destinations):
        return None
    from greenlight.execution.proxy.authority import Authority  # noqa: PLC0415 - few lanes need it

    authority = Authority()
    (workspace.tmp / _CERTIFICATE).write_bytes(authority.pem)
    return authority


def _through_proxy(env: Mapping[str, str], *, trusted: bool) -> dict[str, str]:
    """Return an environment that tells programs of the proxy, in every spelling they know."""
    made = dict.fromkeys(_PROXY_VARIABLES, f"http://127.0.0.1:{PROXY_PORT}")
    if trusted:
        made |= dict.fromkeys(_CERTIFICATE_VARIABLES, f"{tree.TMP}/{_CERTIFICATE}")
    return made | dict(env)


def _interpreter() -> tuple[str, ...]:
    """Return the folders of the Python that runs greenlight: ``@python`` of a lane."""
    folders = {sys.prefix, sys.base_prefix, sys.exec_prefix}
    folders.add(str(Path(os.path.realpath(sys.executable)).parent))
    folders -= {"/", "/home", "/root", "/tmp"}  # noqa: S108 - never as a whole
    return tuple(sorted(os.path.realpath(path) for path in folders) + sorted(folders))


def _names() -> dict[str, str]:
    """Return what the record calls the interpreter: where it lies is this machine's affair."""
    names = {sys.executable: PYTHON, os.path.realpath(sys.executable): PYTHON}
    for prefix in (sys.prefix, sys.base_prefix):
        if not f"{prefix}/".startswith(_SYSTEM):  # there it is the system's, as all else
            names[f"{prefix}/"] = f"{PYTHON}:"
    return names


def _locked(root: Path, scope: Scope) -> Iterator[str]:
    """Yield what is in the workspace and forbidden; of a folder, not what is below it."""
    for folder, names, files in os.walk(root):
        prefix = os.path.relpath(folder, root)
        prefix = "" if prefix == "." else f"{prefix}/"
        for name in sorted((*names, *files)):
            path = prefix + name
            if scope.forbids(path) and not (root / path).is_symlink():
                yield path
                if name in names:
                    names.remove(name)


def _masked(programs: tuple[str, ...]) -> Iterator[str]:
    """Yield the files of programs that must not be started, each once."""
    seen = set()
    for name in programs:
        for folder in _PROGRAMS:
            path = os.path.realpath(f"{folder}/{name}")
            inside = path.startswith(("/usr/", "/bin/", "/sbin/", "/nix/"))
            if inside and Path(path).is_file() and path not in seen:
                seen.add(path)
                yield path


def _empty(workspace: Workspace) -> None:
    """Leave nothing in the upper directory for the next step."""
    for name in ("upper", "work"):
        folder = workspace.folder / name
        if left := remove_tree(folder):
            raise StoreError(Code.IO_FAILED, f"{name}: {left[0]}")
        folder.mkdir()
