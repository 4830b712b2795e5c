"""Purge a packet: an owner says why, then its bytes leave the shelves; its history stays.

In this order, so that a crash leaves a statement of what was meant, and the same command
finishes it: the entry in the ledger; the shelves, written again without the packet; the ref
of what it withheld.
What no ref reaches after that goes with git's next gc, which alone may decide that nobody
is writing the same object just now.  What else reaches it is reported, and left.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from greenlight.codes import Code
from greenlight.errors import MalformedError, RefusedError, StoreError, UsageError
from greenlight.ledger.admit import append
from greenlight.ledger.projection import find
from greenlight.ledger.read import Ledger
from greenlight.ledger.shelves import find_shelved
from greenlight.model.entry import sign_entry
from greenlight.model.finding import Finding
from greenlight.model.kinds import PacketPurged
from greenlight.model.seal import STATEMENT
from greenlight.model.state import LedgerState, PurgeState
from greenlight.model.statement import Statement
from greenlight.model.trust import Role
from greenlight.primitives.ed25519 import Signer
from greenlight.primitives.text import escape
from greenlight.primitives.timestamp import format_micros
from greenlight.services.initialising import require_store
from greenlight.services.packets import MIN_PREFIX, find_commit, ledger_of, read_commit
from greenlight.store.private import drop_private, ref_of
from greenlight.store.reach import (
    objects_of,
    reached_by_others,
    reached_by_shelves,
    refs_with,
    remotes_of,
)
from greenlight.store.repository import Store
from greenlight.store.shelf import ShelfEntry
from greenlight.store.unshelve import Plan, plan_removal, take_off


@dataclass(frozen=True, slots=True)
class Reach:
    """What becomes of a packet's objects.

    Attributes:
        objects: How many of them were here.
        shared: How many other packets of this store have too; None where git cannot tell.
        held: How many others something else here reaches: a branch, a tag, a reflog.
        refs: Names of refs that reach the packet's commit, where some do.
    """

    objects: int
    shared: int | None
    held: int | None
    refs: tuple[str, ...]

    @property
    def going(self) -> int | None:
        """How many nothing reaches: they go with git's next gc."""
        if self.shared is None or self.held is None:
            return None
        return self.objects - self.shared - self.held


@dataclass(frozen=True, slots=True)
class Purged:
    """What a purge did, or would do.

    Attributes:
        packet_id: Of the packet.
        packet_tree: ``sha256:<hex>``.
        purge: What the ledger says of it; None where nothing was written.
        shelves: Refs that led to it.
        private: The ref of what it withheld, where it was here.
        reach: What becomes of its objects.
        remotes: Repositories that are configured here, and may hold it still.
        problems: Shelves below whose end nobody looked.
    """

    packet_id: str
    packet_tree: str
    purge: PurgeState | None
    shelves: tuple[str, ...]
    private: tuple[str, ...]
    reach: Reach
    remotes: tuple[str, ...]
    problems: tuple[Finding, ...]

    def to_dict(self) -> dict[str, object]:
        """Return the object that ``--json`` prints."""
        purge = self.purge
        return {
            "packet_id": self.packet_id,
            "packet_tree": self.packet_tree,
            "record": None if purge is None else purge.index,
            "reason": "" if purge is None else purge.purged.reason,
            "time": "" if purge is None else format_micros(purge.time),
            "owner": "" if purge is None else purge.owner,
            "shelves": list(self.shelves),
            "private": list(self.private),
            "objects": self.reach.objects,
            "going": self.reach.going,
            "shared": self.reach.shared,
            "held": self.reach.held,
            "refs": list(self.reach.refs),
            "remotes": list(self.remotes),
            "findings": [finding.to_dict() for finding in self.problems],
        }


def purge_packet(  # noqa: PLR0913 - the outside world of one act
    store: Store,
    signer: Signer,
    name: str,
    reason: str,
    *,
    clock: Callable[[], datetime],
    dry_run: bool = False,
) -> Purged:
    """Purge a packet, or finish a purge that was interrupted or undone by a fetch.

    Args:
        store: Where it is.
        signer: An owner's key.
        name: An id, a unique prefix of an id, run or tree, or a commit.
        reason: Why, in one line; where it was purged before, what was said then stays.
        clock: The time of this machine.
        dry_run: Whether only to say what would be done.

    Raises:
        UsageError: PACKET_UNKNOWN, PACKET_AMBIGUOUS; USAGE: the reason is none.
        RefusedError: TRUST_REFUSED: the key is no owner's; PACKET_NOT_RECORDED.
        RejectedError: The ledger is broken.
        StoreError: The store does not serve; what was done by then stays done.
    """
    require_store(store)
    ledger = ledger_of(store)
    ledger.require()
    packet_id, tree = _recorded(store, ledger, name)
    body = _body(packet_id, tree, reason)
    _require_owner(ledger, signer)
    commits = _commits(store, tree)
    apart = _private(store, packet_id)
    objects = {oid for commit in (*commits, *apart.values()) for oid in objects_of(store, commit)}

    def is_it(entry: ShelfEntry) -> bool:
        return entry.commit in commits

    plan = plan_removal(store, is_it) if commits else Plan((), ())
    purge = ledger.state.purged.get(tree)
    if not dry_run:
        purge = purge or _say(store, signer, body, clock)
        for removal in plan.removals:
            take_off(store, removal, is_it)
        drop_private(store, packet_id)
    return Purged(
        packet_id,
        tree,
        purge,
        tuple(removal.ref for removal in plan.removals),
        tuple(apart),
        _reach(store, commits, objects, plan if dry_run else Plan((), ()), apart),
        remotes_of(store),
        plan.problems,
    )


