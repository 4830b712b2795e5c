"""The rollback gate's validator: what it accepts, and every way in which a proof can be wrong."""

from __future__ import annotations

from dataclasses import replace

import pytest

from greenlight.codes import Code
from greenlight.model.codec import draft, from_document
from greenlight.model.documents import RollbackProof
from greenlight.model.documents.rollback_proof import RollbackRow, UndoRun, ViewRow
from greenlight.model.snapshot import ABSENT, FileState
from greenlight.primitives import cjson
from greenlight.primitives.digest import Digest
from greenlight.verify.rollback import show, verify_rollback
from tests.samples import FROZEN

PROOF = from_document(RollbackProof, cjson.decode(FROZEN))
CHANGED = tuple(row.path for row in PROOF.mutations)
OTHER = str(Digest.of(b"other"))


def first(**changes: object) -> RollbackProof:
    row, *rest = PROOF.mutations
    return replace(PROOF, mutations=(replace(row, **changes), *rest))


def view(before: str, applied: str, restored: str) -> RollbackProof:
    return replace(
        PROOF, views=(ViewRow(id="rows", before=before, applied=applied, restored=restored),)
    )


ONE, TWO = (str(Digest.of(text)) for text in (b"1", b"2"))
BEFORE = PROOF.mutations[0].before
APPLIED = PROOF.mutations[0].applied


def test_a_good_proof_gives_no_finding() -> None:
    """Real changes, exactly undone, are accepted; a view that came back too."""
    assert verify_rollback(PROOF, CHANGED) == []
    assert verify_rollback(view(ONE, TWO, ONE), CHANGED) == []
    fine = UndoRun(id="down", exit_code=0, code="")
    assert verify_rollback(replace(PROOF, undo=(fine,)), CHANGED) == []


@pytest.mark.parametrize(
    ("proof", "labels"),
    [
        (None, ["ROLLBACK_PROOF_MISSING"]),
        (replace(PROOF, reached=False), ["ROLLBACK_PROOF_MISSING"]),
        (replace(PROOF, mutations=()), ["ROLLBACK_NO_MUTATION"]),
        (first(applied=BEFORE), ["ROLLBACK_APPLY_DID_NOT_MUTATE:RB-EXEC-1"]),
        (first(restored=APPLIED), ["ROLLBACK_DID_NOT_RESTORE:RB-EXEC-1"]),
        (first(restored=ABSENT), ["ROLLBACK_DID_NOT_RESTORE:RB-EXEC-1"]),
        (first(restored=replace(BEFORE, mode="0600")), ["ROLLBACK_DID_NOT_RESTORE:RB-EXEC-1"]),
        (first(restored=replace(BEFORE, digest=OTHER)), ["ROLLBACK_DID_NOT_RESTORE:RB-EXEC-1"]),
        (
            first(restored=FileState("link", digest=BEFORE.digest, target="x")),
            ["ROLLBACK_DID_NOT_RESTORE:RB-EXEC-1"],
        ),
        (
            first(applied=BEFORE, restored=APPLIED),
            ["ROLLBACK_APPLY_DID_NOT_MUTATE:RB-EXEC-1", "ROLLBACK_DID_NOT_RESTORE:RB-EXEC-1"],
        ),
        (replace(PROOF, mutations=PROOF.mutations[1:]), ["ROLLBACK_MUTATION_UNPROVEN"]),
        (replace(PROOF, restored=OTHER), ["ROLLBACK_TREE_NOT_RESTORED"]),
        (replace(PROOF, applied=PROOF.before), ["ROLLBACK_APPLY_DID_NOT_MUTATE:tree"]),
        (
            replace(PROOF, undo=(UndoRun(id="down", exit_code=3, code="STEP_FAILED"),)),
            ["ROLLBACK_DID_NOT_RESTORE:down"],
        ),
        (view(ONE, TWO, TWO), ["ROLLBACK_DID_NOT_RESTORE:rows"]),
        (view(ONE, ONE, ONE), ["ROLLBACK_APPLY_DID_NOT_MUTATE:rows"]),
        (view("", TWO, ""), ["ROLLBACK_DID_NOT_RESTORE:rows"]),
        (view(ONE, TWO, ""), ["ROLLBACK_DID_NOT_RESTORE:rows"]),
    ],
)
def test_a_wrong_proof_gives_its_findings(proof: RollbackProof | None, labels: list[str]) -> None:
    """Each defect has its code and names the mutation; the first does not hide the second."""
    assert [finding.label for finding in verify_rollback(proof, CHANGED)] == labels


def test_every_change_needs_a_row() -> None:
    """A path that changed and was not proven is named, whatever else the proof says."""
    (finding,) = verify_rollback(PROOF, [*CHANGED, "kb/other.md"])
    assert finding.code is Code.ROLLBACK_MUTATION_UNPROVEN
    assert finding.expected == "a row for kb/other.md"


def test_all_rows_are_looked_at() -> None:
    """Two wrong rows give two findings, in the order of the rows."""
    rows = tuple(replace(row, restored=row.applied) for row in PROOF.mutations)
    labels = [f.label for f in verify_rollback(replace(PROOF, mutations=rows), CHANGED)]
    assert labels == ["ROLLBACK_DID_NOT_RESTORE:RB-EXEC-1", "ROLLBACK_DID_NOT_RESTORE:RB-EXEC-2"]


def test_findings_show_states() -> None:
    """A finding says what a state is: ABSENT, or kind, mode, digest and target."""
    assert show(ABSENT) == "ABSENT"
    assert show(FileState("file", "0644", 1, ONE)) == f"file 0644 {ONE}"
    assert show(FileState("link", "", 1, ONE, "to")) == f"link {ONE} to"


def test_derived_fields_are_not_read() -> None:
    """A proof that says FAIL of itself is judged by its rows alone."""
    blank = draft(
        RollbackProof,
        **{
            name: getattr(PROOF, name)
            for name in ("mutations", "before", "applied", "restored", "undo", "views", "reached")
        },
    )
    assert verify_rollback(blank, CHANGED) == []
    assert isinstance(blank.mutations[0], RollbackRow)
