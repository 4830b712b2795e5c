"""A packet under way: what is known of its files, while their objects go into a pack.

No content is kept but what verification reads, everything outside ``artifacts/``: a packet
may be larger than memory.  Drafts are closed where they are made, which may be another
process; what comes back of each is small (``Closed``).
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

from greenlight.errors import RefusedError
from greenlight.ledger.append import AUTHOR
from greenlight.model.documents import Header
from greenlight.model.entry import sign_entry
from greenlight.model.kinds import PacketSealed
from greenlight.model.packet import MANIFEST, RERUN, FileFact, Packet, is_text
from greenlight.model.seal import SEAL, STATEMENT, make_seal
from greenlight.model.statement import Statement
from greenlight.primitives.digest import Digest
from greenlight.primitives.ed25519 import Signer
from greenlight.primitives.manifest import format_manifest
from greenlight.primitives.timestamp import parse_seconds
from greenlight.services.published import published
from greenlight.store.packets import Sink, add_packet
from greenlight.verify.packet import verify_packet


@dataclass(frozen=True, slots=True)
class Closed:
    """A packet whose objects are written and that nothing names yet.

    Attributes:
        statement: What was signed.
        commit: Object id of the packet commit.
        entry: The signed ledger entry that says so.
    """

    statement: Statement
    commit: str
    entry: bytes


@dataclass(slots=True)
class Draft:
    """The files of one packet so far.

    Attributes:
        sink: Where their objects go.
        facts: A fact a file, by path in ``packet/``.
        texts: Bytes of those that verification reads.
        names: Raw object id of each.
    """

    sink: Sink
    facts: dict[str, FileFact] = field(default_factory=dict)
    texts: dict[str, bytes] = field(default_factory=dict)
    names: dict[str, bytes] = field(default_factory=dict)

    def add(self, path: str, data: bytes) -> None:
        """Add a file whose bytes are at hand."""
        self.note(path, FileFact.of(data), self.sink.add("blob", data))
        if is_text(path):
            self.texts[path] = data

    def note(self, path: str, fact: FileFact, name: bytes) -> None:
        """Add an artifact that was read elsewhere."""
        self.facts[path] = fact
        self.names[path] = name

    def finish(self) -> None:
        """Add the published script and the manifest; then nothing is added."""
        self.add(RERUN, published().rerun)
        digests = {path: fact.sha256 for path, fact in self.facts.items()}
        self.add(MANIFEST, format_manifest(digests))

    def close(self, header: Header, signer: Signer, lineage: tuple[str, ...] = ()) -> Closed:
        """Seal the files exactly as they are; nothing is durable yet.

        Args:
            header: Its header, which the statement repeats.
            signer: The executor's key; the header names it.
            lineage: Packet trees that it depends on, 64 digits each.

        Raises:
            RefusedError: It would not verify.
        """
        packet = Packet(self.facts, self.texts, {})
        statement = Statement(
            packet_tree=packet.tree.removeprefix("sha256:"),
            packet_id=header.packet_id,
            run_id=header.run_id,
            lane=header.lane,
            mode=header.mode,
            status=header.status,
            file_count=len(self.facts),
            byte_count=packet.byte_count,
            time=header.sealed_at,
            lineage=tuple(sorted(lineage)),
            executor=signer.public.uri,
        )
        seal = make_seal(statement.encode(), signer)
        _require_verifies(Packet(self.facts, self.texts, seal))
        commit = add_packet(
            self.sink,
            self.names,
            seal,
            signer=signer,
            author=AUTHOR,
            time=parse_seconds(header.sealed_at),
            message=_message(statement),
        )
        return Closed(statement, commit, _entry(statement, seal, signer))


def _require_verifies(packet: Packet) -> None:
    """Judge the packet as a stranger will, before anything names it."""
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


def _entry(statement: Statement, seal: Mapping[str, bytes], signer: Signer) -> bytes:
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
    return sign_entry(body, uuid=str(uuid.uuid4()), signer=signer)
