"""Let proven changes leave the workspace, back to where their sources came from, and look."""

from __future__ import annotations

from pathlib import Path

from greenlight.codes import Code
from greenlight.errors import GreenlightError, RefusedError
from greenlight.execution.publish import publish_file
from greenlight.model.codec import draft
from greenlight.model.documents.publication import PublishedRow
from greenlight.model.lane import AllowedSurface, Lane, Step
from greenlight.services.staging import Staging


def publish_change(
    step: Step, surface: AllowedSurface, path: str, staging: Staging, folder: Path
) -> PublishedRow:
    """Publish one changed file back to where its workspace source came from."""
    content = staging.applied(path)
    before = staging.on_disk(path)
    after = staging.to_publish(path)
    code = ""
    read_back = before
    try:
        if after.kind not in ("file", "absent"):
            raise RefusedError(Code.PUBLICATION_REFUSED, f"{path} has become a {after.kind}")
        read_back = publish_file(
            content.data if content else b"",
            after.mode or "0644",
            folder,
            target_of(staging.lane, path),
            change=surface.change,
            expected_before=before,
        ).read_back
        read_back = staging.veiled(path, read_back)
    except GreenlightError as error:
        code = error.code.name
    if not code and read_back != after:
        code = Code.PUBLICATION_DIFFERS.name
    return draft(
        PublishedRow,
        step=step.id,
        surface=surface.id,
        path=path,
        change=surface.change,
        before=before,
        published=after,
        read_back=read_back,
        code=code,
    )


def target_of(lane: Lane, path: str) -> str:
    """Return where a path of the workspace came from, beside the lane file.

    Raises:
        RefusedError: It came from nowhere, so there is nowhere to publish it.
    """
    # The innermost: a source may stand within another one.
    for source in sorted(lane.workspace, key=lambda source: len(source.at), reverse=True):
        if path == source.at or path.startswith(source.at + "/"):
            return source.source + path.removeprefix(source.at)
    raise RefusedError(Code.PUBLICATION_REFUSED, f"{path} stands under no workspace source")
