"""Read what a lane needs from the folder that its file stands in, once, before anything runs.

Modes are brought to 0644 and 0755, so that a clone made under another umask gives
the same workspace, and so the same packet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from greenlight.codes import Code
from greenlight.errors import RefusedError
from greenlight.execution.gather import Gathered, gather, read_file
from greenlight.model.documents import Workspace
from greenlight.model.documents.workspace import WorkspaceFile
from greenlight.model.lane import Lane
from greenlight.model.snapshot import FileState
from greenlight.primitives.digest import Digest
from greenlight.primitives.limits import MAX_DOCUMENT_BYTES, MAX_PACKET_BYTES, MAX_PACKET_FILES
from greenlight.primitives.packet_path import collisions, path_problem
from greenlight.primitives.text import escape

# Of one file in workspace.json: its digest, mode and length, and its path twice, escaped.
_ROW_BYTES, _PATH_FACTOR = 300, 4


@dataclass(frozen=True, slots=True)
class Content:
    """A file's bytes and mode.

    Attributes:
        data: The bytes.
        mode: As the workspace gives it: 0644, or 0755 where it may be executed.
        disk_mode: As it was where it was read; empty where it was not read from a disk.
    """

    data: bytes
    mode: str = "0644"
    disk_mode: str = ""

    @property
    def state(self) -> FileState:
        return FileState("file", self.mode, len(self.data), str(Digest.of(self.data)))


@dataclass(frozen=True, slots=True)
class Sources:
    """What a run starts with.

    Attributes:
        files: Files of the workspace, by path in it.
        folders: Folders of the workspace, sorted.
        documents: Sources of publish steps, by path beside the lane file.
    """

    files: Mapping[str, Content]
    folders: tuple[str, ...]
    documents: Mapping[str, Content]


def load_sources(folder: Path, lane: Lane) -> Sources:
    """Read the workspace's sources and the documents to publish.

    Raises:
        StoreError: Something is absent, unreadable, changing, or nothing a packet can hold.
        RefusedError: Two sources claim one path of the workspace, or one packet could not
            hold it all: then nothing is begun that could not be sealed.
    """
    files: dict[str, Content] = {}
    folders: set[str] = set()
    for source in lane.workspace:
        for found in gather(folder, source.source):
            path = source.at + found.path.removeprefix(source.source)
            if path in files:
                raise RefusedError(
                    Code.LANE_MALFORMED, f"two workspace sources claim {escape(path)}"
                )
            above = path.split("/")[:-1]
            folders.update("/".join(above[:n]) for n in range(1, len(above) + 1))
            if found.data is None:
                folders.add(path)
            else:
                files[path] = _content(found)
    documents = {
        step.document: _content(read_file(folder, step.document))
        for step in lane.steps
        if step.document
    }
    sources = Sources(files, tuple(sorted(folders)), documents)
    _require_packable(sources)
    return sources


def _require_packable(sources: Sources) -> None:
    kept = source_artifacts(sources)
    under = [f"artifacts/workspace/{path}" for path in sources.folders]
    for path in (*kept, *under):
        if (problem := path_problem(path)) is not None:
            raise RefusedError(problem, f"{escape(path)}: {problem.meaning}")
    both = next((path for path in under if path in kept), None)
    if both is not None:
        raise RefusedError(Code.PATH_COLLISION, f"{escape(both)} would be a file and a folder")
    for one, other in collisions(kept):
        shown = f"{escape(one)} and {escape(other)}"
        raise RefusedError(Code.PATH_COLLISION, f"{shown}: {Code.PATH_COLLISION.meaning}")
    length = sum(map(len, kept.values()))
    rows = sum(_ROW_BYTES + _PATH_FACTOR * len(path.encode()) for path in (*kept, *under))
    if len(kept) > MAX_PACKET_FILES or length > MAX_PACKET_BYTES or rows > MAX_DOCUMENT_BYTES:
        raise RefusedError(
            Code.LIMIT_EXCEEDED, f"{len(kept)} files of {length} bytes do not fit one packet"
        )


def _content(found: Gathered) -> Content:
    executable = int(found.mode, 8) & 0o111
    return Content(found.data or b"", "0755" if executable else "0644", found.mode)


def describe_sources(sources: Sources) -> Workspace:
    """Write down what the workspace starts with, and where the packet keeps it."""
    return Workspace(
        files=_rows(sources.files, "artifacts/workspace"),
        folders=sources.folders,
        documents=_rows(sources.documents, "artifacts/documents"),
    )


def _rows(files: Mapping[str, Content], kept: str) -> tuple[WorkspaceFile, ...]:
    return tuple(
        WorkspaceFile(
            path=path,
            mode=content.mode,
            bytes=len(content.data),
            digest=content.state.digest,
            artifact=f"{kept}/{path}",
        )
        for path, content in sorted(files.items())
    )


def source_artifacts(sources: Sources) -> dict[str, bytes]:
    """Return the contents that a packet keeps of the sources, by path in it."""
    kept = {f"artifacts/workspace/{path}": item.data for path, item in sources.files.items()}
    return kept | {f"artifacts/documents/{p}": item.data for p, item in sources.documents.items()}
