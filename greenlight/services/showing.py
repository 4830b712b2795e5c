"""Show one packet: what it says of itself, and its documents.  Shows; does not verify."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from greenlight.codes import Code
from greenlight.errors import GreenlightError, UsageError
from greenlight.model.codec import Unreadable, from_document, name_of
from greenlight.model.documents import BlockerMap, Header, Review
from greenlight.model.documents.blocker_map import BlockerState
from greenlight.model.packet import ARTIFACTS
from greenlight.primitives import cjson
from greenlight.primitives.text import escape
from greenlight.services.packets import Located


@dataclass(frozen=True, slots=True)
class Shown:
    """What a packet says of itself.

    Attributes:
        where: What it was found by.
        packet_tree: Computed from its bytes; empty where they give none.
        header: Its header, field by field; empty where it cannot be read.
        review: The review's verdict, or empty.
        blockers: Open blockers: id and reason.
        files: Size of every file in bytes, by path.
    """

    where: str
    packet_tree: str
    header: Mapping[str, object]
    review: str
    blockers: tuple[tuple[str, str], ...]
    files: Mapping[str, int]

    @property
    def documents(self) -> tuple[str, ...]:
        return tuple(path for path in sorted(self.files) if not path.startswith(ARTIFACTS))

    def to_dict(self) -> dict[str, object]:
        """Return the object that ``--json`` prints."""
        return {
            "where": self.where,
            "packet_tree": self.packet_tree,
            "header": dict(self.header),
            "review": self.review,
            "blockers": [{"id": name, "reason": reason} for name, reason in self.blockers],
            "files": [{"path": path, "bytes": size} for path, size in sorted(self.files.items())],
        }


def show_packet(located: Located) -> Shown:
    """Gather what a packet says of itself; what cannot be read is left out."""
    packet = located.packet
    try:
        tree = packet.tree
    except GreenlightError:
        tree = ""
    header = _read(located, Header)
    review = _read(located, Review)
    blockers = _read(located, BlockerMap)
    plain = _plain(located, name_of(Header)) if header is not None else {}
    return Shown(
        where=located.where,
        packet_tree=tree,
        header=plain,
        review=review.verdict.value if isinstance(review, Review) else "",
        blockers=tuple(
            (row.id, row.reason)
            for row in (blockers.blockers if isinstance(blockers, BlockerMap) else ())
            if row.state is BlockerState.OPEN
        ),
        files={path: fact.size for path, fact in packet.files.items()},
    )


def _read(located: Located, cls: type) -> object | None:
    try:
        value: object = from_document(cls, _plain(located, name_of(cls)))
    except Unreadable:
        return None
    return value


def _plain(located: Located, path: str) -> dict[str, object]:
    try:
        value: object = cjson.decode(located.packet.texts.get(path, b""))
    except GreenlightError:
        return {}
    return value if isinstance(value, dict) else {}


def read_one(located: Located, name: str) -> bytes:
    """Return one file of a packet that was read whole.

    Args:
        located: The packet.
        name: Path in the packet, or the name of a document without ``.json``.

    Raises:
        UsageError: There is no such file.
    """
    for path in (name, f"{name}.json"):
        if path in located.files:
            return located.files[path]
    raise UsageError(
        Code.USAGE,
        f"{escape(name)}: the packet has no such file",
        hint="greenlight show PACKET lists them",
    )
