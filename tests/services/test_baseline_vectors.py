"""Each vector of a baseline gives its code, no other, and no vector is left unread."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from greenlight.model.trust import Role
from greenlight.primitives.openssh import parse_allowed_signers, parse_public
from greenlight.primitives.timestamp import parse_seconds
from greenlight.services.baselines import (
    STATUSES,
    Trusting,
    Where,
    compare_with,
    load_current,
    verify_baseline,
    verify_for_audit,
)
from greenlight.verify.baseline import BaselineTrust
from tools.make_vectors import FOLDER

AREA = FOLDER / "baseline"
NAMES = sorted(path.name for path in AREA.iterdir())


def test_the_vectors_are_there() -> None:
    assert len(NAMES) > 20
    assert sum(name.startswith("GOOD__") for name in NAMES) == 3


@pytest.mark.parametrize("name", NAMES)
def test_a_vector_gives_its_codes(name: str) -> None:
    """By the service that reads the files, and again by the one of the audit."""
    folder: Path = AREA / name
    said = json.loads((folder / "expect.json").read_text())
    keys = tuple(parse_public(line)[0] for line in said["keys"])
    trust = BaselineTrust(
        signers=(*keys, *parse_allowed_signers(said["allowed_signers"])),
        role=Role.OWNER,
        revoked=frozenset(parse_public(line)[0] for line in said["revoked"]),
        signer=said["signer"],
    )
    where, trusting = Where(folder / "baseline.json"), Trusting(trust, source="the vector")
    now = parse_seconds(said["at"])
    verdict = verify_baseline(where, trusting, now=now)
    current = folder / "current.json"
    if current.is_file():
        assert verdict.ok, verdict.findings
        assert verdict.baseline is not None
        verdict = compare_with(verdict, verdict.baseline, load_current(current), "the vector")
    assert [finding.code.name for finding in verdict.findings] == said["codes"]
    assert verdict.ok == (not said["codes"]) == name.startswith("GOOD__")
    assert verdict.status in STATUSES
    audited = verify_for_audit(
        where,
        trusting,
        current=current if current.is_file() else None,
        how=None,
        clock=lambda: now,
    )
    assert audited.findings == verdict.findings
    skipped = verdict.ok and not current.is_file()
    assert audited.status == ("capture_skipped" if skipped else verdict.status)
