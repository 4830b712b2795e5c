"""Find a packet by what people call it: an id, a prefix, a tree, a commit, a folder."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from greenlight.codes import Code
from greenlight.errors import MalformedError, StoreError, UsageError
from greenlight.execution.packet_folder import copy_from_folder, read_folder
from greenlight.ledger.pending import with_pending
from greenlight.ledger.pin import DEFAULT_REF, Pin, read_pin
from greenlight.ledger.projection import find
from greenlight.ledger.read import Ledger, read_ledger
from greenlight.ledger.shelves import find_shelved
from greenlight.model.packet import Packet, is_text
from greenlight.model.seal import STATEMENT
from greenlight.model.state import PurgeState
from greenlight.model.statement import Statement
from greenlight.primitives.digest import Digest
from greenlight.primitives.text import escape
from greenlight.services.facts import read_facts
from greenlight.store.durable import Sink
from greenlight.store.packets import read_packet
from greenlight.store.repository import Store
from greenlight.store.shelf import ShelfEntry, shelf_entries
from greenlight.verify.withheld import withheld

_OID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
MIN_PREFIX = 4  # characters: fewer are a slip of the finger


@dataclass(frozen=True, slots=True)
class Located:
    """A packet that was found and read, and not judged yet.

    Attributes:
        where: What it was found by or in, for people.
        packet: Its facts, texts and seal.
        files: Bytes of all its files, by path; only texts where artifacts were not wanted.
        ledger: Files of ``ledger/`` that came along in a folder; empty from a store.
        commit: Object id of its packet commit; empty for a folder.
        copy: Hands the bytes of a file of the packet to a function, in pieces, as they are
            now; None where all that there is stands in ``files``.
    """

    where: str
    packet: Packet
    files: Mapping[str, bytes]
    ledger: Mapping[str, bytes]
    commit: str = ""
    copy: Callable[[str, Sink], object] | None = None

    def hand_over(self, path: str, sink: Sink) -> None:
        """Hand the bytes of a file to ``sink``, in pieces; whoever gets them compares digests.

        Raises:
            StoreError: It cannot be read, or is not there any more.
        """
        if self.copy is None or path in self.files:
            sink(self.files[path])
        else:
            self.copy(path, sink)


def locate(store: Store | None, name: str, *, whole: bool = False) -> Located:
    """Find and read one packet.

    Args:
        store: Where to look; None where there is none, then only a folder can be meant.
        name: An id, a unique prefix of an id, run or tree, a commit, or a folder.
        whole: Whether the bytes of artifacts are wanted too.

    Raises:
        UsageError: PACKET_UNKNOWN, PACKET_AMBIGUOUS.
        MalformedError: What stands there is no packet.
        StoreError: It cannot be read; PACKET_WITHHELD: an owner purged it.
    """
    folder = Path(name)
    if _means_folder(folder, name) or (store is None and folder.is_dir()):
        found = read_folder(folder, (lambda _: True) if whole else is_text)
        copy = partial(copy_from_folder, folder)
        return Located(name, found.packet, found.kept, found.ledger, copy=copy)
    if store is None:
        raise UsageError(
            Code.PACKET_UNKNOWN,
            f"{escape(name)}: no such folder, and no store here to look in",
            hint="give a packet folder, or run this inside a repository with a store",
        )
    return _require_named(read_commit(store, find_commit(store, name), whole=whole), name)


def locate_tree(store: Store | None, tree: str, *, whole: bool = False) -> Located:
    """Find and read the packet of one tree in a store, and nowhere else.

    Args:
        store: Where to look; None where there is none.
        tree: ``sha256:<hex>``.
        whole: Whether the bytes of artifacts are wanted too.

    Raises:
        UsageError: PACKET_UNKNOWN; PACKET_AMBIGUOUS.
        MalformedError: What stands there is no packet, or another one.
        StoreError: It cannot be read.
    """
    # A folder of that name, where the user happens to stand, is not what a lane means.
    if store is None:
        raise UsageError(Code.PACKET_UNKNOWN, f"{escape(tree)}: no store here to look in")
    return _require_named(read_commit(store, find_commit(store, tree), whole=whole), tree)


def _require_named(located: Located, name: str) -> Located:
    """Return what was found under ``name``, unless it says that it is something else.

    What a shelf calls a packet is a hint by whoever could push: an intact packet must not
    answer for another one.
    """
    try:
        statement = Statement.decode(located.packet.seal.get(STATEMENT, b""))
    except MalformedError:
        return located  # its own verification says what is wrong with it
    names = (
        located.commit,
        located.packet.tree,
        statement.subject,
        statement.packet_tree,
        statement.packet_id,
        statement.run_id,
    )
    if not any(own.startswith(name) for own in names):
        raise MalformedError(
            Code.SHELF_MALFORMED,
            f"a shelf calls {escape(name)} what is {escape(statement.packet_id)}",
        )
    return located


def _means_folder(folder: Path, name: str) -> bool:
    """Report whether a name is a folder's: a lane's folder may be called as its packets begin."""
    if not folder.is_dir():
        return False
    spelt = "/" in name or name in (".", "..")
    return spelt or any((folder / part).is_dir() for part in ("packet", "seal"))


def read_commit(store: Store, commit: str, *, whole: bool = False) -> Located:
    """Read the packet of one packet commit.

    Args:
        store: Where it is.
        commit: Object id.
        whole: Whether the bytes of artifacts are wanted too.
    """
    stored = read_packet(store, commit)
    facts, kept = read_facts(store.objects, stored.names, (lambda _: True) if whole else is_text)
    texts = {path: data for path, data in kept.items() if is_text(path)}
    packet = Packet(facts, texts, stored.seal, stored.problems)

    def copy(path: str, sink: Sink) -> None:
        for piece in store.objects.stream(stored.names[path])[2]:
            sink(piece)

    return Located(commit, packet, kept, {}, commit, copy)


def find_commit(store: Store, name: str) -> str:
    """Return the packet commit that ``name`` names.

    Raises:
        UsageError: PACKET_UNKNOWN, PACKET_AMBIGUOUS.
    """
    fitting: dict[str, str] = {}
    trees: set[str] = set()
    purged: list[PurgeState] = []
    if len(name) >= MIN_PREFIX:
        # What the ledger calls a packet counts beside what a shelf does, which is a hint.
        ledger = ledger_of(store)
        trees = {row.tree for row in find(ledger, name)}
        purged = [ledger.state.purged[tree] for tree in trees if tree in ledger.state.purged]
        for prefix in (name, *sorted(trees)):
            for entry in find_shelved(store, prefix).entries:  # the newest of a tree counts
                fitting.setdefault(entry.packet_tree, entry.commit)
    if len(fitting) == 1:
        return next(iter(fitting.values()))
    if len(fitting) > 1:
        raise UsageError(
            Code.PACKET_AMBIGUOUS,
            f"{escape(name)} fits {len(fitting)} packets: {', '.join(sorted(fitting)[:3])} …",
            hint="give more of it; greenlight log shows them all",
        )
    if purged:
        raise StoreError(Code.PACKET_WITHHELD, f"{escape(name)}: {withheld(purged[0]).found}")
    if trees:
        raise StoreError(
            Code.PACKET_MISSING,
            f"the ledger knows {escape(name)}, but its bytes are not on a shelf here",
            hint="greenlight fetch REMOTE",
        )
    if _OID.fullmatch(name) and _is_commit(store, name):
        return name
    raise UsageError(
        Code.PACKET_UNKNOWN,
        f"no packet {escape(name)} in this store",
        hint="greenlight log shows the packets that are here",
    )


def _is_commit(store: Store, oid: str) -> bool:
    try:
        kind, _ = store.objects.read(oid)
    except (MalformedError, StoreError):  # no object of this format, or none that is here
        return False
    return kind == "commit"


def shelved_packets(store: Store) -> Iterator[ShelfEntry]:
    """Yield the packets on the shelves, newest first; a damaged shelf is passed over.

    ``verify --all`` reports what is wrong with a shelf; looking a packet up need not.
    """
    return (entry for entry in shelf_entries(store) if isinstance(entry, ShelfEntry))


def ledger_of(
    store: Store, root: Digest | None = None, known: Ledger | None = None, *, fully: bool = False
) -> Ledger:
    """Read the store's ledger, held against ``root``, or else against what is pinned here.

    Args:
        store: Where it lies.
        root: Digest of a trust root that was given.
        known: What was read of it before, under the same root: only what is new is read.
        fully: Whether every record is read and checked, whatever was kept of it.
    """
    pin = read_pin(store)
    if root is not None and (pin is None or pin.digest != root):
        # What was given counts: a fresh clone has no pin, and another's is not asked.
        pin = Pin.of(root, DEFAULT_REF if pin is None else pin.ref)
    ref = DEFAULT_REF if pin is None else pin.ref
    return with_pending(store, read_ledger(store, ref, pin=pin, base=known, fully=fully))
