"""``outcomes.json``: what really changed, and which tool operations were really called."""

from __future__ import annotations

from enum import StrEnum

from greenlight.model.fields import Count, DigestText, Label, Line, Note, document, outcome, value
from greenlight.model.snapshot import FileState


class ToolDecision(StrEnum):
    """What became of a tool call."""

    ALLOWED = "allowed"
    REJECTED = "rejected"


@value
class MutationRow:
    """One path that is not what it was."""

    path: Line = outcome("Path in the workspace.")
    change: Line = outcome("created, modified, deleted, mode or type.")
    surface: Note = outcome("The allowed surface that covers it; none where none does.")
    before: FileState = outcome("What it was.")
    after: FileState = outcome("What it is.")
    artifact: Note = outcome("Where the packet keeps the new content of a file.")


@value
class ToolCall:
    """One named operation that was called."""

    number: Count = outcome("From 1, in order.")
    step: Label = outcome("The step that called it.")
    tool: Line = outcome("The operation.")
    target: Line = outcome("What it was called on.")
    decision: ToolDecision = outcome("allowed or rejected.")


@document("outcomes.json")
class Outcomes:
    """The mutation list is a before/after snapshot of content, mode and links."""

    before: DigestText = outcome("Snapshot digest before the first step.")
    after: DigestText = outcome("Snapshot digest after the last.")
    mutations: tuple[MutationRow, ...] = outcome("Everything that changed, by path.")
    refused_names: tuple[Line, ...] = outcome(
        "What no packet can hold or nobody could read, and why."
    )
    tool_calls: tuple[ToolCall, ...] = outcome("Every tool call of the run, probes apart.")
