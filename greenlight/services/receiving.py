"""What a server lets in: a check of a push before any ref moves (docs/spec/remotes.md).

The ledger goes forward only, every new record fits its place, every new entry was said by
somebody who may; shelves go forward only and hold what the ledger says was sealed.  What
lost a race without anybody's fault, a packet whose claim was taken meanwhile, is let in: it is
evidence.  Refs outside ``refs/greenlight/`` are not ours to judge.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from greenlight.codes import Code
from greenlight.errors import GreenlightError, MalformedError
from greenlight.ledger.pin import Pin
from greenlight.ledger.read import Ledger, read_at, read_ledger
from greenlight.model.finding import Finding
from greenlight.model.state import LedgerState, Void
from greenlight.primitives.text import escape
from greenlight.store.gitobjects import parse_commit
from greenlight.store.gitremote import PROBE
from greenlight.store.repository import Store
from greenlight.store.shelf import PREFIX, is_shelf, shelf_links

OURS: Final = "refs/greenlight/"
MAX_UPDATES: Final = 10_000  # refs in one push

_PROBE_STEPS: Final = 16  # commits that a probe goes forward at once
_LINE: Final = re.compile(r"([0-9a-f]{40}|[0-9a-f]{64}) ([0-9a-f]{40}|[0-9a-f]{64}) (\S[^\n]*)")


@dataclass(frozen=True, slots=True)
class Update:
    """A ref that a push would move.

    Attributes:
        old: Where it is; None where it is not there.
        new: Where it would be; None where it would be deleted.
        ref: Its name.
    """

    old: str | None
    new: str | None
    ref: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a push is not let in.

    Attributes:
        code: What is wrong.
        ref: With which ref.
        reason: In words, one line.
    """

    code: Code
    ref: str
    reason: str

    def __str__(self) -> str:
        return f"{self.code}: {escape(self.ref)}: {escape(self.reason)}"


def parse_updates(text: str) -> tuple[Update, ...]:
    """Read what git writes to a pre-receive hook: ``old new ref``, a line each.

    Raises:
        MalformedError: It is something else.
    """
    lines = text.removesuffix("\n").split("\n") if text else []
    if len(lines) > MAX_UPDATES:
        raise MalformedError(Code.LIMIT_EXCEEDED, f"a push of more than {MAX_UPDATES} refs")
    updates = []
    for line in lines:
        found = _LINE.fullmatch(line)
        if found is None:
            raise MalformedError(Code.MALFORMED, f"not what git tells a hook: {line[:200]!r}")
        old, new, ref = found.groups()
        updates.append(Update(_oid(old), _oid(new), ref))
    return tuple(updates)


def _oid(text: str) -> str | None:
    return text if text.strip("0") else None


def check_push(store: Store, seen: Store, pin: Pin, updates: Sequence[Update]) -> list[Refusal]:
    """Return why a push must not be let in; nothing where it may.

    Args:
        store: The repository as it is; its ledger is read from what is kept of it.
        seen: The same with what is in quarantine.
        pin: What is pinned here.
        updates: What the push would move.

    Raises:
        StoreError: The repository cannot be read: nothing may be let in.
    """
    refusals: list[Refusal] = []
    ledger: Ledger | None = None
    here = read_ledger(store, pin.ref, pin=pin)
    here.require()
    for update in updates:
        if update.ref == pin.ref:
            ledger, found = _ledger(seen, pin, here, update)
            refusals += found
    trees: set[str] = set()
    for update in updates:
        if update.ref == pin.ref or not update.ref.startswith(OURS):
            continue
        if update.new is None:
            refusals.append(Refusal(Code.REF_DELETED, update.ref, "a ref of greenlight's stays"))
        elif update.ref.startswith(PREFIX):
            found, added = _shelf(seen, update)
            refusals += found
            trees |= added
        elif update.ref.startswith(PROBE):
            refusals += _forward(seen, update)
        else:
            said = "what is kept under this name is no remote's"
            refusals.append(Refusal(Code.REF_NOT_SHARED, update.ref, said))
    if ledger is not None and not refusals:
        refusals += _packets(store, pin.ref, ledger.state, here.tip.size, trees)
    return refusals


