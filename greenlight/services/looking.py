"""Look at a workspace after its steps, and keep the contents of what changed.

Looking never fails: what cannot be seen or kept is a problem in the snapshot, with a
code, so that no step keeps its own deeds out of the evidence.  A snapshot with a
problem proves nothing, and stops the run before anything is published.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from greenlight.codes import Code
from greenlight.errors import GreenlightError, StoreError
from greenlight.execution.gather import read_file
from greenlight.execution.snapshot import take
from greenlight.model.snapshot import FileState, Mutation, Snapshot, SnapshotProblem, diff
from greenlight.primitives.digest import Digest
from greenlight.primitives.limits import MAX_DOCUMENT_BYTES, MAX_PACKET_BYTES
from greenlight.primitives.packet_path import collisions, path_problem
from greenlight.services.veiling import Veil
from greenlight.verify.secrets import Scanner

OUTPUTS = "artifacts/outputs"
WHOLE = "."  # the place of a problem that hides the whole workspace
# Of one change in the largest document that lists it: three states, and its texts, escaped.
_ROW_BYTES, _TEXT_FACTOR = 1200, 6


@dataclass(frozen=True, slots=True)
class Seen:
    """What stood in the workspace after the steps.

    Attributes:
        snapshot: All of it, and what could not be seen or kept.
        changes: What is not as it was, by path, sorted.
        content: Bytes of the changed files, by path.
        blind: Whether nobody knows what changed: the states are then those of before,
            and nothing may be concluded from them.
        hidden: Digest of the new content of each changed file that is withheld, by path;
            ``snapshot`` and ``changes`` have another in its place.
    """

    snapshot: Snapshot
    changes: dict[str, Mutation]
    content: Mapping[str, bytes]
    blind: bool = False
    hidden: Mapping[str, str] = field(default_factory=dict)

    def veil(self, path: str, state: FileState) -> FileState:
        """Return a state seen later as the documents may show it: equal to what it equals."""
        change = self.changes.get(path)
        if path not in self.hidden or change is None or state.kind != "file":
            return state
        if state.digest == self.hidden[path]:
            return replace(state, digest=change.after.digest)
        if state.digest == change.before.digest:
            return state
        return replace(state, digest="")  # what it holds now is nobody's business either

    def veil_all(self, snapshot: Snapshot) -> Snapshot:
        """Return a snapshot taken later as the documents may show it."""
        states = {path: self.veil(path, state) for path, state in snapshot.states.items()}
        return Snapshot(states, snapshot.problems)


def look_at(
    root: Path,
    before: Snapshot,
    scanner: Scanner,
    withheld: Callable[[Mutation], bool],
    veil: Veil,
) -> Seen:
    """Look once, and compare with what stood there before.

    Args:
        root: The workspace.
        before: What it started with.
        scanner: Knows a secret in a name, which could not be withheld as an artifact can.
        withheld: Says of which changes the new content is withheld.
        veil: Gives the digests of those.
    """
    try:
        snapshot = take(root, keep_going=True)
    except StoreError as error:
        if root.exists() or root.is_symlink():
            return _blind(before, error.code)
        snapshot = Snapshot({}, (SnapshotProblem.of(WHOLE, error.code),))
    changes = diff(before, snapshot)
    if sum(map(row_bytes, changes)) > MAX_DOCUMENT_BYTES:
        return _blind(before, Code.LIMIT_EXCEEDED)
    if any(scanner.scan(WHOLE, _texts(change)) for change in changes):
        return _blind(before, Code.SECRET_IN_EVIDENCE)
    content: dict[str, bytes] = {}
    unkept = tuple(_keep(root, snapshot, changes, content))
    hidden = {change.path: change.after.digest for change in changes if withheld(change)}
    states = dict(snapshot.states)
    for path in hidden:
        data = content.get(path)
        digest = "" if data is None else veil.digest(f"{OUTPUTS}/{path}", data)
        states[path] = replace(states[path], digest=digest)
    whole = Snapshot(states, (*snapshot.problems, *unkept))
    return Seen(
        whole,
        {change.path: replace(change, after=whole.get(change.path)) for change in changes},
        content,
        hidden=hidden,
    )


def _blind(before: Snapshot, code: Code) -> Seen:
    problem = SnapshotProblem.of(WHOLE, code)
    return Seen(Snapshot(before.states, (problem,)), {}, {}, blind=True)


def _texts(change: Mutation) -> bytes:
    return f"{change.path}\n{change.after.target}".encode()


def row_bytes(change: Mutation) -> int:
    """Return what a change takes at most in the largest document that lists it."""
    return _ROW_BYTES + _TEXT_FACTOR * len(_texts(change))


def _keep(
    root: Path, snapshot: Snapshot, changes: Iterable[Mutation], content: dict[str, bytes]
) -> Iterator[SnapshotProblem]:
    """Read the changed files into ``content``; yield what no packet can hold."""
    refused = {problem.path for problem in snapshot.problems}
    files = {
        change.path: change.after
        for change in changes
        if change.after.kind == "file" and change.path not in refused
    }
    folded = {other for _, other in collisions(files)}
    left = MAX_PACKET_BYTES
    for path, state in files.items():
        code = Code.PATH_COLLISION if path in folded else path_problem(f"{OUTPUTS}/{path}")
        if code is None and state.bytes > left:
            code = Code.LIMIT_EXCEEDED
        data = b""
        try:
            data = b"" if code else _read(root, path, state)
        except GreenlightError as error:
            code = error.code
        if code is None:
            content[path] = data
            left -= len(data)
        else:
            yield SnapshotProblem.of(path, code)


def _read(root: Path, path: str, state: FileState) -> bytes:
    """Read a file again; a daemon that a step left may have changed it meanwhile."""
    data = read_file(root, path).data or b""
    if str(Digest.of(data)) != state.digest:
        raise StoreError(Code.FILE_CHANGED, "changed since it was hashed")
    return data
