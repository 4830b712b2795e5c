"""Look at a ledger as a ledger: verify it whole or since a checkpoint, show a record, prove one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from greenlight.codes import Code
from greenlight.errors import MalformedError, RefusedError, UsageError
from greenlight.ledger.read import Ledger, read_records
from greenlight.model.checkpoint import Checkpoint, keys_with
from greenlight.model.entry import Entry, decode_entry
from greenlight.model.finding import Finding
from greenlight.model.head import Head
from greenlight.model.record import Record, decode_record
from greenlight.model.state import Void
from greenlight.model.trust import Role
from greenlight.primitives.ed25519 import Signer
from greenlight.primitives.inclusion import (
    parse_receipt,
    receipt_root,
    sign_receipt,
    transparent_statement,
)
from greenlight.primitives.merkle import leaf_hash
from greenlight.primitives.merkleproof import (
    consistency_proof,
    inclusion_proof,
    is_consistent,
    is_included,
    root_at,
)
from greenlight.primitives.text import escape
from greenlight.primitives.timestamp import format_micros
from greenlight.services.checkpointing import (
    check_against,
    checkpoints_in,
    root_of,
    vouching_of,
)
from greenlight.services.packets import MIN_PREFIX, ledger_of
from greenlight.store.repository import Store
from greenlight.verify.checkpoint import check_contained

_BREAKS = frozenset({Code.LEDGER_LINK_BROKEN, Code.LEDGER_RECORD_MALFORMED, Code.LEDGER_MALFORMED})
_ORDER = frozenset({Code.LEDGER_INDEX, Code.LEDGER_TIME_BACKWARDS})


@dataclass(frozen=True, slots=True)
class Asked:
    """What a verification is to show.

    Attributes:
        least: Entries that there must be at least.
        since: A checkpoint that was verified before: only what is new is checked then.
        checkpoint: A checkpoint that must hold, signed by a log key.
        witnesses: How many witnesses must have cosigned it.
        max_age: The ledger's end, and the cosignatures, may be so old.
    """

    least: int = 1
    since: Checkpoint | Head | None = None
    checkpoint: Checkpoint | None = None
    witnesses: int = 0
    max_age: timedelta | None = None


@dataclass(frozen=True, slots=True)
class LedgerVerdict:
    """What verifying a ledger came to (004: entries, breaks, order, collisions).

    Attributes:
        head: Of the ledger.
        verified: Records that were checked now.
        findings: Everything that breaks it.
        too_short: Whether it has fewer entries than were asked for.
        breaks: Records whose link or form is broken.
        order: Records out of order, by index or time.
        collisions: Entries that claimed what was taken.
        voids: Entries without effect.
        checkpoints: Signed checkpoints in it, all of which hold where nothing was found.
    """

    head: Head
    verified: int
    findings: tuple[Finding, ...]
    too_short: bool
    breaks: int
    order: int
    collisions: int
    voids: tuple[Void, ...]
    checkpoints: int

    def to_dict(self) -> dict[str, object]:
        """Return the object that ``--json`` prints."""
        return {
            "origin": self.head.origin,
            "entries": self.head.size,
            "root": self.head.root.hex(),
            "check": f"{self.head.size}:{self.head.root.hex()}",
            "verified": self.verified,
            "breaks": self.breaks,
            "order": self.order,
            "collisions": self.collisions,
            "checkpoints": self.checkpoints,
            "voids": [void.to_finding().to_dict() for void in self.voids],
            "findings": [finding.to_dict() for finding in self.findings],
        }


def verify_ledger(store: Store, asked: Asked, *, clock: Callable[[], datetime]) -> LedgerVerdict:
    """Verify the ledger of a store: every record, or those since a checkpoint.

    Raises:
        StoreError: The store cannot be read.
        UsageError: TRUST_ROOT_MISMATCH would be a finding; a checkpoint of another ledger is.
    """
    ledger = ledger_of(store, fully=asked.since is None)
    findings = list(ledger.findings)
    first = 0
    if asked.since is not None and not findings:
        head = asked.since.head if isinstance(asked.since, Checkpoint) else asked.since
        first = head.size
        if head.origin != ledger.head.origin:
            where, origin = "the checkpoint that was verified before", ledger.head.origin
            findings.append(Finding(Code.CHECKPOINT_ORIGIN, where, origin, head.origin))
        else:
            size, name = ledger.head.size, "the checkpoint that was verified before"
            findings += check_contained(head, size, root_of(ledger), where=name)
    not_before = _not_before(asked, clock)
    if not findings:
        findings += _checkpoints(ledger, first)
        findings += _given(ledger, asked, not_before)
        findings += _age(ledger, asked, clock)
    voids = tuple(ledger.state.voids)
    codes = Counter(finding.code for finding in findings)
    return LedgerVerdict(
        head=ledger.head,
        verified=max(0, ledger.head.size - first),
        findings=tuple(findings),
        too_short=ledger.head.size < asked.least,
        breaks=sum(codes[code] for code in _BREAKS),
        order=sum(codes[code] for code in _ORDER),
        collisions=sum("is taken by record" in void.reason for void in voids),
        voids=voids,
        checkpoints=len(ledger.state.checkpoints),
    )


def _checkpoints(ledger: Ledger, first: int) -> list[Finding]:
    """Hold every checkpoint that the ledger has of itself against its own roots."""
    found: list[Finding] = []
    for index, checkpoint in checkpoints_in(ledger.state):
        if index < first:
            continue
        where = f"ledger/records/{index}.cbor"
        if checkpoint.head.origin != ledger.head.origin:
            origin = ledger.head.origin
            found.append(Finding(Code.CHECKPOINT_ORIGIN, where, origin, checkpoint.head.origin))
        else:
            found += check_contained(checkpoint.head, index, root_of(ledger), where=where)
    return found


def _given(ledger: Ledger, asked: Asked, not_before: int | None) -> list[Finding]:
    checkpoint = asked.checkpoint
    if checkpoint is None:
        known = checkpoints_in(ledger.state)
        if not asked.witnesses:
            return []
        if not known:
            expected = f"a checkpoint with {asked.witnesses} witnesses"
            return [Finding(Code.CHECKPOINT_WITNESSES, "checkpoint", expected, "none")]
        checkpoint = known[-1][1]
    trust = ledger.state.trust
    quorum = max(asked.witnesses, 0 if trust is None else trust.witnesses)
    vouching = vouching_of(ledger, quorum=quorum, not_before=not_before)
    return list(check_against(ledger, checkpoint, vouching))


def _not_before(asked: Asked, clock: Callable[[], datetime]) -> int | None:
    return None if asked.max_age is None else int((clock() - asked.max_age).timestamp())


def _age(ledger: Ledger, asked: Asked, clock: Callable[[], datetime]) -> list[Finding]:
    """Say whether the ledger's end is older than is allowed: a head that somebody holds back."""
    time = ledger.tip.time
    if asked.max_age is None or time is None or clock() - time <= asked.max_age:
        return []
    limit = format_micros(clock() - asked.max_age)
    return [Finding(Code.CHECKPOINT_STALE, "ledger/head", f"{limit} or later", format_micros(time))]


