"""Git's objects, read by a grammar that has one spelling for each, and written.

Git and its libraries read damaged and hostile objects differently: two ``tree``
lines, zero-padded modes, entries out of order, several signatures.  Where two
readers differ, a signature covers what one of them reads and the other is believed
(dulwich 1.2.20, sigstore/gitsign#802).  So here is exactly one form: a tree as
``git fsck --strict`` wants it, a commit with one of each header in Git's order and
no header that greenlight does not write.

Nothing here touches a file.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import NamedTuple

from greenlight.codes import Code
from greenlight.errors import MalformedError, RefusedError, StoreError, UsageError
from greenlight.primitives.gittree import Hasher
from greenlight.primitives.limits import MAX_FILE_BYTES
from greenlight.primitives.timestamp import format_seconds

OID_DIGITS = {"sha1": 40, "sha256": 64}
_OIDS = {name: re.compile(rf"[0-9a-f]{{{digits}}}") for name, digits in OID_DIGITS.items()}
SIGNATURE_HEADER = {"sha1": "gpgsig", "sha256": "gpgsig-sha256"}

FILE = b"100644"
DIRECTORY = b"40000"
_MODES = frozenset({FILE, DIRECTORY, b"100755", b"120000", b"160000"})

_FIRST = datetime(1970, 1, 1, tzinfo=UTC)  # git's times are seconds from here on

MAX_COMMIT_BYTES = 64 * 1024  # ours are under 2 KiB; a message is for people
MAX_TREE_BYTES = 32 * 2**20  # MAX_PACKET_FILES entries of one directory with long names
_LIMITS = {  # nothing that greenlight writes comes near
    "blob": MAX_FILE_BYTES,
    "commit": MAX_COMMIT_BYTES,
    "tag": MAX_COMMIT_BYTES,
    "tree": MAX_TREE_BYTES,
}

# An entry that has nothing wrong by itself; its id is not null.
_ENTRIES = {
    name: re.compile(
        rb"(%b) ([^/\0]+)\0(?!\0{%d})(.{%d})" % (b"|".join(sorted(_MODES)), size // 2, size // 2),
        re.DOTALL,
    )
    for name, size in OID_DIGITS.items()
}
_IDENTITY = r"[^<>\n\0]+ <[^<>\n\0 ]*>"
_STAMP = r"(?:0|[1-9][0-9]{0,11}) [+-][0-9]{4}"  # 12 digits: the year 33658, far from overflow
_COMMIT = re.compile(
    rf"tree (?P<tree>[0-9a-f]+)\n"
    rf"(?P<parents>(?:parent [0-9a-f]+\n)*)"
    rf"author (?P<author>{_IDENTITY}) (?P<time>{_STAMP})\n"
    rf"committer (?P<committer>{_IDENTITY}) {_STAMP}\n"
    rf"(?P<signature>(?P<header>gpgsig(?:-sha256)?) [^\n]*\n(?: [^\n]*\n)*)?"
    rf"\n(?P<message>[^\0]*)"
)
_AUTHOR = re.compile(_IDENTITY)
_TRAILER = re.compile(r"([A-Z][A-Za-z]*(?:-[A-Z][A-Za-z]*)*): ([^\n]+)")


class TreeEntry(NamedTuple):
    """One line of a tree.

    Attributes:
        mode: As Git spells it, ``100644`` or ``40000`` and the like.
        name: Bytes: Git knows no encoding.
        oid: Hex digits.
    """

    mode: bytes
    name: bytes
    oid: str

    @property
    def is_directory(self) -> bool:
        return self.mode == DIRECTORY


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit in the one form that greenlight reads.

    Attributes:
        tree: Hex digits.
        parents: Hex digits of each.
        author: ``Name <address>``.
        time: Seconds since 1970.
        signed: Whether it carries a signature; nobody here has verified it.
        message: Text after the headers.
    """

    tree: str
    parents: tuple[str, ...]
    author: str
    time: int
    signed: bool
    message: str

    @property
    def trailers(self) -> dict[str, str]:
        """The trailers of the last paragraph; where one is repeated, none."""
        lines = self.message.rstrip("\n").rpartition("\n\n")[2].split("\n")
        found = [match for match in map(_TRAILER.fullmatch, lines) if match]
        names = [match[1] for match in found]
        if len(found) != len(lines) or len(set(names)) != len(names):
            return {}
        return {match[1]: match[2] for match in found}


