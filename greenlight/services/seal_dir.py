"""Seal evidence that was made elsewhere: any files, under ``artifacts/``, with a header.

The packet says of itself that nothing was executed here (NOT_EXECUTED); it spends no
grant, but its signer must be an executor.  Everything is looked at before anything is
written: names, links, secrets, authority.
"""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from greenlight.codes import Code
from greenlight.errors import RefusedError, StoreError, UsageError
from greenlight.execution.gather import gather
from greenlight.model.codec import draft, to_document
from greenlight.model.documents.header import Header
from greenlight.model.packet import ARTIFACTS, HEADER
from greenlight.model.words import packet_id
from greenlight.primitives import cjson
from greenlight.primitives.ed25519 import Signer
from greenlight.primitives.limits import MAX_PACKET_FILES
from greenlight.primitives.packet_path import collisions, path_problem
from greenlight.primitives.text import escape
from greenlight.primitives.timestamp import format_seconds
from greenlight.services.finishing import finish
from greenlight.services.initialising import require_executor
from greenlight.services.sealing import Sealed, seal_files
from greenlight.store.repository import Store
from greenlight.verify.derive.external import derive_external_header
from greenlight.verify.secrets import Scanner

MAX_SHOWN = 3  # findings in one message; the rest are counted
_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,126}[a-z0-9])?")
_MAX_SLUG = 128


@dataclass(frozen=True, slots=True)
class Outside:
    """The outside world of a seal.

    Attributes:
        store: Where the packet goes.
        signer: An executor's key.
        clock: The time of this machine, aware.
    """

    store: Store
    signer: Signer
    clock: Callable[[], datetime]


def seal_dir(folder: Path, around: Outside, *, lane: str = "") -> Sealed:
    """Seal every file of ``folder``, read once.

    Args:
        folder: Holds the evidence.
        around: The outside world.
        lane: Slug to file it under; made of the folder's name where empty.

    Raises:
        UsageError: There is no such folder, nothing in it, or ``lane`` is no slug.
        RefusedError: TRUST_REFUSED; SECRET_IN_EVIDENCE: where, never what.
        StoreError: A file cannot be read, changed meanwhile, or cannot be in a packet; the
            store does not serve.
    """
    slug = require_slug(lane) if lane else slug_of(folder)
    require_executor(around.store, around.signer)
    opened = around.clock()
    files = read_evidence(folder)
    require_no_secrets(files)
    run_id = str(uuid.uuid4())
    header = derive_external_header(
        draft(
            Header,
            packet_id=packet_id(slug, run_id),
            run_id=run_id,
            executor=around.signer.public.uri,
            opened_at=format_seconds(opened),
            sealed_at=format_seconds(around.clock()),
        )
    )
    files[HEADER] = cjson.encode(to_document(header))
    finish(files)
    return seal_files(around.store, around.signer, files, header, lineage=(), clock=around.clock)


def slug_of(folder: Path) -> str:
    """Make a lane slug of a folder's name, as people would."""
    name = folder.resolve().name.lower()
    slug = re.sub(r"[^a-z0-9]+", "-", name).strip("-")[:_MAX_SLUG].strip("-")
    return slug or "evidence"


def require_slug(lane: str) -> str:
    """Return ``lane`` where it is a slug.

    Raises:
        UsageError: It is not.
    """
    if not _SLUG.fullmatch(lane):
        raise UsageError(Code.USAGE, f"not a lane slug of a-z, 0-9 and -: {escape(lane)}")
    return lane


def read_evidence(folder: Path) -> dict[str, bytes]:
    """Read all files below ``folder``, by their path in the packet.

    Raises:
        UsageError: There is no such folder, or nothing in it.
        StoreError: What is there cannot be read, or cannot be in a packet.
    """
    if not folder.is_dir():
        raise UsageError(Code.USAGE, f"{escape(str(folder))}: no such folder")
    folder = folder.resolve()
    files: dict[str, bytes] = {}
    folders: set[str] = set()
    for path, data in _walk(folder):
        if data is None:
            folders.add(path)
        else:
            files[f"{ARTIFACTS}{path}"] = data
        if len(files) > MAX_PACKET_FILES:
            raise StoreError(Code.LIMIT_EXCEEDED, f"more than {MAX_PACKET_FILES} files")
    if not files:
        # Empty means no: a seal over nothing would say that something was looked at.
        raise UsageError(Code.USAGE, f"{escape(str(folder))} holds no file: nothing to seal")
    for empty in sorted(folders - {above for path in files for above in _above(path)}):
        raise StoreError(
            Code.DIRECTORY_EMPTY,
            f"{escape(empty)}: an empty folder, which a packet cannot hold",
            hint="remove it, or put a file into it",
        )
    _require_paths(files)
    return files


def _walk(folder: Path) -> Iterator[tuple[str, bytes | None]]:
    try:
        # As bytes: a name that is not UTF-8 shall be refused, not guessed at.
        names = sorted(os.listdir(os.fsencode(folder)))  # noqa: PTH208 - Path has no bytes
    except OSError as error:
        reason = (error.strerror or "").lower()
        raise StoreError(
            Code.FILE_UNREADABLE, f"cannot read {escape(str(folder))}: {reason}"
        ) from error
    for raw in names:
        try:
            name = raw.decode("utf-8")
        except UnicodeDecodeError:
            shown = ascii(raw)
            raise StoreError(Code.PATH_NOT_UTF8, f"{shown}: a name that is not UTF-8") from None
        for found in gather(folder, name):
            yield found.path, found.data


def _above(path: str) -> Iterator[str]:
    """Yield the folders that a file's path goes through, as they were called outside."""
    segments = path.removeprefix(ARTIFACTS).split("/")[:-1]
    return ("/".join(segments[:count]) for count in range(1, len(segments) + 1))


def _require_paths(files: Mapping[str, bytes]) -> None:
    for path in sorted(files):
        if (problem := path_problem(path)) is not None:
            raise StoreError(problem, f"{escape(path)}: {problem.meaning}")
    for one, other in collisions(files):
        raise StoreError(
            Code.PATH_COLLISION,
            f"{escape(one)} and {escape(other)}: {Code.PATH_COLLISION.meaning}",
        )


def require_no_secrets(files: Mapping[str, bytes]) -> None:
    """Search the files for the shapes of known tokens.

    Raises:
        RefusedError: SECRET_IN_EVIDENCE, with the rule and the place of each hit.
    """
    scanner = Scanner.of()
    hits = [hit for path, data in sorted(files.items()) for hit in scanner.scan(path, data)]
    if hits:
        shown = [f"{escape(hit.where)} byte {hit.offset}: {hit.rule}" for hit in hits[:MAX_SHOWN]]
        more = f" and {len(hits) - MAX_SHOWN} more" if len(hits) > MAX_SHOWN else ""
        raise RefusedError(
            Code.SECRET_IN_EVIDENCE,
            f"{'; '.join(shown)}{more}",
            hint="nothing was written; take the secret out, and make it invalid",
        )
