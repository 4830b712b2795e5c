"""Ledger commits: what an append writes before the ref moves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from greenlight.ledger.message import describe
from greenlight.ledger.places import Place
from greenlight.model.record import Record
from greenlight.primitives.ed25519 import Signer
from greenlight.primitives.gittree import tree_objects
from greenlight.store.gitobjects import object_id
from greenlight.store.packets import commit_body
from greenlight.store.repository import Store
from greenlight.verify.ahead import Look
from greenlight.verify.ledger import Tip

PACKED: Final = 64  # more objects than this are one pack: two files to sync, not hundreds


@dataclass(frozen=True, slots=True)
class Piece:
    """The records of one ledger commit, not yet written.

    Attributes:
        placed: The records, in order.
        seen: What can be said of the entry in each by itself.
        tip: The end of the ledger with them.
    """

    placed: tuple[Record, ...]
    seen: tuple[Look, ...]
    tip: Tip

    @property
    def first(self) -> int:
        """Index of the first."""
        return self.placed[0].index

    @property
    def records(self) -> tuple[bytes, ...]:
        """Their bytes, in order."""
        return tuple([record.raw for record in self.placed])


@dataclass(frozen=True, slots=True)
class Committer:
    """Who makes ledger commits, and what they say.

    Attributes:
        signer: Signs them, a courtesy to git.
        author: ``Name <address>``.
        message: Of each; made from its entries where it is None.
    """

    signer: Signer
    author: str
    message: str | None


def write_commits(
    store: Store,
    parent: str | None,
    pieces: Sequence[Piece],
    committer: Committer,
    now: datetime,
) -> tuple[Place, ...]:
    """Write one commit for each piece, each on the one before; durable after ``flush``.

    Args:
        store: Where to.
        parent: The ledger commit that they follow.
        pieces: What they add.
        committer: Who makes them.
        now: When, by this machine.

    Raises:
        StoreError: IO_NOSPACE or IO_FAILED; unreachable objects may remain.
    """
    objects: dict[str, tuple[str, bytes]] = {}
    places: list[Place] = []
    for piece in pieces:
        before = places[-1].commit if places else parent
        place, new = _make(store, before, piece, committer, now)
        places.append(place)
        objects |= new
    if len(objects) > PACKED:
        store.objects.write_pack(objects)
    else:
        for kind, body in objects.values():
            store.objects.write(kind, body)
    return tuple(places)


def _make(
    store: Store, parent: str | None, piece: Piece, committer: Committer, now: datetime
) -> tuple[Place, dict[str, tuple[str, bytes]]]:
    """Return where the piece will lie, and the objects that it takes, by name."""
    objects: dict[str, tuple[str, bytes]] = {}

    def put(kind: str, body: bytes) -> str:
        oid = object_id(kind, body, store.object_format)
        objects[oid] = (kind, body)
        return oid

    blobs = tuple([put("blob", raw) for raw in piece.records])
    head = put("blob", piece.tip.head.encode())
    frontier = put("blob", piece.tip.frontier_bytes)
    names = dict(_names(piece.first, blobs)) | {"frontier.cbor": frontier, "head": head}
    ids = {name: bytes.fromhex(oid) for name, oid in names.items()}
    tree = ""
    for _, body in tree_objects(ids, store.object_format):  # the root comes last
        tree = put("tree", body)
    body = commit_body(
        store.object_format,
        tree,
        () if parent is None else (parent,),
        signer=committer.signer,
        author=committer.author,
        time=now,
        message=_message(piece) if committer.message is None else committer.message,
    )
    commit = put("commit", body)
    return Place.of(commit, piece.first, blobs, head=head, frontier=frontier), objects


def _message(piece: Piece) -> str:
    return describe([seen.entry for seen in piece.seen])


def _names(first: int, blobs: Sequence[str]) -> Iterator[tuple[str, str]]:
    return ((f"records/{index}.cbor", oid) for index, oid in enumerate(blobs, first))
