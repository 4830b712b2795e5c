"""A packet in Git: one commit without parents, whose tree is ``packet/`` and ``seal/``.

The commit's SSH signature is a courtesy to ``git verify-commit``; nothing that
greenlight verifies relies on it, and nothing signed names the commit: a packet is
its tree, computed in SHA-256 whatever the repository's format is.

Reading hashes each object, and reports what a packet must not hold as findings beside
the names: nothing is dropped in silence.  Blobs are read by whoever needs them, and only
as far as that: ``services.facts``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from greenlight.codes import Code
from greenlight.errors import MalformedError
from greenlight.model.finding import Finding
from greenlight.primitives import sshsig
from greenlight.primitives.ed25519 import Signer
from greenlight.primitives.gittree import tree_objects
from greenlight.primitives.limits import MIB
from greenlight.store.gitobjects import (
    DIRECTORY,
    SIGNATURE_HEADER,
    encode_commit,
    parse_commit,
    parse_tree,
)
from greenlight.store.repository import Store
from greenlight.store.treewalk import TreeWalk

SIGNATURE_NAMESPACE = "git"
MAX_SEAL_FILE_BYTES = MIB  # the statement, the largest of them, has at most 128 KiB


@dataclass(frozen=True, slots=True)
class StoredPacket:
    """What a packet's trees name; of the blobs only those of ``seal/`` were read.

    Attributes:
        commit: Object id of its commit.
        names: Object id of each file of ``packet/``, by path below it.
        seal: Bytes of each file of ``seal/``.
        problems: What stands there and no packet may hold: modes, links, submodules,
            names that are not UTF-8.
    """

    commit: str
    names: dict[str, str]
    seal: dict[str, bytes]
    problems: tuple[Finding, ...]


class Sink(Protocol):
    """Where a packet's objects go: into a pack, or beside one."""

    object_format: str

    def add(self, kind: str, body: bytes) -> bytes:
        """Put an object in where it is not yet; return its raw id."""


def add_packet(  # noqa: PLR0913 - what a commit is made of
    sink: Sink,
    files: Mapping[str, bytes],
    seal: Mapping[str, bytes],
    *,
    signer: Signer,
    author: str,
    time: datetime,
    message: str,
) -> str:
    """Put a packet's seal, trees and commit into ``sink`` and return the commit.

    Args:
        sink: Where to; the blobs of ``packet/`` are in it already.
        files: Raw object id of each file of ``packet/``, by path below it.
        seal: Bytes of each file of ``seal/``.
        signer: Signs the commit, under ``gpgsig`` or ``gpgsig-sha256``.
        author: ``Name <address>``.
        time: Of the commit.
        message: For people: subject and trailers.

    Raises:
        MalformedError: A path that no packet may have.
        UsageError: The author cannot stand in a commit.
    """
    blobs = {f"packet/{path}": oid for path, oid in files.items()}
    blobs |= {f"seal/{path}": sink.add("blob", data) for path, data in seal.items()}
    tree = b""
    for _, body in tree_objects(blobs, sink.object_format):  # children first, the root last
        tree = sink.add("tree", body)
    body = commit_body(
        sink.object_format,
        tree.hex(),
        (),
        signer=signer,
        author=author,
        time=time,
        message=message,
    )
    return sink.add("commit", body).hex()


def write_packet(  # noqa: PLR0913 - what a commit is made of
    store: Store,
    files: Mapping[str, bytes],
    seal: Mapping[str, bytes],
    *,
    signer: Signer,
    author: str,
    time: datetime,
    message: str,
) -> str:
    """Write a packet whose files are at hand as one pack and return its commit; no ref moves.

    It is durable after the next ``flush``: ``shelve`` does that before it moves a ref, and
    then lets git repack the pack.

    Raises:
        MalformedError: A path that no packet may have.
        UsageError: The author cannot stand in a commit.
        StoreError: IO_NOSPACE, IO_FAILED.
    """
    with store.objects.packing() as pack:
        names = {path: pack.add("blob", data) for path, data in files.items()}
        return add_packet(
            pack, names, seal, signer=signer, author=author, time=time, message=message
        )


def commit_body(  # noqa: PLR0913 - what a commit is made of
    object_format: str,
    tree: str,
    parents: tuple[str, ...],
    *,
    signer: Signer | None,
    author: str,
    time: datetime,
    message: str,
) -> bytes:
    """Return the body of a commit, signed where there is a signer.

    Raises:
        UsageError: The author cannot stand in a commit.
    """
    body = encode_commit(tree=tree, parents=parents, author=author, time=time, message=message)
    if signer is None:
        return body
    armoured = sshsig.sign(body, signer, SIGNATURE_NAMESPACE)
    return encode_commit(
        tree=tree,
        parents=parents,
        author=author,
        time=time,
        message=message,
        signature=(SIGNATURE_HEADER[object_format], armoured),
    )


def read_packet(store: Store, commit: str) -> StoredPacket:
    """Read a packet's commit, trees and seal, each object once.

    Raises:
        MalformedError: SHELF_MALFORMED: not a packet commit, or a tree that no reader may
            differ about; LIMIT_EXCEEDED: more files, bytes or depth than a packet has.
        StoreError: STORE_DAMAGED: an object is missing or is not what its name says; IO_FAILED.
    """
    kind, body = store.objects.read(commit)
    if kind != "commit":
        raise MalformedError(Code.SHELF_MALFORMED, f"{commit} is a {kind}, not a packet commit")
    try:
        parsed = parse_commit(body, store.object_format)
        top = parse_tree(store.objects.read_as("tree", parsed.tree), store.object_format)
    except MalformedError as error:
        raise MalformedError(Code.SHELF_MALFORMED, f"commit {commit}: {error}") from error
    if parsed.parents or [(entry.mode, entry.name) for entry in top] != [
        (DIRECTORY, b"packet"),
        (DIRECTORY, b"seal"),
    ]:
        raise MalformedError(
            Code.SHELF_MALFORMED,
            f"commit {commit} is no packet: it has parents, or not exactly packet/ and seal/",
        )
    walk = TreeWalk(store.objects)
    names = walk.folder(top[0].oid, "packet")
    seal = {
        name: store.objects.read_as("blob", oid, max_bytes=MAX_SEAL_FILE_BYTES)
        for name, oid in walk.folder(top[1].oid, "seal").items()
    }
    return StoredPacket(commit, names, seal, tuple(walk.problems))