def object_id(kind: str, body: bytes, object_format: str) -> str:
    """Return the id of an object: ``git hash-object -t KIND --stdin``."""
    return raw_id(kind, body, object_format).hex()


def raw_id(kind: str, body: bytes, object_format: str) -> bytes:
    """Return the id of an object as its bytes."""
    hasher = object_hasher(kind, len(body), object_format)
    hasher.update(body)
    return hasher.digest()


def object_hasher(kind: str, size: int, object_format: str) -> Hasher:
    """Return a hasher that has read an object's header and waits for its ``size`` bytes."""
    header = f"{kind} {size}\0".encode("ascii")
    if object_format == "sha1":  # Git's SHA-1 names objects in storage; it is never evidence
        return hashlib.sha1(header, usedforsecurity=False)
    return hashlib.sha256(header)


def require_hash(oid: str, kind: str, body: bytes, object_format: str) -> None:
    """Refuse an object that is not what its name says.

    Raises:
        StoreError: STORE_DAMAGED.
    """
    found = object_id(kind, body, object_format)
    if found != oid:
        raise StoreError(Code.STORE_DAMAGED, f"object {oid} holds what hashes to {found}")


def require_size(name: str, kind: str, size: int, max_bytes: int) -> None:
    """Refuse an object that is larger than its reader, or its kind, has room for.

    Raises:
        StoreError: LIMIT_EXCEEDED.
    """
    limit = min(max_bytes, _LIMITS[kind])
    if size > limit:
        said = f"object {name} is a {kind} of {size} bytes, at most {limit} are read"
        raise StoreError(Code.LIMIT_EXCEEDED, said)


def is_oid(text: str, object_format: str) -> bool:
    """Report whether ``text`` is an object id, and not the null one."""
    return bool(_OIDS[object_format].fullmatch(text)) and text.strip("0") != ""


def require_oid(text: str, object_format: str) -> str:
    """Return ``text`` where it is an object id, so that it may become part of a path.

    Raises:
        MalformedError: It is not one.
    """
    if not is_oid(text, object_format):
        raise MalformedError(Code.MALFORMED, f"not a {object_format} object id: {text[:80]!r}")
    return text


def encode_tree(entries: Iterable[TreeEntry]) -> bytes:
    """Return the body of a tree, entries in Git's order."""
    ordered = sorted(entries, key=_sort_key)
    return b"".join(b"%b %b\0%b" % (e.mode, e.name, bytes.fromhex(e.oid)) for e in ordered)


def _sort_key(entry: TreeEntry) -> bytes:
    # Git compares a directory as if its name ended in a slash.
    return entry.name + b"/" if entry.is_directory else entry.name


def parse_tree(body: bytes, object_format: str) -> tuple[TreeEntry, ...]:
    """Read a tree.

    Raises:
        MalformedError: It is not in the form that ``git fsck --strict`` wants: cut, an
            unknown or padded mode, an empty name or one with a slash, a null id, names
            repeated or out of order.
    """
    if len(body) > MAX_TREE_BYTES:
        raise MalformedError(Code.LIMIT_EXCEEDED, f"a tree of {len(body)} bytes, {MAX_TREE_BYTES=}")
    size = OID_DIGITS[object_format] // 2
    entries: list[TreeEntry] = []
    at = 0
    whole = _ENTRIES[object_format].match
    while (found := whole(body, at)) is not None:
        mode, name, raw = found.groups()
        entries.append(TreeEntry(mode, name, raw.hex()))
        at = found.end()
    while at < len(body):  # only where something is wrong, and to say what
        space = body.find(b" ", at, at + 8)
        null = body.find(b"\0", space + 1)
        if space < 0 or null < 0 or null + 1 + size > len(body):
            raise MalformedError(Code.MALFORMED, f"a tree is cut at byte {at}")
        oid = body[null + 1 : null + 1 + size].hex()
        entries.append(_entry(body[at:space], body[space + 1 : null], oid))
        at = null + 1 + size
    keys = [_sort_key(entry) for entry in entries]
    if any(left >= right for left, right in pairwise(keys)):
        raise MalformedError(Code.MALFORMED, "a tree is out of order or repeats a name")
    if len({entry.name for entry in entries}) != len(entries):  # a file and a directory of one name
        raise MalformedError(Code.MALFORMED, "a tree repeats a name")
    return tuple(entries)


