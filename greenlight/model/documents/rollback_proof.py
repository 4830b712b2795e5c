"""``rollback-proof.json``: before, applied, restored, for each mutation and the whole tree."""

from __future__ import annotations

from enum import StrEnum

from greenlight.model.documents.words import Result
from greenlight.model.fields import (
    DigestText,
    Integer,
    Label,
    Line,
    MaybeDigest,
    Note,
    derived,
    document,
    outcome,
    value,
)
from greenlight.model.snapshot import FileState


class ProductionRollback(StrEnum):
    """What the proof says of production."""

    NOT_APPLICABLE = "NOT_APPLICABLE"
    REQUIRED = "REQUIRED"


@value
class RollbackRow:
    """One mutation, staged and taken back."""

    id: Label = outcome("RB-EXEC-<n>, from 1, by path.")
    path: Line = outcome("Path in the workspace.")
    surface: Note = outcome("The allowed surface that covers it.")
    undo: Note = outcome("delete, restore or run.")
    before: FileState = outcome("Before anything ran.")
    applied: FileState = outcome("After the change.")
    restored: FileState = outcome("After it was taken back.")


@value
class UndoRun:
    """One undo step that was run."""

    id: Label = outcome("Its id in the lane.")
    exit_code: Integer | None = outcome("Exit code; none where it was ended.")
    code: Note = outcome("The reject code, where it failed.")


@value
class ViewRow:
    """What a logical view of the workspace printed at the three moments."""

    id: Label = outcome("Its id in the lane.")
    before: MaybeDigest = outcome("SHA-256 of its output before; none where it failed.")
    applied: MaybeDigest = outcome("After the change.")
    restored: MaybeDigest = outcome("After it was taken back.")


@document("rollback-proof.json")
class RollbackProof:
    """Staged in the disposable workspace; nothing had left it when this was made."""

    mutations: tuple[RollbackRow, ...] = outcome("One row a mutation.")
    before: DigestText = outcome("Snapshot digest of the whole tree before.")
    applied: DigestText = outcome("After the change.")
    restored: DigestText = outcome("After it was taken back.")
    undo: tuple[UndoRun, ...] = outcome("The undo steps that were run.")
    views: tuple[ViewRow, ...] = outcome("Logical views, such as rows and schema.")
    reached: bool = outcome("Whether the run came this far.")
    production_rollback_status: ProductionRollback = derived("NOT_APPLICABLE outside production.")
    result: Result = derived("PASS when every mutation was real and was exactly undone.")
