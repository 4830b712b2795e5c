"""``workspace.json``: what the disposable workspace held before the first step."""

from __future__ import annotations

from greenlight.model.fields import Count, DigestText, Line, document, recorded, value


@value
class WorkspaceFile:
    """One file that the workspace started with."""

    path: Line = recorded("Path in the workspace.")
    mode: Line = recorded("Permission bits in octal, as 0644.")
    bytes: Count = recorded("Length.")
    digest: DigestText = recorded("SHA-256 of the content.")
    artifact: Line = recorded("Where the packet keeps the content.")


@document("workspace.json")
class Workspace:
    """Everything a replay needs to begin where the run began."""

    files: tuple[WorkspaceFile, ...] = recorded("The files, by path.")
    folders: tuple[Line, ...] = recorded("Folders, by path.")
    documents: tuple[WorkspaceFile, ...] = recorded("Sources of publish steps, by path.")
