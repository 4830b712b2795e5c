"""The answers in the header: production, REAL_RUN, and what was asked of the owner."""

from __future__ import annotations

from collections.abc import Collection

from greenlight.model.documents.forbidden_surface_proof import ForbiddenSurfaceProof
from greenlight.model.documents.words import Answer
from greenlight.model.evidence import Evidence
from greenlight.model.surface import SurfaceClass, SurfaceVerdict

PRODUCTION = frozenset(
    {
        SurfaceClass.PRODUCTION_TARGET,
        SurfaceClass.PRODUCTION_PG,
        SurfaceClass.DIRECTUS,
        SurfaceClass.SYSTEM_ISSUES,
        SurfaceClass.REGISTRY_ROWS,
        SurfaceClass.CI_DEPLOY,
        SurfaceClass.BIRTH_PIPELINE,
    }
)
REAL_RUN = frozenset(
    {
        SurfaceClass.REAL_RUN,
        SurfaceClass.QT001_APPLY,
        SurfaceClass.PERMIT,
        SurfaceClass.ACTIVATION,
        SurfaceClass.REPOINT,
        SurfaceClass.CUTOVER,
    }
)
_CHANGED = (SurfaceVerdict.VIOLATED,)
_UNCHANGED = (SurfaceVerdict.UNTOUCHED, SurfaceVerdict.NOT_REQUESTED, SurfaceVerdict.BLOCKED)


def walled(evidence: Evidence) -> bool:
    """Report whether the system kept every step from all that lies outside its workspace.

    Not so where the lane lets it out: what an allowed destination is by another name, nobody
    here knows.
    """
    enforced = {row.kind for row in evidence.environment.grades if row.enforced_by}
    whole = enforced >= {"path_outside", "network", "program", "environment"}
    return whole and not evidence.lane.network


def touched(
    proof: ForbiddenSurfaceProof, classes: Collection[SurfaceClass], evidence: Evidence
) -> Answer:
    """Say whether a surface of ``classes`` changed; UNKNOWN where nobody could have noticed.

    Each of the classes must be named by the lane: what nobody looked at is not known.  Not so
    where nothing outside the workspace could be reached, by whatever name.
    """
    rows = [row for row in proof.surfaces if row.surface_class in classes]
    if any(row.verdict in _CHANGED for row in rows):
        return Answer.YES
    seen = {row.surface_class for row in rows if row.verdict in _UNCHANGED}
    unknown = any(row.verdict not in _UNCHANGED for row in rows)
    wanted = set(classes) - {SurfaceClass.PRODUCTION_TARGET}
    if walled(evidence):
        wanted = set()
    return Answer.NO if wanted <= seen and not unknown else Answer.UNKNOWN
