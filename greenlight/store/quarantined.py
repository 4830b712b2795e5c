"""Objects of a push that git holds in quarantine, in front of those of the repository.

While a ``pre-receive`` hook runs, git keeps what was pushed in a folder of its own, and throws it
away where the hook says no (githooks(5), git-receive-pack(1) "Quarantine environment").
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from greenlight.errors import StoreError
from greenlight.primitives.limits import MAX_FILE_BYTES
from greenlight.store.objects import ObjectStore
from greenlight.store.repository import Store


class QuarantinedObjects(ObjectStore):
    """The objects of a quarantine, and behind them the repository's; only to read.

    Args:
        directory: The quarantine's folder.
        behind: The repository's objects.
    """

    def __init__(self, directory: Path, behind: ObjectStore) -> None:
        super().__init__(directory, behind.object_format)
        self._behind = behind

    def read(self, oid: str, *, max_bytes: int = MAX_FILE_BYTES) -> tuple[str, bytes]:
        """Return an object of either; as ``ObjectStore.read``."""
        try:
            return super().read(oid, max_bytes=max_bytes)
        except StoreError:
            return self._behind.read(oid, max_bytes=max_bytes)

    def stream(
        self, oid: str, *, max_bytes: int = MAX_FILE_BYTES
    ) -> tuple[str, int, Iterator[bytes]]:
        """Return an object of either; as ``ObjectStore.stream``."""
        try:
            return super().stream(oid, max_bytes=max_bytes)
        except StoreError:
            return self._behind.stream(oid, max_bytes=max_bytes)


def with_quarantine(store: Store, directory: Path) -> Store:
    """Return a store that sees what is in quarantine, too."""
    return replace(store, objects=QuarantinedObjects(directory, store.objects))
