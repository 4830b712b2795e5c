"""Verify packets: bytes, documents, signer, ledger and lineage, under trust that was given.

Trust never comes from what is verified.  It is the store's pinned trust root, a trust
root's digest, an ``allowed_signers`` file, or a key; without any of them integrity can
be shown and the signer is unknown, and that is UNVERIFIABLE.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import chain
from typing import TYPE_CHECKING

from greenlight.codes import Code
from greenlight.errors import GreenlightError, MalformedError, StoreError, UsageError
from greenlight.execution.forked import fork_map
from greenlight.ledger.pin import read_pin
from greenlight.ledger.read import Ledger, contains_head, read_records
from greenlight.ledger.shelves import find_each
from greenlight.model.entry import decode_entry
from greenlight.model.finding import Finding, Report
from greenlight.model.head import Head
from greenlight.model.kinds import PacketSealed
from greenlight.model.record import decode_record
from greenlight.model.state import LedgerState, PurgeState
from greenlight.model.statement import Statement
from greenlight.primitives.digest import Digest
from greenlight.primitives.ed25519 import PublicKey
from greenlight.primitives.openssh import AllowedSigner, format_public
from greenlight.primitives.text import escape
from greenlight.services.packets import Located, ledger_of, locate_tree, read_commit
from greenlight.services.published import published
from greenlight.services.unfinished import unlisted
from greenlight.store.repository import Store
from greenlight.store.shelf import ShelfEntry, shelf_entries
from greenlight.verify.countersigned import Countersignature, countersignatures
from greenlight.verify.extract import verify_extract
from greenlight.verify.packet import PacketVerdict, verify_packet
from greenlight.verify.recorded import verify_recorded
from greenlight.verify.signer import verify_signer
from greenlight.verify.withheld import verify_withheld, withheld

if TYPE_CHECKING:  # loaded by whoever makes one; a packet sealed from outside has none
    from greenlight.model.evidence import Evidence
    from greenlight.verify.retention import LeftOut

# What a look-up says of a packet that is not here, whether or not the ledger knows it.
NOT_HERE = frozenset({Code.PACKET_UNKNOWN, Code.PACKET_MISSING})
# What leaves the question open; everything else answers it with no.
_WITHHELD = frozenset({Code.PACKET_WITHHELD, Code.PURGE_UNFINISHED})
_OPEN = _WITHHELD | {
    Code.SIGNER_UNKNOWN,
    Code.LINEAGE_ABSENT,
    Code.LINEAGE_WITHHELD,
    Code.PACKET_MISSING,
    Code.PRIVATE_DIFFERS,  # what was sealed is as it was; what lies beside it proves nothing
}
_PINNED = "the trust root pinned for this store"
_CHECK = re.compile(r"([1-9][0-9]{0,17}):([0-9a-f]{64})")
_FEW_PACKETS = 4  # up to here each is read by all processors, beyond each by one
_BATCH_PACKETS = 8  # that one worker verifies at a time
MAX_LINEAGE_DEPTH = 1000  # packets: a chain longer than this is a loop or an attack


class Integrity(StrEnum):
    """Whether the evidence is what was sealed, by somebody who is trusted."""

    INTACT = "INTACT"
    REJECTED = "REJECTED"
    UNVERIFIABLE = "UNVERIFIABLE"
    WITHHELD = "WITHHELD"


@dataclass(frozen=True, slots=True)
class Trust:
    """Whom the one who verifies trusts, and by what right.

    Attributes:
        signers: Keys, and lines of ``allowed_signers`` files.
        root: Digest of the trust root (record 0) that is pinned or was given.
        source: Whose trust it is, for people: "--key alice.pub".
        unsigned_ok: Whether an unknown signer may pass; integrity alone is then shown.
    """

    signers: tuple[PublicKey | AllowedSigner, ...] = ()
    root: Digest | None = None
    source: str = "nothing"
    unsigned_ok: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """What verification came to.

    Attributes:
        where: What was verified.
        integrity: Decides the exit code.
        status: What the packet says became of the run; empty where it cannot be read.
        state: What the ledger says of it: SEALED, CONFLICT, or not looked up.
        signer: The key that signed, as an OpenSSH line; empty where unknown.
        trusted_by: By what right the signer is trusted; empty where it is not.
        report: Everything that is wrong.
        evidence: Of an executed packet, where it is complete.
        purge: By what the packet was purged, where its bytes are not here.
        retained: Outputs that the packet does not hold, as its lane says.
        both_halves: Whether the post-quantum half of the signer's key vouches for it too.
        reviews: What reviewers said about it, by the ledger; no part of its integrity.
    """

    where: str
    integrity: Integrity
    statement: Statement | None
    state: str
    signer: str
    trusted_by: str
    report: Report
    evidence: Evidence | None = None
    purge: PurgeState | None = None
    retained: tuple[LeftOut, ...] = ()
    both_halves: bool = False
    reviews: tuple[Countersignature, ...] = ()

    @property
    def status(self) -> str:
        return self.statement.status.value if self.statement else ""

    @property
    def settled(self) -> bool:
        """Whether the packet was purged, and its bytes are gone."""
        return self.integrity is Integrity.WITHHELD and self.purge is not None

    def to_dict(self) -> dict[str, object]:
        """Return the object that ``--json`` prints."""
        statement, purged = self.statement, self.purge.purged if self.purge else None
        known_id = purged.packet if purged else ""
        known_tree = purged.packet_tree if purged else ""
        return {
            "where": self.where,
            "integrity": self.integrity.value,
            "status": self.status,
            "state": self.state,
            "packet_id": statement.packet_id if statement else known_id,
            "packet_tree": statement.subject if statement else known_tree,
            "signer": self.signer,
            "both_halves": self.both_halves,
            "trusted_by": self.trusted_by,
            "retained": [row.to_dict() for row in self.retained],
            "countersignatures": [review.to_dict() for review in self.reviews],
            "findings": [finding.to_dict() for finding in self.report.findings],
        }


@dataclass(frozen=True, slots=True)
class _Recorded:
    """The ledger that a packet is held against.

    Attributes:
        state: Its fold.
        record: Gives the bytes of a record, where it is at hand.
        root: ``sha256:<hex>`` of record 0.
        source: Where it came from.
    """

    state: LedgerState
    record: Callable[[int], bytes | None]
    root: str
    source: str
    standing: Callable[[int], str] = lambda _index: "SEALED"


def verify_located(  # noqa: PLR0913 - what is asked, and by whom
    located: Located,
    trust: Trust,
    *,
    store: Store | None = None,
    lineage: bool = False,
    known: Ledger | None = None,
    private: Mapping[str, bytes] | None = None,
) -> Verdict:
    """Verify one packet that was found.

    Args:
        located: The packet.
        trust: Whom the caller trusts.
        store: Where it was found, and where its lineage is looked for.
        lineage: Whether to walk the packets that it depends on.
        known: The store's ledger as it was read under this trust before, to read it once.
        private: Files of the packet's private tree, where they do not come from the store.
    """
    verdict = verify_packet(located.packet, published())
    findings = list(verdict.findings)
    ledger, wrong = _ledger(located, trust, store, known)
    findings += wrong
    state, vouched, both = "", "", False
    reviews: tuple[Countersignature, ...] = ()
    if ledger is not None and verdict.statement is not None:
        against, state = _against(ledger, located, verdict)
        findings += against
        vouched = "" if wrong or against else ledger.source
        both = bool(vouched) and verdict.statement.subject in ledger.state.doubled
        findings += verify_withheld(ledger.state, verdict.statement.subject, located.where)
        named = (verdict.statement.packet_id, verdict.statement.subject)
        reviews = countersignatures(ledger.state, *named)
    if verdict.signer is not None and (trust.signers or not vouched):
        wrong = _signer(verdict, trust, known=ledger is not None)
        findings += wrong
        vouched = trust.source if trust.signers and not wrong else vouched
    if lineage and verdict.statement is not None:
        findings += _lineage(verdict.statement, trust, store)
    evidence = verdict.derived.evidence if verdict.derived else None
    retained: tuple[LeftOut, ...] = ()
    if evidence is not None:
        from greenlight.services.private import look_private  # noqa: PLC0415 - of a run's packet

        retained, wrong = look_private(evidence, located, store, private)
        findings += wrong
    made = _conclude(located.where, verdict, tuple(findings), state, vouched, trust)
    return replace(made, retained=retained, both_halves=both, reviews=reviews)


def _conclude(  # noqa: PLR0913, PLR0917 - the parts of a verdict
    where: str,
    verdict: PacketVerdict,
    findings: tuple[Finding, ...],
    state: str,
    vouched: str,
    trust: Trust,
) -> Verdict:
    if trust.unsigned_ok:
        findings = tuple(f for f in findings if f.code is not Code.SIGNER_UNKNOWN)
    return Verdict(
        where=where,
        integrity=_integrity({finding.code for finding in findings}),
        statement=verdict.statement,
        state=state,
        signer=format_public(verdict.signer) if verdict.signer else "",
        trusted_by=vouched,
        report=Report(findings),
        evidence=verdict.derived.evidence if verdict.derived else None,
    )


def _integrity(codes: set[Code]) -> Integrity:
    if not codes <= _OPEN:
        return Integrity.REJECTED
    if Code.PACKET_WITHHELD in codes:
        return Integrity.WITHHELD
    return Integrity.UNVERIFIABLE if codes else Integrity.INTACT


def withheld_verdict(purge: PurgeState, ledger: Ledger) -> Verdict:
    """Return the verdict on a packet that was purged, by a ledger that is trusted."""
    findings = (*ledger.findings, withheld(purge))
    return Verdict(
        where=purge.purged.packet,
        integrity=_integrity({finding.code for finding in findings}),
        statement=None,
        state="WITHHELD",
        signer="",
        trusted_by="" if ledger.findings else _PINNED,
        report=Report(findings),
        purge=purge,
        reviews=countersignatures(ledger.state, purge.purged.packet, purge.purged.packet_tree),
    )


def _signer(verdict: PacketVerdict, trust: Trust, *, known: bool) -> list[Finding]:
    """Look the signer up in what was given; a ledger that said no needs no second no."""
    if verdict.signer is None or (known and not trust.signers):
        return []
    at = verdict.statement.sealed_at if verdict.statement else None
    return verify_signer(verdict.signer, trust.signers, at=at)


def _ledger(
    located: Located, trust: Trust, store: Store | None, known: Ledger | None
) -> tuple[_Recorded | None, list[Finding]]:
    """Return the ledger to hold a packet against: the store's, or what came along."""
    if located.commit and store is not None:
        ledger = trusted_ledger(store, trust, known)
        if ledger is None:
            return None, []
        return _from_store(store, ledger), list(ledger.findings)
    if trust.root is None or not located.ledger:
        return None, []
    return _from_folder(located.ledger, trust.root)


