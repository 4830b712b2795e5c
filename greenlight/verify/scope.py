"""Which allowed surface covers a change."""

from __future__ import annotations

from collections.abc import Sequence

from greenlight.model.lane import AllowedSurface
from greenlight.model.surface import Change, matches

# What a snapshot calls a change, in the words of the scope lock.
_WORDS = {
    "created": Change.CREATE,
    "modified": Change.MODIFY,
    "mode": Change.MODIFY,
    "type": Change.MODIFY,
    "deleted": Change.DELETE,
}


def covering_surface(
    allowed: Sequence[AllowedSurface], path: str, change: str, *, folder: bool
) -> str:
    """Return the id of the surface that allows ``change`` at ``path``, or an empty text.

    A folder that had to be made so that an allowed file can be created in it, or that
    went with one, is covered by that file's surface.
    """
    wanted = _WORDS.get(change)
    for surface in allowed:
        if surface.change is wanted and matches(surface.path, path):
            return surface.id
        if folder and surface.change is wanted and surface.path.startswith(path + "/"):
            return surface.id
    return ""
