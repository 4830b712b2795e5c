"""What ships with greenlight and no packet can choose: RERUN.sh, frozen evidence, the judges."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from greenlight.primitives.digest import Digest
from greenlight.shipped import rerun_script
from greenlight.verify.packet import Published

if TYPE_CHECKING:
    from greenlight.model.documents.rollback_gate import Judge

_PACKAGE = Path(__file__).resolve().parent.parent

# Validator, gate driver and probes: a packet records which of them judged it (001:41).
_JUDGES = ("verify/rollback.py", "verify/gate.py", "services/probes.py")


@cache
def published() -> Published:
    """Return the files of format version 1."""
    return Published(
        rerun=rerun_script(),
        frozen=(_PACKAGE / "data" / "frozen-rollback-proof.json").read_bytes(),
    )


def judges() -> tuple[Judge, ...]:
    """Return the modules that judge a run, with the digests of their sources."""
    from greenlight.model.documents.rollback_gate import Judge  # noqa: PLC0415 - only runs judge

    return tuple(
        Judge(name=f"greenlight/{name}", digest=str(Digest.of((_PACKAGE / name).read_bytes())))
        for name in _JUDGES
    )
