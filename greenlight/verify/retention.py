"""What a packet keeps of its outputs: in full, as a digest, or as a digest under a salt.

Pure: evidence in, rows out.  A lane says of each surface and step what is kept of what it
puts out (``retain``).  Of what is not kept in full the documents still say length and digest;
of what is withheld the digest is SHA-256 over a salt of 32 random bytes, then the bytes: who
has neither can make no guess and try it.  Content that the workspace held at the same path
before is not new, and is kept (docs/spec/documents/outcomes.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from greenlight.codes import Code
from greenlight.model.documents.outcomes import MutationRow
from greenlight.model.evidence import Evidence
from greenlight.model.finding import Finding
from greenlight.model.lane import Retain, complete_steps
from greenlight.primitives.digest import SALT_BYTES, salted
from greenlight.primitives.text import escape


class Held(StrEnum):
    """Whether the bytes of an output that the packet does not hold are at hand."""

    ABSENT = "absent"
    PRESENT = "present"
    DIFFERS = "differs"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An output that the packet does not hold, as its lane says.

    Attributes:
        artifact: Where the packet would hold it.
        retain: ``digest`` or ``withheld``.
        digest: What the documents say of it: of its bytes, or of salt and bytes.
        bytes: Its length.
        held: Whether its bytes are at hand, and are what was withheld; always ``absent`` of
            one that was kept as a digest, for nobody kept its bytes.
    """

    artifact: str
    retain: Retain
    digest: str
    bytes: int
    held: Held = Held.ABSENT

    def to_dict(self) -> dict[str, object]:
        """Return the object that ``--json`` prints."""
        return {
            "artifact": self.artifact,
            "retain": self.retain.value,
            "digest": self.digest,
            "bytes": self.bytes,
            "held": self.held.value,
        }


@dataclass(frozen=True, slots=True)
class Opened:
    """A withheld output with its salt.

    Attributes:
        salt: 32 random bytes.
        data: Its content.
    """

    salt: bytes
    data: bytes


def left_out(evidence: Evidence) -> tuple[LeftOut, ...]:
    """Return the outputs that the packet of this evidence does not hold, by artifact."""
    return tuple(sorted(_left_out(evidence), key=lambda row: row.artifact))


def _left_out(evidence: Evidence) -> Iterator[LeftOut]:
    # A secret is kept by nobody but the machine it was found on, whatever the lane says.
    secret = {hit.path for hit in evidence.scan.hits}
    surfaces = {surface.id: surface.retain for surface in evidence.lane.allowed}
    for change in evidence.outcomes.mutations:
        retain = surfaces.get(change.surface, Retain.FULL)
        if retain is not Retain.FULL and is_new(change) and change.artifact not in secret:
            yield LeftOut(change.artifact, retain, change.after.digest, change.after.bytes)
    steps = {step.id: step.retain for step in complete_steps(evidence.lane)}
    for row in evidence.log.steps:
        retain = steps.get(row.step, Retain.FULL)
        for output in row.outputs if retain is not Retain.FULL else ():
            if output.artifact not in secret:
                yield LeftOut(output.artifact, retain, output.digest, output.bytes)


def is_new(change: MutationRow) -> bool:
    """Report whether a change left content that the packet would hold for it alone."""
    return bool(change.artifact) and change.after.digest != change.before.digest


def open_withheld(
    rows: tuple[LeftOut, ...], held: Mapping[str, Opened]
) -> tuple[tuple[LeftOut, ...], list[Finding]]:
    """Hold withheld bytes that are at hand against what the packet says of them.

    Args:
        rows: As ``left_out`` gives them.
        held: Salt and bytes by artifact, from a place that proves nothing.

    Returns:
        The rows, each with what is known of its bytes, and a PRIVATE_DIFFERS for each that
        is not what was withheld.
    """
    seen = tuple(_open(row, held.get(row.artifact)) for row in rows)
    findings = [
        Finding(
            Code.PRIVATE_DIFFERS,
            f"private/bytes/{escape(row.artifact)}",
            f"{row.digest} over its salt and {row.bytes} bytes",
            "other bytes, or another salt",
        )
        for row in seen
        if row.held is Held.DIFFERS
    ]
    return seen, findings


def _open(row: LeftOut, opened: Opened | None) -> LeftOut:
    if opened is None or row.retain is not Retain.WITHHELD:
        return row
    same = (
        len(opened.salt) == SALT_BYTES
        and len(opened.data) == row.bytes
        and str(salted(opened.salt, opened.data)) == row.digest
    )
    held = Held.PRESENT if same else Held.DIFFERS
    return LeftOut(row.artifact, row.retain, row.digest, row.bytes, held)
