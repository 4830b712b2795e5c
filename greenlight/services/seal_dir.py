"""Seal evidence that was made elsewhere: any files, under ``artifacts/``, with a header.

A packet says of itself that nothing was executed here (NOT_EXECUTED); it spends no grant,
but its signer must be an executor.  Everything is looked at before anything names it:
names, links, secrets, authority; and of many folders all are sealed or none.

Small files are read, hashed and compressed by worker processes, packets of few files from
beginning to end; large ones here, in threads.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from greenlight.codes import Code
from greenlight.errors import RefusedError, UsageError
from greenlight.execution.evidence import Listed, list_evidence, opened, require_unchanged
from greenlight.execution.forked import Here, fork_map
from greenlight.execution.reading import read_whole
from greenlight.model.codec import draft as drafted
from greenlight.model.codec import to_document
from greenlight.model.documents.header import Header
from greenlight.model.packet import ARTIFACTS, HEADER, FileFact
from greenlight.model.words import packet_id
from greenlight.primitives import cjson
from greenlight.primitives.ed25519 import Signer
from greenlight.primitives.text import escape
from greenlight.primitives.timestamp import format_seconds
from greenlight.services.drafting import Closed, Draft
from greenlight.services.initialising import require_executor
from greenlight.services.large_file import LARGE_BYTES, add_large
from greenlight.services.sealing import Sealed, seal_together
from greenlight.store.packentry import Segment
from greenlight.store.packwriter import PackWriter
from greenlight.store.repository import Store
from greenlight.verify.derive.external import derive_external_header
from greenlight.verify.secrets import MAX_HITS, Hit, Scanner

MAX_SHOWN = 3  # findings in one message; the rest are counted
_BATCH_FILES: Final = 256  # that one worker takes at a time: some 10 ms of work
_BATCH_BYTES: Final = 4 * 1024 * 1024
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
    """Seal every file of ``folder``, read once; as ``seal_dirs``."""
    (sealed,) = seal_dirs([folder], around, lane=lane)
    return sealed


def seal_dirs(
    folders: Iterable[Path],
    around: Outside,
    *,
    lane: str = "",
    tell: Callable[[int, int], None] = lambda _packets, _bytes: None,
) -> list[Sealed]:
    """Seal every file of each folder, read once: a packet a folder, all of them or none.

    Args:
        folders: Each holds the evidence of one packet.
        around: The outside world.
        lane: Slug to file them under; made of each folder's name where empty.
        tell: Called with packets and bytes that were done since it was called last.

    Raises:
        UsageError: There is no such folder, nothing in it, or ``lane`` is no slug.
        RefusedError: TRUST_REFUSED; SECRET_IN_EVIDENCE: where, never what.
        StoreError: A file cannot be read, changed meanwhile, or cannot be in a packet; the
            store does not serve.
    """
    if lane:
        require_slug(lane)
    require_executor(around.store, around.signer)
    maker = _Maker(around, lane)

    def write(pack: PackWriter) -> Sequence[Closed]:
        writing = _Writing(maker, pack, tell)
        for result in fork_map(maker.work, _items(folders)):
            writing.take(result.item if isinstance(result, Here) else result)
        _require_no_hits(writing.hits)
        return writing.closed

    return seal_together(around.store, around.signer, write, clock=around.clock)


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


# --- what is to be done, cut into pieces


@dataclass(frozen=True, slots=True)
class _Wholes:
    """Packets of few small files, made from beginning to end."""

    packets: tuple[Listed, ...]


@dataclass(frozen=True, slots=True)
class _Some:
    """Small files of one larger packet."""

    folder: Path
    files: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class _Large:
    """One large file."""

    folder: Path
    path: str
    size: int


@dataclass(frozen=True, slots=True)
class _End:
    """All files of a larger packet were read."""

    listed: Listed


_Item = _Wholes | _Some


def _items(folders: Iterable[Path]) -> Iterator[_Item | Here]:
    few: list[Listed] = []
    files = size = 0
    for folder in folders:
        listed = list_evidence(folder)
        whole = len(listed.files) <= _BATCH_FILES and listed.byte_count <= _BATCH_BYTES
        large = any(length >= LARGE_BYTES for _, length in listed.files)
        if whole and not large:
            few.append(listed)
            files += len(listed.files)
            size += listed.byte_count
        if few and (not whole or large or files > _BATCH_FILES or size > _BATCH_BYTES):
            yield _Wholes(tuple(few))
            few, files, size = [], 0, 0
        if not whole or large:
            yield from _pieces(listed)
    if few:
        yield _Wholes(tuple(few))


def _pieces(listed: Listed) -> Iterator[_Some | Here]:
    some: list[tuple[str, int]] = []
    size = 0
    for path, length in listed.files:
        if length >= LARGE_BYTES:
            yield Here(_Large(listed.folder, path, length))
            continue
        some.append((path, length))
        size += length
        if len(some) == _BATCH_FILES or size > _BATCH_BYTES:
            yield _Some(listed.folder, tuple(some))
            some, size = [], 0
    if some:
        yield _Some(listed.folder, tuple(some))
    yield Here(_End(listed))


# --- doing it


@dataclass(frozen=True, slots=True)
class _Made:
    """Packets that a worker made."""

    segment: Segment
    closed: list[Closed]
    hits: list[Hit]


@dataclass(frozen=True, slots=True)
class _Read:
    """Files that a worker read."""

    segment: Segment
    facts: list[tuple[str, FileFact, bytes]]
    hits: list[Hit]


class _Maker:
    """What a worker does; it holds nothing that another process could change."""

    def __init__(self, around: Outside, lane: str) -> None:
        self.scanner = Scanner.of()
        self._signer = around.signer
        self._clock = around.clock
        self._began = around.clock()
        self._format = around.store.object_format
        self._lane = lane

    def work(self, item: _Item) -> _Made | _Read:
        """Do one item."""
        segment = Segment(self._format)
        hits: list[Hit] = []
        if isinstance(item, _Some):
            draft = Draft(segment)
            self._read(draft, item.folder, item.files, hits)
            names = draft.names
            facts = [(path, fact, names[path]) for path, fact in draft.facts.items()]
            return _Read(segment, facts, hits)
        closed = []
        for listed in item.packets:
            draft = Draft(segment)
            self._read(draft, listed.folder, listed.files, hits)
            if not hits:
                closed.append(self.close(draft, listed))
        return _Made(segment, closed, hits)

    def _read(
        self, draft: Draft, folder: Path, files: Iterable[tuple[str, int]], hits: list[Hit]
    ) -> None:
        with opened(folder) as find:
            for path, size in files:
                data = read_whole(*find(path), expected=size)
                hits += self.scanner.scan(f"{ARTIFACTS}{path}", data)
                draft.add(f"{ARTIFACTS}{path}", data)

    def close(self, draft: Draft, listed: Listed) -> Closed:
        """Close a packet of which every file was read."""
        require_unchanged(listed)
        run_id = str(uuid.uuid4())
        header = derive_external_header(
            drafted(
                Header,
                packet_id=packet_id(self._lane or slug_of(listed.folder), run_id),
                run_id=run_id,
                executor=self._signer.public.uri,
                opened_at=format_seconds(self._began),
                sealed_at=format_seconds(self._clock()),
            )
        )
        draft.add(HEADER, cjson.encode(to_document(header)))
        draft.finish()
        return draft.close(header, self._signer)


@dataclass(slots=True)
class _Writing:
    """What comes back, in order, on its way into the pack."""

    maker: _Maker
    pack: PackWriter
    tell: Callable[[int, int], None]
    closed: list[Closed] = field(default_factory=list)
    hits: list[Hit] = field(default_factory=list)
    _draft: Draft | None = None

    def take(self, result: _Made | _Read | _Large | _End) -> None:
        """Take the next result."""
        if isinstance(result, _Made):
            self.pack.add_segment(result.segment)
            self.closed += result.closed
            self.tell(len(result.closed), sum(each.statement.byte_count for each in result.closed))
        elif isinstance(result, _Read):
            self.pack.add_segment(result.segment)
            for path, fact, name in result.facts:
                self._open().note(path, fact, name)
            self.tell(0, sum(fact.size for _, fact, _ in result.facts))
        elif isinstance(result, _Large):
            self._large(result)
        else:
            self._end(result)
        if not isinstance(result, _Large | _End):
            self.hits += result.hits
        if len(self.hits) >= MAX_HITS:
            _require_no_hits(self.hits)

    def _open(self) -> Draft:
        if self._draft is None:
            self._draft = Draft(self.pack)
        return self._draft

    def _large(self, large: _Large) -> None:
        draft = self._open()
        path = f"{ARTIFACTS}{large.path}"
        with opened(large.folder) as find:
            folder, name = find(large.path)
            fact, oid, hits = add_large(
                self.pack, folder, name, large.size, path, self.maker.scanner
            )
        draft.note(path, fact, oid)
        self.hits += hits
        self.tell(0, large.size)

    def _end(self, end: _End) -> None:
        draft, self._draft = self._open(), None
        if not self.hits:
            self.closed.append(self.maker.close(draft, end.listed))
        self.tell(1, 0)


def _require_no_hits(hits: Sequence[Hit]) -> None:
    if hits:
        shown = [f"{escape(hit.where)} byte {hit.offset}: {hit.rule}" for hit in hits[:MAX_SHOWN]]
        more = f" and {len(hits) - MAX_SHOWN} more" if len(hits) > MAX_SHOWN else ""
        raise RefusedError(
            Code.SECRET_IN_EVIDENCE,
            f"{'; '.join(shown)}{more}",
            hint="nothing was written; take the secret out, and make it invalid",
        )
