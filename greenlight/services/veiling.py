"""Digests of outputs that a lane withholds, while it runs and while it is replayed.

A run draws a salt for each; a replay takes those that were kept apart.  A replay that does
not have them cannot make the digest again: it carries the recorded one where the length is
the same, and says so, for that compares nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from secrets import token_bytes

from greenlight.primitives.digest import SALT_BYTES, salted
from greenlight.verify.retention import LeftOut


@dataclass(slots=True)
class Veil:
    """The salts of one run.

    Attributes:
        known: Salts by artifact, for a replay.
        recorded: What the packet says of what it withholds, by artifact, for a replay.
        salts: Those that were used.
        carried: Artifacts whose digest was carried, and not made again.
    """

    known: Mapping[str, bytes] = field(default_factory=dict)
    recorded: Mapping[str, LeftOut] = field(default_factory=dict)
    salts: dict[str, bytes] = field(init=False, default_factory=dict)
    carried: set[str] = field(init=False, default_factory=set)

    def digest(self, artifact: str, data: bytes) -> str:
        """Return the digest to write down of a withheld output."""
        row = self.recorded.get(artifact)
        if artifact not in self.known and row is not None and row.bytes == len(data):
            self.carried.add(artifact)
            return row.digest
        if artifact not in self.salts:
            self.salts[artifact] = self.known.get(artifact) or token_bytes(SALT_BYTES)
        return str(salted(self.salts[artifact], data))
