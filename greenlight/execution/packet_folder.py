"""Read a packet that lies in a folder: ``packet/``, ``seal/``, ``ledger/``.

Everything is hostile: no link is followed, nothing but regular files is opened, each
file is read once, and what cannot be part of a packet is a finding, not a crash.
Modes are not looked at: an archive or a Windows disk does not carry them.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from greenlight.codes import Code
from greenlight.errors import StoreError
from greenlight.execution.reading import fault, open_beneath, open_root, read_stable
from greenlight.model.finding import Finding
from greenlight.model.packet import FileFact, Packet, is_text
from greenlight.primitives.gittree import blob_hasher
from greenlight.primitives.limits import MAX_FILE_BYTES, MAX_PACKET_FILES, MAX_TEXT_BYTES
from greenlight.primitives.packet_path import MAX_DEPTH
from greenlight.primitives.text import escape

TOP = frozenset({"packet", "seal", "ledger"})


@dataclass(frozen=True, slots=True)
class PacketFolder:
    """What a folder holds.

    Attributes:
        packet: Facts, texts and seal.
        kept: Bytes of the files of ``packet/`` that were asked for, by path.
        ledger: Bytes of the files of ``ledger/``, by path.
    """

    packet: Packet
    kept: dict[str, bytes]
    ledger: dict[str, bytes]


@dataclass(slots=True)
class _Reader:
    root: int
    keep: Callable[[str], bool]
    is_text: Callable[[str], bool]
    refused: list[Finding] = field(default_factory=list)
    left: int = field(default_factory=lambda: MAX_TEXT_BYTES)
    facts: dict[str, FileFact] = field(default_factory=dict)
    kept: dict[str, bytes] = field(default_factory=dict)


def read_folder(folder: Path, keep: Callable[[str], bool]) -> PacketFolder:
    """Read the packet in ``folder``.

    Args:
        folder: Holds ``packet/`` and ``seal/``.
        keep: Says of which files of ``packet/`` the bytes are wanted.

    Raises:
        StoreError: A file cannot be read, or changes while it is read.
    """
    root = open_root(folder)
    try:
        top = set(_names(root))
        refused = [
            Finding(Code.FOLDER_MALFORMED, escape(name), "packet/, seal/ and ledger/", "this")
            for name in sorted(top - TOP)
        ]
        packet = _read(root, "packet", keep, refused, present="packet" in top)
        seal = _read(root, "seal", lambda _: True, refused, present="seal" in top)
        ledger = _read(root, "ledger", lambda _: True, refused, present="ledger" in top)
        refused += [
            Finding(Code.FOLDER_MALFORMED, name, "a folder of this name", "none")
            for name in ("packet", "seal")
            if name not in top
        ]
    finally:
        os.close(root)
    texts = {path: data for path, data in packet.kept.items() if is_text(path)}
    return PacketFolder(
        Packet(packet.facts, texts, seal.kept, tuple(refused)), packet.kept, ledger.kept
    )


def copy_from_folder(folder: Path, path: str, sink: Callable[[memoryview], object]) -> None:
    """Hand the bytes of one file of ``packet/`` to ``sink``, in pieces, as they are now.

    Raises:
        StoreError: It cannot be read, or changes while it is read.
    """
    root = open_root(folder)
    try:
        *above, name = path.split("/")
        parent = open_beneath(root, ["packet", *above])
        try:
            read_stable(parent, name, sink, max_bytes=MAX_FILE_BYTES)
        finally:
            os.close(parent)
    finally:
        os.close(root)


def _read(
    root: int, name: str, keep: Callable[[str], bool], refused: list[Finding], *, present: bool
) -> _Reader:
    # What is parsed is kept whole; of an artifact only whoever asks for it has the bytes.
    reader = _Reader(root, keep, is_text if name == "packet" else lambda _: True, refused)
    if present:
        try:
            descriptor = open_beneath(root, [name])
        except StoreError:
            refused.append(Finding(Code.FILE_TYPE_REFUSED, name, "a folder", "something else"))
            return reader
        try:
            _folder(reader, descriptor, "", f"{name}/", 1)
        finally:
            os.close(descriptor)
    return reader


def _folder(reader: _Reader, descriptor: int, path: str, shown: str, depth: int) -> None:
    names = sorted(_names(descriptor))
    if not names:
        empty = escape(shown + path)
        reader.refused.append(Finding(Code.DIRECTORY_EMPTY, empty, "a file in it", "none"))
    for name in names:
        whole = path + name
        if len(reader.facts) > MAX_PACKET_FILES or depth > MAX_DEPTH:
            code = Code.LIMIT_EXCEEDED if depth <= MAX_DEPTH else Code.PATH_TOO_DEEP
            found = escape(shown + whole)
            reader.refused.append(Finding(code, found, "no more than the format allows", "more"))
            return
        try:
            name.encode("utf-8")
        except UnicodeEncodeError:
            where = escape(shown + os.fsencode(whole).decode("utf-8", "backslashreplace"))
            reader.refused.append(Finding(Code.PATH_NOT_UTF8, where, "UTF-8", "other bytes"))
            continue
        _entry(reader, descriptor, name, whole, shown, depth)


def _names(descriptor: int) -> list[str]:
    with os.scandir(descriptor) as entries:
        return [entry.name for entry in entries]


def _entry(  # noqa: PLR0913, PLR0917 - one place in a walk
    reader: _Reader, parent: int, name: str, path: str, shown: str, depth: int
) -> None:
    try:
        mode = os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode
    except OSError as error:
        raise fault(error, path) from error
    if stat.S_ISDIR(mode):
        inside = open_beneath(parent, [name])
        try:
            _folder(reader, inside, f"{path}/", shown, depth + 1)
        finally:
            os.close(inside)
    elif stat.S_ISREG(mode):
        _file(reader, parent, name, path, shown)
    else:
        what = "a link" if stat.S_ISLNK(mode) else "a special file"
        where = escape(shown + path)
        reader.refused.append(Finding(Code.FILE_TYPE_REFUSED, where, "a regular file", what))


def _file(reader: _Reader, parent: int, name: str, path: str, shown: str) -> None:
    size = os.stat(name, dir_fd=parent, follow_symlinks=False).st_size
    content, blob = hashlib.sha256(), blob_hasher(size)
    pieces: list[bytes] = []
    keep = reader.keep(path)
    if keep and reader.is_text(path):
        reader.left -= size
        if reader.left < 0:
            # Hashed all the same: the tree is the tree.
            keep = False
            code, most = Code.LIMIT_EXCEEDED, f"at most {MAX_TEXT_BYTES} bytes of such files"
            reader.refused.append(Finding(code, escape(shown + path), most, "more"))

    def sink(piece: memoryview) -> None:
        content.update(piece)
        blob.update(piece)
        if keep:
            pieces.append(bytes(piece))

    status = read_stable(parent, name, sink, max_bytes=MAX_FILE_BYTES)
    if status.st_size != size:
        raise StoreError(Code.FILE_CHANGED, f"{escape(path)}: changed while it was read")
    reader.facts[path] = FileFact(size, content.digest(), blob.digest())
    if keep:
        reader.kept[path] = b"".join(pieces)
