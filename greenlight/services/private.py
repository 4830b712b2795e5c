"""What a packet withholds: set apart before it is sealed, found again where it was kept."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from greenlight.codes import Code
from greenlight.errors import GreenlightError
from greenlight.execution.gather import gather
from greenlight.model.evidence import Evidence
from greenlight.model.finding import Finding
from greenlight.model.lane import Retain
from greenlight.primitives.text import escape
from greenlight.services.packets import Located
from greenlight.services.veiling import Veil
from greenlight.store.private import BYTES, SALTS, read_private, ref_of
from greenlight.store.repository import Store
from greenlight.verify.retention import LeftOut, Opened, left_out, open_withheld


def set_apart(
    evidence: Evidence, artifacts: Mapping[str, bytes], veil: Veil
) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Part the artifacts of a run into what its packet holds, and what is kept privately.

    Returns:
        Artifacts by path in the packet, and files by path in the private tree.
    """
    rows = {row.artifact: row.retain for row in left_out(evidence)}
    private: dict[str, bytes] = {}
    for path, retain in rows.items():
        if retain is Retain.WITHHELD and path in artifacts and path in veil.salts:
            private[BYTES + path] = artifacts[path]
            private[SALTS + path] = veil.salts[path]
    return {path: data for path, data in artifacts.items() if path not in rows}, private


def opened_of(files: Mapping[str, bytes]) -> dict[str, Opened]:
    """Return salt and bytes by artifact; an output that lacks one of them differs."""
    artifacts = {path.partition("/")[2] for path in files if path.startswith((BYTES, SALTS))}
    return {
        path: Opened(files.get(SALTS + path, b""), files.get(BYTES + path, b""))
        for path in artifacts
    }


def look_private(
    evidence: Evidence,
    located: Located,
    store: Store | None,
    given: Mapping[str, bytes] | None = None,
) -> tuple[tuple[LeftOut, ...], list[Finding]]:
    """Say what a packet does not hold of its outputs, and whether its bytes are at hand.

    Args:
        evidence: Of the packet.
        located: Where it was found.
        store: The store that it was found in.
        given: Files of a private tree that came by another way; None to look in the store.
    """
    rows = left_out(evidence)
    if not any(row.retain is Retain.WITHHELD for row in rows):
        return rows, []
    packet_id = evidence.header.packet_id
    try:
        files = private_files(located, evidence, store) if given is None else given
    except GreenlightError as error:
        where = ref_of(packet_id)
        readable = "what was withheld, or no such ref"
        return rows, [Finding(Code.PRIVATE_DIFFERS, where, readable, escape(str(error)))]
    return open_withheld(rows, opened_of(files))


def private_files(
    located: Located, evidence: Evidence | None, store: Store | None
) -> dict[str, bytes]:
    """Return what the store keeps of what a packet withholds, by path in the private tree.

    Raises:
        MalformedError: The ref holds something else.
        StoreError: It cannot be read.
    """
    if evidence is None or store is None or not located.commit:
        return {}
    return read_private(store, evidence.header.packet_id)


def read_private_folder(folder: Path) -> dict[str, bytes]:
    """Return the files of a private tree that lies in a folder, as ``checkout`` writes it.

    Raises:
        StoreError: It is absent, cannot be read, or holds more than a packet may.
    """
    found: dict[str, bytes] = {}
    for top in (BYTES, SALTS):
        for each in gather(folder, top.rstrip("/")):
            if each.data is not None:
                found[each.path] = each.data
    return found