def _entry(mode: bytes, name: bytes, oid: str) -> TreeEntry:
    if mode not in _MODES:
        raise MalformedError(Code.MALFORMED, f"a tree has the mode {mode!r}")
    if not name or b"/" in name:
        raise MalformedError(Code.MALFORMED, f"a tree has the name {name!r}")
    if not oid.strip("0"):
        raise MalformedError(Code.MALFORMED, f"a tree has the null id for {name!r}")
    return TreeEntry(mode, name, oid)


def encode_commit(  # noqa: PLR0913 - the fields of a commit
    *,
    tree: str,
    parents: Sequence[str],
    author: str,
    time: datetime,
    message: str,
    signature: tuple[str, str] | None = None,
) -> bytes:
    """Return the body of a commit; author and committer are one.

    Args:
        tree: Hex digits.
        parents: Hex digits of each.
        author: ``Name <address>``.
        time: Cut to seconds, written in UTC.
        message: Subject, empty line, body; ends in one line feed.
        signature: Header name and armoured signature over the commit without it.

    Raises:
        UsageError: The author cannot stand in a commit.
        RefusedError: CLOCK_UNSET: the time cannot.
    """
    if time < _FIRST:
        said = f"this clock says {format_seconds(time)}, and git has no time before 1970"
        raise RefusedError(Code.CLOCK_UNSET, said, hint="set the clock of this machine")
    if not _AUTHOR.fullmatch(author) or not author.isprintable():
        raise UsageError(Code.USAGE, f"not an author as in `Name <address>`: {author!r}")
    stamp = f"{author} {int(time.astimezone(UTC).timestamp())} +0000"
    lines = [f"tree {tree}", *(f"parent {parent}" for parent in parents)]
    lines += [f"author {stamp}", f"committer {stamp}"]
    if signature is not None:
        header, armoured = signature
        lines.append(f"{header} " + armoured.rstrip("\n").replace("\n", "\n "))
    return ("\n".join(lines) + "\n\n" + message.rstrip("\n") + "\n").encode()


def parse_commit(body: bytes, object_format: str) -> Commit:
    """Read a commit.

    Raises:
        MalformedError: It is not in the one form: a header missing, repeated, unknown or
            out of order, an id or a date misspelt, a NUL byte, a signature under the
            header of the other object format.
    """
    if len(body) > MAX_COMMIT_BYTES:
        raise MalformedError(Code.LIMIT_EXCEEDED, f"a commit of {len(body)} bytes")
    try:
        match = _COMMIT.fullmatch(body.decode())
    except UnicodeDecodeError as error:
        raise MalformedError(Code.MALFORMED, "a commit is not UTF-8") from error
    if match is None:
        raise MalformedError(Code.MALFORMED, "a commit is not in the form greenlight reads")
    parents = tuple(line.removeprefix("parent ") for line in match["parents"].splitlines())
    for oid in (match["tree"], *parents):
        require_oid(oid, object_format)
    if match["header"] not in (None, SIGNATURE_HEADER[object_format]):
        raise MalformedError(Code.MALFORMED, f"a commit is signed under {match['header']}")
    return Commit(
        tree=match["tree"],
        parents=parents,
        author=match["author"],
        time=int(match["time"].split()[0]),
        signed=match["header"] is not None,
        message=match["message"],
    )
