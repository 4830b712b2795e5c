"""Vectors of whole stores: what somebody pushed into the refs, and what is missing from them.

A store is described, not kept: ``store.json`` says which packets lie on the shelf, which
records the ledger has, and which refs hold something else.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from typing import Any

from greenlight.codes import Code
from greenlight.model.entry import sign_entry
from greenlight.model.kinds import PacketPurged
from greenlight.model.record import decode_record
from greenlight.model.statement import Statement
from greenlight.verify.ledger import Tip
from tools.vectors.good import SIGNER, good
from tools.vectors.kit import LANE, SEQUEL, Vector, encode, expectation, register

Break = Callable[[dict[str, Any]], None]
RUBBISH = {"README.md": "This is not a ledger.\n"}


def description() -> dict[str, Any]:
    """Return the good store."""
    return {
        "packets": [{"vector": LANE}, {"vector": SEQUEL}],
        "records": SEQUEL,
        "refs": {},
    }


def purge(made: dict[str, Any], vector: str) -> None:
    """Let the owner purge a packet: one more record behind those of the ledger."""
    files = good()[SEQUEL].files
    count = sum(path.startswith("ledger/records/") for path in files)
    tip = Tip()
    for index in range(count):
        raw = files[f"ledger/records/{index}.cbor"]
        tip = tip.after(raw, decode_record(raw).time)
    statement = Statement.decode(good()[vector].files["seal/statement.cbor"])
    body = PacketPurged(
        packet=statement.packet_id, packet_tree=statement.subject, reason="It named a person."
    )
    entry = sign_entry(body, uuid="00000000-0000-4000-8000-00000000dead", signer=SIGNER)
    raw, _ = tip.place(entry, decode_record(files[f"ledger/records/{count - 1}.cbor"]).time)
    made.setdefault("more_records", []).append(base64.b64encode(raw).decode("ascii"))


def store(code: Code, *more: Code, integrity: str = "REJECTED") -> Callable[[Break], Break]:
    """Register a function that changes the description of the good store."""

    def add(break_it: Break) -> Break:
        def make() -> dict[str, bytes]:
            made = description()
            break_it(made)
            expected = expectation((code, *more), integrity, break_it)
            return _files(made, expected)

        register("store", code.name, break_it.__name__, make)
        return break_it

    return add


def goods() -> Iterator[Vector]:
    """Yield the good store itself."""
    comment = "Two packets, the second of which depends on the first."
    expected = {"codes": [], "comment": comment, "integrity": "INTACT"}
    yield Vector("store", "GOOD__store", lambda: _files(description(), expected))


def _files(made: dict[str, Any], expected: dict[str, Any]) -> dict[str, bytes]:
    return {
        "expect.json": encode({**expected, "root": good()[SEQUEL].root}),
        "store.json": encode(made),
    }


@store(Code.LEDGER_MALFORMED)
def rubbish_in_the_ledger_ref(made: dict[str, Any]) -> None:
    """Somebody pushed a branch over the ledger."""
    made["records"] = ""
    made["refs"]["refs/greenlight/ledger"] = RUBBISH


@store(Code.PACKET_MISSING, integrity="UNVERIFIABLE")
def a_packet_that_was_not_fetched(made: dict[str, Any]) -> None:
    """The ledger knows two packets, and one of them is not on a shelf here."""
    made["packets"].pop()


@store(Code.PACKET_WITHHELD, integrity="INTACT")
def a_packet_that_was_purged(made: dict[str, Any]) -> None:
    """An owner purged the second packet and said why: the store is as it should be."""
    made["packets"].pop()
    purge(made, SEQUEL)


@store(Code.PURGE_UNFINISHED, Code.PACKET_WITHHELD, integrity="UNVERIFIABLE")
def a_purged_packet_that_is_here(made: dict[str, Any]) -> None:
    """The ledger says that the second packet was purged, and its bytes are on a shelf."""
    purge(made, SEQUEL)


@store(Code.LINEAGE_WITHHELD, Code.PACKET_WITHHELD, integrity="UNVERIFIABLE")
def the_ancestor_was_purged(made: dict[str, Any]) -> None:
    """The packet is here, and an owner purged the one it depends on: nobody can say more."""
    made["packets"].pop(0)
    purge(made, LANE)


@store(Code.SHELF_MALFORMED)
def rubbish_on_a_shelf(made: dict[str, Any]) -> None:
    """A shelf holds a commit that is no shelf commit."""
    made["refs"]["refs/greenlight/shelf/2026-02"] = RUBBISH


@store(Code.SHELF_MALFORMED)
def a_shelf_of_another_name(made: dict[str, Any]) -> None:
    """A shelf is named after a month: what lies under another name would be looked at by nobody."""
    made["refs"]["refs/greenlight/shelf/hidden"] = RUBBISH


@store(Code.FILE_MODE_REFUSED)
def an_executable_script(made: dict[str, Any]) -> None:
    """In Git's tree the script is executable; the packet tree is computed without modes."""
    made["packets"][0]["modes"] = {"packet/RERUN.sh": "100755"}


@store(Code.LINEAGE_ABSENT, Code.PACKET_MISSING, integrity="UNVERIFIABLE")
def the_ancestor_was_not_fetched(made: dict[str, Any]) -> None:
    """The packet is here, and the one it depends on is not: nobody can say more."""
    made["packets"].pop(0)


@store(Code.LINEAGE_CHANGED)
def the_ancestor_does_not_verify(made: dict[str, Any]) -> None:
    """On the shelf under the ancestor's name lies a packet in which a bit was changed."""
    made["packets"][0]["vector"] = "MANIFEST_DIGEST_MISMATCH__one-bit-of-an-artifact"
    made["packets"][0]["shelved_as"] = LANE


@store(Code.LINEAGE_CHANGED, Code.PACKET_MISSING)
def another_packet_under_its_name(made: dict[str, Any]) -> None:
    """What a shelf calls a packet proves nothing: under the ancestor's name lies another one."""
    made["packets"][0] = {"vector": SEQUEL, "shelved_as": LANE}


@store(Code.LINEAGE_UNSIGNED)
def the_ancestor_lost_its_seal(made: dict[str, Any]) -> None:
    """On the shelf lies the ancestor without its seal: anybody could have made it."""
    made["packets"][0]["without"] = "seal/"