def trusted_ledger(store: Store, trust: Trust, known: Ledger | None = None) -> Ledger | None:
    """Return the store's ledger where its trust root is pinned, here or by the caller."""
    if read_pin(store) is None and trust.root is None:
        return None
    return ledger_under(store, trust, known)


def _from_store(store: Store, ledger: Ledger) -> _Recorded:
    root = str(ledger.head.pin) if ledger.head.size else ""

    def record(index: int) -> bytes:
        return next(read_records(store, ledger, index, index + 1))

    return _Recorded(ledger.state, record, root, _PINNED, ledger.standing_of)


def _from_folder(
    files: Mapping[str, bytes], root: Digest
) -> tuple[_Recorded | None, list[Finding]]:
    """Fold the records that came along; record 0 must be the trust root that was given."""
    extract, findings = verify_extract(files, root)
    if extract is None:
        return None, findings
    source = f"the trust root {root}"
    return _Recorded(extract.state, extract.records.get, str(root), source), findings


def _against(
    ledger: _Recorded, located: Located, verdict: PacketVerdict
) -> tuple[list[Finding], str]:
    if verdict.statement is None:
        return [], ""
    evidence: Evidence | None = verdict.derived.evidence if verdict.derived else None
    digest = ""
    if evidence is not None and evidence.authority.grant in ledger.state.grants:
        record = ledger.record(ledger.state.grants[evidence.authority.grant].index)
        digest = "" if record is None else str(Digest.of(record))
    findings = verify_recorded(
        verdict.statement,
        located.packet.seal,
        evidence,
        ledger.state,
        grant_digest=digest,
        trust_root=ledger.root,
    )
    if any(finding.code is Code.PACKET_CONFLICT for finding in findings):
        return findings, "CONFLICT"
    if findings:
        return findings, ""
    return findings, ledger.standing(ledger.state.packets[verdict.statement.packet_id].index)


