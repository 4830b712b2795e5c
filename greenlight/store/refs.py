"""Refs: names that move by compare-and-swap, the only thing in a store that changes.

``swap`` with ``old=None`` creates and fails where the ref is there.  dulwich's
``set_if_equals(name, None, new)`` is unconditional and let several racers win; it is
banned from this project by a test.
"""

from __future__ import annotations

import re
from typing import Protocol

from greenlight.codes import Code
from greenlight.errors import ConflictError, UsageError

# A part of what git check-ref-format allows, with no character that means something
# to a shell, a refspec or a path.
_NAME = re.compile(r"refs(?:/[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,98}[A-Za-z0-9_-])?)+")
MAX_NAME_CHARACTERS = 255  # the longest file name; a lock adds five to the last segment


def require_name(ref: str) -> str:
    """Return ``ref`` where it is a ref name, so that it may become a path.

    Raises:
        UsageError: It is not one.
    """
    plain = _NAME.fullmatch(ref) and len(ref) <= MAX_NAME_CHARACTERS
    if not plain or ".." in ref or any(part.endswith(".lock") for part in ref.split("/")):
        raise UsageError(Code.USAGE, f"not a ref name: {ref[:80]!r}")
    return ref


class RefStore(Protocol):
    """All that greenlight asks of refs; ``tests/contracts/refs.py`` says what every one does."""

    def read(self, ref: str) -> str | None:
        """Return the object id the ref points to, or None where it does not exist."""

    def swap(self, ref: str, *, old: str | None, new: str) -> None:
        """Move ``ref`` from ``old`` to ``new``, durably; None means it must not exist.

        Raises:
            ConflictError: It points elsewhere; nothing was written.
        """

    def delete(self, ref: str, *, old: str) -> None:
        """Remove ``ref``, which points to ``old``, durably.

        Raises:
            ConflictError: It points elsewhere, or is not there; nothing was changed.
        """

    def list(self, prefix: str) -> dict[str, str]:
        """Return the refs whose names begin with ``prefix``, sorted by name."""

    def scan(self, prefix: str) -> tuple[dict[str, str], dict[str, str]]:
        """Return the same, and the names of what is no ref there, with the reason."""


class MemoryRefs:
    """Refs that die with the process: for tests, and for verifying what was fetched."""

    def __init__(self) -> None:
        self._refs: dict[str, str] = {}

    def read(self, ref: str) -> str | None:
        return self._refs.get(require_name(ref))

    def swap(self, ref: str, *, old: str | None, new: str) -> None:
        current = self.read(ref)
        if current != old:
            raise ConflictError(f"{ref} was moved by another writer", current=current or "")
        self._refs[ref] = new

    def delete(self, ref: str, *, old: str) -> None:
        current = self.read(ref)
        if current != old:
            raise ConflictError(f"{ref} was moved by another writer", current=current or "")
        del self._refs[ref]

    def list(self, prefix: str) -> dict[str, str]:
        return {ref: oid for ref, oid in sorted(self._refs.items()) if ref.startswith(prefix)}

    def scan(self, prefix: str) -> tuple[dict[str, str], dict[str, str]]:
        return self.list(prefix), {}
