"""Change a good packet by a bit, and ask the verifier; shared by the suite and the long run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from unittest.mock import patch

from greenlight.model.finding import Finding
from greenlight.model.packet import FileFact, Packet, is_text
from greenlight.primitives.digest import Digest
from greenlight.services.published import published
from greenlight.verify import executed
from greenlight.verify.ledger import Chain, verify_chain
from greenlight.verify.packet import verify_packet
from tests.vector_reader import below, files_of

GOOD, SEQUEL = "GOOD__lane", "GOOD__sequel"


def flip(data: bytes, offset: int, bit: int) -> bytes:
    """Return ``data`` with one bit changed."""
    return data[:offset] + bytes([data[offset] ^ 1 << bit]) + data[offset + 1 :]


@cache
def good_packet(name: str = GOOD) -> Packet:
    files = files_of(name)
    return Packet.of(below(files, "packet"), below(files, "seal"))


def with_file(packet: Packet, path: str, data: bytes | None) -> Packet:
    """Return the packet with another file, or without it; only that one is hashed again."""
    facts, texts = dict(packet.files), dict(packet.texts)
    facts.pop(path, None)
    texts.pop(path, None)
    if data is not None:
        facts[path] = FileFact.of(data)
        if is_text(path):
            texts[path] = data
    return Packet(facts, texts, packet.seal)


def with_seal(packet: Packet, seal: Mapping[str, bytes]) -> Packet:
    return Packet(packet.files, packet.texts, seal)


def findings(packet: Packet) -> tuple[Finding, ...]:
    """Verify all of it."""
    return verify_packet(packet, published()).findings


def findings_by_bytes(packet: Packet) -> tuple[Finding, ...]:
    """Verify paths, manifest, seal, identity and script alone, as if nobody read a document."""
    with patch.object(executed, "verify_executed", lambda *_: (None, [])):
        return findings(packet)


def packet_flips(path: str, offsets: range, bit: int | None = None) -> Iterator[tuple[str, Packet]]:
    """Yield the good packet with one bit of one file flipped; by turns where no bit is named."""
    packet = good_packet()
    data = files_of(GOOD)[f"packet/{path}"]
    for offset in offsets:
        number = offset % 8 if bit is None else bit
        changed = flip(data, offset, number)
        yield f"{path} byte {offset} bit {number}", with_file(packet, path, changed)


def records() -> list[bytes]:
    """Return the records of the good ledger."""
    found = below(files_of(SEQUEL), "ledger/records")
    return [found[f"{index}.cbor"] for index in range(len(found))]


def chain_of(changed: list[bytes], good: Chain) -> Chain:
    """Verify records against the head, frontier and pin of the good ones."""
    return verify_chain(
        changed,
        head=good.tip.head.encode(),
        frontier=good.tip.frontier_bytes,
        pin=Digest.of(records()[0]),
    )
