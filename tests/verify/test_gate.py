"""The gate proves itself: good evidence passes it, fabricated evidence fails with its code."""

from __future__ import annotations

from dataclasses import replace

import pytest

from greenlight.model.documents import RollbackGate, RollbackProof
from greenlight.model.documents.rollback_gate import Judge
from greenlight.model.documents.rollback_proof import RollbackRow
from greenlight.model.documents.words import Result
from greenlight.model.snapshot import FileState
from greenlight.primitives.digest import Digest
from greenlight.verify import gate as gate_module
from greenlight.verify.gate import run_gate, variants
from greenlight.verify.rollback import verify_rollback
from tests.samples import FROZEN, good_evidence, state_of

PROOF = good_evidence().rollback
CHANGED = tuple(row.path for row in PROOF.mutations)
JUDGES = (Judge(name="validator", digest=str(Digest.of(b"validator"))),)


def gate(proof: RollbackProof = PROOF, *, frozen: bytes = FROZEN) -> RollbackGate:
    return run_gate(proof, [row.path for row in proof.mutations], frozen=frozen, judges=JUDGES)


def test_good_evidence_passes_and_variants_fail() -> None:
    """Frozen and own evidence pass; each fabricated variant fails as expected."""
    found = gate()
    assert [(row.evidence, row.expected) for row in found.rows] == [
        ("frozen", "PASS"),
        ("this-run", "PASS"),
        ("no-mutation", "ROLLBACK_NO_MUTATION"),
        ("applied-equal-to-before", "ROLLBACK_APPLY_DID_NOT_MUTATE:RB-EXEC-1"),
        ("restored-differs-by-one-byte", "ROLLBACK_DID_NOT_RESTORE:RB-EXEC-1"),
        ("restored-differs-by-mode", "ROLLBACK_DID_NOT_RESTORE:RB-EXEC-1"),
        ("restored-with-an-extra-file", "ROLLBACK_TREE_NOT_RESTORED"),
        ("proof-missing", "ROLLBACK_PROOF_MISSING"),
        ("a-mutation-unproven", "ROLLBACK_MUTATION_UNPROVEN"),
    ]
    assert [row.got for row in found.rows] == [row.expected for row in found.rows]
    assert found.result is Result.PASS
    assert found.frozen == str(Digest.of(FROZEN))
    assert found.judges == JUDGES


def test_a_single_mutation_has_six_variants() -> None:
    """Where there is one mutation, nothing can be left unproven, and six variants remain."""
    one = replace(PROOF, mutations=PROOF.mutations[:1])
    assert len(gate(one).rows) == 2 + 6
    assert gate(one).result is Result.PASS


def test_own_evidence_that_is_wrong_fails_the_gate() -> None:
    """A run whose rollback did not restore does not pass its own gate."""
    row, *rest = PROOF.mutations
    bad = replace(PROOF, mutations=(replace(row, restored=row.applied), *rest))
    found = gate(bad)
    own = next(row for row in found.rows if row.evidence == "this-run")
    assert own.got == "ROLLBACK_DID_NOT_RESTORE:RB-EXEC-1"
    assert (own.result, found.result) == (Result.FAIL, Result.FAIL)


@pytest.mark.parametrize("proof", [replace(PROOF, reached=False), replace(PROOF, mutations=())])
def test_without_a_mutation_there_is_no_verdict(proof: RollbackProof) -> None:
    """Nothing to fabricate variants of is UNKNOWN, never PASS."""
    found = gate(proof)
    assert (found.rows, found.result) == ((), Result.UNKNOWN)
    assert found.note


def test_a_validator_that_stopped_looking_fails_the_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a validator that accepts everything, every fabricated variant is a FAIL."""
    monkeypatch.setattr(gate_module, "verify_rollback", lambda _proof, _changed: [])
    found = gate()
    results = {row.evidence: row.result for row in found.rows}
    assert results.pop("frozen") is Result.PASS
    assert results.pop("this-run") is Result.PASS
    assert set(results.values()) == {Result.FAIL}
    assert found.result is Result.FAIL


@pytest.mark.parametrize("content", [b"\x00", b"\x01", b"", b"any"])
@pytest.mark.parametrize("mode", ["0644", "0600", "0755"])
def test_variants_are_wrong_whatever_is_under_proof(content: bytes, mode: str) -> None:
    """No content and no mode makes a fabricated variant equal to good evidence."""
    before = replace(state_of(content), mode=mode)
    row = RollbackRow(
        id="RB-EXEC-1",
        path="a",
        surface="A",
        undo="restore",
        before=before,
        applied=state_of(b"applied"),
        restored=before,
    )
    proof = replace(PROOF, mutations=(row,))
    assert verify_rollback(proof, ["a"]) == []
    for name, bad, label in variants(proof):
        assert label in [f.label for f in verify_rollback(bad, ["a"])], name


def test_a_deleted_file_has_variants_too() -> None:
    """A link and a deletion can be fabricated upon like a file."""
    link = FileState("link", "", 1, str(Digest.of(b"x")), "x")
    row = replace(PROOF.mutations[0], before=link, applied=FileState("absent"), restored=link)
    assert gate(replace(PROOF, mutations=(row,))).result is Result.PASS


def test_frozen_evidence_that_fails_is_found() -> None:
    """Shipped evidence that no longer passes fails the gate of every run."""
    spoilt = FROZEN.replace(b'"reached": true', b'"reached": false')
    assert spoilt != FROZEN
    found = gate(frozen=spoilt)
    assert found.rows[0].got == "ROLLBACK_PROOF_MISSING"
    assert found.result is Result.FAIL
