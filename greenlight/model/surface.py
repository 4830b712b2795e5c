"""Surfaces: what a change may touch, what it may not, and the sixteen classes of source 001.

Everything that a lane does not allow is forbidden, UNKNOWN included.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from enum import StrEnum
from functools import cache

from greenlight.codes import Code


class SurfaceClass(StrEnum):
    """The forbidden classes of source 001 (source-notes, B6), and `other`."""

    PRODUCTION_TARGET = "production-target"
    PRODUCTION_PG = "production-pg"
    DIRECTUS = "directus"
    SYSTEM_ISSUES = "system-issues"
    REGISTRY_ROWS = "registry-rows"
    CI_DEPLOY = "ci-deploy"
    REAL_RUN = "real-run"
    QT001_APPLY = "qt001-apply"
    PERMIT = "permit"
    ACTIVATION = "activation"
    REPOINT = "repoint"
    CUTOVER = "cutover"
    SECRETS = "secrets"
    EVIDENCE_DELETION = "evidence-deletion"
    PINNED_DOCUMENT = "pinned-document"
    CANONICAL_REGISTRY = "canonical-registry"
    BIRTH_PIPELINE = "birth-pipeline"
    OTHER = "other"


REJECTS: dict[SurfaceClass, Code] = {
    SurfaceClass.PRODUCTION_TARGET: Code.PRODUCTION_TARGET_REFUSED,
    SurfaceClass.PRODUCTION_PG: Code.PRODUCTION_PG_REFUSED,
    SurfaceClass.DIRECTUS: Code.PRODUCTION_DIRECTUS_REFUSED,
    SurfaceClass.SYSTEM_ISSUES: Code.PRODUCTION_SYSTEM_ISSUES_REFUSED,
    SurfaceClass.REGISTRY_ROWS: Code.REGISTRY_ROWS_REFUSED,
    SurfaceClass.CI_DEPLOY: Code.PRODUCTION_CI_DEPLOY_REFUSED,
    SurfaceClass.REAL_RUN: Code.REAL_RUN_REFUSED,
    SurfaceClass.QT001_APPLY: Code.QT001_APPLY_REFUSED,
    SurfaceClass.PERMIT: Code.CUTOVER_REFUSED,
    SurfaceClass.ACTIVATION: Code.CUTOVER_REFUSED,
    SurfaceClass.REPOINT: Code.CUTOVER_REFUSED,
    SurfaceClass.CUTOVER: Code.CUTOVER_REFUSED,
    SurfaceClass.SECRETS: Code.SECRETS_REFUSED,
    SurfaceClass.EVIDENCE_DELETION: Code.EVIDENCE_DELETION_REFUSED,
    SurfaceClass.PINNED_DOCUMENT: Code.PIN_WOULD_CHANGE,
    SurfaceClass.CANONICAL_REGISTRY: Code.CANONICAL_REGISTRY_REFUSED,
    SurfaceClass.BIRTH_PIPELINE: Code.BIRTH_PIPELINE_REFUSED,
    SurfaceClass.OTHER: Code.SURFACE_NOT_IN_SCOPE,
}

# The sixteen rows of 001's Table D, in its order.
SIXTEEN = tuple(
    kind
    for kind in SurfaceClass
    if kind not in (SurfaceClass.PRODUCTION_TARGET, SurfaceClass.OTHER)
)


class Change(StrEnum):
    """How a surface may change."""

    CREATE = "create"
    MODIFY = "modify"
    DELETE = "delete"


class SurfaceVerdict(StrEnum):
    """What is known of a forbidden surface after the run (requirement B6)."""

    UNTOUCHED = "UNTOUCHED"
    NOT_REQUESTED = "NOT_REQUESTED"
    BLOCKED = "BLOCKED"
    VIOLATED = "VIOLATED"
    UNKNOWN = "UNKNOWN"


def matches(pattern: str, path: str) -> bool:
    """Report whether ``path`` is matched by ``pattern``, or lies below a folder that is.

    ``*`` and ``?`` stay within a segment; a segment ``**`` stands for any number of them,
    and as the last one for at least one.  Takes time in proportion to the lengths of both:
    lanes come from strangers too.
    """
    if "*" not in pattern and "?" not in pattern:
        return path == pattern or path.startswith(pattern + "/")
    if pattern == "**":
        return bool(path)
    segments = path.split("/")
    reached = {0}  # how many segments of the path the pattern can have used up
    *first, last = pattern.split("/")
    for part in first:
        reached = _advance(part, segments, reached)
    if last == "**":
        return any(place < len(segments) for place in reached)
    return bool(_advance(last, segments, reached))


def _advance(part: str, segments: Sequence[str], reached: set[int]) -> set[int]:
    if part == "**":
        return set(range(min(reached), len(segments) + 1)) if reached else reached
    compiled = _wild(part, "*?")
    return {
        place + 1
        for place in reached
        if place < len(segments) and compiled.fullmatch(segments[place])
    }


@cache
def _wild(part: str, special: str) -> re.Pattern[str]:
    """Compile ``part``, in which ``*`` is any text and, where special, ``?`` any character."""
    pieces = [
        "".join("." if char == "?" and "?" in special else re.escape(char) for char in piece)
        for piece in part.split("*")
    ]
    if len(pieces) == 1:
        return re.compile(pieces[0], re.DOTALL)
    # What stands between two stars is taken where it comes first, once and for all: an
    # atomic group, without which a pattern of many stars takes exponential time.
    middle = "".join(f"(?>.*?{piece})" for piece in pieces[1:-1] if piece)
    return re.compile(f"{pieces[0]}{middle}.*{pieces[-1]}", re.DOTALL)


def matches_any(patterns: Iterable[str], path: str) -> bool:
    """Report whether any of the patterns matches ``path``."""
    return any(matches(pattern, path) for pattern in patterns)


def tool_matches(pattern: str, tool: str) -> bool:
    """Report whether the operation ``tool`` is named by ``pattern``; only ``*`` is special."""
    return _wild(pattern, "*").fullmatch(tool) is not None
