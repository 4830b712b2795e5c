"""The gate driver: the validator must pass what is good and fail what was fabricated.

Three kinds of evidence go through ``verify_rollback`` on every run (001:41 to 44):
the frozen proof that ships with greenlight, this run's own, and variants that are
fabricated from this run's own.  A validator that stopped looking fails the last.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from greenlight.codes import Code
from greenlight.model.codec import draft, from_document
from greenlight.model.documents.rollback_gate import GateRow, Judge, RollbackGate
from greenlight.model.documents.rollback_proof import RollbackProof, RollbackRow
from greenlight.model.documents.words import Result
from greenlight.model.snapshot import FileState
from greenlight.primitives import cjson
from greenlight.primitives.digest import Digest
from greenlight.verify.rollback import verify_rollback

PASS = "PASS"  # noqa: S105 - a verdict
_ONE_BYTE, _OTHER_BYTE = str(Digest.of(b"\x00")), str(Digest.of(b"\x01"))


def run_gate(
    proof: RollbackProof,
    changed: Sequence[str],
    *,
    frozen: bytes,
    judges: tuple[Judge, ...],
) -> RollbackGate:
    """Send all three kinds of evidence through the validator and say what came out."""
    digest = str(Digest.of(frozen))
    if not proof.reached or not proof.mutations:
        note = "the run has no mutation to fabricate variants of"
        return RollbackGate(rows=(), judges=judges, frozen=digest, note=note, result=Result.UNKNOWN)
    shipped = from_document(RollbackProof, cjson.decode(frozen))
    shipped_changed = [row.path for row in shipped.mutations]
    rows = [
        _judge("frozen", shipped, shipped_changed, PASS),
        _judge("this-run", proof, changed, PASS),
        *(_judge(name, bad, changed, code) for name, bad, code in variants(proof)),
    ]
    result = Result.of(all(row.result is Result.PASS for row in rows))
    return RollbackGate(rows=tuple(rows), judges=judges, frozen=digest, note="", result=result)


def _judge(
    evidence: str, proof: RollbackProof | None, changed: Sequence[str], expected: str
) -> GateRow:
    labels = [finding.label for finding in verify_rollback(proof, changed)]
    if expected == PASS:
        got = labels[0] if labels else PASS
    else:
        got = expected if expected in labels else (labels[0] if labels else PASS)
    return draft(
        GateRow, evidence=evidence, expected=expected, got=got, result=Result.of(got == expected)
    )


def variants(proof: RollbackProof) -> Iterator[tuple[str, RollbackProof | None, str]]:
    """Fabricate evidence that must fail, each with the code that it must fail with."""
    first = proof.mutations[0]
    named = f":{first.id}"
    did_not_restore = f"{Code.ROLLBACK_DID_NOT_RESTORE}{named}"
    yield "no-mutation", replace(proof, mutations=()), str(Code.ROLLBACK_NO_MUTATION)
    yield (
        "applied-equal-to-before",
        _with_first(proof, replace(first, applied=first.before)),
        f"{Code.ROLLBACK_APPLY_DID_NOT_MUTATE}{named}",
    )
    yield (
        "restored-differs-by-one-byte",
        _with_first(proof, replace(first, restored=_one_byte_off(first.before))),
        did_not_restore,
    )
    other_mode = "0600" if first.before.mode != "0600" else "0644"
    yield (
        "restored-differs-by-mode",
        _with_first(proof, replace(first, restored=replace(first.before, mode=other_mode))),
        did_not_restore,
    )
    yield (
        "restored-with-an-extra-file",
        replace(proof, restored=_ONE_BYTE),
        str(Code.ROLLBACK_TREE_NOT_RESTORED),
    )
    yield "proof-missing", None, str(Code.ROLLBACK_PROOF_MISSING)
    if len(proof.mutations) > 1:
        yield (
            "a-mutation-unproven",
            replace(proof, mutations=proof.mutations[:-1]),
            str(Code.ROLLBACK_MUTATION_UNPROVEN),
        )


def _with_first(proof: RollbackProof, row: RollbackRow) -> RollbackProof:
    return replace(proof, mutations=(row, *proof.mutations[1:]))


def _one_byte_off(before: FileState) -> FileState:
    digest = _ONE_BYTE if before.digest != _ONE_BYTE else _OTHER_BYTE
    return replace(
        before, kind="file", digest=digest, bytes=1, mode=before.mode or "0644", target=""
    )
