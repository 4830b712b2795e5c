"""Which allowed surface covers a change, and the scope lock that a lane gives."""

from __future__ import annotations

from dataclasses import replace

import pytest

from greenlight.model.lane import AllowedSurface, Decision, PlanningSurface, Standing
from greenlight.model.surface import Change
from greenlight.verify.derive.scope_lock import contradictions, derive_scope_lock, isolated
from greenlight.verify.scope import covering_surface
from tests.samples import good_lane

NEW = AllowedSurface(id="NEW", path="kb/new/page.md", change=Change.CREATE)
OLD = AllowedSurface(id="OLD", path="kb/*.md", change=Change.MODIFY)
GONE = AllowedSurface(id="GONE", path="old/**", change=Change.DELETE)
ALL = (NEW, OLD, GONE)


@pytest.mark.parametrize(
    ("path", "change", "folder", "expected"),
    [
        ("kb/new/page.md", "created", False, "NEW"),
        ("kb/new/page.md", "modified", False, ""),
        ("kb/new/page.md", "deleted", False, ""),
        ("kb/new", "created", True, "NEW"),  # the folder that the file needs
        ("kb", "created", True, "NEW"),
        ("kb/new", "created", False, ""),
        ("kb/new", "deleted", True, ""),
        ("kb/ne", "created", True, ""),
        ("kb/a.md", "modified", False, "OLD"),
        ("kb/a.md", "mode", False, "OLD"),
        ("kb/a.md", "type", False, "OLD"),
        ("kb/a.md", "created", False, ""),
        ("kb/b/a.md", "modified", False, ""),
        ("old/x/y", "deleted", False, "GONE"),
        ("old", "deleted", True, "GONE"),
        ("old", "deleted", False, ""),
        ("other", "created", False, ""),
        ("kb/a.md", "renamed", False, ""),  # a word that no snapshot uses covers nothing
    ],
)
def test_covering_surface(path: str, change: str, folder: bool, expected: str) -> None:
    """A change is covered by the surface that allows this change at this path, or by none."""
    assert covering_surface(ALL, path, change, folder=folder) == expected


def test_nothing_allowed_covers_nothing() -> None:
    """Without a scope everything is outside it."""
    assert covering_surface((), "kb/a.md", "created", folder=False) == ""


def test_the_scope_lock_forbids_by_default() -> None:
    """The lock repeats the lane's surfaces, decides every planning surface, opens nothing."""
    lane = good_lane()
    lock = derive_scope_lock(lane)
    assert lock.default == "forbidden"
    assert [row.id for row in lock.allowed] == ["KB-M1", "KB-M2"]
    assert len(lock.forbidden) == 16
    assert [row.number for row in lock.planning] == list(range(1, 11))
    assert all(row.isolated for row in lock.planning)
    assert lock.no_production


def test_isolation_is_computed() -> None:
    """An excluded planning surface that an allowed one reaches into is not isolated."""
    lane = good_lane()
    excluded = PlanningSurface(
        number=11,
        name="x",
        standing=Standing.UNKNOWN,
        decision=Decision.EXCLUDED,
        reason="x",
        paths=("kb/fix7-p0/**",),
    )
    assert not isolated(lane, excluded)
    assert isolated(lane, replace(excluded, decision=Decision.INCLUDED))
    assert isolated(lane, replace(excluded, paths=("kb/elsewhere/**",)))


def test_a_contradiction_ends_no_production() -> None:
    """A surface both allowed and forbidden is named, and the scope no longer is no-production."""
    lane = good_lane()
    wide = AllowedSurface(id="WIDE", path="kb/registry/x.md", change=Change.MODIFY)
    contradictory = replace(lane, allowed=(*lane.allowed, wide))
    assert contradictions(contradictory) == [("WIDE", "F15")]
    assert not derive_scope_lock(contradictory).no_production
    assert not derive_scope_lock(replace(lane, mode="prod")).no_production
