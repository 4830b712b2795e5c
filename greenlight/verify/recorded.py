"""What the ledger says of a packet.  Pure: a statement, its seal's digests and a state in.

1. a valid ``packet.sealed`` entry names this packet, this tree, this statement, this seal;
2. its claim held: a packet that lost it is a CONFLICT;
3. the entry was signed by the key that made the seal;
4. the run was opened before, by the same key, for these lane bytes, not earlier in the
   ledger than the header says, and took the tickets that the packet reserves;
5. the authority lock says of the grant, and of the trust root, what the ledger says;
6. neither the key that sealed it, nor the one that gave the grant, was revoked from an index
   on that lies before;
7. where the trust root in force demanded both halves of keys, the statement is signed by the
   other half too; and where it is signed so, that signature verifies, whoever demanded it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from greenlight.codes import Code
from greenlight.model.finding import Finding
from greenlight.model.seal import SEAL, STATEMENT
from greenlight.model.state import LedgerState, PacketState, RunState
from greenlight.model.statement import Statement
from greenlight.model.words import Status
from greenlight.primitives.digest import Digest
from greenlight.primitives.timestamp import format_seconds
from greenlight.verify.doubled import verify_doubled

if TYPE_CHECKING:  # loaded by whoever makes one; a packet sealed from outside has none
    from greenlight.model.documents import AuthorityLock
    from greenlight.model.evidence import Evidence


def verify_recorded(  # noqa: PLR0913 - a packet, and what a ledger says
    statement: Statement,
    seal: Mapping[str, bytes],
    evidence: Evidence | None,
    state: LedgerState,
    *,
    grant_digest: str = "",
    trust_root: str = "",
) -> list[Finding]:
    """Hold a packet against the ledger.

    Args:
        statement: Of the packet.
        seal: Files of ``seal/``.
        evidence: Of an executed packet, where it is complete.
        state: The fold of the ledger.
        grant_digest: ``sha256:<hex>`` of the record that issued the grant; empty where
            that record is not at hand, and then it is not compared.
        trust_root: ``sha256:<hex>`` of record 0, likewise.
    """
    where = "ledger/packet.sealed"
    found = state.packets.get(statement.packet_id)
    if found is None or found.sealed.packet_tree != statement.subject:
        lost = [p for p in state.conflicts if p.sealed.packet_tree == statement.subject]
        if lost:
            holder = found.sealed.packet_tree if found else "another run"
            return [Finding(Code.PACKET_CONFLICT, where, statement.subject, holder)]
        shown = found.sealed.packet_tree if found else "none"
        return [Finding(Code.PACKET_NOT_RECORDED, where, statement.subject, shown)]
    findings = list(_entry(statement, seal, found))
    findings += _revoked(state, found.executor, found.index)
    findings += verify_doubled(statement, seal.get(STATEMENT, b""), state, found.index)
    if statement.status is not Status.NOT_EXECUTED:
        findings += _run(statement, evidence, found, state.runs.get(statement.run_id))
        if evidence is not None:
            findings += _grant(evidence.authority, state, grant_digest, trust_root)
    return findings


def _entry(
    statement: Statement, seal: Mapping[str, bytes], found: PacketState
) -> Iterator[Finding]:
    where = f"ledger/records/{found.index}.cbor"
    pairs = (
        ("statement", found.sealed.statement, _digest(seal.get(STATEMENT))),
        ("seal", found.sealed.seal, _digest(seal.get(SEAL))),
        ("status", found.sealed.status, statement.status.value),
        ("mode", found.sealed.mode, statement.mode.value),
        ("executor", found.executor, statement.executor),
    )
    for name, recorded, here in pairs:
        if recorded != here:
            yield Finding(Code.PACKET_NOT_RECORDED, f"{where}#/{name}", recorded, here)


def _revoked(state: LedgerState, key: str, index: int) -> Iterator[Finding]:
    """Ledger order decides: what a key signed before the index of its revocation stays good."""
    if state.is_revoked(key, index):
        yield Finding(
            Code.SIGNER_REVOKED,
            f"ledger/records/{index}.cbor",
            "a signer who was trusted there",
            f"{key}, which was revoked",
        )


def _digest(data: bytes | None) -> str:
    return "nothing" if data is None else str(Digest.of(data))


def _run(
    statement: Statement, evidence: Evidence | None, found: PacketState, run: RunState | None
) -> Iterator[Finding]:
    where = "ledger/run.opened"
    if run is None or run.index > found.index:
        yield Finding(Code.RUN_NOT_OPENED, where, f"run {statement.run_id}", "none before it")
        return
    if run.executor != statement.executor:
        yield Finding(Code.RUN_NOT_OPENED, where, statement.executor, run.executor)
    if evidence is None:
        return
    if run.opened.lane_digest != evidence.lane_digest:
        yield Finding(Code.LANE_DIFFERS, "lane.yaml", run.opened.lane_digest, evidence.lane_digest)
    # What was made out of reach of the remote is admitted later than it was opened.
    at = format_seconds(run.time)
    if evidence.header.opened_at > at:
        expected = f"{at} or before"
        yield Finding(
            Code.RUN_NOT_OPENED, "header.json#/opened_at", expected, evidence.header.opened_at
        )
    # What is reserved here and claimed nowhere could be reserved twice.
    reserved = tuple(sorted(evidence.tickets.tickets))
    if run.opened.tickets != reserved:
        shown = (", ".join(run.opened.tickets) or "none", ", ".join(reserved) or "none")
        yield Finding(Code.TICKET_COLLISION, f"{where}#/tickets", *shown)


def _grant(
    lock: AuthorityLock, state: LedgerState, grant_digest: str, trust_root: str
) -> Iterator[Finding]:
    where = "delegation-and-authority-lock.json"
    run = state.runs.get(lock.run_id)
    held = state.grants.get(lock.grant)
    if held is None or run is None:
        yield Finding(
            Code.AUTHORITY_MISMATCH, f"{where}#/grant", "a grant of the ledger", lock.grant
        )
        return
    yield from _revoked(state, held.issuer, held.index)
    grant = held.grant
    pairs: tuple[tuple[str, object, object], ...] = (
        ("grant", run.opened.grant, lock.grant),
        ("use", run.opened.use, lock.use),
        ("authority", grant.authority, lock.authority),
        ("delegation", grant.delegation, lock.delegation),
        ("max_uses", grant.max_uses, lock.max_uses),
        ("not_before", grant.not_before, lock.not_before),
        ("expires", grant.expires, lock.expires),
        ("modes", grant.modes, lock.modes),
        ("operations", grant.operations, lock.operations),
        ("grant_record", grant_digest or lock.grant_record, lock.grant_record),
        ("trust_root", trust_root or lock.trust_root, lock.trust_root),
        ("chain", [(held.issuer, "owner", run.executor, "executor")], _links(lock)),
    )
    for name, recorded, said in pairs:
        if recorded != said:
            yield Finding(Code.AUTHORITY_MISMATCH, f"{where}#/{name}", str(recorded), str(said))


def _links(lock: AuthorityLock) -> list[tuple[str, str, str, str]]:
    return [(link.giver, link.giver_role, link.taker, link.taker_role) for link in lock.chain]
