"""Seal a packet: statement, signature, Git objects, shelf, ledger; durable before it returns."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from greenlight.errors import RefusedError
from greenlight.ledger.append import AUTHOR, append
from greenlight.model.documents import Header
from greenlight.model.entry import sign_entry
from greenlight.model.kinds import PacketSealed
from greenlight.model.packet import Packet
from greenlight.model.seal import SEAL, STATEMENT, make_seal
from greenlight.model.state import LedgerState
from greenlight.model.statement import Statement
from greenlight.primitives.digest import Digest
from greenlight.primitives.ed25519 import Signer
from greenlight.primitives.timestamp import parse_seconds
from greenlight.services.published import published
from greenlight.store.packets import write_packet
from greenlight.store.repository import Store
from greenlight.store.shelf import shelve
from greenlight.verify.packet import verify_packet


@dataclass(frozen=True, slots=True)
class Sealed:
    """A packet that is in the store.

    Attributes:
        statement: What was signed.
        packet_tree: ``sha256:<hex>``.
        commit: Object id of the packet commit.
        index: Of the ledger record that says so.
        conflict: Whether another packet had taken its claim: it is kept as a CONFLICT.
    """

    statement: Statement
    packet_tree: str
    commit: str
    index: int
    conflict: bool


def seal_files(  # noqa: PLR0913 - the outside world of one act
    store: Store,
    signer: Signer,
    files: Mapping[str, bytes],
    header: Header,
    *,
    lineage: tuple[str, ...],
    clock: Callable[[], datetime],
) -> Sealed:
    """Seal the files of a packet, exactly as they are.

    Args:
        store: Where to.
        signer: The executor's key; the header names it.
        files: Every file of ``packet/``, by path.
        header: Its header, which the statement repeats.
        lineage: Packet trees that it depends on, 64 digits each.
        clock: The time of this machine, for the ledger.

    Raises:
        RefusedError: It would not verify, or the ledger would not have it.
        StoreError: The store does not serve; nothing refers to what was written.
    """
    packet = Packet.of(files, {})
    statement = Statement(
        packet_tree=packet.tree.removeprefix("sha256:"),
        packet_id=header.packet_id,
        run_id=header.run_id,
        lane=header.lane,
        mode=header.mode,
        status=header.status,
        file_count=len(files),
        byte_count=packet.byte_count,
        time=header.sealed_at,
        lineage=tuple(sorted(lineage)),
        executor=signer.public.uri,
    )
    seal = make_seal(statement.encode(), signer)
    _require_verifies(Packet(packet.files, packet.texts, seal))
    when = parse_seconds(header.sealed_at)
    commit = write_packet(
        store, files, seal, signer=signer, author=AUTHOR, time=when, message=_message(statement)
    )
    tree, packet_id = statement.subject, header.packet_id
    shelve(store, commit, packet_tree=tree, packet_id=packet_id, author=AUTHOR, time=when)
    index, conflict = _record(store, signer, statement, seal, clock)
    return Sealed(statement, tree, commit, index, conflict)


def _require_verifies(packet: Packet) -> None:
    """Judge the packet as a stranger will, before anything of it is written."""
    findings = verify_packet(packet, published()).findings
    if findings:
        raise RefusedError(
            findings[0].code,
            "; ".join(map(str, findings)),
            hint="greenlight would have sealed what does not verify; nothing was written",
            codes=tuple(finding.code for finding in findings),
        )


def _message(statement: Statement) -> str:
    """Write what ``git log`` shows of a packet commit."""
    return (
        f"Seal {statement.lane}: {statement.status.value}\n\n"
        f"Packet-Tree: {statement.subject}\n"
        f"Packet-Id: {statement.packet_id}\n"
        f"Lane: {statement.lane}\n"
        f"Status: {statement.status.value}\n"
    )


def _record(
    store: Store,
    signer: Signer,
    statement: Statement,
    seal: Mapping[str, bytes],
    clock: Callable[[], datetime],
) -> tuple[int, bool]:
    body = PacketSealed(
        packet=statement.packet_id,
        run=statement.run_id,
        lane=statement.lane,
        mode=statement.mode.value,
        status=statement.status.value,
        packet_tree=statement.subject,
        statement=str(Digest.of(seal[STATEMENT])),
        seal=str(Digest.of(seal[SEAL])),
    )

    def decide(_state: LedgerState, _now: datetime) -> list[bytes]:
        return [sign_entry(body, uuid=str(uuid.uuid4()), signer=signer)]

    appended = append(store, signer, decide, clock=clock)
    index = appended.indexes[0]
    conflict = any(packet.index == index for packet in appended.ledger.state.conflicts)
    return index, conflict
