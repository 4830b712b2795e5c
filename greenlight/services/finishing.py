"""Finish a packet's files: the published script and the manifest; then nothing is added."""

from __future__ import annotations

from greenlight.model.packet import MANIFEST, RERUN, FileFact
from greenlight.primitives.manifest import format_manifest
from greenlight.services.published import published


def finish(files: dict[str, bytes]) -> None:
    """Add the published script and the manifest to a packet's files."""
    files[RERUN] = published().rerun
    files[MANIFEST] = format_manifest(
        {path: FileFact.of(data).sha256 for path, data in files.items() if path != MANIFEST}
    )