def _lineage(statement: Statement, trust: Trust, store: Store | None) -> Iterator[Finding]:
    """Walk the packets that this one depends on, each once."""
    waiting, seen = list(statement.lineage), set(statement.lineage)
    while waiting and len(seen) <= MAX_LINEAGE_DEPTH:
        tree = waiting.pop(0)
        where = f"lineage/sha256:{tree}"
        try:
            located = locate_tree(store, f"sha256:{tree}")
        except GreenlightError as error:
            yield _not_located(error, where)
            continue
        found = verify_located(located, replace(trust, unsigned_ok=True), store=store)
        subject = found.statement.subject if found.statement else "no statement"
        if not located.packet.seal:
            yield Finding(Code.LINEAGE_UNSIGNED, where, "a seal", "none")
        elif found.integrity is Integrity.WITHHELD:
            yield Finding(Code.LINEAGE_WITHHELD, where, "the packet", "purged by an owner")
        elif found.integrity is not Integrity.INTACT:
            what = ", ".join(str(code) for code in found.report.codes)
            yield Finding(Code.LINEAGE_CHANGED, where, "INTACT", what)
        elif subject != f"sha256:{tree}":
            # What a shelf calls a packet is a hint: another one may lie under the name.
            yield Finding(Code.LINEAGE_CHANGED, where, f"sha256:{tree}", subject)
        if found.statement is not None:
            new = [prior for prior in found.statement.lineage if prior not in seen]
            seen.update(new)
            waiting.extend(new)
    if waiting:
        most = f"at most {MAX_LINEAGE_DEPTH} packets"
        yield Finding(Code.LIMIT_EXCEEDED, "lineage", most, f"{len(seen)} and perhaps more")


