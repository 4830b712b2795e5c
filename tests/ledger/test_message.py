from __future__ import annotations

from greenlight.ledger import message
from greenlight.verify.ahead import look
from tests.ledger.actors import (
    EXECUTOR,
    OWNER,
    START,
    Pen,
    clock_corrected,
    grant,
    outside,
    packet_purged,
)


def described(entries):
    """Return the message of a commit that adds these entries."""
    return message.describe([look(raw, {}).entry for raw in entries])


def test_trailers_name_what_a_reader_looks_for():
    """A packet's commit names tree, lane, mode and status; every entry its kind and UUID."""
    pen = Pen()
    lines = described([pen.sign(outside(1), EXECUTOR)]).splitlines()

    assert lines[0] == f"Seal packet {outside(1).packet}"
    assert lines[1] == ""
    assert [line.partition(": ")[0] for line in lines[2:]] == [
        "Packet-Tree",
        "Lane",
        "Mode",
        "Status",
        "Entry",
    ]


def test_a_purge_says_why():
    """The reason of a purge stands in the commit, beside the packet's tree."""
    lines = described([Pen().sign(packet_purged(1), OWNER)]).splitlines()

    assert lines[0] == f"Purge packet {packet_purged(1).packet}"
    assert "Reason: It was asked." in lines
    assert f"Packet-Tree: {packet_purged(1).packet_tree}" in lines


def test_more_than_a_page():
    """Of many entries kinds are counted, so that a commit stays one that is read."""
    pen = Pen()
    entries = [pen.sign(grant(f"g{n}"), OWNER) for n in range(99)] + [b"rubbish"]

    message = described(entries)

    assert message.splitlines()[2:] == ["Entries: 99 grant.issued", "Entries: 1 unreadable"]


def test_many_entries():
    """Two entries are named in the subject, more are counted."""
    pen = Pen()
    entries = [pen.sign(grant(f"g{n}"), OWNER) for n in range(4)]
    entries.append(pen.sign(clock_corrected(START), OWNER))

    message = described(entries)

    assert message.splitlines()[0] == "Issue grant g0, Issue grant g1 and 3 more"
    assert message.count("Entry: ") == 5


def test_what_does_not_parse():
    """Rubbish gets a message too; nothing of it is shown."""
    assert described([b"\x1b[31m"]).splitlines()[0] == "Add an entry that does not parse"