# --- one record


@dataclass(frozen=True, slots=True)
class Shown:
    """A record, taken apart.

    Attributes:
        record: The record.
        entry: Its entry; None where it does not parse.
        void: Why it has no effect, or None.
    """

    record: Record
    entry: Entry | None
    void: Void | None

    def to_dict(self) -> dict[str, object]:
        """Return the object that ``--json`` prints."""
        entry = self.entry
        return {
            "index": self.record.index,
            "time": format_micros(self.record.time),
            "previous_sha512": self.record.previous.sha512.hex(),
            "previous_blake2b": self.record.previous.blake2b.hex(),
            "leaf": leaf_hash(self.record.raw).hex(),
            "kind": "" if entry is None else entry.kind,
            "uuid": "" if entry is None else entry.uuid,
            "actor": "" if entry is None else entry.issuer,
            "claims": [] if entry is None else list(entry.claims),
            "body": None if entry is None else dict(entry.body),
            "void": None if self.void is None else self.void.to_finding().to_dict(),
        }


def show_record(store: Store, name: str) -> Shown:
    """Show a record by its index, its entry's UUID, or the packet that it sealed.

    Raises:
        UsageError: RECORD_UNKNOWN.
        RejectedError: The ledger is broken.
    """
    ledger = ledger_of(store)
    ledger.require()
    index = find_record(ledger, name)
    (raw,) = read_records(store, ledger, index, index + 1)
    record = decode_record(raw)
    try:
        entry = decode_entry(record.entry)
    except MalformedError:
        entry = None
    void = next((each for each in ledger.state.voids if each.index == index), None)
    return Shown(record, entry, void)


def find_record(ledger: Ledger, name: str) -> int:
    """Return the index of the record that is meant.

    Raises:
        UsageError: RECORD_UNKNOWN.
    """
    if name.isascii() and name.isdigit() and len(name) < 19:  # noqa: PLR2004 - digits of an int64
        if int(name) < ledger.tip.size:
            return int(name)
        raise UsageError(Code.RECORD_UNKNOWN, f"the ledger has {ledger.tip.size} records")
    state = ledger.state
    packet = state.packets.get(state.trees.get(name, name))
    if packet is not None:
        return packet.index
    if len(name) >= MIN_PREFIX:
        found = {index for (_, known), index in state.uuids.items() if known.startswith(name)}
        found |= {held.index for key, held in state.packets.items() if key.startswith(name)}
        if len(found) == 1:
            return found.pop()
        if found:
            raise UsageError(Code.RECORD_UNKNOWN, f"{escape(name)} fits {len(found)} records")
    raise UsageError(Code.RECORD_UNKNOWN, f"no record {escape(name)} in this ledger")


