"""Paths inside a packet: what every file system, archive and Git can hold alike.

A path is relative, ``/``-separated, UTF-8 in NFC, of at most 32 segments, 255
bytes a segment and 4096 bytes in all.  A path is refused when some system would
read it as another one: Git's own directory in any spelling (CVE-2014-9390,
CVE-2019-1352), a Windows device, a trailing dot or space that Windows drops, a
colon that opens an NTFS stream, a backslash that is a separator elsewhere.  Two
paths are refused together when some file system folds them to one (CVE-2021-21300).

The rules stand in ``docs/spec/packet.md``; they hold on every platform, because a
packet travels.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import cache, lru_cache
from typing import Final, NamedTuple

from greenlight.codes import Code
from greenlight.primitives.limits import MAX_PATH_BYTES, MAX_PATH_DEPTH, MAX_SEGMENT_BYTES
from greenlight.primitives.text import find_control, is_nfc

__all__ = [
    "MAX_DEPTH",
    "MAX_PATH_BYTES",
    "MAX_SEGMENT_BYTES",
    "collisions",
    "fold_segment",
    "name_problem",
    "path_problem",
]

MAX_DEPTH: Final = MAX_PATH_DEPTH
# The names of one packet are asked about by sealing and by verifying, and those of many packets
# are often the same.  A name has at most 255 bytes, a path 4096; most have thirty.
_REMEMBERED: Final = 4096

# Superscript digits are devices too (COM¹): folding has made them plain digits. Microsoft,
# "Naming Files, Paths, and Namespaces"; CONIN$ and CONOUT$ as in Git's is_valid_win32_path.
_DEVICES: Final = frozenset(
    {"con", "prn", "aux", "nul", "conin$", "conout$", "clock$"}
    | {f"{device}{digit}" for device in ("com", "lpt") for digit in range(10)}
)

# What file systems skip when they compare names: HFS+ (Git's utf8.c, next_hfs_char) and,
# on ext4 with casefold, all of Unicode's Default_Ignorable_Code_Point.
_IGNORABLE_RANGES: Final = (
    (0x00AD, 0x00AD),
    (0x034F, 0x034F),
    (0x061C, 0x061C),
    (0x115F, 0x1160),
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x200B, 0x200F),
    (0x202A, 0x202E),
    (0x2060, 0x206F),
    (0x3164, 0x3164),
    (0xFE00, 0xFE0F),
    (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0),
    (0xFFF0, 0xFFF8),
    (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A),
    (0xE0000, 0xE0FFF),
)


# Most paths there are, with which nothing can be wrong: ASCII letters and digits, no dot but
# before an extension, no device.  The rules below find the same, more slowly.
_PLAIN_NAME = r"(?!(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:[./]|\Z))[a-z0-9_-]+(?:\.[a-z0-9_-]+)*"
_PLAIN: Final = re.compile(rf"{_PLAIN_NAME}(?:/{_PLAIN_NAME})*", re.ASCII | re.IGNORECASE)


@lru_cache(_REMEMBERED)
def path_problem(path: str) -> Code | None:
    """Return why ``path`` cannot stand in a packet, or None where it can.

    A name that is not UTF-8 comes from the operating system with lone surrogates
    in it (PEP 383) and is refused as such.
    """
    if len(path) <= MAX_SEGMENT_BYTES and _PLAIN.fullmatch(path) and path.count("/") < MAX_DEPTH:
        return None
    return _first_problem(path)


def _first_problem(path: str) -> Code | None:
    size = _utf8_size(path)
    if size is None:
        return Code.PATH_NOT_UTF8
    if size > MAX_PATH_BYTES:  # before any work that grows with the path
        return Code.PATH_TOO_LONG
    if path.startswith("/"):
        return Code.PATH_ABSOLUTE
    segments = path.split("/")
    for segment in segments:
        problem = name_problem(segment)
        if problem is not None:
            return problem
    return Code.PATH_TOO_DEEP if len(segments) > MAX_DEPTH else None


@lru_cache(_REMEMBERED)
def name_problem(segment: str) -> Code | None:
    """Return why ``segment`` cannot be one name in a packet's path, or None where it can.

    A slash, which a hostile Git tree can hold inside a name, hides more segments
    and is refused as PATH_DOTS.
    """
    size = _utf8_size(segment)
    if size is None:
        return Code.PATH_NOT_UTF8
    if size > MAX_SEGMENT_BYTES:
        return Code.PATH_TOO_LONG
    if segment in {"", ".", ".."} or "/" in segment:
        return Code.PATH_DOTS
    if find_control(segment) is not None:
        return Code.PATH_CONTROL
    return _spelling_problem(segment)


def collisions(paths: Iterable[str]) -> list[tuple[str, str]]:
    """Return the pairs of ``paths`` that cannot stand beside each other, in a fixed order.

    Two paths collide when they are equal, when they or two of their directories
    differ only in what a file system may fold (case, normalisation, ignorable
    code points), and when one is a file where the other needs a directory.  Each
    path is named at most once as the later of a pair.
    """
    nodes: dict[tuple[int, str], _Node] = {}
    found = []
    for path in sorted(paths):
        other = _place(nodes, path)
        if other is not None:
            found.append((other, path))
    return found


@lru_cache(_REMEMBERED)
def fold_segment(segment: str) -> str:
    """Return what ``segment`` becomes where case, normalisation and ignorables do not count.

    Stronger than any single file system: NFKC without ignorable code points, folded
    by lower and by upper case (so that dotless i meets i).  Two names that some file
    system takes for one have one folded form.
    """
    if segment.isascii():
        return segment.lower()
    text = unicodedata.normalize("NFKC", segment.translate(_ignorables()))
    text = unicodedata.normalize("NFKC", text.casefold().upper().casefold())
    return text.translate(_ignorables())


class _Node(NamedTuple):
    """One directory or file that a path was placed at."""

    number: int
    name: str
    path: str  # the first path that led here
    is_file: bool


def _place(nodes: dict[tuple[int, str], _Node], path: str) -> str | None:
    """Enter ``path`` into the tree of folded names; return the path it collides with."""
    segments = path.split("/")
    parent = 0
    for depth, segment in enumerate(segments, start=1):
        is_file = depth == len(segments)
        key = (parent, fold_segment(segment))
        node = nodes.get(key)
        if node is None:
            node = nodes[key] = _Node(len(nodes) + 1, segment, path, is_file)
        elif is_file or node.is_file or node.name != segment:
            return node.path
        parent = node.number
    return None


def _spelling_problem(segment: str) -> Code | None:
    """Return why ``segment`` means something else to some file system, or None."""
    # Before backslash, colon and trailing dot: `.git\`, `.git::$INDEX_ALLOCATION` and `.git.`
    # are first of all Git's directory.
    folded = fold_segment(segment)
    if _is_dotgit(folded):
        return Code.PATH_DOTGIT
    if "\\" in segment:
        return Code.PATH_BACKSLASH
    if ":" in segment or segment[-1] in ". " or _is_device(folded):
        return Code.PATH_WINDOWS
    return None if is_nfc(segment) else Code.PATH_NOT_NFC


def _is_dotgit(folded: str) -> bool:
    """Report whether a folded name is Git's directory for HFS+, NTFS or a FAT short name."""
    # NTFS: what follows a colon names a stream; a backslash separates; dots and spaces at
    # the end are dropped (Git's path.c, is_ntfs_dotgit).
    name = folded.replace("\\", ":").partition(":")[0].rstrip(". ")
    # git~1 is the short name of .git, git~2 that of the next name like it, and so on.
    return name == ".git" or (name.startswith("git~") and name[4:].isdecimal())


def _is_device(folded: str) -> bool:
    # An extension does not help: NUL.txt is the device NUL, and so is `NUL .txt`.
    return folded.partition(".")[0].rstrip(" ") in _DEVICES


def _utf8_size(text: str) -> int | None:
    if text.isascii():
        return len(text)
    try:
        return len(text.encode("utf-8"))
    except UnicodeEncodeError:
        return None


@cache
def _ignorables() -> dict[int, None]:
    # Made on first use: most packets are ASCII throughout.
    return {point: None for first, last in _IGNORABLE_RANGES for point in range(first, last + 1)}
