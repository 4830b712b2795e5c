"""The fifteen classes of bad input of source 001, and the code that each must end in."""

from __future__ import annotations

from dataclasses import dataclass

from greenlight.codes import Code

ACCEPTED = "accepted"  # what the control must give, and no probe may


@dataclass(frozen=True, slots=True)
class ProbeClass:
    """One class.

    Attributes:
        number: Its place in 001:49, from 1.
        probe_class: Its name.
        code: What a request of this class must be refused with.
    """

    number: int
    probe_class: str
    code: Code


PROBES = tuple(
    ProbeClass(number, name, code)
    for number, (name, code) in enumerate(
        (
            ("production-target", Code.PRODUCTION_TARGET_REFUSED),
            ("real-run", Code.REAL_RUN_REFUSED),
            ("qt001-apply", Code.QT001_APPLY_REFUSED),
            ("permit-activation-repoint-cutover", Code.CUTOVER_REFUSED),
            ("production-pg", Code.PRODUCTION_PG_REFUSED),
            ("production-directus", Code.PRODUCTION_DIRECTUS_REFUSED),
            ("production-system-issues", Code.PRODUCTION_SYSTEM_ISSUES_REFUSED),
            ("production-ci-deploy", Code.PRODUCTION_CI_DEPLOY_REFUSED),
            ("secrets", Code.SECRETS_REFUSED),
            ("evidence-deletion", Code.EVIDENCE_DELETION_REFUSED),
            ("missing-delegation", Code.DELEGATION_MISSING),
            ("rollback-without-mutation", Code.ROLLBACK_NO_MUTATION),
            ("apply-equal-to-before", Code.ROLLBACK_APPLY_DID_NOT_MUTATE),
            ("missing-rollback-proof", Code.ROLLBACK_PROOF_MISSING),
            ("pass-while-forbidden-surface-touched", Code.OVERCLAIM),
        ),
        start=1,
    )
)
