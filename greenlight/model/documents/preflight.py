"""``preflight.json``: the inputs, each with the digest it had to have and the one it had."""

from __future__ import annotations

from greenlight.model.documents.words import Result
from greenlight.model.fields import (
    Count,
    Line,
    MaybeDigest,
    Note,
    derived,
    document,
    recorded,
    value,
)
from greenlight.model.lane import InputKind, Treatment


@value
class PreflightRow:
    """One input."""

    name: Line = derived("What people call it.")
    kind: InputKind = derived("file, packet or verdict.")
    locator: Line = derived("Path beside the lane file, or packet tree.")
    treatment: Treatment = derived("read, reference, or reconstruct.")
    expected: MaybeDigest = derived("Digest the lane expects.")
    found: MaybeDigest = recorded("Digest it had; none where it was only referenced and is absent.")
    contains: Note = derived("For a verdict: the words that must stand in it.")
    contained: bool = recorded("Whether they did.")
    bytes: Count = recorded("Length of what was read.")
    artifact: Note = recorded("Where the packet keeps what was read; none for a packet.")
    reverified: Note = recorded("For a reconstructed packet: what was run again, and the result.")
    result: Result = derived("PASS only where found is expected and the words stood there.")


@document("preflight.json")
class Preflight:
    """One mismatch stops the lane before anything runs; so a sealed packet shows none."""

    inputs: tuple[PreflightRow, ...] = recorded("The inputs, in the lane's order.")
    result: Result = derived("PASS when every input is.")
