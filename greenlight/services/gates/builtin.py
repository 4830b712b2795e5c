"""The gates that greenlight carries out itself: each really measures, and says what it saw."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from greenlight.codes import Code
from greenlight.errors import GreenlightError, StoreError
from greenlight.model.gate import Builtin, Operator, Threshold
from greenlight.model.settings import Settings
from greenlight.primitives.limits import MAX_DOCUMENT_BYTES
from greenlight.store.repository import Store
from greenlight.verify.thresholds import read_artifact

if TYPE_CHECKING:
    from greenlight.services.baselines import BaselineVerdict

ROUNDS: Final = 50  # signatures that are made and verified
_SIGN_MS, _VERIFY_MS = 50, 10  # source 002: Dilithium2, since then ML-DSA-44


@dataclass(frozen=True, slots=True)
class Around:
    """What a gate of greenlight's own may look at.

    Attributes:
        root: The top of the work tree.
        repository: A store in the repository that is judged; None where there is none.
        store: The store with the ledger; None likewise.
        head: The commit that is judged; empty where there is none.
        base: The commit whose settings judge; likewise.
        clock: Returns the time of this machine.
        settings: Those that judge.
        baseline: Makes the verdict on the baseline.
    """

    root: Path
    repository: Store | None
    store: Store | None
    head: str
    base: str
    clock: Callable[[], datetime]
    settings: Settings
    baseline: Callable[[], BaselineVerdict]


@dataclass(frozen=True, slots=True)
class Done:
    """What a gate of greenlight's own came to.

    Attributes:
        metrics: What it left.
        code: Why it is red whatever its thresholds say; None where it is not.
        reason: The same in words.
    """

    metrics: Mapping[str, object] = field(default_factory=dict)
    code: Code | None = None
    reason: str = ""


def run_builtin(builtin: Builtin, around: Around) -> Done:
    """Carry out a gate; what cannot be carried out is red, with the reason."""
    try:
        return _GATES[builtin](around)
    except GreenlightError as error:
        return Done({}, error.code, str(error))


def own_thresholds(builtin: Builtin) -> tuple[Threshold, ...]:
    """Return the thresholds of a gate that is declared without any."""
    return _THRESHOLDS.get(builtin, ())


# --- the ledger and the packets


def _ledger_verify(around: Around) -> Done:
    from greenlight.services.ledgers import Asked, verify_ledger  # noqa: PLC0415 - of this gate alone

    verdict = verify_ledger(_store(around), Asked(), clock=around.clock)
    metrics = {
        "entries": verdict.head.size,
        "breaks": verdict.breaks,
        "order": verdict.order,
        "collisions": verdict.collisions,
        "voids": len(verdict.voids),
        "findings": len(verdict.findings),
    }
    if verdict.findings:
        return Done(metrics, verdict.findings[0].code, str(verdict.findings[0]))
    if verdict.too_short:
        return Done(metrics, Code.LEDGER_TOO_SHORT, "the ledger has no entries")
    return Done(metrics)


def _packets_verify(around: Around) -> Done:
    from greenlight.services.verifying import (  # noqa: PLC0415 - of this gate alone
        Integrity,
        Trust,
        verify_all,
    )

    verdict = verify_all(_store(around), Trust())
    counts = {f"{word.value.lower()}_total": verdict.counts.get(word, 0) for word in Integrity}
    metrics = {"packets_total": verdict.count, **counts}
    if verdict.integrity is Integrity.INTACT:
        return Done(metrics)
    for finding in verdict.report.findings:
        return Done(metrics, finding.code, str(finding))
    return Done(metrics, Code.GATE_FAILED, f"the store is {verdict.integrity}")


def _store(around: Around) -> Store:
    if around.store is None:
        raise StoreError(Code.STORE_MISSING, "there is no repository here")
    return around.store


# --- the change


def _baseline(around: Around) -> Done:
    verdict = around.baseline()
    metrics: dict[str, object] = {}
    for check in verdict.checks:
        metrics[check.threshold.metric] = check.to_dict()["current"]
    if verdict.ok:
        return Done(metrics)
    for finding in verdict.findings:
        said = f"{verdict.status}: expected {finding.expected}, found {finding.found}"
        return Done(metrics, finding.code, said)
    return Done(metrics, Code.GATE_SKIPPED, verdict.status)


def _no_op(around: Around) -> Done:
    from greenlight.services.changes import changed_paths  # noqa: PLC0415 - of this gate alone

    if not around.head or not around.base or around.repository is None:
        return Done({}, Code.BASE_UNKNOWN, "without a base nobody knows what the change is")
    changed = changed_paths(around.repository, around.base, around.head)
    metrics = {"changed_files": len(changed)}
    if changed:
        return Done(metrics)
    return Done(metrics, Code.CHANGED_NOTHING, f"NO-OP: nothing differs from {around.base[:12]}")


# --- the parser under test


def _smoke(name: str) -> Callable[[Around], Done]:
    def run(around: Around) -> Done:
        from greenlight.services import smokes  # noqa: PLC0415 - of this gate alone

        audit = around.settings.audit
        parser = smokes.ParserUnderTest(
            argv=audit.parser, formats=audit.parser_formats, folder=around.root
        )
        result = getattr(smokes, name)(parser)
        metrics = {
            "cases_total": result.total,
            "accepted_total": result.accepted,
            "refused_total": result.refused,
            "violations_total": len(result.violations),
        }
        if result.green:
            return Done(metrics)
        if not result.total:
            return Done(metrics, Code.GATE_LEFT_NOTHING, "no document was sent: nothing was tried")
        first = result.violations[0]
        said = f"{first.case}: expected {first.expected}, found {first.found}"
        return Done(metrics, Code.GATE_FAILED, said)

    return run


# --- post-quantum signatures


def _pqc(_around: Around) -> Done:
    from greenlight.primitives.mldsa import MldsaSigner  # noqa: PLC0415 - of this gate alone

    signer = MldsaSigner(os.urandom(32))
    public = signer.public
    signing, verifying = [], []
    for number in range(ROUNDS):
        message = b"greenlight pqc %d" % number
        began = time.perf_counter_ns()
        signature = signer.sign(message)
        signed = time.perf_counter_ns()
        held = public.verify(signature, message)
        verifying.append(time.perf_counter_ns() - signed)
        signing.append(signed - began)
        if not held or public.verify(signature, message + b"x"):
            return Done({}, Code.SEAL_HYBRID_INVALID, "a signature does not verify as it must")
    sign, verify = _p95_ms(signing), _p95_ms(verifying)
    return Done(
        {
            "algorithm": "ML-DSA-44",
            "rounds": ROUNDS,
            "sign_p95_ms": sign,
            "verify_p95_ms": verify,
            "sign_pass": sign <= _SIGN_MS,
            "verify_pass": verify <= _VERIFY_MS,
        }
    )


def _p95_ms(samples: list[int]) -> float:
    """Return the 95th percentile by nearest rank, in milliseconds."""
    place = -(-95 * len(samples) // 100) - 1
    return round(sorted(samples)[place] / 1e6, 3)


# --- schemas


def _schema_examples(around: Around) -> Done:
    from greenlight.services.schema import check_examples  # noqa: PLC0415 - of this gate alone

    schemas = examples = 0
    wrong: list[str] = []
    for path in sorted((around.root / "schemas").glob("*.schema.json")):
        schemas += 1
        found = check_examples(_plain(path))
        examples += found.examples
        wrong += [f"{path.name}{each}" for each in found.wrong]
    metrics = {
        "schemas_total": schemas,
        "examples_total": examples,
        "invalid_total": len(wrong),
    }
    if wrong:
        return Done(metrics, Code.DOCUMENT_SCHEMA, "; ".join(wrong[:3]))
    if not examples:
        return Done(metrics, Code.GATE_LEFT_NOTHING, "there is no example in schemas/ to validate")
    return Done(metrics)


def _plain(path: Path) -> Any:
    data = path.read_bytes()[: MAX_DOCUMENT_BYTES + 1]
    read_artifact(data)  # bounded, and no name stands twice
    return json.loads(data)


_THRESHOLDS: Final[Mapping[Builtin, tuple[Threshold, ...]]] = {
    Builtin.PQC_SIGN_VERIFY: tuple(
        Threshold(metric=name, op=Operator.AT_MOST, value=Decimal(limit))
        for name, limit in (("sign_p95_ms", _SIGN_MS), ("verify_p95_ms", _VERIFY_MS))
    ),
}
_GATES: Final[Mapping[Builtin, Callable[[Around], Done]]] = {
    Builtin.SCHEMA_EXAMPLES: _schema_examples,
    Builtin.TOKEN_CANONICALIZATION: _smoke("token_canonicalization"),
    Builtin.ADVERSARIAL_SMOKE: _smoke("adversarial_smoke"),
    Builtin.BASELINE: _baseline,
    Builtin.LEDGER_VERIFY: _ledger_verify,
    Builtin.PACKETS_VERIFY: _packets_verify,
    Builtin.PQC_SIGN_VERIFY: _pqc,
    Builtin.NO_OP: _no_op,
}