def _not_located(error: GreenlightError, where: str) -> Finding:
    if error.code in NOT_HERE:
        return Finding(Code.LINEAGE_ABSENT, where, "the packet", "not in this store")
    if error.code is Code.PACKET_WITHHELD:
        return Finding(Code.LINEAGE_WITHHELD, where, "the packet", str(error))
    return Finding(Code.LINEAGE_CHANGED, where, "a packet that can be read", str(error))


@dataclass(frozen=True, slots=True)
class StoreVerdict:
    """What verifying a whole store came to.

    Attributes:
        packets: A verdict a packet, oldest first; those that were handed on are not kept.
        report: What is wrong with ledger and shelves themselves.
        voids: Entries without effect: no damage, but somebody tried.
        counts: How many packets there are of each integrity, without those that are settled.
        settled: How many were purged, and are gone.
        head: The ledger that they were held against.
        since: The check after which they came; empty where all were verified.
    """

    packets: tuple[Verdict, ...]
    report: Report
    voids: tuple[Finding, ...]
    counts: Mapping[Integrity, int]
    settled: int
    head: Head
    since: str = ""

    @property
    def count(self) -> int:
        """How many packets were verified."""
        return sum(self.counts.values()) + self.settled

    @property
    def check(self) -> str:
        """What ``--since`` takes, to verify only what comes after."""
        return f"{self.head.size}:{self.head.root.hex()}"

    @property
    def integrity(self) -> Integrity:
        """The worst of everything; an empty store has nothing that could be intact."""
        codes = set(self.report.codes)
        if self.counts.get(Integrity.REJECTED) or not codes <= _OPEN:
            return Integrity.REJECTED
        nothing = not self.count and not self.since
        worst = {each for each, number in self.counts.items() if number}
        if worst - {Integrity.INTACT} or codes or nothing:
            return Integrity.UNVERIFIABLE
        return Integrity.INTACT


