"""``greenlight diff``: two packets, file by file."""

from __future__ import annotations

from greenlight.cli.answer import Answer
from greenlight.cli.surroundings import store_for
from greenlight.cli.values import Values
from greenlight.services.diffing import PacketDifference, diff_packets
from greenlight.services.packets import locate

_SIGNS = {"added": "+", "removed": "-", "changed": "~"}


def run(arguments: Values) -> Answer:
    """Compare two packets."""
    store = store_for(arguments, arguments.packet, arguments.other)
    found = diff_packets(locate(store, arguments.packet), locate(store, arguments.other))
    return Answer(found.to_dict(), tuple(_lines(found)))


def _lines(found: PacketDifference) -> list[str]:
    lines = []
    for item in found.files:
        lines.append(f"{_SIGNS[item.change]} {item.path}")
        lines += [f"    {p.pointer or '/'}: {p.before} -> {p.after}" for p in item.places]
    return lines or ["the same files, byte for byte"]
