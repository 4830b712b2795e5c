"""What an attempt is to be told as: the plan's, staged, or one that nothing allows.

Shared by who answers for the kernel and by who only reads a trace.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from greenlight.execution.attempts import MAX_TARGET, Attempt, Scope
from greenlight.model.documents.attempts import AttemptKind, AttemptOutcome

_DEVICES: Final = frozenset(
    f"/dev/{name}" for name in ("null", "zero", "full", "tty", "random", "urandom")
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a step may write, as it sees it.

    Attributes:
        workspace: Path of the workspace.
        elsewhere: Folders, each with a slash behind it, that are of no consequence and are
            gone with the box.
        readable: Folders of the host that programs may be started from, wherever they lie.
        names: What to call paths of this machine that evidence must not have, by beginning.
        proxy: Where the proxy listens; empty where there is none.
    """

    workspace: str
    elsewhere: tuple[str, ...]
    readable: tuple[str, ...]
    names: Mapping[str, str]
    proxy: str = ""


@dataclass(frozen=True, slots=True)
class Judge:
    """Tells attempts apart for one command."""

    place: Place
    scope: Scope

    def write(self, name: str, path: str) -> Attempt | None:
        """Return what a write to ``path`` is to be told as; None where it is the plan's."""
        elsewhere = self.place.elsewhere
        if path in _DEVICES or path.startswith(elsewhere) or f"{path}/" in elsewhere:
            return None
        if path == self.place.workspace:
            return None  # its own mode: the list of changes does not have it
        if not path.startswith(f"{self.place.workspace}/"):
            return self._named(denied(AttemptKind.WRITE, name, path))
        own = path.removeprefix(f"{self.place.workspace}/")
        if self.scope.forbids(own):
            return denied(AttemptKind.WRITE, name, own)
        if self.scope.allows(own):
            return None
        return Attempt(AttemptKind.WRITE, name, own[:MAX_TARGET], AttemptOutcome.STAGED)

    def program(self, name: str, path: str, found: str, words: Sequence[str]) -> Attempt:
        """Return what the start of a program is to be told as.

        Args:
            name: The call.
            path: As the step spelt it.
            found: Where that leads.
            words: Its arguments, the first is its name.
        """
        writable = (f"{self.place.workspace}/", *self.place.elsewhere)
        readable = tuple(f"{folder}/" for folder in self.place.readable)
        inside = found.startswith(writable) and not found.startswith(readable)
        named = {os.path.basename(path), os.path.basename(found)}
        refused = bool(named.intersection(self.scope.programs)) or is_nameless(path)
        attempt = denied(AttemptKind.PROGRAM, name, " ".join((path, *words[1:])))
        if not refused and not (inside and not self.scope.execute):
            attempt = replace(attempt, outcome=AttemptOutcome.ALLOWED)
        return self._named(attempt)

    def _named(self, attempt: Attempt) -> Attempt:
        for begin, name in self.place.names.items():
            if attempt.target.startswith(begin):
                return replace(attempt, target=name + attempt.target.removeprefix(begin))
        return attempt


def denied(kind: AttemptKind, name: str, target: str) -> Attempt:
    """Return an attempt that was denied."""
    return Attempt(kind, name, target[:MAX_TARGET], AttemptOutcome.DENIED)


def is_nameless(path: str) -> bool:
    """Report whether a program has no name on disk: what it does nobody can look up."""
    return path.startswith("/memfd:") or path.endswith(" (deleted)")
