"""Verify the one document of a packet that was sealed from outside."""

from __future__ import annotations

from collections.abc import Iterator

from greenlight.codes import Code
from greenlight.model.documents import Header
from greenlight.model.finding import Finding
from greenlight.model.packet import HEADER, Packet
from greenlight.model.statement import Statement
from greenlight.model.words import packet_id
from greenlight.verify.derive.external import derive_external_header
from greenlight.verify.document import compare_statement, compare_values, parse_one


def verify_external(packet: Packet, statement: Statement | None) -> Iterator[Finding]:
    """Check that the header says what such a packet can say: that nothing was executed here."""
    data = packet.texts.get(HEADER)
    if data is None:
        return
    header, wrong = parse_one(Header, data)
    yield from wrong
    yield from compare_statement(statement, header)
    if header is not None:
        wanted = packet_id(header.lane, header.run_id)
        if header.packet_id != wanted:
            yield Finding(Code.RUN_DIFFERS, f"{HEADER}#/packet_id", wanted, header.packet_id)
        yield from compare_values(HEADER, derive_external_header(header), header)