# --- proofs


@dataclass(frozen=True, slots=True)
class Proven:
    """A record that was proven to stand in a ledger.

    Attributes:
        index: Of the record.
        record: Its bytes.
        head: Of the tree that it is in.
        proof: The audit path.
    """

    index: int
    record: bytes
    head: Head
    proof: tuple[bytes, ...]

    def to_dict(self) -> dict[str, object]:
        """Return the object that ``--json`` prints."""
        return {
            "index": self.index,
            "leaf": leaf_hash(self.record).hex(),
            "origin": self.head.origin,
            "size": self.head.size,
            "root": self.head.root.hex(),
            "proof": [each.hex() for each in self.proof],
        }


def prove_inclusion(store: Store, name: str, size: int | None = None) -> Proven:
    """Prove that a record stands in the ledger, at its end or at an earlier size.

    Raises:
        UsageError: RECORD_UNKNOWN; the tree of that size does not hold it.
        RejectedError: The ledger is broken.
        RefusedError: INCLUSION_NOT_PROVEN: what is kept here of the tree is not the ledger's.
    """
    ledger = ledger_of(store)
    ledger.require()
    index = find_record(ledger, name)
    upto = ledger.tip.size if size is None else size
    if not index < upto <= ledger.tip.size:
        raise UsageError(
            Code.RECORD_UNKNOWN, f"record {index} is not in a tree of {upto} of {ledger.tip.size}"
        )
    return prove_record(store, ledger, index, upto)


def prove_record(store: Store, ledger: Ledger, index: int, upto: int) -> Proven:
    """Prove that a record stands in a ledger that was read, unbroken, at a size that holds it.

    Raises:
        RefusedError: INCLUSION_NOT_PROVEN: what is kept here of the tree is not the ledger's.
        StoreError: The record cannot be read.
    """
    (raw,) = read_records(store, ledger, index, index + 1)
    proof = inclusion_proof(index, upto, ledger.hashes.subtree)
    root = ledger.head.root if upto == ledger.tip.size else root_at(upto, ledger.hashes.subtree)
    if not is_included(leaf_hash(raw), index, upto, proof, root):
        raise _not_proven("the hashes that are kept here do not give the ledger's root")
    return Proven(index, raw, Head(ledger.head.origin, upto, root), proof)


def prove_consistency(store: Store, old: Head | int) -> tuple[Head, Head, tuple[bytes, ...]]:
    """Prove that the ledger begins with an older one; return both heads and the proof.

    Raises:
        RefusedError: CHECKPOINT_ROOT, CHECKPOINT_SIZE: it does not.
        RejectedError: The ledger is broken.
    """
    ledger = ledger_of(store)
    ledger.require()
    if isinstance(old, int):
        if not 0 <= old <= ledger.tip.size:
            raise UsageError(Code.RECORD_UNKNOWN, f"the ledger has {ledger.tip.size} records")
        old = Head(ledger.head.origin, old, root_at(old, ledger.hashes.subtree))
    for finding in check_contained(old, ledger.tip.size, root_of(ledger)):
        raise RefusedError(finding.code, f"expected {finding.expected}, found {finding.found}")
    proof = consistency_proof(old.size, ledger.tip.size, ledger.hashes.subtree)
    if not is_consistent(old.size, ledger.tip.size, proof, old.root, ledger.head.root):
        raise _not_proven("the hashes that are kept here do not give the ledger's root")
    return old, ledger.head, proof


def inclusion_receipt(store: Store, signer: Signer, proven: Proven) -> bytes:
    """Sign an inclusion receipt for a record; it is read back and checked before it is handed out.

    Raises:
        RefusedError: TRUST_REFUSED: the key is no log key.
    """
    trust = ledger_of(store).state.trust
    if trust is None or signer.public not in keys_with(trust, Role.LOG):
        raise RefusedError(
            Code.TRUST_REFUSED,
            "this key is no log key of the trust root: nobody would believe the receipt",
            hint="an owner lets it in: greenlight trust add KEY.pub --role log",
        )
    data = sign_receipt(
        root=proven.head.root,
        size=proven.head.size,
        index=proven.index,
        proof=proven.proof,
        origin=proven.head.origin,
        signer=signer,
    )
    if receipt_root(parse_receipt(data), proven.record, signer.public) != proven.head.root:
        raise _not_proven("the receipt that was just made does not verify")
    return data


def statement_of(proven: Proven, receipt: bytes) -> bytes:
    """Return the record's entry as a transparent statement, with its receipt."""
    return transparent_statement(decode_record(proven.record).entry, [receipt])


def _not_proven(said: str) -> RefusedError:
    return RefusedError(
        Code.INCLUSION_NOT_PROVEN, said, hint="greenlight ledger verify reads everything anew"
    )
