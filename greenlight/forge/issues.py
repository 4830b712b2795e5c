"""Read an issue: its state and its text."""

from __future__ import annotations

from dataclasses import dataclass

from greenlight.codes import Code
from greenlight.errors import StoreError
from greenlight.forge.client import Forge


@dataclass(frozen=True, slots=True)
class Issue:
    """An issue as it is now.

    Attributes:
        state: open or closed, as the forge says it.
        text: Its text; empty where it has none.
    """

    state: str
    text: str


def read_issue(forge: Forge, repository: str, number: int) -> Issue:
    """Return an issue.

    Raises:
        StoreError: FORGE_…: it cannot be read, which is not that it is open.
    """
    owner, name = repository.split("/")
    seen = forge.get("repos", owner, name, "issues", str(number))
    state = seen.get("state") if isinstance(seen, dict) else None
    text = seen.get("body") if isinstance(seen, dict) else None
    if not isinstance(state, str) or not isinstance(text, str | None):
        raise StoreError(Code.FORGE_NOT_JSON, f"{repository}#{number} is no issue")
    return Issue(state, text or "")
