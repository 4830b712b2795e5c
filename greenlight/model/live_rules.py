"""The rules of a branch as a forge enforces them now."""

from __future__ import annotations

from dataclasses import dataclass

CLASSIC = "branch protection"


@dataclass(frozen=True, slots=True)
class LiveCheck:
    """A check without which nothing is merged.

    Attributes:
        context: Its name.
        source: What demands it: branch protection, or a ruleset by its name.
        app: Id of the only app that may report it; None where anybody may.
        admins: Whether administrators and all others are bound; None where that is not known.
    """

    context: str
    source: str
    app: int | None
    admins: bool | None


@dataclass(frozen=True, slots=True)
class LiveRules:
    """What guards a branch.

    Attributes:
        branch: Its name.
        protected: Whether anything does.
        checks: Required checks, of all sources.
        force_pushes: Whether it may be pushed by force; None where that is not known.
        deletions: Whether it may be deleted; likewise.
        unread: What could not be read, each in words; empty where all of it was.
    """

    branch: str
    protected: bool
    checks: tuple[LiveCheck, ...] = ()
    force_pushes: bool | None = None
    deletions: bool | None = None
    unread: tuple[str, ...] = ()