# --- the ledger


def _ledger(
    seen: Store, pin: Pin, here: Ledger, update: Update
) -> tuple[Ledger | None, list[Refusal]]:
    if update.new is None:
        return None, [Refusal(Code.LEDGER_REWOUND, update.ref, "the ledger would be deleted")]
    # Without what is kept of it: what is not let in must not come into the tables.
    base = None if here.commit is None else replace(here, kept=None)
    ledger = read_at(seen, pin.ref, update.new, pin=pin, base=base)
    if ledger is None:
        older = any(place.commit == update.new for place in here.places)
        code = Code.LEDGER_REWOUND if older else Code.LEDGER_FORK
        said = f"it does not go on from record {here.tip.size - 1}, with which the ledger ends here"
        return None, [Refusal(code, update.ref, said)]
    if ledger.findings:
        return None, [Refusal(each.code, update.ref, str(each)) for each in ledger.findings[:10]]
    lost = {said.index for said in ledger.state.lost_runs.values()}
    refused = [
        void
        for void in ledger.state.voids
        if void.index >= here.tip.size and not _is_lost_race(void, lost)
    ]
    return ledger, [Refusal(void.code, update.ref, _say(void)) for void in refused[:10]]


def _is_lost_race(void: Void, lost: set[int]) -> bool:
    """Report whether an entry is void since somebody else was faster: it is evidence."""
    return void.code is Code.PACKET_CONFLICT or void.index in lost


def _say(void: Void) -> str:
    return f"record {void.index} would have no effect ({void.kind or 'no entry'}): {void.reason}"


def _packets(
    store: Store, ref: str, state: LedgerState, first: int, pushed: set[str]
) -> Iterator[Refusal]:
    """Say which packets are recorded anew and are on no shelf, neither here nor in the push."""
    wanted = {
        packet.sealed.packet_tree: packet.sealed.packet
        for packet in (*state.packets.new.values(), *state.conflicts.new)
        if packet.index >= first and packet.sealed.packet_tree not in state.purged
    }
    missing = wanted.keys() - pushed
    for shelf, tip in store.refs.list(PREFIX).items() if missing else ():
        for link in shelf_links(store, shelf, tip):
            if not isinstance(link, Finding):
                missing -= {link.entry.packet_tree}
    for tree in sorted(missing):
        said = f"{wanted[tree]} is recorded, and its packet is not in the push"
        yield Refusal(Code.PACKET_MISSING, ref, said)


# --- shelves and probes


def _shelf(seen: Store, update: Update) -> tuple[list[Refusal], set[str]]:
    """Check that a shelf goes forward and is one, as far as it is new."""
    if not is_shelf(update.ref):
        return [Refusal(Code.REF_NOT_SHARED, update.ref, "no shelf has this name")], set()
    trees: set[str] = set()
    for link in shelf_links(seen, update.ref, update.new or ""):
        if isinstance(link, Finding):
            return [Refusal(Code.SHELF_MALFORMED, update.ref, str(link))], trees
        if link.oid == update.old:
            return [], trees
        try:
            seen.objects.read_as("commit", link.entry.commit)
        except GreenlightError as error:
            return [Refusal(error.code, update.ref, str(error))], trees
        trees.add(link.entry.packet_tree)
    if update.old is None:
        return [], trees
    said = "it does not go on from where it is"
    return [Refusal(Code.REF_REWOUND, update.ref, said)], trees


def _forward(seen: Store, update: Update) -> list[Refusal]:
    """Check that a probe goes forward: to be refused is what it is there for."""
    if update.old is None:
        return []
    oid: str | None = update.new
    for _ in range(_PROBE_STEPS):
        if oid is None:
            break
        if oid == update.old:
            return []
        body = seen.objects.read_as("commit", oid)
        oid = next(iter(parse_commit(body, seen.object_format).parents), None)
    return [Refusal(Code.REF_REWOUND, update.ref, "it does not go on from where it is")]