def _body(packet_id: str, tree: str, reason: str) -> PacketPurged:
    try:
        return PacketPurged.from_body(
            {"packet": packet_id, "packet_tree": tree, "reason": reason.strip()}
        )
    except MalformedError as error:
        raise UsageError(
            Code.USAGE, "a reason is one line of 1 to 1,000 characters: --reason TEXT"
        ) from error


def _recorded(store: Store, ledger: Ledger, name: str) -> tuple[str, str]:
    """Return id and tree of the packet that is meant, as the ledger has them."""
    rows = find(ledger, name) if len(name) >= MIN_PREFIX else []
    found = {row.tree: row.packet for row in rows}
    if len(found) > 1:
        raise UsageError(
            Code.PACKET_AMBIGUOUS,
            f"{escape(name)} fits {len(found)} packets: {', '.join(sorted(found)[:3])} …",
            hint="give more of it, or its tree; greenlight log shows them all",
        )
    if found:
        ((tree, packet_id),) = found.items()
        return packet_id, tree
    located = read_commit(store, find_commit(store, name))
    statement = Statement.decode(located.packet.seal.get(STATEMENT, b""))
    if not ledger.state.is_recorded(statement.packet_id, statement.subject):
        raise RefusedError(
            Code.PACKET_NOT_RECORDED, f"the ledger does not record {escape(statement.packet_id)}"
        )
    return statement.packet_id, statement.subject


def _require_owner(ledger: Ledger, signer: Signer) -> None:
    trust = ledger.state.trust
    held = trust.find(signer.public.uri) if trust else None
    if held is None or Role.OWNER not in held.roles:
        raise RefusedError(
            Code.TRUST_REFUSED,
            f"the trust root does not name this key as an owner: {signer.public.uri}",
            hint="only an owner may purge a packet",
        )


def _commits(store: Store, tree: str) -> frozenset[str]:
    """Return the packet commits on the shelves that hold this tree."""
    entries = find_shelved(store, tree).entries
    return frozenset(entry.commit for entry in entries if _is_packet(store, entry.commit, tree))


def _is_packet(store: Store, commit: str, tree: str) -> bool:
    """Report whether a commit is the packet that a shelf calls it: that is only a hint."""
    try:
        return read_commit(store, commit).packet.tree == tree
    except MalformedError:
        return True  # no packet at all, and nothing else can say what it is
    except StoreError as error:
        if error.code is not Code.STORE_DAMAGED:
            raise
        return True


class _SaidBeforeError(Exception):
    """Somebody else purged the packet in the meantime."""


def _say(
    store: Store, signer: Signer, body: PacketPurged, clock: Callable[[], datetime]
) -> PurgeState:
    def decide(state: LedgerState, _now: datetime) -> Sequence[bytes]:
        if body.packet_tree in state.purged:
            raise _SaidBeforeError
        return [sign_entry(body, uuid=str(uuid.uuid4()), signer=signer)]

    try:
        state = append(store, signer, decide, clock=clock).ledger.state
    except _SaidBeforeError:
        state = ledger_of(store).state
    return state.purged[body.packet_tree]


def _private(store: Store, packet_id: str) -> dict[str, str]:
    """Return ref and commit of what the packet withheld; empty where nothing is here."""
    ref = ref_of(packet_id)
    commit = store.refs.read(ref)
    return {} if commit is None else {ref: commit}


def _reach(
    store: Store,
    commits: frozenset[str],
    objects: set[str],
    planned: Plan,
    private: Collection[str],
) -> Reach:
    """Ask who reaches the objects, once what is planned is done."""
    if not objects:
        return Reach(0, 0, 0, ())
    tips = {link.entry.commit for removal in planned.removals for link in removal.kept}
    tips |= {removal.base for removal in planned.removals if removal.base is not None}
    without = [*(removal.ref for removal in planned.removals), *private]
    shared = reached_by_shelves(store, objects, without=without, tips=sorted(tips))
    others = reached_by_others(store, objects)
    refs = {ref for commit in commits for ref in refs_with(store, commit)}
    return Reach(
        objects=len(objects),
        shared=None if shared is None else len(shared),
        held=None if shared is None or others is None else len(others - shared),
        refs=tuple(sorted(refs)),
    )
