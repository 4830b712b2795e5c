"""The outside world of a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from greenlight.execution.confinement import Confinement
from greenlight.primitives.ed25519 import Signer
from greenlight.store.repository import Store


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The outside world of a run.

    Attributes:
        store: Where the packet goes.
        signer: The executor's key.
        confinement: What steps run in.
        clock: The time of this machine, aware.
        variables: The caller's environment; only what the lane allows is read.
        parent: Where workspaces are made; None for the system's place.
        on_step: Told each step's id as it begins.
    """

    store: Store
    signer: Signer
    confinement: Confinement
    clock: Callable[[], datetime]
    variables: Mapping[str, str]
    parent: Path | None = None
    on_step: Callable[[str], None] = lambda _step: None