def verify_all(  # noqa: PLR0913 - what is asked, and who is told
    store: Store,
    trust: Trust,
    *,
    lineage: bool = False,
    since: str = "",
    hand_on: Callable[[Verdict], None] | None = None,
    begin: Callable[[int], None] = lambda _packets: None,
) -> StoreVerdict:
    """Verify every packet of a store, its shelves and its ledger.

    Args:
        store: The store.
        trust: Whom the caller trusts.
        lineage: Whether to walk the packets that each depends on.
        since: The ``check`` of a verification before: the ledger must still contain that head,
            and packets that it records are left out.
        hand_on: Takes each verdict as it comes, oldest first; without it they are kept.
        begin: Told how many packets there are, before the first.

    Raises:
        UsageError: ``since`` is no check.
    """
    # What this machine kept of the ledger is a cache of what it verified: good enough to go on
    # from, where the caller says from where.
    ledger = ledger_of(store, trust.root, fully=not since)
    findings = list(ledger.findings)
    hidden = _under_way(store, ledger)
    first = 0
    if since:
        size, root = parse_check(since)
        findings += () if findings else contains_head(store, ledger, size, root)
        first = 0 if findings else size  # with a doubt, everything
    if first:
        recorded = list(_sealed_since(store, ledger, first))
        commits = list(_shelved_of(store, recorded))
    else:
        recorded = None
        commits = [each for each in _all_shelved(store, findings) if each not in hidden]
    begin(len(commits))
    kept: list[Verdict] = []
    counts: Counter[Integrity] = Counter()
    here: set[str] = set()
    settled = 0
    verdicts = _verdicts(store, commits, trust, ledger, lineage=lineage)
    for verdict in chain(verdicts, _withheld(ledger, here, first)):
        (kept.append if hand_on is None else hand_on)(verdict)
        if verdict.settled:
            settled += 1
        else:
            counts[verdict.integrity] += 1
        if verdict.statement is not None:
            # By what the packets say of themselves: a shelf's word for a packet is only a hint.
            here.add(verdict.statement.subject)
    if recorded is None:
        recorded = [(each.index, each.sealed) for each in ledger.state.packets.values()]
    findings += [
        Finding(
            Code.PACKET_MISSING,
            f"ledger/records/{index}.cbor",
            f"the packet {sealed.packet_tree}",
            "not on a shelf here",
        )
        for index, sealed in recorded
        if sealed.packet_tree not in here and sealed.packet_tree not in ledger.state.purged
    ]
    voids = tuple(void.to_finding() for void in ledger.state.voids)
    return StoreVerdict(
        tuple(kept), Report.of(findings), voids, counts, settled, ledger.head, since
    )


def _withheld(ledger: Ledger, here: set[str], first: int) -> Iterator[Verdict]:
    """Yield a verdict on each packet that was purged, of the records from ``first`` on."""
    for tree, purge in ledger.state.purged.items():
        if tree not in here and purge.index >= first:
            yield withheld_verdict(purge, ledger)


