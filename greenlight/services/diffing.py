"""Compare two packets: files that came, went and changed, and where documents differ."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass

from greenlight.errors import MalformedError
from greenlight.model.codec import differences
from greenlight.model.packet import is_text
from greenlight.primitives import cjson
from greenlight.primitives.text import escape
from greenlight.services.packets import Located

MAX_PLACES = 1000  # of one document: more are no longer read by a person


@dataclass(frozen=True, slots=True)
class Place:
    """Where two documents differ.

    Attributes:
        pointer: JSON pointer.
        before: What the first one has there.
        after: What the second one has there.
    """

    pointer: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class FileDifference:
    """A file that is not the same in both packets.

    Attributes:
        path: Its path.
        change: added, removed or changed.
        before: Digest in the first one; empty where it has none.
        after: Digest in the second one; empty where it has none.
        places: For a JSON document: where.
    """

    path: str
    change: str
    before: str
    after: str
    places: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class PacketDifference:
    """What is not the same in two packets."""

    before: str
    after: str
    files: tuple[FileDifference, ...]

    def to_dict(self) -> dict[str, object]:
        """Return the object that ``--json`` prints."""
        return {
            "before": self.before,
            "after": self.after,
            "identical": not self.files,
            "files": [asdict(item) for item in self.files],
        }


def diff_packets(before: Located, after: Located) -> PacketDifference:
    """Compare two packets file by file."""
    return PacketDifference(before.where, after.where, tuple(_files(before, after)))


def _files(before: Located, after: Located) -> Iterator[FileDifference]:
    one, other = before.packet.files, after.packet.files
    for path in sorted(one.keys() | other.keys()):
        left, right = one.get(path), other.get(path)
        if left is None and right is not None:
            yield FileDifference(path, "added", "", right.digest, ())
        elif right is None and left is not None:
            yield FileDifference(path, "removed", left.digest, "", ())
        elif left is not None and right is not None and left.sha256 != right.sha256:
            places = tuple(_places(before, after, path))
            yield FileDifference(path, "changed", left.digest, right.digest, places)


def _places(before: Located, after: Located, path: str) -> Iterator[Place]:
    if not (path.endswith(".json") and is_text(path)):
        return
    try:
        left, right = (cjson.decode(side.packet.texts[path]) for side in (before, after))
    except MalformedError:
        return  # two files that differ, and that is all that can be said
    for number, problem in enumerate(differences(left, right)):
        if number == MAX_PLACES:
            return
        yield Place(escape(problem.pointer), escape(problem.expected), escape(problem.found))
