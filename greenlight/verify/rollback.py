"""The rollback gate's validator.  Pure: a proof and the mutations in, findings out.

Numbered as in docs/spec/documents/rollback-proof.md:

1. there is a proof, and it has at least one mutation;
2. each mutation really changed its surface;
3. each surface is afterwards exactly what it was: content, mode and link;
4. every path that changed has a row;
5. the whole tree is afterwards what it was, so that no file is left over;
6. undo steps ended as they must, and each view printed the same before and after.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from greenlight.codes import Code
from greenlight.model.documents.rollback_proof import RollbackProof, RollbackRow
from greenlight.model.finding import Finding
from greenlight.model.snapshot import FileState

DOCUMENT = "rollback-proof.json"


def verify_rollback(proof: RollbackProof | None, changed: Iterable[str]) -> list[Finding]:
    """Check that every change was real and was exactly undone.

    Args:
        proof: The proof, or None where there is none.
        changed: Paths that the run's outcomes say have changed.

    Returns:
        All that is wrong; the first failure does not hide the second.
    """
    if proof is None or not proof.reached:  # 1
        return [_finding(Code.ROLLBACK_PROOF_MISSING, "", "a rollback proof", "none")]
    if not proof.mutations:  # 1: a proof of nothing is not a proof
        empty = Code.ROLLBACK_NO_MUTATION
        return [_finding(empty, "#/mutations", "at least one mutation", "none")]
    findings = [f for index, row in enumerate(proof.mutations) for f in _row(index, row)]
    proven = {row.path for row in proof.mutations}
    findings += [  # 4
        _finding(Code.ROLLBACK_MUTATION_UNPROVEN, "#/mutations", f"a row for {path}", "none")
        for path in changed
        if path not in proven
    ]
    findings += _whole(proof)
    return findings


def _row(index: int, row: RollbackRow) -> Iterator[Finding]:
    where = f"#/mutations/{index}"
    if row.applied == row.before:  # 2
        yield _finding(
            Code.ROLLBACK_APPLY_DID_NOT_MUTATE,
            f"{where}/applied",
            f"anything but {show(row.before)}",
            show(row.applied),
            row.id,
        )
    if row.restored != row.before:  # 3
        yield _finding(
            Code.ROLLBACK_DID_NOT_RESTORE,
            f"{where}/restored",
            show(row.before),
            show(row.restored),
            row.id,
        )


def _whole(proof: RollbackProof) -> Iterator[Finding]:
    if proof.applied == proof.before:  # 2, for the tree
        yield _finding(
            Code.ROLLBACK_APPLY_DID_NOT_MUTATE,
            "#/applied",
            f"anything but {proof.before}",
            proof.applied,
            "tree",
        )
    if proof.restored != proof.before:  # 5
        yield _finding(Code.ROLLBACK_TREE_NOT_RESTORED, "#/restored", proof.before, proof.restored)
    for index, step in enumerate(proof.undo):  # 6
        if step.code:
            yield _finding(
                Code.ROLLBACK_DID_NOT_RESTORE, f"#/undo/{index}", "success", step.code, step.id
            )
    for index, view in enumerate(proof.views):  # 6
        if not view.before or view.restored != view.before:
            yield _finding(
                Code.ROLLBACK_DID_NOT_RESTORE,
                f"#/views/{index}/restored",
                view.before or "the output of the view",
                view.restored or "none",
                view.id,
            )
        elif view.applied == view.before:
            yield _finding(
                Code.ROLLBACK_APPLY_DID_NOT_MUTATE,
                f"#/views/{index}/applied",
                f"anything but {view.before}",
                view.applied,
                view.id,
            )


def show(state: FileState) -> str:
    """Say what a state is, on one line."""
    if state.kind == "absent":
        return "ABSENT"
    return " ".join(part for part in (state.kind, state.mode, state.digest, state.target) if part)


def _finding(code: Code, where: str, expected: str, found: str, detail: str = "") -> Finding:
    return Finding(code, DOCUMENT + where, expected, found, detail)