def _under_way(store: Store, ledger: Ledger) -> set[str]:
    """Return the packets between shelf and ledger: nobody was told that they are sealed."""
    with suppress(StoreError):
        return unlisted(store, ledger)
    return set()


def _all_shelved(store: Store, findings: list[Finding]) -> list[str]:
    """Return every packet commit on a shelf, oldest first; what is odd goes to ``findings``."""
    commits: dict[str, None] = {}
    for entry in shelf_entries(store):
        if isinstance(entry, ShelfEntry):
            commits.pop(entry.commit, None)
            commits[entry.commit] = None  # newest first; of one that stands twice, the oldest place
        else:
            findings.append(entry)
    return list(reversed(commits))


def _sealed_since(store: Store, ledger: Ledger, first: int) -> Iterator[tuple[int, PacketSealed]]:
    """Yield the packets whose claim held, of the records from ``first`` on."""
    records = read_records(store, ledger, first, ledger.head.size)
    for index, raw in enumerate(records, first):
        try:
            entry = decode_entry(decode_record(raw).entry)
            sealed = PacketSealed.from_body(entry.body) if entry.kind == PacketSealed.KIND else None
        except MalformedError:
            continue  # void, and told as such
        held = None if sealed is None else ledger.state.packets.get(sealed.packet)
        if sealed is not None and held is not None and held.index == index:
            yield index, sealed


def _shelved_of(store: Store, recorded: list[tuple[int, PacketSealed]]) -> Iterator[str]:
    """Yield the newest packet commit that a shelf names for each tree."""
    for found in find_each(store, [sealed.packet_tree for _, sealed in recorded]):
        if found.entries:
            yield found.entries[0].commit


def parse_check(text: str) -> tuple[int, bytes]:
    """Read what ``--since`` takes, as ``verify --all`` prints it: size and root of a head.

    Raises:
        UsageError: It is not that.
    """
    match = _CHECK.fullmatch(text)
    if match is None:
        raise UsageError(
            Code.USAGE,
            f"not a check of the form SIZE:ROOT: {escape(text)[:100]}",
            hint="verify --all prints it",
        )
    return int(match[1]), bytes.fromhex(match[2])


def _verdicts(
    store: Store, commits: list[str], trust: Trust, ledger: Ledger, *, lineage: bool
) -> Iterator[Verdict]:
    """Verify packets, many in other processes; a few here, each read by many."""

    def work(batch: list[str]) -> list[Verdict]:
        # What it carries is large, and was looked at by whoever made the verdict.
        return [
            replace(_verify_commit(store, commit, trust, ledger, lineage=lineage), evidence=None)
            for commit in batch
        ]

    step = 1 if len(commits) <= _FEW_PACKETS else _BATCH_PACKETS
    batches = [commits[at : at + step] for at in range(0, len(commits), step)]
    for found in map(work, batches) if step == 1 else fork_map(work, batches):
        yield from found


def _verify_commit(
    store: Store, commit: str, trust: Trust, ledger: Ledger, *, lineage: bool
) -> Verdict:
    try:
        located = read_commit(store, commit)
    except GreenlightError as error:
        finding = Finding(error.code, f"commit {commit}", "a packet", str(error))
        return Verdict(
            where=commit,
            integrity=Integrity.REJECTED,
            statement=None,
            state="",
            signer="",
            trusted_by="",
            report=Report((finding,)),
        )
    return verify_located(located, trust, store=store, lineage=lineage, known=ledger)


def ledger_under(store: Store, trust: Trust, known: Ledger | None = None) -> Ledger:
    """Read the store's ledger, held against its pin, or against the root that was given.

    Args:
        store: Where it lies.
        trust: Whom the caller trusts.
        known: What was read of it under the same trust before: only what is new is read.
    """
    return ledger_of(store, trust.root, known)
