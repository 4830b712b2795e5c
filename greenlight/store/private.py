"""Private refs: what packets withhold, kept where it was made.

One ref a packet, ``refs/greenlight/private/<packet id>``: a commit without parents, whose tree
has ``bytes/<artifact>`` and ``salts/<artifact>`` for each withheld output.  No refspec that
greenlight prints or documents takes it along; whoever wants it elsewhere names it.  It proves
nothing by itself: the packet's documents have the digest of salt and bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from greenlight.codes import Code
from greenlight.errors import ConflictError, MalformedError, StoreError
from greenlight.primitives.digest import SALT_BYTES
from greenlight.primitives.gittree import tree_objects
from greenlight.primitives.limits import MAX_PACKET_BYTES
from greenlight.store.gitobjects import encode_commit, parse_commit
from greenlight.store.repository import Store
from greenlight.store.treewalk import TreeWalk

PREFIX = "refs/greenlight/private/"
BYTES, SALTS = "bytes/", "salts/"


def ref_of(packet_id: str) -> str:
    """Return the ref of what a packet withholds."""
    return PREFIX + packet_id


def write_private(
    store: Store, packet_id: str, files: Mapping[str, bytes], *, author: str, time: datetime
) -> str:
    """Write what a packet withholds, durably, and return the commit.

    Args:
        store: Where.
        packet_id: Of the packet, which need not be there yet.
        files: Contents by path: ``bytes/<artifact>`` and ``salts/<artifact>``.
        author: Of the commit.
        time: Of the commit.

    Raises:
        StoreError: STORE_CONFLICT: the packet has something private already; STORE_BUSY,
            IO_NOSPACE, IO_FAILED.
    """
    with store.objects.packing() as pack:
        blobs = {path: pack.add("blob", data) for path, data in files.items()}
        tree = b""
        for _, body in tree_objects(blobs, pack.object_format):  # the root last
            tree = pack.add("tree", body)
        message = f"Withheld of {packet_id}\n"
        body = encode_commit(tree=tree.hex(), parents=(), author=author, time=time, message=message)
        commit = pack.add("commit", body).hex()
    store.objects.flush()
    store.refs.swap(ref_of(packet_id), old=None, new=commit)
    store.objects.release()
    return commit


def read_private(store: Store, packet_id: str) -> dict[str, bytes]:
    """Return what is kept of what a packet withholds, by path; empty where nothing is here.

    Raises:
        MalformedError: SHELF_MALFORMED, LIMIT_EXCEEDED: the ref holds something else.
        StoreError: STORE_DAMAGED, IO_FAILED.
    """
    commit = store.refs.read(ref_of(packet_id))
    if commit is None:
        return {}
    tree = parse_commit(store.objects.read_as("commit", commit), store.object_format).tree
    files: dict[str, bytes] = {}
    left = MAX_PACKET_BYTES
    for path, oid in TreeWalk(store.objects).folder(tree, "private").items():
        if not path.startswith((BYTES, SALTS)):
            raise MalformedError(Code.SHELF_MALFORMED, f"{ref_of(packet_id)} is no private ref")
        most = min(left, SALT_BYTES if path.startswith(SALTS) else MAX_PACKET_BYTES)
        files[path] = store.objects.read_as("blob", oid, max_bytes=most)
        left -= len(files[path])
    return files


def drop_private(store: Store, packet_id: str) -> None:
    """Delete the ref of what a packet withholds, where it is here.

    Raises:
        StoreError: STORE_BUSY, IO_FAILED.
    """
    ref = ref_of(packet_id)
    for _ in range(_TRIES):
        commit = store.refs.read(ref)
        if commit is None:
            return
        try:
            store.refs.delete(ref, old=commit)
        except ConflictError:
            continue
        return
    raise StoreError(Code.STORE_BUSY, f"{ref} was moved by others {_TRIES} times")


_TRIES = 10  # lost races; nobody but another purge moves such a ref
