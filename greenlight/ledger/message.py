"""What a ledger commit says to people: one subject, then trailers, a story in `git log`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from greenlight.model.entry import Entry
from greenlight.primitives.text import escape

_MAX_DESCRIBED = 16  # entries with trailers of their own; git reads 64 KiB of a message
_MAX_VALUE = 200  # characters of one trailer: ids and digests are shorter
_VERBS = {
    "clock.corrected": "Correct the clock",
    "grant.issued": "Issue grant",
    "packet.purged": "Purge packet",
    "packet.sealed": "Seal packet",
    "run.opened": "Open run",
    "seal.doubled": "Double the seal of",
    "trust.root": "Set trust root",
}
_NAMES = {  # the field of the body that names what an entry is about
    "clock.corrected": "time",
    "grant.issued": "grant",
    "packet.purged": "packet",
    "packet.sealed": "packet",
    "run.opened": "packet",
    "seal.doubled": "packet",
    "trust.root": "version",
}
_TRAILERS = (
    ("Packet-Tree", "packet_tree"),
    ("Lane", "lane"),
    ("Mode", "mode"),
    ("Status", "status"),
    ("Reason", "reason"),
)


def describe(decoded: Sequence[Entry | None]) -> str:
    """Return the message of the commit that adds entries; None is one that does not parse."""
    subject = ", ".join(_subject(entry) for entry in decoded[:2])
    if len(decoded) > 2:  # noqa: PLR2004 - two fit a line
        subject += f" and {len(decoded) - 2} more"
    if len(decoded) > _MAX_DESCRIBED:
        kinds = Counter("unreadable" if entry is None else entry.kind for entry in decoded)
        trailers = [f"Entries: {kinds[kind]} {kind}" for kind in sorted(kinds)]
    else:
        trailers = [line for entry in decoded if entry is not None for line in _trailers(entry)]
    return subject + "\n\n" + "\n".join(trailers) + "\n"


def _subject(entry: Entry | None) -> str:
    if entry is None:
        return "Add an entry that does not parse"
    name = entry.body.get(_NAMES.get(entry.kind, ""), "")
    verb = _VERBS.get(entry.kind, f"Add {entry.kind}")
    return f"{verb} {_plain(name)}".rstrip()


def _trailers(entry: Entry) -> list[str]:
    lines = [
        f"{trailer}: {_plain(entry.body[field])}"
        for trailer, field in _TRAILERS
        if entry.body.get(field)
    ]
    return [*lines, f"Entry: {entry.kind} {entry.uuid}"]


def _plain(value: object) -> str:
    """Return a value of a body on one line, without what a terminal could act on."""
    return escape(str(value))[:_MAX_VALUE]
