"""Surfaces inside files: Git refs and SQLite rows, as a lane spells them.

A file says what changed byte by byte; such a surface says what that means.  ``repo.git:refs/x``
is a ref of a repository in the workspace, ``db.sqlite:schema`` and ``db.sqlite:rows:table``
are what a database holds, whatever its pages look like.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from greenlight.model.lane import Lane

_REF: Final = re.compile(r"([^:]{1,2048}):(HEAD|refs/[^:\s]{1,1024})")
_DATABASE: Final = re.compile(r"([^:]{1,2048}):(schema|rows:([A-Za-z_][A-Za-z0-9_]{0,127}))")


class LogicalKind(StrEnum):
    """What a logical surface is."""

    REF = "ref"
    DATABASE = "database"


@dataclass(frozen=True, slots=True)
class Logical:
    """A surface inside a file of the workspace.

    Attributes:
        surface: Id of the forbidden surface that names it.
        kind: ref or database.
        what: As the lane spells it.
        path: The repository or the database, in the workspace.
        part: The ref; ``schema``; or ``rows:`` and the table.
    """

    surface: str
    kind: LogicalKind
    what: str
    path: str
    part: str


def logical_surfaces(lane: Lane) -> Iterator[Logical]:
    """Yield what a lane names, in its order; what is spelt wrong is left out (``verify.lane``)."""
    for surface in lane.forbidden:
        for kind, pattern, names in (
            (LogicalKind.REF, _REF, surface.refs),
            (LogicalKind.DATABASE, _DATABASE, surface.databases),
        ):
            for what in names:
                if match := pattern.fullmatch(what):
                    yield Logical(surface.id, kind, what, match[1], match[2])


def is_ref(text: str) -> bool:
    """Report whether a lane may spell a ref so."""
    return _REF.fullmatch(text) is not None


def is_database(text: str) -> bool:
    """Report whether a lane may spell a part of a database so."""
    return _DATABASE.fullmatch(text) is not None
